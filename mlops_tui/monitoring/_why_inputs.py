"""Which inputs moved, and how much of the mean score each of them goes with: its drift and its weight in one figure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlops_tui.analysis.interval import mean_interval
from mlops_tui.analysis.verdict import Limits
from mlops_tui.errors import NotFound
from mlops_tui.logs.predictionlog import log_of
from mlops_tui.models import predicting
from mlops_tui.monitoring._why_rows import Compared
from mlops_tui.oversight.watching import watchers
from mlops_tui.profiling import windowed, windowprofiles
from mlops_tui.profiling.shifts import compare
from mlops_tui.session import Session
from mlops_tui.view import Cell, Row
from store.quoting import quote

ROWS, SEED = 3000, 0


@dataclass(frozen=True)
class Inputs:
    """A row for each input, the heaviest first, or the `reason` why there is none; `weighed` says by which version."""

    rows: tuple[Row, ...] = ()
    reason: str = ""
    weighed: str = ""


def inputs(session: Session, case: Compared) -> Inputs:
    """Compare each input with the reference's period, and weigh it by what the model makes of the difference.

    `moves`: by how much the mean score would differ had the input the values it had then, rank by rank, all others as
    they are; with Student's t over days. `weight`: the mean change of a score when the input's values are shuffled
    among the rows (Breiman 2001, Mach. Learn. 45:5, of the score in place of the error, so that no outcome is needed).
    Inputs that stand for each other share what they move, so these do not add up.
    """
    try:
        source = _source(session, case.asked.model)
    except NotFound as problem:
        return Inputs(reason=problem.what)
    limits = _limits(session, case.asked.model)
    before, now = (windowprofiles.side(session, source, source.columns, (each,))
                   for each in (case.then_span, case.asked.bounds))
    for side, words in ((before, "the reference"), (now, "the window")):
        if all(side.nulls(name) == side.rows for name in source.columns):  # no rows, or from before inputs were logged
            return Inputs(reason=f"no features are kept of {words}")
    shifts = compare(before, now, limits, (), session.progress)
    moved = _moved(session, case, source)
    rows = [{"input": each.column, "distance": each.evidence.effect.low if each.evidence.effect else None,
             "limit": each.evidence.declared or None, "over": each.verdict.drifted,
             "reason": each.verdict.reason, **moved.get(each.column, {})} for each in shifts]
    weighed = f"version {case.version}" if moved else "nothing: the model could not be asked"
    return Inputs(tuple(sorted(rows, key=_heaviest)), "", weighed)


def _source(session: Session, model: str) -> windowed.Source:
    """The built features; of a model that is only watched, the inputs that its log holds. NotFound where neither is."""
    subject, log = session.declared().subject(model, "model"), log_of(session, model)
    if session.current(f"{model}.features") is None and log is not None and log.features:
        return windowed.Source(subject, log.manifest, log.time, log.features,
                               all("day" in file.partition for file in log.manifest.files))
    return windowed.source(session, subject)


def _heaviest(row: Row) -> tuple[float, float]:
    moves, distance = row.get("moves"), row["distance"]
    return (-abs(moves) if isinstance(moves, float) else 0.0, -distance if isinstance(distance, float) else 0.0)


def _limits(session: Session, model: str) -> Limits:
    """Those of the model's drift monitor where it has one."""
    names = watchers(session, "drift", model)
    given = session.declared().monitors[names[0]].limits if len(names) == 1 else {}
    return Limits(**{name: value for name, value in given.items() if name in Limits.__dataclass_fields__})


def _moved(session: Session, case: Compared, source: windowed.Source) -> dict[str, dict[str, Cell]]:
    """What each column moves and weighs, in points of the score; nothing where the version cannot be asked."""
    if case.trained is None or case.model.task != "binary":
        return {}
    try:
        score = predicting.scorer(session, case.trained)
    except NotFound:
        return {}
    now, then = (_sample(session, source, span) for span in (case.asked.bounds, case.then_span))
    if not (now.num_rows and then.num_rows):
        return {}
    days = np.unique(now.column("=day").to_numpy(zero_copy_only=False), return_inverse=True)[1]
    read = [each["name"] for each in case.trained.detail.get("inputs", ()) if each["name"] in now.column_names]
    return moves(score, now.select(read), then.select(read), days)


def _sample(session: Session, source: windowed.Source, span: windowed.Span) -> pa.Table:
    """Rows of a span chosen by the hash of all their values: the same ones whoever asks."""
    lake, time = session.data(), quote(source.time)
    connection = lake.connect()
    query = (f"SELECT *, CAST({time} AS DATE) AS \"=day\" FROM {lake.scan(source.manifest)} AS rows "
             f"WHERE {time} >= ? AND {time} < ? ORDER BY hash({time}, rows) LIMIT {ROWS}")
    return connection.sql(query, params=list(span)).to_arrow_table()


def moves(score: Callable[[pa.Table], npt.NDArray[np.float64]], now: pa.Table, then: pa.Table,
          days: npt.NDArray[np.integer], seed: int = SEED) -> dict[str, dict[str, Cell]]:
    """By column `moves` with `low` and `high`, and `weight`, in units of the score. `days` (n,) of the rows now."""
    draw, plain = np.random.default_rng(seed), score(now)
    per_day = np.bincount(days)
    found: dict[str, dict[str, Cell]] = {}
    for place, name in enumerate(now.column_names):
        column = now.column(name)
        was = plain - score(now.set_column(place, name, _as_then(column, then.column(name), draw)))
        mixed = score(now.set_column(place, name, column.take(pa.array(draw.permutation(len(column))))))
        a_day = np.bincount(days, was) / per_day
        bounds = mean_interval(a_day)
        found[name] = {"moves": float(a_day.mean()), "moves_low": bounds.low if bounds else None,
                       "moves_high": bounds.high if bounds else None, "weight": float(np.abs(mixed - plain).mean())}
    return found


def _as_then(now: pa.ChunkedArray, then: pa.ChunkedArray, draw: np.random.Generator) -> pa.ChunkedArray:
    """Each value replaced by the one of the same rank then; missing values rank last, equal ones in random order."""
    ranks = np.empty(len(now), dtype=np.int64)
    ranks[_rising(now, draw)] = np.arange(len(now))
    place = np.minimum(((ranks + 0.5) / len(now) * len(then)).astype(np.int64), len(then) - 1)
    return then.take(pa.array(_rising(then, draw)[place]))


def _rising(column: pa.ChunkedArray, draw: np.random.Generator) -> npt.NDArray[np.int64]:
    mixed = draw.permutation(len(column))
    order = pc.array_sort_indices(column.take(pa.array(mixed)).combine_chunks())  # missing values come last
    return np.asarray(mixed[order.to_numpy()], dtype=np.int64)


def heavy(rows: Sequence[Row]) -> list[Row]:
    """The inputs that surely move the mean score by half a point or more."""
    return [row for row in rows if isinstance(row.get("moves"), float) and abs(float(str(row["moves"]))) >= 0.005
            and isinstance(row["moves_low"], float) and isinstance(row["moves_high"], float)
            and not row["moves_low"] <= 0 <= row["moves_high"]]
