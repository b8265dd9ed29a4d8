"""Maps that turn scores into honest probabilities: Platt, temperature, beta, isotonic, and correction of a prior."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import tails
from mlops_tui.analysis.arrays import Floats, finite, probabilities, two_classes
from mlops_tui.analysis.calibration import LOGIT_CLIP, logit
from mlops_tui.analysis.logistic import logistic
from mlops_tui.analysis.tally import Tally, tally

Map = Callable[[Floats], Floats]
Fit = Callable[[Floats, Floats, Floats], Map]

MANY = 100_000
ISOTONIC_ROWS = 50  # with fewer of a class a step function follows the noise


@dataclass(frozen=True)
class Isotonic:
    """A rising piecewise linear map through the points (x, y); constant outside them."""

    x: Floats
    y: Floats

    def __call__(self, scores: Floats) -> Floats:
        return np.interp(scores, self.x, self.y)

    def __str__(self) -> str:
        return f"{self.x.size} points"


@dataclass(frozen=True)
class OddsLine:
    """The map expit(slope·logit(p) + intercept) of probabilities."""

    slope: float
    intercept: float

    def __call__(self, scores: Floats) -> Floats:
        return np.asarray(tails.expit(self.slope * logit(scores) + self.intercept))

    def __str__(self) -> str:
        return f"slope {self.slope:.3g}, intercept {self.intercept:+.3g}"


@dataclass(frozen=True)
class Beta:
    """The map expit(a·log p − b·log(1 − p) + c) of probabilities; it rises, since a and b are not negative."""

    a: float
    b: float
    c: float

    def __call__(self, scores: Floats) -> Floats:
        return np.asarray(tails.expit(_beta_columns(scores) @ np.array([self.a, self.b, self.c])))

    def __str__(self) -> str:
        return f"a {self.a:.3g}, b {self.b:.3g}, c {self.c:+.3g}"


@dataclass(frozen=True)
class Prior:
    """A class prior estimated from unlabelled scores, and how the estimate ended."""

    value: float
    iterations: int
    converged: bool


def pava(values: Floats, weights: Floats) -> Floats:
    """The rising sequence nearest to `values` (n,) in weighted least squares (Best & Chakravarti 1990).

    Pool adjacent violators, a whole falling run per pass: two neighbours that fall are in one block of the answer
    whatever else is, so runs may be pooled at once. Weights are positive.
    """
    means, weight, size = values.astype(np.float64), weights.astype(np.float64), np.ones(values.size, dtype=np.int64)
    while (rises := means[1:] > means[:-1]).size and not rises.all():
        first = np.flatnonzero(np.concatenate(([True], rises)))
        total = np.add.reduceat(means * weight, first)
        weight, size = np.add.reduceat(weight, first), np.add.reduceat(size, first)
        means = total / weight
    return np.repeat(means, size)


def _steps(x: Floats, share: Floats, weight: Floats) -> Isotonic:
    """Isotonic regression of shares at rising x; as scikit-learn's, linear between the points and constant outside."""
    fitted = pava(share, weight)
    corner = np.ones(x.size, dtype=np.bool_)
    corner[1:-1] = (fitted[1:-1] != fitted[:-2]) | (fitted[1:-1] != fitted[2:])
    return Isotonic(x[corner], fitted[corner])


def _sigmoid(x: Floats, weight: Floats) -> tuple[float, float]:
    """Slope and intercept with smoothed targets (P + 1)/(P + 2) and 1/(N + 2) (Platt 1999; Lin, Lin & Weng 2007)."""
    negatives, positives = weight.sum(axis=1)
    aim = weight[1] * ((positives + 1) / (positives + 2)) + weight[0] / (negatives + 2)
    rows = weight.sum(axis=0)
    fit = logistic(np.column_stack([x, np.ones_like(x)]), aim / rows, weights=rows)
    return float(fit.coefficients[0]), float(fit.coefficients[1])


# -- fits on counted scores: rising scores in [0, 1] (c,), weight of outcomes 0 and 1 (2, c), effective rows (2,) ------


def _platt_map(scores: Floats, weight: Floats, rows: Floats) -> OddsLine:
    slope, intercept = _sigmoid(logit(scores), weight)
    return OddsLine(_rising(slope), intercept)


def _temperature_map(scores: Floats, weight: Floats, rows: Floats) -> OddsLine:
    """One factor on the logit (Guo et al. 2017, ICML)."""
    total = weight.sum(axis=0)
    slope = float(logistic(logit(scores)[:, None], weight[1] / total, weights=total).coefficients[0])
    return OddsLine(_rising(slope), 0.0)


def _beta_columns(scores: Floats) -> Floats:
    inside = np.clip(scores, LOGIT_CLIP, 1 - LOGIT_CLIP)
    return np.column_stack([np.log(inside), -np.log1p(-inside), np.ones_like(inside)])


def _beta_map(scores: Floats, weight: Floats, rows: Floats) -> Beta:
    """Maximum likelihood with a, b ≥ 0 (Kull, Silva Filho & Flach 2017, AISTATS, §3.3).

    A likelihood without a second maximum has its best point on the side where the free one went negative, so that one
    is held at 0 and the others fitted again.
    """
    columns, total = _beta_columns(scores), weight.sum(axis=0)
    target = weight[1] / total

    def fitted(kept: list[int]) -> Floats:
        found = np.zeros(3)
        found[kept] = logistic(columns[:, kept], target, weights=total).coefficients
        return found

    best = fitted([0, 1, 2])
    if best[0] < 0 <= best[1]:
        best = fitted([1, 2])
    elif best[1] < 0 <= best[0]:
        best = fitted([0, 2])
    a, b, c = (float(each) for each in best)
    _rising(max(a, b))
    return Beta(max(a, 0.0), max(b, 0.0), c)


def _isotonic_map(scores: Floats, weight: Floats, rows: Floats) -> Isotonic:
    rare = int(rows.min())
    if rare < ISOTONIC_ROWS:
        raise ValueError(f"isotonic needs {ISOTONIC_ROWS} rows of each class to fit, here {rare}")
    total = weight.sum(axis=0)
    return _steps(scores, weight[1] / total, total)


def _rising(slope: float) -> float:
    """The slope; ValueError where the map would turn the order of the scores round."""
    if slope <= 0:
        raise ValueError("the scores do not rise with the outcomes, and a recalibration keeps their order")
    return slope


RECALIBRATORS: Mapping[str, Fit] = {
    "platt": _platt_map, "temperature": _temperature_map, "beta": _beta_map, "isotonic": _isotonic_map,
}


def recalibrator(name: str, counted: Tally, chosen: npt.NDArray[np.bool_] | None = None) -> Map:
    """The map fitted on counted rows, of the `chosen` folds (f,) alone where given; ValueError where there is none."""
    some = slice(None) if chosen is None else chosen
    weight, squared = counted.weight[some].sum(axis=0), counted.squared[some].sum(axis=(0, 2))
    sums = weight.sum(axis=1)
    if not sums.all():
        raise ValueError(f"only one class to fit on: all labels are {int(sums[0] == 0)}")
    filled = weight.sum(axis=0) > 0
    if filled.sum() == 1:
        raise ValueError("all scores are equal")
    return RECALIBRATORS[name](counted.score[filled], weight[:, filled], sums**2 / squared)


def fitted(name: str, labels: npt.ArrayLike, scores: npt.ArrayLike, weights: Floats | None = None) -> Map:
    """The map fitted on rows: labels 0/1, scores in [0, 1], (n,); ValueError where there is none, with the reason."""
    y, p = two_classes(*probabilities(labels, scores))
    return recalibrator(name, tally(y, p, None, weights))


def out_of_fold(name: str, counted: Tally, *, forward: bool = False) -> Floats:
    """The recalibrated score of each fold and cell, (f, c), by a map fitted on the other folds.

    With `forward` on the earlier folds alone; the first is then fitted by none and has NaN.
    """
    number = np.arange(counted.folds)
    found = np.full((counted.folds, counted.score.size), np.nan)
    for fold in number[int(forward):]:
        found[fold] = recalibrator(name, counted, number < fold if forward else number != fold)(counted.score)
    return found


def folds(labels: npt.ArrayLike, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Numbers of `count` random folds, (n,), each with its share of either class; of many rows with nearly its share.

    Above 100,000 rows each draws its fold by itself, which costs a tenth.
    """
    y = np.asarray(labels, dtype=np.bool_)
    generator = np.random.default_rng(seed)
    if y.size > MANY:
        return generator.integers(0, count, y.size, dtype=np.uint8).astype(np.int64)
    out = np.empty(y.size, dtype=np.int64)
    for rows in (np.flatnonzero(y), np.flatnonzero(~y)):
        dealt = (np.arange(rows.size) % count).astype(np.min_scalar_type(count))
        generator.shuffle(dealt)  # small numbers stay in the processor's cache
        out[rows] = dealt
    return out


def prior_shift(scores: npt.ArrayLike, prior: float, new_prior: float) -> Floats:
    """Probabilities corrected from a class prior to another, when only the share of positives has changed.

    p' = p·π'/π / (p·π'/π + (1 − p)·(1 − π')/(1 − π)) (Saerens, Latinne & Decaestecker 2002, Neural Comput. 14:21,
    eq. 2.4). Scores (n,) in [0, 1], priors in (0, 1); ValueError otherwise.
    """
    p = finite(scores)
    if not (0 < prior < 1 and 0 < new_prior < 1):
        raise ValueError(f"priors lie between 0 and 1, not {prior} and {new_prior}")
    positive, negative = p * (new_prior / prior), (1 - p) * ((1 - new_prior) / (1 - prior))
    return positive / (positive + negative)


def estimated_prior(scores: npt.ArrayLike, prior: float, tolerance: float = 1e-9, most: int = 5000) -> Prior:
    """The share of positives among unlabelled rows, by EM from calibrated scores (Saerens et al. 2002, eq. 2.9).

    `scores` (n,) in [0, 1], calibrated at the class `prior` of training. Assumes label shift: the inputs of each class
    have not changed. ValueError for no rows or a prior outside (0, 1).
    """
    p = finite(scores)
    if p.size == 0:
        raise ValueError("no rows")
    now = prior
    for iteration in range(1, most + 1):
        before, now = now, float(prior_shift(p, prior, now).mean())
        if now in {0.0, 1.0} or abs(now - before) < tolerance:
            return Prior(now, iteration, True)
    return Prior(now, most, False)
