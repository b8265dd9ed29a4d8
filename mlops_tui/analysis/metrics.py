"""The metrics of every task by name: what each needs, which way is better, its value and interval."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy.typing as npt

from mlops_tui.analysis import multiclass, regression, weighted
from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.arrays import Bools, Floats, labelled
from mlops_tui.analysis.calibration import MOST_LOSS, brier_losses, log_losses, loss_bounds
from mlops_tui.analysis.confusion import DECISIONS, confusion, decision_estimate, decision_value
from mlops_tui.analysis.influence import Linear, checked, interval, proportion, shares, too_uneven, variance
from mlops_tui.analysis.interval import Estimate, Interval, Resampling, auc_interval
from mlops_tui.analysis.multiclass import DECIDED, TOPS
from mlops_tui.analysis.ranking import average_precision, average_precision_interval, placements, roc_auc
from mlops_tui.analysis.regression import ERRORS


class Family(StrEnum):
    """What a metric reads: the order of the scores, decisions (at a threshold), probabilities, or numbers."""

    RANKING = "ranking"
    DECISION = "decision"
    LOSS = "loss"
    ERROR = "error"


@dataclass(frozen=True)
class Metric:
    """A metric with the tasks it is of, and the threshold it is read at (decisions on scores only).

    Of a `signed` one 0 is best and neither way better.
    """

    id: str
    family: Family
    higher_is_better: bool = True
    threshold: float = 0.5
    tasks: tuple[Task, ...] = (Task.BINARY,)
    signed: bool = False


_CLASSES = (Task.BINARY, Task.MULTICLASS)
_OF_BOTH = ("accuracy", "balanced_accuracy", "mcc")
METRICS: Mapping[str, Metric] = {
    metric.id: metric for metric in (
        Metric("roc_auc", Family.RANKING),
        Metric("average_precision", Family.RANKING),
        *(Metric(name, Family.DECISION, tasks=_CLASSES if name in _OF_BOTH else (Task.BINARY,)) for name in DECISIONS),
        Metric("brier", Family.LOSS, higher_is_better=False, tasks=_CLASSES),
        Metric("log_loss", Family.LOSS, higher_is_better=False, tasks=_CLASSES),
        *(Metric(name, Family.DECISION, tasks=(Task.MULTICLASS,)) for name in DECIDED if name not in _OF_BOTH),
        Metric("roc_auc_ovr", Family.RANKING, tasks=(Task.MULTICLASS,)),
        *(Metric(name, Family.LOSS, tasks=(Task.MULTICLASS,)) for name in TOPS),
        *(Metric(name, Family.ERROR, each.higher_is_better, tasks=(Task.REGRESSION,), signed=name == "bias")
          for name, each in ERRORS.items()),
    )
}
BY_CLASS = ("balanced_accuracy", "macro_f1", "roc_auc_ovr")  # means over classes, of which the rarest decides
RANKINGS = {"roc_auc": roc_auc, "average_precision": average_precision}
LOSSES = {"brier": brier_losses, "log_loss": log_losses}


def metrics_of(task: Task) -> Mapping[str, Metric]:
    """The metrics of a task by id, in the order they are shown."""
    return {name: metric for name, metric in METRICS.items() if task in metric.tasks}


def linear(metric: Metric, answers: Answers) -> Linear | str:
    """A metric of several classes or of numbers, and each row's influence on it; or why it is undefined.

    The difference of two models' influences is that of their difference. ValueError for a metric of another task,
    unusable weights, classes or probabilities.
    """
    _belongs(metric, answers)
    rows = checked(answers)
    if rows.task is Task.REGRESSION:
        return regression.linear(metric.id, rows)
    return multiclass.linear(metric.id, multiclass.checked(rows))


def _belongs(metric: Metric, answers: Answers) -> None:
    if answers.task not in metric.tasks:
        raise ValueError(f"{metric.id} is not a metric of a {answers.task} model")


def measured(metric: Metric, answers: Answers, resampling: Resampling | None = None) -> Estimate:
    """The metric of any task, weighted where the rows are, with interval, n and method; None with a reason.

    Intervals: of binary answers as `estimate` and `weighted.estimate`; else by linearisation on a scale where errors
    are near normal (`t`, `t-log`, `t-logit`, `fisher-z`), Wilson for accuracy and the shares of the top classes, order
    statistics for the median. A mean over classes has Satterthwaite's degrees of freedom, and is no narrower than the
    classes' own intervals joined: a rare class without an error would look certain. With weights the same
    linearisation holds (Hájek), Student's t has Kish's effective rows less 1, and there is no interval where one row
    outweighs all others. n counts rows of some weight. Simulated coverage: tests/analysis/test_coverage_tasks.py.
    ValueError as `linear`.
    """
    _belongs(metric, answers)
    level, rows = (resampling or Resampling()).level, checked(answers)
    if rows.task is Task.BINARY:
        if rows.weight is not None:
            return weighted.estimate(metric, rows.label, rows.given, rows.weight, level)
        return estimate(metric, rows.label, rows.given, resampling)
    found = linear(metric, rows)
    if isinstance(found, str):
        return Estimate(metric.id, None, None, None, rows.n, reason=found)
    uneven = too_uneven(shares(rows))
    if uneven:
        return Estimate(metric.id, found.value, None, None, rows.n, reason=uneven)
    bounds = _bounds(metric, rows, found, level)
    if bounds is None:
        reason = "one row has no interval" if rows.n == 1 else "no row differs from another: no interval"
        return Estimate(metric.id, found.value, None, None, rows.n, reason=reason)
    return Estimate(metric.id, found.value, bounds.low, bounds.high, rows.n, bounds.method)


def _bounds(metric: Metric, rows: Answers, found: Linear, level: float) -> Interval | None:
    share = shares(rows)
    if metric.id == "accuracy" or metric.id in TOPS:
        return proportion(found.influence + found.value, share, level)[1]
    if metric.id == "median_ae":
        return regression.median_bounds(*regression.numbers(rows), level)
    if metric.id in BY_CLASS:
        spread, df = multiclass.by_label(found.influence, rows)
        own = multiclass.rare_auc_interval(rows, level) if metric.id == "roc_auc_ovr" else \
            multiclass.of_classes(metric.id, rows, level)
        return _wider(interval(found.value, spread, df, found.scale, level), own)
    made = interval(found.value, variance(found.influence, share), rows.effective - 1, found.scale, level)
    return multiclass.all_right(metric.id, rows, level) if made is None and rows.task is Task.MULTICLASS else made


def _wider(one: Interval | None, other: Interval | None) -> Interval | None:
    """From the lower low to the higher high of two intervals, of which either may be missing."""
    if one is None or other is None:
        return one or other
    return Interval(min(one.low, other.low), max(one.high, other.high), f"{one.method}, {other.method}", one.level)


def losses(metric: str, labels: npt.ArrayLike, scores: npt.ArrayLike) -> Floats:
    """The loss of each row, (n,), whose mean is the metric. ValueError for scores outside [0, 1]."""
    return LOSSES[metric](labels, scores)


def metric_value(metric: Metric, labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[float | None, str]:
    """The metric of labels 0/1 and scores, (n,), or None and why it is undefined. ValueError for unusable input."""
    y, s = labelled(labels, scores)
    if metric.family is Family.DECISION:
        return decision_value(metric.id, confusion(y, s, metric.threshold))
    if metric.family is Family.LOSS:
        return float(losses(metric.id, y, s).mean()), ""
    if y.all() or not y.any():
        return None, f"all {y.size} labels are {int(y[0])}"
    return RANKINGS[metric.id](y, s), ""


def estimate(
    metric: Metric, labels: npt.ArrayLike, scores: npt.ArrayLike, resampling: Resampling | None = None
) -> Estimate:
    """The metric with its interval, n and method; None with a reason where it is undefined.

    Intervals: DeLong on the logit scale (Newcombe where that has no variance) for ROC AUC, linearised on the logit
    scale for average precision, Wilson for proportions, Jeffreys' posterior for F1, MCC and balanced accuracy,
    Student's t on the log scale for losses. Labels 0/1 and scores (n,). ValueError for NaN scores, other labels, losses
    outside [0, 1].
    """
    how = resampling or Resampling()
    y, s = labelled(labels, scores)
    if metric.family is Family.DECISION:
        return decision_estimate(metric.id, confusion(y, s, metric.threshold), how)
    if metric.family is Family.LOSS:
        return _loss_estimate(metric.id, losses(metric.id, y, s), how.level)
    if y.all() or not y.any():
        return Estimate(metric.id, None, None, None, y.size, reason=f"all {y.size} labels are {int(y[0])}")
    return _auc_estimate(y, s, how.level) if metric.id == "roc_auc" else _precision_estimate(y, s, how.level)


def _loss_estimate(metric: str, values: Floats, level: float) -> Estimate:
    bounds = loss_bounds(values, level, MOST_LOSS[metric])
    if bounds is None:
        return Estimate(metric, float(values.mean()), None, None, values.size, reason="all rows have the same loss")
    return Estimate(metric, float(values.mean()), *bounds, values.size, "t-log")


def _auc_estimate(labels: Bools, scores: Floats, level: float) -> Estimate:
    placed = placements(labels, scores)
    positive, negative = placed[labels], placed[~labels]
    auc, variance = float(positive.mean()), None
    if min(positive.size, negative.size) > 1:
        variance = float(positive.var(ddof=1) / positive.size + negative.var(ddof=1) / negative.size)
    bounds = auc_interval(auc, variance, positive.size, negative.size, level)
    return Estimate("roc_auc", auc, bounds.low, bounds.high, labels.size, bounds.method)


def _precision_estimate(labels: Bools, scores: Floats, level: float) -> Estimate:
    value, bounds = average_precision_interval(labels, scores, level)
    if bounds is None:
        reason = "the classes are separated" if labels.sum() > 1 else "one positive row has no interval"
        return Estimate("average_precision", value, None, None, labels.size, reason=reason)
    return Estimate("average_precision", value, bounds.low, bounds.high, labels.size, bounds.method)
