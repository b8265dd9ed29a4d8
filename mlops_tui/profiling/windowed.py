"""The rows of a subject in a window of time, and the rows of an earlier time that they are compared with."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from mlops_tui import folds
from mlops_tui.errors import BadInput, NotFound, nearest
from mlops_tui.inputs.moments import moment, span
from mlops_tui.project import Subject
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from store.lake import Manifest
from store.quoting import quote
from store.scan import Scan

WEEK = timedelta(days=7)
KINDS = ("same_weekdays", "training", "before", "window")

Span = tuple[datetime, datetime]  # start <= time < end


@dataclass(frozen=True)
class Source:
    """Where a subject's rows lie: the snapshot, the column that says when, and the columns that are values."""

    subject: Subject
    manifest: Manifest
    time: str
    columns: tuple[str, ...]
    by_day: bool

    @property
    def where(self) -> str:
        return f"{self.manifest.dataset}@{self.manifest.id[:12]}"


@dataclass(frozen=True)
class Reference:
    """What a window is compared with: spans of time, and in words."""

    spans: tuple[Span, ...]
    words: str


def source(session: Session, subject: Subject) -> Source:
    """The built features of a model, or the rows of a dataset. Keys, and the partition by day, are no values."""
    project = session.declared()
    if subject.kind == "model":
        model = project.model(subject.name)
        found = session.current(f"{subject.name}.features")
        if found is None:
            log = f"{subject.name}.predictions"  # a model that is only watched has its inputs there
            raise NotFound(f"'{subject.name}' has no features yet.", next=f"Try: mlops-tui drift {log}" if
                           log in project.datasets and session.current(log) is not None else
                           f"Try: mlops-tui windows {subject.name} --from DAY --to DAY")
        key, time = pointintime.key_columns(model, project.dataset(model.label.dataset)), model.split.time
    else:
        contract = project.dataset(subject.name)
        found, time = session.snapshot(subject), str(contract.custom("eventTime", ""))
        if time not in found.columns:
            raise BadInput(f"'{subject.name}' does not say when its rows happened.",
                           where=str(project.path_of("dataset", subject.name)),
                           next="Name the column: customProperties: [{property: eventTime, value: COLUMN}]")
        key = tuple(item.name for item in contract.properties if item.primaryKey)
    partitions = {name for file in found.files for name in file.partition}
    columns = tuple(name for name in found.columns if name not in {*key, *partitions, time})
    return Source(subject, found, time, columns, "day" in partitions)


def reference(session: Session, subject: Subject, declared: Mapping[str, Any], window: Span) -> Reference:
    """The spans that a monitor's `reference:` stands for; BadInput where it is none that we know.

    `same_weekdays: 4` (the default) are the same hours and weekdays in the four weeks before, by the project's clock on
    the wall; `training: true` the rows the champion was trained on; `before: 28d` the time just before the window;
    `window: [2013-01-01, 2013-06-01]` the days from the first up to the second.
    """
    kind, value = next(iter(declared.items()), ("same_weekdays", 4))
    if kind not in KINDS or len(declared) > 1:
        raise BadInput(f"'{', '.join(declared)}' is no reference.",
                       next=nearest(kind, KINDS) or f"One of: {', '.join(KINDS)}.")
    if kind == "same_weekdays" and isinstance(value, int) and value > 0:
        return Reference(_weeks(session, window, value), f"the same weekdays of {value} weeks before")
    if kind == "training" and value is True:
        return _training(session, subject)
    if kind == "before" and isinstance(value, str):
        return Reference(((window[0] - span(value, none=True), window[0]),), f"the {value} before")
    if kind == "window" and isinstance(value, list | tuple) and len(value) == 2:
        start, end = (moment(str(day), session.declared().zone) for day in value)
        return Reference(((start, end),), f"{value[0]} to {value[1]}")
    raise BadInput(f"'{kind}: {value}' is no reference.",
                   next="Write same_weekdays: 4, training: true, before: 28d or window: [DAY, DAY].")


def _weeks(session: Session, window: Span, weeks: int) -> tuple[Span, ...]:
    """The window moved back by whole weeks, so far that it does not overlap itself, in wall-clock time."""
    zone = session.declared().zone
    step = WEEK * max(1, -(-(window[1] - window[0]) // WEEK))
    local = [edge.astimezone(zone) for edge in window]
    return tuple((local[0] - step * back, local[1] - step * back) for back in range(1, weeks + 1))


def _training(session: Session, subject: Subject) -> Reference:
    state = folds.model_state(session.ledger.entries("trained", "promotion"), subject.name)
    trained = state.trained(subject.version)
    if subject.kind != "model" or trained is None:
        raise NotFound(f"'{subject.name}' has no {subject.version or 'champion'} with a training to compare with.",
                       next=f"Try: mlops-tui train {subject.name}")
    start, end = (moment(day, session.declared().zone) for day in trained.window)
    return Reference(((start, end),), f"the training of version {trained.version}")


@contextmanager
def rows_in(session: Session, found: Source, spans: Sequence[Span], columns: Sequence[str]) -> Iterator[Scan]:
    """Those rows, read once: a table in the memory of the lake's DuckDB, which spills; dropped afterwards."""
    lake, table = session.data(), quote(f"rows {uuid4()}")
    connection = lake.connect()
    when = [f"({quote(found.time)} >= {pointintime.moment(start)} AND {quote(found.time)} < {pointintime.moment(end)})"
            for start, end in spans]
    rows = lake.scan(days_of(session, found, spans))
    connection.execute(f"CREATE TABLE {table} AS SELECT {', '.join(map(quote, columns))} FROM {rows} "
                       f"WHERE {' OR '.join(when)} ORDER BY {quote(found.time)}")
    try:
        yield Scan(connection, table, found.where)
    finally:
        connection.execute(f"DROP TABLE {table}")


def days_of(session: Session, found: Source, spans: Sequence[Span]) -> Manifest:
    """Only the files of the days that are asked for."""
    if not found.by_day:
        return found.manifest
    zone = session.declared().zone
    days = [tuple(f"{edge.astimezone(zone):%Y-%m-%d}" for edge in span) for span in spans]
    files = tuple(file for file in found.manifest.files
                  if any(first <= file.partition.get("day", first) <= last for first, last in days))
    return Manifest(found.manifest.dataset, found.manifest.columns, files)
