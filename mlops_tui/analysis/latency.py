"""How long answers take: counts by logarithmic bucket that add up, and quantiles with their interval and error."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.tails import binomial_cdf

ERROR = 0.01     # relative, of every value that is read from a bucket
GROWTH = (1 + ERROR) / (1 - ERROR)  # of one edge over the next
LEAST = 1e-3     # ms: what is faster counts as this
BUCKETS = math.ceil(math.log(1e8 / LEAST) / math.log(GROWTH)) + 1  # the last ends beyond a day
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Quantile:
    """A quantile in ms with its interval; the bounds are None where so few answers have none."""

    value: float
    low: float | None
    high: float | None


def bucket(milliseconds: npt.ArrayLike) -> Counts:
    """The bucket of each latency: the number of the edge at or above it, edges growing by 2 % (Masson, Rim & Lee 2019,
    VLDB 12:2195, DDSketch). ValueError for negative ones and NaN.

    >>> bucket([0.0, 1.0, 1.03]).tolist()
    [0, 346, 347]
    """
    given = np.asarray(milliseconds, dtype=np.float64)
    if not (given >= 0).all():
        raise ValueError("a latency is not negative")
    number = np.ceil(np.log(np.maximum(given, LEAST) / LEAST) / math.log(GROWTH) - 1e-9)
    return np.minimum(number, BUCKETS - 1).astype(np.int64)


def middle(number: npt.ArrayLike) -> Floats:
    """The value of a bucket in ms: within 1 % of every latency in it."""
    return np.asarray(LEAST * GROWTH ** np.asarray(number, dtype=np.float64) * 2 / (1 + GROWTH))


def quantile(counts: npt.ArrayLike, p: float, level: float = 0.95) -> Quantile | None:
    """The p-quantile of what was counted by bucket, off by 1 % at most: the value of rank ⌈p·n⌉; None of nothing.

    Its interval goes from one order statistic to another, whatever the distribution: the ranks l and u with
    P(X < l) ≤ (1−level)/2 and P(X ≥ u) ≤ (1−level)/2 of X ~ binomial(n, p) (Conover 1999, §3.2). The highest of few
    answers is no bound of p99: then there is no interval on that side.

    >>> quantile(np.bincount(bucket(np.arange(1.0, 101.0)), minlength=BUCKETS), 0.5).value > 49.5
    True
    """
    total = np.cumsum(np.asarray(counts, dtype=np.int64))
    n = int(total[-1]) if total.size else 0
    if n == 0:
        return None
    low, high = ranks(n, p, level)
    at = [None if rank is None else float(middle(np.searchsorted(total, rank))) for rank in
          (max(1, math.ceil(p * n - 1e-9)), low, high)]
    return Quantile(at[0] or 0.0, at[1], at[2])


def ranks(n: int, p: float, level: float = 0.95) -> tuple[int | None, int | None]:
    """The ranks (from 1) of the order statistics that bound the p-quantile of n values; None where there is none.

    >>> ranks(100, 0.5), ranks(100, 0.99)
    ((40, 61), (97, None))
    """
    out = (1 - level) / 2
    low = _first(n, p, out)      # the smallest k with P(X ≤ k) > out: P(X < k) ≤ out
    high = _first(n, p, 1 - out, reach=True) + 1
    return (low if low >= 1 else None), (high if high <= n else None)


def _first(n: int, p: float, q: float, *, reach: bool = False) -> int:
    """The smallest k with P(X ≤ k) above q, or with `reach` at least q, by bisection."""
    low, high = -1, n
    while high - low > 1:
        half = (low + high) // 2
        chance = binomial_cdf(half, n, p)
        low, high = (low, half) if chance > q or (reach and chance >= q) else (half, high)
    return high
