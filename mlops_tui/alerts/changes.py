"""What changed last before an alert fired, or since: a promotion, a way back, a file, data put back, a failure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_tui.alerts.alertstate import Alert
from store.facts import AlertEvent, Fact, Promotion, Proposal, Run, Snapshot

if TYPE_CHECKING:
    from store.ledger import Entry

FADES = timedelta(days=3)  # after which what was late or failed explains nothing any more
KINDS = ("promotion", "proposal", "snapshot", "run", "alert")


@dataclass(frozen=True)
class Change:
    """Something that may have to do with it, or not: it came before. `kind` is that of its entry."""

    kind: str
    what: str
    at: datetime
    entry: int


def last_change(entries: "Iterable[Entry]", alert: Alert, model: str, feeds: Collection[str]) -> Change | None:
    """The newest one before the alert opened, of what could have caused it; None where the history knows none.

    `model` is the one it is about, or empty; `feeds` are the datasets and pipeline steps that this is made from.
    Everyday snapshots are no change, nor is what was late or failed days before.
    """
    found: Change | None = None
    for entry, change in _changes(entries, alert, model, feeds):
        if entry.subject == alert.id:  # of one moment, what was written before it
            break
        fades = isinstance(entry.fact, Run | AlertEvent) and alert.opened_at - entry.recorded_at > FADES
        found = found if change is None or fades else change
    return found


def change_since(entries: "Iterable[Entry]", alert: Alert, model: str, feeds: Collection[str]) -> Change | None:
    """The newest thing that somebody has changed since the alert opened; None where nobody has."""
    found, opened = None, False
    for entry, change in _changes(entries, alert, model, feeds):
        opened = opened or entry.subject == alert.id
        if opened and change is not None and not isinstance(entry.fact, Run | AlertEvent):
            found = change
    return found


def _changes(entries: "Iterable[Entry]", alert: Alert, model: str,
             feeds: Collection[str]) -> "Iterator[tuple[Entry, Change | None]]":
    """Every entry with the change that it is, where it is one of the alert's."""
    ours = {alert.about.partition("@")[0], *feeds}
    files = {f"monitors/{alert.monitor}.yaml", *(f"models/{name}.yaml" for name in (model,) if name),
             *(f"datasets/{name}.yaml" for name in ours)}
    paths: dict[str, str] = {}
    for entry in entries:
        fact = entry.fact
        if isinstance(fact, Proposal) and fact.event == "proposed":
            paths[fact.subject] = fact.path
        what = _told(fact, model, ours, feeds, files, paths)
        yield entry, Change(entry.kind, what, entry.recorded_at, entry.seq) if what else None


def _told(fact: Fact, model: str, ours: Collection[str], feeds: Collection[str], files: Collection[str],
          paths: dict[str, str]) -> str:
    """The change in words, such as `promotion of version 14`; empty for what is none of this alert's."""
    match fact:
        case Promotion() if fact.subject == model:
            word = "way back to" if fact.event == "rolled_back" else "promotion of"
            return f"{word} version {fact.version}"
        case Proposal(event="adopted") if paths.get(fact.subject) in files:
            return f"change of {paths[fact.subject]} ({fact.subject})"
        case Snapshot() if fact.subject in ours and fact.source.startswith("restore"):
            return f"{fact.subject} was put back to {fact.snapshot[:12]}"
        case Run(status="failed") if fact.step and {f"{fact.subject}.{fact.step}", fact.subject} & set(ours):
            return f"failure of step {fact.step} of {fact.subject}"
        case AlertEvent(event="fired") if fact.about in feeds:
            return f"{fact.subject} about {fact.about} ({fact.check})"
    return ""
