"""Outcomes that still come: how much of each day is in, and what is expected of the days whose are not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from mlops_tui import folds
from mlops_tui.analysis import cbpe
from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.interval import Interval
from mlops_tui.analysis.maturity import Curve, Extremes, Lean, curve, extremes, lean
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import NotFound
from mlops_tui.models.matured import NEVER, Arrivals, Bools, arrivals, micros
from mlops_tui.session import Session

HISTORY = timedelta(days=120)
HOUR = 3_600_000_000
MATURE = 0.9      # of a day's outcomes that will ever come
NEARLY = 0.95     # of them: then the rest is small
WORST = 0.1       # calibration error out of time, above which scores say nothing of outcomes


@dataclass(frozen=True)
class Cohort:
    """The predictions of a day: how many, how many outcomes are in and still come, `by` when nearly all are."""

    day: str
    n: int
    known: int
    waiting: int
    by: datetime
    bounds: dict[str, Extremes]

    @property
    def share(self) -> float:
        return self.known / self.n


@dataclass(frozen=True)
class Waiting:
    """How outcomes come in: the curve by age in hours, the newest days, and the bias of looking early."""

    rows: Arrivals
    now: datetime
    curve: Curve
    cohorts: tuple[Cohort, ...]
    lean: Lean | None

    @property
    def ever(self) -> float:
        """The share of predictions that ever get an outcome."""
        return float(self.curve.share[-1]) if self.curve.share.size else 0.0

    @property
    def nearly(self) -> float | None:
        """The age in hours at which nearly all outcomes are in that ever come."""
        return self.curve.age_of(NEARLY * self.ever)

    def mature(self, cohort: Cohort) -> bool:
        return cohort.known >= MATURE * self.ever * cohort.n

    @property
    def open(self) -> tuple[Cohort, ...]:
        """The newest days whose outcomes are not yet in: those after the last day whose are."""
        days = list(self.cohorts)
        last = max((place for place, each in enumerate(days) if self.mature(each)), default=-1)
        return tuple(days[last + 1:])


def _champions(session: Session, name: str) -> list[tuple[datetime, str]]:
    """Which version served from when on."""
    entries = [entry for entry in session.ledger.entries("promotion") if entry.subject == name]
    return [(entry.recorded_at, folds.model_state(entries[: place + 1], name).champion)
            for place, entry in enumerate(entries)]


def served(session: Session, name: str) -> Arrivals:
    """What the version that served at each time predicted, over the past months. NotFound where that is nothing."""
    now = session.now()
    found = arrivals(session, name, (now - HISTORY, now))
    line = _champions(session, name)
    if line:
        since = np.array([micros(at) for at, _ in line])
        place = np.maximum(np.searchsorted(since, found.at, side="right") - 1, 0)
        found = found.chosen(np.array([version for _, version in line])[place] == found.version)
    if not found.at.size:
        raise NotFound(f"'{name}' predicted nothing in the {HISTORY.days} days before now.",
                       next=f"Try: mlops-tui score {name} --day DAY")
    return found


def waiting(rows: Arrivals, now: datetime, newest: int) -> Waiting:
    """How the outcomes of these predictions come in, with the `newest` days in detail."""
    came = rows.known <= micros(now)
    age = np.where(came, np.maximum(rows.known - rows.at, 0), micros(now) - rows.at) / HOUR
    found = curve(age, came)
    made = Waiting(rows, now, found, (), None)
    nearly = timedelta(hours=made.nearly or 0.0)
    names, day = np.unique(rows.day, return_inverse=True)
    cohorts = []
    for number in range(max(names.size - newest, 0), names.size):
        chosen = day == number
        part = came[chosen]
        still = rows.waits(now) & chosen
        last = datetime.fromtimestamp(int(rows.at[chosen].max()) / 1e6, UTC)
        cohorts.append(Cohort(str(names[number]), int(chosen.sum()), int(part.sum()), int(still.sum()), last + nearly,
                              _bounds(rows, chosen & came, still)))
    return Waiting(rows, now, found, tuple(cohorts), _lean(rows, now, day))


def _bounds(rows: Arrivals, known: Bools, still: Bools) -> dict[str, Extremes]:
    """What the outcomes still missing could make of the day; of a yes or no alone."""
    if Task(rows.model.task) is not Task.BINARY:
        return {}
    return extremes(_labels(rows)[known] == 1, rows.score[known], rows.score[still], rows.model.threshold)


def _labels(rows: Arrivals) -> np.ndarray:
    return np.asarray(np.ma.filled(rows.rows["label"], 0))


def _lean(rows: Arrivals, now: datetime, day: np.ndarray) -> Lean | None:
    """By how much past days looked too late or too early when they were as old as the newest one is."""
    if Task(rows.model.task) is not Task.BINARY:
        return None
    ends = np.zeros(int(day.max()) + 1, dtype=np.int64)
    np.maximum.at(ends, day, rows.at)
    since = micros(now) - int(ends[-1])
    past = (rows.known != NEVER) & (rows.known <= micros(now)) & (ends[day] <= micros(now) - 2 * 24 * HOUR)
    early = rows.known <= ends[day] + since
    return lean((_labels(rows)[past] == 1) * 1.0, early[past], day[past]) if past.any() else None


# -- before they are in -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A metric that is expected of days whose outcomes are not in."""

    metric: str
    found: cbpe.Estimate
    held: int
    of: int
    leans: Interval | None
    spread: float


@dataclass(frozen=True)
class Outlook:
    """What is expected of the newest days, or why nothing is; `days` of them, and what each of the last ones was."""

    rows: tuple[Row, ...]
    days: tuple[str, ...]
    reason: str = ""
    calibration: float | None = None
    daily: tuple[tuple[str, cbpe.Estimate, float | None], ...] = ()


def outlook(seen: Waiting, model: Model, shown: int = 28) -> Outlook:
    """What the scores of the newest days let expect, as wide as such estimates were wrong before."""
    task = Task(model.task)
    if task is not Task.BINARY:
        return Outlook((), (), f"estimates without outcomes are made of yes or no; this is a {task} model")
    rows, now = seen.rows, seen.now
    names, day = np.unique(rows.day, return_inverse=True)
    try:
        days = cbpe.by_day(rows.score, _labels(rows), rows.known <= micros(now), day, model.threshold)
    except ValueError as problem:
        return Outlook((), (), str(problem))
    length = max(len(seen.open), 1)
    last = names.size - 1
    plan = cbpe.Plan(length, lag=math.ceil((seen.nearly or 24.0) / 24), threshold=model.threshold)
    until = names.size - len(seen.open)
    newest = tuple(str(each) for each in names[last - length + 1:])
    try:
        off = cbpe.calibration_error(days, plan, until)
        said = cbpe.estimated(days, plan, last)
    except ValueError as problem:
        return Outlook((), newest, str(problem))
    if off > WORST:
        return Outlook((), newest, f"the scores say too little of outcomes: recalibrated on earlier days they are off "
                                   f"by {off:.1%} on later ones, more than {WORST:.0%}", off)
    past = cbpe.backtested(days, plan, until)
    made = [_row(name, each, past[name], length) for name, each in said.items()]
    return Outlook(tuple(made), newest, "", off, _daily(days, plan, names, until, shown))


def _row(name: str, said: cbpe.Expected, past: Sequence[cbpe.Past], length: int) -> Row:
    held, of = cbpe.covered(past, length=length)
    return Row(name, cbpe.widened(said, past, name, length=length), held, of, cbpe.leaning(past), said.spread)


def _daily(days: cbpe.Days, plan: cbpe.Plan, names: np.ndarray, until: int,
           shown: int) -> tuple[tuple[str, cbpe.Estimate, float | None], ...]:
    """The AUC expected of each of the last days, beside what came where it is in."""
    single = cbpe.Plan(1, plan.reference, plan.lag, plan.threshold)
    past = cbpe.backtested(days, single, until)["roc_auc"]
    found = []
    for last in range(max(names.size - shown, 0), names.size):
        try:
            said = cbpe.estimated(days, single, last).get("roc_auc")
        except ValueError:
            continue
        came = cbpe.realised(days, last, last + 1, plan.threshold).get("roc_auc") if last < until else None
        if said is not None:
            earlier = [each for each in past if each.last < last]
            found.append((str(names[last]), cbpe.widened(said, earlier, "roc_auc"), came))
    return tuple(found)
