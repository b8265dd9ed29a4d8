"""Curves that show how a model answers, with as few points as a picture needs; rows may have weights."""

from dataclasses import dataclass

import numpy as np

from mlops_tui.analysis.answers import Answers
from mlops_tui.analysis.arrays import Floats

POINTS, BINS = 200, 10


@dataclass(frozen=True)
class Ranked:
    """Rates at falling thresholds, (k,): of scores at or above each, from none to all."""

    threshold: Floats
    false_positive_rate: Floats
    recall: Floats
    precision: Floats


@dataclass(frozen=True)
class Bin:
    """Rows of similar predictions: their mean prediction, and mean, 10 % and 90 % quantile of what came."""

    predicted: float
    actual: float
    low: float
    high: float
    n: int


def ranked(answers: Answers, points: int = POINTS) -> Ranked:
    """The ROC and precision–recall curves of binary answers in one, at most so many points, ties in one step.

    Points are the steps nearest to evenly spaced shares of all rows. ValueError for one class.
    """
    y, weight = np.asarray(answers.label, dtype=bool), _weight(answers)
    if not weight[y].sum() or not weight[~y].sum():
        raise ValueError("only one class has rows that count")
    order = np.argsort(-answers.given, kind="stable")
    scores, caught, alarms = answers.given[order], np.cumsum((weight * y)[order]), np.cumsum((weight * ~y)[order])
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
    if last.size > points:
        last = last[np.unique(np.linspace(0, last.size - 1, points).round().astype(np.int64))]
    flagged = caught[last] + alarms[last]
    precision = np.divide(caught[last], flagged, out=np.ones(last.size), where=flagged > 0)
    return Ranked(np.asarray(scores[last], dtype=np.float64), alarms[last] / alarms[-1], caught[last] / caught[-1],
                  precision)


def confusions(answers: Answers) -> Floats:
    """Rows (weights) by their class and the class given, (k, k)."""
    k = len(answers.classes)
    cells = np.asarray(answers.label, dtype=np.int64) * k + answers.decided
    return np.bincount(cells, weights=_weight(answers), minlength=k * k).reshape(k, k).astype(np.float64)


def by_prediction(answers: Answers, bins: int = BINS) -> tuple[Bin, ...]:
    """What came of rows of similar predicted numbers, in at most so many bins of about the same weight."""
    weight, given = _weight(answers), answers.given
    order = np.argsort(given, kind="stable")
    share = (np.cumsum(weight[order]) - weight[order] / 2) / weight.sum()
    of = np.minimum((share * bins).astype(np.int64), bins - 1)
    found = []
    for number in np.unique(of):
        rows = order[of == number]
        if weight[rows].sum() > 0:
            low, high = (_quantile(answers.label[rows], weight[rows], q) for q in (0.1, 0.9))
            found.append(Bin(float(np.average(given[rows], weights=weight[rows])),
                             float(np.average(answers.label[rows], weights=weight[rows])), low, high, rows.size))
    return tuple(found)


def _quantile(values: Floats, weight: Floats, q: float) -> float:
    """The smallest value at or below which at least a share q of the weight lies."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    return float(values[order][min(int(np.searchsorted(reached, q - 1e-12)), values.size - 1)])


def _weight(answers: Answers) -> Floats:
    return np.ones(answers.n) if answers.weight is None else answers.weight / answers.weight.max()
