"""Two independent proportions: intervals of their difference and of their ratio, and the exact test of equality."""

import math

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.interval import normal_p, wilson_share, z_score

HALVINGS = 50
FARTHEST = 1e12  # ratios beyond it count as infinite


def difference_bounds(a: npt.ArrayLike, n_a: npt.ArrayLike, b: npt.ArrayLike, n_b: npt.ArrayLike,
                      level: float = 0.95) -> tuple[Floats, Floats]:
    """Bounds (k,) of a/n_a − b/n_b, all counts (k,), from the Wilson bounds of both (Newcombe 1998, Statist. Med.
    17:873, method 10). Where there are no rows, [−1, 1] or as much of it as the other proportion leaves. Counts may be
    effective numbers of weighted rows.

    >>> low, high = difference_bounds([56], [70], [48], [80])
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.0524, 0.3339)
    """
    x, n, y, m = _counts(a, n_a, b, n_b)
    p, q = _share(x, n), _share(y, m)
    (low_a, high_a), (low_b, high_b) = wilson_share(p, n, level), wilson_share(q, m, level)
    p, q = np.where(n > 0, p, (low_a + high_a) / 2), np.where(m > 0, q, (low_b + high_b) / 2)
    low = p - q - np.hypot(p - low_a, high_b - q)
    high = p - q + np.hypot(high_a - p, q - low_b)
    return np.clip(low, -1, 1), np.clip(high, -1, 1)


def ratio_bounds(a: npt.ArrayLike, n_a: npt.ArrayLike, b: npt.ArrayLike, n_b: npt.ArrayLike,
                 level: float = 0.95) -> tuple[Floats, Floats]:
    """Bounds (k,) of the ratio (a/n_a)/(b/n_b): all ratios that the score test does not reject (Miettinen & Nurminen
    1985, Statist. Med. 4:213, eq. 10). The upper one is ∞ where b is 0; both are NaN where a and b are 0.

    >>> low, high = ratio_bounds([56], [70], [48], [80])
    >>> round(float(low[0]), 3), round(float(high[0]), 3)
    (1.079, 1.672)
    """
    x, n, y, m = _counts(a, n_a, b, n_b)
    z2, some, others = z_score(level) ** 2, np.where(n > 0, n, 1.0), np.where(m > 0, m, 1.0)
    centre = np.log(np.where(x > 0, x, 0.5) / some) - np.log(np.where(y > 0, y, 0.5) / others)
    inner, outer = np.stack([centre, centre]), np.log(FARTHEST) * np.stack([-np.ones_like(x), np.ones_like(x)])
    for _ in range(HALVINGS):
        half = (inner + outer) / 2
        beyond = _score(np.exp(half), x, some, y, others) > z2
        inner, outer = np.where(beyond, inner, half), np.where(beyond, half, outer)
    low, high = np.exp((inner + outer) / 2)
    undefined = (x == 0) & (y == 0) | (n == 0) | (m == 0)
    low = np.where(x == 0, 0.0, low)
    high = np.where(y == 0, np.inf, high)
    return np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)


def paired_change(better: float, worse: float, n: int, level: float = 0.95) -> tuple[float, float, float]:
    """(better − worse)/n of n pairs of which so many changed for the better and for the worse, with bounds: adjusted
    Wald (Bonett & Price 2012, J. Educ. Behav. Stat. 37:479). ValueError for n below 1.

    >>> [round(each, 3) for each in paired_change(3, 9, 100)]
    [-0.06, -0.13, 0.012]
    """
    if n < 1:
        raise ValueError("no pairs")
    up, down = (better + 1) / (n + 2), (worse + 1) / (n + 2)
    half = z_score(level) * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    return (better - worse) / n, max(up - down - half, -1.0), min(up - down + half, 1.0)


def fisher(a: int, n_a: int, b: int, n_b: int) -> float:
    """Two-sided exact p-value that a of n_a and b of n_b come from one share: tables no more probable than this one
    (Fisher 1935; the rule of R's fisher.test, with its tolerance of 1e-7). 1 where one side has no rows.

    >>> round(fisher(3, 4, 1, 4), 6)
    0.485714
    """
    chosen = a + b
    first, last = max(0, chosen - n_b), min(n_a, chosen)
    cells = np.arange(first, last, dtype=np.float64)
    rise = np.log((n_a - cells) * (chosen - cells) / ((cells + 1) * (n_b - chosen + cells + 1)))
    mode = int(np.count_nonzero(rise > 0))  # summed outward from the likeliest, where sums are small
    log_p = np.concatenate([-np.cumsum(rise[:mode][::-1])[::-1], [0.0], np.cumsum(rise[mode:])])
    log_p -= np.logaddexp.reduce(log_p)
    return float(min(np.exp(log_p[log_p <= log_p[a - first] + 1e-7]).sum(), 1.0))


def equality_p(a: float, n_a: float, b: float, n_b: float) -> float:
    """Two-sided p-value of the score test that both shares are one, of effective numbers of weighted rows; 1 where all
    are alike.

    >>> round(equality_p(56, 70, 48, 80), 4)
    0.0083
    """
    x, n, y, m = _counts(a, n_a, b, n_b)
    squared = float(_score(np.ones(1), x, n, y, m)[0])
    return normal_p(math.sqrt(squared)) if math.isfinite(squared) else 0.0


def _score(ratio: Floats, x: Floats, n: Floats, y: Floats, m: Floats) -> Floats:
    """The score statistic of a ratio, with both proportions at their most likely values under it."""
    total = n + m
    a, b, c = total * ratio, -(n * ratio + x + m + y * ratio), x + y
    q = np.clip((-b - np.sqrt(np.maximum(b * b - 4 * a * c, 0))) / (2 * a), 0, 1)
    p = np.clip(q * ratio, 0, 1)
    variance = (p * (1 - p) / n + ratio**2 * q * (1 - q) / m) * total / np.maximum(total - 1, 1e-9)
    gap = x / n - ratio * y / m
    found: Floats = np.divide(gap**2, variance, out=np.where(gap == 0, 0.0, np.inf), where=variance > 0)
    return found


def _share(x: Floats, n: Floats) -> Floats:
    found: Floats = np.divide(x, n, out=np.zeros_like(x), where=n > 0)
    return np.minimum(found, 1.0)


def _counts(*counts: npt.ArrayLike) -> tuple[Floats, ...]:
    x, n, y, m = (np.atleast_1d(np.asarray(each, dtype=np.float64)) for each in counts)
    over = 1 + 1e-9  # effective numbers are rounded
    if np.any(x < 0) or np.any(x > n * over) or np.any(y < 0) or np.any(y > m * over):
        raise ValueError("a count lies between 0 and its total")
    return x, n, y, m
