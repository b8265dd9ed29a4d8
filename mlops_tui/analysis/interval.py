"""Estimates that carry their uncertainty: closed-form intervals, and the Poisson bootstrap on score bins."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import tails
from mlops_tui.analysis.arrays import Counts, Floats

CELLS_PER_BATCH = 1 << 18  # resampled cells held at once: 2 MiB of float64, which stays in cache


@dataclass(frozen=True)
class Interval:
    """A confidence interval and how it was made."""

    low: float
    high: float
    method: str
    level: float = 0.95


@dataclass(frozen=True)
class Estimate:
    """A metric with its interval; `value` or the bounds are None with a `reason` where they do not exist."""

    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Contrast:
    """The difference a − b of a metric between two models, with a 95 % interval and a two-sided test.

    `error` is its standard error, where the method has one; `bounds` gives the interval at any other level.
    """

    estimate: float
    low: float | None
    high: float | None
    statistic: float | None
    p_value: float | None
    method: str
    reason: str = ""
    error: float | None = None
    bounds: Callable[[float], tuple[float, float]] | None = field(default=None, compare=False, repr=False)

    def at(self, level: float) -> tuple[float, float] | None:
        """The interval at a level in (0, 1); from a normal distribution where only the one at 95 % is known."""
        if self.low is None or self.high is None:
            return None
        if self.bounds is not None:
            return self.bounds(level)
        ratio = z_score(level) / z_score(0.95)
        return (self.estimate - ratio * (self.estimate - self.low), self.estimate + ratio * (self.high - self.estimate))


@dataclass(frozen=True)
class Resampling:
    """How to bootstrap: resamples drawn, seed, confidence level, and whether the class totals stay fixed.

    With `stratified` each resample is scaled back to the observed number of positives and of negatives. That is right
    for rows drawn per class (case-control). Rows taken as they came have a random prevalence, and holding it fixed
    makes intervals of precision, F1, accuracy and average precision too narrow, so it is off by default; metrics that
    do not depend on prevalence (ROC AUC, recall, specificity, balanced accuracy) are the same either way.
    """

    resamples: int = 1000
    seed: int = 0
    level: float = 0.95
    stratified: bool = False


def z_score(level: float) -> float:
    """Two-sided normal quantile of a confidence level in (0, 1): 1.96 for 0.95. ValueError outside."""
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not {level}")
    return tails.normal_isf((1 - level) / 2)


def normal_p(z: float) -> float:
    """Two-sided p-value of a standard normal statistic, accurate in the far tail."""
    return math.erfc(abs(z) / math.sqrt(2))


def student_p(t: float, df: float) -> float:
    """Two-sided p-value of Student's t with `df` degrees of freedom."""
    return 2 * tails.student_sf(abs(t), df)


def student_quantile(df: float, level: float) -> float:
    """Two-sided quantile of Student's t: 2.776 for 4 degrees of freedom and 0.95."""
    return tails.student_isf((1 - level) / 2, df)


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927, JASA 22:209, without continuity correction).

    `successes` of `n` rows, 0 ≤ successes ≤ n; n = 0 gives [0, 1]: nothing is known. ValueError for other counts.

    >>> wilson(8, 10)
    Interval(low=0.4901624715366418, high=0.9433178485456248, method='wilson', level=0.95)
    """
    low, high = wilson_bounds(np.array([successes]), np.array([n]), level)
    return Interval(float(low[0]), float(high[0]), "wilson", level)


def wilson_bounds(successes: Counts, n: Counts, level: float = 0.95) -> tuple[Floats, Floats]:
    """`wilson` for many proportions at once, (k,) counts to (k,) lower and upper bounds."""
    if np.any(successes < 0) or np.any(successes > n):
        raise ValueError("successes lie between 0 and n")
    return wilson_share(successes / np.maximum(n, 1), n, level)


def wilson_share(share: npt.ArrayLike, n: npt.ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """`wilson` of shares in [0, 1] of n rows each, (k,) or numbers; n may be an effective number of weighted rows."""
    p, rows, z2 = np.asarray(share, dtype=np.float64), np.asarray(n, dtype=np.float64), z_score(level) ** 2
    centre = (p * rows + z2 / 2) / (rows + z2)
    half = np.sqrt(z2) / (rows + z2) * np.sqrt(rows * p * (1 - p) + z2 / 4)
    low = np.where((p == 0) | (rows == 0), 0.0, centre - half)  # exactly 0 and 1 at the ends, not 1e-17
    high = np.where((p == 1) | (rows == 0), 1.0, centre + half)
    return np.clip(low, 0, 1), np.clip(high, 0, 1)


def poisson_rate(count: int, exposure: float, level: float = 0.95) -> Interval:
    """How often something happens per unit of `exposure`, of which `count` were counted: exact (Garwood 1936).

    ValueError for a count below 0 or no exposure.

    >>> round(poisson_rate(0, 2.0).high, 6)
    1.84444
    """
    if count < 0 or not exposure > 0:
        raise ValueError(f"a count from 0 over some exposure, not {count} over {exposure}")
    tail = (1 - level) / 2
    low = tails.chi2_isf(1 - tail, 2 * count) / 2 if count else 0.0
    return Interval(low / exposure, tails.chi2_isf(tail, 2 * count + 2) / 2 / exposure, "poisson exact", level)


def logit_interval(
    value: float, variance: float, level: float = 0.95, method: str = "logit", df: float = math.inf
) -> Interval:
    """Wald's interval on the logit scale of a value in (0, 1), by the delta method: it stays inside (0, 1).

    With `df`, Student's quantile of that many degrees of freedom in place of the normal one.
    """
    quantile = z_score(level) if math.isinf(df) else student_quantile(df, level)
    half = quantile * math.sqrt(variance) / (value * (1 - value))
    centre = math.log(value / (1 - value))
    return Interval(float(tails.expit(centre - half)), float(tails.expit(centre + half)), method, level)


def wald(value: float, variance: float, level: float = 0.95) -> Interval:
    """value ± z·√variance; for differences, whose range is wide."""
    half = z_score(level) * math.sqrt(variance)
    return Interval(value - half, value + half, "wald", level)


def mean_interval(values: Floats, level: float = 0.95) -> Interval | None:
    """Student's t interval of a mean of (n,) independent values; None below two values."""
    if values.size < 2:
        return None
    half = student_quantile(values.size - 1, level) * float(values.std(ddof=1)) / math.sqrt(values.size)
    mean = float(values.mean())
    return Interval(mean - half, mean + half, "t", level)


def auc_interval(
    auc: float, variance: float | None, positives: float, negatives: float, level: float = 0.95
) -> Interval:
    """Interval of an ROC AUC from its DeLong variance, on the logit scale (Pepe 2003, §5.2.5), so inside (0, 1).

    Where DeLong gives no variance (perfect separation, or one row of a class) the score interval of Newcombe
    (2006, Statist. Med. 25:559, method 5) takes its place, which keeps its width there. `variance` in AUC² units;
    rows of each class may be effective numbers of weighted ones.
    """
    if variance is None or variance <= 0 or not 0 < auc < 1:
        return _newcombe_auc(auc, positives, negatives, level)
    return logit_interval(auc, variance, level, "delong-logit")


def _newcombe_auc(auc: float, positives: float, negatives: float, level: float) -> Interval:
    """Both θ with (θ − auc)² = z²·V(θ), by bisection; V is Hanley & McNeil's with (m + n)/2 − 1 for both factors."""
    z2, middle, pairs = z_score(level) ** 2, (positives + negatives) / 2 - 1, positives * negatives

    def excess(theta: float) -> float:
        variance = theta * (1 - theta) * (1 + middle * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / pairs
        return (theta - auc) ** 2 - z2 * variance

    def root(outer: float) -> float:
        inner = auc
        for _ in range(80):
            half = (inner + outer) / 2
            inner, outer = (inner, half) if excess(half) > 0 else (half, outer)
        return outer

    return Interval(root(0.0) if auc > 0 else 0.0, root(1.0) if auc < 1 else 1.0, "newcombe", level)


def percentile(samples: Floats, level: float = 0.95) -> tuple[float, float]:
    """Percentile bounds of (R,) bootstrap samples (Efron & Tibshirani 1993, §13.3); samples must be finite."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def poisson_bootstrap(
    counts: Counts, statistic: Callable[[Floats], Floats], resampling: Resampling | None = None
) -> Floats:
    """A statistic of counted cells under `resamples` Poisson resamples: (S, C) strata × cells to (resamples,).

    Each row's weight is Poisson(1) (Chamandy et al. 2012, Google technical report; Hanley & MacGibbon 2006), so the
    weight of a cell of k equal rows is Poisson(k): the cost is that of the cells, not of the rows. `statistic` maps
    weights (r, S, C) to (r,). A resample that leaves a stratum empty is drawn again. ValueError for an empty stratum.
    """
    how = resampling or Resampling()
    totals = counts.sum(axis=1)
    if np.any(totals == 0):
        raise ValueError("a stratum without rows cannot be resampled")
    generator = np.random.Generator(np.random.SFC64(how.seed))
    batch = max(1, CELLS_PER_BATCH // counts.size)
    samples = np.empty(how.resamples)
    for start in range(0, how.resamples, batch):
        weights = _resampled(counts, min(batch, how.resamples - start), generator)
        if how.stratified:
            weights *= (totals / weights.sum(axis=2))[:, :, None]
        samples[start:start + len(weights)] = statistic(weights)
    return samples


def _resampled(counts: Counts, size: int, generator: np.random.Generator) -> Floats:
    weights = generator.poisson(counts, size=(size, *counts.shape)).astype(np.float64)
    while (empty := np.flatnonzero((weights.sum(axis=2) == 0).any(axis=1))).size:
        weights[empty] = generator.poisson(counts, size=(empty.size, *counts.shape))
    return weights
