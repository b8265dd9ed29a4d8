"""Which recalibration mends a model's scores, judged on rows that it was not fitted on."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Bools, Counts, Floats, probabilities
from mlops_tui.analysis.calibration import CLIP
from mlops_tui.analysis.interval import student_quantile
from mlops_tui.analysis.recalibration import RECALIBRATORS, folds, out_of_fold
from mlops_tui.analysis.tally import Tally, tally

AS_IS = "as it is"
FOLDS, SEED = 5, 0
FEWEST_CLUSTERS = 10  # of fewer days, rows stand for themselves
FEWEST_EFFECTIVE = 10


@dataclass(frozen=True)
class Rows:
    """Labelled scores and the folds in which maps are fitted and judged.

    `fold` (n,) counts from 0. With `forward` the folds follow each other in time: a map is fitted on the earlier ones
    and judged on the next, and the first judges nothing. `cluster` (n,) numbers rows that belong together (a day).
    """

    labels: Bools
    scores: Floats
    fold: npt.NDArray[np.integer]
    forward: bool = False
    weights: Floats | None = None
    cluster: Counts | None = None


@dataclass(frozen=True)
class Mended:
    """A recalibration, judged on rows it was not fitted on: log loss, its mean change with interval, ECE, or why not.

    `n` rows judged it. The intervals of all that were tried hold together at 95 % (Bonferroni).
    """

    name: str
    n: int = 0
    log_loss: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    ece: float | None = None
    method: str = ""
    reason: str = ""

    @property
    def better(self) -> bool:
        """Whether it lowers the log loss for sure."""
        return self.high is not None and self.high < 0


def at_random(labels: npt.ArrayLike, scores: npt.ArrayLike, weights: Floats | None = None, seed: int = SEED) -> Rows:
    """Rows in five random folds, each with its share of either outcome; ValueError as `probabilities`."""
    y, p = probabilities(labels, scores)
    return Rows(y, p, folds(y, FOLDS, seed), weights=weights)


def in_time(labels: npt.ArrayLike, scores: npt.ArrayLike, times: npt.NDArray[np.int64],
            weights: Floats | None = None, day: int = 86_400_000_000) -> Rows:
    """Rows in five spans of time of about equally many rows; times (n,) in microseconds, equal ones stay together.

    Rows of a day are a cluster: their losses depend on each other, and an interval that takes them for independent
    would be too narrow.
    """
    y, p = probabilities(labels, scores)
    starts = np.unique(np.quantile(times, np.arange(1, FOLDS) / FOLDS, method="lower"))
    number = np.searchsorted(starts, times, side="left")
    return Rows(y, p, np.unique(number, return_inverse=True)[1], True, weights, np.unique(times // day,
                                                                                        return_inverse=True)[1])


def recalibrations(rows: Rows, bins: int = 10, names: Iterable[str] = tuple(RECALIBRATORS)) -> list[Mended]:
    """Every recalibration beside the scores as they are, all on the same judged rows; the lowest log loss first.

    The change of the mean log loss is paired, row by row; its interval is Student's t over rows, or over clusters where
    there are ten and more (Liang & Zeger 1986, Biometrika 73:13), with weights by linearisation.
    """
    counted = tally(rows.labels, rows.scores, rows.fold, rows.weights)
    judged = rows.fold > 0 if rows.forward else np.ones(rows.fold.size, dtype=np.bool_)
    wanted = list(names)
    if not judged.any():
        return [Mended(AS_IS), *(Mended(name, reason="there is one moment only") for name in wanted)]
    plain = np.broadcast_to(counted.score, (counted.folds, counted.score.size))
    base, n = _losses(plain), int(judged.sum())
    pull = _Pull(rows, counted, judged)
    loss = pull.mean(base)
    found = [Mended(AS_IS, n, loss, ece=_ece(plain, counted, rows.forward, bins))]
    for name in wanted:
        try:
            values = out_of_fold(name, counted, forward=rows.forward)
        except ValueError as problem:
            found.append(Mended(name, reason=str(problem)))
            continue
        change = _losses(values) - base
        mean, (low, high) = pull.mean(change), pull.bounds(change, 1 - 0.05 / len(wanted))
        found.append(Mended(name, n, loss + mean, mean, low, high, _ece(values, counted, rows.forward, bins),
                            pull.method, pull.reason))
    return sorted(found, key=lambda each: np.inf if each.log_loss is None else each.log_loss)


def best(found: list[Mended]) -> Mended:
    """The recalibration with the lowest log loss among those surely better; else the scores as they are."""
    return next((each for each in found if each.better), next(each for each in found if each.name == AS_IS))


def _losses(values: Floats) -> Floats:
    """The log loss of each outcome, in nats: recalibrated scores (f, c) to (f, 2, c)."""
    return np.stack([-np.log(np.clip(1 - values, CLIP, 1)), -np.log(np.clip(values, CLIP, 1))], axis=1)


def _ece(values: Floats, counted: Tally, forward: bool, bins: int) -> float:
    """The ECE of recalibrated scores (f, c) in bins of equal width, closed on the right."""
    used, weight = values[int(forward):], counted.weight[int(forward):]
    cell = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], used, side="left").ravel()
    total = weight.sum(axis=1)
    gap = np.bincount(cell, (weight[:, 1] - total * used).ravel())
    return float(np.abs(gap).sum() / total.sum())


class _Pull:
    """How a mean over judged rows moves with each of them: of values by fold, outcome and cell, (f, 2, c)."""

    def __init__(self, rows: Rows, counted: Tally, judged: Bools) -> None:
        first = int(rows.forward)
        self.first, total = first, counted.weight[first:].sum()
        self.share, self.squared = counted.weight[first:] / total, counted.squared[first:] / total**2
        self.effective = float(1 / self.squared.sum())
        self.rows, self.groups, self.reason = int(judged.sum()), 0, ""
        self.weights = np.full(self.rows, 1 / total) if rows.weights is None else rows.weights[judged] / total
        if rows.weights is not None and (self.weights.max() > 0.5 or self.effective < FEWEST_EFFECTIVE):
            self.reason = f"a few rows hold the weight ({self.effective:.1f} effective)"
        elif self.rows < 2:
            self.reason = "one row has no interval"
        if rows.cluster is not None:
            self.key, self.cluster = counted.key[judged], rows.cluster[judged]
            self.groups = np.unique(self.cluster).size
        self.clustered = self.groups >= FEWEST_CLUSTERS
        self.method = "" if self.reason else f"t over {self.groups} days" if self.clustered else "t over rows"

    def mean(self, values: Floats) -> float:
        return float((self.share * values[self.first:]).sum())

    def bounds(self, values: Floats, level: float) -> tuple[float | None, float | None]:
        """Student's t bounds of the mean; None where there is a `reason`."""
        if self.reason:
            return None, None
        mean = self.mean(values)
        if self.clustered:
            pull = np.bincount(self.cluster, self.weights * (values.ravel()[self.key] - mean))
            variance, n = float(np.square(pull).sum()), self.groups
        else:
            variance, n = float((self.squared * np.square(values[self.first:] - mean)).sum()), self.rows
        half = student_quantile(n - 1, level) * math.sqrt(variance * n / (n - 1))
        return mean - half, mean + half
