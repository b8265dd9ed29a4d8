"""One micro-batch of events into the lake: each event once, whatever dies meanwhile."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from mlops_tui import folds
from mlops_tui.data import _streamed
from mlops_tui.data._batch import Batch, Judged, held
from mlops_tui.data._events import Dead, Read, Record, called_otherwise, read_events, text_of
from mlops_tui.data._streamed import Fed
from mlops_tui.data._tiers import Merged, merged
from mlops_tui.data._verdict import finding, verdict
from mlops_tui.errors import Conflict
from mlops_tui.logs.logguard import guard_of
from mlops_tui.oversight.watching import monitor_of
from mlops_tui.privacy.requests import suppressed
from mlops_tui.privacy.subjects import column_of, pseudonym
from mlops_tui.quality.rowrules import AT
from mlops_tui.session import Session
from mlops_tui.view import Status
from store.facts import Fact, Finding, Snapshot, Streamed
from store.files import Opened
from store.lake import FileRef, Manifest, columns_of, partition_text
from store.quoting import literal, quote
from store.streams import Event

if TYPE_CHECKING:
    from store.ledger import Entry

DEAD = pa.schema([("position", pa.string()), ("id", pa.string()), ("reason", pa.string()), ("event", pa.string()),
                  ("arrived", pa.timestamp("us", tz="UTC")), ("_day", pa.string())])
TRIES = 50  # so often may others have been first
EVENTS = quote("#events")


class Overtaken(Exception):
    """Somebody else has committed one of the same events meanwhile."""


@dataclass
class Part:
    """What a batch adds to one dataset, and by which values of a column its events would be known there."""

    name: str
    base: Manifest | None
    new: Manifest | None
    column: str
    ids: tuple[str, ...]
    merged: Merged | None = None


@dataclass(frozen=True)
class Sorted:
    """The events of a batch, once each: those for the contract, those that are dead, and counts of the others."""

    records: tuple[Record, ...]
    dead: tuple[Dead, ...]
    twice: int
    late: int
    newest: datetime | None
    unnamed: tuple[str, ...] = ()


def take_in(session: Session, fed: Fed, events: Sequence[Event], *, positions: Mapping[str, int] | None = None,
            again: bool = False, note: str = "") -> Streamed:
    """Put the events into the dataset, its quarantine or its dead letters, and say so: one transaction.

    An event is known by its id: among the rows of the partitions to which the events of the batch belong, and of those
    no older than the allowed lateness; in the quarantine and among the dead letters by its place in the stream. So an
    event that comes twice in the same words is recognised for ever, and one whose id comes back with another time as
    long as the first is within the lateness. `again`: these are dead letters that are tried again. Conflict where
    others were faster too often.
    """
    for _ in range(TRIES):
        try:
            return _Attempt(session, fed, events, positions or {}, again, note).made()
        except Overtaken:
            continue
    raise Conflict(f"Others take in the same events of '{fed.name}' all the time.", where=fed.stream.stream,
                   next="Give each consumer the same group.")


@dataclass
class _Attempt:
    session: Session
    fed: Fed
    events: Sequence[Event]
    positions: Mapping[str, int]
    again: bool
    note: str
    parts: list[Part] = field(default_factory=list)

    def made(self) -> Streamed:
        self.guard = guard_of(self.session, self.fed.name, known=(self.fed.id,))
        self.lake, self.cursor = self.session.data(), self.session.data().connect()
        self.head: int = self.session.ledger.head_seq()
        self.batches = _streamed.read_so_far(self.session, self.fed.name)
        self.bases = {suffix: self.session.current(self.fed.name + suffix) for suffix in ("", ".quarantine", ".dead")}
        self.arrived = {event.position: event.arrived or self.session.now() for event in self.events}
        read = self._unseen(self._willing(read_events(self.events, self.fed.contract, self.fed.id)))
        batch = self._opened(read.records)
        kept = self._sorted(batch, read)
        if len(kept.records) < len(read.records):
            batch = self._opened(kept.records)
        return self._landed(batch, kept)

    # -- which events are new -----------------------------------------------------------------------------------

    def _willing(self, read: Read) -> Read:
        """The entries less those of people who opted out: they are kept nowhere, not among the dead letters either."""
        column, people = column_of(self.fed.contract), {*suppressed(self.session.ledger.entries("optout"))}
        if column is None or not people:
            return read
        records = tuple(each for each in read.records
                        if pseudonym(self.session, each.values.get(column)) not in people)
        dead = tuple(each for each in read.dead if pseudonym(self.session, each.id) not in people)
        return Read(records, dead, read.twice, read.unnamed)

    def _unseen(self, read: Read) -> Read:
        """The entries less those that lie in the quarantine or among the dead letters already, by their places."""
        places = [*(record.event.position for record in read.records), *(each.position for each in read.dead)]
        found = self._found(".quarantine", "_position", places, self.bases[".quarantine"])
        found |= set() if self.again else self._found(".dead", "position", places, self.bases[".dead"])
        if not found:
            return read
        records = tuple(each for each in read.records if each.event.position not in found)
        dead = tuple(each for each in read.dead if each.position not in found)
        return Read(records, dead, read.twice + len(read.records) - len(records) + len(read.dead) - len(dead),
                    read.unnamed)

    def _found(self, suffix: str, column: str, values: Sequence[str], state: Manifest | None) -> set[str]:
        """Which of the values a column of the quarantine or the dead letters has, on the days that they arrived."""
        if state is None:
            return set()
        key = "_batch" if suffix == ".quarantine" else "_day"
        days = {self._bin(self.arrived[each]) if suffix == ".quarantine" else f"{self.arrived[each]:%Y-%m-%d}"
                for each in values}
        return self._among(state, [file for file in state.files if file.partition.get(key) in days], column, values)

    def _among(self, state: Manifest, files: Sequence[FileRef], column: str, values: Sequence[str]) -> set[str]:
        """Which of the values a column has in these files of a state."""
        scan = self.lake.scan(Manifest(state.dataset, state.columns, tuple(files)))
        if not files or not values or column not in columns_of(self.cursor, f"SELECT * FROM {scan}"):
            return set()
        text = f"CAST({quote(column)} AS VARCHAR)"
        return {str(value) for value, in self.cursor.execute(
            f"SELECT DISTINCT {text} FROM {scan} WHERE {text} IN (SELECT unnest($values))",
            {"values": list(values)}).fetchall()}

    def _bin(self, day: date) -> str:
        """The partition of the quarantine for what arrived on one day."""
        return f"{self.fed.stream.stream} {day:%Y-%m-%d}"

    def _opened(self, records: Sequence[Record]) -> Batch:
        """The records as rows, all values as texts, held ready against the contract."""
        names = [item.name for item in self.fed.contract.properties]
        columns = {name: pa.array([record.values.get(name) for record in records], pa.string()) for name in names}
        columns["_position"] = pa.array([record.event.position for record in records], pa.string())
        days = [self.arrived[record.event.position].date() for record in records]
        bins = {day: self._bin(day) for day in set(days)}
        columns["_bin"] = pa.array([bins[day] for day in days], pa.string())
        self.cursor.register("events as they came", pa.table(columns))
        self.cursor.execute(f"CREATE OR REPLACE TEMP TABLE {EVENTS} AS SELECT * FROM \"events as they came\"")
        self.cursor.unregister("events as they came")
        file = Opened(Path(self.fed.stream.stream.replace("/", "_")), "stream", EVENTS, "rowid",
                      dict.fromkeys(columns, "VARCHAR"), len(records))
        return held(self.session, self.fed.contract, self.fed.where, [file], self.cursor)

    def _sorted(self, batch: Batch, read: Read) -> Sorted:
        """What is neither in the lake already nor too late, and the newest event time."""
        newest = _streamed.newest_time(self.batches)
        mark = _streamed.watermark(newest, self.fed.stream.lateness)
        there = self._there(batch, self.bases[""], mark)
        late: set[int] = set()
        if self.fed.time and read.records:
            late, here = self._times(batch, there, mark)
            newest = max(filter(None, [newest, here]), default=None)
        out = there | (late if self.fed.stream.late == "dead" and not self.again else set())
        dead = [Dead(each.event.position, f"it is late: it happened before {mark:%Y-%m-%d %H:%M:%S} UTC",
                     text_of(each.event), each.id) for row, each in enumerate(read.records) if row in out - there]
        return Sorted(tuple(each for row, each in enumerate(read.records) if row not in out), (*read.dead, *dead),
                      read.twice + len(there), len(late), newest, read.unnamed)

    def _times(self, batch: Batch, there: set[int], mark: datetime | None) -> tuple[set[int], datetime | None]:
        """The rows that are late, of those that are new, and the newest event time: not beyond now, for a producer's
        clock that runs ahead makes nobody late. Times without a zone are those of the project."""
        zone = literal(str(self.session.declared().zone))
        zoned = "ZONE" in batch.rules.values[self.fed.time].type
        time = quote(self.fed.time) if zoned else f"timezone({zone}, CAST({quote(self.fed.time)} AS TIMESTAMP))"
        fresh = (f"(SELECT {AT} AS r, {time} AS t FROM ({batch.seen(self.fed.time)}) WHERE t IS NOT NULL "
                 "AND r NOT IN (SELECT unnest(CAST($there AS BIGINT[]))))")
        values = {"there": list(there)}
        late = self.cursor.execute(f"SELECT r FROM {fresh} WHERE t < $mark", values | {"mark": mark}).fetchall()
        [(newest,)] = self.cursor.execute(f"SELECT max(least(t, $now)) FROM {fresh}",
                                          values | {"now": self.session.now()}).fetchall()
        return {int(row) for row, in late}, newest

    def _there(self, batch: Batch, state: Manifest | None, mark: datetime | None) -> set[int]:
        """The numbers of the rows whose ids the dataset has."""
        if state is None or not batch.rows or self.fed.id not in state.columns:
            return set()
        keys = batch.rules.partition
        files = state.files
        if keys and all(set(file.partition) == set(keys) for file in files):
            asked = f"SELECT DISTINCT {', '.join(map(quote, keys))} FROM ({batch.seen(*keys)})"
            mine = {tuple(map(partition_text, row)) for row in self.cursor.execute(asked).fetchall()}
            day = f"{mark.astimezone(self.session.declared().zone):%Y-%m-%d}" if mark is not None else ""
            files = tuple(file for file in files if tuple(file.partition[name] for name in keys) in mine
                          or ("day" in keys and file.partition["day"] >= day))
        scan = self.lake.scan(Manifest(state.dataset, state.columns, files))
        known = quote(self.fed.id)
        rows = self.cursor.execute(f"SELECT b.{AT} FROM ({batch.seen(self.fed.id)}) b SEMI JOIN "
                                   f"(SELECT {known} FROM {scan}) s ON b.{known} = s.{known}").fetchall()
        return {int(row) for row, in rows}

    # -- what becomes of them -----------------------------------------------------------------------------------

    def _landed(self, batch: Batch, kept: Sorted) -> Streamed:
        warn = self.fed.contract.on_violation == "warn"
        judged = replace(batch.judged(lambda rule: rule.hard or not (warn or rule.warns)), failed=())
        self._write(batch, judged, kept)
        fact = Streamed(
            subject=self.fed.name, stream=self.fed.stream.stream, events=len(self.events), taken=judged.good_rows,
            bad=judged.bad_rows, dead=len(kept.dead), twice=kept.twice, late=kept.late, positions=dict(self.positions),
            newest=kept.newest.astimezone(UTC).isoformat() if kept.newest is not None else "", note=self.note,
            again=self.again, unnamed=kept.unnamed,
            arrived=max(self.arrived.values()).astimezone(UTC).isoformat() if self.arrived else "")
        self.session.ledger.transact(partial(self._decided, fact=fact, found=self._finding(batch, judged, fact)))
        return fact

    def _write(self, batch: Batch, judged: Judged, kept: Sorted) -> None:
        """The files of the three datasets; nothing is announced yet. What one consumer holds to be late another may
        have taken in: so each event is looked for in all three when it is committed."""
        ids, places = tuple(each.id for each in kept.records), tuple(self.arrived)
        good = bad = None
        if judged.good_rows:
            good = self.lake.write(self.fed.name, self.guard.query(self.cursor, batch.good(judged)),
                                   sort=batch.rules.sort, partition_by=batch.rules.partition, connection=self.cursor)
        if judged.bad_rows:
            query = (f"SELECT * EXCLUDE (_bin), {literal(self.fed.stream.stream)} AS _file, _bin AS _batch FROM "
                     f"({self.guard.query(self.cursor, batch.quarantine(judged))})")
            bad = self.lake.write(f"{self.fed.name}.quarantine", query, partition_by=("_batch",),
                                  connection=self.cursor)
        late = tuple(each.id for each in kept.dead if each.id)
        self._add("", good, self.fed.id, (*ids, *late), sort=batch.rules.sort)
        self._add(".quarantine", bad, "_position", places)
        self._add(".dead", self._dead(kept.dead), "position", () if self.again else places)

    def _add(self, suffix: str, new: Manifest | None, column: str, ids: tuple[str, ...],
             sort: Sequence[str] = ()) -> None:
        base = self.bases[suffix]
        moved = merged(self.lake, base, new, sort, self.cursor) if base is not None and new is not None else None
        self.parts.append(Part(self.fed.name + suffix, base, new, column, ids, moved))

    def _dead(self, letters: Sequence[Dead]) -> Manifest | None:
        if not letters:
            return None
        times = [self.arrived[each.position] for each in letters]
        kept = self.guard.calling(called_otherwise(self.fed.contract)).text
        table = pa.table({"position": [each.position for each in letters], "id": [each.id or None for each in letters],
                          "reason": [each.reason for each in letters], "event": [kept(each.text) for each in letters],
                          "arrived": times, "_day": [f"{each:%Y-%m-%d}" for each in times]}, schema=DEAD)
        self.cursor.register("dead letters", table)
        return self.lake.write(f"{self.fed.name}.dead", 'SELECT * FROM "dead letters"', sort=("position",),
                               partition_by=("_day",), connection=self.cursor)

    def _finding(self, batch: Batch, judged: Judged, fact: Streamed) -> Finding | None:
        """A finding where something is wrong, or was when it was last looked at."""
        name = self.fed.name
        last = folds.latest_finding(self.session.ledger.entries("finding", subject=name), "ingest", name)
        was = last.fact.status if last is not None and isinstance(last.fact, Finding) else Status.PASS
        watching, monitor = monitor_of(self.session, "ingest", name)
        if not judged.bad_rows and not fact.dead and (was == Status.PASS or not judged.rows):
            return None
        status = verdict(batch, judged, monitor) if judged.bad_rows else Status.WARN if fact.dead else Status.PASS
        title = f"{fact.taken:,} of {fact.events:,} events of {name} were taken in"
        title += f", {fact.bad:,} break the contract" if fact.bad else ""
        title += f", {fact.dead:,} are dead letters" if fact.dead else ""
        return finding(self.session, "ingest", name, status, batch, judged, title=title, monitor=watching)

    # -- the transaction ----------------------------------------------------------------------------------------

    def _decided(self, entries: "Sequence[Entry]", fact: Streamed, found: Finding | None) -> Iterable[Fact]:
        facts: list[Fact] = []
        newer = self._newer(entries)
        for part in self.parts:
            now = self.lake.manifest(part.name, newer[part.name]) if part.name in newer else part.base
            if now is not None and now is not part.base and self._meets(part, now):
                raise Overtaken
            after = self._after(part, now)
            if after is not None and (now is None or after.id != now.id):
                if part.new is not None:
                    self.lake.require(part.new)
                self.lake.keep(after)
                facts.append(Snapshot(subject=part.name, snapshot=after.id, parent=now.id if now is not None else "",
                                      rows=after.rows, bytes=after.bytes, source=f"stream {self.fed.stream.stream}"))
        return (*facts, fact, *([found] if found is not None else []))

    def _newer(self, entries: "Sequence[Entry]") -> dict[str, str]:
        """The newest states that came since this attempt looked."""
        found: dict[str, str] = {}
        for entry in reversed(entries):
            if entry.seq <= self.head:
                break
            if isinstance(entry.fact, Snapshot) and not entry.fact.tag:
                found.setdefault(entry.subject, entry.fact.snapshot)
        return found

    def _meets(self, part: Part, now: Manifest) -> bool:
        """Whether files that came meanwhile hold one of the events."""
        had = {file.digest for file in part.base.files} if part.base is not None else set()
        return bool(self._among(now, [file for file in now.files if file.digest not in had], part.column, part.ids))

    def _after(self, part: Part, now: Manifest | None) -> Manifest | None:
        if part.name.endswith(".dead") and self.again and now is not None:
            now = self._without(now)
        if part.new is None:
            return now
        if now is None:
            return part.new
        after = now.appending(part.new)
        return part.merged.applied(after) if part.merged is not None else after

    def _without(self, state: Manifest) -> Manifest:
        """The dead letters less those that are tried again."""
        places = ", ".join(literal(event.position) for event in self.events)
        kept = f"SELECT * FROM {self.lake.scan(state)} WHERE position NOT IN ({places})"
        return self.lake.write(state.dataset, kept, sort=("position",), partition_by=("_day",), connection=self.cursor)


def counts(batches: Sequence[Streamed]) -> dict[str, int]:
    """What became of the events of several batches."""
    total: Counter[str] = Counter()
    for fact in batches:
        total.update({name: getattr(fact, name) for name in ("events", "taken", "bad", "dead", "twice", "late")})
    return {name: total[name] for name in ("events", "taken", "bad", "dead", "twice", "late")}
