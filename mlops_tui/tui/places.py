"""Where ids lead, and which letters do the actions of a view."""

import re
from collections.abc import Collection, Mapping, Sequence
from string import ascii_lowercase
from types import MappingProxyType

from mlops_tui.incidents.questions import QUESTIONS as TOLD
from mlops_tui.view import Action, Row

PLACES = {"INC": ("incident", "show"), "AL": ("alert", "show"), "AP": ("approve", "show"), "RUN": ("runbook", "show")}
Step = tuple[tuple[str, ...], str]
NONE: Mapping[Step, str] = MappingProxyType({})
_ID = re.compile(r"(INC|AL|AP|RUN)-\d+", re.IGNORECASE)
_ID_COLUMNS = ("alert", "incident", "approval", "run", "subject", "id")
# What letters do on every screen: quit, look again, pause, stop, log, copy, sort, move.
RESERVED = frozenset("qrpxlysjkg")


def place(words: tuple[str, ...]) -> tuple[str, ...]:
    """The command that shows a place: an id by itself, or any command line."""
    kind = words[0].partition("-")[0].upper()
    return (*PLACES[kind], *words) if len(words) == 1 and kind in PLACES and "-" in words[0] else words


def for_each(argv: tuple[str, ...], row: Row, rows: Sequence[Row]) -> tuple[tuple[tuple[str, ...], ...], int]:
    """A command about a row for each of several rows, and how many are of another kind; none where the command does
    not name the row."""
    name = next((key for key in ("name", "id", "job", "key") if row.get(key) and str(row[key]) in argv), "")
    alike = [each for each in rows if each.get("kind") == row.get("kind") and each.get(name)] if name else []
    return tuple(tuple(str(each[name]) if word == str(row[name]) else word for word in argv)
                 for each in alike), len(rows) - len(alike)


def leads(row: Row) -> tuple[str, ...]:
    """The command that opens a row of a table: its own, or that of the id it begins with; nothing for most rows."""
    argv = row.get("argv")
    if isinstance(argv, tuple):
        return argv
    found = (row.get(column) for column in _ID_COLUMNS)
    return next((place((value,)) for value in found if isinstance(value, str) and _ID.fullmatch(value)), ())


def letters(actions: Sequence[Action], kept: Mapping[Step, str] = NONE,
            reserved: Collection[str] = RESERVED) -> list[str]:
    """A letter for each action, none twice: the first free one of its verb, noun, label, of the alphabet.

    `kept` are the letters that steps had before: they have them again, and nothing else has. Empty where more actions
    are offered than letters are left.
    """
    taken = {*reserved, *kept.values()}
    found = []
    for action in actions:
        letter = kept.get(step(action), "")
        if not letter or letter in found:
            words = [word for word in action.argv[:2] if word.isalpha()]
            wanted = [*(word[0] for word in reversed(words)), *words[-1:], action.label.lower()]
            letter = next((each for each in "".join([*wanted, ascii_lowercase])
                           if each in ascii_lowercase and each not in taken), "")
        taken.add(letter)
        found.append(letter)
    return found


def step(action: Action) -> Step:
    """What an action does, whatever it does it to."""
    return action.argv[:2], action.label


QUESTIONS = {**TOLD, "reason": "Why? It is recorded with the decision.", "note": "What did you do, or see?",
             "TEXT": "What is to be said?", "PERSON": "Whom?"}


def question(option: str) -> str:
    """How a person is asked for an option that only he can fill in."""
    name = option.rpartition(":")[2].replace("-", " ").replace("_", " ")
    return QUESTIONS.get(option, f"{name.capitalize()}?")
