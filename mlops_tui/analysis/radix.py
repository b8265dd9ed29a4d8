"""Mergeable profiles of a numeric column: exact counts in cells that keep the order of values."""

import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Counts, Floats
from mlops_tui.analysis.exact import exact_sum

BITS = (16, 18, 20)
PIECE = 1 << 16  # values looked at together: their arrays stay in the processor's cache
FIRST = 20_480   # values from which a centre is taken
SPARSE = 10      # cells of a grid for each that is held, from which on those held are put in order
WIDE = 2.0 ** 500  # deviations beyond this have no square; they are counted instead of summed

Codes = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Grid:
    """How a column is cut into cells: by the leading `bits` of float32(x − centre), sign first.

    Subtracting, rounding to float32 and cutting off bits never change the order of two values, so every cell is an
    interval of values, and the cells of one grid stand in the order of their values. Near the centre they are finest:
    a value at distance d from it lies in a cell of width at most d/128 at 16 bits, d/512 at 18, d/2048 at 20.
    """

    centre: float = 0.0
    bits: int = 16

    def __post_init__(self) -> None:
        if self.bits not in BITS:
            raise ValueError(f"a grid has {', '.join(map(str, BITS))} bits, not {self.bits}")
        if not math.isfinite(self.centre):
            raise ValueError(f"a centre is a finite number, not {self.centre}")
        # With −0.0 as the centre, −0.0 − (−0.0) and 0.0 − (−0.0) are both +0.0: the two zeros share one cell.
        object.__setattr__(self, "centre", self.centre or -0.0)

    def codes(self, values: Floats) -> Codes:
        """The raw cell number of each of (n,) values: the bit pattern of its deviation, shifted."""
        return self.codes_into(values, np.empty(values.size, np.float32), np.empty(values.size, np.intp))

    def codes_into(self, values: Floats, deviations: npt.NDArray[np.float32], codes: Codes) -> Codes:
        """`codes`, with (n,) arrays to work in: fresh memory for each piece would cost as much as the arithmetic."""
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            np.subtract(values, self.centre, out=deviations, casting="same_kind")
        return np.right_shift(deviations.view(np.uint32), np.uint32(32 - self.bits), out=codes, casting="unsafe")

    def ordered(self, codes: Codes) -> Codes:
        """Cell numbers in the order of their values, from raw ones: negative deviations run backwards."""
        half = 1 << (self.bits - 1)
        return np.where(codes < half, codes + half, 2 * half - 1 - codes)

    def edges(self, cells: Codes) -> tuple[Floats, Floats]:
        """Bounds (k,) below and above every value that an ordered cell can hold, in the column's unit.

        They lie one float32 outside the cell, so that both roundings (of the subtraction and to float32) are inside.
        """
        half, shift = 1 << (self.bits - 1), 32 - self.bits
        negative = cells < half
        raw = np.where(negative, 2 * half - 1 - cells, cells - half).astype(np.uint32) << np.uint32(shift)
        inner, outer = raw.view(np.float32), (raw | np.uint32((1 << shift) - 1)).view(np.float32)
        outer = np.where(np.isnan(outer), np.copysign(np.float32(np.inf), inner), outer)
        low, high = np.where(negative, outer, inner), np.where(negative, inner, outer)
        with np.errstate(over="ignore", under="ignore"):
            below = np.nextafter(low, np.float32(-np.inf)).astype(np.float64)
            above = np.nextafter(high, np.float32(np.inf)).astype(np.float64)
        return below + self.centre, above + self.centre


def grid_for(values: Floats, bits: int = 16) -> Grid:
    """A grid centred on the lower median of the first 20,480 finite values; on 0 where there is none.

    A centre among the values keeps `1e6 + small noise` apart, and whole numbers near it in cells of their own.
    """
    first = values[:FIRST]
    first = first[np.isfinite(first)]
    if not first.size:
        return Grid(bits=bits)
    middle = (first.size - 1) // 2
    return Grid(float(np.partition(first, middle)[middle]), bits)


def union(a: Codes, b: Codes) -> Codes:
    """The cells of either of two ascending arrays, ascending. (numpy.union1d imports numpy.ma, for 40 ms.)"""
    both = np.sort(np.concatenate([a, b]))
    return both[np.diff(both, prepend=-1) > 0]


@dataclass(frozen=True)
class Profile:
    """What is known of a column: exact counts and moments, and the occupied cells of its grid in ascending order.

    `counts` (k,) are the values in the ordered `cells` (k,); `value` (k,) is the one value of a cell that provably
    holds no other, NaN where it holds several. Infinities are values like others; NaN and nulls are counted apart.
    `shift` is Σ(x − centre) and `square` Σ(x − centre)², exact sums of terms rounded once to float64, over the `summed`
    values: the finite ones less than 2⁵⁰⁰ away from the centre. On a given grid, every field depends on the multiset of
    values alone.
    """

    grid: Grid
    cells: Codes
    counts: Counts
    value: Floats
    nulls: int = 0
    nans: int = 0
    minimum: float = math.nan
    maximum: float = math.nan
    summed: int = 0
    shift: Fraction = Fraction(0)
    square: Fraction = Fraction(0)

    @cached_property
    def n(self) -> int:
        """Values, infinite ones included, NaN and nulls not."""
        return int(self.counts.sum())

    @property
    def rows(self) -> int:
        return self.n + self.nulls + self.nans

    @property
    def missing(self) -> int:
        """Rows without a value: nulls and NaN."""
        return self.nulls + self.nans

    @property
    def discrete(self) -> bool:
        """Whether every cell provably holds one value: counts of values, not of cells."""
        return not bool(np.isnan(self.value).any())

    @cached_property
    def bound(self) -> bool:
        """Whether its cells belong to its grid: an infinite value has the same cell on every grid of as many bits."""
        return not bool(np.isinf(self.value).all())

    def on(self, grid: Grid) -> "Profile":
        """The same profile on another grid; ValueError where its cells belong to its own."""
        if self.grid == grid:
            return self
        if self.bound or (self.cells.size and self.grid.bits != grid.bits):
            raise ValueError(f"a profile of {self.grid} cannot be had on {grid}")
        return replace(self, grid=grid)

    @property
    def mean(self) -> float | None:
        """Mean of all values, correctly rounded sums; None without values, or where one is infinite or too far out."""
        if not self.n or self.summed != self.n:
            return None
        return float(Fraction(self.grid.centre) + self.shift / self.n)

    @property
    def std(self) -> float | None:
        """Sample standard deviation (n − 1); None where there is no mean, or fewer than two values."""
        if self.n < 2 or self.summed != self.n:
            return None
        variance = (self.square - self.shift * self.shift / self.n) / (self.n - 1)
        return math.sqrt(max(Fraction(0), variance))

    def spread(self, cells: Codes) -> tuple[Counts, Floats]:
        """Counts and lone values (k,) on (k,) ascending cells that include all of its own."""
        counts, value = np.zeros(cells.size, np.int64), np.full(cells.size, np.nan)
        at = np.searchsorted(cells, self.cells)
        counts[at], value[at] = self.counts, self.value
        return counts, value

    def quantile(self, q: float) -> tuple[float, float]:
        """Proven bounds of the q-quantile (inverse of the distribution function, type 1), 0 ≤ q ≤ 1.

        They coincide where the cell holds one value. ValueError without values.
        """
        if not self.n:
            raise ValueError("a column without values has no quantiles")
        rank = max(1, math.ceil(q * self.n))
        at = int(np.searchsorted(np.cumsum(self.counts), rank))
        if not math.isnan(self.value[at]):
            return float(self.value[at]), float(self.value[at])
        low, high = self.grid.edges(self.cells[at:at + 1])
        return max(float(low[0]), self.minimum), min(float(high[0]), self.maximum)

    def __add__(self, other: "Profile") -> "Profile":
        """The profile of both columns together; ValueError where their grids differ.

        Integer addition and comparison only: any order of any parts gives the same bytes as one pass over all of them.
        """
        if self.grid != other.grid:
            raise ValueError(f"profiles of different grids cannot be merged: {self.grid} and {other.grid}")
        cells = union(self.cells, other.cells)
        (mine, value), (theirs, their_value) = self.spread(cells), other.spread(cells)
        value = np.where(mine == 0, their_value, np.where((theirs == 0) | (value == their_value), value, np.nan))
        return replace(self, cells=cells, counts=mine + theirs, value=value, nulls=self.nulls + other.nulls,
                       nans=self.nans + other.nans, minimum=float(np.fmin(self.minimum, other.minimum)),
                       maximum=float(np.fmax(self.maximum, other.maximum)), summed=self.summed + other.summed,
                       shift=self.shift + other.shift, square=self.square + other.square)

    def to_bytes(self) -> bytes:
        """The profile as bytes: a JSON head, then gaps between cells, counts and values, deflated. Equal profiles give
        equal bytes."""
        head = {"format": 1, "bits": self.grid.bits, "centre": self.grid.centre.hex(), "cells": self.cells.size,
                "nulls": self.nulls, "nans": self.nans, "summed": self.summed, "minimum": self.minimum.hex(),
                "maximum": self.maximum.hex(), "shift": str(self.shift), "square": str(self.square)}
        arrays = (np.diff(self.cells, prepend=0).astype("<i4"), self.counts.astype("<i8"), self.value.astype("<f8"))
        return json.dumps(head).encode() + b"\n" + zlib.compress(b"".join(array.tobytes() for array in arrays), 6)

    @classmethod
    def from_bytes(cls, stored: bytes) -> "Profile":
        """The profile that `to_bytes` wrote; ValueError where the bytes are damaged or of a later format."""
        first, _, rest = stored.partition(b"\n")
        try:
            head, body = json.loads(first), zlib.decompress(rest)
            size = head["cells"]
            if head["format"] != 1 or len(body) != size * 20:
                raise ValueError("of another format or length")
            gaps, counts, value = (np.frombuffer(body, kind, size, start) for kind, start in
                                   (("<i4", 0), ("<i8", size * 4), ("<f8", size * 12)))
            minimum, maximum = float.fromhex(head["minimum"]), float.fromhex(head["maximum"])
            return cls(Grid(float.fromhex(head["centre"]), head["bits"]), np.cumsum(gaps, dtype=np.intp),
                       counts.astype(np.int64), value.astype(np.float64), head["nulls"], head["nans"], minimum, maximum,
                       head["summed"], Fraction(head["shift"]), Fraction(head["square"]))
        except (KeyError, TypeError, ValueError, zlib.error) as problem:
            raise ValueError(f"these bytes are no profile: {problem}") from problem


def merged(parts: Sequence[Profile], grid: Grid | None = None) -> Profile:
    """Many profiles as one, to the byte what adding them one by one gives; without any, an empty one of the grid.

    A part without finite values fits any grid: what is not finite has the same cell on all of them. ValueError where
    the others differ in their grids.
    """
    grids = list(dict.fromkeys(part.grid for part in parts if part.bound))
    if len(grids) > 1:
        raise ValueError(f"profiles of different grids cannot be merged: {grids[0]} and {grids[1]}")
    chosen = grids[0] if grids else grid or (parts[0].grid if parts else Grid())
    kept = [part.on(chosen) for part in parts]
    if len(kept) == 1:
        return kept[0]
    there = [part for part in kept if part.cells.size]
    cells, counts, value = _in_order(there) if there else (np.empty(0, np.intp), np.empty(0, np.int64), np.empty(0))
    low, high = (min(part.minimum for part in there), max(part.maximum for part in there)) if there else (math.nan,) * 2
    with_sums = [part for part in kept if part.summed]
    return Profile(chosen, cells, counts, value, sum(part.nulls for part in kept), sum(part.nans for part in kept),
                   low, high, sum(part.summed for part in kept), sum((part.shift for part in with_sums), Fraction(0)),
                   sum((part.square for part in with_sums), Fraction(0)))


def _in_order(parts: Sequence[Profile]) -> tuple[Codes, Counts, Floats]:
    """Cells, counts and lone values of all parts together.

    A cell's value is that of all parts that occupy it where they agree; NaN, several values, agrees with none.
    """
    first, last = min(int(part.cells[0]) for part in parts), max(int(part.cells[-1]) for part in parts)
    if sum(part.cells.size for part in parts) * SPARSE < last - first:
        cells = np.sort(np.concatenate([part.cells for part in parts]))
        cells = cells[np.diff(cells, prepend=-1) > 0]
        places = [np.searchsorted(cells, part.cells) for part in parts]
    else:  # a table of all cells between is cheaper than an order
        cells = np.arange(first, last + 1)
        places = [part.cells - first for part in parts]
    counts, value = np.zeros(cells.size, np.int64), np.zeros(cells.size)
    for part, at in zip(parts, places, strict=True):
        before = counts[at]
        value[at] = np.where((before == 0) | (value[at] == part.value), part.value, np.nan)
        counts[at] = before + part.counts
    found = np.flatnonzero(counts)
    return cells[found], counts[found], value[found]


def with_nulls(part: Profile, nulls: int) -> Profile:
    """The profile with more rows that have no value: those of parts that lack the column."""
    return replace(part, nulls=part.nulls + nulls)


def empty(nulls: int) -> Profile:
    """The profile of rows none of which has a value."""
    return Profile(Grid(), np.empty(0, np.intp), np.empty(0, np.int64), np.empty(0), nulls)


def of_few(values: Floats, grid: Grid, nulls: int = 0) -> Profile:
    """What a Tally without moments would find, to the byte: sorted, a cell's values stand together, and are one where
    its ends are."""
    found = np.sort(values)
    found = found[:found.size - np.count_nonzero(np.isnan(found))]  # NaN are sorted to the end
    cells = grid.ordered(grid.codes(found))
    edges = np.flatnonzero(np.diff(cells, prepend=-1, append=-1))
    first, last = found[edges[:-1]] + 0.0, found[edges[1:] - 1] + 0.0  # one zero
    low, high = (float(found[0]) + 0.0, float(found[-1]) + 0.0) if found.size else (math.nan, math.nan)
    counts, value = np.diff(edges).astype(np.int64), np.where(first == last, first, np.nan)
    return Profile(grid, cells[edges[:-1]], counts, value, nulls, values.size - found.size, low, high)


class Tally:
    """Counts a column piece by piece; `profile()` is what it has seen so far."""

    def __init__(self, grid: Grid, *, moments: bool = True) -> None:
        self.grid, self.moments = grid, moments
        size = 1 << grid.bits
        self._counts = np.zeros(size, np.int64)
        self._value = np.full(size, np.nan)
        self._mixed = np.zeros(size, np.bool_)
        self._seen = self._any_mixed = False
        self._deviations, self._codes = np.empty(PIECE, np.float32), np.empty(max(4 * PIECE, size), np.intp)
        self._held = 0  # codes that wait to be counted together: a count goes over all cells of the grid
        self._nulls = self._nans = self._summed = 0
        self._minimum = self._maximum = math.nan
        self._shift = self._square = Fraction(0)

    def add(self, values: Floats, nulls: int = 0) -> None:
        """Count (n,) float64 values, and rows without one. NaN among the values are counted apart."""
        self._nulls += nulls
        for start in range(0, values.size, PIECE):
            self._add(values[start:start + PIECE])

    def _add(self, values: Floats) -> None:
        low = float(values.min())
        if math.isnan(low):
            known = ~np.isnan(values)
            self._nans += values.size - int(np.count_nonzero(known))
            values = values[known]
            if not values.size:
                return
            low = float(values.min())
        self._minimum = float(np.fmin(self._minimum, low))
        self._maximum = float(np.fmax(self._maximum, values.max()))
        if self._held + values.size > self._codes.size:
            self._count()
        room = self._codes[self._held:self._held + values.size]
        codes = self.grid.codes_into(values, self._deviations[:values.size], room)
        self._held += values.size
        self._prove(codes, values)
        if self.moments:
            self._sum(values)

    def _count(self) -> None:
        """Count the codes that wait."""
        self._counts += np.bincount(self._codes[:self._held], minlength=self._counts.size)
        self._held = 0

    def _prove(self, codes: Codes, values: Floats) -> None:
        """Find the cells that hold more than one value. A cell's first value is its witness; each other value that
        lands there is compared with it, so what is left unmarked is proven, not guessed."""
        if not self._seen:  # enough to mark most cells of a continuous column, whose later rows then need no look
            self._seen = True
            self._compare(codes[:4096], values[:4096])
            codes, values = codes[4096:], values[4096:]
        if self._any_mixed:
            open_ = np.flatnonzero(~self._mixed[codes])
            if open_.size < codes.size:
                codes, values = codes[open_], values[open_]
        differs = np.flatnonzero(self._value[codes] != values)
        if differs.size:
            self._compare(codes[differs], values[differs])

    def _compare(self, codes: Codes, values: Floats) -> None:
        known = self._value[codes]
        fresh = np.isnan(known)
        if fresh.any():
            self._value[codes[fresh]] = values[fresh]
            known = self._value[codes]
        differs = known != values
        if differs.any():
            self._mixed[codes[differs]] = True
            self._any_mixed = True

    def _sum(self, values: Floats) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            deviations = values - self.grid.centre
        if not (self._minimum - self.grid.centre > -WIDE and self._maximum - self.grid.centre < WIDE):
            deviations = deviations[np.abs(deviations) < WIDE]
        self._summed += deviations.size
        self._shift += exact_sum(deviations)
        with np.errstate(under="ignore"):
            self._square += exact_sum(deviations * deviations)

    def profile(self) -> Profile:
        """What has been counted so far."""
        self._count()
        raw = np.flatnonzero(self._counts)
        cells = self.grid.ordered(raw)
        order = np.argsort(cells)
        raw, cells = raw[order], cells[order]
        value = np.where(self._mixed[raw], np.nan, self._value[raw] + 0.0)  # one zero, whichever came first
        return Profile(self.grid, cells, self._counts[raw], value, self._nulls, self._nans, self._minimum + 0.0,
                       self._maximum + 0.0, self._summed, self._shift, self._square)


def profile(values: Floats, grid: Grid | None = None, nulls: int = 0) -> Profile:
    """The profile of (n,) float64 values on a grid, by default one centred on their median."""
    tally = Tally(grid or grid_for(values))
    tally.add(values, nulls)
    return tally.profile()
