"""Predictions beside the outcomes that are known by now: late labels join when they are late, never before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlops_tui import folds, pointintime
from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.errors import BadInput, NotFound
from mlops_tui.kinds import Model
from mlops_tui.moments import moment
from mlops_tui.predicting import predicted, version_of
from mlops_tui.session import Session
from store.lake import Lake, Manifest
from store.quoting import quote

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Matured:
    """Predictions of a window whose outcome is known, and how many are still waited for.

    `label` (n,) 0/1, a class's text or a number by the model's task, `score` (n,) as `predicting` says, `day` (n,) the
    local date as text, `version` (n,) who predicted. `total` counts every prediction of the window, `waiting` those
    whose outcome is not known yet, `never` those that will not get one. `answers` is what metrics are measured on,
    weighted where the model's rows are; a class that came true and was never learnt is the last of its classes.
    """

    label: npt.NDArray[Any]
    score: Floats
    day: npt.NDArray[np.str_]
    version: npt.NDArray[np.str_]
    total: int
    waiting: int
    never: int
    bounds: tuple[datetime, datetime]
    data: tuple[str, ...]
    answers: Answers

    @property
    def n(self) -> int:
        return int(self.label.size)

    @property
    def mature_share(self) -> float | None:
        """The share of the window's predictions whose outcome is in; None where there are none."""
        return (self.total - self.waiting) / self.total if self.total else None


def window(now: datetime, length: timedelta) -> tuple[datetime, datetime]:
    """The window that ends now."""
    return now - length, now


def matured(session: Session, name: str, bounds: tuple[datetime, datetime], version: str = "",
            scored: pa.Table | None = None) -> Matured:
    """The predictions of model `name` with a time in `bounds`, joined to the outcomes known at the session's time.

    An outcome counts as known `label.delay` after `label.known_at` (or after the row's own time where that is not
    declared); a row whose outcome is null two days after its own time will never get one. `scored` stands in for the
    prediction log (another version's scores of the same rows). Rows are in order of time and key. NotFound where
    nothing was predicted yet.
    """
    project, lake = session.declared(), session.data()
    model = project.model(name)
    contract = project.dataset(model.label.dataset)
    days = _days(bounds, session)
    labels = session.snapshot(model.label.dataset)
    if "day" in contract.partition_by:
        labels = labels.within(day=days)
    log = _predictions(session, name, days) if scored is None else None
    named = list(log.columns) if log is not None else scored.column_names if scored is not None else []
    given = [each for each in named if each.startswith("answer")]
    query = _query(model, pointintime.key_columns(model, contract), (lake.scan(labels), labels.columns), given,
                   bool(version))
    now = session.now()
    values = (now, now, *bounds, *([version] if version else []))
    if log is not None:
        return _split(model, _logged(lake, lake.scan(log), query, values), bounds, (log.id, labels.id))
    connection = lake.connect()
    connection.register("scored", scored)
    return _split(model, connection.execute(query, values).fetchnumpy(), bounds, (labels.id,))


@lru_cache(maxsize=1)
def _logged(lake: Lake, log: str, query: str, values: tuple[object, ...]) -> dict[str, Any]:
    """The rows of one question, kept until the next: several checks ask it of the same, content-addressed files."""
    connection = lake.connect()
    connection.execute(f"CREATE TEMP VIEW scored AS SELECT * FROM {log}")
    return connection.execute(query, values).fetchnumpy()


def judged_rows(session: Session, name: str, bounds: tuple[datetime, datetime], version: str = "") -> Matured:
    """The rows to judge a model by: what was served, or what the version named would have said.

    Without a version that is the champion, on its own rows alone: what another version answered says nothing of it. A
    version that does not serve is judged on rows of the window that it was not fitted on: those from the beginning of
    its test days on. NotFound where there is no such version.
    """
    if not version:
        serving = folds.model_state(session.ledger.entries("promotion"), name).champion
        return matured(session, name, bounds, serving)
    trained = version_of(session, name, version)
    state = folds.model_state(session.ledger.entries("trained", "promotion"), name)
    if trained.version == state.champion:
        return matured(session, name, bounds, trained.version)
    unseen = str(trained.detail.get("test_from") or trained.window[1])
    first = max(bounds[0], moment(unseen, session.declared().zone))
    rows = session.snapshot(f"{name}.features").within(day=_days((first, bounds[1]), session))
    return matured(session, name, (first, bounds[1]), scored=predicted(session, trained, rows))


def _predictions(session: Session, name: str, days: tuple[str, str]) -> Manifest:
    log = session.current(f"{name}.predictions")
    if log is None:
        raise NotFound(f"'{name}' has predicted nothing yet.", next=f"Try: mlops-tui score {name} --day DAY")
    return log.within(day=days)


def _query(model: Model, key: Sequence[str], labels: tuple[str, Mapping[str, str]], given: Sequence[str],
           one_version: bool) -> str:
    time, (scan, columns) = f"p.{quote(model.split.time)}", labels
    same = " AND ".join(f"p.{quote(column)} = l.{quote(column)}" for column in key)
    known = f"l.{quote(model.label.known_at or model.split.time)} + {pointintime.interval(model.label.delay)}"
    order = ", ".join([time, *(f"p.{quote(column)}" for column in key)])
    label = pointintime.outcome(f"l.{quote(model.label.column)}", columns.get(model.label.column, ""), model.task)
    more = [f"p.{quote(column)}" for column in given]
    more += [f"CAST(l.{quote(model.weight)} AS DOUBLE) AS {quote(WEIGHT)}"] if model.weight else []
    return (f"SELECT {', '.join([f'{label} AS label', 'p.score, p.day, p.version', *more])}, "
            f"coalesce({known} <= ?, false) AS mature, "
            f"coalesce({time} + {pointintime.interval(_PATIENCE)} <= ?, false) AS over "
            f"FROM scored p LEFT JOIN {scan} l ON {same} WHERE {time} >= ? AND {time} < ?"
            f"{' AND p.version = ?' if one_version else ''} ORDER BY {order}")


def _split(model: Model, found: Mapping[str, Any], bounds: tuple[datetime, datetime], data: tuple[str, ...]) -> Matured:
    label = np.ma.asarray(found["label"])
    missing = np.ma.getmaskarray(label)
    has = ~missing & np.asarray(found["mature"], dtype=bool)
    over = missing & np.asarray(found["over"], dtype=bool)
    rows = {name: np.ma.asarray(values)[has] for name, values in found.items()}
    answers = _answers(model, rows)
    return Matured(np.asarray(rows["label"].data, dtype=LABELS[answers.task]),
                   np.ma.filled(rows["score"].astype(np.float64), np.nan),
                   np.asarray(rows["day"].data, dtype=np.str_), np.asarray(rows["version"].data, dtype=np.str_),
                   int(label.size), int(label.size - has.sum() - over.sum()), int(over.sum()), bounds, data, answers)


def _answers(model: Model, rows: Mapping[str, Any]) -> Answers:
    """What the model answered, as metrics read it."""
    task = Task(model.task)
    weight = np.ma.filled(rows[WEIGHT].astype(np.float64), np.nan) if model.weight else None
    if weight is not None and not (np.isfinite(weight) & (weight >= 0)).all():
        raise BadInput(f"The weight '{model.weight}' of some rows is no number from 0 up.", where=model.label.dataset,
                       next="Mend these rows.")
    label, score = rows["label"].data, np.ma.filled(rows["score"].astype(np.float64), np.nan)
    if task is not Task.MULTICLASS:
        return Answers(task, label == 1 if task is Task.BINARY else label.astype(np.float64), score, (), weight)
    columns = [name for name, values in rows.items() if name.startswith("answer:")
               and not (label.size and np.ma.getmaskarray(values).all())]  # classes of another version are null here
    learnt = [name.removeprefix("answer:") for name in columns]
    said = rows["answer"].data if "answer" in rows else np.empty(0, dtype=object)
    classes = [*learnt, *sorted({*map(str, label), *map(str, said)} - set(learnt))]
    number = {name: place for place, name in enumerate(classes)}
    given: npt.NDArray[Any] = np.array([number[str(each)] for each in said], dtype=np.int64)
    if columns and not any(np.ma.getmaskarray(rows[name]).any() for name in columns):
        given = np.zeros((label.size, len(classes)))
        given[:, : len(columns)] = np.column_stack([rows[name].data for name in columns])
    return Answers(task, np.array([number[str(each)] for each in label], dtype=np.int64), given, tuple(classes), weight)


LABELS = {Task.BINARY: np.int8, Task.MULTICLASS: np.str_, Task.REGRESSION: np.float64}
WEIGHT = "row weight"
_PATIENCE = timedelta(days=2)  # a row without an outcome for that long will not get one


def _days(bounds: tuple[datetime, datetime], session: Session) -> tuple[str, str]:
    zone = session.declared().zone
    return f"{bounds[0].astimezone(zone):%Y-%m-%d}", f"{bounds[1].astimezone(zone):%Y-%m-%d}"
