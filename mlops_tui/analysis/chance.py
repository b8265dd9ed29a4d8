"""Whether scores are further from what happened than chance allows: tests of calibration, and the range of the ECE."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import tails
from mlops_tui.analysis.arrays import Floats, probabilities, shares
from mlops_tui.analysis.calibration import ReliabilityBin, ece
from mlops_tui.analysis.interval import normal_p, wilson_share
from mlops_tui.analysis.multiplicity import holm

DRAWS, SEED = 2000, 0
LOW_ROWS, LOW_EXPECTED = 30, 5  # below this many rows, or expected outcomes of either kind, a group says little


@dataclass(frozen=True)
class CalibrationTest:
    """A test whose null hypothesis is that the scores are right; None with a reason where it does not exist."""

    name: str
    statistic: float | None
    p_value: float | None
    reason: str = ""


@dataclass(frozen=True)
class Chance:
    """What the ECE of these scores would be if they were right: its mean and 95 % quantile, from simulation.

    `p_value`: how often it would be at least as large as the one seen; `p_below`: at most as large.
    """

    mean: float
    high: float
    p_value: float
    p_below: float


@dataclass(frozen=True)
class Tilt:
    """Rows of one group: their mean score, their share of positives, and the difference with a 95 % interval.

    `p_value` is of the hypothesis that the scores are right on the whole, `p_adjusted` Holm's over the groups. `few`
    says in words why a group is too small to tell; empty where it is not.
    """

    name: str
    n: int
    predicted: float
    observed: float
    gap: float
    low: float
    high: float
    p_value: float | None
    p_adjusted: float | None = None
    few: str = ""


def spiegelhalter(labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
                  ) -> CalibrationTest:
    """Spiegelhalter's z: the Brier score against what it would be if the scores were right (1986, Stat. Med. 5:421).

    z = Σ(y − p)(1 − 2p) / √Σ(1 − 2p)²p(1 − p), standard normal where they are; with `weights` (n,) their squares stand
    under the root. Blind to errors that leave the Brier score as expected, such as shifts of scores around ½. Labels
    0/1, scores in [0, 1], (n,); None where all scores are 0, ½ or 1.
    """
    y, p = probabilities(labels, scores)
    lean = 1 - 2 * p
    spread = np.square(lean) * p * (1 - p)
    w = 1.0 if weights is None else shares(weights, y.size) * y.size
    variance = float(np.sum(np.square(w) * spread))
    if variance == 0:
        wrong = bool(np.any((y != p) & (lean != 0)))
        said = "a score of 0 or 1 was wrong" if wrong else "all scores are 0, ½ or 1"
        return CalibrationTest("spiegelhalter", None, 0.0 if wrong else None, said)
    z = float(np.sum(w * (y - p) * lean)) / math.sqrt(variance)
    return CalibrationTest("spiegelhalter", z, normal_p(z))


def ece_by_chance(bins: tuple[ReliabilityBin, ...], draws: int = DRAWS, seed: int = SEED) -> Chance:
    """The ECE under perfect calibration, by simulation of each bin's outcomes (Bröcker & Smith 2007, Wea. Forecasting
    22:651: consistency bars).

    The outcomes of a bin, which have different scores, are drawn from the binomial distribution of the same mean and
    variance.
    """
    score, chance = np.array([b.score for b in bins]), np.array([b.chance for b in bins])
    weight = np.array([b.weight for b in bins])
    spread = score * (1 - score)
    rows = np.clip(np.rint(spread / np.maximum(chance, 1e-300)), 1, 1e15)
    generator = np.random.default_rng(seed)
    drawn = generator.binomial(rows.astype(np.int64), score, (draws, score.size)) / rows
    drawn = np.where(chance > 0, drawn, score)
    found, seen = np.abs(drawn - score) @ (weight / weight.sum()), ece(bins)
    slack = 1e-12
    return Chance(float(found.mean()), float(np.quantile(found, 0.95)),
                  float((1 + np.sum(found >= seen - slack)) / (1 + draws)),
                  float((1 + np.sum(found <= seen + slack)) / (1 + draws)))


def ece_interval(bins: tuple[ReliabilityBin, ...], level: float = 0.95, draws: int = DRAWS, seed: int = SEED
                 ) -> tuple[float, float]:
    """Confidence interval of the ECE in these bins without the bias of few rows: which true gaps fit the one seen.

    By inverting a test: the gaps seen, times s, with normal noise of their sampling variances, give an ECE; the bounds
    are s·ECE for the s between which the one seen lies in the middle 95 % of these. Its lower bound is 0 where chance
    alone gives as much. It covers at least 95 % near perfect calibration, and about 95 % away from it.
    """
    weight, gap = np.array([b.weight for b in bins]), np.array([b.gap for b in bins])
    rows, share = np.array([b.effective for b in bins]), np.array([b.observed for b in bins])
    smoothed = (share * rows + 1) / (rows + 2)  # a bin without a positive is not without variance
    part = weight / weight.sum()
    noise = np.random.default_rng(seed).normal(size=(draws, gap.size)) * np.sqrt(smoothed * (1 - smoothed) / rows)
    seen, tail = float(part @ np.abs(gap)), (1 - level) / 2

    def above(scale: float) -> float:
        return float(np.mean(np.abs(scale * gap + noise) @ part >= seen))

    low = 0.0 if above(0.0) >= tail else _crossing(above, tail) * seen
    high = seen if above(0.0) >= 1 - tail else _crossing(above, 1 - tail) * seen
    return low, high


def _crossing(rising: Callable[[float], float], level: float) -> float:
    """Where a rising function of s from 0 passes a level, by bisection."""
    low, high = 0.0, 1.0
    while rising(high) < level and high < 1e6:
        low, high = high, 2 * high
    for _ in range(25):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < level else (low, middle)
    return (low + high) / 2


def tilts(labels: npt.ArrayLike, scores: npt.ArrayLike, groups: npt.NDArray[np.str_] | None = None,
          weights: npt.ArrayLike | None = None, level: float = 0.95) -> tuple[Tilt, ...]:
    """Observed share minus mean score of each group, the largest group first; one of all rows without `groups`.

    The interval is Wilson's of the share, moved by the mean score, of so many rows as have the variance of y − p: what
    is seen of it, and at least mean p·(1 − p), with which the normal test of the p-value is made. With `weights` (n,)
    the rows are Kish's effective ones.
    """
    y, p = probabilities(labels, scores)
    w = np.ones(y.size) if weights is None else shares(weights, y.size) * y.size
    if groups is None:
        names, n, of, whole = np.array([""]), np.array([y.size]), np.zeros(0, dtype=np.int64), True
    else:
        names, of = np.unique(groups, return_inverse=True)
        n, whole = np.bincount(of), False

    def summed(values: Floats) -> Floats:
        return np.array([values.sum()]) if whole else np.bincount(of, values).astype(np.float64)

    total = np.maximum(summed(w), 1e-300)
    effective = total**2 / np.maximum(summed(np.square(w)), 1e-300)
    predicted, observed = summed(w * p) / total, summed(w * y) / total
    variance = summed(w * p * (1 - p)) / total
    gap = observed - predicted
    residual = np.maximum(summed(w * np.square(y - p)) / total - gap**2, variance)
    smoothed = (observed * effective + 1) / (effective + 2)
    rows = effective * np.minimum(smoothed * (1 - smoothed) / np.maximum(residual, 1e-300), 10)
    low, high = wilson_share(observed, rows, level)
    error = np.sqrt(variance / np.maximum(effective, 1e-300))
    z = np.divide(gap, error, out=np.zeros_like(gap), where=error > 0)
    p_values = np.where(error > 0, tails.erfc(np.abs(z) / math.sqrt(2)), np.where(gap == 0, 1.0, 0.0))
    adjusted = holm(p_values)
    expected = np.minimum(effective * predicted, effective * (1 - predicted))
    found = [Tilt(str(name), int(n[i]), float(predicted[i]), float(observed[i]), float(gap[i]),
                  float(low[i] - predicted[i]), float(high[i] - predicted[i]), float(p_values[i]), float(adjusted[i]),
                  _few(float(effective[i]), float(expected[i])))
             for i, name in enumerate(names.tolist()) if total[i] > 1e-300]
    return tuple(sorted(found, key=lambda each: (-each.n, each.name)))


def _few(rows: float, expected: float) -> str:
    if rows < LOW_ROWS:
        return f"{rows:.0f} rows are few"
    return f"{expected:.1f} outcomes of one kind are expected" if expected < LOW_EXPECTED else ""
