"""One column of a batch in a few hundred points, from which any two batches are compared and many put together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from mlops_tui.analysis.arrays import Floats

POINTS = 256
LEVELS = 256


@dataclass(frozen=True)
class Sketch:
    """Some rows of a column: how many, how many without a value, how many different ones, and where the values lie.

    Numbers: sorted `points` (k,) with `weights` (k,) that sum to the number of values; exact up to 256 different
    values, else 256 quantiles of equal weight, so that the distribution function is off by 1/512 at most. Categories:
    `levels` with their counts, exact up to 256 of them, else the most frequent; what is left over is in `other`.
    """

    kind: str
    rows: int
    missing: int
    distinct: int
    points: Floats = field(default_factory=lambda: np.empty(0))
    weights: Floats = field(default_factory=lambda: np.empty(0))
    levels: Counter[str] = field(default_factory=Counter)
    other: int = 0
    least: str = ""
    most: str = ""

    @property
    def n(self) -> int:
        return self.rows - self.missing

    @property
    def missing_share(self) -> float | None:
        return self.missing / self.rows if self.rows else None

    @cached_property
    def below(self) -> Floats:
        """The running sum (k + 1,) of the weights: how many values lie below the k-th point."""
        return np.concatenate([[0.0], np.cumsum(self.weights)])

    @property
    def mean(self) -> float | None:
        return float(self.points @ self.weights / self.weights.sum()) if self.points.size else None


def of_numbers(values: Floats, nulls: int, most: int = POINTS) -> Sketch:
    """The sketch of (n,) values, beside which there are `nulls` rows without one; NaN counts as missing.

    Up to `most` different values are kept exactly.
    """
    found = np.sort(values[~np.isnan(values)])
    edges = np.flatnonzero(np.diff(found, prepend=np.nan) != 0) if found.size else np.empty(0, np.int64)
    missing = nulls + values.size - found.size
    rows, distinct = nulls + values.size, int(edges.size)
    if distinct > most:
        at = ((np.arange(POINTS) + 0.5) * found.size / POINTS).astype(np.int64)
        return Sketch("numeric", rows, missing, distinct, found[at], np.full(POINTS, found.size / POINTS))
    weights = np.diff(edges, append=found.size).astype(np.float64)
    return Sketch("numeric", rows, missing, distinct, found[edges], weights)


def of_levels(counts: Mapping[str, int], nulls: int, kind: str = "category", most: int = LEVELS) -> Sketch:
    """The sketch of counted values, of which the `most` frequent are kept apart."""
    total = sum(counts.values())
    if len(counts) == total > most:  # ids: none is more frequent than another
        return Sketch(kind, total + nulls, nulls, total, other=total)
    kept = Counter(dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]))
    return Sketch(kind, total + nulls, nulls, len(counts), levels=kept, other=total - sum(kept.values()))


def together(parts: Sequence[Sketch]) -> Sketch:
    """Several batches as one; the number of different values is the least that it can be. ValueError for none."""
    if not parts:
        raise ValueError("nothing to put together")
    rows, missing = sum(part.rows for part in parts), sum(part.missing for part in parts)
    points = np.concatenate([part.points for part in parts])
    order = np.argsort(points, kind="stable")
    levels: Counter[str] = Counter()
    for part in parts:
        levels.update(part.levels)
    distinct = max([*(part.distinct for part in parts), len(levels)])
    return Sketch(parts[0].kind, rows, missing, distinct, points[order],
                  np.concatenate([part.weights for part in parts])[order], levels, sum(part.other for part in parts),
                  min((part.least for part in parts if part.least), default=""),
                  max((part.most for part in parts), default=""))


def ks(one: Sketch, other: Sketch) -> float:
    """The largest distance between the distribution functions of two sketched numeric columns. ValueError for none."""
    if not one.points.size or not other.points.size:
        raise ValueError("a distance needs a value on both sides")
    at = np.concatenate([one.points, other.points])
    shares = [side.below[np.searchsorted(side.points, at, "right")] / side.below[-1] for side in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


def variation(one: Sketch, other: Sketch) -> float:
    """Half the sum of the differences between the shares of two sketched categories: 0 alike, 1 nothing in common."""
    if not one.n or not other.n:
        raise ValueError("a distance needs a value on both sides")
    names = one.levels.keys() | other.levels.keys()
    apart = sum(abs(one.levels[name] / one.n - other.levels[name] / other.n) for name in names)
    return (apart + abs(one.other / one.n - other.other / other.n)) / 2
