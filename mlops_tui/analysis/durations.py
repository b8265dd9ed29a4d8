"""How long things took, of a few: median and 90th percentile with what is known of them, and counts that are usual.

Intervals of a quantile are those between order statistics, which hold for every continuous distribution (David and
Nagaraja, Order Statistics, 3rd ed., section 7.1). The band of a count is its predictive one given the others, Poisson
with Jeffreys' prior, which is negative binomial (Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.6).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_tui.analysis.tails import binomial_cdf

TAIL = 10  # so many before one of them lies above the 90th percentile


@dataclass(frozen=True)
class Lengths:
    """Durations in seconds: how many, mean, median with its interval, 90th percentile; None where too few tell it."""

    n: int
    mean: float | None
    median: float | None
    low: float | None
    high: float | None
    p90: float | None
    reason: str = ""


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


def lengths(seconds: Sequence[float], level: float = 0.95) -> Lengths:
    """What durations tell, and in `reason` what they are too few for."""
    values, n = sorted(seconds), len(seconds)
    if not n:
        return Lengths(0, None, None, None, None, None, "none is known")
    found = ranks(n, 0.5, level)
    reasons = [f"{n} are too few for an interval: it takes {fewest(0.5, level)}"] if found is None else []
    reasons += [f"and for a 90th percentile: it takes {TAIL}"
                if reasons else f"{n} are too few for a 90th percentile: it takes {TAIL}"] if n < TAIL else []
    return Lengths(n, math.fsum(values) / n, _quantile(values, 0.5), values[found[0] - 1] if found else None,
                   values[found[1] - 1] if found else None, _quantile(values, 0.9) if n >= TAIL else None,
                   ", ".join(reasons))


def _quantile(values: Sequence[float], share: float) -> float:
    """The quantile of sorted values, linear between neighbours (Hyndman and Fan's type 7)."""
    place = share * (len(values) - 1)
    below = math.floor(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])


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
