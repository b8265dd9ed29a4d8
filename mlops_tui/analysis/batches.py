"""Whether a batch is as batches of its kind usually are: its size, its missing values, where its values lie."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.sketch import Sketch, ks, variation
from mlops_tui.analysis.sketch import together as sketches_together
from mlops_tui.analysis.tails import kolmogorov_sf

FEWEST = 4
LEAST_SPREAD = 0.02
TO_SIGMA = 1.4826  # the median absolute deviation of a normal distribution, times this, is its standard deviation


@dataclass(frozen=True)
class Oddness:
    """How a count stands among earlier ones: robust z on the logarithm, and the range that would not be odd."""

    z: float | None
    expected: float | None
    low: float | None
    high: float | None
    reason: str = ""


def oddness(count: int, earlier: npt.ArrayLike, limit: float = 5.0) -> Oddness:
    """Robust z of a batch among earlier batches of its kind: (log count − median)/(1.4826·MAD).

    After Iglewicz & Hoaglin (1993, How to Detect and Handle Outliers). Counts are compared on the log scale, since
    volumes grow by shares; the spread is at least 2 %, so that batches that never vary do not make the next flight
    more or less an alarm. `low` and `high` are the counts at z = ±limit. Fewer than four earlier batches that are not
    empty: no z, with the reason. ValueError for negative counts.

    >>> round(oddness(500, [1000, 1010, 990, 1005]).z or 0)
    -35
    """
    before = np.asarray(earlier, dtype=np.float64)
    if count < 0 or (before.size and before.min() < 0):
        raise ValueError("a batch cannot have fewer than no rows")
    logs = [math.log(each) for each in before.tolist() if each > 0]
    if len(logs) < FEWEST:
        return Oddness(None, None, None, None, f"{len(logs)} earlier batches of its kind, {FEWEST} are needed")
    middle, swing = _robust(logs)
    spread = max(swing, LEAST_SPREAD)
    z = (math.log(count) - middle) / spread if count else float("-inf")
    expected = math.exp(middle)
    return Oddness(max(z, -1e6), expected, expected * math.exp(-limit * spread), expected * math.exp(limit * spread))


def _robust(values: Sequence[float]) -> tuple[float, float]:
    """The median, and 1.4826 times the median absolute deviation from it."""
    middle = median(values)
    return middle, TO_SIGMA * median([abs(value - middle) for value in values])


def oddness_of_share(part: int, rows: int, earlier: Sequence[tuple[int, int]]) -> Oddness:
    """Robust z of a share among the shares of earlier batches, (part, rows) each.

    The spread is the largest of 1.4826·MAD of those shares, of what chance makes of the usual share at this size,
    √(p(1−p)/n) with half a row added on both sides, and of one row in a thousand. `low` and `high` are not given. Fewer
    than four earlier batches with rows, or no row now: no z.
    """
    before = [each / size for each, size in earlier if size]
    if len(before) < FEWEST or not rows:
        return Oddness(None, None, None, None, f"{len(before)} earlier batches of its kind, {FEWEST} are needed")
    middle, swing = _robust(before)
    steady = (middle * rows + 0.5) / (rows + 1)
    by_chance = math.sqrt(steady * (1 - steady) / rows)
    spread = max(swing, by_chance, 1e-3)
    return Oddness((part / rows - middle) / spread, middle, None, None)


@dataclass(frozen=True)
class Apart:
    """How far a batch lies from those before it, in a distance between 0 and 1, against how far these lie apart."""

    distance: float
    usual: float
    z: float
    p: float


def apart(now: Sketch, peers: Sequence[Sketch], recent: Sequence[Sketch], least: float) -> Apart | None:
    """The distance of a batch from those of its kind put together, where it is at least `least` and larger than that of
    any recent batch; None where it is not, or where there are fewer than four of its kind.

    Kolmogorov–Smirnov of numbers (p by its limit distribution), total variation of categories (p by Hoeffding's bound
    for the multinomial, 2^k·exp(−2·n·m/(n+m)·d²), after Weissman et al. 2003). z is robust among the distances of each
    of its kind from the others, on their spread or 0.02 at least: days differ by far more than chance.
    """
    there = [each for each in peers if each.n]
    if len(there) < FEWEST or not now.n or any(each.other for each in (now, *there)):
        return None
    together, far = sketches_together(there), ks if now.kind == "numeric" else variation
    found = far(now, together)
    if found < least or any(far(each, together) >= found for each in recent if each.n):
        return None
    usual = [far(each, _others(there, number)) for number, each in enumerate(there)]
    middle, swing = _robust(usual)
    spread = max(swing, 0.02)
    size = now.n * together.n / (now.n + together.n)
    if now.kind == "numeric":
        p = kolmogorov_sf(found * math.sqrt(size))
    else:
        p = math.exp(min(len(together.levels | now.levels) * math.log(2) - 2 * size * found**2, 0.0))
    return Apart(found, middle, (found - middle) / spread, p)


def _others(parts: Sequence[Sketch], left_out: int) -> Sketch:
    return sketches_together([*parts[:left_out], *parts[left_out + 1:]])
