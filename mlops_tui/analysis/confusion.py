"""What a threshold makes of the scores: the confusion matrix and the metrics read off it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Counts, Floats, labelled
from mlops_tui.analysis.interval import Estimate, Resampling, percentile, wilson

Cells = Floats  # (4, …): true positives, false positives, false negatives, true negatives


@dataclass(frozen=True)
class Confusion:
    """Rows by decision and label; a row is flagged where its score is at or above the threshold."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def n(self) -> int:
        return self.tp + self.fp + self.fn + self.tn

    def cells(self) -> Counts:
        return np.array([self.tp, self.fp, self.fn, self.tn])


@dataclass(frozen=True)
class DecisionMetric:
    """A metric of the four cells: the function gives NaN where `undefined` holds; `share` names a plain proportion."""

    value: Callable[[Cells], Floats]
    undefined: str
    share: tuple[tuple[int, ...], tuple[int, ...]] | None = None


def _ratio(top: Floats, bottom: Floats) -> Floats:
    ratio: Floats = np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=np.asarray(bottom) > 0)
    return ratio


def _share(top: tuple[int, ...], bottom: tuple[int, ...], undefined: str) -> DecisionMetric:
    def value(c: Cells) -> Floats:
        return _ratio(c[list(top)].sum(axis=0), c[list(bottom)].sum(axis=0))

    return DecisionMetric(value, undefined, (top, bottom))


def _f1(c: Cells) -> Floats:
    return _ratio(2 * c[0], 2 * c[0] + c[1] + c[2])


def _balanced(c: Cells) -> Floats:
    return 0.5 * (_ratio(c[0], c[0] + c[2]) + _ratio(c[3], c[3] + c[1]))


def _mcc(c: Cells) -> Floats:
    """Matthews 1975, as a product of ratios: the product of four margins would overflow integers."""
    flagged, passed, positives, negatives = c[0] + c[1], c[2] + c[3], c[0] + c[2], c[1] + c[3]
    root = np.sqrt(flagged * passed) * np.sqrt(positives * negatives)
    return np.clip(_ratio(c[0] * c[3] - c[1] * c[2], root), -1, 1)  # rounding may leave 1 + 2e-16


DECISIONS: Mapping[str, DecisionMetric] = {
    "accuracy": _share((0, 3), (0, 1, 2, 3), "there are no rows"),
    "balanced_accuracy": DecisionMetric(_balanced, "one of the classes has no rows"),
    "precision": _share((0,), (0, 1), "no row is flagged at this threshold"),
    "recall": _share((0,), (0, 2), "no row is positive"),
    "specificity": _share((3,), (1, 3), "no row is negative"),
    "f1": DecisionMetric(_f1, "no row is positive or flagged"),
    "mcc": DecisionMetric(_mcc, "all rows are of one class, or all are decided alike"),
}

RATES: Mapping[str, DecisionMetric] = {  # of which neither way is better by itself: for groups, beside DECISIONS
    "selection_rate": _share((0, 1), (0, 1, 2, 3), "there are no rows"),
    "false_positive_rate": _share((1,), (1, 3), "no row is negative"),
    "false_negative_rate": _share((2,), (0, 2), "no row is positive"),
    "negative_predictive_value": _share((3,), (2, 3), "every row is flagged at this threshold"),
}


def confusion(labels: npt.ArrayLike, scores: npt.ArrayLike, threshold: float = 0.5) -> Confusion:
    """Count decisions `score ≥ threshold` against labels, both (n,). ValueError for NaN scores or labels not 0/1."""
    y, s = labelled(labels, scores)
    flagged = s >= threshold
    tp, flags, positives = int((y & flagged).sum()), int(flagged.sum()), int(y.sum())
    return Confusion(tp, flags - tp, positives - tp, y.size - flags - positives + tp)


def decision_value(metric: str, cells: Confusion) -> tuple[float | None, str]:
    """The metric of one confusion matrix, or None and the reason where its denominator is zero.

    It is one of DECISIONS or RATES; KeyError otherwise.

    >>> decision_value("precision", Confusion(tp=0, fp=0, fn=3, tn=7))
    (None, 'no row is flagged at this threshold')
    """
    rule = decision_rule(metric)
    value = float(rule.value(cells.cells().astype(np.float64)[:, None])[0])
    return (None, rule.undefined) if np.isnan(value) else (value, "")


def decision_rule(metric: str) -> DecisionMetric:
    """The metric of that name in DECISIONS or RATES; KeyError for another one."""
    return DECISIONS[metric] if metric in DECISIONS else RATES[metric]


def decision_estimate(metric: str, cells: Confusion, resampling: Resampling | None = None) -> Estimate:
    """The metric with its interval: Wilson for a proportion, else a posterior of the four cells; n is its denominator.

    F1, MCC and balanced accuracy are no proportions. Their interval comes from draws of the cell shares under
    Dirichlet(counts + ½) (Goutte & Gaussier 2005, ECIR; Jeffreys' prior), which keeps its width where a bootstrap has
    none: ten rows, all right, do not show an F1 of exactly 1. Bounds are widened to hold the point value.
    """
    how, rule = resampling or Resampling(), decision_rule(metric)
    value, reason = decision_value(metric, cells)
    counts = cells.cells()
    if value is None:
        return Estimate(metric, None, None, None, cells.n, reason=reason)
    if rule.share is not None:
        top, bottom = (int(counts[list(which)].sum()) for which in rule.share)
        bounds = wilson(top, bottom, how.level)
        return Estimate(metric, value, bounds.low, bounds.high, bottom, bounds.method)
    draws = np.random.default_rng(how.seed).gamma(counts[:, None] + 0.5, size=(4, 4 * how.resamples))
    low, high = percentile(rule.value(draws), how.level)  # metrics are free of scale: gammas need no normalising
    return Estimate(metric, value, min(low, value), max(high, value), cells.n, "jeffreys")
