"""The one shape of every expected error: what happened, where, what to do next.

Refusal
├── Unreadable      a file or value that cannot be read as what it should be
├── Conflict        somebody else changed it meanwhile
├── NotFound        nothing of that name
├── Forbidden       this person may not
└── (mlops_tui.errors continues the tree)
"""

from collections.abc import Iterable
from difflib import get_close_matches


class Refusal(Exception):
    """An error a person can act on; `code` is stable, for scripts."""

    code = "refused"
    exit = 2

    def __init__(self, what: str, *, where: str = "", next: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.next = what, where, next

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, f"({self.where})" if self.where else "", self.next) if part)


class Unreadable(Refusal):
    """A file or a value that cannot be read as what it should be; `also` are the other mistakes of the same file."""

    code = "unreadable"
    also: "tuple[Unreadable, ...]" = ()


class Conflict(Refusal):
    """The state changed between the look and the step."""

    code = "conflict"


class Forbidden(Refusal):
    """This person may not."""

    code = "denied"
    exit = 4


class NotFound(Refusal):
    """Nothing of that name."""

    code = "not_found"


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """`Did you mean 'x'?`, or nothing where no known word is near; `cutoff` says how near, up to 1: the same."""
    by_lower = {k.lower(): k for k in known}
    close = get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return f"Did you mean '{by_lower[close[0]]}'?" if close else ""
