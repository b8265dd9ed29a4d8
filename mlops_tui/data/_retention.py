"""Which states of datasets must be kept, and why: pure, told from the history alone."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.incidents import suite
from store.facts import Collected, Finding, Hold, Snapshot, Spent, Trained

if TYPE_CHECKING:
    from store.ledger import Entry

About = Callable[[str], Collection[str] | None]


@dataclass(frozen=True)
class Reason:
    """Why a state is kept: which rule, and whose it is."""

    rule: str
    whose: str = ""

    def __str__(self) -> str:
        return f"{self.rule}: {self.whose}" if self.whose else self.rule


@dataclass(frozen=True)
class Span:
    """A state of a dataset, and from when to when it was the current one (None: it still is)."""

    dataset: str
    snapshot: str
    since: datetime
    until: datetime | None


def spans(entries: "Sequence[Entry]") -> list[Span]:
    """Every state that a dataset was in, oldest first; one that came back is there twice."""
    mine: dict[str, list[Entry]] = {}
    for entry in entries:
        if isinstance(entry.fact, Snapshot) and not entry.fact.tag:
            mine.setdefault(entry.subject, []).append(entry)
    return [Span(name, entry.fact.snapshot, entry.recorded_at, later.recorded_at if later else None)
            for name, each in mine.items() for entry, later in zip(each, [*each[1:], None], strict=True)
            if isinstance(entry.fact, Snapshot)]


def holds(entries: "Sequence[Entry]") -> "dict[tuple[str, str], Entry]":
    """The legal holds that stand, by dataset and snapshot (empty: all of them)."""
    found: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        if isinstance(entry.fact, Hold) and not entry.fact.version and not entry.fact.origin:
            place = entry.subject, entry.fact.snapshot
            if entry.fact.event == "held":
                found[place] = entry
            else:
                found.pop(place, None)
    return found


def collected(entries: "Sequence[Entry]") -> "dict[tuple[str, str], Entry]":
    """The states that were let go and did not come back, with the entry that says so."""
    found: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        if isinstance(entry.fact, Collected) and entry.fact.event == "began":
            found |= {(entry.subject, each): entry for each in entry.fact.snapshots}
        elif isinstance(entry.fact, Snapshot) and not entry.fact.tag:
            found.pop((entry.subject, entry.fact.snapshot), None)
    return found


def needed(entries: "Sequence[Entry]", now: datetime, keep: timedelta, about: About) -> dict[str, tuple[Reason, ...]]:
    """The ids of what must be kept, with the reasons: the strongest first.

    `about` says which datasets an incident's subject is made from (None: nobody knows, so all of them).
    """
    found: dict[str, dict[Reason, None]] = {}
    for snapshot, why in _reasons(entries, now, keep, about):
        if snapshot:
            found.setdefault(snapshot, {})[why] = None
    return {snapshot: tuple(why) for snapshot, why in found.items()}


def _reasons(entries: "Sequence[Entry]", now: datetime, keep: timedelta,
             about: About) -> Iterator[tuple[str, Reason]]:
    states = spans(entries)
    yield from ((each.snapshot, Reason("legal hold")) for dataset, snapshot in holds(entries) for each in states
                if each.dataset == dataset and snapshot in ("", each.snapshot))
    yield from ((each.snapshot, Reason("current state")) for each in states if each.until is None)
    yield from _trained(entries)
    yield from _incidents(entries, states, about, now)
    yield from ((snapshot, Reason("an incident that is replayed", name)) for name, each in suite.cases(entries).items()
                for snapshot in each.pinned.values())
    yield from _tags(entries)
    days = f"{keep / timedelta(days=1):g} days"
    yield from ((each.snapshot, Reason(f"current in the last {days}")) for each in states
                if each.until is not None and each.until > now - keep)
    yield from ((snapshot, Reason(f"judged in the last {days}")) for entry in entries
                if isinstance(entry.fact, Finding) and entry.recorded_at > now - keep for snapshot in entry.fact.data)
    yield from ((entry.fact.snapshot, Reason("a private answer was told of it")) for entry in entries
                if isinstance(entry.fact, Spent))


def _trained(entries: "Sequence[Entry]") -> Iterator[tuple[str, Reason]]:
    """What each version was fitted and tested on, and what that was made from; that of a champion is said so."""
    champions = {name: folds.model_state(entries, name).champion
                 for name in dict.fromkeys(entry.subject for entry in entries if isinstance(entry.fact, Trained))}
    for entry in entries:
        if isinstance(fact := entry.fact, Trained):
            serves = champions[fact.subject] == fact.version
            why = Reason("a champion was made with it" if serves else "a version was made with it",
                         f"{fact.subject}@{fact.version}")
            parts = (fact.detail.get(part) for part in ("features", "labels"))
            yield from ((str(snapshot), why) for snapshot in (fact.training, fact.scores, *parts) if snapshot)


def _incidents(entries: "Sequence[Entry]", states: Sequence[Span], about: About,
               now: datetime) -> Iterator[tuple[str, Reason]]:
    """The states that were current in an incident's window: those of its subject and of what that is made from."""
    for incident in folds.incidents(entries).values():
        start, end = incident.window
        since = datetime.fromisoformat(start) if start else incident.opened_at
        until = datetime.fromisoformat(end) if end else incident.resolved_at or now
        datasets = about(incident.about)
        yield from ((each.snapshot, Reason("an incident's window", incident.id)) for each in states
                    if (datasets is None or each.dataset in datasets)
                    and each.since <= until and (each.until is None or each.until >= since))


def _tags(entries: "Sequence[Entry]") -> Iterator[tuple[str, Reason]]:
    tags: Mapping[tuple[str, str], str] = {(entry.subject, entry.fact.tag): entry.fact.snapshot for entry in entries
                                           if isinstance(entry.fact, Snapshot) and entry.fact.tag}
    yield from ((snapshot, Reason("tagged", name)) for (_, name), snapshot in tags.items())
