"""How much of a day's outcomes is in by its age, and what the missing ones could change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import tails
from mlops_tui.analysis.arrays import Bools, Floats
from mlops_tui.analysis.interval import z_score
from mlops_tui.analysis.ranks import mid_ranks


@dataclass(frozen=True)
class Curve:
    """The share of outcomes that is in at rising ages (k,), with pointwise bounds; before the first age it is 0.

    `n` predictions, of which `waiting` were still without an outcome when they were last looked at.
    """

    age: Floats
    share: Floats
    low: Floats
    high: Floats
    n: int
    waiting: int

    def at(self, age: npt.ArrayLike) -> Floats:
        """The share that is in at these ages."""
        place = np.searchsorted(self.age, np.asarray(age, dtype=np.float64), side="right")
        return np.asarray(np.concatenate([[0.0], self.share])[place])

    def age_of(self, share: float) -> float | None:
        """The first age at which so many are in; None where the curve ends below."""
        reached = np.flatnonzero(self.share >= share - 1e-12)
        return float(self.age[reached[0]]) if reached.size else None


def curve(age: npt.ArrayLike, arrived: npt.ArrayLike, level: float = 0.95) -> Curve:
    """The share of outcomes in by age, of predictions some of which still wait (Kaplan & Meier 1958, JASA 53:457).

    `age` (n,) is how old a prediction was when its outcome came in, or how old it is now where it has `arrived` (n,)
    not yet: the newest days count for the ages that they have reached, and not as days that never fill. What never
    gets an outcome keeps the curve below 1. Bounds by Greenwood's variance on the scale log(−log S) (Kalbfleisch &
    Prentice 1980, §1.3), pointwise. ValueError for no rows or ages that are not finite.
    """
    a, came = np.asarray(age, dtype=np.float64), np.asarray(arrived, dtype=np.bool_)
    if a.size == 0 or a.shape != came.shape:
        raise ValueError(f"{a.size} ages but {came.size} rows that arrived or not; at least one is needed")
    if not np.isfinite(a).all():
        raise ValueError("an age is a finite number")
    at, place = np.unique(a, return_inverse=True)
    events, leaving = np.bincount(place, came), np.bincount(place)
    risk = a.size - np.cumsum(leaving) + leaving
    kept = events > 0
    d, r = events[kept], risk[kept].astype(np.float64)
    survival: Floats = np.asarray(np.cumprod(1 - d / r), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(np.where(r > d, d / (r * np.maximum(r - d, 1)), 0.0))
        reach = z_score(level) * np.sqrt(greenwood) / np.abs(np.log(survival))
        low, high = survival ** np.exp(reach), survival ** np.exp(-reach)
    ended = survival <= 0
    least, most = (np.where(ended, np.nan, 1 - each) for each in (high, low))
    return Curve(at[kept], np.asarray(1 - survival), least, most, a.size, int(a.size - came.sum()))


@dataclass(frozen=True)
class Extremes:
    """A metric between the worst and the best that the outcomes still missing could make of it."""

    low: float
    high: float


def extremes(labels: Bools, scores: Floats, missing: Floats, threshold: float) -> dict[str, Extremes]:
    """Sharp bounds of each metric over all outcomes that the rows still without one may get (Manski 1989, J. Hum.
    Resour. 24:343).

    `labels` and `scores` (n,) of the rows whose outcome is in, `missing` (m,) the scores of the others. A metric that
    is undefined for some outcomes is left out. No assumption is made on which outcomes come late.
    """
    found = {name: rule(labels, scores, missing, threshold) for name, rule in _EXTREMES.items()}
    return {name: Extremes(*each) for name, each in found.items() if each is not None and np.isfinite(each).all()}


Bounds = tuple[float, float] | None


def _cells(labels: Bools, scores: Floats, missing: Floats, threshold: float) -> tuple[int, int, int, int, int, int]:
    """tp, fp, fn, tn of what is in; how many missing rows are flagged, and are not."""
    said = scores >= threshold
    late = int((missing >= threshold).sum())
    return (int((said & labels).sum()), int((said & ~labels).sum()), int((~said & labels).sum()),
            int((~said & ~labels).sum()), late, int(missing.size - late))


def _share(labels: Bools, scores: Floats, missing: Floats, threshold: float) -> Bounds:
    total = labels.size + missing.size
    return (float(labels.sum()) / total, float(labels.sum() + missing.size) / total) if total else None


def _accuracy(labels: Bools, scores: Floats, missing: Floats, threshold: float) -> Bounds:
    tp, fp, fn, tn, yes, no = _cells(labels, scores, missing, threshold)
    total = tp + fp + fn + tn + yes + no
    return ((tp + tn) / total, (tp + tn + yes + no) / total) if total else None


def _precision(labels: Bools, scores: Floats, missing: Floats, threshold: float) -> Bounds:
    tp, fp, _, _, yes, _ = _cells(labels, scores, missing, threshold)
    return (tp / (tp + fp + yes), (tp + yes) / (tp + fp + yes)) if tp + fp + yes else None


def _recall(labels: Bools, scores: Floats, missing: Floats, threshold: float) -> Bounds:
    tp, _, fn, _, yes, no = _cells(labels, scores, missing, threshold)
    return (tp / (tp + fn + no), (tp + yes) / (tp + yes + fn)) if tp + fn else None


def _f1(labels: Bools, scores: Floats, missing: Floats, threshold: float) -> Bounds:
    tp, fp, fn, _, yes, no = _cells(labels, scores, missing, threshold)
    if not tp + fp + fn:
        return None
    return 2 * tp / (2 * tp + fp + yes + fn + no), 2 * (tp + yes) / (2 * (tp + yes) + fp + fn)


def _brier(labels: Bools, scores: Floats, missing: Floats, threshold: float) -> Bounds:
    total = labels.size + missing.size
    if not total:
        return None
    known, least = float(np.square(labels - scores).sum()), np.minimum(missing, 1 - missing)
    return (known + float(np.square(least).sum())) / total, (known + float(np.square(1 - least).sum())) / total


def _roc_auc(labels: Bools, scores: Floats, missing: Floats, threshold: float) -> Bounds:
    """For a number of positives among the missing the least AUC has them at the lowest scores, the largest at the
    highest: any other choice is bettered by a swap. So all numbers are tried, from none to all."""
    if labels.all() or not labels.any():
        return None
    worst = _auc_by_positives(labels, scores, np.sort(missing))
    best = _auc_by_positives(labels, scores, np.sort(missing)[::-1])
    return float(worst.min()), float(best.max())


def _auc_by_positives(labels: Bools, scores: Floats, ordered: Floats) -> Floats:
    """The AUC where the first k of `ordered` (m,) are positives and the others negatives, (m + 1,) for k from 0."""
    every = np.concatenate([scores, ordered])
    rank = mid_ranks(every)
    positives = labels.sum() + np.arange(ordered.size + 1)
    total = rank[: labels.size][labels].sum() + np.concatenate([[0.0], np.cumsum(rank[labels.size:])])
    return np.asarray((total - positives * (positives + 1) / 2) / (positives * (every.size - positives)))


Rule = Callable[[Bools, Floats, Floats, float], Bounds]
_EXTREMES: Mapping[str, Rule] = {"share": _share, "roc_auc": _roc_auc, "accuracy": _accuracy, "precision": _precision,
                                 "recall": _recall, "f1": _f1, "brier": _brier}


@dataclass(frozen=True)
class Lean:
    """By how much what is in early misjudges what is in at last, over past days; `surely` where all of it lies on one
    side of 0."""

    mean: float
    low: float | None
    high: float | None
    days: int

    @property
    def surely(self) -> bool:
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def lean(value: Floats, early: Bools, day: npt.NDArray[np.int64], level: float = 0.95) -> Lean | None:
    """How much higher the mean of `value` (n,) is on what was in `early` (n,) than at last, by day and on the mean.

    Student's t over the days that had something in early; None for less than two of them. Where late outcomes differ
    from early ones (late flights are known late), this is the bias of looking early.
    """
    of = np.unique(day, return_inverse=True)[1]
    n, some = np.bincount(of), np.bincount(of, early)
    usable = some > 0
    if usable.sum() < 2:
        return None
    first = np.bincount(of, np.where(early, value, 0.0))[usable] / some[usable]
    last = np.bincount(of, value)[usable] / n[usable]
    gap = first - last
    half = tails.student_isf((1 - level) / 2, gap.size - 1) * float(gap.std(ddof=1)) / np.sqrt(gap.size)
    mean = float(gap.mean())
    return Lean(mean, mean - half, mean + half, int(gap.size))
