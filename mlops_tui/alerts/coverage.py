"""Which alerts lead to a runbook: each monitor's by name, by what it checks, or to none. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from mlops_tui.declarations.kinds import Document, Monitor

Standing = Literal["named", "fitting", "none"]


@dataclass(frozen=True)
class Covered:
    """The alerts of one monitor: what it checks, how grave they are, and the runbook that they lead to.

    `named`: the monitor names one that exists. `fitting`: it names none, and these answer its check. `wrong`: the name
    of one that does not exist.
    """

    monitor: str
    check: str
    severity: str
    standing: Standing
    runbook: str = ""
    fitting: tuple[str, ...] = ()
    wrong: str = ""


def covered(monitors: Mapping[str, Monitor], books: Mapping[str, Document]) -> list[Covered]:
    """How each monitor that alerts stands, in their order."""
    found = []
    for name, monitor in monitors.items():
        if monitor.alert is None:
            continue
        named, fits = monitor.alert.runbook, fitting(monitor.check, books)
        standing: Standing = "named" if named in books else "fitting" if fits else "none"
        found.append(Covered(name, monitor.check, monitor.alert.severity, standing, named if named in books else "",
                             fits, named if named and named not in books else ""))
    return found


def fitting(check: str, books: Mapping[str, Document]) -> tuple[str, ...]:
    """The runbooks whose `when` names the check."""
    return tuple(name for name, book in sorted(books.items()) if check in answered(book))


def answered(book: Document) -> tuple[str, ...]:
    """The checks that a runbook says it answers."""
    when = book.front.get("when") or ()
    return tuple(map(str, when)) if isinstance(when, Iterable) and not isinstance(when, str) else (str(when),)
