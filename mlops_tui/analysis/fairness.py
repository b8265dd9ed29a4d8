"""How decisions and their errors differ between groups: rates, differences and ratios with intervals, disparities."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mlops_tui.analysis.arrays import Bools, Counts, Floats
from mlops_tui.analysis.interval import Estimate, Resampling, percentile
from mlops_tui.analysis.multiplicity import holm
from mlops_tui.analysis.proportions import difference_bounds, fisher, ratio_bounds

FOUR_FIFTHS = 0.8  # Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4 (D)
FEW_ROWS, FEW_POSITIVES = 30, 5


@dataclass(frozen=True)
class Rate:
    """A share of a group's cells [label favourable?][decision favourable?]: those counted, of those looked at."""

    counted: tuple[tuple[int, int], ...]
    among: tuple[tuple[int, int], ...]
    undefined: str


_FAVOURED, _ALL = ((1, 0), (1, 1)), ((0, 0), (0, 1), (1, 0), (1, 1))
_OTHERS, _DECIDED = ((0, 0), (0, 1)), ((0, 1), (1, 1))

RATES: Mapping[str, Rate] = {
    "selection_rate": Rate(_DECIDED, _ALL, "the group has no rows"),
    "tpr": Rate(((1, 1),), _FAVOURED, "no row of the group has the favourable label"),
    "fpr": Rate(((0, 1),), _OTHERS, "every row of the group has the favourable label"),
    "fnr": Rate(((1, 0),), _FAVOURED, "no row of the group has the favourable label"),
    "ppv": Rate(((1, 1),), _DECIDED, "no row of the group is decided favourably"),
    "error_rate": Rate(((0, 1), (1, 0)), _ALL, "the group has no rows"),
    "base_rate": Rate(_FAVOURED, _ALL, "the group has no rows"),
}
COMPARED = ("selection_rate", "tpr", "fpr", "fnr", "ppv", "error_rate")


@dataclass(frozen=True)
class Cells:
    """Rows counted by group, label and decision, (g, 2, 2); index 1 is the favourable label, the favourable one."""

    names: tuple[str, ...]
    counts: Counts

    @property
    def n(self) -> Counts:
        found: Counts = self.counts.sum(axis=(1, 2))
        return found

    def of(self, rate: str) -> tuple[Counts, Counts]:
        """Numerator and denominator of a rate for every group, (g,) each."""
        rule = RATES[rate]
        top = sum(self.counts[:, i, j] for i, j in rule.counted)
        bottom = sum(self.counts[:, i, j] for i, j in rule.among)
        return np.asarray(top, dtype=np.int64), np.asarray(bottom, dtype=np.int64)

    def rate(self, rate: str) -> Floats:
        """The rate of every group, (g,); NaN where it is undefined."""
        top, bottom = self.of(rate)
        found: Floats = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
        return found

    @property
    def few(self) -> tuple[str, ...]:
        """Why a group is too small to be judged, (g,); empty where it is not."""
        share = self.counts[:, :, 1].sum() / max(self.counts.sum(), 1)
        return tuple(f"only {n} rows" if n < FEW_ROWS else
                     f"{n * share:.1f} favourable decisions expected" if n * share < FEW_POSITIVES else ""
                     for n in self.n.tolist())

    @property
    def most_selected(self) -> int:
        """The group with the highest selection rate among those that are large enough, else among all."""
        rates = np.nan_to_num(self.rate("selection_rate"), nan=-1.0)
        large = np.array([not few for few in self.few])
        return int(np.argmax(np.where(large | ~large.any(), rates, -1.0)))


@dataclass(frozen=True)
class Gap:
    """A rate of one group beside that of the reference: the difference (group − reference) and the ratio to it.

    `p_value` is Fisher's, `p_adjusted` Holm's over all gaps of one call. What is undefined is None with the reason.
    """

    rate: str
    group: str
    reference: str
    difference: Estimate
    ratio: Estimate
    p_value: float | None
    p_adjusted: float | None = None


def gaps(cells: Cells, reference: int, level: float = 0.95) -> list[Gap]:
    """Every compared rate of every other group beside the reference group's."""
    found = []
    others = [place for place in range(len(cells.names)) if place != reference]
    for rate in COMPARED:
        top, bottom = cells.of(rate)
        at = np.array(others, dtype=np.int64)
        again = np.full(at.size, reference)
        counted = np.stack([top[at], bottom[at], top[again], bottom[again]])
        found += [_gap(rate, (cells.names[place], cells.names[reference]), tuple(own), bounds)
                  for place, own, bounds in zip(others, counted.T.tolist(), _bounds(counted, level), strict=True)]
    return _adjusted(found)


Counted = tuple[int, ...]  # successes and rows of a group, then of the reference
Bounds = tuple[float, float, float, float]


def _bounds(counted: Counts, level: float) -> list[Bounds]:
    a, n_a, b, n_b = counted
    low, high = difference_bounds(a, n_a, b, n_b, level)
    least, most = ratio_bounds(a, n_a, b, n_b, level)
    return list(zip(low.tolist(), high.tolist(), least.tolist(), most.tolist(), strict=True))


def _gap(rate: str, names: tuple[str, str], counted: Counted, bounds: Bounds) -> Gap:
    (a, n_a, b, n_b), (low, high, least, most), n = counted, bounds, counted[1] + counted[3]
    if not (n_a and n_b):
        reason = RATES[rate].undefined.replace("the group", names[0] if not n_a else names[1])
        none = Estimate(rate, None, None, None, n, reason=reason)
        return Gap(rate, *names, none, none, None)
    difference = Estimate(rate, a / n_a - b / n_b, low, high, n, "newcombe")
    ratio = Estimate(rate, (a / n_a) / (b / n_b), least, most, n, "miettinen-nurminen") if a and b else \
        Estimate(rate, 0.0, 0.0, most, n, "miettinen-nurminen") if b else \
        Estimate(rate, None, None, None, n, reason=f"the rate of {names[1]} is 0")
    return Gap(rate, *names, difference, ratio, fisher(a, n_a, b, n_b))


def _adjusted(found: list[Gap]) -> list[Gap]:
    """Holm over all gaps; fnr is 1 − tpr and so the same question, which is asked once."""
    asked = [gap for gap in found if gap.p_value is not None and gap.rate != "fnr"]
    p = dict(zip([(gap.rate, gap.group) for gap in asked], holm([gap.p_value or 0.0 for gap in asked]).tolist(),
                 strict=True)) if asked else {}
    return [Gap(gap.rate, gap.group, gap.reference, gap.difference, gap.ratio, gap.p_value,
                p.get(("tpr" if gap.rate == "fnr" else gap.rate, gap.group))) for gap in found]


# -- over all groups ------------------------------------------------------------------------------------------------


def widest(cells: Cells, rates: Sequence[str], level: float = 0.95) -> tuple[Estimate, Estimate]:
    """Over all pairs of groups, the largest difference of any of the rates and the smallest ratio (as Fairlearn's
    `between_groups`).

    Bounds hold for all pairs at once (Bonferroni), so they hold for the pair that turns out to be the widest: the
    interval covers at least as often as `level` says. Groups for which a rate is undefined are left out of it.
    """
    name, k = "+".join(rates), len(cells.names)
    pairs = [(a, b) for a, b in combinations(range(k), 2)]
    at = 1 - (1 - level) / max(len(pairs) * len(rates), 1)
    spans, shares, bounds, parts = [], [], [], []
    for rate in rates:
        top, bottom = cells.of(rate)
        known = [(a, b) for a, b in pairs if bottom[a] and bottom[b]]
        if not known:
            continue
        value, first, second = cells.rate(rate), np.array([a for a, _ in known]), np.array([b for _, b in known])
        defined = value[~np.isnan(value)]
        spans.append(float(np.ptp(defined)))
        shares.append(float(defined.min() / defined.max()) if defined.max() > 0 else math.nan)
        low, high = difference_bounds(top[first], bottom[first], top[second], bottom[second], level=at)
        bounds.append((float(np.maximum(np.maximum(low, -high), 0).max()), float(np.maximum(high, -low).max())))
        least, most = ratio_bounds(top[first], bottom[first], top[second], bottom[second], level=at)
        parts += [(lo, hi) for lo, hi in zip(least.tolist(), most.tolist(), strict=True) if not math.isnan(lo)]
    n = int(cells.counts.sum())
    if not spans:
        none = Estimate(name, None, None, None, n, reason="the rate is defined for fewer than two groups")
        return none, none
    difference = Estimate(name, max(spans), max(low for low, _ in bounds), max(high for _, high in bounds), n,
                          "newcombe, all pairs")
    return difference, _smallest(name, shares, parts, n)


def _smallest(name: str, shares: Sequence[float], parts: Sequence[tuple[float, float]], n: int) -> Estimate:
    """The smallest of ratios min/max: a pair's ratio r counts as min(r, 1/r), whose bounds follow from those of r."""
    defined = [share for share in shares if not math.isnan(share)]
    if not defined:
        return Estimate(name, None, None, None, n, reason="the rate of every group is 0")
    low = min(min(lo, 1 / hi if hi else 0.0) for lo, hi in parts)
    high = min(_most(lo, hi) for lo, hi in parts)
    return Estimate(name, min(defined), low, high, n, "miettinen-nurminen, all pairs")


def _most(low: float, high: float) -> float:
    """The largest value of min(r, 1/r) for low ≤ r ≤ high."""
    return 1.0 if low <= 1 <= high else high if high < 1 else 1 / low


def average_odds(cells: Cells, place: int, reference: int, level: float = 0.95) -> tuple[Estimate, Estimate]:
    """The mean of the differences of FPR and TPR to the reference (Bellamy et al. 2019, AIF360), and of their sizes.

    The interval of the mean is put together from both differences' (Zou & Donner 2008, Statist. Med. 27:1693: they come
    from other rows). That of the mean size takes both differences at once (Bonferroni), and covers at least `level`.
    """
    values, bounds, wide = [], [], []
    for rate in ("fpr", "tpr"):
        top, bottom = cells.of(rate)
        if not (bottom[place] and bottom[reference]):
            none = Estimate("average_odds", None, None, None, int(cells.n[place]), reason=RATES[rate].undefined)
            return none, none
        counted = (top[place], bottom[place], top[reference], bottom[reference])
        values.append(float(cells.rate(rate)[place] - cells.rate(rate)[reference]))
        bounds.append([float(end[0]) for end in difference_bounds(*counted, level=level)])
        wide.append([float(end[0]) for end in difference_bounds(*counted, level=1 - (1 - level) / 2)])
    n, mean = int(cells.n[place] + cells.n[reference]), sum(values) / 2
    below = math.hypot(*(value - low for value, (low, _) in zip(values, bounds, strict=True))) / 2
    above = math.hypot(*(high - value for value, (_, high) in zip(values, bounds, strict=True))) / 2
    sizes = [(max(low, -high, 0.0), max(high, -low)) for low, high in wide]
    return (Estimate("average_odds", mean, mean - below, mean + above, n, "newcombe, combined"),
            Estimate("average_abs_odds", sum(map(abs, values)) / 2, sum(low for low, _ in sizes) / 2,
                     sum(high for _, high in sizes) / 2, n, "newcombe, both at once"))


# -- inequality of benefits -----------------------------------------------------------------------------------------

BENEFIT = np.array([[1.0, 2.0], [0.0, 1.0]])  # decision − label + 1: a favour undeserved is 2, one withheld 0


def inequality(cells: Cells, how: Resampling | None = None) -> dict[str, Estimate]:
    """Generalised entropy (α = 2) and Theil index (α = 1) of the benefits decision − label + 1, and the part of both
    that lies between groups (Speicher et al. 2018, KDD, eq. 1 to 5; as AIF360), with bootstrap intervals over rows."""
    found = {}
    shares = _resampled(cells.counts, how or Resampling())
    observed = cells.counts[None].astype(np.float64)
    for name, value in _INEQUALITIES.items():
        seen = float(value(observed)[0])
        n = int(cells.counts.sum())
        found[name] = Estimate(name, None, None, None, n, reason="nobody has any benefit") if math.isnan(seen) else \
            _bounded(name, seen, value(shares), n, how)
    return found


def _bounded(name: str, value: float, samples: Floats, n: int, how: Resampling | None) -> Estimate:
    usable = samples[~np.isnan(samples)]
    if usable.size < 0.95 * samples.size or np.ptp(usable) == 0:
        return Estimate(name, value, None, None, n, reason="too few rows differ to say how sure this is")
    return Estimate(name, value, *percentile(usable, (how or Resampling()).level), n, "bootstrap")


def _entropy(weights: Floats, benefit: Floats) -> Floats:
    """½(mean b²/mean(b)² − 1) of benefits (…, c) weighted (…, c)."""
    total = weights.sum(axis=1)
    mean = (weights * benefit).sum(axis=1) / total
    return _over((weights * benefit**2).sum(axis=1) / total, mean**2) / 2 - 0.5


def _theil(weights: Floats, benefit: Floats) -> Floats:
    """Mean of b/μ·ln(b/μ), with 0·ln 0 = 0."""
    total = weights.sum(axis=1)
    mean = (weights * benefit).sum(axis=1) / total
    part = _over(benefit, mean[:, None])
    logs = np.log(part, out=np.zeros_like(part), where=part > 0)
    found: Floats = (weights * part * logs).sum(axis=1) / total
    return found


def _over(top: Floats, bottom: Floats) -> Floats:
    shape = np.broadcast_shapes(np.shape(top), np.shape(bottom))
    found: Floats = np.divide(top, bottom, out=np.full(shape, np.nan), where=np.broadcast_to(bottom, shape) > 0)
    return found


def _of_rows(index: Callable[[Floats, Floats], Floats]) -> Callable[[Floats], Floats]:
    def value(counts: Floats) -> Floats:
        by_cell = counts.sum(axis=1).reshape(-1, 4)
        return index(by_cell, np.broadcast_to(BENEFIT.ravel(), by_cell.shape))

    return value


def _of_groups(index: Callable[[Floats, Floats], Floats]) -> Callable[[Floats], Floats]:
    """Everybody has the mean benefit of the group."""
    def value(counts: Floats) -> Floats:
        n = counts.sum(axis=(2, 3))
        return index(n, np.divide((counts * BENEFIT).sum(axis=(2, 3)), n, out=np.zeros_like(n), where=n > 0))

    return value


_INEQUALITIES: Mapping[str, Callable[[Floats], Floats]] = {
    "generalized_entropy_index": _of_rows(_entropy), "theil_index": _of_rows(_theil),
    "between_group_generalized_entropy_index": _of_groups(_entropy), "between_group_theil_index": _of_groups(_theil)}


def _resampled(counts: Counts, how: Resampling) -> Floats:
    """Counts of rows drawn with replacement, (resamples, *counts.shape)."""
    n = int(counts.sum())
    drawn = np.random.default_rng(how.seed).multinomial(n, counts.ravel() / n, size=how.resamples)
    return drawn.reshape(-1, *counts.shape).astype(np.float64)


# -- disparity, on the whole and within strata ----------------------------------------------------------------------


def disparity(strata: Counts, how: Resampling | None = None) -> tuple[list[Estimate], list[Estimate]]:
    """Of each group (g,), its share among those decided against minus its share among those decided for: on the whole,
    and within strata, weighted by their rows (Wachter, Mittelstadt & Russell 2021, W. Va. L. Rev. 123:735).

    `strata` (s, g, 2) counts rows by stratum, group and decision (1: favourable). Above 0 a group is worse off. A
    stratum in which all are decided alike compares nobody, and is left out of the second.
    """
    resampling = how or Resampling()
    observed, samples = strata[None].astype(np.float64), _resampled(strata, resampling)
    n, places = int(strata.sum()), range(strata.shape[1])
    whole = [_bounded("demographic_disparity", float(_disparity(observed)[0, g]), _disparity(samples)[:, g], n,
                      resampling) for g in places] if _mixed(observed).any() else []
    if not whole:
        none = [Estimate("demographic_disparity", None, None, None, n, reason="all are decided alike") for _ in places]
        return none, none
    within, drawn = _conditional(observed)[0], _conditional(samples)
    if math.isnan(within[0]):
        return whole, [Estimate("conditional_demographic_disparity", None, None, None, n,
                                reason="within each stratum all are decided alike") for _ in places]
    return whole, [_bounded("conditional_demographic_disparity", float(within[g]), drawn[:, g], n, resampling)
                   for g in places]


def _mixed(counts: Floats) -> Bools:
    found: Bools = (counts.sum(axis=(1, 2)) > 0).all(axis=1)
    return found


def _disparity(counts: Floats) -> Floats:
    """(r, s, g, 2) to (r, g)."""
    by_group = counts.sum(axis=1)
    share = _over(by_group, by_group.sum(axis=1, keepdims=True))
    found: Floats = share[:, :, 0] - share[:, :, 1]
    return found


def _conditional(counts: Floats) -> Floats:
    decided = counts.sum(axis=2)  # (r, s, 2)
    used = (decided > 0).all(axis=2)
    share = np.divide(counts, decided[:, :, None, :], out=np.zeros_like(counts),
                      where=np.broadcast_to(decided[:, :, None, :] > 0, counts.shape))
    gap = share[..., 0] - share[..., 1]
    weight = decided.sum(axis=2) * used
    return _over((gap * weight[:, :, None]).sum(axis=1), weight.sum(axis=1)[:, None])
