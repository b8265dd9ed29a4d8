"""How long things took, of a few: median and 90th percentile with what is known of them, and counts that are usual.

Intervals of a quantile are those between order statistics, which hold for every continuous distribution (David and
Nagaraja, Order Statistics, 3rd ed., section 7.1), over all that those which are not over yet may still come to. The
band of a count is its predictive one given the others, Poisson with Jeffreys' prior, which is negative binomial (Gelman
et al., Bayesian Data Analysis, 3rd ed., section 2.6).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlops_tui.analysis.tails import binomial_cdf

TAIL = 10  # so many before one of them lies above the 90th percentile


@dataclass(frozen=True)
class Lengths:
    """Durations in seconds: how many, mean, median with its interval, 90th percentile; None where too few tell it, or
    where it hangs on those that are `going` on, of which no more is known than how long they have lasted so far."""

    n: int
    mean: float | None
    median: float | None
    low: float | None
    high: float | None
    p90: float | None
    reason: str = ""
    going: int = 0


def ranks(n: int, share: float, level: float = 0.95) -> tuple[int, int] | None:
    """The ranks (from 1) of the order statistics between which the quantile lies with at least that probability, each
    tail having no more than half of the rest; None where the smallest or largest of n does not reach that far."""
    tail = (1 - level) / 2
    low = max((rank for rank in range(1, n + 1) if binomial_cdf(rank - 1, n, share) <= tail), default=0)
    high = min((rank for rank in range(1, n + 1) if 1 - binomial_cdf(rank - 1, n, share) <= tail), default=0)
    return (low, high) if low and high else None


def fewest(share: float = 0.5, level: float = 0.95) -> int:
    """How many values it takes for an interval of that quantile; six for a median at 95 %."""
    return next(n for n in range(2, 1000) if ranks(n, share, level) is not None)


def lengths(seconds: Sequence[float], going: Sequence[float] = (), level: float = 0.95) -> Lengths:
    """What durations tell, and in `reason` what they are too few for.

    `going` are those so far of what is not over: each will have been longer. A figure is told where it is the same
    whatever they come to; the interval holds the median for every way in which they may end.
    """
    ended, n = len(seconds), len(seconds) + len(going)
    if not n:
        return Lengths(0, None, None, None, None, None, "none is known")
    least, most = sorted([*seconds, *going]), sorted([*seconds, *[math.inf] * len(going)])
    found = ranks(n, 0.5, level)
    low, high = (least[found[0] - 1], most[found[1] - 1]) if found else (None, None)
    return Lengths(ended, math.fsum(seconds) / n if not going else None, _sure(least, most, 0.5), low,
                   None if high == math.inf else high, _sure(least, most, 0.9) if n >= TAIL else None,
                   ", ".join(_reasons(least, most)), len(going))


def _reasons(least: Sequence[float], most: Sequence[float]) -> Iterator[str]:
    n, going = len(least), sum(value == math.inf for value in most)
    if _sure(least, most, 0.5) is None:
        yield f"{going} of {n} go on, so the median is open too"
    if n < fewest():
        yield f"{n} are too few for an interval: it takes {fewest()}"
    if n < TAIL:
        yield f"and for a 90th percentile: it takes {TAIL}" if n < fewest() else \
            f"{n} are too few for a 90th percentile: it takes {TAIL}"


def _sure(least: Sequence[float], most: Sequence[float], share: float) -> float | None:
    """The quantile, where it is the same of the least and of the most that the values may come to."""
    low, high = _quantile(least, share), _quantile(most, share)
    return low if low == high else None


def _quantile(values: Sequence[float], share: float) -> float:
    """The quantile of sorted values, linear between neighbours (Hyndman and Fan's type 7)."""
    place = share * (len(values) - 1)
    below = math.floor(place)
    above = min(below + (place > below), len(values) - 1)
    return values[below] if above == below or values[below] == math.inf else \
        values[below] + (place - below) * (values[above] - values[below])


def usual(total: int, periods: int, level: float = 0.95) -> tuple[int, int] | None:
    """The counts that are usual for one more period, given that many in so many periods; None for no period."""
    if periods < 1:
        return None
    shape, stay = total + 0.5, periods / (periods + 1)
    tail = (1 - level) / 2
    chance, below, low = stay ** shape, 0.0, None
    for count in range(10_000):
        below += chance
        low = count if low is None and below > tail else low
        if below >= 1 - tail and low is not None:
            return low, count
        chance *= (shape + count) / (count + 1) * (1 - stay)
    return None
