"""Faults planted into a copy of a model's data, and the history as it would have been with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any

from mlops_tui import health
from mlops_tui.declarations.kinds import Model, Monitor
from mlops_tui.errors import BadInput, NotFound, Refusal
from mlops_tui.monitoring._coverage import names_of, watchers
from mlops_tui.monitoring._faults import BATCH, FEATURES, LABELS, LOG, ROWS, Fault, Rows, chosen
from mlops_tui.oversight.replaying import ARRIVALS, Look, World, due_times, replayed
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from mlops_tui.view import Status
from store.facts import Finding, Snapshot
from store.lake import FileRef, Lake, Manifest
from store.ledger import Entry
from store.overlay import Overlay
from store.quoting import literal, quote
from store.rehearsal import Rehearsal

DAY = timedelta(days=1)
BACK = 28  # days before the fault that say how a column usually spreads


@dataclass(frozen=True)
class Seen:
    """What one monitor made of a fault: how long it took to fail, or to warn, and how it stood without it."""

    monitor: str
    looks: int
    failed: timedelta | None = None
    warned: timedelta | None = None
    masked: bool = False
    said: str = ""

    @property
    def word(self) -> str:
        if self.failed is not None:
            return "seen"
        if self.warned is not None:
            return "warns only"
        return "fails anyway" if self.masked else "silent" if self.looks else "did not look"

    @property
    def after(self) -> timedelta | None:
        return self.failed if self.failed is not None else self.warned


@dataclass(frozen=True)
class Place:
    """Where a fault was planted, and into which column."""

    place: str
    dataset: str
    column: str

    def __str__(self) -> str:
        return f"{self.dataset}.{self.column}" if self.column else self.dataset


@dataclass
class Ground:
    """The span of days in which faults are planted, and what every monitor finds in it without any."""

    session: Session
    model: str
    first: date
    length: timedelta
    controls: dict[str, list[Look]] = field(default_factory=dict)

    @property
    def declared(self) -> Model:
        return self.session.declared().model(self.model)

    @property
    def begin(self) -> datetime:
        return datetime.combine(self.first, time(), self.session.declared().zone)

    @property
    def end(self) -> datetime:
        return min(self.begin + self.length + DAY / 2, self.session.now())

    @property
    def days(self) -> list[str]:
        count = max(self.length // DAY, 1)
        return [(self.first + timedelta(days=number)).isoformat() for number in range(count)]

    @cached_property
    def sources(self) -> frozenset[str]:
        return health.Declared.of(self.session.declared()).sources(self.model)

    @cached_property
    def monitors(self) -> dict[str, Monitor]:
        """Those that look at the model, or at the datasets it lives on."""
        return watchers(self.session.declared(), self.model)

    def times(self, monitor: Monitor) -> list[datetime]:
        return due_times(monitor, self.session.declared().zone, self.begin, self.end) if monitor.every else []

    def control(self, name: str) -> list[Look]:
        """What the monitor finds in that span as it was."""
        if name not in self.controls:
            monitor = self.monitors[name]
            self.controls[name] = replayed(World(self.session), name, monitor, self.times(monitor))
        return self.controls[name]

    def whole(self, dataset: str) -> Manifest:
        """The dataset as it stood at the end of the span; NotFound where it has no days of it."""
        entries = [entry for entry in self.session.ledger.entries("snapshot", subject=dataset)
                   if entry.recorded_at <= self.end and isinstance(entry.fact, Snapshot) and not entry.fact.tag]
        if not entries or not isinstance(entries[-1].fact, Snapshot):
            raise NotFound(f"'{dataset}' has no rows of these days.", next=f"Try: mlops-tui snapshot log {dataset}")
        found = self.session.data().manifest(dataset, entries[-1].fact.snapshot)
        if any("day" not in file.partition for file in found.files):
            raise BadInput(f"'{dataset}' is not partitioned by day: a fault cannot be planted into some days of it.")
        return found


@dataclass
class Planted:
    """One fault in an overlay: which files of which dataset it replaces, and what taking batches in found."""

    ground: Ground
    fault: Fault
    size: float
    lake: Overlay
    files: dict[str, dict[str, Sequence[FileRef]]] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)
    arrived: dict[str, list[Look]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    states: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def days(self) -> list[str]:
        return self.ground.days[:1] if self.fault.once else self.ground.days

    @property
    def world(self) -> World:
        """The history with the fault."""
        return World(replace(self.ground.session, lake=self.lake), self._changed)

    def _changed(self, entry: Entry) -> Entry | None:
        """A snapshot as it would be with the faulty days; everything else as it was."""
        fact = entry.fact
        if not isinstance(fact, Snapshot) or fact.subject not in self.files:
            return entry
        snapshot, parent = (self._state(fact.subject, each) if each else "" for each in (fact.snapshot, fact.parent))
        return replace(entry, fact=replace(fact, snapshot=snapshot, parent=parent))

    def _state(self, dataset: str, snapshot: str) -> str:
        key = (dataset, snapshot)
        if key not in self.states:
            before, mine = self.ground.session.data().manifest(dataset, snapshot), self.files[dataset]
            there = {file.partition.get("day", "") for file in before.files}
            kept = [file for file in before.files if file.partition.get("day") not in mine]
            new = [file for day, files in mine.items() if day in there for file in files]
            made = Manifest(dataset, before.columns, tuple(sorted((*kept, *new), key=lambda file: file.path)))
            self.lake.keep(made)
            self.states[key] = made.id
        return self.states[key]

    # -- planting -----------------------------------------------------------------------------------------------

    def plant(self, column: str = "") -> None:
        """Into every place where the fault belongs; `refused` says why it could not go into one."""
        for place in self.fault.meant:
            for dataset in self._datasets(place):
                try:
                    rows = self._rows(place, dataset, column)
                    self._into(place, dataset, rows)
                    self.places.append(Place(place, dataset, rows.column))
                except Refusal as problem:
                    self.refused.append(problem.what)

    def _datasets(self, place: str) -> list[str]:
        if place == FEATURES:
            return [f"{self.ground.model}.features"]
        if place == LOG:
            return [f"{self.ground.model}.predictions"]
        label = self.ground.declared.label.dataset
        if place == LABELS or self.fault.needs == "label":
            return [label]
        watched = {each.subject for each in self.ground.monitors.values()}
        return [label, *sorted((self.ground.sources & watched) - {label})]

    def _rows(self, place: str, dataset: str, column: str) -> Rows:
        ground, project = self.ground, self.ground.session.declared()
        whole, model = ground.whole(dataset), ground.declared
        self._check(whole.columns, model)
        contract = project.datasets.get(dataset)
        key = contract.key if contract is not None else pointintime.key_columns(
            model, project.dataset(model.label.dataset))
        name = ""
        if self.fault.column:
            named = [column] if column in whole.columns else self._candidates(place, whole, key)
            name = chosen(named, whole.columns, self.fault.column)
            if not name:
                raise BadInput(f"{dataset} has no {self.fault.column} column that {self.fault.name} can go into.")
        spread, last = self._usual(whole, name) if name and self.fault.column == "number" else (1.0, "NULL")
        outcome = tuple(each.name for each in contract.properties if self._late(each, model)) if contract else ()
        return Rows(place, whole.columns, key, name, spread, last, model.label.column, outcome)

    def _check(self, columns: Mapping[str, str], model: Model) -> None:
        """BadInput where what the fault is about is not there."""
        if self.fault.needs == "latency_ms" and "latency_ms" not in columns:
            raise BadInput("the log does not say how long answers took (no column latency_ms)")
        if self.fault.needs == "yes or no" and (model.task != "binary" or
                                                columns.get(model.label.column, "") == "VARCHAR"):
            raise BadInput("only outcomes that are yes or no have an opposite")

    def _late(self, item: Any, model: Model) -> bool:
        at = model.label.known_at
        return bool(at) and (item.name == at or any(each.property == "availableAt" and each.value == at
                                                    for each in item.customProperties))

    def _candidates(self, place: str, whole: Manifest, key: Sequence[str]) -> list[str]:
        """The columns that may be chosen, the likeliest first: those that monitors name, then those of the model."""
        ground = self.ground
        named = [name for each in ground.monitors.values() for name in each.columns] if place == FEATURES else []
        features = ground.session.current(f"{ground.model}.features")
        own = set(features.columns) if features is not None else set()
        left_out = {ground.declared.label.column, ground.declared.split.time, "day", *key}
        return [name for name in dict.fromkeys((*named, *(each for each in whole.columns if each in own),
                                                *whole.columns)) if name not in left_out]

    def _usual(self, whole: Manifest, column: str) -> tuple[float, str]:
        """The standard deviation over the four weeks before, and the newest value, of a column."""
        before = whole.within(day=((self.ground.first - BACK * DAY).isoformat(),
                                   (self.ground.first - DAY).isoformat()))
        if not before.files:
            return 1.0, "NULL"
        rows = self.lake.scan(before)
        x = quote(column)
        found = self.lake.connect().execute(f"SELECT stddev_samp({x}), last({x} ORDER BY day) FROM {rows} "
                                            f"WHERE {x} IS NOT NULL").fetchall()[0]
        return float(found[0] or 1.0), "NULL" if found[1] is None else repr(found[1])

    def _into(self, place: str, dataset: str, rows: Rows) -> None:
        """Replace the files of the faulty days."""
        whole = self.ground.whole(dataset)
        there = {file.partition["day"] for file in whole.files} & set(self.days)
        if not there:
            raise NotFound(f"'{dataset}' has no rows of {self.days[0]}.")
        mine = self.files.setdefault(dataset, {})
        if place == BATCH:
            for day in sorted(there):
                mine[day] = self._taken_in(dataset, day, rows)
            return
        days = Manifest(dataset, whole.columns, tuple(file for file in whole.files
                                                      if file.partition["day"] in there))
        query = self.fault.made(rows, self.size).replace(ROWS, self.lake.scan(days))
        made = self.lake.write(dataset, query, partition_by=("day",))
        for day in there:
            mine[day] = [file for file in made.files if file.partition["day"] == day]

    def _taken_in(self, dataset: str, day: str, rows: Rows) -> list[FileRef]:
        """What `ingest` makes of the faulty batch: the files of that day afterwards, none where it is refused."""
        whole = self.ground.whole(dataset)
        batch = Manifest(dataset, whole.columns, tuple(file for file in whole.files if file.partition["day"] == day))
        target = self.lake.root / "batches" / dataset / f"{day}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        query = self.fault.made(rows, self.size).replace(ROWS, self.lake.scan(batch))
        cursor = self.lake.connect()
        written = cursor.execute(f"COPY ({query}) TO {literal(str(target))} (FORMAT parquet)").fetchall()
        if not written[0][0]:
            return []
        at, upto = self._came(dataset, day)
        session = World(replace(self.ground.session, lake=self.lake)).at(at, upto)
        session = replace(session, actor=replace(session.actor, source="terminal"))  # the file is ours, whoever asks
        session.perform(("ingest", dataset, "--file", str(target)))
        made = session.ledger.made if isinstance(session.ledger, Rehearsal) else []
        for finding in (entry.fact for entry in made if isinstance(entry.fact, Finding) and entry.fact.monitor):
            self.arrived.setdefault(finding.monitor, []).append(Look(at, finding, finding.title))
        taken = any(isinstance(entry.fact, Snapshot) and entry.subject == dataset for entry in made)
        after = session.current(dataset)
        return [file for file in after.files if file.partition.get("day") == day] if taken and after else []

    def _came(self, dataset: str, day: str) -> tuple[datetime, int]:
        """When the batch of that day came, and the last entry before it."""
        lake: Lake = self.ground.session.data()
        for entry in self.ground.session.ledger.entries("snapshot", subject=dataset):
            if isinstance(entry.fact, Snapshot) and not entry.fact.tag:
                files = lake.manifest(dataset, entry.fact.snapshot).files
                if any(file.partition.get("day") == day for file in files):
                    return max(entry.recorded_at, self.ground.begin), entry.seq - 1
        raise NotFound(f"'{dataset}' never had a batch of {day}.")

    # -- who sees it --------------------------------------------------------------------------------------------

    @cached_property
    def meant(self) -> list[str]:
        """The monitors that ought to see it: of the right check, at what it was planted into, and the column."""
        return [name for name, each in self.ground.monitors.items() if any(self._ought(each, place)
                                                                          for place in self.places)]

    def _ought(self, monitor: Monitor, place: Place) -> bool:
        names = names_of(self.ground.session.declared(), self.ground.model)
        subjects = names if place.place in (FEATURES, LABELS, LOG) else {place.dataset}
        watched = not monitor.columns or place.place != FEATURES or place.column in monitor.columns
        return monitor.subject in subjects and monitor.check in self.fault.meant[place.place] and watched

    def seen(self) -> Iterator[Seen]:
        """What each monitor makes of it, those that ought to see it first."""
        names = [*self.meant, *(name for name in self.ground.monitors if name not in self.meant)]
        for name in names:
            monitor = self.ground.monitors[name]
            if monitor.check in ARRIVALS:
                yield _held(name, self.arrived.get(name, []), [], self.ground.begin)
            elif times := self.ground.times(monitor):
                yield _held(name, replayed(self.world, name, monitor, times), self.ground.control(name),
                            self.ground.begin)


def _held(name: str, looks: Sequence[Look], control: Sequence[Look], begin: datetime) -> Seen:
    """The first look that fails, or warns, where it did not without the fault."""
    usual = {look.at: look.status for look in control}
    failed = next((look for look in looks if look.status is Status.FAIL and usual.get(look.at) is not Status.FAIL),
                  None)
    warned = next((look for look in looks if look.status is Status.WARN
                   and usual.get(look.at) not in (Status.WARN, Status.FAIL)), None)
    first = failed or warned
    return Seen(name, len(looks), failed.at - begin if failed else None, warned.at - begin if warned else None,
                bool(looks) and all(usual.get(look.at) is Status.FAIL for look in looks),
                first.said if first is not None else looks[-1].said if looks else "it did not look in these days")
