"""What is said of all groups at once, or of two rates together: widest gaps, odds, predictive values, log ratios."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.fairness import RATES, Cells, overall_gaps
from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.proportions import difference_bounds, ratio_bounds

Bounds = tuple[float, float]


@dataclass(frozen=True)
class Contrasts:
    """A rate over all pairs of groups, or each group beside all rows: sizes of differences and ratios (k,), with
    bounds. What has no ratio is NaN."""

    sizes: Floats
    below: Floats
    above: Floats
    ratios: Floats
    least: Floats
    most: Floats

    @property
    def difference(self) -> tuple[float, float, float]:
        return float(self.sizes.max()), float(self.below.max()), float(self.above.max())

    @property
    def ratio(self) -> tuple[float, float, float] | None:
        """The smallest of min(r, 1/r); None where no pair has a ratio."""
        if np.isnan(self.ratios).all():
            return None
        usable = ~np.isnan(self.least)
        return float(np.nanmin(self.ratios)), float(self.least[usable].min()), float(self.most[usable].min())


def widest(cells: Cells, rates: Sequence[str], level: float = 0.95, *, overall: bool = False,
           agg: Literal["worst", "mean"] = "worst") -> tuple[Estimate, Estimate]:
    """Over all pairs of groups (or each group beside all rows), the largest difference and the smallest ratio of any of
    the rates, or the mean over the rates: Fairlearn's `between_groups` and `to_overall`, `worst_case` and `mean`.

    Bounds hold for all pairs at once (Bonferroni), so they hold for the pair that turns out to be the widest: the
    interval covers at least as often as `level` says. Groups for which a rate is undefined are left out of it.
    """
    name, k, n = "+".join(rates), len(cells.names), int(cells.counts.sum())
    tests = (k if overall else k * (k - 1) / 2) * len(rates)
    at = 1 - (1 - level) / max(tests, 1)
    seen = [each for rate in rates if (each := _contrasts(cells, rate, at, overall=overall)) is not None]
    if not seen or (agg == "mean" and len(seen) < len(rates)):
        none = Estimate(name, None, None, None, n, reason="the rate is defined for fewer than two groups")
        return none, none
    pairs = "each beside all" if overall else "all pairs"
    ratios = [each.ratio for each in seen]
    shares = [each for each in ratios if each is not None]
    if agg == "mean":
        sized = [sum(each) / len(seen) for each in zip(*(one.difference for one in seen), strict=True)]
        shared = [sum(each) / len(shares) for each in zip(*shares, strict=True)] if len(shares) == len(seen) else []
    else:
        sized = [max(each) for each in zip(*(one.difference for one in seen), strict=True)]
        shared = [min(each) for each in zip(*shares, strict=True)]
    ratio = Estimate(name, shared[0], shared[1], shared[2], n, f"miettinen-nurminen, {pairs}") if shared else \
        Estimate(name, None, None, None, n, reason="the rate of every group is 0")
    return Estimate(name, sized[0], sized[1], sized[2], n, f"newcombe, {pairs}"), ratio


def _contrasts(cells: Cells, rate: str, level: float, *, overall: bool) -> Contrasts | None:
    if overall:
        found = [gap for gap in overall_gaps(cells, level, (rate,), tested=False) if gap.difference.value is not None]
        if not found:
            return None
        value, low, high = (np.array([getattr(gap.difference, end) for gap in found], dtype=np.float64)
                            for end in ("value", "low", "high"))
        ratio, least, most = (np.array([getattr(gap.ratio, end) for gap in found], dtype=np.float64)
                              for end in ("value", "low", "high"))
    else:
        x, n = cells.of(rate)
        known = [(a, b) for a, b in combinations(range(len(n)), 2) if n[a] and n[b]]
        if not known:
            return None
        one, other = np.array([a for a, _ in known]), np.array([b for _, b in known])
        rates, counted = cells.rate(rate), (x[one], n[one], x[other], n[other])
        value, (low, high) = rates[one] - rates[other], difference_bounds(*counted, level=level)
        ratio = np.divide(rates[one], rates[other], out=np.full(value.shape, np.nan), where=rates[other] > 0)
        ratio = np.where((rates[other] == 0) & (rates[one] > 0), 0.0, ratio)
        least, most = ratio_bounds(*counted, level=level)
    below, above = np.maximum(np.maximum(low, -high), 0.0), np.maximum(high, -low)
    small = np.divide(1.0, ratio, out=np.full(ratio.shape, np.inf), where=ratio > 0)
    folded = [_folded(lo, hi) for lo, hi in zip(least.tolist(), most.tolist(), strict=True)]
    return Contrasts(np.abs(value), below, above, np.where(np.isnan(ratio), np.nan, np.fmin(ratio, small)),
                     np.array([lo for lo, _ in folded]), np.array([hi for _, hi in folded]))


def _folded(low: float, high: float) -> Bounds:
    """The bounds of min(r, 1/r) for low ≤ r ≤ high."""
    if math.isnan(low):
        return math.nan, math.nan
    least = min(low, 1 / high if high else 0.0)
    return least, 1.0 if low <= 1 <= high else high if high < 1 else 1 / low


# -- two rates together ---------------------------------------------------------------------------------------------


def average_odds(cells: Cells, place: int, reference: int, level: float = 0.95) -> tuple[Estimate, Estimate]:
    """The mean of the differences of FPR and TPR to the reference (Bellamy et al. 2019, AIF360), and of their sizes.

    The interval of the mean is put together from both differences' (Zou & Donner 2008, Statist. Med. 27:1693: they come
    from other rows). That of the mean size takes both differences at once (Bonferroni), and covers at least `level`.
    """
    return _average(cells, (place, reference), ("fpr", "tpr"), "average_odds", level)


def average_predictive_value(cells: Cells, place: int, reference: int, level: float = 0.95) -> Estimate:
    """The mean of the differences of PPV and FOR to the reference (AIF360); its interval as that of `average_odds`."""
    return _average(cells, (place, reference), ("ppv", "for"), "average_predictive_value", level)[0]


def _average(cells: Cells, pair: tuple[int, int], rates: Sequence[str], name: str,
             level: float) -> tuple[Estimate, Estimate]:
    place, reference = pair
    values: list[float] = []
    bounds: list[list[float]] = []
    wide: list[list[float]] = []
    for rate in rates:
        x, n = cells.of(rate)
        if not (n[place] and n[reference]):
            none = Estimate(name, None, None, None, int(cells.n[place]), reason=RATES[rate].undefined)
            return none, none
        counted = (x[place], n[place], x[reference], n[reference])
        values.append(float(cells.rate(rate)[place] - cells.rate(rate)[reference]))
        bounds.append([float(end[0]) for end in difference_bounds(*counted, level=level)])
        wide.append([float(end[0]) for end in difference_bounds(*counted, level=1 - (1 - level) / 2)])
    rows, mean = int(cells.n[place] + cells.n[reference]), sum(values) / 2
    below = math.hypot(*(value - low for value, (low, _) in zip(values, bounds, strict=True))) / 2
    above = math.hypot(*(high - value for value, (_, high) in zip(values, bounds, strict=True))) / 2
    sizes = [(max(low, -high, 0.0), max(high, -low)) for low, high in wide]
    return (Estimate(name, mean, mean - below, mean + above, rows, "newcombe, combined"),
            Estimate(name, sum(map(abs, values)) / 2, sum(low for low, _ in sizes) / 2,
                     sum(high for _, high in sizes) / 2, rows, "newcombe, both at once"))


def differential_fairness(cells: Cells, rate: str = "selection_rate", concentration: float = 1.0,
                          level: float = 0.95) -> Estimate:
    """The largest |log p − log q| over all pairs of groups and both answers, shares smoothed by a Dirichlet prior
    (Foulds, Islam, Keya & Pan 2018, arXiv:1807.08362, eq. 8; as AIF360's): of decisions, or of labels by `base_rate`.

    0 is alike; ln 1.25 is where four fifths lie. Bounds from the score intervals of the smoothed shares' ratios, for
    all pairs and both answers at once (Bonferroni).
    """
    name, k, rows = "differential_fairness", len(cells.names), int(cells.counts.sum())
    if k < 2:
        return Estimate(name, None, None, None, rows, reason="there is one group only")
    n = cells.of(rate)[1]
    top, bottom = cells.totals(rate)
    share = (top + concentration / 2) / (bottom + concentration)
    one, other = (np.array(each) for each in zip(*combinations(range(k), 2), strict=True))
    at, worth = 1 - (1 - level) / one.size, n + concentration
    value, below, above = 0.0, 0.0, 0.0
    for part in (share, 1 - share):
        logs = np.log(part)
        value = max(value, float(np.ptp(logs)))
        low, high = ratio_bounds(part[one] * worth[one], worth[one], part[other] * worth[other], worth[other],
                                 1 - (1 - at) / 2)
        low, high = np.log(low), np.log(high)
        below = max(below, float(np.maximum(np.maximum(low, -high), 0.0).max()))
        above = max(above, float(np.maximum(high, -low).max()))
    return Estimate(name, value, below, above, rows, "miettinen-nurminen, all pairs, smoothed")
