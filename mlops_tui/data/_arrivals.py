"""Where a dataset's batches lie, and when each was first there."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from hashlib import sha256

from mlops_tui.data._batches import Source
from mlops_tui.declarations.odcs import Contract
from mlops_tui.profiling import profiles
from mlops_tui.profiling.profiles import Profile
from mlops_tui.quality import anomalies
from mlops_tui.quality.calendars import Calendar, Period
from mlops_tui.session import Session
from store.facts import Snapshot
from store.lake import FileRef, Lake, Manifest
from store.quoting import quote

HOUR = "%Y-%m-%dT%H"


@dataclass
class Batches:
    """The files of a dataset that is partitioned by day, looked at by period."""

    session: Session
    contract: Contract
    calendar: Calendar
    state: Manifest
    since: datetime
    seen: dict[datetime, Profile | None] = field(default_factory=dict)

    @property
    def lake(self) -> Lake:
        return self.session.data()

    @cached_property
    def time(self) -> str:
        return str(self.contract.custom("eventTime", ""))

    @cached_property
    def anomalies(self) -> list[anomalies.Anomaly]:
        return anomalies.anomalies(self.contract)

    @cached_property
    def by_day(self) -> dict[date, list[FileRef]]:
        found: dict[date, list[FileRef]] = {}
        for file in self.state.files:
            found.setdefault(date.fromisoformat(file.partition["day"]), []).append(file)
        return found

    def source(self) -> Source:
        keys = {item.name for item in self.contract.properties if item.primaryKey}
        return Source(
            rows=self.rows, profile=self.profile, digest=self.digest, arrived=self.arrived, known=self.known,
            kept=lambda key: self.lake.document(self.state.dataset, key),
            keep=lambda key, content: self.lake.keep_document(self.state.dataset, key, content),
            same=self.same, left_out=frozenset({*keys, self.time}))

    def files(self, period: Period) -> list[FileRef]:
        """The files of its days; of a period within a day, that of the day."""
        first, last = period.day, (period.end - timedelta(microseconds=1)).date()
        if first == last:
            return self.by_day.get(first, [])
        days = (first + timedelta(days=number) for number in range((last - first).days + 1))
        return [file for day in days for file in self.by_day.get(day, ())]

    def rows(self, period: Period) -> int | None:
        """How many rows came; None where no batch did."""
        if self.calendar.by_hour:
            return self.hours_in(period, self.hours)
        files = self.files(period)
        return sum(file.rows for file in files) if files else None

    def hours_in(self, period: Period, hours: Mapping[str, int]) -> int | None:
        """The rows of the hours of a period; None where there are none."""
        start, found = period.start.astimezone(UTC), 0
        while start < period.end:
            found += hours.get(start.strftime(HOUR), 0)
            start += timedelta(hours=1)
        return found or None

    @cached_property
    def hours(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for file in self.state.files:
            found.update(profiles.profile(self.lake, self.state.dataset, file, self.time).hours)
        return found

    def profile(self, period: Period) -> Profile | None:
        """What is in its files; nothing of a part of a day, whose columns are not told apart."""
        if period.start not in self.seen:
            files = [] if self.calendar.by_hour else self.files(period)
            parts = [profiles.profile(self.lake, self.state.dataset, file, self.time) for file in files]
            self.seen[period.start] = parts[0] if len(parts) == 1 else profiles.merged(parts) if parts else None
        return self.seen[period.start]

    def digest(self, period: Period) -> str:
        return " ".join(file.digest for file in self.files(period))

    def known(self, period: Period) -> str:
        return anomalies.said(self.anomalies, period.day, (period.end - timedelta(microseconds=1)).date())

    def newest_event(self) -> datetime | None:
        """The latest time that a row of the newest file has."""
        files = self.by_day.get(max(self.by_day, default=date.min), [])
        times = [profiles.profile(self.lake, self.state.dataset, file, self.time).columns.get(self.time)
                 for file in files]
        latest = max((each.most for each in times if each is not None), default="")
        return datetime.fromisoformat(latest).replace(tzinfo=UTC) if latest else None

    def same(self, one: Period, other: Period) -> bool:
        """Whether two batches have the same rows, keys and times left out: every one of them compared."""
        left_out = {*self.source().left_out, *self.contract.partition_by}
        sides = [self.lake.scan(Manifest(self.state.dataset, self.state.columns, tuple(self.files(each))))
                 for each in (one, other)]
        names = [name for name, kind in self.state.columns.items()
                 if name not in left_out and not kind.startswith(("TIMESTAMP", "DATE", "TIME"))]
        shown = ", ".join(map(quote, names))
        query = (f"SELECT count(*) FROM ((SELECT {shown} FROM {sides[0]} EXCEPT ALL SELECT {shown} FROM {sides[1]}) "
                 f"UNION ALL (SELECT {shown} FROM {sides[1]} EXCEPT ALL SELECT {shown} FROM {sides[0]}))")
        return bool(self.lake.connect().execute(query).fetchall()[0][0] == 0)

    # -- when it came ---------------------------------------------------------------------------------------------

    def arrived(self, period: Period) -> datetime | None:
        """When all of its first rows were there; None of what was loaded when the dataset began, and was due before."""
        if period.due is None or period.due < self.began:
            return None
        if self.calendar.by_hour:
            start = period.start.astimezone(UTC).strftime(HOUR)
            return self.came.get(start)
        days = [self.came.get(day.isoformat()) for day in self._days(period)]
        known = [each for each in days if each is not None]
        return max(known) if known else None

    def _days(self, period: Period) -> list[date]:
        last = (period.end - timedelta(microseconds=1)).date()
        return [day for number in range((last - period.day).days + 1)
                if (day := period.day + timedelta(days=number)) in self.by_day]

    @cached_property
    def snapshots(self) -> list[tuple[datetime, Snapshot]]:
        entries = self.session.ledger.entries("snapshot", subject=self.state.dataset)
        return [(entry.recorded_at, entry.fact) for entry in entries
                if isinstance(entry.fact, Snapshot) and not entry.fact.tag]

    @cached_property
    def began(self) -> datetime:
        return self.snapshots[0][0] if self.snapshots else datetime.max.replace(tzinfo=UTC)

    @cached_property
    def came(self) -> dict[str, datetime]:
        """Each day (or hour) with the time of the snapshot that first had rows of it."""
        found: dict[str, datetime] = {}
        for at, fact in self.snapshots:
            for name in self._brought(fact) if at >= self.since else ():  # nothing comes before it happens
                found.setdefault(name, at)
        return found

    def _brought(self, fact: Snapshot) -> Sequence[str]:
        """What a snapshot has that its parent had not; reckoned once."""
        hours, dataset = self.time if self.calendar.by_hour else "", self.state.dataset
        key = sha256(f"brought {fact.snapshot} {fact.parent} {hours}".encode()).hexdigest()
        box = _box(key)
        if not box:
            held = self.lake.document(dataset, key)
            if held is None:
                names = self._hours_of if self.calendar.by_hour else self._days_of
                before = names(fact.parent) if fact.parent else set()
                held = json.dumps(sorted(names(fact.snapshot) - before)).encode()
                self.lake.keep_document(dataset, key, held)
            box.append(tuple(json.loads(held)))
        return box[0]

    def _days_of(self, snapshot: str) -> set[str]:
        manifest = self.lake.manifest(self.state.dataset, snapshot)
        return {file.partition["day"] for file in manifest.files if "day" in file.partition}

    def _hours_of(self, snapshot: str) -> set[str]:
        manifest = self.lake.manifest(self.state.dataset, snapshot)
        return {hour for file in manifest.files
                for hour in profiles.profile(self.lake, self.state.dataset, file, self.time).hours}


@lru_cache(maxsize=4096)
def _box(key: str) -> list[tuple[str, ...]]:
    """Where this process keeps what it reckoned."""
    return []
