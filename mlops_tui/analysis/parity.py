"""Numbers that are predicted for groups: means, errors and whole distributions beside each other, with intervals."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.interval import Estimate, Resampling, student_p, student_quantile
from mlops_tui.analysis.multiplicity import holm

GRID = 400  # places at which distributions are resampled
FEWEST = 30


@dataclass(frozen=True)
class Numbers:
    """Label and prediction of n rows, (n,) each, the place of each row's group in `names`, and what it counts."""

    names: tuple[str, ...]
    label: Floats
    predicted: Floats
    group: npt.NDArray[np.int64]
    weight: Floats | None = None

    def of(self, place: int) -> "Numbers":
        chosen = self.group == place
        return Numbers((self.names[place],), self.label[chosen], self.predicted[chosen], self.group[chosen] * 0,
                       None if self.weight is None else self.weight[chosen])


@dataclass(frozen=True)
class Mean:
    """A mean, the standard error of it, and its degrees of freedom: Kish's effective number of rows less one."""

    value: float
    error: float
    df: float


Values = Callable[[Numbers], Floats]
MEANS: Mapping[str, Values] = {
    "mean_prediction": lambda rows: rows.predicted,
    "mean_error": lambda rows: rows.predicted - rows.label,
    "mae": lambda rows: np.abs(rows.predicted - rows.label),
    "rmse": lambda rows: (rows.predicted - rows.label) ** 2,
}
LOSSES = ("mae", "rmse")  # never negative, and compared by their ratio as well


def mean(values: Floats, weight: Floats | None) -> Mean:
    """The (weighted) mean of (n,) values with its linearised standard error; NaN of one row."""
    if weight is None:
        n = values.size
        spread = float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
        return Mean(float(values.mean()), spread, n - 1.0)
    total = float(weight.sum())
    value = float(weight @ values) / total
    worth = total**2 / float(weight @ weight)
    varied = float(np.square(weight * (values - value)).sum()) / total**2
    return Mean(value, math.sqrt(varied * worth / (worth - 1)) if worth > 1 else math.nan, worth - 1)


def _rooted(found: Mean) -> Mean:
    """The root of a mean of squares, by the delta method."""
    root = math.sqrt(max(found.value, 0.0))
    return Mean(root, found.error / (2 * root) if root else math.nan, found.df)


def measured(rows: Numbers) -> list[dict[str, Mean]]:
    """Each of `MEANS` in every group."""
    found = []
    for place in range(len(rows.names)):
        own = rows.of(place)
        means = {name: mean(values(own), own.weight) for name, values in MEANS.items()}
        found.append({**means, "rmse": _rooted(means["rmse"])})
    return found


def estimate(name: str, found: Mean, n: int, level: float = 0.95) -> Estimate:
    """Student's t interval; of losses on the log scale, so that it stays above 0."""
    if not math.isfinite(found.error) or found.df <= 0:
        return Estimate(name, found.value, None, None, n, reason="one row has no spread")
    half = student_quantile(found.df, level) * found.error
    if name in LOSSES and found.value > 0:
        factor = math.exp(half / found.value)
        return Estimate(name, found.value, found.value / factor, found.value * factor, n, "t, log scale")
    return Estimate(name, found.value, found.value - half, found.value + half, n, "t")


@dataclass(frozen=True)
class Apart:
    """A mean of a group beside the reference's: difference (group − reference), of losses the ratio as well."""

    metric: str
    group: str
    reference: str
    difference: Estimate
    ratio: Estimate | None
    p_value: float | None
    p_adjusted: float | None = None


def apart(rows: Numbers, reference: int, level: float = 0.95) -> list[Apart]:
    """Every mean of every other group beside the reference's, Welch's interval and test, Holm over all of them."""
    found, counted = measured(rows), np.bincount(rows.group, minlength=len(rows.names))
    made = []
    for name in MEANS:
        for place, group in enumerate(rows.names):
            if place != reference:
                n = int(counted[place] + counted[reference])
                made.append(_apart(name, (group, rows.names[reference]), (found[place][name], found[reference][name]),
                                   n, level))
    asked = [each for each in made if each.p_value is not None]
    adjusted = holm([each.p_value or 0.0 for each in asked]).tolist() if asked else []
    p = {(each.metric, each.group): value for each, value in zip(asked, adjusted, strict=True)}
    return [replace(each, p_adjusted=p.get((each.metric, each.group))) for each in made]


def _apart(name: str, pair: tuple[str, str], means: tuple[Mean, Mean], n: int, level: float) -> Apart:
    one, other = means
    difference, error = one.value - other.value, math.hypot(one.error, other.error)
    if not error > 0:
        none = Estimate(name, difference, None, None, n, reason="its rows have no spread")
        return Apart(name, *pair, none, None, None)
    df = _welch(one, other)
    half = student_quantile(df, level) * error
    ratio = None
    if name in LOSSES and one.value > 0 and other.value > 0:
        log = math.log(one.value / other.value)
        wide = student_quantile(df, level) * math.hypot(one.error / one.value, other.error / other.value)
        ratio = Estimate(name, math.exp(log), math.exp(log - wide), math.exp(log + wide), n, "welch, log scale")
    return Apart(name, *pair, Estimate(name, difference, difference - half, difference + half, n, "welch"), ratio,
                 student_p(difference / error, df))


def _welch(one: Mean, other: Mean) -> float:
    """Satterthwaite's degrees of freedom of a difference (1946, Biometrics Bulletin 2:110)."""
    a, b = one.error**2, other.error**2
    return (a + b) ** 2 / (a**2 / max(one.df, 1e-9) + b**2 / max(other.df, 1e-9))


# -- whole distributions --------------------------------------------------------------------------------------------


def distances(rows: Numbers, reference: int, how: Resampling | None = None) -> list[tuple[Estimate, Estimate]]:
    """Kolmogorov's and the 1-Wasserstein distance of each other group's predictions to the reference's.

    |d(F, G) − d(F̂, Ĝ)| is at most the size of (F − F̂) − (G − Ĝ) in the same norm; its 95 % quantile comes from the
    bootstrap, so the intervals cover at least as often as stated (the triangle inequality), also where groups are
    alike and the bootstrap of the distance itself would fail.
    """
    resampling, draw = how or Resampling(), np.random.default_rng((how or Resampling()).seed)
    mine = rows.of(reference)
    found = []
    for place in range(len(rows.names)):
        if place == reference:
            continue
        own = rows.of(place)
        cuts, steps = _grid(own.predicted, mine.predicted)
        one, other = (_drawn(each, cuts, resampling, draw) for each in (own, mine))
        off = np.abs(one - other)
        n = own.label.size + mine.label.size
        ks, w1 = _exact(own, mine)
        found.append((_around("ks", ks, off.max(axis=1), n, resampling, most=1.0),
                      _around("wasserstein", w1, off @ steps, n, resampling)))
    return found


def _around(name: str, value: float, off: Floats, n: int, how: Resampling, most: float = math.inf) -> Estimate:
    half = float(np.quantile(off, how.level))
    return Estimate(name, value, max(value - half, 0.0), min(value + half, most), n, "bootstrap, triangle inequality")


def _grid(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    """At most `GRID` places among the values of both, and the distance from each to the next."""
    values = np.unique(np.concatenate([one, other]))
    if values.size > GRID:
        values = values[np.unique(np.linspace(0, values.size - 1, GRID).round().astype(np.int64))]
    return values, np.diff(values, append=values[-1])


def _drawn(rows: Numbers, cuts: Floats, how: Resampling, draw: np.random.Generator) -> Floats:
    """F* − F̂ of resampled rows at each place, (resamples, places)."""
    at = np.minimum(np.searchsorted(cuts, rows.predicted), cuts.size - 1)
    total = np.bincount(at, rows.weight, cuts.size).astype(np.float64)
    unit = np.ones_like(total)
    if rows.weight is not None:
        unit = np.divide(np.bincount(at, rows.weight**2, cuts.size), total, out=np.zeros_like(total), where=total > 0)
    mean = np.divide(total, unit, out=np.zeros_like(total), where=unit > 0)
    weights = draw.poisson(mean, size=(how.resamples, cuts.size)) * unit
    drawn = np.cumsum(weights, axis=1)
    found: Floats = drawn / np.maximum(drawn[:, -1:], 1e-300) - np.cumsum(total) / total.sum()
    return found


def _exact(one: Numbers, other: Numbers) -> tuple[float, float]:
    """sup |F − G| and ∫|F − G| of (weighted) samples, at all their values."""
    values = np.sort(np.concatenate([one.predicted, other.predicted]))
    gap = np.abs(_cdf(one, values) - _cdf(other, values))
    return float(gap.max()), float(gap[:-1] @ np.diff(values))


def _cdf(rows: Numbers, at: Floats) -> Floats:
    order = np.argsort(rows.predicted)
    below = np.searchsorted(rows.predicted[order], at, side="right")
    if rows.weight is None:
        found: Floats = below / rows.predicted.size
        return found
    sums = np.concatenate([[0.0], np.cumsum(rows.weight[order])])
    shares: Floats = sums[below] / sums[-1]
    return shares


def few(names: Sequence[str], group: npt.NDArray[np.int64]) -> tuple[str, ...]:
    """Why a group is too small to be judged, (g,); empty where it is not."""
    counts = np.bincount(group, minlength=len(names))
    return tuple(f"only {n} rows" if n < FEWEST else "" for n in counts.tolist())
