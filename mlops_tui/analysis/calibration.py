"""Whether scores mean what they say: reliability, ECE, Brier score, log loss, calibration slope and intercept."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Floats, probabilities, two_classes
from mlops_tui.analysis.interval import mean_interval, wilson_bounds, z_score
from mlops_tui.analysis.logistic import NoOptimum, logistic

Strategy = Literal["uniform", "quantile"]

CLIP = 1e-15  # scores of exactly 0 or 1 stand for this close to it in log loss
FEW_CUTS = 50
LOGIT_CLIP = 1e-6  # and for this close in the calibration line, where one wrong certain row would outweigh all others


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows whose score is in (low, high]: how many, their mean score, their share of positives with Wilson bounds."""

    low: float
    high: float
    n: int
    score: float
    observed: float
    observed_low: float
    observed_high: float


@dataclass(frozen=True)
class CalibrationLine:
    """The line logit P(y = 1) = intercept + slope·logit(score), each with a 95 % interval; None with a reason.

    A slope below 1 means scores too extreme. `in_the_large` is the intercept with the slope held at 1: above 0 means
    scores too low on the whole.
    """

    slope: float | None
    intercept: float | None
    in_the_large: float | None
    slope_bounds: tuple[float, float] | None = None
    intercept_bounds: tuple[float, float] | None = None
    reason: str = ""


@dataclass(frozen=True)
class BrierParts:
    """Murphy's parts of a binned Brier score: reliability (less is better), resolution (more), uncertainty (given)."""

    reliability: float
    resolution: float
    uncertainty: float


def reliability(
    labels: npt.ArrayLike, scores: npt.ArrayLike, bins: int = 10, strategy: Strategy = "uniform", level: float = 0.95
) -> tuple[ReliabilityBin, ...]:
    """The non-empty bins of a reliability diagram, rising; bins are closed on the right, the first on both sides.

    `uniform` cuts [0, 1] into equal widths, `quantile` into equal numbers of rows; equal scores share a bin, so there
    may be fewer than asked. Labels 0/1 and scores in [0, 1], (n,). ValueError otherwise, and for less than one bin.
    """
    y, p = probabilities(labels, scores)
    if bins < 1:
        raise ValueError(f"needs at least one bin, not {bins}")
    cuts = np.linspace(0, 1, bins + 1)
    edges = cuts if strategy == "uniform" else np.unique(np.quantile(p, cuts))
    cell = _cells(edges[1:-1], p)
    n = np.bincount(cell, minlength=max(len(edges) - 1, 1))
    filled = np.flatnonzero(n)
    positives = np.bincount(cell, weights=y, minlength=n.size).astype(np.int64)[filled]
    score = np.bincount(cell, weights=p, minlength=n.size)[filled] / n[filled]
    low, high = wilson_bounds(positives, n[filled], level)
    return tuple(
        ReliabilityBin(float(edges[b]), float(edges[min(b + 1, len(edges) - 1)]), int(n[b]), float(score[i]),
                       float(positives[i] / n[b]), float(low[i]), float(high[i]))
        for i, b in enumerate(filled.tolist())
    )


def _cells(cuts: Floats, p: Floats) -> npt.NDArray[np.intp]:
    """How many cuts lie below each of (n,) scores; of a few cuts, comparing is several times faster than searching."""
    if cuts.size > FEW_CUTS:
        return np.searchsorted(cuts, p, side="left")
    below = np.zeros(p.size, np.uint8)
    for cut in cuts:
        below += p > cut
    return below.astype(np.intp)


def ece(bins: tuple[ReliabilityBin, ...]) -> float:
    """Expected calibration error, Σ nᵦ/n·|observed − score| (Naeini et al. 2015, AAAI). Biased upwards for few rows."""
    n, gap = _gaps(bins)
    return float(n @ np.abs(gap) / n.sum())


def debiased_rmsce(bins: tuple[ReliabilityBin, ...]) -> float:
    """Root mean squared calibration error without what chance alone adds to it, 0 where that is all of it.

    √Σ nᵦ/n·(gap² − its sampling variance) (Kumar, Liang & Ma 2019, NeurIPS, §5). A square mean, so not below the ECE.
    Bins of one row count with the variance of a coin, ¼: their own is not known.
    """
    n, gap = _gaps(bins)
    share = np.array([b.observed for b in bins])
    variance = np.where(n > 1, share * (1 - share) / np.maximum(n - 1, 1), 0.25)
    return float(np.sqrt(max(n @ (gap**2 - variance) / n.sum(), 0.0)))


def mce(bins: tuple[ReliabilityBin, ...]) -> float:
    """Maximum calibration error: the largest gap of any non-empty bin (Naeini et al. 2015)."""
    return float(np.abs(_gaps(bins)[1]).max())


def brier_parts(bins: tuple[ReliabilityBin, ...]) -> BrierParts:
    """Reliability − resolution + uncertainty (Murphy 1973, J. Appl. Meteor. 12:595).

    Their sum is the Brier score of scores rounded to their bin's mean, so within-bin spread is not in it.
    """
    n, gap = _gaps(bins)
    share = np.array([b.observed for b in bins])
    base = float(n @ share / n.sum())
    return BrierParts(float(n @ gap**2 / n.sum()), float(n @ (share - base) ** 2 / n.sum()), base * (1 - base))


def _gaps(bins: tuple[ReliabilityBin, ...]) -> tuple[Floats, Floats]:
    return np.array([float(b.n) for b in bins]), np.array([b.observed - b.score for b in bins])


def brier_losses(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Floats:
    """Squared error of each row's score, (n,); their mean is the Brier score. ValueError outside [0, 1]."""
    y, p = probabilities(labels, scores)
    return np.square(p - y)


def log_losses(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Floats:
    """−log of the probability given to what happened, in nats, (n,); scores are clipped to [1e-15, 1 − 1e-15]."""
    y, p = probabilities(labels, scores)
    return -np.log(np.where(y, np.clip(p, CLIP, 1), np.clip(1 - p, CLIP, 1)))


def brier(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Mean squared error of probabilities (Brier 1950). Labels 0/1, scores in [0, 1], (n,); ValueError otherwise."""
    return float(brier_losses(labels, scores).mean())


def log_loss(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Mean log loss in nats, with scores of exactly 0 and 1 clipped by 1e-15; ValueError as `brier`."""
    return float(log_losses(labels, scores).mean())


def loss_bounds(losses: Floats, level: float = 0.95) -> tuple[float, float] | None:
    """Student's t bounds of a mean loss, not below 0; None for one row, or where all losses are equal."""
    bounds = mean_interval(losses, level)
    return None if bounds is None or bounds.low == bounds.high else (max(bounds.low, 0.0), bounds.high)


def logit(scores: npt.ArrayLike) -> Floats:
    """Log odds of scores in [0, 1], clipped by 1e-6 so that they are finite."""
    p = np.clip(np.asarray(scores, dtype=np.float64), LOGIT_CLIP, 1 - LOGIT_CLIP)
    return np.asarray(np.log(p / (1 - p)))


def calibration_line(labels: npt.ArrayLike, scores: npt.ArrayLike, level: float = 0.95) -> CalibrationLine:
    """Calibration slope and intercept by logistic regression on logit(score) (Cox 1958, Biometrika 45:562).

    Labels 0/1 with both classes, scores in [0, 1], (n,); ValueError otherwise. Constant scores have no slope and
    perfectly separated classes no finite one: None, and the reason. Bounds are Wald's.
    """
    y, p = two_classes(*probabilities(labels, scores))
    predictor, target = logit(p), y.astype(np.float64)
    ones = np.ones_like(predictor)
    large = float(logistic(ones[:, None], target, predictor).coefficients[0])
    if np.ptp(predictor) == 0:
        return CalibrationLine(None, None, large, reason="all scores are equal")
    try:
        fit = logistic(np.column_stack([ones, predictor]), target)
    except NoOptimum as no:
        return CalibrationLine(None, None, large, reason=str(no))
    intercept, slope = (float(b) for b in fit.coefficients)
    half = z_score(level) * np.sqrt(np.diag(fit.covariance))
    return CalibrationLine(slope, intercept, large, (slope - float(half[1]), slope + float(half[1])),
                           (intercept - float(half[0]), intercept + float(half[0])))
