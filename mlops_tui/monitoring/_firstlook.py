"""The first verdicts on somebody's table of predictions: have the columns moved, and does the model still do well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
from duckdb import DuckDBPyConnection

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.clustered import reckoned
from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.analysis.radix import Codes, Grid, Profile
from mlops_tui.analysis.verdict import Limits
from mlops_tui.declarations.limits import LESS_IS_BETTER, USUAL
from mlops_tui.errors import BadInput
from mlops_tui.monitoring._guessed import Columns, guessed
from mlops_tui.profiling.shifts import Progress, Shift, compare, inside, profiled
from mlops_tui.view import Row, Status, counted, finite
from store.quoting import quote
from store.scan import Field, Levels, Scan

WEEKS = 4
DECIDED = ("accuracy", "precision", "recall", "f1")  # of answers that are yes or no, without a probability
FEW_CLASSES = 20
AT, PART, LABEL = "when it happened", "part of time", "what came true"  # names that no column has


@dataclass(frozen=True)
class Parted:
    """The rows with the part each is of: 0 is now, 1 and up are what it is compared with; None is older than that.

    `label` is the column of outcomes, empty where none is known.
    """

    table: str
    columns: Columns
    label: str
    words: str
    window: tuple[datetime, datetime] | None
    rows: int
    labelled: int
    duplicates: int = 0


@dataclass(frozen=True)
class Look:
    """What was found: each column's shift, and each metric now beside before."""

    parted: Parted
    before: int
    now: int
    shifts: tuple[Shift, ...]
    metrics: tuple[Row, ...]
    unmeasured: str

    @property
    def worse(self) -> list[Row]:
        return [row for row in self.metrics if row["status"] is Status.FAIL]


def looked(connection: DuckDBPyConnection, parted: Parted, progress: Progress) -> Look:
    """Compare what was answered now with what was answered before; the same functions as drift and performance."""
    names = [*parted.columns.features, *([parted.columns.score] if parted.columns.score else [])]
    found = connection.execute(f"SELECT DISTINCT {quote(PART)} FROM {parted.table} WHERE {quote(PART)} IS NOT NULL")
    parts = sorted(int(part) for part, in found.fetchall())
    now, before = (Weeks(tuple(_side(connection, parted, names, part) for part in parts if (part > 0) == earlier))
                   for earlier in (False, True))
    shifts = tuple(compare(before, now, Limits(), (), progress)) if names and before.rows and now.rows else ()
    metrics, unmeasured = _metrics(connection, parted)
    return Look(parted, before.rows, now.rows, shifts, tuple(metrics), unmeasured)


def parted(connection: DuckDBPyConnection, scan: Scan, columns: Columns, labels: "Labels | None") -> Parted:
    """The rows of a table with their outcomes, cut into now and before by time, or in halves where there is little."""
    table = quote(f"parted {uuid4()}")
    at = _moment(scan, columns.time) if columns.time else "row_number() OVER ()"
    label, joined, duplicates = (f"p.{quote(columns.label)}" if columns.label else "NULL"), "", 0
    if labels is not None:
        duplicates = labels.duplicates()
        label, joined = f"l.{quote(LABEL)}", (f"LEFT JOIN ({labels.once}) l ON CAST(p.{quote(columns.id)} AS VARCHAR) "
                                              "= l.key")
    connection.execute(f"CREATE TABLE {table} AS SELECT p.* EXCLUDE ({quote(AT)}), p.{quote(AT)}, {label} AS "
                       f"{quote(LABEL)} FROM (SELECT *, {at} AS {quote(AT)} FROM {scan.relation}) p {joined}")
    [(rows, labelled, first, last)] = connection.execute(
        f"SELECT count(*), count({quote(LABEL)}), min({quote(AT)}), max({quote(AT)}) FROM {table}").fetchall()
    part, words = _parts(columns, first, last)
    cut = quote(f"cut {uuid4()}")
    connection.execute(f"CREATE TABLE {cut} AS SELECT *, {part} AS {quote(PART)} FROM {table} "
                       f"ORDER BY {quote(PART)}, {quote(AT)}")
    connection.execute(f"DROP TABLE {table}")
    window = (_time(first), _time(last)) if columns.time and first is not None else None
    has = bool(labels or columns.label) and labelled > 0
    return Parted(cut, columns, LABEL if has else "", words, window, int(rows), int(labelled), duplicates)


def _parts(columns: Columns, first: int | None, last: int | None) -> tuple[str, str]:
    """The SQL of a row's part, and in words what is compared with what."""
    at, week = quote(AT), int(timedelta(days=7) / timedelta(microseconds=1))
    weeks = min(WEEKS, (last - first) // week) if columns.time and first is not None and last is not None else 0
    if weeks >= 1:
        age = f"({last} - {at}) // {week}"
        words = f"the last 7 days against the {counted(weeks, 'week')} before"
        return f"CASE WHEN {age} <= {weeks} THEN {age} END", words
    words = "the later half against the earlier one" if columns.time else "the second half against the first"
    return f"2 - ntile(2) OVER (ORDER BY {at})", words


def _moment(scan: Scan, name: str) -> str:
    """Microseconds since 1970 of a column of times, or of seconds or milliseconds since then."""
    field = scan.field(name)
    if field.kind == "time" and not field.type.startswith(("TIME ", "INTERVAL")) and field.type != "TIME":
        return f"epoch_us(CAST({quote(name)} AS TIMESTAMPTZ))"
    if field.kind == "numeric":
        value = f"CAST({quote(name)} AS DOUBLE)"
        return f"CAST(CASE WHEN abs({value}) > 1e11 THEN {value} * 1e3 ELSE {value} * 1e6 END AS BIGINT)"
    raise BadInput(f"'{name}' is no time: the column is {field.type}.", where=scan.where,
                   next="Write times as 2026-09-14T06:00:00Z, or name another column: --time COLUMN")


def _time(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def _side(connection: DuckDBPyConnection, parted: Parted, names: Sequence[str], part: int) -> Scan:
    """The rows of one part."""
    side = quote(f"side {uuid4()}")
    chosen = ", ".join(map(quote, names))
    connection.execute(f"CREATE VIEW {side} AS SELECT {chosen} FROM {parted.table} WHERE {quote(PART)} = {part}")
    return Scan(connection, side, "the predictions")


@dataclass(frozen=True)
class Weeks:
    """One side of the comparison, of which each week is a part: what weeks usually differ by is no drift."""

    parts: tuple[Scan, ...]
    where: str = "the predictions"

    @cached_property
    def rows(self) -> int:
        return sum(each.rows for each in self.parts)

    @property
    def fields(self) -> Mapping[str, Field]:
        return self.parts[0].fields if self.parts else {}

    def profiles(self, name: str, grid: Grid | None = None) -> list[Profile]:
        """All on the grid of the first one that has values."""
        found: list[Profile] = []
        for each in sorted(self.parts, key=lambda part: -part.rows):
            found.append(profiled(each, name, grid or (found[0].grid if found else None)))
        return found

    def levels(self, name: str, *, bucketed: bool = False) -> list[Levels]:
        found = [each.levels(name, bucketed=bucketed) for each in self.parts]
        mixed = any(each.bucketed for each in found) and not bucketed
        return [each.levels(name, bucketed=True) for each in self.parts] if mixed else found

    def nulls(self, name: str) -> int:
        return sum(each.nulls(name) for each in self.parts)

    def distinct(self, name: str) -> int | None:
        """Of several weeks, at least what each has: an id is there once in all of them."""
        return sum(each.distinct(name) for each in self.parts)

    def inside(self, name: str, grid: Grid, cells: Codes) -> Floats:
        return np.concatenate([np.empty(0), *(inside(each, name, grid, cells) for each in self.parts)])


# -- outcomes in a file of their own ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Labels:
    """Outcomes by id, in another file."""

    connection: DuckDBPyConnection
    scan: Scan
    key: str
    label: str

    @property
    def once(self) -> str:
        """The SQL of one outcome for each id."""
        return (f"SELECT CAST({quote(self.key)} AS VARCHAR) AS key, any_value({quote(self.label)}) AS {quote(LABEL)} "
                f"FROM {self.scan.relation} WHERE {quote(self.label)} IS NOT NULL GROUP BY 1")

    def duplicates(self) -> int:
        """How many ids have an outcome more than once; BadInput where those differ."""
        [(twice, differ)] = self.connection.execute(
            f"SELECT count(*) FILTER (n > 1), count(*) FILTER (d > 1) FROM (SELECT count(*) AS n, "
            f"count(DISTINCT {quote(self.label)}) AS d FROM {self.scan.relation} WHERE {quote(self.label)} IS NOT NULL "
            f"GROUP BY {quote(self.key)})").fetchall()
        if differ:
            raise BadInput(f"{counted(differ, 'id has', 'ids have')} several different outcomes in '{self.label}'.",
                           where=self.scan.where, next="Keep one outcome for each id.")
        return int(twice)


def labels_of(connection: DuckDBPyConnection, scan: Scan, columns: Columns, given: Mapping[str, str]) -> Labels:
    """The id and the outcome of a file of labels: the id that predictions have, and the column that is named so."""
    if not columns.id:
        raise BadInput("By which column do outcomes belong to predictions?", where=scan.where,
                       next="Say it: --id COLUMN")
    wanted = {"label": given["label"]} if "label" in given and given["label"] in scan.fields else {}
    key = columns.id if columns.id in scan.fields else ""
    found = guessed(scan, {**wanted, **({"id": key} if key else {})})
    others = [name for name in scan.fields if name not in (key or found.id, found.time, found.version)]
    label = found.label or (others[0] if len(others) == 1 else "")
    if not (key or found.id):
        raise BadInput(f"No column '{columns.id}' among the outcomes.", where=scan.where,
                       next="Give both files the same id, or name it: --id COLUMN")
    if not label:
        raise BadInput("Which column is the outcome?", where=scan.where,
                       next=f"Say it: --label {(others or ['COLUMN'])[0]}")
    return Labels(connection, scan, key or found.id, label)


# -- performance ------------------------------------------------------------------------------------------------


def _metrics(connection: DuckDBPyConnection, parted: Parted) -> tuple[list[Row], str]:
    """The metrics of both sides, or why there are none."""
    if not parted.columns.score:
        return [], "no column is the answer of the model: say it with --score COLUMN"
    if not parted.label:
        return [], "no outcome is known: name them with --labels FILE or --label COLUMN"
    found = connection.execute(
        f"SELECT {quote(LABEL)} AS label, {quote(parted.columns.score)} AS score, {quote(PART)} AS part, "
        f"{quote(AT)} // {24 * 3600 * 10**6} AS day FROM {parted.table} WHERE {quote(PART)} IS NOT NULL "
        f"AND {quote(LABEL)} IS NOT NULL AND {quote(parted.columns.score)} IS NOT NULL").fetchnumpy()
    part = np.asarray(found["part"])
    answers = _answers(np.ma.getdata(found["label"]), np.ma.getdata(found["score"]),
                       np.asarray(found["day"]) if parted.columns.time else None)
    if isinstance(answers, str):
        return [], answers
    now, before = answers.of(part == 0), answers.of(part > 0)
    return [_row(name, _measured(name, now), _measured(name, before)) for name in _wanted(answers)], ""


def _answers(label: npt.NDArray[Any], score: npt.NDArray[Any], day: npt.NDArray[Any] | None) -> Answers | str:
    """What was answered beside what happened, as metrics read it; or why it cannot be read so."""
    if not label.size:
        return "no prediction of these weeks has both an answer and an outcome"
    numbers, scores = _numbers(label), _numbers(score)
    if scores is not None and not np.isfinite(scores).all():
        return f"{counted(int((~np.isfinite(scores)).sum()), 'answer')} are no numbers"
    if numbers is not None and scores is not None and np.isin(numbers, (0.0, 1.0)).all():
        return Answers(Task.BINARY, numbers == 1, scores, together=day)
    if numbers is None and scores is not None:
        return "the outcome is a text and the answer a number: write the outcome as 0 and 1"
    if numbers is not None and scores is not None and not _classes(numbers, scores):
        return Answers(Task.REGRESSION, numbers, scores, together=day)
    happened, said = label.astype(np.str_), score.astype(np.str_)
    classes, place = np.unique(np.concatenate([happened, said]), return_inverse=True)
    return Answers(Task.MULTICLASS, place[:label.size], place[label.size:], tuple(map(str, classes)), together=day)


def _classes(label: npt.NDArray[np.float64], score: npt.NDArray[np.float64]) -> bool:
    """Whether numbers stand for classes: few whole ones, and every answer is one that happened."""
    known = np.unique(label)
    return bool(known.size <= FEW_CLASSES and (known == np.round(known)).all() and np.isin(score, known).all())


def _numbers(values: npt.NDArray[Any]) -> npt.NDArray[np.float64] | None:
    return values.astype(np.float64) if values.dtype.kind in "biuf" else None


def _wanted(answers: Answers) -> tuple[str, ...]:
    if answers.task is Task.MULTICLASS:
        return ("balanced_accuracy", "macro_f1", "accuracy")
    if answers.task is Task.BINARY:
        if np.isin(answers.given, (0.0, 1.0)).all():
            return DECIDED
        if ((answers.given < 0) | (answers.given > 1)).any():
            return ("roc_auc", "average_precision")
    return USUAL[str(answers.task)]


def _measured(name: str, answers: Answers) -> Estimate:
    if not answers.n:
        return Estimate(name, None, None, None, 0, reason="no outcome is known")
    try:
        found = reckoned(METRICS[name], answers)
    except ValueError as problem:
        return Estimate(name, None, None, None, answers.n, reason=str(problem))
    return found if "groups" not in found.method else replace(found, method=found.method.replace("groups", "days"))


def _row(name: str, now: Estimate, before: Estimate) -> Row:
    """A metric now and before. It is called worse only where the two intervals do not touch, which is cautious."""
    status, reason = _moved(name, now, before)
    return {"metric": name, "now": finite(now.value), "low": finite(now.low), "high": finite(now.high), "n": now.n,
            "before": finite(before.value), "before_low": finite(before.low), "before_high": finite(before.high),
            "n_before": before.n, "status": status, "reason": reason, "method": now.method}


def _moved(name: str, now: Estimate, before: Estimate) -> tuple[Status, str]:
    if now.low is None or now.high is None or before.low is None or before.high is None:
        return Status.UNKNOWN, now.reason or before.reason or "no interval"
    if name == "bias":
        return Status.DONE, "neither way is better"
    less = name in LESS_IS_BETTER
    worse = now.low > before.high if less else now.high < before.low
    better = now.high < before.low if less else now.low > before.high
    if worse or better:
        return (Status.FAIL if worse else Status.PASS), f"{'worse' if worse else 'better'}: the intervals do not touch"
    return Status.DONE, "the intervals overlap: no difference is seen"


