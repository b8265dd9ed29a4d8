"""What a column of numbers looks like: how many different ones, where they lie, and which one is most frequent."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlops_tui.analysis.arrays import Counts, Floats


@dataclass(frozen=True)
class Summary:
    """Exact figures of (n,) values: distinct ones, quantiles in the order asked for, and the most frequent value."""

    distinct: int
    quantiles: tuple[float | None, ...]
    top: float | None
    top_rows: int


def summary(values: Floats, at: Sequence[float] = (0.05, 0.5, 0.95)) -> Summary:
    """Figures of (n,) float64 values, NaN left out, infinities counted as values.

    Quantiles interpolate linearly between neighbours (type 7 of Hyndman & Fan 1996, Am. Stat. 50:361, as
    numpy.quantile); None between the two infinities, or without values. `top` is the smallest of the most frequent
    values; None where no value occurs twice among several.
    """
    ordered = np.sort(values)
    ordered = ordered[:int(np.searchsorted(ordered, np.nan))]  # NaN sorts last
    if not ordered.size:
        return of_counts(ordered, np.empty(0, np.int64), at)
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return of_counts(ordered[starts], np.diff(starts, append=ordered.size), at)


def of_counts(values: Floats, counts: Counts, at: Sequence[float] = (0.05, 0.5, 0.95)) -> Summary:
    """The same of values that are counted: (k,) different ones in ascending order, none of them NaN, and their rows."""
    if not values.size:
        return Summary(0, (None,) * len(at), None, 0)
    upto, longest = np.cumsum(counts), int(np.argmax(counts))
    often = int(counts[longest])
    repeats = often > 1 or values.size == 1
    return Summary(int(values.size), tuple(_quantile(values, upto, q) for q in at),
                   float(values[longest]) + 0.0 if repeats else None, often if repeats else 0)


def _quantile(values: Floats, upto: Counts, q: float) -> float | None:
    place = (int(upto[-1]) - 1) * q
    ends = np.searchsorted(upto, [math.floor(place), math.ceil(place)], side="right")
    low, high = (float(each) for each in values[ends])
    between = low if low == high else low + (high - low) * (place - math.floor(place))
    return None if math.isnan(between) else between
