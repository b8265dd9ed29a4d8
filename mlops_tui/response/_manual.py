"""What a person answers to a manual step: a text, a link, a number, or one of several."""

from mlops_tui.errors import BadInput
from mlops_tui.response._steps import RunbookStep
from mlops_tui.view import Facts, Status, View


def answered(found: RunbookStep, note: str) -> View:
    """What a person answered, as evidence; BadInput where it is not of the kind that the step asks for."""
    wanted, value = found.says.get("evidence", "text"), note.strip()
    if found.choices:
        value = next((each for each in found.choices if note.partition(":")[0].strip().lower() == each.lower()), "")
        if not value and note.strip():
            raise BadInput(f"'{note}' is none of the answers to step {found.number}.", where=found.title,
                           next=f"One of {', '.join(found.choices)}; a reason may follow it: '{found.choices[0]}: …'.")
    number: float | None = None
    if wanted == "number":
        try:
            number = float(value.split()[0]) if value else None
            number = int(number) if number is not None and number.is_integer() else number
        except ValueError as problem:
            raise BadInput(f"Step {found.number} asks for a number, and '{note}' begins with none.") from problem
    if wanted == "link" and value and not value.startswith(("https://", "http://")):
        raise BadInput(f"Step {found.number} asks for a link, and '{note}' is none.", next="It begins with https://.")
    facts = Facts({"value": value if number is None else number, "said": note})
    return View(note or found.title, Status.DONE, (facts,))
