"""When it stood otherwise: the entries of the history after which what is seen would show something else."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_tui.core.audit import described
from mlops_tui.core.status import KINDS
from store.facts import Fact, Finding, Run

if TYPE_CHECKING:
    from store.ledger import Entry

WEIGHTY = ("incident", "promotion", "alert", "approval", "board", "vote", "trained", "runbook")  # told of first
BAD = ("error", "fail", "warn", "unknown")  # findings, the worst first
OF_MODES: Mapping[str, tuple[str, ...]] = {
    "home": KINDS,
    "pipelines": ("run",),
    "models": ("trained", "promotion", "finding"),
    "monitoring": ("finding", "alert"),
    "governance": ("approval", "vote", "board", "sign_off", "promotion", "trained", "assessed", "card"),
    "incidents": ("incident", "alert", "runbook", "postmortem"),
    "data": ("snapshot", "finding", "quarantine"),
}
EVERY_ENTRY = "activity"  # the mode whose picture each entry changes


@dataclass(frozen=True)
class Seen:
    """What is seen: a part of the dashboard, or an answer about the things of these names."""

    mode: str = "home"
    names: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of entries that can change it."""
        return tuple(dict.fromkeys((*KINDS, "snapshot", "card"))) if self.names else OF_MODES.get(self.mode, KINDS)


def turns(entries: "Sequence[Entry]", seen: Seen) -> "list[Entry]":
    """The entries that change what is seen, oldest first: of a thing, all that are about it; of a part, those after
    which something stands otherwise, which a check that says the same again is not."""
    if seen.names:
        return [entry for entry in entries if _about(entry, seen.names)]
    return list(_otherwise(entries))


def _otherwise(entries: "Sequence[Entry]") -> "Iterator[Entry]":
    before: dict[tuple[str, ...], str] = {}
    for entry in entries:
        standing = _standing(entry.fact)
        if standing is None:
            yield entry
        elif before.get(standing[0]) != standing[1]:
            before[standing[0]] = standing[1]
            yield entry


def _standing(fact: Fact) -> tuple[tuple[str, ...], str] | None:
    """What an entry says the standing of, and that standing; None for what happens once."""
    if isinstance(fact, Finding):
        return (fact.check, fact.subject, fact.monitor), fact.status
    if isinstance(fact, Run):
        return ("run", fact.subject), fact.status if not fact.step else "running"
    return None


def _about(entry: "Entry", names: tuple[str, ...]) -> bool:
    if entry.subject in names or entry.subject.partition("@")[0] in names:
        return True
    return any(value in names if isinstance(value, str) else isinstance(value, tuple) and any(
        name in value for name in names) for value in vars(entry.fact).values())


def told(entries: "Sequence[Entry]") -> str:
    """What happened at one moment, in a line: the weightiest first, and how much more."""
    if not entries:
        return ""
    first = min(reversed(entries), key=_weight)
    more = f", and {len(entries) - 1} more" if len(entries) > 1 else ""
    fact = first.fact
    said = f"{fact.check} of {fact.subject}: {fact.status}" if isinstance(fact, Finding) else \
        f"{first.subject} {described(fact) or first.kind}"
    return f"{said}{more}"


def _weight(entry: "Entry") -> tuple[int, int]:
    """How much an entry counts beside others of its moment: the least is the weightiest."""
    status = entry.fact.status if isinstance(entry.fact, Finding) else ""
    return (WEIGHTY.index(entry.kind) if entry.kind in WEIGHTY else len(WEIGHTY),
            BAD.index(status) if status in BAD else len(BAD))
