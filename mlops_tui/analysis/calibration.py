"""Whether scores mean what they say: reliability, ECE, Brier score, log loss, calibration slope and intercept."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import tails
from mlops_tui.analysis.arrays import Bools, Floats, probabilities, shares, two_classes
from mlops_tui.analysis.interval import mean_interval, wilson_share, z_score
from mlops_tui.analysis.logistic import LogisticFit, NoOptimum, logistic
from mlops_tui.analysis.tally import Tally, tally

Strategy = Literal["uniform", "quantile"]

CLIP = 1e-15  # scores of exactly 0 or 1 stand for this close to it in log loss
MOST_LOSS = {"brier": 1.0, "log_loss": -math.log(CLIP)}  # of one row
FEW_CUTS = 50
LOGIT_CLIP = 1e-6  # and for this close in the calibration line, where one wrong certain row would outweigh all others


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows whose score is in (low, high]: how many, their mean score, their share of positives with Wilson bounds.

    `weight` is what they count (n where all rows count one) and `effective` Kish's number of rows that weigh as much;
    `spread` is the variance of the scores within the bin and `covariance` theirs with the outcomes.
    """

    low: float
    high: float
    n: int
    score: float
    observed: float
    observed_low: float
    observed_high: float
    weight: float
    effective: float
    spread: float = 0.0
    covariance: float = 0.0

    @property
    def gap(self) -> float:
        """Observed share minus mean score: below 0 the scores are too high."""
        return self.observed - self.score

    @property
    def chance(self) -> float:
        """Variance of the observed share where the scores are right, mean p·(1 − p) by the effective rows."""
        return max(self.score * (1 - self.score) - self.spread, 0.0) / self.effective


@dataclass(frozen=True)
class CalibrationLine:
    """The line logit P(y = 1) = intercept + slope·logit(score), each with a 95 % interval; None with a reason.

    A slope below 1 means scores too extreme. `in_the_large` is the intercept with the slope held at 1: above 0 means
    scores too low on the whole. `statistic` is Cox's test that the line is the diagonal, χ² with 2 degrees of freedom.
    """

    slope: float | None
    intercept: float | None
    in_the_large: float | None
    slope_bounds: tuple[float, float] | None = None
    intercept_bounds: tuple[float, float] | None = None
    statistic: float | None = None
    reason: str = ""

    @property
    def p_value(self) -> float | None:
        """Of Cox's test: the χ² distribution with 2 degrees of freedom is an exponential one."""
        return None if self.statistic is None else math.exp(-self.statistic / 2)


@dataclass(frozen=True)
class BrierParts:
    """Parts of a Brier score: reliability (less is better), resolution (more), uncertainty (given by the outcomes).

    `within` is what binning loses: the variance of scores inside the bins minus twice their covariance with outcomes.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within: float = 0.0

    @property
    def total(self) -> float:
        """The Brier score of the scores themselves, exactly."""
        return self.reliability - self.resolution + self.uncertainty + self.within


def reliability(
    labels: npt.ArrayLike, scores: npt.ArrayLike, bins: int = 10, strategy: Strategy = "uniform", level: float = 0.95,
    weights: npt.ArrayLike | None = None,
) -> tuple[ReliabilityBin, ...]:
    """The non-empty bins of a reliability diagram, rising; bins are closed on the right, the first on both sides.

    `uniform` cuts [0, 1] into equal widths, `quantile` into equal numbers of rows; equal scores share a bin, so there
    may be fewer than asked. Labels 0/1 and scores in [0, 1], (n,); `weights` (n,) say what each row counts, and Wilson
    bounds are then of Kish's effective rows. ValueError otherwise, and for less than one bin.
    """
    y, p = probabilities(labels, scores)
    if bins < 1:
        raise ValueError(f"needs at least one bin, not {bins}")
    cuts = np.linspace(0, 1, bins + 1)
    edges = cuts if strategy == "uniform" else np.unique(np.quantile(p, cuts))
    cell = _cells(edges[1:-1], p)
    w = None if weights is None else shares(weights, y.size) * y.size
    n = np.bincount(cell, minlength=max(len(edges) - 1, 1))
    filled = np.flatnonzero(n if w is None else np.bincount(cell, w, n.size))

    def total(values: Floats | Bools) -> Floats:
        return np.bincount(cell, values if w is None else values * w, n.size)[filled].astype(np.float64)

    weight = n[filled].astype(np.float64) if w is None else np.bincount(cell, w, n.size)[filled]
    effective = weight if w is None else weight**2 / np.bincount(cell, np.square(w), n.size)[filled]
    observed, score = total(y) / weight, total(p) / weight
    spread = np.maximum(total(np.square(p)) / weight - score**2, 0.0)
    covariance = total(p * y) / weight - score * observed
    low, high = wilson_share(observed, effective, level)
    columns = (n[filled], score, observed, low, high, weight, effective, spread, covariance)
    return tuple(
        ReliabilityBin(float(edges[b]), float(edges[min(b + 1, len(edges) - 1)]), int(rows), *map(float, numbers))
        for b, rows, *numbers in zip(filled.tolist(), *(column.tolist() for column in columns), strict=True)
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


def debiased_ece(bins: tuple[ReliabilityBin, ...]) -> float:
    """The ECE without what chance alone adds to it, 0 where that is all of it.

    2·ECE − Σ nᵦ/n·E|gap + noise|, the noise normal with the sampling variance of the observed share (Kumar, Liang & Ma
    2019, NeurIPS: their `debias` for the first norm, with the mean of a folded normal in place of resamples).
    """
    n, gap = _gaps(bins)
    sigma = np.sqrt(np.maximum(_variances(bins), 1e-300))
    ratio = gap / sigma
    folded = sigma * np.sqrt(2 / np.pi) * np.exp(-ratio**2 / 2) + gap * tails.erf(ratio / np.sqrt(2))
    return float(max(n @ (2 * np.abs(gap) - folded) / n.sum(), 0.0))


def rmsce(bins: tuple[ReliabilityBin, ...]) -> float:
    """Root mean squared calibration error, √Σ nᵦ/n·(observed − score)²; not below the ECE, biased as it is."""
    n, gap = _gaps(bins)
    return float(np.sqrt(n @ gap**2 / n.sum()))


def debiased_rmsce(bins: tuple[ReliabilityBin, ...]) -> float:
    """Root mean squared calibration error without what chance alone adds to it, 0 where that is all of it.

    √Σ nᵦ/n·(gap² − its sampling variance) (Bröcker 2012, Clim. Dyn. 39:655; Ferro & Fricker 2012, QJRMS 138:1954;
    Kumar, Liang & Ma 2019, §5). Bins of one row count with the variance of a coin, ¼: their own is not known.
    """
    n, gap = _gaps(bins)
    return float(np.sqrt(max(n @ (gap**2 - _variances(bins)) / n.sum(), 0.0)))


def _variances(bins: tuple[ReliabilityBin, ...]) -> Floats:
    """The unbiased sampling variance of each observed share."""
    rows, share = np.array([b.effective for b in bins]), np.array([b.observed for b in bins])
    return np.where(rows > 1, share * (1 - share) / np.maximum(rows - 1, 1), 0.25)


def mce(bins: tuple[ReliabilityBin, ...]) -> float:
    """Maximum calibration error: the largest gap of any non-empty bin (Naeini et al. 2015)."""
    return float(np.abs(_gaps(bins)[1]).max())


def brier_parts(bins: tuple[ReliabilityBin, ...]) -> BrierParts:
    """Reliability − resolution + uncertainty (Murphy 1973, J. Appl. Meteor. 12:595) + what binning loses.

    The three are the Brier score of scores rounded to their bin's mean. With the variance within bins minus twice the
    covariance within bins (Stephenson, Coelho & Jolliffe 2008, Wea. Forecasting 23:752) the sum is exact.
    """
    n, gap = _gaps(bins)
    share = np.array([b.observed for b in bins])
    base = float(n @ share / n.sum())
    within = np.array([b.spread - 2 * b.covariance for b in bins])
    return BrierParts(float(n @ gap**2 / n.sum()), float(n @ (share - base) ** 2 / n.sum()), base * (1 - base),
                      float(n @ within / n.sum()))


def _gaps(bins: tuple[ReliabilityBin, ...]) -> tuple[Floats, Floats]:
    return np.array([b.weight for b in bins]), np.array([b.gap for b in bins])


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


def loss_bounds(losses: Floats, level: float = 0.95, most: float = math.inf) -> tuple[float, float] | None:
    """Student's t bounds of a mean loss, on the log scale; None for one row, or where all losses are equal.

    Losses are not negative and skewed to the right: mean·exp(±t·error/mean) is above 0 and covers better than
    mean ± t·error, of 40 rows as of 1,000. No loss, and so no bound, is above `most`.
    """
    bounds = mean_interval(losses, level)
    if bounds is None or bounds.low == bounds.high:
        return None
    mean = float(losses.mean())
    factor = math.exp(min((bounds.high - mean) / mean, 700.0))
    return mean / factor, min(mean * factor, most)


def logit(scores: npt.ArrayLike) -> Floats:
    """Log odds of scores in [0, 1], clipped by 1e-6 so that they are finite."""
    p = np.clip(np.asarray(scores, dtype=np.float64), LOGIT_CLIP, 1 - LOGIT_CLIP)
    return np.asarray(np.log(p / (1 - p)))


def calibration_line(labels: npt.ArrayLike, scores: npt.ArrayLike, level: float = 0.95,
                     weights: npt.ArrayLike | None = None) -> CalibrationLine:
    """Calibration slope and intercept by logistic regression on logit(score) (Cox 1958, Biometrika 45:562).

    Labels 0/1 with both classes, scores in [0, 1], (n,); ValueError otherwise. Constant scores have no slope and
    perfectly separated classes no finite one: None, and the reason. Bounds are Wald's, with `weights` (n,) those of the
    sandwich. More than 20,000 rows are counted in cells of scores (see `tally`), which moves the line by less than a
    thousandth of its standard errors.
    """
    y, p = two_classes(*probabilities(labels, scores))
    w = None if weights is None else shares(weights, y.size) * y.size
    return line_of(tally(y, p, None, w), level, weighted=w is not None)


def line_of(counted: Tally, level: float = 0.95, *, weighted: bool = False) -> CalibrationLine:
    """The calibration line of counted rows, as `calibration_line`."""
    negatives, positives = counted.total
    rows, predictor = negatives + positives, logit(counted.score)
    target, ones = positives / np.maximum(rows, 1e-300), np.ones_like(predictor)
    large = float(logistic(ones[:, None], target, predictor, rows).coefficients[0])
    if np.ptp(predictor) == 0:
        return CalibrationLine(None, None, large, reason="all scores are equal")
    columns = np.column_stack([ones, predictor])
    try:
        fit = logistic(columns, target, weights=rows)
    except NoOptimum as no:
        return CalibrationLine(None, None, large, reason=str(no))
    covariance = _sandwich(counted, columns, fit) if weighted else fit.covariance
    intercept, slope = (float(b) for b in fit.coefficients)
    half = z_score(level) * np.sqrt(np.diag(covariance))
    off = fit.coefficients - np.array([0.0, 1.0])
    return CalibrationLine(slope, intercept, large, (slope - float(half[1]), slope + float(half[1])),
                           (intercept - float(half[0]), intercept + float(half[0])),
                           float(off @ np.linalg.solve(covariance, off)))


def _sandwich(counted: Tally, columns: Floats, fit: LogisticFit) -> Floats:
    """The covariance of weighted coefficients, H⁻¹·Σw²(y − p)²xxᵀ·H⁻¹ (Binder 1983, Int. Stat. Rev. 51:279)."""
    fitted = tails.expit(columns @ fit.coefficients)
    negatives, positives = counted.squared.sum(axis=0)
    meat = (columns * (negatives * fitted**2 + positives * (1 - fitted) ** 2)[:, None]).T @ columns
    return np.asarray(fit.covariance @ meat @ fit.covariance)
