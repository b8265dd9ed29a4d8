"""Parts of the rows on which a model is worse than on the others, told from chance."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import weighted
from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.clustered import reckoned
from mlops_tui.analysis.groups import coded
from mlops_tui.analysis.influence import variance_of_sums
from mlops_tui.analysis.interval import (
    Contrast,
    Estimate,
    Resampling,
    normal_p,
    student_p,
    student_quantile,
    z_score,
)
from mlops_tui.analysis.linearised import linearised
from mlops_tui.analysis.metrics import Metric, measured
from mlops_tui.analysis.multiplicity import holm

FEWEST = 30          # rows of a slice, and of all others, below which nothing is tested
FEWEST_OF_CLASS = 10  # of each class, where a metric is of two
ALPHA = 0.05
MOST = 100  # values of a column that are looked at: the largest


class Standing(StrEnum):
    """How a slice stands against all other rows."""

    WORSE = "worse"
    BETTER = "better"
    ALIKE = "like the rest"
    TOO_FEW = "not enough rows"


@dataclass(frozen=True)
class Slice:
    """The rows with one value of a column: the metric on them, and its difference from that of all other rows."""

    column: str
    name: str
    answers: Answers
    estimate: Estimate
    difference: Contrast | None = None
    p_adjusted: float | None = None
    standing: Standing = Standing.TOO_FEW
    reason: str = ""

    @property
    def n(self) -> int:
        return self.answers.n


def slices(metric: Metric, answers: Answers, columns: Mapping[str, npt.NDArray[np.str_]],
           level: float = 0.95) -> tuple[Slice, ...]:
    """Each value of each column against the rest of the rows, the worst first and those with too few rows last.

    The difference slice − rest is of independent rows, and its interval joins both metrics' own (MOVER: Zou & Donner
    2008, Statist. Med. 27:1693); the two-sided p is that of the level at which the interval ends at 0. Where rows vary
    together, what a group's rows move both is summed, and the test Student's t over groups (`between`). Worse or better
    is said where Holm's p over all slices tested is below 0.05. A slice is tested where it and the rest have 30
    (effective) rows, and 10 of each class where labels are yes or no; of a column of more than 100 values, the largest
    100. Columns as text, (n,). ValueError as `measured`.
    """
    rows, texts = _ordered(answers, columns)
    found = []
    for column, each in texts.items():
        names, of = coded(each)
        largest = np.argsort(-np.bincount(of), kind="stable")[:MOST]
        found += [_slice(metric, rows, column, str(names[number]), of == number, level) for number in largest]
    tested = [each.difference.p_value for each in found if each.difference and each.difference.p_value is not None]
    adjusted = iter(holm(tested).tolist())
    judged = [_judged(metric, each, next(adjusted))
              if each.difference and each.difference.p_value is not None else each for each in found]
    return tuple(sorted(judged, key=lambda each: (*_rank(metric, each), -each.n, each.column, each.name)))


def _ordered(answers: Answers, columns: Mapping[str, npt.NDArray[np.str_]],
             ) -> tuple[Answers, Mapping[str, npt.NDArray[np.str_]]]:
    """Rows by score, so that each slice is sorted already when it is ranked."""
    if answers.task is not Task.BINARY:
        return answers, columns
    order = np.argsort(answers.given, kind="stable")
    return answers.of(order), {name: values[order] for name, values in columns.items()}


def _slice(metric: Metric, rows: Answers, column: str, name: str, inside: npt.NDArray[np.bool_],
           level: float) -> Slice:
    mine, rest = rows.of(inside), rows.of(~inside)
    own = _estimate(metric, mine, level)
    few = _too_few(mine, "it") or _too_few(rest, "the rest")
    if few:
        return Slice(column, name, mine, own, reason=few)
    other = _estimate(metric, rest, level)
    difference = apart(own, other, level) if rows.clusters is None else between(metric, mine, rest, level)
    return Slice(column, name, mine, own, difference, None, Standing.ALIKE if difference else Standing.TOO_FEW,
                 "" if difference else own.reason or other.reason or "no interval")


def _estimate(metric: Metric, rows: Answers, level: float) -> Estimate:
    """As `measured`; average precision by linearisation, which a thousand resamples for each slice would not outdo."""
    if rows.clusters is not None:
        return reckoned(metric, rows, Resampling(level=level))
    if metric.id == "average_precision" and rows.weight is None:
        return weighted.estimate(metric, rows.label, rows.given, np.ones(rows.n), level)
    return measured(metric, rows, Resampling(level=level))


def _too_few(rows: Answers, who: str) -> str:
    effective = rows.effective if rows.n else 0.0
    if effective < FEWEST:
        return f"{who} has {effective:.0f} rows, {FEWEST} are needed"
    if rows.task is Task.BINARY:
        rare = int(min(rows.label.sum(), rows.n - rows.label.sum()))
        if rare < FEWEST_OF_CLASS:
            return f"{who} has {rare} rows of one class, {FEWEST_OF_CLASS} are needed"
    return ""


def apart(one: Estimate, other: Estimate, level: float = 0.95) -> Contrast | None:
    """one − other of two metrics on different rows, both with intervals of that level; None where one has none."""
    if one.value is None or one.low is None or one.high is None:
        return None
    if other.value is None or other.low is None or other.high is None:
        return None
    estimate = one.value - other.value
    down = math.hypot(one.value - one.low, other.high - other.value)
    up = math.hypot(one.high - one.value, other.value - other.low)
    reach = down if estimate > 0 else up
    z = estimate / reach * z_score(level) if reach > 0 else 0.0
    return Contrast(estimate, estimate - down, estimate + up, z, normal_p(z), "mover")


def between(metric: Metric, one: Answers, other: Answers, level: float = 0.95) -> Contrast | None:
    """one − other of a metric on different rows of the same groups, which vary together; None where it is undefined.

    What rows move either metric is summed by group, with opposite signs, so that what a group has in common cancels
    (Liang & Zeger 1986); Student's t of G − 1 degrees of freedom. ValueError for rows without groups.
    """
    if one.together is None or other.together is None:
        raise ValueError("the rows have no groups")
    try:
        (value, moved), (rest, others) = linearised(metric, one), linearised(metric, other)
    except ValueError:
        return None
    of = np.unique(np.concatenate([one.together, other.together]), return_inverse=True)[1]
    sums = np.bincount(of, weights=np.concatenate([moved, -others])).astype(np.float64)
    error = math.sqrt(variance_of_sums(sums))
    if error == 0:
        return None
    estimate, half = value - rest, student_quantile(sums.size - 1, level) * error
    return Contrast(estimate, estimate - half, estimate + half, estimate / error,
                    student_p(estimate / error, sums.size - 1), f"t over {sums.size} groups")


def _judged(metric: Metric, each: Slice, adjusted: float) -> Slice:
    if adjusted >= ALPHA:
        return replace(each, p_adjusted=adjusted)
    standing = Standing.WORSE if _gain(metric, each) < 0 else Standing.BETTER
    return replace(each, p_adjusted=adjusted, standing=standing)


def _gain(metric: Metric, each: Slice) -> float:
    """By how much the slice is better than the rest, below 0 where it is worse."""
    if each.difference is None or each.estimate.value is None:
        return 0.0
    if metric.signed:  # nearer to 0 is better
        return abs(each.estimate.value - each.difference.estimate) - abs(each.estimate.value)
    return each.difference.estimate if metric.higher_is_better else -each.difference.estimate


def _rank(metric: Metric, each: Slice) -> tuple[bool, bool, float]:
    return each.standing is Standing.TOO_FEW, each.standing is not Standing.WORSE, _gain(metric, each)


SLICE_METRICS: Mapping[Task, tuple[str, ...]] = {
    Task.BINARY: ("roc_auc", "accuracy", "precision", "recall", "specificity", "brier"),
    Task.MULTICLASS: ("accuracy", "macro_f1", "log_loss"),
    Task.REGRESSION: ("mae", "rmse", "bias")}
