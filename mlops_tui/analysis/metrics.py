"""The metrics of a binary classifier by name: what each needs, which way is better, its value and interval."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Bools, Floats, labelled, two_classes
from mlops_tui.analysis.calibration import brier_losses, log_losses, loss_bounds
from mlops_tui.analysis.confusion import DECISIONS, confusion, decision_estimate, decision_value
from mlops_tui.analysis.interval import Estimate, Resampling, auc_interval, percentile, poisson_bootstrap
from mlops_tui.analysis.ranking import (
    average_precision,
    placements,
    resampled_average_precision,
    roc_auc,
    score_bins,
    score_edges,
)


class Family(StrEnum):
    """What a metric reads: the order of the scores, decisions at a threshold, or probabilities."""

    RANKING = "ranking"
    DECISION = "decision"
    LOSS = "loss"


@dataclass(frozen=True)
class Metric:
    """A metric with the threshold it is read at (decisions only)."""

    id: str
    family: Family
    higher_is_better: bool = True
    threshold: float = 0.5


METRICS: Mapping[str, Metric] = {
    metric.id: metric for metric in (
        Metric("roc_auc", Family.RANKING),
        Metric("average_precision", Family.RANKING),
        *(Metric(name, Family.DECISION) for name in DECISIONS),
        Metric("brier", Family.LOSS, higher_is_better=False),
        Metric("log_loss", Family.LOSS, higher_is_better=False),
    )
}
RANKINGS = {"roc_auc": roc_auc, "average_precision": average_precision}
LOSSES = {"brier": brier_losses, "log_loss": log_losses}


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

    Intervals: DeLong on the logit scale (Newcombe where that has no variance) for ROC AUC, Poisson bootstrap on score
    bins for average precision, Wilson for proportions, Jeffreys' posterior for F1, MCC and balanced accuracy, Student's
    t for losses. Labels 0/1 and scores (n,). ValueError for NaN scores, other labels, losses outside [0, 1].
    """
    how = resampling or Resampling()
    y, s = labelled(labels, scores)
    if metric.family is Family.DECISION:
        return decision_estimate(metric.id, confusion(y, s, metric.threshold), how)
    if metric.family is Family.LOSS:
        return _loss_estimate(metric.id, losses(metric.id, y, s), how.level)
    if y.all() or not y.any():
        return Estimate(metric.id, None, None, None, y.size, reason=f"all {y.size} labels are {int(y[0])}")
    return _auc_estimate(y, s, how.level) if metric.id == "roc_auc" else _precision_estimate(y, s, how)


def _loss_estimate(metric: str, values: Floats, level: float) -> Estimate:
    bounds = loss_bounds(values, level)
    if bounds is None:
        return Estimate(metric, float(values.mean()), None, None, values.size, reason="all rows have the same loss")
    return Estimate(metric, float(values.mean()), *bounds, values.size, "t")


def _auc_estimate(labels: Bools, scores: Floats, level: float) -> Estimate:
    placed = placements(labels, scores)
    positive, negative = placed[labels], placed[~labels]
    auc, variance = float(positive.mean()), None
    if min(positive.size, negative.size) > 1:
        variance = float(positive.var(ddof=1) / positive.size + negative.var(ddof=1) / negative.size)
    bounds = auc_interval(auc, variance, positive.size, negative.size, level)
    return Estimate("roc_auc", auc, bounds.low, bounds.high, labels.size, bounds.method)


def _precision_estimate(labels: Bools, scores: Floats, how: Resampling) -> Estimate:
    """Bootstrap of the binned metric, moved by what binning changed; none where every resample would be perfect."""
    y, s = two_classes(labels, scores)
    value = average_precision(y, s)
    counts = score_bins(y, s, score_edges(y, s))
    samples = poisson_bootstrap(counts, resampled_average_precision, how)
    if np.ptp(samples) == 0:
        return Estimate("average_precision", value, None, None, y.size, "bootstrap", "the classes are separated")
    binned = float(resampled_average_precision(counts[None].astype(np.float64))[0])
    low, high = (min(max(bound + value - binned, 0.0), 1.0) for bound in percentile(samples, how.level))
    return Estimate("average_precision", value, low, high, y.size, "bootstrap")
