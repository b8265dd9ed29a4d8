"""How far a column's distribution is from a reference: PSI, what chance alone makes of it, and a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np

from mlops_tui.analysis import distance, tails
from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.sketch import Sketch

BINS = 10
EXPECTED = 20  # values of the smaller sample in each bin: with fewer, chance exceeds the chi-square approximation
MISSING = "missing"

Verdict = Literal["stable", "moved", "volatile", "not enough data"]


@dataclass(frozen=True)
class Limits:
    """The rules of thumb (Siddiqi 2006): from `watch` on it has moved, from `psi` on it is volatile; and error rates.

    `alpha` is the probability of any false alarm among all comparisons, `power` that with which a PSI is seen.
    """

    psi: float = 0.25
    watch: float = 0.1
    alpha: float = 0.05
    power: float = 0.8

    def __post_init__(self) -> None:
        if not 0 < self.watch <= self.psi:
            raise ValueError(f"the limit 'watch' lies above 0 and up to 'psi', not at {self.watch}")
        for name in ("alpha", "power"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"the limit '{name}' lies between 0 and 1, not {getattr(self, name)}")


@dataclass(frozen=True)
class Shift:
    """The PSI of a sample against its reference, what chance makes of it at this size, and what that means.

    `threshold` is exceeded by two samples of the same column with probability α; a true PSI of `detectable` is seen
    with the given power.
    """

    n: int
    m: int
    bins: int
    psi: float | None = None
    threshold: float | None = None
    detectable: float | None = None
    verdict: Verdict = "not enough data"
    reason: str = ""


@dataclass(frozen=True)
class Binned:
    """Both samples counted in the same bins, rows without a value in the last."""

    labels: tuple[str, ...]
    reference: Floats
    current: Floats


def binned(reference: Sketch, current: Sketch, bins: int = BINS) -> Binned:
    """Bins of about equal reference counts (numbers) or one for each level, what is rare together; missing is its own.

    So many bins at most that each expects twenty rows of the smaller sample, and never fewer than two.
    """
    small = min(reference.rows, current.rows)
    most = max(2, min(bins, small // EXPECTED))
    if reference.kind == "numeric":
        edges = _edges(reference, most)
        sides = [_in_bins(side, edges) for side in (reference, current)]
        labels = [f"≤ {edge:g}" for edge in edges] + ["above"]
    else:
        kept = [level for level, count in reference.levels.most_common()
                if count / reference.rows * small >= EXPECTED][:2 * bins]
        sides = [np.array([*(side.levels[level] for level in kept), side.n - sum(side.levels[each] for each in kept)],
                          np.float64) for side in (reference, current)]
        labels = [*kept, "others"]
    counts = [np.append(side, each.missing) for side, each in zip(sides, (reference, current), strict=True)]
    return Binned((*labels, MISSING), counts[0], counts[1])


def _edges(reference: Sketch, bins: int) -> Floats:
    """Upper ends of all bins but the last, at quantiles of the reference; a value that fills a bin has its own."""
    if not reference.points.size:
        return np.empty(0)
    total = reference.below[-1]
    last = np.searchsorted(reference.below[1:], total * np.arange(1, bins) / bins)
    heavy = last[reference.weights[last] * bins >= total]
    cuts = np.unique(np.concatenate([last, heavy - 1]))
    return np.unique(reference.points[cuts[(cuts >= 0) & (cuts < reference.points.size - 1)]])


def _in_bins(side: Sketch, edges: Floats) -> Floats:
    return np.diff(side.below[np.searchsorted(side.points, edges, "right")], prepend=0.0, append=side.below[-1])


def psi(both: Binned) -> float:
    """Population stability index of the two counts; an empty bin counts as half a row, alike samples give 0."""
    return distance.psi(both.reference, both.current) if both.reference.sum() and both.current.sum() else 0.0


def threshold(n: int, m: int, bins: int, alpha: float) -> float:
    """The PSI that samples of n and m rows of one distribution exceed with probability α: χ²(1−α; B−1)·(1/n + 1/m).

    PSI is asymptotically (1/n + 1/m)·χ² with B − 1 degrees of freedom (Yurdakul 2018, Western Michigan University;
    Yurdakul & Naranjo 2020, J. Risk Model Validation 14:89).
    """
    return _critical(alpha, bins - 1) * (1 / n + 1 / m) if bins > 1 else 0.0


def interval(value: float, n: int, m: int, bins: int, alpha: float = 0.05) -> tuple[float, float]:
    """The PSIs (low, high) that give the seen one with probability between α/2 and 1 − α/2.

    The statistic PSI/(1/n + 1/m) is taken as noncentral χ² with λ = the true PSI in the same unit, and inverted
    (Johnson, Kotz & Balakrishnan 1995, ch. 29). Good up to a PSI of about 0.3, by simulation.
    """
    unit = 1 / n + 1 / m
    if bins < 2:
        return 0.0, 0.0
    seen = max(value / unit, 1e-9)
    low, high = (tails.noncentral_shift(seen, bins - 1, tail) for tail in (alpha / 2, 1 - alpha / 2))
    return low * unit, high * unit


def compared(reference: Sketch, current: Sketch, tests: int, limits: Limits) -> Shift:
    """One sample against its reference, as one of `tests` comparisons (Bonferroni)."""
    n, m = reference.rows, current.rows
    if min(n, m) < 2 * EXPECTED:
        return Shift(n, m, 0, reason=f"{min(n, m)} rows, {2 * EXPECTED} are needed")
    if reference.kind != current.kind:
        return Shift(n, m, 0, reason=f"{reference.kind} in the reference, {current.kind} now")
    both = binned(reference, current)
    used = int(((both.reference > 0) | (both.current > 0)).sum())
    value, alpha = psi(both), limits.alpha / max(tests, 1)
    by_chance = threshold(n, m, used, alpha)
    sees = _noticed(alpha, used - 1, limits.power) * (1 / n + 1 / m) if used > 1 else 0.0
    return judged(Shift(n, m, used, value, by_chance, sees), limits)


def judged(shift: Shift, limits: Limits) -> Shift:
    """The verdict: it moved where it is more than chance makes of it, and more than matters."""
    if shift.psi is None or shift.threshold is None or shift.detectable is None:
        return shift
    if shift.psi > shift.threshold and shift.psi >= limits.watch:
        return replace(shift, verdict="volatile" if shift.psi >= limits.psi else "moved")
    if shift.psi <= shift.threshold and shift.detectable > limits.psi:
        return replace(shift, reason=f"this size sees a PSI of {shift.detectable:.2g}")
    said = "smaller than matters" if shift.psi > shift.threshold else ""
    return replace(shift, verdict="stable", reason=said)


def overall(shifts: Sequence[Shift], share: float) -> Verdict:
    """The verdict over time: volatile where this share of the judged comparisons is, else moved where any is."""
    seen = [shift.verdict for shift in shifts if shift.verdict != "not enough data"]
    if not seen:
        return "not enough data"
    if seen.count("volatile") >= max(share * len(seen), 1):
        return "volatile"
    return "stable" if set(seen) == {"stable"} else "moved"


@cache
def _critical(alpha: float, df: int) -> float:
    return tails.chi2_isf(alpha, df)


@cache
def _noticed(alpha: float, df: int, power: float) -> float:
    return tails.noncentral_shift(_critical(alpha, df), df, power)
