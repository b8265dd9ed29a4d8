"""How far off probabilities are on the whole and in parts, with intervals that count days, not rows."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import tails
from mlops_tui.analysis.arrays import Counts, Floats, two_classes
from mlops_tui.analysis.calibration import calibration_line, ece, logit, reliability
from mlops_tui.analysis.clustered import FEWEST_DAYS
from mlops_tui.analysis.influence import variance_of_sums
from mlops_tui.analysis.interval import student_quantile


@dataclass(frozen=True)
class Off:
    """A measure of calibration; bounds are None, with a reason, where too few days are known."""

    value: float
    low: float | None = None
    high: float | None = None
    method: str = ""
    reason: str = ""


def in_the_large(labels: npt.ArrayLike, scores: npt.ArrayLike, day: Counts, level: float = 0.95) -> Off:
    """The log odds by which what is seen lies above what is said, all rows together (Cox 1958, Biometrika 45:562).

    What a day's rows move it, Σ (y − p)/Σ p(1 − p), is summed; Student's t over days (Liang & Zeger 1986). Labels 0/1
    of both classes, scores in [0, 1] and numbers of days, (n,); ValueError otherwise.
    """
    y, s = two_classes(labels, scores)
    value = calibration_line(y, s).in_the_large
    if value is None:
        raise ValueError("no shift of the log odds explains these rows")
    said = np.asarray(tails.expit(logit(s) + value))
    sums = _sums(day, (y - said) / float((said * (1 - said)).sum()))
    if sums.size < FEWEST_DAYS:
        return Off(value, reason=f"{sums.size} days are known, {FEWEST_DAYS} are needed for an interval")
    half = student_quantile(sums.size - 1, level) * math.sqrt(variance_of_sums(sums))
    return Off(value, value - half, value + half, f"t over {sums.size} days")


def expected_error(labels: npt.ArrayLike, scores: npt.ArrayLike, day: Counts, level: float = 0.95) -> Off:
    """The expected calibration error of ten equal bins, with the least and the most that days leave possible.

    The value is biased upwards, and chance alone keeps it above 0. Its lower bound is therefore that of two sums which
    chance leaves at 0 and which are never larger than the error: all bins together, and the upper half of the rows
    less the lower (Student's t over days, Bonferroni). Where scores are honest it lies above 0 in at most 1 − level of
    all windows; errors that change their sign more often widen it. The upper bound is the jackknife's over days (Tukey
    1958; Efron & Stein 1981, Ann. Statist. 9:586). As `in_the_large`.
    """
    y, s = two_classes(labels, scores)
    bins = reliability(y, s)
    value = ece(bins)
    days, of = np.unique(day, return_inverse=True)
    if days.size < FEWEST_DAYS:
        return Off(value, reason=f"{days.size} days are known, {FEWEST_DAYS} are needed for an interval")
    cell = np.searchsorted(np.array([each.high for each in bins[:-1]]), s, side="left")
    shape = (days.size, len(bins))
    gap = np.bincount(of * len(bins) + cell, y - s, days.size * len(bins)).reshape(shape)
    rows = np.bincount(of)
    without = np.abs(gap.sum(axis=0) - gap).sum(axis=1) / (rows.sum() - rows)
    spread = (days.size - 1) / days.size * float(np.square(without - without.mean()).sum())
    half = student_quantile(days.size - 1, level) * math.sqrt(spread)
    filled = np.bincount(cell, minlength=len(bins))
    upper = np.where(np.cumsum(filled) - filled / 2 < rows.sum() / 2, -1.0, 1.0)
    sure = max(_least(gap @ sign, rows, level) for sign in (np.ones(len(bins)), upper))
    return Off(value, min(sure, value), value + half, f"t and jackknife over {days.size} days")


def _least(off: Floats, rows: Counts, level: float) -> float:
    """Of the mean that sums of days (d,) over their rows (d,) have, how far it surely lies from 0: one of two looks."""
    mean = float(off.sum() / rows.sum())
    half = student_quantile(rows.size - 1, 1 - (1 - level) / 2) * math.sqrt(
        variance_of_sums((off - mean * rows) / rows.sum()))
    return max(abs(mean) - half, 0.0)


def _sums(day: Counts, moved: Floats) -> Floats:
    return np.bincount(np.unique(day, return_inverse=True)[1], moved).astype(np.float64)
