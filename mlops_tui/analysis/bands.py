"""Pointwise confidence bands of ROC and precision–recall curves, from counts down to each score."""

from dataclasses import dataclass

import numpy as np

from mlops_tui.analysis.arrays import Bools, Counts, Floats
from mlops_tui.analysis.interval import wilson_share

FEWEST, NEAR = 10, 0.2  # rows of a class on either side of a point that tell the slope there: at least, and what share


def _slope(along: Counts, other: Counts, at: Counts) -> Floats:
    """How many of the other class come in per row of this one around positions `at` (k,) of both running counts."""
    total = int(along[-1])
    reach = np.maximum(FEWEST, NEAR * np.minimum(along[at], total - along[at]))
    first = np.searchsorted(along, np.maximum(along[at] - reach, 0))
    last = np.searchsorted(along, np.minimum(along[at] + reach, total))
    gained: Floats = (other[last] - other[first]) / np.maximum(along[last] - along[first], 1)
    return gained


def true_positive_band(negatives: Counts, positives: Counts, at: Counts, level: float = 0.95) -> tuple[Floats, Floats]:
    """Bounds (k,) of the true positive rate at the false positive rate of each point `at` (k,).

    `negatives` and `positives` (g,) are running counts from the highest score down, from 0 to all of a class. Variance
    TPR(1 − TPR)/P + slope²·FPR(1 − FPR)/N, since the threshold of a false positive rate is itself estimated (Hsieh &
    Turnbull 1996, Ann. Stat. 24:25; Pepe 2003, §5.2), with the slope of the curve from the nearest negatives; Wilson's
    score with the effective n that this implies.
    """
    all_negative, all_positive = int(negatives[-1]), int(positives[-1])
    false, true = negatives[at] / all_negative, positives[at] / all_positive
    slope = _slope(negatives, positives, at) * all_negative / all_positive
    variance = true * (1 - true) / all_positive + slope**2 * false * (1 - false) / all_negative
    return _wilson(true, variance, np.full(at.size, float(all_positive)), level)


def precision_band(negatives: Counts, positives: Counts, at: Counts, level: float = 0.95) -> tuple[Floats, Floats]:
    """Bounds (k,) of the precision at the recall of each point `at` (k,) with at least one row flagged.

    With prevalence π, logit precision = logit π + log recall − log FPR, and at a fixed recall both π and the false
    positive rate are estimated: variance 1/P + 1/N + (FPR(1 − FPR)/N + (recall(1 − recall)/P)/slope²)/FPR²; Wilson's
    score with the effective n that this implies, or the rows flagged where none is wrong.
    """
    all_negative, all_positive = int(negatives[-1]), int(positives[-1])
    false, true = negatives[at] / all_negative, positives[at] / all_positive
    flagged = (negatives[at] + positives[at]).astype(np.float64)
    precision = positives[at] / flagged
    inverse = _slope(positives, negatives, at) * all_positive / all_negative
    moved = false * (1 - false) / all_negative + inverse**2 * true * (1 - true) / all_positive
    relative = np.divide(moved, false**2, out=np.zeros(at.size), where=false > 0)
    odds = np.where(false > 0, 1 / all_positive + 1 / all_negative + relative, 0.0)
    return _wilson(precision, np.square(precision * (1 - precision)) * odds, flagged, level)


@dataclass(frozen=True)
class Flagged:
    """Rows of each group flagged at each threshold, by class (G, k), and all its rows of a class (G,)."""

    positive: Counts
    negative: Counts
    positives: Counts
    negatives: Counts


def flagged(labels: Bools, scores: Floats, groups: Counts, thresholds: Floats) -> Flagged:
    """What thresholds (k,), falling, flag of each group; `groups` (n,) are numbers from 0."""
    size, first = int(groups.max()) + 1, np.searchsorted(-thresholds, -scores)
    cell = (labels * size + groups) * (thresholds.size + 1) + first
    counts = np.bincount(cell, minlength=2 * size * (thresholds.size + 1)).reshape(2, size, -1)
    reached = counts.cumsum(axis=2)
    return Flagged(reached[1, :, :-1], reached[0, :, :-1], reached[1, :, -1], reached[0, :, -1])


def true_positive_band_of_groups(negatives: Counts, positives: Counts, at: Counts, groups: Flagged,
                                 level: float = 0.95) -> tuple[Floats, Floats]:
    """As `true_positive_band`, for rows that vary together: what a group's rows move the rate is summed (Liang & Zeger
    1986, Biometrika 73:13), and the interval is Wilson's with the effective n that this variance implies."""
    all_negative, all_positive = int(negatives[-1]), int(positives[-1])
    true, moved_true, moved_false = _moved(negatives, positives, at, groups)
    slope = _slope(negatives, positives, at) * all_negative / all_positive
    return _wilson(true, _variance(moved_true - slope * moved_false), np.full(at.size, float(all_positive)), level)


def precision_band_of_groups(negatives: Counts, positives: Counts, at: Counts, groups: Flagged,
                             level: float = 0.95) -> tuple[Floats, Floats]:
    """As `precision_band`, for rows that vary together, see `true_positive_band_of_groups`."""
    all_negative, all_positive = int(negatives[-1]), int(positives[-1])
    _, moved_true, moved_false = _moved(negatives, positives, at, groups)
    false, found = negatives[at] / all_negative, (negatives[at] + positives[at]).astype(np.float64)
    precision = positives[at] / found
    inverse = _slope(positives, negatives, at) * all_positive / all_negative
    odds = (groups.positives / all_positive - groups.negatives / all_negative)[:, None]
    relative = np.divide(moved_false - inverse * moved_true, false, out=np.zeros_like(moved_true), where=false > 0)
    variance = np.where(false > 0, _variance(odds - relative), 0.0)
    return _wilson(precision, np.square(precision * (1 - precision)) * variance, found, level)


def _moved(negatives: Counts, positives: Counts, at: Counts, groups: Flagged) -> tuple[Floats, Floats, Floats]:
    """The true positive rate (k,), and what each group moves it and the false positive rate, (G, k)."""
    false, true = negatives[at] / negatives[-1], positives[at] / positives[-1]
    return (true, (groups.positive - true * groups.positives[:, None]) / positives[-1],
            (groups.negative - false * groups.negatives[:, None]) / negatives[-1])


def _variance(moved: Floats) -> Floats:
    """Of the sums over groups (G, k)."""
    total: Floats = np.square(moved).sum(axis=0) * len(moved) / (len(moved) - 1)
    return total


def _wilson(share: Floats, variance: Floats, otherwise: Floats, level: float) -> tuple[Floats, Floats]:
    certain = (variance <= 0) | (share <= 0) | (share >= 1)
    effective = np.divide(share * (1 - share), variance, out=otherwise.copy(), where=~certain)
    return wilson_share(share, effective, level)
