"""When a stream of errors changed: ADWIN and the Page–Hinkley test, exactly as published, on whole streams at once."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Counts, Floats, finite

BUCKETS = 5      # of each size; one more, and the two oldest become one of twice the size (M of the paper)
SHORTEST = 5     # values on either side of a cut, and what is taken off both, as in the authors' own program
GRACE = 10       # values before the first look
CHECKS = 256     # looks that are made together


@dataclass(frozen=True)
class Change:
    """A change that was seen at value `at` (from 0) of a stream, of which the mean was `before` until `since`, and is
    `after`."""

    at: int
    since: int
    before: float
    after: float

    @property
    def rises(self) -> bool:
        return self.after > self.before


def adwin(values: npt.ArrayLike, delta: float = 0.002, clock: int = 32, inflation: float = 1.0) -> list[Change]:
    """The changes that ADWIN sees in a stream of values in [0, 1], (n,) (Bifet & Gavaldà 2007, SDM, ADWIN2).

    The window of all values since the last change is kept as buckets of 1, 2, 4, … values, at most five of each. After
    every `clock` values it is cut between any two buckets where the means m₀ and m₁ of the older n₀ and the newer n₁
    differ by more than ε = √(2/m·σ²·ln(2·ln n/δ)) + 2/(3m)·ln(2·ln n/δ), 1/m = 1/n₀' + 1/n₁' with n' = n − 4: the
    oldest bucket is dropped until they do not. `inflation` multiplies σ², where values are not independent. The buckets
    after any number of values are known beforehand, so that many looks are made at once. ValueError for values that are
    not finite, and for settings that make no sense.
    """
    x = finite(np.asarray(values, dtype=np.float64))
    if not 0 < delta < 1 or clock < 1 or inflation <= 0:
        raise ValueError(f"delta lies between 0 and 1, clock from 1, inflation above 0: {delta}, {clock}, {inflation}")
    centre = float(x.mean()) if x.size else 0.0
    sums = _Sums(np.concatenate([[0.0], np.cumsum(x - centre)]),
                 np.concatenate([[0.0], np.cumsum(np.square(x - centre))]), delta, inflation)
    found: list[Change] = []
    state, start, done = np.zeros(1, dtype=np.int64), 0, 0
    while done + clock - done % clock <= x.size:
        first = done + clock - done % clock
        looks = np.arange(first, min(first + CHECKS * clock, x.size + 1), clock)
        counts = _buckets(state, looks - done)
        hit = sums.cuts(counts, start, looks).any(axis=1)
        if not hit.any():
            state, done = counts[-1], int(looks[-1])
            continue
        place = int(np.argmax(hit))
        done, state, oldest = int(looks[place]), counts[place].copy(), start
        while sums.cuts(state[None], start, np.array([done])).any():
            level = int(np.flatnonzero(state)[-1])
            state[level] -= 1
            start += 1 << level
        found.append(Change(done - 1, start, centre + sums.mean(oldest, start), centre + sums.mean(start, done)))
    return found


def _buckets(state: Counts, added: Counts) -> Counts:
    """How many buckets of 2⁰, 2¹, … values there are after so many more values, (t,) to (t, levels)."""
    levels = max(state.size, int(added[-1]).bit_length()) + 2
    now = np.zeros(levels, dtype=np.int64)
    now[: state.size] = state
    counts, coming = np.empty((added.size, levels), dtype=np.int64), added.astype(np.int64)
    for level in range(levels):
        held = now[level] + coming
        coming = np.maximum(held - BUCKETS + 1, 0) // 2
        counts[:, level] = held - 2 * coming
    filled = int(np.flatnonzero(counts.any(axis=0))[-1]) + 1
    return counts[:, :filled]


@dataclass(frozen=True)
class _Sums:
    """Running sums of a centred stream and of its squares, (n + 1,), and how sure a cut has to be."""

    total: Floats
    squares: Floats
    delta: float
    inflation: float

    def mean(self, first: int, last: int) -> float:
        return float(self.total[last] - self.total[first]) / max(last - first, 1)

    def cuts(self, counts: Counts, start: int, looks: Counts) -> npt.NDArray[np.bool_]:
        """At which borders between buckets the window that ends at each look would be cut, (t, borders)."""
        sizes = np.where(np.arange(BUCKETS) < counts[:, :, None], 1 << np.arange(counts.shape[1])[:, None], 0)
        newer = np.cumsum(sizes.reshape(looks.size, -1), axis=1)
        width = (looks - start)[:, None]
        older = width - newer
        usable = (sizes.reshape(looks.size, -1) > 0) & (newer >= SHORTEST) & (older >= SHORTEST) & (width > GRACE)
        border = looks[:, None] - newer
        at, end = self.total[border], self.total[looks][:, None]
        n0, n1 = np.maximum(older, 1), np.maximum(newer, 1)
        apart = np.abs((at - self.total[start]) / n0 - (end - at) / n1)
        n = np.maximum(width, 2)
        mean = (end - self.total[start]) / n
        variance = np.maximum((self.squares[looks][:, None] - self.squares[start]) / n - mean**2, 0) * self.inflation
        sure = np.log(2 * np.log(n) / self.delta)
        m = 1 / np.maximum(n0 - SHORTEST + 1, 1) + 1 / np.maximum(n1 - SHORTEST + 1, 1)
        return np.asarray(usable & (apart > np.sqrt(2 * m * variance * sure) + 2 / 3 * sure * m))


def page_hinkley(values: npt.ArrayLike, drift: float, limit: float, fewest: int = 30) -> list[Change]:
    """The rises that the Page–Hinkley test sees in a stream (n,) (Page 1954, Biometrika 41:100; Hinkley 1971, 58:509).

    Of mₜ = Σ (xᵢ − x̄ᵢ − drift), x̄ᵢ the mean up to i, the height above its lowest point so far exceeds `limit`, after
    `fewest` values or more. After a change it begins anew. `drift` is half of the rise that matters. ValueError for
    values that are not finite, a negative drift, or a limit that is not above 0.
    """
    x = finite(np.asarray(values, dtype=np.float64))
    if drift < 0 or limit <= 0:
        raise ValueError(f"drift lies from 0 and limit above 0, not at {drift:g} and {limit:g}")
    return list(_rises(x, drift, limit, fewest))


def _rises(x: Floats, drift: float, limit: float, fewest: int) -> Iterator[Change]:
    start = 0
    while start < x.size:
        part = x[start:]
        mean = np.cumsum(part) / np.arange(1, part.size + 1)
        height = np.cumsum(part - mean - drift)
        lowest = np.minimum.accumulate(height)
        over = height - lowest > limit
        over[: fewest - 1] = False
        if not over.any():
            return
        at = int(np.argmax(over))
        since = int(np.flatnonzero(height[: at + 1] == lowest[at])[-1]) + 1
        before = float(part[:since].mean())
        yield Change(start + at, start + since, before, float(part[since: at + 1].mean()))
        start += at + 1


def persistence(values: npt.ArrayLike, most: float = 0.9) -> float:
    """How many times as much the mean of these values varies as it would if they were independent, 1 or more.

    (1 + ρ)/(1 − ρ) of a first-order autoregression (Bartlett 1946; Zwiers & von Storch 1995, J. Climate 8:336), ρ
    corrected by (1 + 3ρ)/n for its bias (Kendall 1954) and held at `most`; 1 below ten values.
    """
    x = finite(np.asarray(values, dtype=np.float64))
    if x.size < 10 or np.ptp(x) == 0:
        return 1.0
    gap = x - x.mean()
    rho = float(gap[1:] @ gap[:-1]) / float(gap @ gap)
    rho += (1 + 3 * rho) / x.size
    rho = min(max(rho, 0.0), most)
    return (1 + rho) / (1 - rho)


def long_run_spread(values: npt.ArrayLike) -> float:
    """The standard deviation that independent values would need for their mean to vary as that of these does."""
    x = finite(np.asarray(values, dtype=np.float64))
    return float(x.std(ddof=1)) * math.sqrt(persistence(x)) if x.size > 1 else 0.0


def togetherness(values: npt.ArrayLike, day: Counts) -> float:
    """How many times as much the mean of rows varies as it would if rows were independent, 1 or more.

    By what a day's rows share, and what a day shares with the one before: the design effect of Kish 1965, §5.4, from
    the long-run spread of the daily means. `day` (n,) numbers the days in their order; 1 below ten of them.
    """
    x = finite(np.asarray(values, dtype=np.float64))
    days, of = np.unique(day, return_inverse=True)
    if days.size < 10 or np.ptp(x) == 0:
        return 1.0
    n = np.bincount(of)
    spread = long_run_spread(np.bincount(of, x) / n)
    return max(spread**2 * float(n.mean()) / float(x.var()), 1.0)
