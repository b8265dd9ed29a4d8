"""What a person can do about each kind of thing that waits for him: the same in Slack and on the dashboard."""

from collections.abc import Mapping

from mlops_tui.incidents.questions import QUESTIONS
from mlops_tui.view import Action, Row

_AT_ONCE: Mapping[str, tuple[Action, ...]] = {
    "alert": (Action("I am on it", ("alert", "ack", "{id}")),),
    "incident": (Action("Note…", ("incident", "note", "{id}"), asks=("TEXT",)),
                 Action("It is over…", ("incident", "resolve", "{id}"), asks=("reason",))),
    "approval": (Action("Yes…", ("approve", "vote", "{id}"), asks=("reason",)),
                 Action("No…", ("approve", "vote", "{id}", "--no"), asks=("reason",))),
    "review": (Action("It was right…", ("approve", "review", "{id}"), asks=("reason",)),
               Action("It was wrong…", ("approve", "review", "{id}", "--wrong"), asks=("reason",))),
    "question": (Action("Tell…", ("postmortem", "tell", "{id}"), asks=tuple(QUESTIONS)),
                 Action("Nothing to add", ("postmortem", "tell", "{id}", "--nothing"))),
    "sign-off": (Action("Sign…", ("checklist", "sign", "{item}", "{of}"), asks=("reason",)),
                 Action("Decline…", ("checklist", "decline", "{item}", "{of}"), asks=("reason",))),
    "action": (Action("It is done", ("postmortem", "done", "{id}")),),
    "runbook": (Action("Go on", ("runbook", "resume", "{id}")),),
    "post-mortem": (Action("Draft it", ("postmortem", "draft", "{id}")),),
    "card": (Action("Check it again", ("card", "check", "{id}")),),
    "impact": (Action("Assess it again", ("impact", "assess", "{id}")),),
    "consent": (Action("Check it again", ("optout", "check", "{id}")),),
    "lineage": (Action("Check it again", ("provenance", "check", "{id}")),),
    "signed": (Action("Verify it again", ("vault", "verify", "{id}")),),
    "proposal": (Action("The change", ("adopt", "{id}")),
                 Action("Decline it…", ("adopt", "decline", "{id}"), asks=("reason",))),
    "lesson": (Action("The lesson", ("adopt", "{id}")),
               Action("Decline it…", ("adopt", "decline", "{id}"), asks=("reason",)))}


def at_once(row: Row) -> tuple[Action, ...]:
    """What can be done about it in one go, the most likely first."""
    of, _, item = str(row["id"]).partition(" ")
    words = {"{id}": str(row["id"]), "{of}": of, "{item}": item}
    known = (Action(each.label, tuple(words.get(word, word) for word in each.argv), each.asks)
             for each in _AT_ONCE.get(str(row["kind"]), ()))
    if row["kind"] == "alert":  # first somebody takes it
        return (*known, *_worked(row))
    return (*_led(row), *_worked(row), *known)


def _led(row: Row) -> tuple[Action, ...]:
    """Somebody has to lead an incident."""
    unled = row["kind"] == "incident" and "lead" in row and not row["lead"]
    return (Action("I lead", ("incident", "role", str(row["id"]), "lead", "me")),) if unled else ()


def _worked(row: Row) -> tuple[Action, ...]:
    """The runbook of an incident or alert: the run that somebody is in the middle of, or how one begins."""
    name, id = str(row.get("runbook") or ""), str(row["id"])
    if name.startswith("RUN-"):
        return (Action(f"Go on with {name}", ("runbook", "resume", name)),)
    where = ("--incident", id) if row["kind"] == "incident" else ("--about", str(row.get("about") or ""))
    return (Action(f"Work through {name}", ("runbook", "run", name, *where)),) if name and where[1] else ()
