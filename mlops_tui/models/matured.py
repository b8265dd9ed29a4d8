"""Predictions beside the outcomes that are known by now: late labels join when they are late, never before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlops_tui import folds
from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import BadInput
from mlops_tui.inputs.moments import moment
from mlops_tui.logs.outcomes import AT, KNOWN, WEIGHT, Outcomes, joined, outcomes
from mlops_tui.logs.predictionlog import labels_of, needed_log
from mlops_tui.models.predicting import predicted, version_of
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from store.lake import Lake

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Matured:
    """Predictions of a window whose outcome is known, and how many are still waited for.

    `label` (n,) 0/1, a class's text or a number by the model's task, `score` (n,) as `predicting` says, `day` (n,) the
    local date as text, `version` (n,) who predicted. `total` counts every prediction of the window, `waiting` those
    whose outcome is not known yet, `never` those that will not get one. `answers` is what metrics are measured on,
    weighted where the model's rows are, and by day together; a class that came true and was never learnt is the last of
    its classes.
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


@dataclass(frozen=True)
class Arrivals:
    """Every prediction of a span, and when its outcome came in: what was known at any moment is a part of it.

    In order of time and key: `at` (n,) the time of a prediction and `known` (n,) that at which its outcome is known, in
    microseconds since 1970 (NEVER where it has none), `score` and `day` (n,). `rows` are the columns as they were read,
    `data` the snapshots they are of.
    """

    model: Model
    at: Counts
    known: Counts
    score: Floats
    day: npt.NDArray[np.str_]
    version: npt.NDArray[np.str_]
    rows: Mapping[str, Any]
    data: tuple[str, ...]

    def waits(self, now: datetime) -> Bools:
        """The predictions whose outcome is not known at that moment and may still come, (n,)."""
        late: Bools = self.known > micros(now)
        return late & ~self.given_up(now)

    def given_up(self, now: datetime) -> Bools:
        """Those that have no outcome, and that are old enough for it never to come, (n,)."""
        never: Bools = self.known == NEVER
        return never & (self.at <= micros(now - patience(self.model)))

    def of(self, version: str) -> "Arrivals":
        """The predictions of one version."""
        return self.chosen(self.version == version)

    def chosen(self, chosen: Any) -> "Arrivals":
        """Some of the predictions: a mask (n,), or a slice."""
        return Arrivals(self.model, self.at[chosen], self.known[chosen], self.score[chosen], self.day[chosen],
                        self.version[chosen], {name: each[chosen] for name, each in self.rows.items()}, self.data)

    def within(self, bounds: tuple[datetime, datetime]) -> "Arrivals":
        """The predictions with a time in `bounds`."""
        first, last = np.searchsorted(self.at, [micros(bounds[0]), micros(bounds[1])])
        return self.chosen(slice(first, last))

    def seen(self, now: datetime, bounds: tuple[datetime, datetime]) -> Matured:
        """What was known of the predictions of a window at a moment."""
        part = self.within(bounds)
        has, over = part.known <= micros(now), part.given_up(now)
        return Matured(np.asarray(part.rows["label"].data[has], dtype=LABELS[Task(self.model.task)]), part.score[has],
                       part.day[has], part.version[has], int(part.at.size), int(part.at.size - has.sum() - over.sum()),
                       int(over.sum()), bounds, self.data, part.answers(has))

    def answers(self, chosen: npt.NDArray[np.bool_]) -> Answers:
        """What the model answered on some of the predictions, all of which have an outcome."""
        return _answers(self.model, {name: each[chosen] for name, each in self.rows.items()}, self.day[chosen])


def window(now: datetime, length: timedelta) -> tuple[datetime, datetime]:
    """The window that ends now."""
    return now - length, now


def patience(model: Model) -> timedelta:
    """How long a prediction without an outcome is waited for: twice the declared delay of its label, two days at least.
    """
    return max(PATIENCE, 2 * model.label.delay)


def micros(moment: datetime) -> int:
    """An aware time in microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def arrivals(session: Session, name: str, bounds: tuple[datetime, datetime],
             scored: pa.Table | None = None, beside: Sequence[str] = ()) -> Arrivals:
    """The predictions of model `name` with a time in `bounds`, joined to the outcomes that the newest snapshot has.

    An outcome counts as known `label.delay` after `label.known_at` (or after the row's own time where that is not
    declared); a row whose outcome is null for longer than `patience` will never get one. Outcomes that came by
    themselves (`log label`) count before those of the label's dataset, from the moment they became known. Requests that
    failed are no predictions. `scored` stands in for the prediction log (another version's scores of the same rows);
    `beside` are columns of the label's dataset to have in `rows` as texts. NotFound where nothing was predicted yet.
    """
    project, lake = session.declared(), session.data()
    model = project.model(name)
    if scored is None:
        if session.current(labels_of(name)) is None:
            session.snapshot(model.label.dataset)  # without outcomes there is nothing to join, whatever was predicted
        log = needed_log(session, name).within(bounds, session)
        found = outcomes(session, log, bounds)
        query = joined(model, found, log.key, log.answers, failures=log.has("status"), beside=beside)
        return _arrived(model, _logged(lake, lake.scan(log.manifest), query, bounds), (log.manifest.id, *found.data))
    contract = project.dataset(model.label.dataset)
    labels = session.snapshot(model.label.dataset)
    if "day" in contract.partition_by:
        labels = labels.within(day=_days(bounds, session))
    given = [each for each in scored.column_names if each.startswith("answer")]
    key = pointintime.key_columns(model, contract)
    query = joined(model, Outcomes(lake.scan(labels), labels.columns, key), key, given, failures=False, beside=beside)
    connection = lake.connect()
    connection.register("scored", scored)
    return _arrived(model, connection.execute(query, _ends(bounds)).fetchnumpy(), (labels.id,))


def matured(session: Session, name: str, bounds: tuple[datetime, datetime], version: str = "",
            scored: pa.Table | None = None) -> Matured:
    """The predictions of model `name` with a time in `bounds`, joined to the outcomes known at the session's time.

    As `arrivals`; of one version where it is named.
    """
    found = arrivals(session, name, bounds, scored)
    return (found.of(version) if version else found).seen(session.now(), bounds)


@lru_cache(maxsize=1)
def _logged(lake: Lake, log: str, query: str, bounds: tuple[datetime, datetime]) -> dict[str, Any]:
    """The rows of one question, kept until the next: several checks ask it of the same, content-addressed files."""
    connection = lake.connect()
    connection.execute(f"CREATE TEMP VIEW scored AS SELECT * FROM {log}")
    return connection.execute(query, _ends(bounds)).fetchnumpy()


def _ends(bounds: tuple[datetime, datetime]) -> dict[str, datetime]:
    return {"from": bounds[0], "until": bounds[1]}


def judged_rows(session: Session, name: str, bounds: tuple[datetime, datetime], version: str = "") -> Matured:
    """The rows to judge a model by: what was served, or what the version named would have said.

    Without a version that is the champion, on its own rows alone: what another version answered says nothing of it. A
    version that does not serve is judged on rows of the window that it was not fitted on: those from the beginning of
    its test days on. NotFound where there is no such version.
    """
    if not version:
        return matured(session, name, bounds, serving(session, name))
    trained = version_of(session, name, version)
    state = folds.model_state(session.ledger.entries("trained", "promotion"), name)
    if trained.version == state.champion:
        return matured(session, name, bounds, trained.version)
    unseen = str(trained.detail.get("test_from") or trained.window[1])
    first = max(bounds[0], moment(unseen, session.declared().zone))
    rows = session.snapshot(f"{name}.features").within(day=_days((first, bounds[1]), session))
    return matured(session, name, (first, bounds[1]), scored=predicted(session, trained, rows))


def serving(session: Session, name: str) -> str:
    """The version that serves; empty where none was promoted."""
    return folds.model_state(session.ledger.entries("promotion"), name).champion


def _arrived(model: Model, found: Mapping[str, Any], data: tuple[str, ...]) -> Arrivals:
    rows = {name: np.ma.asarray(values) for name, values in found.items()}
    known = np.ma.filled(rows.pop(KNOWN).astype(np.int64), NEVER)
    at = np.asarray(rows.pop(AT).data, dtype=np.int64)
    return Arrivals(model, at, np.where(np.ma.getmaskarray(rows["label"]), NEVER, known),
                    np.ma.filled(rows["score"].astype(np.float64), np.nan),
                    np.asarray(rows["day"].data, dtype=np.str_), np.asarray(rows["version"].data, dtype=np.str_), rows,
                    data)


def _answers(model: Model, rows: Mapping[str, Any], day: npt.NDArray[np.str_]) -> Answers:
    """What the model answered, as metrics read it; rows of a day vary together."""
    task = Task(model.task)
    weight = np.ma.filled(rows[WEIGHT].astype(np.float64), np.nan) if model.weight else None
    if weight is not None and not (np.isfinite(weight) & (weight >= 0)).all():
        raise BadInput(f"The weight '{model.weight}' of some rows is no number from 0 up.", where=model.label.dataset,
                       next="Mend these rows.")
    label, score = rows["label"].data, np.ma.filled(rows["score"].astype(np.float64), np.nan)
    together = np.unique(day, return_inverse=True)[1]
    if task is not Task.MULTICLASS:
        return Answers(task, label == 1 if task is Task.BINARY else label.astype(np.float64), score, (), weight,
                       together)
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
    named = np.array([number[str(each)] for each in label], dtype=np.int64)
    return Answers(task, named, given, tuple(classes), weight, together)


LABELS = {Task.BINARY: np.int8, Task.MULTICLASS: np.str_, Task.REGRESSION: np.float64}
PATIENCE = timedelta(days=2)  # a row without an outcome is waited for at least so long
NEVER = np.iinfo(np.int64).max
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _days(bounds: tuple[datetime, datetime], session: Session) -> tuple[str, str]:
    zone = session.declared().zone
    return f"{bounds[0].astimezone(zone):%Y-%m-%d}", f"{bounds[1].astimezone(zone):%Y-%m-%d}"
