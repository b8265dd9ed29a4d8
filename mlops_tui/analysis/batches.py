"""Whether a batch is as large as batches of its kind usually are."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
    before = before[before > 0]
    if before.size < FEWEST:
        return Oddness(None, None, None, None, f"{before.size} earlier batches of its kind, {FEWEST} are needed")
    logs = np.log(before)
    middle = float(np.median(logs))
    spread = max(TO_SIGMA * float(np.median(np.abs(logs - middle))), LEAST_SPREAD)
    z = (float(np.log(count)) - middle) / spread if count else float("-inf")
    expected = float(np.exp(middle))
    return Oddness(max(z, -1e6), expected, expected * float(np.exp(-limit * spread)),
                   expected * float(np.exp(limit * spread)))
