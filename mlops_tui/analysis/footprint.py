"""What resources follow from size, and whether a run used more than the runs before it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlops_tui.analysis import tails

LEAST_RUNS, LEAST_SIZES = 3, 3


@dataclass(frozen=True)
class Exponent:
    """value ~ size^exponent, fitted to `n` runs; without an interval, or at all, where `reason` says why."""

    exponent: float | None
    low: float | None
    high: float | None
    n: int
    reason: str = ""


def exponent(sizes: Sequence[float], values: Sequence[float], confidence: float = 0.95) -> Exponent:
    """The slope of log value on log size by least squares, with Student's interval (n − 2 degrees of freedom).

    Sizes (n,) are above 0. It needs values above 0, and runs of three sizes; three runs leave one degree of freedom, so
    that their interval is wide unless they lie on a line.
    """
    if min(values, default=0.0) <= 0:
        return Exponent(None, None, None, len(values), "some run used nothing that could be measured")
    x, y = np.log(np.asarray(sizes, dtype=np.float64)), np.log(np.asarray(values, dtype=np.float64))
    n = int(x.size)
    if len(set(x.tolist())) < LEAST_SIZES:
        return Exponent(None, None, None, n, f"needs runs of {LEAST_SIZES} sizes, there are {len(set(x.tolist()))}")
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    rest = y - y.mean() - slope * (x - x.mean())
    error = math.sqrt(float((rest**2).sum()) / (n - 2) / spread)
    reach = tails.student_isf((1 - confidence) / 2, n - 2) * error
    return Exponent(slope, slope - reach, slope + reach, n)


@dataclass(frozen=True)
class Beside:
    """A run beside earlier ones: `ratio` to their median, and the `bound` that one more of their kind keeps to.

    `worse` is None where that cannot be said; `reason` says why.
    """

    median: float | None
    ratio: float | None
    bound: float | None
    n: int
    worse: bool | None
    reason: str = ""


def beside(value: float | None, earlier: Sequence[float], limit: float, confidence: float = 0.95) -> Beside:
    """Whether a run used more than the runs before it.

    It fails where it used more than `limit` times their median and more than the one-sided upper prediction bound for
    one more run, exp(m + t(confidence, k − 1) s √(1 + 1/k)) with mean and standard deviation of the logs of the k
    earlier ones. Where runs are log-normal, at most 1 − confidence of like runs fail.
    """
    usable = [each for each in earlier if each > 0]
    k = len(usable)
    if value is None or value <= 0:
        return Beside(None, None, None, k, None, "nothing could be measured")
    if k < LEAST_RUNS:
        return Beside(None, None, None, k, None, f"{LEAST_RUNS} earlier runs are needed, there are {k}")
    logs, median = np.log(usable), float(np.median(usable))
    reach = tails.student_isf(1 - confidence, k - 1) * float(logs.std(ddof=1)) * math.sqrt(1 + 1 / k)
    bound = math.exp(min(float(logs.mean()) + reach, 700.0))
    worse = value > limit * median and value > bound
    return Beside(median, value / median, bound, k, worse)


@dataclass(frozen=True)
class Growth:
    """How a value grows with the data, told in two ways, of which the worse is believed: value · k^exponent, and a
    `fixed` share of it that stays while the rest grows in proportion."""

    exponent: float = 1.0
    fixed: float = 0.0
    fitted: bool = False

    def at(self, value: float, times: float) -> float:
        """The value with so many times the data."""
        return value * max(float(times**self.exponent), self.fixed + (1 - self.fixed) * times)

    def reaches(self, value: float, limit: float) -> float | None:
        """At how many times the data the limit is reached, 1 where it already is; None: never."""
        over = limit / value
        if over <= 1:
            return 1.0
        found = [over ** (1 / self.exponent)] if self.exponent > 0 else []
        found += [(over - self.fixed) / (1 - self.fixed)] if self.fixed < 1 else []
        return min(found) if found else None


def growth(sizes: Sequence[float], values: Sequence[float]) -> Growth:
    """Fitted to runs of three sizes or more, by least squares on the logs and on the numbers; else in proportion."""
    found = exponent(sizes, values)
    if found.exponent is None:
        return Growth()
    x, y = np.asarray(sizes, dtype=np.float64), np.asarray(values, dtype=np.float64)
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
    fixed = float(y.mean()) - slope * float(x.mean())
    largest = fixed + slope * float(x.max())
    share = min(max(fixed / largest, 0.0), 1.0) if largest > 0 and slope > 0 else 1.0
    return Growth(found.exponent, share, fitted=True)


@dataclass(frozen=True)
class Tenfold:
    """A phase with ten times the data, and at how many times the data its memory no longer fits; None: never."""

    phase: str
    seconds: float
    peak_bytes: float | None
    breaks_at: float | None


def tenfold(phase: str, seconds: float, peak: float | None, time: Growth, space: Growth, memory: int) -> Tenfold:
    """What a phase will use with ten times the data, on a machine of so many bytes."""
    return Tenfold(phase, time.at(seconds, 10), None if peak is None else space.at(peak, 10),
                   None if not peak else space.reaches(peak, memory))


def breaks_first(found: Sequence[Tenfold]) -> tuple[Tenfold, bool]:
    """The phase that breaks first on ten times the data, and whether its memory is why; else the longest one."""
    short = [each for each in found if each.breaks_at is not None and each.breaks_at <= 10]
    if short:
        return min(short, key=lambda each: each.breaks_at or 0.0), True
    return max(found, key=lambda each: each.seconds), False
