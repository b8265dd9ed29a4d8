"""What a team that can look at k rows gets from a model: precision and recall of the k highest scores."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Bools, Floats, labelled
from mlops_tui.analysis.interval import Estimate, wilson_share

FEWEST_NEAR, NEAR = 25, 0.1  # rows on either side of the cut that say how good rows there are: at least, share


@dataclass(frozen=True)
class AtCapacity:
    """The `capacity` rows of highest score: the score of the last, rows tied with it, and what is found among them.

    `flagged` of the `tied` rows of score `threshold` fit into the capacity.
    """

    capacity: int
    threshold: float
    tied: int
    flagged: int
    precision: Estimate
    recall: Estimate


def at_capacity(labels: npt.ArrayLike, scores: npt.ArrayLike, capacity: int, level: float = 0.95) -> AtCapacity:
    """Precision and recall where only the `capacity` highest scores are acted on, each with its interval.

    Of rows tied at the cut so many are taken at random as fit: values are the mean over all ways of choosing them.
    Intervals are for the same share of other rows of this kind: Wilson's score with the effective n implied by the
    variance of the linearised ratio, in which a positive that enters pushes out a row at the cut (Bahadur's
    representation of a quantile; share of positives among the nearest rows, a tenth of the capacity on either side and
    at least 25). That is more than capacity alone would say. Labels 0/1, scores (n,), 1 ≤ capacity; more than n takes
    all. Without positives there is no recall, and with all rows taken it is 1 for certain: the reason says so.
    ValueError for NaN, other labels, no rows, a capacity below 1.

    >>> at_capacity([1, 0, 1, 0, 0], [0.9, 0.8, 0.7, 0.2, 0.1], 3).precision.value
    0.6666666666666666
    """
    y, s = labelled(labels, scores)
    if capacity < 1:
        raise ValueError(f"a capacity is at least one row, not {capacity}")
    taken = min(capacity, y.size)
    threshold = float(np.partition(s, y.size - taken)[y.size - taken])
    above, tied = s > threshold, s == threshold
    flagged, ties = taken - int(above.sum()), int(tied.sum())
    share = above + tied * (flagged / ties)
    found = float(share @ y)
    moved = share * (y - _near(y, s, taken, threshold))
    precision = _estimate("precision", found / taken, moved * (y.size / taken), taken, level)
    return AtCapacity(capacity, threshold, ties, flagged, precision, _recall(y, share, moved, level))


def _recall(y: Bools, share: Floats, moved: Floats, level: float) -> Estimate:
    positives = int(y.sum())
    if not positives:
        return Estimate("recall", None, None, None, y.size, reason="no row is positive")
    value = float(share @ y) / positives
    if share.all() and value == 1:
        return Estimate("recall", 1.0, None, None, positives, reason="all rows are taken")
    return _estimate("recall", value, (moved - value * y) * (y.size / positives), positives, level)


def _estimate(metric: str, value: float, influence: Floats, rows: int, level: float) -> Estimate:
    """A share whose estimate is the mean of `influence` (n,) up to a constant; Wilson of `rows` where that is flat."""
    variance = float(influence.var()) / influence.size
    effective = value * (1 - value) / variance if variance > 0 and 0 < value < 1 else float(rows)
    low, high = wilson_share(value, effective, level)
    return Estimate(metric, value, float(low), float(high), rows, "wilson, effective n")


def _near(y: Bools, s: Floats, taken: int, threshold: float) -> float:
    """The share of positives among the rows next to the cut, and all that are tied with it."""
    reach = max(FEWEST_NEAR, round(NEAR * taken))
    first, last = max(y.size - taken - reach, 0), min(y.size - taken + reach, y.size - 1)
    low, high = np.partition(s, [first, last])[[first, last]]
    near = y[(s >= min(low, threshold)) & (s <= max(high, threshold))]
    return float((near.sum() + 0.5) / (near.size + 1))
