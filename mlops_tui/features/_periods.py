"""The columns of a subject or a file in sketches, one for each period, and those that they are held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_tui import folds
from mlops_tui.analysis import sketch
from mlops_tui.analysis.sketch import Sketch
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.errors import BadInput
from mlops_tui.profiling import profiles, windowed
from mlops_tui.project import Subject
from mlops_tui.session import Session
from mlops_tui.view import counted
from store.lake import Manifest
from store.quoting import literal, quote
from store.scan import Kind, Scan, engine, scan_file

EVERY = ("day", "week", "month")
FIRST = 4  # periods that the others are held against where nothing else is said
MOST = 60  # periods that are looked at
SCORE = "score"
IDS = 100  # rows from which on different texts or whole numbers in each of them are taken for ids

Columns = Mapping[str, Sketch]
Periods = Mapping[str, Columns]


@dataclass(frozen=True)
class Compared:
    """A reference in words, its columns, and those of each period by its first day; where they were read."""

    words: str
    reference: Columns
    periods: Periods
    where: str
    data: tuple[str, ...] = ()


def start_of(day: date, every: str, newest: date) -> date:
    """The first day of the period that the day is in; weeks end with the weekday of the newest day."""
    if every == "month":
        return day.replace(day=1)
    return newest - timedelta(days=7 * ((newest - day).days // 7) + 6) if every == "week" else day


def whole(days: Sequence[date], every: str) -> dict[date, list[date]]:
    """The days by period; a first or last one that is not there to its end is left out, unless it is all there is."""
    newest = max(days)
    found: dict[date, list[date]] = {}
    for day in sorted(days):
        found.setdefault(start_of(day, every, newest), []).append(day)
    starts, oldest = list(found), min(days)
    if len(starts) > 2 and starts[0] < oldest:
        del found[starts[0]]
    if every == "month" and len(found) > 1 and (newest + timedelta(days=1)).day != 1:
        del found[starts[-1]]
    return found


# -- a model or a dataset -------------------------------------------------------------------------------------------


def of_subject(session: Session, subject: Subject, monitor: Monitor, every: str, *, windowed_: bool) -> Compared:
    """The built features of a model with its scores, or the rows of a dataset, day by day, put together by period."""
    source = windowed.source(session, subject)
    if not source.by_day:
        raise BadInput(f"'{subject.name}' is not partitioned by day.", where=source.where,
                       next="Declare partitionBy: [day], or name a file: --file F --time COLUMN.")
    days = _days(session, source.manifest)
    zone = session.declared().zone
    last = session.now().astimezone(zone).date()
    shown = [day for day in days if day <= last and (not windowed_ or day >= last - monitor.window)]
    if monitor.reference:
        found = windowed.reference(session, subject, monitor.reference,
                                   (datetime.combine(min(shown, default=last), time(), zone), session.now()))
        before, words = [day for day in days if _inside(day, found.spans, zone)], found.words
        shown = [day for day in shown if day not in before]
        by_period = whole(shown, every) if shown else {}
    else:
        by_period = whole(shown, every) if shown else {}
        first = list(by_period)[:-1][-MOST:][:max(1, min(FIRST, len(by_period) // 2))]
        before = [day for start in first for day in by_period.pop(start)]
        words = f"the first {counted(len(first), every)}, from {first[0]}" if first else "nothing"
    kept = dict(list(by_period.items())[-MOST:])
    reference = _merged([days[day] for day in before], source.columns)
    periods: Periods = {
        str(start): _merged([days[day] for day in held], source.columns) for start, held in kept.items()}
    if subject.kind == "model":
        reference, periods = _scored(session, subject.name, (before, reference), (kept, periods))
    return Compared(words, reference, periods, source.where, (source.manifest.id,))


def _days(session: Session, manifest: Manifest) -> dict[date, list[profiles.Profile]]:
    lake, found, size = session.data(), dict[date, list[profiles.Profile]](), len(manifest.files)
    for number, file in enumerate(manifest.files):
        session.progress(number, size, f"reading {manifest.dataset}")
        if "day" in file.partition:
            day = date.fromisoformat(file.partition["day"])
            found.setdefault(day, []).append(profiles.profile(lake, manifest.dataset, file))
    session.progress(size, size, f"reading {manifest.dataset}")
    return found


def _inside(day: date, spans: Sequence[windowed.Span], zone: tzinfo) -> bool:
    noon = datetime.combine(day, time(12), zone)
    return any(start <= noon < end for start, end in spans)


def _merged(parts: Sequence[Sequence[profiles.Profile]], names: Sequence[str]) -> Columns:
    """The columns of several days as one; times and ids are no features."""
    files = [each for part in parts for each in part]
    if not files:
        return {}
    found = profiles.merged(files).columns
    return {name: each for name in names if (each := found.get(name)) is not None and each.kind != "time"}


def _scored(session: Session, model: str, before: tuple[Sequence[date], Columns],
            after: tuple[Mapping[date, Sequence[date]], Periods]) -> tuple[Columns, Periods]:
    """The model's answers beside its features; against the held-out answers where none were given in the reference."""
    log = session.current(f"{model}.predictions")
    days = _days(session, log) if log is not None else {}
    own = [each.columns[SCORE] for day in before[0] for each in days.get(day, ())]
    reference = sketch.together(own) if own else _held_out(session, model)
    if reference is None or not days:
        return before[1], after[1]
    periods = dict(after[1])
    for start, held in after[0].items():
        there = [each.columns[SCORE] for day in held for each in days.get(day, ())]
        periods[str(start)] = {**periods[str(start)], **({SCORE: sketch.together(there)} if there else {})}
    return {**before[1], SCORE: reference}, periods


def _held_out(session: Session, model: str) -> Sketch | None:
    """The champion's answers on the rows that it was judged on when it was trained."""
    trained = folds.model_state(session.ledger.entries("trained", "promotion"), model).trained("champion")
    if trained is None or not trained.scores:
        return None
    manifest = session.data().manifest(f"{model}.scores", trained.scores)
    kept = [each.columns.get(trained.candidate) for _, each in profiles.profiles(session.data(), manifest)]
    return sketch.together([each for each in kept if each is not None]) if any(kept) else None


# -- files ----------------------------------------------------------------------------------------------------------


def of_files(reference: Path, current: Path, chosen: Sequence[str]) -> Compared:
    """Two files, all rows of each."""
    connection = engine()
    sides = [scan_file(path, connection) for path in (reference, current)]
    for side in sides:
        _rows_in(side)
    names = [name for name in _columns(sides[0], chosen) if name in sides[1].fields]
    columns = [{name: _of_column(side, name) for name in names} for side in sides]
    kept = [name for name in names if not all(_ids(each[name]) for each in columns) or name in chosen]
    before, now = ({name: each[name] for name in kept} for each in columns)
    return Compared(reference.name, before, {current.name: now}, str(current))


def of_file(path: Path, when: str, every: str, chosen: Sequence[str], zone: tzinfo = UTC) -> Compared:
    """One file, its rows by period of a time column; the first quarter of them, four at most, is the reference."""
    side = scan_file(path, engine())
    _rows_in(side)
    if side.field(when).kind != "time":
        raise BadInput(f"'{when}' is {side.field(when).type}, not a time.", where=str(path),
                       next="Name a column of dates or times.")
    numbers, by_period = _periods(side, when, every, zone)
    starts = list(by_period)
    if len(starts) < 2:
        raise BadInput(f"All rows of '{path.name}' are of one {every}.", where=str(path),
                       next=f"Try --every {EVERY[max(EVERY.index(every) - 1, 0)]}, or give --reference and --current.")
    first = max(1, min(FIRST, len(starts) // 4))
    names = [name for name in _columns(side, chosen) if name != when]
    reference: dict[str, Sketch] = {}
    periods: dict[str, dict[str, Sketch]] = {str(start): {} for start in starts[first:][-MOST:]}
    for name in names:
        column, kind = _column(side, name), side.field(name).kind
        if _ids(_sketched(column, kind)) and name not in chosen:
            continue
        reference[name] = _sketched(column.filter(pa.array((numbers >= 0) & (numbers < first))), kind)
        for start, columns in periods.items():
            at = starts.index(date.fromisoformat(start))
            columns[name] = _sketched(column.filter(pa.array(numbers == at)), kind)
    return Compared(f"the first {counted(first, every)}, from {starts[0]}", reference, periods, str(path))


def _rows_in(side: Scan) -> None:
    if not side.rows:
        raise BadInput("The file has columns but no rows.", where=side.where, next="Name a file with data.")


def _columns(side: Scan, chosen: Sequence[str]) -> list[str]:
    for name in chosen:
        side.field(name)
    return list(chosen) or [name for name, field in side.fields.items() if field.kind != "time"]


def _column(side: Scan, name: str) -> pa.ChunkedArray:
    kind = side.field(name).kind
    cast = "DOUBLE" if kind == "numeric" else "VARCHAR"
    return side.arrow(f"CAST({quote(name)} AS {cast})")


def _of_column(side: Scan, name: str) -> Sketch:
    return _sketched(_column(side, name), side.field(name).kind)


def _sketched(column: pa.ChunkedArray, kind: Kind) -> Sketch:
    """Every value with its count: a file is compared exactly."""
    if kind == "numeric":
        return sketch.of_numbers(column.drop_null().to_numpy(), column.null_count, most=len(column))
    counted = pc.value_counts(column.drop_null())
    counts = dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True))
    return sketch.of_levels(counts, column.null_count, kind, most=len(column))


def _ids(each: Sketch) -> bool:
    """Whether it names rows: no value twice, and none of them a measurement."""
    whole = each.kind != "numeric" or bool((each.points == np.floor(each.points)).all())
    return each.n >= IDS and each.distinct == each.n and whole


def _periods(side: Scan, when: str, every: str, zone: tzinfo) -> tuple[np.ndarray, dict[date, list[date]]]:
    """The number of each row's period (-1: none), and the periods with their days."""
    aware = "WITH TIME ZONE" in side.field(when).type
    moment = f"timezone({literal(str(zone))}, {quote(when)})" if aware else quote(when)
    days = side.arrow(f"CAST({moment} AS DATE)")
    known = [day for day in pc.unique(days).to_pylist() if day is not None]
    if not known:
        raise BadInput(f"No row has a '{when}'.", where=side.where, next="Name a column of dates or times.")
    by_period = whole(known, every)
    of_day = {day: number for number, held in enumerate(by_period.values()) for day in held}
    places = pc.index_in(days, pa.array(known, pa.date32())).fill_null(len(known)).to_numpy()
    return np.array([*(of_day.get(day, -1) for day in known), -1])[places], by_period
