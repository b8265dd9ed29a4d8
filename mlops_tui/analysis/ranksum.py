"""Whether one group of values lies lower than another, by ranks alone: exact for few, and by how much it is shifted."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.interval import normal_p, z_score
from mlops_tui.analysis.ranks import mid_ranks

Floats = npt.NDArray[np.float64]
EXACT = 60  # values of both groups up to which p is exact


@dataclass(frozen=True)
class Shift:
    """How far group a lies from group b: the median of all differences a − b, its interval, and a two-sided test.

    `u` counts the pairs in which a is the larger (half of each tie). `low` and `high` are None, and `reason` says why,
    where so few values allow no interval at the level.
    """

    estimate: float
    low: float | None
    high: float | None
    u: float
    p_value: float
    n: tuple[int, int]
    method: str
    reason: str = ""


def shift(a: npt.ArrayLike, b: npt.ArrayLike, level: float = 0.95) -> Shift:
    """Mann & Whitney's test of (n,) values a against (m,) values b, with Hodges & Lehmann's estimate of the shift.

    Up to 60 values p is the exact one of all ways to deal the ranks to the groups, ties included; above, normal, with
    the corrections for ties and for continuity. The interval holds every shift that the test without ties does not
    reject (Hollander & Wolfe 1999, §4.3). ValueError for an empty group, or a value that is not finite.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if x.ndim != 1 or y.ndim != 1 or not x.size or not y.size or not np.isfinite(np.concatenate([x, y])).all():
        raise ValueError("needs finite values in both groups")
    n, m = int(x.size), int(y.size)
    ranks = mid_ranks(np.concatenate([x, y]))
    u = float(ranks[:n].sum()) - n * (n + 1) / 2
    exact = n + m <= EXACT
    p = _exact_p(ranks, n) if exact else _normal_p(ranks, n, u)
    differences = np.sort(np.subtract.outer(x, y), axis=None)
    beyond = _beyond(n, m, level)
    reason = "" if beyond else f"{n} and {m} values allow no interval at {level:.0%}"
    low, high = (float(differences[beyond - 1]), float(differences[-beyond])) if beyond else (None, None)
    return Shift(float(np.median(differences)), low, high, u, p, (n, m), "exact" if exact else "normal", reason)


def least_p(n: int, m: int) -> float:
    """The smallest two-sided p that groups of n and m values could ever give: 0.1 for three and three."""
    return min(2 / math.comb(n + m, n), 1.0)


def _dealt(doubled: npt.NDArray[np.int64], n: int) -> Floats:
    """The chance of each sum of n of the ranks, all ways to choose them being alike; by twice the sum."""
    ways = np.zeros((n + 1, int(doubled.sum()) + 1))
    ways[0, 0] = 1.0
    for rank in doubled:
        ways[1:, rank:] += ways[:-1, :ways.shape[1] - rank].copy()
    return np.asarray(ways[n] / ways[n].sum())


def _exact_p(ranks: Floats, n: int) -> float:
    """The chance that the sum of n of the ranks lies as far from its mean as it does."""
    doubled = np.rint(2 * ranks).astype(np.int64)
    chance = _dealt(doubled, n)
    mean = n * float(doubled.sum()) / doubled.size
    apart = np.abs(np.arange(chance.size) - mean)
    return float(min(chance[apart >= abs(float(doubled[:n].sum()) - mean) - 1e-9].sum(), 1.0))


def _normal_p(ranks: Floats, n: int, u: float) -> float:
    size = ranks.size
    m = size - n
    counts = np.unique(ranks, return_counts=True)[1].astype(np.float64)
    spread = n * m / 12 * ((size + 1) - float((counts**3 - counts).sum()) / (size * (size - 1)))
    apart = max(abs(u - n * m / 2) - 0.5, 0.0)
    return normal_p(apart / math.sqrt(spread)) if spread > 0 else 1.0


def _beyond(n: int, m: int, level: float) -> int:
    """How many differences from either end the interval begins; 0 where there are too few for the level."""
    if n + m <= EXACT:
        below = np.cumsum(_dealt(2 * np.arange(1, n + m + 1), n))[n * (n + 1)::2]
        return int(np.searchsorted(below, (1 - level) / 2 * (1 + 1e-12), side="right"))
    return max(int(n * m / 2 - z_score(level) * math.sqrt(n * m * (n + m + 1) / 12)), 0)
