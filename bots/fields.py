"""The inputs of a form for what only the declarations know of: the typed values that a runbook asks for."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from bots.richtext import Block, plain
from mlops_tui.capability import Capability, Field
from mlops_tui.project import Project
from mlops_tui.view import filled_in

MARK = "f:"  # how the block of such an input begins
LABEL, HINT, CHOICES, TEXT = 75, 150, 100, 3000


def fields(command: Capability, given: Mapping[str, object], project: Project | None) -> Sequence[Field]:
    """What the command asks for besides its own parameters, by what the project declares."""
    return command.fields(project, given) if project is not None else ()


def input_of(field: Field, value: str, *, wanted: Sequence[str]) -> Block:
    """The input of one field: a choice where there are some, a line of text otherwise; `value` is its action."""
    hint: dict[str, Any] = {"placeholder": plain(f"{field.default} by default", HINT)} if field.default else {}
    element: Block = {"type": "plain_text_input", "action_id": value, "max_length": TEXT, **hint}
    if 0 < len(field.choices) <= CHOICES:
        options = [{"text": plain(choice, LABEL), "value": choice} for choice in field.choices]
        element = {"type": "static_select", "action_id": value, "options": options, **hint}
    label = field.name.replace("_", " ").capitalize()
    made: Block = {"type": "input", "block_id": f"{MARK}{field.asked}", "label": plain(label, LABEL),
                   "optional": not field.needed and field.asked not in wanted, "element": element}
    return made | ({"hint": plain(field.help, HINT)} if field.help else {})


def words(filled: Mapping[str, str]) -> list[str]:
    """The words of the command line that the filled inputs stand for, by their blocks."""
    return [word for block, value in filled.items() if block.startswith(MARK)
            for word in filled_in(block.removeprefix(MARK), value)]


def wrong(argv: Sequence[str], asked: Sequence[Field]) -> dict[str, str]:
    """What is wrong with the values that the words give, by the block of each."""
    found: dict[str, str] = {}
    for option, said in pairwise(argv):
        name, equals, value = said.partition("=")
        field = next((each for each in asked if (f"--{each.option}", each.name) == (option, name)), None)
        if field is not None and equals and (why := field.wrong(value)):
            found[f"{MARK}{field.asked}"] = why
    return found
