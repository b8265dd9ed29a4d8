"""The arithmetic of private answers: resolution, sensitivity, scores of quantiles, what is left of a budget."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, exp, floor, log

STEPS = 10_000  # a range has at least so many steps where values are no whole numbers


@dataclass(frozen=True)
class Range:
    """A column's bounds in whole steps of 10^−digits, so that sums are exact."""

    low: int
    high: int
    digits: int

    @property
    def scale(self) -> int:
        return int(10 ** self.digits)

    @property
    def centre(self) -> int:
        return (self.low + self.high) // 2

    @property
    def reach(self) -> int:
        """How far a value may lie from nothing: what one row adds to a sum at most."""
        return max(abs(self.low), abs(self.high))

    @property
    def spread(self) -> int:
        """How far a value may lie from the centre."""
        return max(self.high - self.centre, self.centre - self.low)


def in_steps(low: float, high: float, *, whole: bool) -> Range:
    """Bounds as a range of whole steps that lies within them; fine enough that rounding does not matter.

    >>> in_steps(-60, 600, whole=True), in_steps(0, 1, whole=False)
    (Range(low=-60, high=600, digits=0), Range(low=0, high=10000, digits=4))
    """
    digits, first, last = 0, *(Decimal(repr(float(edge))) for edge in (low, high))
    while not whole and (last - first) * 10 ** digits < STEPS:
        digits += 1
    return Range(ceil(first * 10 ** digits), floor(last * 10 ** digits), digits)


def quantile_scores(cells: Sequence[int], at: Fraction) -> list[int]:
    """How ill each edge of a grid serves as the quantile: |(1 − α)·below − α·above|, times α's denominator.

    `cells` (k,) are the rows between neighbouring edges; the result (k + 1,). Smith 2011, Privacy-preserving
    statistical estimation; a row more or less changes a score by max(α, 1 − α) at most.

    >>> quantile_scores([1, 1, 2], Fraction(1, 2))
    [4, 2, 0, 4]
    """
    above, scores, below = sum(cells), [], 0
    for cell in [*cells, 0]:
        scores.append(abs((at.denominator - at.numerator) * below - at.numerator * above))
        below, above = below + cell, above - cell
    return scores


def score_sensitivity(at: Fraction, contributions: int) -> int:
    """How much a person's rows change a score of `quantile_scores` at most."""
    return contributions * max(at.numerator, at.denominator - at.numerator)


def rank_error(scale: float, candidates: int, at: Fraction, alpha: float = 0.05) -> float:
    """Rows by which the chosen rank is off at most, but for a share α of draws: scale · ln(candidates / α)."""
    return scale * log(candidates / alpha) / at.denominator


def mean_interval(total: float, count: float, total_off: float, count_off: float) -> tuple[float | None, float | None]:
    """The least and largest mean where total and count are off by so much; None where the count may be none.

    >>> mean_interval(10, 5, 1, 1)
    (1.5, 2.75)
    """
    if count - count_off < 1:
        return None, None
    ends = [(total + sign * total_off) / (count + way * count_off) for sign in (-1, 1) for way in (-1, 1)]
    return min(ends), max(ends)


def summed(values: Iterable[float]) -> Decimal:
    """The sum of amounts as they are written, so that ten times 0.1 is 1."""
    return sum((Decimal(repr(float(value))) for value in values), Decimal(0))


def laplace_tail(scale: float, beyond: int) -> float:
    """P(|noise| ≥ beyond) of the discrete Laplace distribution: 2·q^beyond / (1 + q), q = e^(−1/scale); 1 at 0."""
    q = exp(-1 / scale)
    return 1.0 if beyond <= 0 else 2 * q ** beyond / (1 + q)
