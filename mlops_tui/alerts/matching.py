"""Which alerts a silence is about: `monitor=flights-*,severity<=medium`, as people write it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mlops_tui.declarations.alertpolicy import GRAVE
from mlops_tui.errors import BadInput, nearest

KEYS = ("monitor", "subject", "check", "severity", "alert")
_TERM = re.compile(r"\s*([\w-]+)\s*(<=|>=|!=|=|<|>)\s*([^\s=<>!][^=<>!]*?)\s*")


@dataclass(frozen=True)
class Matcher:
    """One thing that must hold of an alert; `*` and `?` in a value stand for any letters."""

    key: str
    sign: str
    value: str

    def __str__(self) -> str:
        return f"{self.key}{self.sign}{self.value}"

    def matches(self, values: Mapping[str, str]) -> bool:
        """Whether an alert with these values is meant. A severity that is not known is as grave as any."""
        found = values.get(self.key, "")
        if self.sign in ("=", "!="):
            return fnmatchcase(found, self.value) is (self.sign == "=")
        rank, limit = _rank(found), _rank(self.value)
        return {"<=": rank <= limit, "<": rank < limit, ">=": rank >= limit, ">": rank > limit}[self.sign]


def _rank(severity: str) -> int:
    return -GRAVE.index(severity) if severity in GRAVE else 0


def matchers(texts: Sequence[str]) -> tuple[Matcher, ...]:
    """`key=value` terms, several in one text apart by commas; BadInput names the nearest right word."""
    found = tuple(_matcher(term) for text in texts for term in text.split(","))
    if not found:
        raise BadInput("It matches nothing.", next="Write --match monitor=flights-drift.")
    return found


def _matcher(text: str) -> Matcher:
    match = _TERM.fullmatch(text)
    if match is None:
        raise BadInput(f"'{text}' is no matcher.", next="Write monitor=flights-*,severity<=medium.")
    key, sign, value = match.groups()
    if key not in KEYS:
        raise BadInput(f"An alert has no '{key}'.", next=nearest(key, KEYS) or f"It has {', '.join(KEYS)}.")
    if key == "severity" and value not in GRAVE:
        raise BadInput(f"'{value}' is no severity.", next=nearest(value, GRAVE) or f"There are {', '.join(GRAVE)}.")
    if key != "severity" and sign not in ("=", "!="):
        raise BadInput(f"'{key}' has no order.", next=f"Write {key}={value} or {key}!={value}.")
    return Matcher(key, sign, value)


def all_match(found: Sequence[Matcher], values: Mapping[str, str]) -> bool:
    """Whether every one of them holds."""
    return all(each.matches(values) for each in found)
