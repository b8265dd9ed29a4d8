"""Feature views computed and kept, sorted by entity and time: once for each version of their SQL and of their data."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import duckdb

from mlops_tui.declarations.kinds import Feature
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import BadInput, NotDeclared, Unreadable, nearest
from mlops_tui.session import Progress, Session, quiet
from mlops_tui.tracing import pointintime
from store.facts import Fact, Snapshot
from store.lake import MEMORY, Lake, Manifest
from store.packing import stored_type
from store.quoting import quote
from store.statement import parsed

if TYPE_CHECKING:
    from store.ledger import Entry

MONTH = "=month"  # the partition of a stored view; no column of a view is called so
RUN = 12
READABLE = ("range", "generate_series", "unnest")  # functions in FROM that read nothing from outside
Schemas = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
Bounds = tuple[datetime | None, datetime | None]


@dataclass(frozen=True)
class Plan:
    """A view with the snapshots that it reads: all that its rows depend on."""

    view: Feature
    sources: Mapping[str, Manifest]
    contracts: Mapping[str, Contract]

    @property
    def dataset(self) -> str:
        return f"{self.view.name}.view"

    @cached_property
    def columns(self) -> dict[str, str]:
        """The view's columns with the types that they have once they are stored."""
        schemas = tuple((name, tuple(source.columns.items())) for name, source in sorted(self.sources.items()))
        return {name: stored_type(kind) for name, kind in columns_of(self.view, schemas).items()}

    @property
    def values(self) -> list[str]:
        """The columns that are neither entity nor time."""
        return [name for name in self.columns if name not in self.view.entity and name != self.view.time]

    @cached_property
    def version(self) -> str:
        """Digest of what is declared: the SQL, its entity and its time."""
        content = [self.view.sql.strip(), self.view.entity, self.view.time, list(self.columns.items()),
                   duckdb.__version__]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    @cached_property
    def key(self) -> str:
        """Digest of the version and of the snapshots that it reads: the same key, the same rows."""
        return self.key_of((None, None))

    def key_of(self, bounds: Bounds) -> str:
        """The same for the rows of a stretch of time, and the files that they need."""
        needed = {name: source.id for name, source in sorted(self.narrowed(bounds).items())}
        content = [self.version, [str(each) for each in bounds], needed]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def narrowed(self, bounds: Bounds) -> dict[str, Manifest]:
        """The files that rows between the bounds may depend on: a day of slack, for the time of day and its zone."""
        first, end = bounds
        if self.view.lookback is None:
            return dict(self.sources)
        low = f"{first - self.view.lookback - timedelta(days=1):%Y-%m-%d}" if first else "0"
        high = f"{end + timedelta(days=1):%Y-%m-%d}" if end else "~"
        return {name: source.within(day=(low, high)) for name, source in self.sources.items()}

    @cached_property
    def stretches(self) -> list[tuple[str, Bounds]]:
        """The months (UTC) in which the view is stored; one stretch where it needs all of its history anyway."""
        days = sorted({file.partition["day"] for source in self.sources.values() for file in source.files
                       if "day" in file.partition})
        if self.view.lookback is None or len(days) < 2:
            return [("all", (None, None))]
        months = list(_months(date.fromisoformat(days[0]), date.fromisoformat(days[-1])))
        starts = [datetime.combine(month, time(), UTC) for month in months]
        return [(f"{month:%Y-%m}", (None if place == 0 else starts[place],
                                    starts[place + 1] if place + 1 < len(starts) else None))
                for place, month in enumerate(months)]


def _months(first: date, last: date) -> Iterator[date]:
    month = first.replace(day=1)
    while month <= last:
        yield month
        month = (month + timedelta(days=32)).replace(day=1)


@dataclass(frozen=True)
class Built:
    """The stored rows of a view, and how many of its stretches were computed now."""

    plan: Plan
    manifest: Manifest
    fresh: int
    stretches: int
    changed: bool


def plan_of(session: Session, name: str, at: str = "") -> Plan:
    """The view with its current sources, or with those that carry a tag; NotDeclared with the nearest name."""
    project = session.declared()
    view: Feature = project.one("feature", name)
    read = _datasets(view, tuple(project.datasets))
    sources = {each: session.snapshot(f"{each}@{at}" if at else each) for each in read}
    return Plan(view, sources, {each: project.datasets[each] for each in read})


@lru_cache(maxsize=256)
def _datasets(view: Feature, declared: tuple[str, ...]) -> tuple[str, ...]:
    """The datasets that a view's SQL reads; BadInput where it reads anything else, or is not steady."""
    with duckdb.connect(":memory:") as connection:
        statement = parsed(pointintime.body(view), view.path, connection)
    found = []
    for each in statement.tables:
        exact = next((name for name in declared if name.lower() == each.name.lower()), None)
        if exact is None:
            known = f"Declared: {', '.join(sorted(declared)) or 'none'}."
            raise NotDeclared(f"Feature '{view.name}' reads '{each.name}', which is no declared dataset.",
                              where=f"{view.path}:{each.line}", next=nearest(each.name, declared) or known)
        found.append(exact)
    for each in statement.sources:
        if each.name not in READABLE:
            raise BadInput(f"Feature '{view.name}' reads from {each.name}().", where=f"{view.path}:{each.line}",
                           next="Declare a dataset, and read it by its name.")
    for each in statement.unsteady:
        raise BadInput(f"Feature '{view.name}' uses {each.name}, which gives another answer each time.",
                       where=f"{view.path}:{each.line}", next="A view depends on its data alone.")
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=256)
def columns_of(view: Feature, schemas: Schemas) -> dict[str, str]:
    """The columns that a view gives for datasets of these columns, with their types; entity and time are among them."""
    connection = duckdb.connect(":memory:")
    for name, columns in schemas:
        listed = ", ".join(f"{quote(column)} {kind}" for column, kind in columns)
        connection.execute(f"CREATE TABLE {quote(name)} ({listed})")
    try:
        described = connection.execute(f"DESCRIBE {pointintime.body(view)}").fetchall()
    except duckdb.Error as problem:
        raise Unreadable(f"The SQL of feature '{view.name}' does not run: {problem}", where=view.path) from problem
    finally:
        connection.close()
    found = {str(row[0]): str(row[1]) for row in described}
    for column in (*view.entity, view.time):
        if column not in found:
            raise Unreadable(f"Feature '{view.name}' gives no column '{column}'.", where=view.path,
                             next=nearest(column, found) or f"It gives {', '.join(found)}.")
    if not found[view.time].startswith(("TIMESTAMP", "DATE")):
        raise Unreadable(f"The time '{view.time}' of feature '{view.name}' is {found[view.time]}.", where=view.path,
                         next="Give a date or a timestamp.")
    return found


# -- building -------------------------------------------------------------------------------------------------------


def rows_of(session: Session, plan: Plan, between: Bounds = (None, None)) -> tuple[dict[str, Manifest], int]:
    """The view's rows by stretch of time, and how many stretches were computed now; nothing is announced."""
    return rows_of_plan(session.data(), plan, between, session.progress)


def rows_of_plan(lake: Lake, plan: Plan, between: Bounds = (None, None), progress: Progress = quiet) -> tuple[
        dict[str, Manifest], int]:
    """The same without a session. Months that follow each other and were never computed take one query."""
    wanted = [(name, bounds) for name, bounds in plan.stretches if _touches(bounds, between)]
    known = {name: lake.result(plan.dataset, plan.key_of(bounds)) for name, bounds in wanted}
    files, fresh = {name: found for name, found in known.items() if found is not None}, 0
    for run in _runs(wanted, dict(files)):
        progress(len(files), len(wanted), f"building {plan.view.name} {run[0][0]}")
        made = computed(lake, plan, (run[0][1][0], run[-1][1][1]))
        for place, (name, bounds) in enumerate(run):
            files[name] = Manifest(plan.dataset, made.columns, tuple(
                file for file in made.files if _belongs(file.partition.get(MONTH, name), name, place, len(run))))
            lake.keep_result(plan.key_of(bounds), files[name])
            fresh += 1
    progress(len(wanted), len(wanted), f"built {plan.view.name}")
    return {name: files[name] for name, _ in wanted}, fresh


def _runs(wanted: Sequence[tuple[str, Bounds]], known: Mapping[str, Manifest]) -> Iterator[list[tuple[str, Bounds]]]:
    """Stretches that follow each other and are not known, up to a year at once: who is killed loses no more."""
    run: list[tuple[str, Bounds]] = []
    for stretch in wanted:
        if run and (stretch[0] in known or stretch[1][0] != run[-1][1][1] or len(run) == RUN):
            yield run
            run = []
        if stretch[0] not in known:
            run.append(stretch)
    if run:
        yield run


def _belongs(label: str, name: str, place: int, count: int) -> bool:
    """Whether a file's month is that of a stretch; what lies before the first or after the last is theirs."""
    return label == name or (place == 0 and label < name) or (place == count - 1 and label > name)


def build(session: Session, plan: Plan, between: Bounds = (None, None)) -> Built:
    """The view's rows in the lake; what was computed before from the same SQL and files is not computed again.

    With `between`, only the months that it touches are computed; the others stay as they were built last.
    """
    files, fresh = rows_of(session, plan, between)
    manifest, changed = _commit(session, plan, files, whole=len(files) == len(plan.stretches))
    return Built(plan, manifest, fresh, len(files), changed)


def together(plan: Plan, made: Mapping[str, Manifest]) -> Manifest:
    """The files of all stretches as one state of the view."""
    files = {file.path: file for part in made.values() for file in part.files}
    columns = next((part.columns for part in made.values() if part.columns), plan.columns)
    return Manifest(plan.dataset, columns, tuple(sorted(files.values(), key=lambda file: file.path)))


def _touches(bounds: Bounds, between: Bounds) -> bool:
    (first, end), (start, stop) = bounds, between
    return not ((stop and first and first >= stop) or (start and end and end <= start))


def computed(lake: Lake, plan: Plan, bounds: Bounds) -> Manifest:
    """The rows of a stretch of time as files, sorted by entity and time, each entity and time once.

    One thread: the sums of floating-point numbers have one order. A row without entity or time cannot be asked for,
    and is left out.
    """
    view, partitioned = plan.view, len(plan.stretches) > 1
    moment = _aware(quote(view.time))
    cut = [f"{moment} {sign} {pointintime.moment(bound)}" for sign, bound in zip((">=", "<"), bounds, strict=True)
           if bound is not None]
    query = deduplicated(plan, cut)
    keys = (*view.entity, view.time)
    with duckdb.connect(":memory:", config={
            "threads": 1, "memory_limit": MEMORY,
            "temp_directory": str(lake.root / "_staging" / f"spill-{view.name}")}) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET autoinstall_known_extensions = false")
        for name, source in plan.narrowed(bounds).items():
            connection.execute(f"CREATE TEMP VIEW {quote(name)} AS SELECT * FROM {alike(lake, source)}")
        if partitioned:
            query = f"SELECT *, strftime({moment}, '%Y-%m') AS {quote(MONTH)} FROM ({query})"
        try:
            return lake.write(plan.dataset, query, sort=keys, partition_by=(MONTH,) if partitioned else (),
                              connection=connection, codec="lz4_raw")
        except duckdb.Error as problem:
            first = str(problem).splitlines()[0]
            raise BadInput(f"Feature '{view.name}' cannot be computed: {first.partition('Error: ')[2] or first}",
                           where=view.path, next="The data or the SQL do not fit.") from problem


def _aware(time: str) -> str:
    """A time as an instant; one without a zone is in UTC."""
    return f"CAST({time} AS TIMESTAMPTZ)"


def deduplicated(plan: Plan, where: Sequence[str] = ()) -> str:
    """The view's rows in their stored types, each entity and time once: the last in the order of the other columns."""
    view = plan.view
    shown = ", ".join(f"CAST({quote(name)} AS {kind}) AS {quote(name)}" for name, kind in plan.columns.items())
    there = [f"{quote(name)} IS NOT NULL" for name in (*view.entity, view.time)]
    distinct = "" if plan.values else "DISTINCT "
    return (f"SELECT {distinct}{shown} FROM ({pointintime.body(view)}\n) WHERE "
            f"{' AND '.join([*there, *where])}{pointintime.once(view, list(plan.columns))}")


def alike(lake: Lake, source: Manifest) -> str:
    """The rows of a source with its columns of today, whatever its older files have: a day alone reads like all."""
    columns = [(quote(name), kind) for name, kind in source.columns.items()]
    none = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns)
    shown = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in columns)
    return f"(SELECT {shown} FROM (SELECT {none} WHERE false UNION ALL BY NAME SELECT * FROM {lake.scan(source)}))"


def _commit(session: Session, plan: Plan, made: Mapping[str, Manifest], *, whole: bool) -> tuple[Manifest, bool]:
    """Make the files the view's state; months that were not asked for stay, if they are of the same version."""
    lake, landed, new = session.data(), list[Manifest](), together(plan, made)
    touched = {file.partition.get(MONTH) for file in new.files} | set(made)

    def decide(entries: "Sequence[Entry]") -> Iterable[Fact]:
        last = _last([entry for entry in entries if entry.subject == plan.dataset])
        same = last is not None and not whole and _version(last) == plan.version
        kept = lake.manifest(plan.dataset, last.snapshot).files if last and same else ()
        files = (*new.files, *(file for file in kept if file.partition.get(MONTH) not in touched))
        manifest = Manifest(plan.dataset, new.columns, tuple(sorted(files, key=lambda file: file.path)))
        landed[:] = [manifest]
        key = f"{plan.version}/{plan.key if whole else ''}"
        if last is not None and (last.snapshot, last.key) == (manifest.id, key):
            return ()
        lake.require(new)
        lake.keep(manifest)
        return (Snapshot(subject=plan.dataset, snapshot=manifest.id, parent=last.snapshot if last else "",
                         rows=manifest.rows, bytes=manifest.bytes, source="feature build", key=key),)

    added = session.ledger.transact(decide)
    return landed[0], bool(added)


def last_built(session: Session, view: str) -> Snapshot | None:
    """The newest state of a stored view: its `key` is the version, and what all of it was built from."""
    return _last(session.ledger.entries("snapshot", subject=f"{view}.view"))


def _last(entries: "Sequence[Entry]") -> Snapshot | None:
    return next((entry.fact for entry in reversed(entries) if isinstance(entry.fact, Snapshot) and not entry.fact.tag),
                None)


def _version(snapshot: Snapshot) -> str:
    return snapshot.key.partition("/")[0]
