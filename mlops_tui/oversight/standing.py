"""How a model stands against its limits on the outcomes known at a moment."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.clustered import by_days
from mlops_tui.analysis.criteria import Criterion, Verdict, judge
from mlops_tui.analysis.daily import Off, expected_error, in_the_large
from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.declarations.kinds import SURE, Model, Monitor
from mlops_tui.declarations.limits import LESS_IS_BETTER, METRICS_OF
from mlops_tui.errors import BadInput, nearest
from mlops_tui.models.matured import Matured
from mlops_tui.view import Cell, Row, Status

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


def beyond(value: float, low: float | None, high: float | None, limit: float) -> Status:
    """How a measure of calibration stands: within its limit, surely off and beyond it, or nobody knows."""
    off = low is not None and high is not None and (low > 0 or high < 0)
    return Status.PASS if abs(value) <= limit else Status.FAIL if off else Status.UNKNOWN


def _beside(name: str, found: Off, limit: float, n: int) -> Row:
    status = beyond(found.value, found.low, found.high, limit)
    unsure = f"beyond {limit:g}, but the days vary too much to be sure" if status is Status.UNKNOWN else ""
    reason = found.reason or unsure
    return {"measure": name, "unit": KNOWN[name], "value": found.value, "low": found.low, "high": found.high,
            "limit": limit, "n": n, "status": status, "reason": reason, "method": found.method}
