"""Metrics of a binary classifier on rows that do not count alike, with intervals that know it."""

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Bools, Floats, kish, labelled, shares
from mlops_tui.analysis.calibration import MOST_LOSS, brier_losses, log_losses
from mlops_tui.analysis.confusion import DECISIONS, Cells, DecisionMetric
from mlops_tui.analysis.influence import HALF, too_uneven
from mlops_tui.analysis.interval import (
    Estimate,
    Resampling,
    auc_interval,
    logit_interval,
    percentile,
    student_quantile,
    wilson_share,
)

STEP = 1e-6    # of a numeric derivative, in shares of all weight

LOSSES = {"brier": brier_losses, "log_loss": log_losses}


class Measure(Protocol):
    """What is asked of a metric: its name, and the threshold that decisions are read at."""

    @property
    def id(self) -> str: ...

    @property
    def threshold(self) -> float: ...


def estimate(
    metric: Measure, labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike, level: float = 0.95
) -> Estimate:
    """The metric of rows weighted by `weights`, as scikit-learn's `sample_weight`, with its interval.

    Labels 0/1, scores, weights (n,); weights count by their proportions only, and rows of weight 0 not at all. The
    variance is that of the linearised ratio, Σ (shareᵢ·influenceᵢ)² (Hájek 1971; Deville 1999, Surv. Methodol. 25:193):
    right for weights that say how much a row stands for, not for counts of identical rows. Intervals: ROC AUC and
    average precision on the logit scale; proportions by Wilson's score with the effective n that the variance implies
    (Franco, Little, Louis & Slud 2019, J. Surv. Stat. Methodol. 7:334); F1, MCC and balanced accuracy by Jeffreys'
    posterior of that many rows; losses by Student's t on the log scale with Kish's effective n − 1 degrees of freedom.
    With equal weights each is that of `metrics.estimate`. Where weights differ and one row holds more than half of
    them, or the effective n is below 10, there is a value and no interval, with the reason. `method` says Kish's
    effective n. With weights that vary as an exponential distribution, 95 % intervals hold the truth in 93 to 97 % from
    some 90 effective rows on, and in 92 to 96 % of 45; with fewer it may be 86 % (proportions of 10 effective rows).

    ValueError for unusable labels, scores or weights; KeyError for a metric of another task.
    """
    y, s = labelled(labels, scores)
    share = shares(weights, y.size)
    if not share.all():
        y, s, share = y[share > 0], s[share > 0], share[share > 0]
    if metric.id in DECISIONS:
        return _decision(metric, y, s >= metric.threshold, share, level)
    if metric.id in LOSSES:
        return _loss(metric.id, LOSSES[metric.id](y, s), share, level)
    if metric.id not in RANKINGS:
        raise KeyError(metric.id)
    if y.all() or not y.any():
        return Estimate(metric.id, None, None, None, y.size, reason=f"all {y.size} labels are {int(y[0])}")
    return _ranking(metric.id, y, s, share, level)


def _method(name: str, share: Floats) -> str:
    return f"{name}, weighted, effective n {kish(share):.4g}"


def _wider(share: Floats, level: float) -> float:
    """By how much the variance of rows so unevenly weighted is estimated too small, 1 for equal weights.

    A residual is squared about a mean that it is a part of, which takes off Σ share²; and what is left rests on Kish's
    effective rows, not on all (Korn & Graubard 1998, Surv. Methodol. 24:193: the squared ratio of Student's quantiles).
    """
    part = share / share.sum()
    if part.size < 3 or np.ptp(part) == 0:
        return 1.0
    ratio = student_quantile(kish(part) - 1, level) / student_quantile(part.size - 1, level)
    return float(ratio**2 * (1 - 1 / part.size) / (1 - float(np.square(part).sum())))


def _loss(metric: str, losses: Floats, share: Floats, level: float) -> Estimate:
    """A mean with Student's t interval on the log scale; variance Σ share²·(loss − mean)² / (1 − Σ share²)."""
    value, reason = float(losses @ share), too_uneven(share)
    if not reason and np.ptp(losses) == 0:
        reason = "all rows have the same loss"
    if reason:
        return Estimate(metric, value, None, None, losses.size, _method("t-log", share), reason)
    squares = float(np.square(share).sum())
    error = math.sqrt(float(np.square(share * (losses - value)).sum()) / (1 - squares))
    factor = math.exp(min(student_quantile(1 / squares - 1, level) * error / value, 700.0))
    high = min(value * factor, MOST_LOSS[metric])
    return Estimate(metric, value, value / factor, high, losses.size, _method("t-log", share))


def _decision(metric: Measure, y: Bools, flagged: Bools, share: Floats, level: float) -> Estimate:
    rule = DECISIONS[metric.id]
    cell = np.where(flagged, np.where(y, 0, 1), np.where(y, 2, 3))
    cells, squares = (np.bincount(cell, weights=each, minlength=4).astype(np.float64)
                      for each in (share, np.square(share)))
    value = float(rule.value(cells[:, None])[0])
    if math.isnan(value):
        return Estimate(metric.id, None, None, None, y.size, reason=rule.undefined)
    read = share if rule.share is None else share[np.isin(cell, rule.share[1])]
    name = "jeffreys" if rule.share is None else "wilson"
    if reason := too_uneven(read):
        return Estimate(metric.id, value, None, None, read.size, _method(name, read), reason)
    effective = _effective(rule, cells, squares, kish(read)) / _wider(read, level)
    low, high = (wilson_share(value, effective, level) if rule.share is not None
                 else _posterior(rule, cells * effective, value, level))
    return Estimate(metric.id, value, float(low), float(high), read.size, _method(name, read))


def _effective(rule: DecisionMetric, cells: Cells, squares: Cells, otherwise: float) -> float:
    """How many rows of equal weight would give the metric this variance; Kish's where it has none.

    With gradient g of the metric by share of weight, centred, one row has variance Σ cells·g², the weighted rows
    together Σ squares·g². A proportion's is scaled to its own denominator.
    """
    gradient = _gradient(rule, cells)
    gradient = gradient - cells @ gradient
    one, all_ = float(cells @ gradient**2), float(squares @ gradient**2)
    if one <= 1e-16:  # what rounding leaves of a gradient of 0
        return otherwise
    return one / all_ * (1.0 if rule.share is None else float(cells[list(rule.share[1])].sum()))


def _gradient(rule: DecisionMetric, cells: Cells) -> Floats:
    """Derivative of the metric by each cell's share of weight: forward differences of second order, cells may be 0."""
    moved = cells[:, None, None] + np.array([0.0, STEP, 2 * STEP])[None, :, None] * np.eye(4)[:, None, :]
    at = rule.value(moved.reshape(4, 12)).reshape(3, 4)
    return np.asarray((-3 * at[0] + 4 * at[1] - at[2]) / (2 * STEP))


def _posterior(rule: DecisionMetric, counts: Cells, value: float, level: float) -> tuple[float, float]:
    how = Resampling()
    draws = np.random.default_rng(how.seed).gamma(counts[:, None] + 0.5, size=(4, 4 * how.resamples))
    low, high = percentile(rule.value(draws), level)
    return min(low, value), max(high, value)


def _ranking(metric: str, y: Bools, s: Floats, share: Floats, level: float) -> Estimate:
    value, influence = RANKINGS[metric](y, s, share)
    name = "delong-logit" if metric == "roc_auc" else "linear-logit"
    reason = too_uneven(share) or _one_row_is_a_class(y, share)
    if reason:
        return Estimate(metric, value, None, None, y.size, _method(name, share), reason)
    variance = sum(float(np.square(influence[side]).sum() / (1 - np.square(share[side] / share[side].sum()).sum()))
                   for side in (y, ~y) if np.count_nonzero(side) > 1)
    variance *= max(_wider(share[y], level), _wider(share[~y], level))
    if metric == "roc_auc":
        bounds = auc_interval(value, variance, kish(share[y]), kish(share[~y]), level)
    elif variance > 0 and 0 < value < 1 and kish(share[y]) > 1:
        bounds = logit_interval(value, variance, level, name, kish(share[y]) - 1)
    else:
        return Estimate(metric, value, None, None, y.size, _method(name, share), "the classes are separated")
    return Estimate(metric, value, bounds.low, bounds.high, y.size, _method(bounds.method, share))


def _one_row_is_a_class(y: Bools, share: Floats) -> str:
    if np.ptp(share) == 0:
        return ""
    for name, side in (("positive", share[y]), ("negative", share[~y])):
        if side.max() > HALF * side.sum():
            return f"one row holds {side.max() / side.sum():.1%} of the weight of the {name} ones"
    return ""


def _tied(y: Bools, s: Floats, share: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
    """Rows in rising order of score (n,); of each group of ties its rows (g,) and weight by class (2, g)."""
    order = np.argsort(s)
    ordered = s[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    by_class = np.stack([np.where(y, 0.0, share), np.where(y, share, 0.0)])[:, order]
    return order, np.diff(np.append(first, s.size)), np.add.reduceat(by_class, first, axis=1)


def _auc(y: Bools, s: Floats, share: Floats) -> tuple[float, Floats]:
    """The weighted share of pairs that are ordered rightly, and each row's influence times its share of weight (n,)."""
    order, size, (negative, positive) = _tied(y, s, share)
    if min(negative.sum(), positive.sum()) == 0:
        raise ValueError("only one class has any weight")
    below = (np.cumsum(negative) - negative / 2) / negative.sum()
    above = 1 - (np.cumsum(positive) - positive / 2) / positive.sum()
    value = float(positive @ below / positive.sum())
    placed = np.empty(y.size)
    placed[order] = np.where(y[order], np.repeat(below, size), np.repeat(above, size))
    return value, (placed - value) * share / np.where(y, positive.sum(), negative.sum())


def _average_precision(y: Bools, s: Floats, share: Floats) -> tuple[float, Floats]:
    """The weighted mean of precision at each positive, and each row's influence times its share of weight (n,)."""
    order, size, groups = _tied(y, s, share)
    positive, reached = groups[1], np.cumsum(groups[:, ::-1], axis=1)[:, ::-1]
    if positive.sum() == 0:
        raise ValueError("no positive row has any weight")
    flagged = reached.sum(axis=0)
    precision, gained = (np.divide(top, flagged, out=np.zeros_like(flagged), where=flagged > 0)
                         for top in (reached[1], positive))
    value = float(positive @ precision / positive.sum())
    added, diluted = np.cumsum(gained), np.cumsum(gained * precision)
    influence = np.empty(y.size)
    influence[order] = np.where(y[order], np.repeat(precision - value + added, size), 0.0) - np.repeat(diluted, size)
    return value, influence * share / positive.sum()


RANKINGS = {"roc_auc": _auc, "average_precision": _average_precision}
