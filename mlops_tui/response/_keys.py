"""The kinds of steps, and what each may say besides its command line: `key: value` below it."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Literal

from mlops_tui.declarations.declare import duration
from mlops_tui.errors import nearest
from mlops_tui.response import _conditions, _params
from mlops_tui.roles import ROLES

Kind = Literal["check", "query", "command", "manual", "approve", "notify", "wait"]
KINDS: tuple[Kind, ...] = ("check", "query", "command", "manual", "approve", "notify", "wait")
BY_ITSELF = ("check", "query")
ACTS = ("command", "approve")
LINES: Mapping[Kind, tuple[int, int]] = {"check": (1, 1), "query": (1, 1), "command": (1, 1), "approve": (1, 1),
                                         "notify": (1, 99), "wait": (1, 2), "manual": (0, 99)}
SAYS: Mapping[Kind, tuple[str, ...]] = {
    "check": ("as", "when", "expect", "else", "every", "timeout"), "query": ("as", "when"),
    "command": ("as", "when", "undo", "idempotent"),
    "approve": ("as", "when", "undo", "idempotent", "quorum", "role", "expires"),
    "notify": ("when",), "wait": ("as", "when", "until", "else", "every", "timeout"),
    "manual": ("as", "when", "evidence")}
ONE_OF = "one of "
EVIDENCE = ("text", "link", "number")
NO_UNDO = "none because "
GOTO = re.compile(r"goto +(.+)")


def senseless(kind: Kind, key: str, value: str) -> Iterator[tuple[str, str]]:
    """What is wrong with one `key: value` of a fence."""
    if key not in SAYS[kind]:
        yield (f"A {kind} step has no '{key}:'.",
               nearest(key, SAYS[kind]) or f"It may say {', '.join(SAYS[kind])}.")
    elif key in ("when", "expect", "until"):
        try:
            _conditions.read(value)
        except ValueError as problem:
            yield f"{problem}.", "Write a comparison, such as: moved.drifted_columns > 2"
    elif key in _FORMS and not _FORMS[key][0](value):
        yield f"'{key}: {value}' says nothing.", f"Write: {key}: {_FORMS[key][1]}"


def _is_span(text: str) -> bool:
    try:
        return duration(text) > timedelta(0)
    except ValueError:
        return False


def _is_evidence(text: str) -> bool:
    chosen = text.removeprefix(ONE_OF).split("|")
    return text in EVIDENCE or (text.startswith(ONE_OF) and len(chosen) > 1 and all(map(str.strip, chosen)))


_FORMS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "as": (_params.NAME.fullmatch, "found_out"), "else": (GOTO.fullmatch, "goto the title of a later step"),
    "every": (_is_span, "5m"), "timeout": (_is_span, "1h"), "expires": (_is_span, "4h"),
    "idempotent": (lambda text: text in ("yes", "no"), "yes"), "role": (ROLES.__contains__, " or ".join(ROLES)),
    "quorum": (lambda text: text.isdecimal() and 1 <= int(text) <= 9, "2"),
    "evidence": (_is_evidence, "text, link, number, or: one of retrain | fall back | nothing"),
    "undo": (lambda text: (text != NO_UNDO.strip() and not text.startswith("none")) or
             (bool(text.removeprefix(NO_UNDO).strip()) and text.startswith(NO_UNDO)), "none because it is harmless")}
