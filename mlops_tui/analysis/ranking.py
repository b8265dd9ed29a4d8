"""How well scores order positives above negatives: ROC AUC, DeLong's test, average precision, and both curves."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Bools, Counts, Floats, two_classes
from mlops_tui.analysis.bands import (
    Flagged,
    flagged,
    precision_band,
    precision_band_of_groups,
    true_positive_band,
    true_positive_band_of_groups,
)
from mlops_tui.analysis.interval import (
    Contrast,
    Interval,
    auc_interval,
    logit_interval,
    normal_p,
    student_p,
    student_quantile,
    wald,
)

SCORE_BINS = 4096


@dataclass(frozen=True)
class Delong:
    """ROC AUCs of k models on the same rows, their covariance (k, k), and the placements (k, n) behind it."""

    labels: Bools
    auc: Floats
    covariance: Floats
    placements: Floats

    @property
    def positives(self) -> int:
        return int(self.labels.sum())

    @property
    def negatives(self) -> int:
        return int(self.labels.size - self.labels.sum())


@dataclass(frozen=True)
class Curve:
    """Points of a ROC curve (k,), from (0, 0) to (1, 1), with pointwise bounds of the true positive rate."""

    false_positive_rate: Floats
    true_positive_rate: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class PrecisionCurve:
    """Points of a precision–recall curve (k,) by rising recall, with pointwise bounds of the precision.

    `prevalence` is its baseline: the precision of flagging rows at random.
    """

    recall: Floats
    precision: Floats
    low: Floats
    high: Floats
    prevalence: float


def placements(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Floats:
    """Of each row, the share of the other class that it is ranked rightly against; a tie counts half. (n,) to (n,).

    These are DeLong's structural components by mid-ranks (Sun & Xu 2014, IEEE Signal Process. Lett. 21:1389), from one
    sort: O(n log n). ValueError for one class, NaN scores, or labels that are not 0/1.
    """
    y, s = two_classes(labels, scores)
    order = np.argsort(s)
    ordered, positive = s[order], y[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))  # where each group of ties starts
    size = np.diff(np.append(first, s.size))
    in_group = np.add.reduceat(positive.astype(np.int64), first)
    positives, negatives = int(y.sum()), int(y.size - y.sum())
    positives_below = np.cumsum(in_group) - in_group / 2
    negatives_below = np.cumsum(size - in_group) - (size - in_group) / 2
    placed = np.empty(s.size)
    placed[order] = np.where(positive, np.repeat(negatives_below / negatives, size),
                             np.repeat(1 - positives_below / positives, size))
    return placed


def roc_auc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Area under the ROC curve: the chance that a positive is scored above a negative (Hanley & McNeil 1982).

    Ties count half. Labels 0/1 and finite scores (n,) of any scale. ValueError for one class, NaN, other labels.

    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    y, s = two_classes(labels, scores)
    return float(placements(y, s)[y].mean())


def delong(labels: npt.ArrayLike, scores: Sequence[npt.ArrayLike]) -> Delong:
    """ROC AUCs of k models and their covariance (DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837, eq. 5–6).

    `scores` holds k columns (n,) on the same rows. ValueError below two rows of a class: the variance needs two.
    """
    placed = np.stack([placements(labels, column) for column in scores])
    y, _ = two_classes(labels, scores[0])
    positives, negatives = int(y.sum()), int(y.size - y.sum())
    if min(positives, negatives) < 2:
        raise ValueError(f"DeLong needs two rows of each class, here {positives} positive and {negatives} negative")
    covariance = np.cov(placed[:, y]) / positives + np.cov(placed[:, ~y]) / negatives
    return Delong(y, placed[:, y].mean(axis=1), np.atleast_2d(covariance), placed)


def delong_variance(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Variance of one ROC AUC, in AUC² units; see `delong`."""
    return float(delong(labels, [scores]).covariance[0, 0])


def delong_contrast(models: Delong, a: int, b: int, level: float = 0.95) -> Contrast:
    """The difference in AUC between models number a and b, with DeLong's z test and Wald interval (pROC's `roc.test`).

    The variance is that of the differences of placements, which is exactly 0 for two models that order alike. Without
    variance there is no test: p is 1 for equal models, else None, and the interval joins both models' own (MOVER).
    """
    difference = models.placements[a] - models.placements[b]
    y = models.labels
    estimate = float(models.auc[a] - models.auc[b])
    if not difference.any():
        estimate = 0.0
    variance = float(difference[y].var(ddof=1) / models.positives + difference[~y].var(ddof=1) / models.negatives)
    if variance > 0:
        z, bounds = estimate / math.sqrt(variance), wald_of(estimate, variance)
        return Contrast(estimate, *bounds(level), z, normal_p(z), "delong", error=math.sqrt(variance), bounds=bounds)
    if not difference.any() and 0 < models.auc[a] < 1:
        return Contrast(0.0, 0.0, 0.0, 0.0, 1.0, "delong", "both order the rows alike", 0.0, lambda _: (0.0, 0.0))
    auc_a, auc_b = float(models.auc[a]), float(models.auc[b])

    def joined(level: float) -> tuple[float, float]:
        one, other = (auc_interval(auc, None, models.positives, models.negatives, level) for auc in (auc_a, auc_b))
        return (estimate - math.hypot(auc_a - one.low, other.high - auc_b),
                estimate + math.hypot(one.high - auc_a, auc_b - other.low))

    equal = estimate == 0
    return Contrast(estimate, *joined(level), 0.0 if equal else None, 1.0 if equal else None, "delong",
                    "no variance: the classes are perfectly separated; interval from each model's own", bounds=joined)


def wald_of(estimate: float, variance: float) -> Callable[[float], tuple[float, float]]:
    """Wald's interval of a difference at any level."""
    def bounds(level: float) -> tuple[float, float]:
        found = wald(estimate, variance, level)
        return found.low, found.high

    return bounds


def delong_unpaired(
    labels: tuple[npt.ArrayLike, npt.ArrayLike], scores: tuple[npt.ArrayLike, npt.ArrayLike], level: float = 0.95
) -> Contrast:
    """The difference in AUC between two models on different rows, (n,) and (m,), which nothing pairs.

    D = (AUC_a − AUC_b)/√(V_a + V_b) is held against Student's t with Welch–Satterthwaite degrees of freedom of all
    rows, (V_a + V_b)²/(V_a²/(n − 1) + V_b²/(m − 1)), as pROC's `roc.test(paired = FALSE)` does; the interval is of the
    same t. ValueError as `delong`; p is 1 for equal AUCs and None for others where neither has any variance.
    """
    a, b = (delong(y, [s]) for y, s in zip(labels, scores, strict=True))
    estimate = float(a.auc[0] - b.auc[0])
    one, other = float(a.covariance[0, 0]), float(b.covariance[0, 0])
    if one + other == 0:
        p = 1.0 if estimate == 0 else None
        return Contrast(estimate, None, None, 0.0 if p else None, p, "delong-unpaired", "both classes are separated")
    error = math.sqrt(one + other)
    df = (one + other) ** 2 / (one**2 / (a.labels.size - 1) + other**2 / (b.labels.size - 1))

    def bounds(level: float) -> tuple[float, float]:
        half = student_quantile(df, level) * error
        return estimate - half, estimate + half

    return Contrast(estimate, *bounds(level), estimate / error, student_p(estimate / error, df), "delong-unpaired",
                    error=error, bounds=bounds)


def delong_test(labels: npt.ArrayLike, a: npt.ArrayLike, b: npt.ArrayLike, level: float = 0.95) -> Contrast:
    """DeLong's paired test of two score columns on the same rows; see `delong` and `delong_contrast`."""
    return delong_contrast(delong(labels, [a, b]), 0, 1, level)


def average_precision(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Mean precision at each positive, Σ (Rₖ − Rₖ₋₁)·Pₖ over distinct scores from the top, without interpolation.

    Equals scikit-learn's `average_precision_score`; its chance level is the prevalence. ValueError as `roc_auc`.
    """
    y, s = two_classes(labels, scores)
    _, reached, flagged = _from_top(y, s)
    return float(np.sum(np.diff(reached, prepend=0) * (reached / flagged)) / y.sum())


def _from_top(labels: Bools, scores: Floats) -> tuple[Counts, Counts, Counts]:
    """Rows in falling order of score (n,); positives and rows down to the end of each group of equal scores (g,)."""
    order = np.argsort(scores)[::-1]
    ordered = scores[order]
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), scores.size - 1)
    return order, np.cumsum(labels[order])[last], last + 1


def auc_influence(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Floats:
    """How fast the ROC AUC grows with each row's weight, (n,), at weights of 1; they add up to 0.

    Weights w move the AUC by Σ (wᵢ − 1)·influenceᵢ to first order (Efron 1982, the infinitesimal jackknife), and
    Σ influence² is its variance: DeLong's, but for n/(n − 1) in each class.
    """
    y, s = two_classes(labels, scores)
    placed = placements(y, s)
    influence: Floats = (placed - placed[y].mean()) / np.where(y, y.sum(), y.size - y.sum())
    return influence


def average_precision_influence(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Floats:
    """How fast the average precision grows with each row's weight, (n,), at weights of 1; see `auc_influence`.

    The derivative of Σ wⱼyⱼ·precisionⱼ / Σ wⱼyⱼ: a row counts in its own term if positive, and in the precision of
    every positive at or below its score.
    """
    return _average_precision(*two_classes(labels, scores))[1]


def average_precision_interval(
    labels: npt.ArrayLike, scores: npt.ArrayLike, level: float = 0.95
) -> tuple[float, Interval | None]:
    """The average precision and its interval on the logit scale (Boyd, Eng & Page 2013, ECML PKDD: better than the
    bootstrap), with the variance of its linearisation and Student's t of positives − 1 degrees of freedom.

    It is biased upwards where positives are few: by about 0.03 for 20 of them, and covers 93 % there. No interval for
    one positive, or where the classes are separated. ValueError as `roc_auc`.
    """
    y, s = two_classes(labels, scores)
    value, influence = _average_precision(y, s)
    positives, negatives = int(y.sum()), int(y.size - y.sum())
    squares = [float(np.square(influence[side]).sum()) for side in (y, ~y)]
    variance = sum(each * rows / max(rows - 1, 1) for each, rows in zip(squares, (positives, negatives), strict=True))
    if positives < 2 or not 0 < value < 1 or variance <= 0:
        return value, None
    return value, logit_interval(value, variance, level, "linear-logit", positives - 1)


def _average_precision(y: Bools, s: Floats) -> tuple[float, Floats]:
    order, reached, flagged = _from_top(y, s)
    gained, precision = np.diff(reached, prepend=0), reached / flagged
    average = float(np.sum(gained * precision) / y.sum())
    added = np.cumsum((gained / flagged)[::-1])[::-1]
    diluted = np.cumsum((gained * precision / flagged)[::-1])[::-1]
    size = np.diff(flagged, prepend=0)
    influence = np.empty(y.size)
    influence[order] = np.repeat(precision - average + added, size) * y[order] - np.repeat(diluted, size)
    return average, influence / float(y.sum())


def score_edges(labels: npt.ArrayLike, scores: npt.ArrayLike, bins: int = SCORE_BINS) -> Floats:
    """Lower edges of at most `bins` score bins: every distinct score where so few, else quantiles of each class.

    Half of the edges are quantiles of the positives, half of the negatives, so that a rare class is resolved as finely
    as a common one and the error of a binned AUC is at most 1/bins plus ties. Each score of a class of bins/4 rows or
    fewer has a bin to itself, which makes the binned AUC exact. Equal scores always share a bin.
    """
    y, s = two_classes(labels, scores)
    distinct = np.unique(s)
    if distinct.size <= bins:
        return distinct
    return np.unique(np.concatenate([_class_edges(s[y], bins // 2), _class_edges(s[~y], bins // 2), distinct[:1]]))


def _class_edges(scores: Floats, count: int) -> Floats:
    if 2 * scores.size <= count:
        return np.concatenate([scores, np.nextafter(scores, np.inf)])
    return np.sort(scores)[(np.arange(count) * scores.size) // count]


def score_bins(labels: npt.ArrayLike, scores: npt.ArrayLike, edges: Floats) -> Counts:
    """Rows by class (negatives, then positives) and score bin, (2, bins): bin i is edges[i] ≤ score < edges[i + 1]."""
    y, s = two_classes(labels, scores)
    cell = np.searchsorted(edges, s, side="right") - 1 + np.where(y, edges.size, 0)
    return np.bincount(cell, minlength=2 * edges.size).reshape(2, edges.size)


def resampled_auc(weights: Floats) -> Floats:
    """ROC AUC of each of r weightings of score bins, (r, 2, bins) to (r,); the statistic of a bootstrap."""
    negative, positive = weights[:, 0], weights[:, 1]
    below = np.cumsum(negative, axis=1) - negative / 2
    area: Floats = np.einsum("rc,rc->r", positive, below) / (negative.sum(axis=1) * positive.sum(axis=1))
    return area


def resampled_average_precision(weights: Floats) -> Floats:
    """Average precision of each of r weightings of score bins, (r, 2, bins) to (r,)."""
    falling = weights[:, :, ::-1]
    reached = np.cumsum(falling, axis=2)
    flagged = reached.sum(axis=1)
    precision = np.divide(reached[:, 1], flagged, out=np.zeros_like(flagged), where=flagged > 0)
    mean: Floats = np.einsum("rc,rc->r", falling[:, 1], precision) / falling[:, 1].sum(axis=1)
    return mean


def roc_curve(labels: npt.ArrayLike, scores: npt.ArrayLike, points: int = 200, level: float = 0.95,
              groups: npt.ArrayLike | None = None) -> Curve:
    """The ROC curve at up to `points` thresholds, each a true point of the full curve, with a band for drawing.

    The band is pointwise (each point is covered with probability `level`, not all at once) and vertical: of the true
    positive rate at this false positive rate, see `bands.true_positive_band`; with `groups` (n,), of rows that vary
    together, `bands.true_positive_band_of_groups`. ValueError as `roc_auc`.
    """
    negatives, positives, at = _points(labels, scores, points)
    found = _flagged(labels, scores, groups, negatives + positives, at)
    low, high = true_positive_band(negatives, positives, at, level) if found is None else \
        true_positive_band_of_groups(negatives, positives, at, found, level)
    return Curve(negatives[at] / negatives[-1], positives[at] / positives[-1], low, high)


def precision_curve(
    labels: npt.ArrayLike, scores: npt.ArrayLike, points: int = 200, level: float = 0.95,
    groups: npt.ArrayLike | None = None,
) -> PrecisionCurve:
    """The precision–recall curve at up to `points` thresholds, with a pointwise band of the precision at this recall.

    See `bands.precision_band`, and of `groups` (n,) that vary together `bands.precision_band_of_groups`. Points are not
    joined by straight lines in truth (Davis & Goadrich 2006, ICML), but so many are close enough for drawing.
    ValueError as `roc_auc`.
    """
    negatives, positives, at = _points(labels, scores, points)
    at = at[positives[at] > 0]
    found = _flagged(labels, scores, groups, negatives + positives, at)
    low, high = precision_band(negatives, positives, at, level) if found is None else \
        precision_band_of_groups(negatives, positives, at, found, level)
    return PrecisionCurve(positives[at] / positives[-1], positives[at] / (positives[at] + negatives[at]), low, high,
                          float(positives[-1] / (positives[-1] + negatives[-1])))


def _flagged(labels: npt.ArrayLike, scores: npt.ArrayLike, groups: npt.ArrayLike | None, rows: Counts,
             at: Counts) -> Flagged | None:
    """What is flagged of each group where `rows` are flagged from the top score down; None without groups."""
    if groups is None:
        return None
    y, s = two_classes(labels, scores)
    ordered = np.sort(s)[::-1]
    lowest = np.where(rows[at] > 0, ordered[np.maximum(rows[at] - 1, 0)], np.inf)
    return flagged(y, s, np.unique(np.asarray(groups), return_inverse=True)[1], lowest)


def _points(labels: npt.ArrayLike, scores: npt.ArrayLike, points: int) -> tuple[Counts, Counts, Counts]:
    """Running counts of negatives and positives from the top score down (g + 1,), and where to draw them.

    Every distinct score where they are few, else equal steps of either rate, half of the points each.
    """
    y, s = two_classes(labels, scores)
    _, reached, flagged = _from_top(y, s)
    positives, negatives = np.concatenate(([0], reached)), np.concatenate(([0], flagged - reached))
    if positives.size <= points:
        return negatives, positives, np.arange(positives.size)
    share = np.arange(1, points // 2) / (points // 2)
    steps = [np.searchsorted(each, np.ceil(share * each[-1])) for each in (negatives, positives)]
    return negatives, positives, np.unique(np.concatenate([[0], *steps, [positives.size - 1]]))
