"""Where ids lead, and which letters do the actions of a view."""

import re
from collections.abc import Sequence

from mlops_tui.incidents.questions import QUESTIONS as TOLD
from mlops_tui.view import Action, Row

PLACES = {"INC": ("incident", "show"), "AL": ("alert", "show"), "AP": ("approve", "show"), "RUN": ("runbook", "show")}
_ID = re.compile(r"(INC|AL|AP|RUN)-\d+", re.IGNORECASE)
_ID_COLUMNS = ("alert", "incident", "approval", "run", "subject", "id")
RESERVED = frozenset("qrpxlyjkg")  # what letters do on every screen: quit, look again, pause, stop, log, copy, move


def place(words: tuple[str, ...]) -> tuple[str, ...]:
    """The command that shows a place: an id by itself, or any command line."""
    kind = words[0].partition("-")[0].upper()
    return (*PLACES[kind], *words) if len(words) == 1 and kind in PLACES and "-" in words[0] else words


def leads(row: Row) -> tuple[str, ...]:
    """The command that opens a row of a table: its own, or that of the id it begins with; nothing for most rows."""
    argv = row.get("argv")
    if isinstance(argv, tuple):
        return argv
    found = (row.get(column) for column in _ID_COLUMNS)
    return next((place((value,)) for value in found if isinstance(value, str) and _ID.fullmatch(value)), ())


def letters(actions: Sequence[Action]) -> list[str]:
    """A letter for each action, none twice: the first free one of its verb, noun, label, of the alphabet.

    Empty where more actions are offered than letters are left.
    """
    taken: set[str] = set(RESERVED)
    found = []
    for action in actions:
        words = [word for word in action.argv[:2] if word.isalpha()]
        wanted = [*(word[0] for word in reversed(words)), *words[-1:], action.label.lower()]
        free = (letter for letter in "".join([*wanted, "abcdefghijklmnopqrstuvwxyz"])
                if letter.isascii() and letter.isalpha() and letter.islower() and letter not in taken)
        letter = next(free, "")
        taken.add(letter)
        found.append(letter)
    return found


QUESTIONS = {**TOLD, "reason": "Why? It is recorded with the decision.", "note": "What did you do, or see?",
             "TEXT": "What is to be said?", "PERSON": "Whom?"}


def question(option: str) -> str:
    """How a person is asked for an option that only he can fill in."""
    name = option.rpartition(":")[2].replace("-", " ").replace("_", " ")
    return QUESTIONS.get(option, f"{name.capitalize()}?")
