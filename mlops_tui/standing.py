"""How a model stands against its limits on the outcomes known at a moment: now, or at any moment of its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from mlops_tui import folds
from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.clustered import by_days
from mlops_tui.analysis.criteria import Criterion, Verdict, judge
from mlops_tui.analysis.daily import Off, expected_error, in_the_large
from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.errors import BadInput, nearest
from mlops_tui.kinds import SURE, Model, Monitor
from mlops_tui.limits import LESS_IS_BETTER, METRICS_OF
from mlops_tui.matured import Matured, arrivals, window
from mlops_tui.session import Session
from mlops_tui.view import Cell, Row, Status, worst

STATUS = {Verdict.MET: Status.PASS, Verdict.NOT_MET: Status.FAIL, Verdict.UNDECIDED: Status.UNKNOWN,
          Verdict.TOO_FEW: Status.UNKNOWN}
LIMITS = {"ece": 0.05}
KNOWN = {"ece": "share", "in_the_large": "log odds"}  # the measures of calibration, each with its unit
FEWEST = 100  # outcomes; fewer say nothing about ten bins


# -- performance ------------------------------------------------------------------------------------------------------


def asked(declared: Monitor, model: Model) -> list[Criterion]:
    """What the metrics must keep: the monitor's limits, or else the model's own criteria on all rows."""
    if not declared.limits:
        return [Criterion(each.metric, each.at_least, each.at_most, each.min_rows)
                for each in model.criteria if not each.slice]
    for name in declared.limits:
        if name not in METRICS_OF[model.task]:
            raise BadInput(f"{name} is not measured of a {model.task} model.",
                           where=f"limits of {declared.subject}", next=nearest(name, METRICS_OF[model.task]) or
                           f"Metrics: {', '.join(METRICS_OF[model.task])}.")
    return [Criterion(name, at_least=None if name in LESS_IS_BETTER else limit,
                      at_most=limit if name in LESS_IS_BETTER else None, min_rows=declared.min_rows)
            for name, limit in declared.limits.items()]


def measures(seen: Matured, names: Sequence[str], threshold: float, level: float = SURE) -> dict[str, Estimate]:
    """The metrics by name, with intervals that count days; None with the reason where one cannot be measured."""
    found = {}
    for name in names:
        if seen.n == 0:
            found[name] = Estimate(name, None, None, None, 0, reason="no outcome is known yet")
        elif name not in METRICS:
            found[name] = Estimate(name, None, None, None, seen.n, reason="it is measured in training only")
        else:
            found[name] = by_days(replace(METRICS[name], threshold=threshold), seen.answers, level)
    return found


def judged(name: str, measured: Estimate, criterion: Criterion | None) -> Row:
    """One row of the table: the value, its interval, its limit and how it stands against it."""
    row: dict[str, Cell] = {"metric": name, "value": measured.value, "low": measured.low, "high": measured.high,
                            "n": measured.n, "limit": None, "status": Status.DONE, "reason": measured.reason,
                            "method": measured.method}
    if criterion is not None:
        judgement = judge(criterion, measured)
        row |= {"limit": criterion.at_least if criterion.at_least is not None else criterion.at_most,
                "status": STATUS[judgement.verdict] if measured.value is not None else Status.UNKNOWN,
                "reason": judgement.reason}
    return row


# -- calibration ------------------------------------------------------------------------------------------------------


def sure(seen: Matured, name: str) -> Matured:
    """The rows as scores of yes or no: of several classes, whether the one that was said is right. BadInput where
    there are no probabilities."""
    if seen.answers.task is Task.REGRESSION:
        raise BadInput(f"Calibration is of probabilities; {name} is a regression.",
                       next=f"Try: mlops-tui performance {name}")
    if seen.answers.task is Task.BINARY:
        return seen
    if not np.isfinite(seen.score).all():
        raise BadInput(f"Calibration is of probabilities; {name} says classes without them.",
                       next=f"Try: mlops-tui performance {name}")
    return replace(seen, label=(seen.answers.decided == seen.answers.label).astype(np.int8))


def calibrated(seen: Matured, limits: Mapping[str, float], min_rows: int, level: float = SURE) -> list[Row]:
    """Each measure beside its limit, with an interval over days; unknown where there are too few outcomes.

    As of drift, it fails where the value lies beyond the limit and is surely not 0 (scores are surely off, and by more
    than matters), passes where it keeps the limit, and is unknown where it is beyond it and may be chance.
    """
    needed = max(min_rows, FEWEST)
    if seen.n < needed or seen.label.min() == seen.label.max():
        reason = f"{seen.n} outcomes are known, needs {needed} of both kinds"
        return [{"measure": name, "unit": KNOWN[name], "value": None, "low": None, "high": None, "limit": limit,
                 "n": seen.n, "status": Status.UNKNOWN, "reason": reason} for name, limit in limits.items()]
    day = np.unique(seen.day, return_inverse=True)[1]
    found = {"ece": expected_error, "in_the_large": in_the_large}
    return [_beside(name, found[name](seen.label, seen.score, day, level), limit, seen.n)
            for name, limit in limits.items()]


def _beside(name: str, found: Off, limit: float, n: int) -> Row:
    off = found.low is not None and found.high is not None and (found.low > 0 or found.high < 0)
    beyond = abs(found.value) > limit
    status = Status.PASS if not beyond else Status.FAIL if off else Status.UNKNOWN
    reason = found.reason or ("" if off or not beyond else f"beyond {limit:g}, but the days vary too much to be sure")
    return {"measure": name, "unit": KNOWN[name], "value": found.value, "low": found.low, "high": found.high,
            "limit": limit, "n": n, "status": status, "reason": reason, "method": found.method}


# -- any moment -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """What a monitor would have found at a moment: its status, and the measure that its finding tells of."""

    at: datetime
    status: Status
    measure: str
    value: float | None
    low: float | None
    high: float | None
    limit: float | None
    n: int
    version: str
    rows: tuple[Row, ...]


def judged_at(session: Session, monitor: Monitor, times: Sequence[datetime]) -> list[Look]:
    """What a monitor of performance or calibration would have found at each time, on the outcomes known by then.

    The log and the outcomes are joined once; each look is a slice of them, of the version that served then. Outcomes
    that were corrected later count as they stand now. BadInput for a monitor of another check.
    """
    if monitor.check not in ("performance", "calibration"):
        raise BadInput(f"A monitor of {monitor.check} does not wait for outcomes.")
    if not times:
        return []
    model = session.declared().model(monitor.subject)
    found = arrivals(session, monitor.subject, (min(times) - monitor.window, max(times)))
    served = champions(session, monitor.subject)
    parts = {version: found.of(version) if version else found for version in {served_at(served, at) for at in times}}
    looks = []
    for at in times:
        version = served_at(served, at)
        seen = parts[version].seen(at, window(at, monitor.window))
        looks.append(look(seen, monitor, model, at, version))
    return looks


def look(seen: Matured, monitor: Monitor, model: Model, at: datetime, version: str) -> Look:
    """What was seen as the monitor judges it."""
    if monitor.check == "calibration":
        rows = calibrated(sure(seen, monitor.subject), monitor.limits or LIMITS, monitor.min_rows,
                          monitor.confidence)
        main = next((row for row in rows if row["status"] is Status.FAIL), rows[0])
    else:
        criteria = {each.metric: each for each in asked(monitor, model)}
        found = measures(seen, list(criteria), model.threshold, monitor.confidence)
        rows = [judged(name, each, criteria[name]) for name, each in found.items()]
        main = rows[0] if rows else {}
    value, low, high, limit = (each if isinstance(each := main.get(name), float) else None
                               for name in ("value", "low", "high", "limit"))
    return Look(at, worst(Status(str(row["status"])) for row in rows), str(main.get("measure") or main.get("metric")
                                                                           or ""),
                value, low, high, limit, seen.n, version, tuple(rows))


Champions = Sequence[tuple[datetime, str]]


def champions(session: Session, name: str) -> Champions:
    """Which version served from when on."""
    entries = [entry for entry in session.ledger.entries("promotion") if entry.subject == name]
    return [(entry.recorded_at, folds.model_state(entries[: place + 1], name).champion)
            for place, entry in enumerate(entries)]


def served_at(served: Champions, at: datetime) -> str:
    """The version that served at a moment; the first one before all, empty where none ever did."""
    before = [version for since, version in served if since <= at]
    return before[-1] if before else served[0][1] if served else ""
