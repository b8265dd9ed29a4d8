"""Maps that turn scores into honest probabilities: Platt, temperature, beta, isotonic, and correction of a prior."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from mlops_tui.analysis.arrays import Bools, Floats, finite, labelled, probabilities, two_classes
from mlops_tui.analysis.calibration import LOGIT_CLIP, logit
from mlops_tui.analysis.logistic import logistic

Map = Callable[[Floats], Floats]

ISOTONIC_POSITIVES = 50  # with fewer of a class a step function follows the noise


@dataclass(frozen=True)
class Isotonic:
    """A rising piecewise linear map through the points (x, y); constant outside them."""

    x: Floats
    y: Floats

    def __call__(self, scores: Floats) -> Floats:
        return np.interp(scores, self.x, self.y)


@dataclass(frozen=True)
class Platt:
    """The map expit(slope·x + intercept)."""

    slope: float
    intercept: float

    def __call__(self, scores: Floats) -> Floats:
        return np.asarray(special.expit(self.slope * scores + self.intercept))


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


def isotonic(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Isotonic:
    """Isotonic regression of labels on scores of any scale, equal scores averaged first; ValueError as `labelled`.

    Equals scikit-learn's `IsotonicRegression(out_of_bounds="clip")`, linear between the points.
    """
    y, s = labelled(labels, scores)
    x, where, n = np.unique(s, return_inverse=True, return_counts=True)
    fitted = pava(np.bincount(where, weights=y) / n, n.astype(np.float64))
    corner = np.ones(x.size, dtype=np.bool_)
    corner[1:-1] = (fitted[1:-1] != fitted[:-2]) | (fitted[1:-1] != fitted[2:])
    return Isotonic(x[corner], fitted[corner])


def platt(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Platt:
    """Platt scaling with smoothed targets (P + 1)/(P + 2) and 1/(N + 2) (Platt 1999; Lin, Lin & Weng 2007).

    Scores of any scale, (n,); give the logit of probabilities. ValueError for one class, NoOptimum for equal scores.
    """
    y, s = two_classes(labels, scores)
    positives = float(y.sum())
    target = np.where(y, (positives + 1) / (positives + 2), 1 / (y.size - positives + 2))
    fit = logistic(np.column_stack([s, np.ones_like(s)]), target)
    return Platt(float(fit.coefficients[0]), float(fit.coefficients[1]))


def _platt_map(labels: Bools, scores: Floats) -> Map:
    fit = platt(labels, logit(scores))
    return lambda p: fit(logit(p))


def _temperature_map(labels: Bools, scores: Floats) -> Map:
    """One factor on the logit (Guo et al. 2017, ICML)."""
    slope = float(logistic(logit(scores)[:, None], labels.astype(np.float64)).coefficients[0])
    return lambda p: np.asarray(special.expit(slope * logit(p)))


def _beta_map(labels: Bools, scores: Floats) -> Map:
    """expit(a·log p − b·log(1 − p) + c) (Kull, Silva Filho & Flach 2017, AISTATS)."""

    def columns(p: Floats) -> Floats:
        inside = np.clip(p, LOGIT_CLIP, 1 - LOGIT_CLIP)
        return np.column_stack([np.log(inside), -np.log1p(-inside), np.ones_like(inside)])

    beta = logistic(columns(scores), labels.astype(np.float64)).coefficients
    return lambda p: np.asarray(special.expit(columns(p) @ beta))


def _isotonic_map(labels: Bools, scores: Floats) -> Map:
    rare = min(int(labels.sum()), int(labels.size - labels.sum()))
    if rare < ISOTONIC_POSITIVES:
        raise ValueError(f"isotonic needs {ISOTONIC_POSITIVES} rows of each class to fit, here {rare}")
    return isotonic(labels, scores)


RECALIBRATORS: Mapping[str, Callable[[Bools, Floats], Map]] = {
    "platt": _platt_map, "temperature": _temperature_map, "beta": _beta_map, "isotonic": _isotonic_map,
}


def cross_fitted(
    name: str, labels: npt.ArrayLike, scores: npt.ArrayLike, fold: npt.NDArray[np.integer], most: int = 100_000
) -> Floats:
    """Each row recalibrated by a map fitted on the other folds, (n,): fit and judgement never share a row.

    `fold` (n,) numbers the folds, at least two. More than `most` rows to fit on are thinned evenly: two or three
    parameters do not need more. ValueError where the map cannot be fitted, with the reason.
    """
    y, p = probabilities(labels, scores)
    out = np.empty(p.size)
    for held_out in np.flatnonzero(np.bincount(fold)):
        judged = np.flatnonzero(fold == held_out)
        others = np.flatnonzero(fold != held_out)
        fitted = others[::-(-others.size // most)]
        out[judged] = RECALIBRATORS[name](*two_classes(y[fitted], p[fitted]))(p[judged])
    return out


def folds(labels: npt.ArrayLike, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Numbers of `count` random folds, (n,), each with its share of either class."""
    y = np.asarray(labels, dtype=np.bool_)
    out = np.empty(y.size, dtype=np.int64)
    generator = np.random.default_rng(seed)
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
