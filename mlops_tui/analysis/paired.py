"""Whether one model is better than another on the same rows: McNemar, paired bootstrap, corrected t, the verdict."""

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from mlops_tui.analysis.arrays import Bools, Counts, Floats, binary, finite, labelled, two_classes
from mlops_tui.analysis.confusion import DECISIONS
from mlops_tui.analysis.interval import (
    Contrast,
    Resampling,
    normal_p,
    percentile,
    poisson_bootstrap,
    student_p,
    student_quantile,
    wilson,
)
from mlops_tui.analysis.metrics import Family, Metric, losses, metric_value
from mlops_tui.analysis.ranking import (
    auc_influence,
    average_precision_influence,
    resampled_auc,
    resampled_average_precision,
)

McNemar = Literal["auto", "corrected", "uncorrected", "exact", "mid-p"]
Difference = Callable[[Floats], Floats]

FEW_DISCORDANT = 25  # below this the chi-square of McNemar's statistic is not to be trusted (Fagerland et al. 2013)
WHOLE_ROWS = 10_000  # up to here each row is resampled; above, 1000 passes over them would take minutes
LINEAR_BINS = 4096
RESAMPLED = {"roc_auc": resampled_auc, "average_precision": resampled_average_precision}
INFLUENCE = {"roc_auc": auc_influence, "average_precision": average_precision_influence}


class Verdict(StrEnum):
    """How the second model, b, stands against the first, a."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"


def mcnemar(only_a: int, only_b: int, method: McNemar = "auto") -> tuple[float, float, str]:
    """McNemar's test of two models' right rows: (statistic, two-sided p, method used).

    `only_a` rows are right by a alone, `only_b` by b alone. corrected: χ² = (|b − c| − 1)²/(b + c), 1 df (Edwards
    1948); uncorrected: without the 1; exact: binomial, statistic min(b, c); mid-p: exact less half the probability of
    what was seen (Fagerland, Lydersen & Laake 2013, BMC Med. Res. Methodol. 13:91). auto: mid-p below 25 discordant
    rows, else corrected. No discordant row: statistic 0, p 1. ValueError for negative counts.

    >>> mcnemar(1, 7, "exact")
    (1.0, 0.0703125, 'mcnemar-exact')
    """
    if min(only_a, only_b) < 0:
        raise ValueError(f"counts are not negative: {only_a}, {only_b}")
    n, fewer = only_a + only_b, min(only_a, only_b)
    used = ("mid-p" if n < FEW_DISCORDANT else "corrected") if method == "auto" else method
    if n == 0:
        return 0.0, 1.0, f"mcnemar-{used}"
    if used in {"exact", "mid-p"}:
        p = 2 * float(special.bdtr(fewer, n, 0.5))
        if used == "mid-p":
            p -= math.exp(math.lgamma(n + 1) - math.lgamma(fewer + 1) - math.lgamma(n - fewer + 1) - n * math.log(2))
        return float(fewer), min(p, 1.0), f"mcnemar-{used}"
    distance = max(abs(only_a - only_b) - (used == "corrected"), 0)
    statistic = distance**2 / n
    return statistic, normal_p(math.sqrt(statistic)), f"mcnemar-{used}"


def paired_proportions(right_a: Bools, right_b: Bools, level: float = 0.95) -> tuple[float, float, float]:
    """Difference of two proportions on the same rows with its interval: (estimate a − b, low, high).

    Newcombe's square-and-add of Wilson intervals with the correlation of the pairs (1998, Statist. Med. 17:2635,
    method 10), which stays inside [−1, 1] and keeps a width where no row differs. `right_*` (n,) of the same rows.
    """
    n, a, b, both = right_a.size, int(right_a.sum()), int(right_b.sum()), int((right_a & right_b).sum())
    one, other = wilson(a, n, level), wilson(b, n, level)
    covariance = float(both * (n - a - b + both) - (a - both) * (b - both))
    if covariance > 0:
        covariance = max(covariance - n / 2, 0.0)
    margins = math.sqrt(a * (n - a)) * math.sqrt(b * (n - b))
    correlation = covariance / margins if margins > 0 else 0.0

    def reach(x: float, y: float) -> float:
        return math.sqrt(max(x * x - 2 * correlation * x * y + y * y, 0.0))

    estimate = (a - b) / n
    return (estimate, estimate - reach(a / n - one.low, other.high - b / n),
            estimate + reach(one.high - a / n, b / n - other.low))


def mcnemar_test(
    labels: npt.ArrayLike, flagged_a: npt.ArrayLike, flagged_b: npt.ArrayLike, method: McNemar = "auto",
    level: float = 0.95,
) -> Contrast:
    """The difference in accuracy of two models' decisions on the same rows, (n,) of 0/1, by McNemar's test.

    Interval: `paired_proportions`. ValueError for other values, unequal lengths or no rows.
    """
    y, a, b = binary(labels), binary(flagged_a), binary(flagged_b)
    if not y.size == a.size == b.size or y.size == 0:
        raise ValueError(f"{y.size} labels, {a.size} and {b.size} decisions")
    right_a, right_b = a == y, b == y
    statistic, p, used = mcnemar(int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum()), method)
    estimate, low, high = paired_proportions(right_a, right_b, level)
    return Contrast(estimate, low, high, statistic, p, used, "" if (a != b).any() else "both decide alike on every row")


def paired_bootstrap(
    metric: Metric, labels: npt.ArrayLike, a: npt.ArrayLike, b: npt.ArrayLike, resampling: Resampling | None = None
) -> Contrast:
    """The difference of any metric between two score columns (n,), by a Poisson bootstrap that keeps rows paired.

    Rows are counted in cells that are alike to both models, and the cells resampled: by both decisions; by both scores
    up to 10,000 rows; by their influence on the difference for losses, and for rankings of more rows (whose resamples
    are then those of the linearised metric: at that size its curvature is lost in the noise). Percentile interval;
    two-sided p = 2·min(P(d* ≤ 0), P(d* ≥ 0)), one resample added to either side; no statistic; seeded.
    ValueError for one class, a metric that is undefined for either model, and input as `metric_value`.
    """
    how = resampling or Resampling()
    y, s = two_classes(labels, a)
    _, t = labelled(y, b)
    (value_a, why_a), (value_b, why_b) = metric_value(metric, y, s), metric_value(metric, y, t)
    if value_a is None or value_b is None:
        raise ValueError(f"{metric.id} is undefined: {why_a or why_b}")
    estimate = value_a - value_b
    counts, difference = CELLS[metric.family](metric, y, s, t)
    samples = poisson_bootstrap(counts, difference, how)
    samples = samples[np.isfinite(samples)]  # a resample may leave a decision metric undefined
    if samples.size < how.resamples / 2 or np.ptp(samples) == 0:
        same = np.array_equal(s, t) or (metric.family is Family.DECISION and estimate == 0)
        return _no_spread(estimate, same)
    samples += estimate - float(difference(counts[None].astype(np.float64))[0])
    low, high = percentile(samples, how.level)
    tail = min(int((samples <= 0).sum()), int((samples >= 0).sum()))
    p = min(2 * (tail + 1) / (samples.size + 1), 1.0)
    discordant = int(counts[:, 1:3].sum()) if metric.family is Family.DECISION else FEW_DISCORDANT
    few = f"only {discordant} rows are decided differently: the interval is rather narrow"
    return Contrast(estimate, low, high, None, p, "bootstrap", few if discordant < FEW_DISCORDANT else "")


def _no_spread(estimate: float, same: bool) -> Contrast:
    if same:
        return Contrast(0.0, 0.0, 0.0, None, 1.0, "bootstrap", "both models give the same on every row")
    return Contrast(estimate, None, None, None, None, "bootstrap", "the resamples do not vary: no interval")


def _decision_cells(metric: Metric, y: Bools, a: Floats, b: Floats) -> tuple[Counts, Difference]:
    """Cells by both decisions: neither flags, b alone, a alone, both."""
    decided = 2 * (a >= metric.threshold) + (b >= metric.threshold)
    rule = DECISIONS[metric.id].value

    def of(weights: Floats, flagged: list[int], passed: list[int]) -> Floats:
        negative, positive = weights[:, 0].T, weights[:, 1].T
        return rule(np.stack([positive[flagged].sum(axis=0), negative[flagged].sum(axis=0),
                              positive[passed].sum(axis=0), negative[passed].sum(axis=0)]))

    return (np.bincount(decided + 4 * y, minlength=8).reshape(2, 4),
            lambda weights: of(weights, [2, 3], [0, 1]) - of(weights, [1, 3], [0, 2]))


def _ranking_cells(metric: Metric, y: Bools, a: Floats, b: Floats) -> tuple[Counts, Difference]:
    """Pairs of both models' scores, ordered by a's; each model's own scores are sums over them."""
    if y.size > WHOLE_ROWS:
        influence = INFLUENCE[metric.id]
        return _linear_cells(y, influence(y, a) - influence(y, b))
    rank_a, rank_b = (np.unique(s, return_inverse=True)[1] for s in (a, b))
    width = int(rank_b.max()) + 1
    keys, cell = np.unique(rank_a * width + rank_b, return_inverse=True)
    by_b = np.argsort(keys % width, kind="stable")
    starts_a, starts_b = (np.flatnonzero(np.diff(key, prepend=-1)) for key in (keys // width, (keys % width)[by_b]))
    of = RESAMPLED[metric.id]

    def difference(weights: Floats) -> Floats:
        return (of(np.add.reduceat(weights, starts_a, axis=2))
                - of(np.add.reduceat(np.ascontiguousarray(weights[:, :, by_b]), starts_b, axis=2)))

    return np.bincount(cell + keys.size * y, minlength=2 * keys.size).reshape(2, keys.size), difference


def _loss_cells(metric: Metric, y: Bools, a: Floats, b: Floats) -> tuple[Counts, Difference]:
    gap = losses(metric.id, y, a) - losses(metric.id, y, b)
    return _linear_cells(y, (gap - gap.mean()) / gap.size)


def _linear_cells(y: Bools, influence: Floats) -> tuple[Counts, Difference]:
    """Cells by influence, each standing for its mean; the difference is then a sum over rows, less its estimate."""
    distinct = np.unique(influence)
    bins = min(LINEAR_BINS, distinct.size)
    edges = distinct[(np.arange(bins) * distinct.size) // bins]
    cell = np.searchsorted(edges, influence, side="right") - 1 + bins * y
    counts = np.bincount(cell, minlength=2 * bins)
    mean = np.bincount(cell, weights=influence, minlength=counts.size) / np.maximum(counts, 1)
    return counts.reshape(2, -1), lambda weights: weights.reshape(len(weights), -1) @ mean


CELLS = {Family.DECISION: _decision_cells, Family.RANKING: _ranking_cells, Family.LOSS: _loss_cells}


def corrected_t(differences: npt.ArrayLike, test_share: float, level: float = 0.95) -> Contrast:
    """Mean of J fold differences with the corrected resampled t test (Nadeau & Bengio 2003, Mach. Learn. 52:239).

    t = mean/√(s²·(1/J + n_test/n_train)), J − 1 df; `test_share` is n_test/n_train. Training sets of folds overlap, so
    the plain t test is anti-conservative. `differences` (J,), J ≥ 2; ValueError otherwise, or for test_share ≤ 0.
    """
    d = finite(differences)
    if d.size < 2 or test_share <= 0:
        raise ValueError(f"needs at least two folds and a positive n_test/n_train, not {d.size} and {test_share}")
    mean, error = float(d.mean()), math.sqrt(float(d.var(ddof=1)) * (1 / d.size + test_share))
    if error == 0:
        p = 1.0 if mean == 0 else None
        return Contrast(mean, mean, mean, 0.0 if p else None, p, "corrected-t", "all folds differ alike: no variance")
    half = student_quantile(d.size - 1, level) * error
    return Contrast(mean, mean - half, mean + half, mean / error, student_p(mean / error, d.size - 1), "corrected-t")


def verdict(contrast: Contrast, higher_is_better: bool, margin: float = 0.0, alpha: float = 0.05) -> Verdict:
    """How b stands against a, from the difference a − b.

    equivalent: the interval lies inside ±margin (so a tiny but certain difference is no reason to change models);
    better or worse: p < alpha, or the interval excludes 0 where there is no p; else inconclusive. Give a contrast
    whose p is adjusted when there are several pairs. ValueError for a negative margin.
    """
    if margin < 0:
        raise ValueError(f"the margin is not negative: {margin}")
    low, high, p = contrast.low, contrast.high, contrast.p_value
    if low is not None and high is not None and -margin <= low and high <= margin:
        return Verdict.EQUIVALENT
    decided = p < alpha if p is not None else low is not None and high is not None and (low > 0 or high < 0)
    if not decided or contrast.estimate == 0:
        return Verdict.INCONCLUSIVE
    return Verdict.BETTER if (contrast.estimate < 0) == higher_is_better else Verdict.WORSE
