"""The batches of rows that a dataset has set aside: where they came from, and what became of them."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.errors import BadInput, NotFound, nearest
from mlops_tui.session import Session
from store.facts import Quarantined, Snapshot
from store.lake import FileRef, Lake, Manifest

if TYPE_CHECKING:
    from store.ledger import Entry

KEY = "_batch"  # the column by which rows that were set aside are partitioned


@dataclass(frozen=True)
class Aside:
    """The bad rows of one ingest: open while some of them are in the quarantine, else replayed or discarded."""

    dataset: str
    batch: str
    files: tuple[str, ...]
    since: datetime | None
    rows: int
    status: str
    replayed: int = 0
    reason: str = ""
    rules: Mapping[str, int] | None = None

    @property
    def source(self) -> str:
        """Its files, shortly."""
        first, last = (self.files[0], self.files[-1]) if self.files else (self.batch, "")
        return first if len(self.files) < 2 else f"{first} … {last}"


def quarantine_of(dataset: str) -> str:
    """The dataset that holds the rows which another one set aside."""
    return f"{dataset}.quarantine"


def batch_of(source: str) -> str:
    """The name of a source's batch; the same files have the same one."""
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def asides(dataset: str, state: Manifest | None, entries: "Sequence[Entry]", lake: Lake | None = None) -> list[Aside]:
    """The batches of a dataset, the oldest first, from its quarantine's state and the history.

    A batch that is not named for its source (a stream's day) is looked for in the states of the quarantine in `lake`.
    """
    rows: Counter[str] = Counter()
    for file in state.files if state is not None else ():
        rows[file.partition[KEY]] += file.rows
    came: dict[str, Entry] = {}
    events: dict[str, list[Quarantined]] = {}
    for entry in entries:
        if isinstance(entry.fact, Snapshot) and entry.subject == quarantine_of(dataset) and not entry.fact.tag:
            came.setdefault(batch_of(entry.fact.source), entry)
        elif isinstance(entry.fact, Quarantined) and entry.subject == dataset:
            events.setdefault(entry.fact.batch, []).append(entry.fact)
    if lake is not None:
        came |= _first_seen(lake, quarantine_of(dataset), set(rows) - set(came), entries)
    known = dict.fromkeys([*(batch for batch in came if batch in rows or batch in events), *events, *rows])
    return [_aside(dataset, batch, came.get(batch), rows.get(batch, 0), events.get(batch, [])) for batch in known]


def _first_seen(lake: Lake, name: str, batches: set[str], entries: "Sequence[Entry]") -> "dict[str, Entry]":
    """The entry with which each batch was there first."""
    found: dict[str, Entry] = {}
    for entry in entries if batches else ():
        if isinstance(entry.fact, Snapshot) and entry.subject == name and len(found) < len(batches):
            held = {file.partition[KEY] for file in lake.manifest(name, entry.fact.snapshot).files}
            found |= dict.fromkeys((held & batches) - set(found), entry)
    return found


def _aside(dataset: str, batch: str, came: "Entry | None", rows: int, events: Sequence[Quarantined]) -> Aside:
    last = events[-1] if events else None
    status = "open" if rows or last is None else last.event
    source = came.fact.source if came is not None and isinstance(came.fact, Snapshot) else ""
    named = batch_of(source) == batch
    files = tuple(each.rpartition(" ")[0] for each in source.split(", ") if each) if named else ()
    replayed = sum(each.rows for each in events if each.event == "replayed")
    closing = last if last is not None and status != "open" else None
    return Aside(dataset, batch, files, came.effective_at if came is not None else None, rows, status, replayed,
                 closing.reason if closing else "", closing.rules if closing else None)


def found_aside(session: Session, dataset: str, batch: str) -> Aside:
    """The batch whose name begins so, or the only open one where none is named; NotFound, BadInput."""
    known = asides_of(session, dataset)
    hint = f"Try: mlops-tui quarantine list {dataset}"
    if not known:
        raise NotFound(f"'{dataset}' has set no rows aside.", next="Try: mlops-tui quarantine list")
    if not batch:
        open_ones = [each for each in known if each.status == "open"]
        if len(open_ones) == 1:
            return open_ones[0]
        raise BadInput(f"'{dataset}' has {len(open_ones)} open batches.", next=hint)
    matching = [each for each in known if each.batch.startswith(batch)]
    if len(matching) != 1:
        near = nearest(batch, [each.batch for each in known])
        raise NotFound(f"{'No batch' if not matching else 'Several batches'} '{batch}' of '{dataset}'.",
                       next=near or hint)
    return matching[0]


def asides_of(session: Session, dataset: str) -> list[Aside]:
    """The batches of a dataset as they are now."""
    return asides(dataset, session.current(quarantine_of(dataset)), session.ledger.entries("snapshot", "quarantine"),
                  session.data())


def only(state: Manifest, batch: str) -> Manifest:
    """The open rows of a batch: one file, or as many as a stream left on its day."""
    files = tuple(file for file in state.files if file.partition[KEY] == batch)
    return Manifest(state.dataset, state.columns, files)


def without(state: Manifest, batch: str, rest: Iterable[FileRef] = ()) -> Manifest:
    """The quarantine with other rows of a batch, or with none."""
    kept = [*(file for file in state.files if file.partition[KEY] != batch), *rest]
    return Manifest(state.dataset, state.columns, tuple(sorted(kept, key=lambda file: file.path)))


def state_of(session: Session, dataset: str, entries: "Sequence[Entry]") -> Manifest | None:
    """A dataset's state after those entries; None where it has none."""
    snapshot = folds.current_snapshot(entries, dataset)
    return session.data().manifest(dataset, snapshot) if snapshot else None
