"""The rows of a model with their features, built day by day and kept."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

import duckdb

from mlops_tui.declarations.kinds import Feature, Model
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import BadInput
from mlops_tui.features import _leaks as leaks
from mlops_tui.features._built import alike, columns_of
from mlops_tui.inputs.moments import moment
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, View
from store.lake import Lake, Manifest
from store.quoting import quote

DAY, MONTH = timedelta(days=1), timedelta(days=31)


@dataclass(frozen=True)
class Job:
    """What is to be built: the declarations, the window, and the files that it reads."""

    name: str
    model: Model
    contract: Contract
    views: tuple[Feature, ...]
    bounds: tuple[datetime, datetime]
    sources: Mapping[str, Manifest]
    contracts: Mapping[str, Contract]
    zone: str

    @property
    def dataset(self) -> str:
        return f"{self.name}.features"


def build(session: Session, model: str, day: str | None, start: str | None, end: str | None, check_leaks: int) -> View:
    """A model's rows of a window with every feature as known at the row's time; days built before stay."""
    job = _job(session, model, _bounds(session, day, start, end))
    built, fresh = _built(session, job)
    view = _view(job, built, fresh)
    return _leaks(session, job, built, check_leaks, view) if check_leaks > 0 else view


def _bounds(session: Session, day: str | None, start: str | None, end: str | None) -> tuple[date, date]:
    zone = session.declared().zone
    if day is not None:
        if start or end:
            raise BadInput("Give --day, or --from and --to, not both.")
        first = moment(day, zone).date()
        return first, first + timedelta(days=1)
    if start is None or end is None:
        raise BadInput("Which rows?", next="Give --day DAY, or --from DAY and --to DAY.")
    first, last = moment(start, zone).date(), moment(end, zone).date()
    if first >= last:
        raise BadInput(f"--from {first} is not before --to {last}.")
    return first, last


def _job(session: Session, text: str, days: tuple[date, date]) -> Job:
    project = session.declared()
    subject = project.subject(text, "model")
    model = project.model(subject.name)
    views = pointintime.declared_views(model, project.features, str(project.path_of("model", subject.name)))
    bounds = tuple(datetime.combine(day, time(), project.zone) for day in days)
    whole = Job(subject.name, model, project.dataset(model.label.dataset), tuple(views), (bounds[0], bounds[1]),
                {name: session.snapshot(name) for name in _datasets(model, views, project.datasets)},
                project.datasets, str(project.zone))
    return narrowed(whole, whole.bounds)


def _datasets(model: Model, views: Sequence[Feature], declared: Mapping[str, Contract]) -> list[str]:
    return [reading.dataset for reading in pointintime.readings(model, views, list(declared))]


def narrowed(job: Job, bounds: tuple[datetime, datetime]) -> Job:
    """The same for a shorter window, reading only the days that its rows need."""
    sources: dict[str, Manifest] = {}
    for reading in pointintime.readings(job.model, job.views, list(job.contracts)):
        source = job.sources[reading.dataset]
        if "day" in job.contracts[reading.dataset].partition_by and reading.back is not None:
            first, last = bounds[0] - reading.back - timedelta(days=1), bounds[1] - timedelta(microseconds=1)
            source = source.within(day=(f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"))
        sources[reading.dataset] = source
    return replace(job, bounds=bounds, sources=sources)


def _built(session: Session, job: Job) -> tuple[Manifest, int]:
    """The window's files, each day's computed unless it was before from the same inputs; and how many days were."""
    lake, keys = session.data(), _day_keys(job)
    known = {day: found for day, key in keys.items() if (found := lake.result(job.dataset, key)) is not None}
    missing = [day for day in keys if day not in known]
    for first, last in _runs(missing):
        part = narrowed(job, (_midnight(job, first), _midnight(job, last + DAY)))
        written = lake.write(job.dataset, _select(part), partition_by=("day",), connection=_opened(lake, part))
        files = {file.partition["day"]: (file,) for file in written.files}
        for day in (each for each in missing if first <= each <= last):
            known[day] = Manifest(job.dataset, written.columns, files.get(str(day), ()))
            lake.keep_result(keys[day], known[day])
    built = _together(job, list(known.values()))
    if not built.files:
        raise BadInput(f"'{job.model.label.dataset}' has no rows from {job.bounds[0]:%Y-%m-%d} to "
                       f"{job.bounds[1]:%Y-%m-%d}.", next=f"Try: mlops-tui snapshot log {job.model.label.dataset}")
    lake.keep(built)
    session.commit(built, source="windows", key=_key(job))
    return built, len(missing)


def _day_keys(job: Job) -> dict[date, str]:
    """The key of each local day of the window."""
    first, end = (bound.date() for bound in job.bounds)
    keys: dict[date, str] = {}
    while first < end:
        last = min(first + MONTH, end)  # a day's files are looked up among those of its month, not of all years
        month = narrowed(job, (_midnight(job, first), _midnight(job, last)))
        for day in (first + DAY * number for number in range((last - first).days)):
            keys[day] = _key(narrowed(month, (_midnight(job, day), _midnight(job, day + DAY))))
        first = last
    return keys


def _key(job: Job) -> str:
    """Digest of all that the rows depend on, the query and the snapshots that it reads: the same key, the same rows."""
    content = [_select(job), {name: source.id for name, source in sorted(job.sources.items())}, duckdb.__version__]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _midnight(job: Job, day: date) -> datetime:
    return datetime.combine(day, time(), job.bounds[0].tzinfo)


def _runs(days: Sequence[date]) -> list[tuple[date, date]]:
    """Days that follow each other, as first and last: each run is built in one query."""
    there = set(days)
    return list(zip([day for day in days if day - DAY not in there], [day for day in days if day + DAY not in there],
                    strict=True))


def _together(job: Job, parts: Sequence[Manifest]) -> Manifest:
    files = sorted((file for part in parts for file in part.files), key=lambda file: file.path)
    return Manifest(job.dataset, parts[0].columns, tuple(files))


def _opened(lake: Lake, job: Job, cut: datetime | None = None) -> duckdb.DuckDBPyConnection:
    """A connection that sees the job's datasets by name; with `cut`, only what was known then."""
    connection = lake.connect()
    for name, source in job.sources.items():
        scan = alike(lake, source)
        query = f"SELECT * FROM {scan}" if cut is None else pointintime.as_known(job.contracts[name], scan, cut)
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {quote(name)} AS {query}")
    return connection


def _select(job: Job) -> str:
    key = pointintime.key_columns(job.model, job.contract)
    schemas = tuple((name, tuple(source.columns.items())) for name, source in job.sources.items())
    columns = {view.name: list(columns_of(view, schemas)) for view in job.views}
    return pointintime.join(job.model, key, columns, {view.name: view for view in job.views}, job.bounds, job.zone)


def _view(job: Job, built: Manifest, fresh: int) -> View:
    facts: dict[str, Cell] = {"rows": built.rows, "features": len(built.columns), "from": f"{job.bounds[0]:%Y-%m-%d}",
                              "to": f"{job.bounds[1]:%Y-%m-%d}", "dataset": job.dataset, "key": _key(job),
                              "built": "now" if fresh else "already there", "days_built": fresh}
    rows: list[Row] = [{"feature": view.name, "entity": view.entity, "available_after": str(view.available_after),
             "description": view.description} for view in job.views]
    table = Table.of("features", rows, "feature", "entity", Column("available_after", "known after"), "description")
    return View(f"Features of {job.name}", Status.DONE, (Facts(facts), table),
                (Action("Train on them", ("train", job.name)),))


def _leaks(session: Session, job: Job, built: Manifest, wanted: int, view: View) -> View:
    """Recompute sampled rows with everything removed that was not known at their time; any difference is a leak."""
    lake = session.data()
    key = pointintime.key_columns(job.model, job.contract)
    time_column = quote(job.model.split.time)
    picked = leaks.moments(lake.connect(), lake.scan(built), time_column, wanted)
    differing: dict[str, int] = {}
    compared = 0
    for done, at in enumerate(picked):
        session.progress(done, len(picked), "looking for leaks")
        compared += _compare_at(lake, job, built, at, key, differing)
    session.progress(len(picked), len(picked), "looking for leaks")
    found = leaks.Looked(compared, len(picked), differing)
    said = leaks.said(session, job.name, found, (built.id,), session.declaration("model", job.name))
    return View(said.title, said.status, (*view.parts, *said.parts), view.actions)


def _compare_at(lake: Lake, job: Job, built: Manifest, at: datetime, key: Sequence[str],
                differing: dict[str, int]) -> int:
    """Count, for each column, the rows of one moment whose value changes when the future is removed."""
    narrow = narrowed(job, (at, at + timedelta(microseconds=1)))
    connection = _opened(lake, narrow, cut=at)
    query = _select(narrow)
    values = [column for column in built.columns if column not in (*key, job.model.split.time, "day")]
    same = " AND ".join(f"a.{quote(column)} = b.{quote(column)}" for column in key)
    counts = ", ".join(f"count(*) FILTER (a.{quote(column)} IS DISTINCT FROM b.{quote(column)})" for column in values)
    day = f"{at.astimezone(job.bounds[0].tzinfo):%Y-%m-%d}"
    there = lake.scan(built.within(day=(day, day)))
    row = connection.execute(f"SELECT count(*), {counts} FROM ({query}) a JOIN {there} b ON {same}").fetchall()[0]
    for column, count in zip(values, row[1:], strict=True):
        if count:
            differing[column] = differing.get(column, 0) + int(count)
    return int(row[0])
