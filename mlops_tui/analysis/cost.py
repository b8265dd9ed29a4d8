"""What decisions cost: expected cost by threshold, the cheapest threshold in theory and on these rows."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.arrays import Counts, Floats, two_classes
from mlops_tui.analysis.confusion import Confusion
from mlops_tui.analysis.interval import Contrast, Resampling, percentile, poisson_bootstrap
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.analysis.paired import linear_t
from mlops_tui.analysis.ranking import SCORE_BINS, score_bins, score_edges


@dataclass(frozen=True)
class Costs:
    """Cost of each outcome in one currency; a gain is a negative cost."""

    false_positive: float
    false_negative: float
    true_positive: float = 0.0
    true_negative: float = 0.0


@dataclass(frozen=True)
class CostCurve:
    """Mean cost per row of flagging scores ≥ threshold, at rising thresholds (k,); the last, ∞, flags nothing."""

    threshold: Floats
    cost: Floats


@dataclass(frozen=True)
class CheapestThreshold:
    """The threshold of least cost on these rows, that cost, and percentile intervals of both; ∞ flags nothing."""

    threshold: float
    threshold_low: float
    threshold_high: float
    cost: float
    cost_low: float
    cost_high: float


def elkan_threshold(costs: Costs) -> float:
    """The threshold of least expected cost for calibrated scores (Elkan 2001, IJCAI, eq. 2).

    t* = (C_FP − C_TN)/((C_FP − C_TN) + (C_FN − C_TP)), in (0, 1). ValueError where being right costs no less than
    being wrong: then one answer is always best, whatever the score.

    >>> elkan_threshold(Costs(false_positive=1, false_negative=5))  # German credit
    0.16666666666666666
    """
    harm, miss = costs.false_positive - costs.true_negative, costs.false_negative - costs.true_positive
    if not (harm > 0 and miss > 0 and math.isfinite(harm + miss)):
        raise ValueError(f"a wrong answer must cost more than the right one, here {harm:g} and {miss:g} more")
    return harm / (harm + miss)


def expected_cost(cells: Confusion, costs: Costs) -> float:
    """Mean cost per row of the decisions in a confusion matrix. ValueError for no rows."""
    if cells.n == 0:
        raise ValueError("no rows")
    return (cells.tp * costs.true_positive + cells.fp * costs.false_positive + cells.fn * costs.false_negative
            + cells.tn * costs.true_negative) / cells.n


def cost_contrast(before: Answers, after: Answers, costs: Costs, threshold: float) -> Contrast:
    """What the second model's decisions cost less per row than the first one's on the same rows, by a paired t.

    A score at or above the threshold is a yes; rows that vary together are counted by group. ValueError as `linear_t`.
    """
    rates = np.array([[costs.true_negative, costs.false_positive], [costs.false_negative, costs.true_positive]])
    spent = [rates[each.label.astype(np.int64), (each.given >= threshold).astype(np.int64)] - rates.min()
             for each in (before, after)]  # the shift, which the difference does not see, makes them errors from 0
    one, other = (Answers(Task.REGRESSION, np.zeros(before.n), each, (), before.weight, before.together)
                  for each in spent)
    return linear_t(METRICS["mae"], one, other, cluster=one.clusters)


def _costs_by_edge(weights: Floats, costs: Costs) -> Floats:
    """Mean cost of flagging from each bin up, and of flagging nothing: (r, 2, bins) to (r, bins + 1)."""
    negative, positive = weights[:, 0], weights[:, 1]
    passed = positive * costs.false_negative + negative * costs.true_negative
    flagged = positive * costs.true_positive + negative * costs.false_positive
    below = np.cumsum(np.pad(passed, ((0, 0), (1, 0))), axis=1)
    above = np.cumsum(np.pad(flagged, ((0, 0), (0, 1)))[:, ::-1], axis=1)[:, ::-1]
    mean: Floats = (below + above) / weights.sum(axis=(1, 2))[:, None]
    return mean


def cost_curve(labels: npt.ArrayLike, scores: npt.ArrayLike, costs: Costs, points: int = SCORE_BINS) -> CostCurve:
    """Mean cost per row at up to `points` thresholds (every distinct score where there are no more), and at ∞.

    Labels 0/1 of both classes and finite scores (n,); ValueError otherwise.
    """
    y, s = two_classes(labels, scores)
    edges = score_edges(y, s, points)
    counts = score_bins(y, s, edges)[None].astype(np.float64)
    return CostCurve(np.append(edges, np.inf), _costs_by_edge(counts, costs)[0])


def cheapest_threshold(
    labels: npt.ArrayLike, scores: npt.ArrayLike, costs: Costs, resampling: Resampling | None = None
) -> CheapestThreshold:
    """The empirically cheapest threshold (of equal ones the highest) with Poisson bootstrap intervals.

    The threshold is chosen anew in each resample; the cost interval is that of the one chosen on all rows, which is a
    little optimistic because it was chosen on the rows it is judged on. Costs in the unit given, per row. ValueError as
    `cost_curve`, and where being right costs no less than being wrong.
    """
    how = resampling or Resampling()
    elkan_threshold(costs)
    y, s = two_classes(labels, scores)
    edges = score_edges(y, s)
    counts, thresholds = score_bins(y, s, edges), np.append(edges, np.inf)
    curve = _costs_by_edge(counts[None].astype(np.float64), costs)[0]
    best = _last_least(curve[None])[0]
    chosen = np.empty(how.resamples)
    filled = 0

    def at_best(weights: Floats) -> Floats:
        nonlocal filled
        by_edge = _costs_by_edge(weights, costs)
        chosen[filled:filled + len(weights)] = thresholds[_last_least(by_edge)]
        filled += len(weights)
        return by_edge[:, best]

    cost_low, cost_high = percentile(poisson_bootstrap(counts, at_best, how), how.level)
    low, high = np.quantile(chosen, [(1 - how.level) / 2, (1 + how.level) / 2], method="inverted_cdf")  # ∞ is a value
    return CheapestThreshold(float(thresholds[best]), float(low), float(high), float(curve[best]), cost_low, cost_high)


def _last_least(costs: Floats) -> Counts:
    """The last column of least cost in each row; equal up to rounding counts as equal."""
    least = costs.min(axis=1, keepdims=True)
    near = costs <= least + 1e-12 * np.maximum(np.abs(least), 1.0)
    last: Counts = costs.shape[1] - 1 - np.argmax(near[:, ::-1], axis=1)
    return last
