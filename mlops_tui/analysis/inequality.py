"""How unequally decisions treat people: entropy of their benefits, disparity within strata, and alike people apart."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from mlops_tui.analysis.arrays import Bools, Counts, Floats
from mlops_tui.analysis.fairness import Cells
from mlops_tui.analysis.interval import Estimate, Resampling, percentile

BENEFIT = np.array([[1.0, 2.0], [0.0, 1.0]])  # decision − label + 1: a favour undeserved is 2, one withheld 0


def inequality(cells: Cells, how: Resampling | None = None) -> dict[str, Estimate]:
    """Generalised entropy (α = 2), its coefficient of variation √(2·GE) and the Theil index (α = 1) of the benefits
    decision − label + 1, and the part of each that lies between groups (Speicher et al. 2018, KDD, eq. 1 to 5; as
    AIF360), with bootstrap intervals over rows.

    Between groups that are alike the index is 0, and above it in every sample, all the more in a sample of a sample:
    there the interval reaches down to 2·value − high as well, where that is lower.
    """
    found = {}
    shares = _resampled(cells.counts, cells.weights, cells.squares, how or Resampling())
    observed = cells.sums[None]
    for name, value in _INEQUALITIES.items():
        seen = float(value(observed)[0])
        n = int(cells.counts.sum())
        found[name] = Estimate(name, None, None, None, n, reason="nobody has any benefit") if math.isnan(seen) else \
            _bounded(name, seen, value(shares), n, how)
        if name.startswith("between_group"):
            found[name] = _reaching_down(found[name], 2 if name.endswith("variation") else 1)
    return found


def _reaching_down(each: Estimate, power: int) -> Estimate:
    """The lower bound of the percentile and of the basic bootstrap interval, whichever is lower, of value^power."""
    if each.value is None or each.low is None or each.high is None:
        return each
    basic = max(2 * each.value**power - each.high**power, 0.0) ** (1 / power)
    return replace(each, low=min(each.low, basic), method="bootstrap, percentile and basic")


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


def _variation(index: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    def value(counts: Floats) -> Floats:
        found: Floats = np.sqrt(2 * np.maximum(index(counts), 0.0))
        return found

    return value


_INEQUALITIES: Mapping[str, Callable[[Floats], Floats]] = {
    "generalized_entropy_index": _of_rows(_entropy), "theil_index": _of_rows(_theil),
    "coefficient_of_variation": _variation(_of_rows(_entropy)),
    "between_group_generalized_entropy_index": _of_groups(_entropy), "between_group_theil_index": _of_groups(_theil),
    "between_group_coefficient_of_variation": _variation(_of_groups(_entropy))}


def _resampled(counts: Counts, weights: Floats | None, squares: Floats | None, how: Resampling) -> Floats:
    """Rows, or their weights, drawn with replacement and summed by cell, (resamples, *counts.shape).

    The weight of a cell is then a compound Poisson sum of mean Σw and variance Σw², drawn as a scaled Poisson number of
    these two moments: exact where the weights within a cell are equal.
    """
    draw = np.random.default_rng(how.seed)
    if weights is None or squares is None:
        n = int(counts.sum())
        drawn = draw.multinomial(n, counts.ravel() / n, size=how.resamples).reshape(-1, *counts.shape)
        return drawn.astype(np.float64)
    unit = np.divide(squares, weights, out=np.zeros_like(weights), where=weights > 0)
    mean = np.divide(weights, unit, out=np.zeros_like(weights), where=unit > 0)
    return np.asarray(draw.poisson(mean, size=(how.resamples, *counts.shape)) * unit, dtype=np.float64)


# -- disparity, on the whole and within strata ----------------------------------------------------------------------


def disparity(strata: Counts, how: Resampling | None = None, weights: Floats | None = None,
              squares: Floats | None = None) -> tuple[list[Estimate], list[Estimate]]:
    """Of each group (g,), its share among those decided against minus its share among those decided for: on the whole,
    and within strata, weighted by their rows (Wachter, Mittelstadt & Russell 2021, W. Va. L. Rev. 123:735).

    `strata` (s, g, 2) counts rows by stratum, group and decision (1: favourable), `weights` and `squares` sum what they
    count and its squares. Above 0 a group is worse off. A stratum in which all are decided alike compares nobody, and
    is left out of the second.
    """
    resampling = how or Resampling()
    observed = (strata.astype(np.float64) if weights is None else weights)[None]
    samples = _resampled(strata, weights, squares, resampling)
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
