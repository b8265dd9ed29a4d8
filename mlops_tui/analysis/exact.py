"""Sums of floating-point numbers without any rounding, so that they do not depend on the order of the terms."""

import math
from fractions import Fraction

import numpy as np

from mlops_tui.analysis.arrays import Floats

BLOCK = 1 << 14  # terms summed at once: 14 of a float's 53 bits are room for carries, 38 are taken off each term
ROOM = 15


def exact_sum(terms: Floats) -> Fraction:
    """The exact sum of (n,) finite float64 terms.

    Each round splits the leading bits off every term by adding and subtracting a large power of two; those parts are
    multiples of one grid and their float sum is exact in any order. The remainders go to the next round until none is
    left (Rump, Ogita & Oishi 2008, SIAM J. Sci. Comput. 31:189, algorithm 3.3). ValueError for NaN and infinities.

    >>> exact_sum(np.array([1e300, 1.0, -1e300])) == 1
    True
    """
    parts: dict[int, int] = {}
    for start in range(0, terms.size, BLOCK):
        for part in _parts(terms[start:start + BLOCK]):
            numerator, denominator = part.as_integer_ratio()
            parts[denominator] = parts.get(denominator, 0) + numerator
    return sum((Fraction(numerator, denominator) for denominator, numerator in parts.items()), Fraction(0))


def _parts(terms: Floats) -> list[float]:
    """Floats whose exact sum is that of the terms."""
    largest = max(float(terms.max()), -float(terms.min()))
    if not math.isfinite(largest):
        raise ValueError("only finite numbers have a sum")
    exponent = math.frexp(largest)[1] + ROOM
    if exponent > 1000:
        return [float(term) for term in terms]
    sums, rest, split = [], terms, np.empty_like(terms)
    while largest:
        anchor = math.ldexp(1.0, exponent)
        np.add(rest, anchor, out=split)
        np.subtract(split, anchor, out=split)
        sums.append(float(split.sum()))
        rest = np.subtract(rest, split) if rest is terms else np.subtract(rest, split, out=rest)
        left = np.count_nonzero(rest)
        if left * 8 < rest.size:  # a few tiny terms: the rest of them one by one
            return [*sums, *map(float, rest[rest != 0])]
        exponent += ROOM - 53
    return sums
