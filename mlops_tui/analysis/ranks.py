"""Models measured on many data sets: whether any stands out (Friedman), which differ (Nemenyi), or two (Wilcoxon)."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import tails
from mlops_tui.analysis.arrays import Counts, Floats
from mlops_tui.analysis.interval import Contrast, normal_p, z_score

EXACT = 50       # data sets up to which the signed ranks' own distribution is worked out
REACH = 8.0      # standard deviations of a normal distribution beyond which nothing is left
NODES = 401


@dataclass(frozen=True)
class Friedman:
    """Mean ranks (k,) of k models over n data sets, 1 the best; the test that all are alike, and what a pair needs.

    `statistic` is χ² with k − 1 degrees of freedom, `f` Iman & Davenport's less conservative form of it with `p_value`.
    Mean ranks further apart than `critical` differ at the level asked for; `pairs` (k, k) holds p of each pair.
    """

    ranks: Floats
    statistic: float
    f: float | None
    p_value: float
    critical: float
    pairs: Floats
    n: int


def friedman(values: npt.ArrayLike, higher_is_better: bool = True, alpha: float = 0.05) -> Friedman:
    """Friedman's test of (n, k) measurements, one row a data set, and Nemenyi's of all pairs (Demšar 2006, JMLR 7:1).

    Equal values share their mean rank, and χ² is corrected for them (as scipy's `friedmanchisquare`); F = (n − 1)·χ²/
    (n(k − 1) − χ²) with k − 1 and (k − 1)(n − 1) degrees of freedom (Iman & Davenport 1980), None where every data set
    has the same order. Critical difference q·√(k(k + 1)/6n), q the studentised range of k over √2. ValueError below two
    data sets or three models, or for a value that is not finite.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2 or x.shape[0] < 2 or x.shape[1] < 3:
        raise ValueError(f"needs three models or more on two data sets or more, not {x.shape[::-1]}")
    if not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise ValueError(f"the value of model {column} on data set {row} is not finite")
    n, k = x.shape
    ranked = np.stack([mid_ranks(-row if higher_is_better else row) for row in x])
    mean, ties = ranked.mean(axis=0), sum(_ties(row) for row in x)
    free = 1 - ties / (n * k * (k * k - 1))
    if free <= 0:
        return Friedman(mean, 0.0, None, 1.0, critical_difference(k, n, alpha), np.ones((k, k)), n)
    statistic = 12 * n / (k * (k + 1)) * float(np.square(mean - (k + 1) / 2).sum()) / free
    rest = n * (k - 1) - statistic
    f = (n - 1) * statistic / rest if rest > 1e-9 * statistic else None
    p = tails.f_sf(f, k - 1, (k - 1) * (n - 1)) if f is not None else tails.chi2_sf(statistic, k - 1)
    apart = np.abs(mean[:, None] - mean[None, :]) / math.sqrt(k * (k + 1) / (6 * n))
    pairs = np.array([[1 - range_below(each * math.sqrt(2), k) for each in row] for row in apart])
    return Friedman(mean, statistic, f, p, critical_difference(k, n, alpha), np.clip(pairs, 0, 1), n)


def mid_ranks(values: Floats) -> Floats:
    """Ranks of (n,) values from 1, the smallest; equal ones share their mean."""
    _, of, counts = np.unique(values, return_inverse=True, return_counts=True)
    upper = np.cumsum(counts)
    ranks: Floats = (upper - (counts - 1) / 2)[of]
    return ranks


def _ties(values: Floats) -> float:
    counts = np.unique(values, return_counts=True)[1].astype(np.float64)
    return float((counts**3 - counts).sum())


def range_below(q: float, k: int) -> float:
    """The chance that k standard normal values lie within q of each other: the studentised range with ∞ df."""
    if q <= 0:
        return 0.0
    z = np.linspace(-REACH, REACH, NODES)  # the trapezoid rule is exact to rounding for what falls off so smoothly
    density: Floats = np.exp(-np.square(z) / 2) / math.sqrt(2 * math.pi)
    below = k * (z[1] - z[0]) * float((density * (tails.normal_cdf(z) - tails.normal_cdf(z - q)) ** (k - 1)).sum())
    return float(min(below, 1.0))


def critical_difference(models: int, sets: int, alpha: float = 0.05) -> float:
    """How far mean ranks must lie apart to differ (Nemenyi): 1.25 for 4 models on 14 data sets."""
    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if range_below(middle, models) < 1 - alpha else (low, middle)
    return high / math.sqrt(2) * math.sqrt(models * (models + 1) / (6 * sets))


# -- two models ---------------------------------------------------------------------------------------------------


def wilcoxon(differences: npt.ArrayLike, level: float = 0.95) -> Contrast:
    """Wilcoxon's signed ranks of (n,) differences of two models over data sets, none of which counts for its size.

    The estimate is Hodges & Lehmann's pseudo-median, half the sums of all pairs, with the interval that belongs to the
    test (Hollander & Wolfe 1999, §3.3). Zeros are left out (Wilcoxon). Up to 50 differences p is exact, ties included;
    above, normal, with the correction for ties. The statistic is the smaller sum of ranks. ValueError for a difference
    that is not finite, or none.
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1 or d.size == 0 or not np.isfinite(d).all():
        raise ValueError("needs one finite difference for each data set")
    kept = d[d != 0]
    if not kept.size:
        return Contrast(0.0, 0.0, 0.0, 0.0, 1.0, "wilcoxon", "both models are alike on every data set", 0.0)
    doubled = np.rint(2 * mid_ranks(np.abs(kept))).astype(np.int64)
    positive = int(doubled[kept > 0].sum())
    smaller = min(positive, int(doubled.sum()) - positive)
    if kept.size <= EXACT:
        p = min(2 * float(_signed(doubled)[:smaller + 1].sum()), 1.0)
    else:
        spread = math.sqrt(float(np.square(doubled / 2).sum()) / 4)
        p = normal_p((smaller / 2 - doubled.sum() / 4) / spread)
    low, high = pseudo_bounds(d, level)
    return Contrast(float(np.median(_walsh(d))), low, high, smaller / 2, p, "wilcoxon",
                    bounds=lambda level: pseudo_bounds(d, level))


def _signed(doubled: Counts) -> Floats:
    """The distribution of the sum of ranks whose signs are thrown, by twice the sum."""
    chance = np.zeros(int(doubled.sum()) + 1)
    chance[0] = 1.0
    for rank in doubled:
        moved = np.zeros_like(chance)
        moved[rank:] = chance[:chance.size - rank]
        chance = (chance + moved) / 2
    return chance


def _walsh(d: Floats) -> Floats:
    """Half the sum of each pair, and of each value with itself."""
    upper = np.triu_indices(d.size)
    return np.asarray((d[upper[0]] + d[upper[1]]) / 2)


def pseudo_bounds(differences: Floats, level: float) -> tuple[float, float]:
    """Bounds of the pseudo-median: so many Walsh averages from either end as the signed ranks allow at the level.

    Where too few differences allow none at that level, the widest there is: from the smallest to the largest.
    """
    n, averages = differences.size, np.sort(_walsh(differences))
    if n <= EXACT:
        below = np.cumsum(_signed(2 * np.arange(1, n + 1)))[::2]
        beyond = int(np.searchsorted(below, (1 - level) / 2, side="right"))
    else:
        beyond = int(n * (n + 1) / 4 - z_score(level) * math.sqrt(n * (n + 1) * (2 * n + 1) / 24))
    beyond = max(beyond, 1)
    return float(averages[beyond - 1]), float(averages[averages.size - beyond])
