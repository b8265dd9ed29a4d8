"""How well a yes-or-no model does before its outcomes are in: expected from its scores, with its past error."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Counts, Floats, finite
from mlops_tui.analysis.histogram import PIECE, probability_edges
from mlops_tui.analysis.interval import Interval, mean_interval, student_quantile, z_score
from mlops_tui.analysis.logistic import NoOptimum
from mlops_tui.analysis.recalibration import Map, recalibrator
from mlops_tui.analysis.tally import Tally

METRICS = ("roc_auc", "accuracy", "precision", "recall", "f1", "brier", "log_loss", "share")
CLIP = 1e-7      # of a score, where its logarithm is taken
ENOUGH = 19      # past windows from which on the 95 % quantile of their errors is one of them
FEWEST = 5       # past windows, without which nothing is known of the estimate's error


@dataclass(frozen=True)
class Expected:
    """A metric that is expected of rows without outcomes, and the standard deviation that chance alone gives it."""

    value: float
    spread: float


@dataclass(frozen=True)
class Scores:
    """Rows counted by score: `edges` (c,) rise and hold the threshold, `n` (c,) rows, `mean` (c,) their mean score."""

    edges: Floats
    n: Floats
    mean: Floats


def edges_with(threshold: float) -> Floats:
    """The edges of score bins, of which the threshold is one: its decisions are exact."""
    return np.union1d(probability_edges(), [threshold])


def counted(scores: npt.ArrayLike, threshold: float) -> Scores:
    """Count scores in [0, 1], (n,); ValueError for others, or for none."""
    s, edges = finite(scores), edges_with(threshold)
    if s.size == 0 or s.min() < 0 or s.max() > 1:
        raise ValueError("estimates are made of probabilities: scores from 0 to 1, at least one")
    n, total = np.zeros(edges.size), np.zeros(edges.size)
    for start in range(0, s.size, PIECE):
        part = s[start:start + PIECE]
        cell = np.searchsorted(edges[1:], part, side="right")
        n += np.bincount(cell, minlength=edges.size)
        total += np.bincount(cell, part, edges.size)
    return Scores(edges, n, np.where(n > 0, total / np.maximum(n, 1), edges))


def expected(rows: Scores, calibrate: Map, threshold: float) -> dict[str, Expected]:
    """Each metric of METRICS as the calibrated scores have it (confidence-based estimation: Garg et al. 2022, ICLR;
    Guillory et al. 2021; Humphrey et al. 2025, JAIR, on metrics by bins).

    A row of calibrated score p is a positive with chance p, independently of the others: the expected confusion matrix
    is Σ p and Σ (1 − p) of the flagged and the passed rows, and the metrics are those of it; AUC counts pairs by
    p·(1 − p'). The spread is that of the metric of outcomes drawn so, to first order. Undefined metrics are left out.
    """
    return _of_chances(rows, np.clip(calibrate(rows.mean), 0, 1), threshold)


def _of_chances(rows: Scores, chances: Floats, threshold: float) -> dict[str, Expected]:
    """The metrics of rows by score bin, of each of which so many, (c,), are positives."""
    filled = rows.n > 0
    n, s, edge, p = rows.n[filled], rows.mean[filled], rows.edges[filled], chances[filled]
    chance, total, yes = n * p * (1 - p), float(n.sum()), edge >= threshold
    tp, fn = float((n * p)[yes].sum()), float((n * p)[~yes].sum())
    flagged, positives = float(n[yes].sum()), tp + fn
    vary, miss = float(chance[yes].sum()), float(chance[~yes].sum())

    def of_cells(value: float, by_tp: float, by_fn: float) -> Expected:
        return Expected(value, math.sqrt(by_tp**2 * vary + by_fn**2 * miss))

    def of_rows(each: Floats, slope: Floats) -> Expected:
        return Expected(float(each @ n) / total, math.sqrt(float(np.square(slope) @ chance)) / total)

    found = {"share": of_cells(positives / total, 1 / total, 1 / total),
             "accuracy": of_cells((tp + total - flagged - fn) / total, 1 / total, -1 / total),
             "brier": of_rows(p * (1 - 2 * s) + s**2, 1 - 2 * s)}
    inside = np.clip(s, CLIP, 1 - CLIP)
    yes_loss, no_loss = -np.log(inside), -np.log1p(-inside)
    found["log_loss"] = of_rows(p * yes_loss + (1 - p) * no_loss, yes_loss - no_loss)
    if flagged:
        found["precision"] = of_cells(tp / flagged, 1 / flagged, 0.0)
    if positives > 0:
        found["recall"] = of_cells(tp / positives, fn / positives**2, -tp / positives**2)
        both = flagged + positives
        found["f1"] = of_cells(2 * tp / both, 2 / both - 2 * tp / both**2, -2 * tp / both**2)
        if positives < total:
            found["roc_auc"] = _roc_auc(n * p, n * (1 - p), chance)
    return {name: found[name] for name in METRICS if name in found}


def confusion(rows: Scores, calibrate: Map, threshold: float) -> Mapping[str, float]:
    """The expected numbers of the four answers."""
    p, yes = np.clip(calibrate(rows.mean), 0, 1), rows.edges >= threshold
    flagged, passed = rows.n * yes, rows.n * ~yes
    return {"tp": float(flagged @ p), "fp": float(flagged @ (1 - p)), "fn": float(passed @ p),
            "tn": float(passed @ (1 - p))}


def _roc_auc(positive: Floats, negative: Floats, chance: Floats) -> Expected:
    """Of pairs inside a bin half are right; a row makes none with itself."""
    p, q = float(positive.sum()), float(negative.sum())
    below = np.cumsum(negative) - negative / 2
    above = p - np.cumsum(positive) + positive / 2
    value = (float(positive @ below) - float(chance.sum()) / 2) / (p * q - float(chance.sum()))
    moved = (below - above) / (p * q) - value / p + value / q
    return Expected(value, math.sqrt(float(np.square(moved) @ chance)))


# -- days: what was expected before, and what came ------------------------------------------------------------------


@dataclass(frozen=True)
class Days:
    """Predictions by day and score bin: all of them (d, c), and those with an outcome (d, 2, c), negatives first.

    `mean` (c,) is the mean score of a bin over all days. Days follow each other in time.
    """

    edges: Floats
    mean: Floats
    all: Counts
    outcome: Counts

    def scores(self, first: int, last: int) -> Scores:
        return Scores(self.edges, self.all[first:last].sum(axis=0).astype(np.float64), self.mean)


def by_day(scores: npt.ArrayLike, labels: npt.ArrayLike, known: npt.ArrayLike, day: Counts, threshold: float) -> Days:
    """Count scores (n,) by day (numbered from 0 without a gap) and, where their outcome is `known`, by label.

    ValueError for scores outside [0, 1]."""
    s, edges = finite(scores), edges_with(threshold)
    if s.size == 0 or s.min() < 0 or s.max() > 1:
        raise ValueError("estimates are made of probabilities: scores from 0 to 1, at least one")
    cell, number = np.searchsorted(edges[1:], s, side="right"), int(day.max()) + 1
    has, yes = np.asarray(known, dtype=np.bool_), np.asarray(labels) == 1
    size = number * edges.size
    every = np.bincount(day * edges.size + cell, minlength=size).reshape(number, -1)
    place = (2 * day + yes) * edges.size + cell
    outcome = np.bincount(place[has], minlength=2 * size).reshape(number, 2, -1)
    rows = every.sum(axis=0)
    mean = np.where(rows > 0, np.bincount(cell, s, edges.size) / np.maximum(rows, 1), edges)
    return Days(edges, mean, every, outcome)


def calibrator(days: Days, first: int, last: int, name: str = "platt") -> Map:
    """The recalibration fitted on the outcomes of days `first` up to `last`; ValueError where there is none."""
    weight = days.outcome[first:last].sum(axis=0).astype(np.float64)[None]
    none = np.zeros(0, dtype=np.int64)
    try:
        return recalibrator(name, Tally(days.mean, weight, weight, none, none))
    except NoOptimum as no:
        raise ValueError(str(no)) from no


@dataclass(frozen=True)
class Past:
    """What was expected of a window of past days, and what came: up to which day, both values, chance's spread."""

    last: int
    expected: float
    realised: float
    spread: float

    @property
    def error(self) -> float:
        return self.expected - self.realised


@dataclass(frozen=True)
class Plan:
    """Windows of `length` days, expected by the outcomes of `reference` days before; `lag` days until these are in."""

    length: int
    reference: int = 28
    lag: int = 1
    threshold: float = 0.5


def before(plan: Plan, last: int) -> tuple[int, int]:
    """The days whose outcomes an estimate of the window up to day `last` may use: from, up to and without."""
    end = min(last - plan.length + 1, last + 1 - plan.lag)
    return max(end - plan.reference, 0), max(end, 0)


def estimated(days: Days, plan: Plan, last: int) -> dict[str, Expected]:
    """What is expected of the window up to day `last`; ValueError where there are no outcomes to calibrate by."""
    first, end = before(plan, last)
    if end - first < min(plan.reference, 7):
        raise ValueError(f"outcomes of {max(end - first, 0)} days before are known, 7 are needed to calibrate by")
    return expected(days.scores(last - plan.length + 1, last + 1), calibrator(days, first, end), plan.threshold)


def backtested(days: Days, plan: Plan, until: int) -> dict[str, list[Past]]:
    """Each past window that ends before day `until`: what was expected of it then, and what came, by metric."""
    found: dict[str, list[Past]] = {name: [] for name in METRICS}
    for last in range(plan.length - 1, until):
        try:
            said = estimated(days, plan, last)
        except ValueError:
            continue
        for name, came in realised(days, last - plan.length + 1, last + 1, plan.threshold).items():
            if name in said:
                found[name].append(Past(last, said[name].value, came, said[name].spread))
    return found


def realised(days: Days, first: int, last: int, threshold: float) -> dict[str, float]:
    """The metrics of the outcomes that came of some days, by score bin; undefined ones are left out."""
    negative, positive = days.outcome[first:last].sum(axis=0).astype(np.float64)
    n, p = negative + positive, positive.sum()
    if not n.sum():
        return {}

    share = np.divide(positive, n, out=np.zeros_like(n), where=n > 0)
    rows = Scores(days.edges, n, days.mean)
    found = {name: each.value for name, each in _of_chances(rows, share, threshold).items()}
    if 0 < p < n.sum():
        q = negative.sum()
        found["roc_auc"] = float(positive @ (np.cumsum(negative) - negative / 2)) / (p * q)
    else:
        for name in ("roc_auc", "recall", "f1"):
            found.pop(name, None)
    return found


@dataclass(frozen=True)
class Estimate:
    """An estimate, between which the truth lies at the level if it is wrong by no more than it was before.

    `typical` is the mean absolute error over `windows` past windows; `reason` says why there are no bounds.
    """

    value: float
    low: float | None
    high: float | None
    typical: float | None
    windows: int
    reason: str = ""


RANGES = {"log_loss": (0.0, math.inf)}


def widened(said: Expected, past: Sequence[Past], name: str = "", level: float = 0.95, length: int = 1) -> Estimate:
    """The interval of an estimate from the errors of past ones in units of their spread (split conformal: Vovk et al.
    2005; Lei et al. 2018, JASA 113:1094), never narrower than chance alone makes it.

    From 19 past windows on it is their ⌈(k + 1)·level⌉-th smallest error, below that Student's t on their root mean
    square with as many degrees of freedom as windows that do not overlap. No bounds below 5 windows.
    """
    if len(past) < FEWEST:
        return Estimate(said.value, None, None, None, len(past), f"{len(past)} past windows tell how wrong it may be, "
                                                                 f"{FEWEST} are needed")
    half = max(z_score(level), reach(past, level, length)) * said.spread
    low, high = RANGES.get(name, (0.0, 1.0))
    typical = float(np.mean([abs(each.error) for each in past]))
    return Estimate(said.value, max(said.value - half, low), min(said.value + half, high), typical, len(past))


def reach(past: Sequence[Past], level: float = 0.95, length: int = 1) -> float:
    """How many of its spreads an estimate may be off, by the past ones."""
    sizes = np.sort([abs(each.error) / max(each.spread, 1e-12) for each in past])
    place = math.ceil((sizes.size + 1) * level)
    if sizes.size >= ENOUGH:
        return float(sizes[min(place, sizes.size) - 1])
    apart = max(sizes.size // length, 2)
    return student_quantile(apart - 1, level) * float(np.sqrt(np.square(sizes).mean())) * math.sqrt(1 + 1 / apart)


def covered(past: Sequence[Past], least: int = ENOUGH, level: float = 0.95, length: int = 1) -> tuple[int, int]:
    """Of how many past windows the interval that could have been given then held what came: held, windows.

    The interval of each is made of the windows that were over before it began.
    """
    held = total = 0
    for each in past:
        earlier = [one for one in past if one.last <= each.last - length]
        if len(earlier) >= least:
            total += 1
            held += bool(abs(each.error) <= max(z_score(level), reach(earlier, level, length)) * each.spread)
    return held, total


def leaning(past: Sequence[Past], newest: int = 14) -> Interval | None:
    """The mean error of the newest windows with Student's t over them, where it surely is not 0; else None.

    Scores that were honest until lately, and are not now, show here first: the share of positives fell, or what the
    scores mean.
    """
    found = mean_interval(np.array([each.error for each in past[-newest:]]))
    return found if found is not None and (found.low > 0 or found.high < 0) else None


def calibration_error(days: Days, plan: Plan, until: int, parts: int = 10) -> float:
    """The expected calibration error in ten parts of equally many rows of the last `reference` days before day
    `until`, by the map of as many days before them: out of time. ValueError where there are too few days."""
    middle = until - plan.reference
    first = max(middle - plan.reference, 0)
    if middle - first < min(plan.reference, 7):
        middle, first = until // 2, 0
    said = np.clip(calibrator(days, first, middle)(days.mean), 0, 1)
    negative, positive = days.outcome[middle:until].sum(axis=0).astype(np.float64)
    n = negative + positive
    if not n.sum():
        raise ValueError("no outcome of the newest days is known")
    part = np.minimum((np.cumsum(n) - n / 2) * parts // n.sum(), parts - 1).astype(np.int64)
    return float(np.abs(np.bincount(part, positive - n * said)).sum() / n.sum())
