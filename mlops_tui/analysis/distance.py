"""How far two samples of one column lie apart: Kolmogorov–Smirnov, PSI, Hellinger, Jensen–Shannon, Wasserstein, V."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from mlops_tui.analysis import tails
from mlops_tui.analysis.arrays import Bools, Counts, Floats
from mlops_tui.analysis.radix import Codes, Grid, Profile, union

QUANTILE_BINS = 20
EXPECTED = 5.0  # Cochran's rule: a cell that expects fewer is pooled


@dataclass(frozen=True)
class Bounds:
    """A number that provably lies between two others; they coincide where it is known exactly."""

    low: float
    high: float

    @property
    def exact(self) -> bool:
        return self.low == self.high


@dataclass(frozen=True)
class Pair:
    """Two profiles of one grid: the cells that either occupies, with (k,) counts and lone values of both sides."""

    grid: Grid
    cells: Codes
    r: Counts
    c: Counts
    r_value: Floats
    c_value: Floats
    minimum: float
    maximum: float

    @property
    def n(self) -> int:
        return int(self.r.sum())

    @property
    def m(self) -> int:
        return int(self.c.sum())


def paired(reference: Profile, current: Profile) -> Pair:
    """Both profiles on their common cells. ValueError where the grids differ, or a side has no value."""
    if reference.grid != current.grid:
        raise ValueError(f"profiles of different grids cannot be compared: {reference.grid} and {current.grid}")
    if not reference.n or not current.n:
        raise ValueError("a distance needs a value on both sides")
    cells = union(reference.cells, current.cells)
    (r, r_value), (c, c_value) = reference.spread(cells), current.spread(cells)
    return Pair(reference.grid, cells, r, c, r_value, c_value, min(reference.minimum, current.minimum),
                max(reference.maximum, current.maximum))


@dataclass(frozen=True)
class _Steps:
    """Both distribution functions (k,) just below and at the upper end of each cell."""

    r_below: Floats
    r_upto: Floats
    c_below: Floats
    c_upto: Floats


def _steps(pair: Pair) -> _Steps:
    r, c = np.cumsum(pair.r), np.cumsum(pair.c)
    return _Steps((r - pair.r) / pair.n, r / pair.n, (c - pair.c) / pair.m, c / pair.m)


def _inside(pair: Pair, steps: _Steps) -> tuple[Floats, Floats]:
    """For each cell, bounds (k,) of the largest |F_r − F_c| at values strictly inside it, where anything is open there.

    Where both samples have one value each, their order decides; where either is mixed, all of one sample's values may
    come before all of the other's. Cells that only one sample occupies reach their extremes at the borders.
    """
    first = np.abs(steps.r_upto - steps.c_below)   # all of the reference before all of the current
    second = np.abs(steps.c_upto - steps.r_below)
    both = (pair.r > 0) & (pair.c > 0)
    lone = both & ~np.isnan(pair.r_value) & ~np.isnan(pair.c_value)
    before, after = lone & (pair.r_value < pair.c_value), lone & (pair.r_value > pair.c_value)
    low = np.where(before, first, np.where(after, second, 0.0))
    return low, np.where(both & ~lone, np.maximum(first, second), low)


def ks(pair: Pair) -> Bounds:
    """Bounds of the two-sample Kolmogorov–Smirnov distance sup |F_r − F_c|, a share between 0 and 1.

    Both distribution functions are known exactly at the borders of cells, which gives the lower bound; inside a cell
    they can differ by at most max(F_r(b) − F_c(a), F_c(b) − F_r(a)) for its borders a < b, and not at all where the
    cell provably holds one value. The exact distance (scipy.stats.ks_2samp's statistic) always lies between the two.
    """
    steps = _steps(pair)
    low, high = _inside(pair, steps)
    border = float(np.abs(steps.r_upto - steps.c_upto).max())
    least = max(border, float(low.max()))
    return Bounds(min(1.0, least), min(1.0, max(least, float(high.max()))))


def open_cells(pair: Pair) -> Bools:
    """The cells (k,) that might hold a larger distance than the proven one: all that an exact answer must look into."""
    low, high = _inside(pair, _steps(pair))
    return (high > low) & (high > ks(pair).low)


def ks_refined(pair: Pair, cells: Bools, reference: Floats, current: Floats) -> Bounds:
    """The exact distance, from the profiles and all values (any order) that fall into the `open_cells`.

    ValueError where the number of values is not the number counted there.
    """
    if reference.size != pair.r[cells].sum() or current.size != pair.c[cells].sum():
        raise ValueError("the values are not those that were counted in the open cells")
    known = ks(pair).low
    if not reference.size:
        return Bounds(known, known)
    r, c = np.sort(reference), np.sort(current)
    points = np.unique(np.concatenate([r, c]))
    at = np.searchsorted(pair.cells, pair.grid.ordered(pair.grid.codes(points)))
    upto = []
    for values, counts in ((r, pair.r), (c, pair.c)):
        elsewhere = np.cumsum(np.where(cells, 0, counts))[at]  # values of closed cells below this one
        upto.append((np.searchsorted(values, points, side="right") + elsewhere) / counts.sum())
    exact = max(known, float(np.abs(upto[0] - upto[1]).max()))
    return Bounds(exact, exact)


def ks_p_value(distance: float, n: int, m: int) -> float:
    """P of a distance at least as large between two samples of n and m values of one continuous distribution.

    Kolmogorov's limit of √(nm/(n+m))·D (Smirnov 1939); conservative for ties and for small samples.
    """
    return tails.kolmogorov_sf(math.sqrt(n * m / (n + m)) * distance)


def wasserstein(pair: Pair) -> Bounds | None:
    """Bounds of the 1-Wasserstein distance ∫|F_r − F_c| dx, in the column's unit; None where a value is infinite.

    The values of cell i span an unknown part of [low_i, high_i]; inside it |F_r − F_c| is bounded, and up to the next
    cell it is constant and known. Both bounds are linear in the unknown ends, so they are attained at low_i and high_i.
    """
    if not (math.isfinite(pair.minimum) and math.isfinite(pair.maximum)):
        return None
    low, high = _ends(pair)
    steps = _steps(pair)
    apart = np.abs(steps.r_upto - steps.c_upto)[:-1]
    least = np.maximum(steps.r_below - steps.c_upto, steps.c_below - steps.r_upto).clip(0)
    most = np.maximum(np.abs(steps.r_upto - steps.c_below), np.abs(steps.c_upto - steps.r_below))
    with np.errstate(over="ignore", invalid="ignore"):
        between = float((apart * (low[1:] - high[:-1])).sum())
        bounds = [float((rate * (high - low)).sum()) + between for rate in (least, most)]
    return Bounds(max(0.0, bounds[0]), max(0.0, bounds[1])) if all(map(math.isfinite, bounds)) else None


def _ends(pair: Pair) -> tuple[Floats, Floats]:
    """Bounds (k,) below and above the values in each cell: one point where it provably holds one value."""
    low, high = (np.clip(edge, pair.minimum, pair.maximum) for edge in pair.grid.edges(pair.cells))
    only_r, only_c = pair.c == 0, pair.r == 0
    single = np.where(only_r, ~np.isnan(pair.r_value), np.where(only_c, ~np.isnan(pair.c_value),
                                                                pair.r_value == pair.c_value))
    value = np.where(only_c, pair.c_value, pair.r_value)
    return np.where(single, value, low), np.where(single, value, high)


@dataclass(frozen=True)
class Bins:
    """Both samples in the same bins: (b,) counts, and the largest value each bin may hold in `upto` (b,)."""

    upto: Floats
    r: Counts
    c: Counts


def quantile_bins(pair: Pair, bins: int = QUANTILE_BINS) -> Bins:
    """Bins that each hold about one `bins`-th of the reference, cut at borders of cells; a heavier cell has its own.

    Reference quantiles, unlike bins of equal width, cannot be blinded by a few far values.
    """
    r, c = np.cumsum(pair.r), np.cumsum(pair.c)
    last = np.searchsorted(r, pair.n * np.arange(1, bins) / bins)
    heavy = last[pair.r[last] * bins >= pair.n]
    cuts = union(np.concatenate([last, heavy - 1]), np.array([r.size - 1]))
    cuts = cuts[cuts >= 0]
    return Bins(_ends(pair)[1][cuts], np.diff(r[cuts], prepend=0), np.diff(c[cuts], prepend=0))


@dataclass(frozen=True)
class Shared:
    """What each bin may hold of both samples, of n and m values: bounds (b,) of the counts that are known exactly where
    they coincide; `r` and `c` (b,) are counts within them, those of bins that are cut at borders of cells."""

    n: int
    m: int
    r_low: Counts
    r_high: Counts
    c_low: Counts
    c_high: Counts
    r: Counts
    c: Counts


def shared(pair: Pair, bins: int = QUANTILE_BINS) -> Shared:
    """Both samples in bins that end at the reference's quantiles, x ≤ x₍⌈jn/b⌉₎ for j = 1 … b − 1, and just below each
    cell that holds a b-th of the reference.

    A quantile lies in a known cell, and its rank is known, so of the values in that cell some may be on its other side:
    all counts are bounds, exact where the cell holds one value of each sample.
    """
    r, c = np.cumsum(pair.r), np.cumsum(pair.c)
    rank = -(-pair.n * np.arange(1, bins) // bins)
    at = np.searchsorted(r, rank)
    r_lone, alone = ~np.isnan(pair.r_value[at]), pair.c[at] == 0
    lone = r_lone & ~np.isnan(pair.c_value[at])
    above = lone & (pair.c_value[at] > pair.r_value[at])
    c_high = np.where(above, c[at] - pair.c[at], c[at])
    c_low = np.where(lone | alone, c_high, c[at] - pair.c[at])
    heavy = at[pair.r[at] * bins >= pair.n]
    heavy = heavy[np.diff(heavy, prepend=-1) > 0]
    order = np.argsort(np.concatenate([2 * at + 1, 2 * heavy]), kind="stable")
    below = r[heavy] - pair.r[heavy], c[heavy] - pair.c[heavy]
    ends = [np.concatenate([[0], np.concatenate(each)[order], [total]]) for each, total in (
        ((np.where(r_lone, r[at], rank), below[0]), pair.n), ((r[at], below[0]), pair.n),
        ((c_low, below[1]), pair.m), ((c_high, below[1]), pair.m))]
    low, high = (zip(ends[0::2], ends[1::2], strict=True) for _ in range(2))
    (r_low, c_low), (r_high, c_high) = ([np.maximum(least[1:] - most[:-1], 0) for least, most in low],
                                        [most[1:] - least[:-1] for least, most in high])
    return Shared(pair.n, pair.m, r_low, r_high, c_low, c_high, np.diff(ends[1]), np.diff(ends[3]))


def _between(term: Callable[[Floats, Floats], Floats], found: Shared, empty: float = 0.0) -> Bounds:
    """Bounds of a sum over bins of a term that vanishes for p = q and never falls as one share moves away from the
    other: in each bin it is largest at a corner of what is possible, and least where both come closest."""
    r, c = (found.r_low, found.r_high), (found.c_low, found.c_high)
    p, q = ([np.maximum(side, empty) / total for side in sides] for sides, total in ((r, found.n), (c, found.m)))
    most = np.maximum.reduce([term(one, other) for one in p for other in q])
    least = np.where(p[0] > q[1], term(p[0], q[1]), np.where(q[0] > p[1], term(p[1], q[0]), 0.0))
    least = np.where((found.r_low == 0) & (found.c_low == 0), 0.0, least)  # a bin without a row is none
    most = np.where((found.r_high == 0) & (found.c_high == 0), 0.0, most)
    return Bounds(float(least.sum()), float(most.sum()))


def psi_within(found: Shared) -> Bounds:
    """Bounds of `psi` in the bins of `shared`."""
    return _between(lambda p, q: (p - q) * np.log(p / q), found, empty=0.5)


def hellinger_within(found: Shared) -> Bounds:
    """Bounds of `hellinger` in the bins of `shared`."""
    square = _between(lambda p, q: (np.sqrt(p) - np.sqrt(q)) ** 2 / 2, found)
    return Bounds(math.sqrt(square.low), min(1.0, math.sqrt(square.high)))


def jensen_shannon_within(found: Shared) -> Bounds:
    """Bounds of `jensen_shannon` in the bins of `shared`."""
    square = _between(_divergence, found)
    return Bounds(math.sqrt(max(0.0, square.low)), min(1.0, math.sqrt(max(0.0, square.high))))


def _divergence(p: Floats, q: Floats) -> Floats:
    """Half of Jensen and Shannon's divergence, bin by bin, in bits."""
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.where(side > 0, side * np.log2(side / middle), 0.0) for side in (p, q)]
    return np.asarray((terms[0] + terms[1]) / 2)


def psi(r: Counts | Floats, c: Counts | Floats) -> float:
    """Population stability index Σ (p − q)·ln(p/q) of (b,) counts, in nats (Siddiqi 2006, Credit Risk Scorecards; it is
    Jeffreys' symmetric divergence). An empty bin counts as half a row. ValueError where a side is empty."""
    p, q = _shares(r, c, empty=0.5)
    return float(((p - q) * np.log(p / q)).sum())


def hellinger(r: Counts, c: Counts) -> float:
    """Hellinger distance √(1 − Σ√(pq)) of (b,) counts, between 0 and 1. ValueError where a side is empty."""
    p, q = _shares(r, c)
    return float(np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2))


def jensen_shannon(r: Counts, c: Counts) -> float:
    """Jensen–Shannon distance, the root of the divergence in bits (Lin 1991; Endres & Schindelin 2003), of (b,) counts:
    between 0 and 1, as scipy.spatial.distance.jensenshannon with base 2. ValueError where a side is empty."""
    return math.sqrt(max(0.0, float(_divergence(*_shares(r, c)).sum())))


def _shares(r: Counts | Floats, c: Counts | Floats, empty: float = 0.0) -> tuple[Floats, Floats]:
    if not (r.sum() and c.sum()):
        raise ValueError("a distance needs a row on both sides")
    used = (r > 0) | (c > 0)
    return np.maximum(r[used], empty) / r.sum(), np.maximum(c[used], empty) / c.sum()


def aligned(r: Mapping[str, int], c: Mapping[str, int]) -> tuple[tuple[str, ...], Counts, Counts]:
    """The levels of either side, the reference's most frequent first, with (k,) counts of each."""
    levels, counts = tabled((r, c))
    order, before, now = by_frequency(*counts)
    return tuple(map(levels.__getitem__, order.tolist())), before, now


def tabled(sides: Sequence[Mapping[str, int]]) -> tuple[list[str], list[Counts]]:
    """The levels of any side in order, with (k,) counts of each side."""
    levels = sorted(set().union(*sides))
    return levels, [np.fromiter(map(side.get, levels, repeat(0)), np.int64, len(levels)) for side in sides]


def by_frequency(r: Counts, c: Counts) -> tuple[Codes, Counts, Counts]:
    """The places (k,) of the reference's most frequent levels first, and both counts so ordered."""
    order = np.lexsort((-c, -r))
    return order, r[order], c[order]


@dataclass(frozen=True)
class Association:
    """A test of whether two samples of a category have the same shares, and how strongly they differ."""

    chi2: float
    df: int
    p_value: float
    v: float
    pooled: int


def association(r: Counts, c: Counts) -> Association | None:
    """χ² of the 2 × k table of (k,) counts and a bias-corrected Cramér's V; None where fewer than two levels are left.

    Levels that expect fewer than five rows on either side are pooled into one (Cochran 1954); `pooled` of them were.
    V is that of the table with both samples weighted alike, so it does not shrink where one window is much larger:
    V² = ½ Σ (p − q)²/(p + q), less its expectation without a difference, (k − 1)/4·(1/n + 1/m) (the correction of
    Bergsma 2013, J. Korean Stat. Soc. 42:323; for n = m this is his V up to 1/n). ValueError where a side is empty.
    """
    n, m = int(r.sum()), int(c.sum())
    if not (n and m):
        raise ValueError("a test needs a row on both sides")
    few = (r + c) * (min(n, m) / (n + m)) < EXPECTED
    if few.any():
        r = np.append(r[~few], r[few].sum())
        c = np.append(c[~few], c[few].sum())
    r, c = r[(r + c) > 0], c[(r + c) > 0]
    if r.size < 2:
        return None
    p, q = r / n, c / m
    df = r.size - 1
    chi2 = float((n * m / (r + c) * (p - q) ** 2).sum())
    raw = float(((p - q) ** 2 / (p + q)).sum()) / 2
    bias = df / 4 * (1 / n + 1 / m)
    return Association(chi2, df, tails.chi2_sf(chi2, df), math.sqrt(max(0.0, raw - bias)), int(few.sum()))
