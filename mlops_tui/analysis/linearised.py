"""How much each row moves a metric: what comparisons of weighted or clustered rows, and of several classes, rest on."""

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.arrays import Bools, Floats, labelled, two_classes
from mlops_tui.analysis.confusion import DECISIONS, Cells, DecisionMetric
from mlops_tui.analysis.influence import checked, shares
from mlops_tui.analysis.metrics import Family, Metric, linear, losses

STEP = 1e-5  # of a numeric derivative, as a share of the cell that is moved


def linearised(metric: Metric, answers: Answers) -> tuple[float, Floats]:
    """The weighted metric, and how fast it grows with the relative weight of each row, (n,); these add up to 0.

    The sum of their squares is the metric's variance to first order (the infinitesimal jackknife; Deville 1999, Surv.
    Methodol. 25:193), and that of their differences between two models the variance of the difference. Rows of weight
    0 have none. ValueError for one class, no usable weight, or a metric that is undefined on these rows.
    """
    if answers.task is not Task.BINARY:
        found = linear(metric, answers)
        if isinstance(found, str):
            raise ValueError(f"{metric.id} is undefined: {found}")
        moved = shares(checked(answers)) * found.influence
        return found.value, moved if answers.weight is None or moved.size == answers.n else _spread(answers, moved)
    checked(answers)
    share = shares(answers)
    if metric.family is Family.RANKING:
        y, s = two_classes(answers.label, answers.given)
        return RANKINGS[metric.id](y, s, share)
    if metric.family is Family.LOSS:
        loss = losses(metric.id, answers.label, answers.given)
        value = float(share @ loss)
        return value, share * (loss - value)
    return _decision(metric, answers, share)


def _spread(answers: Answers, moved: Floats) -> Floats:
    """What rows of some weight move, at their places among all rows."""
    found = np.zeros(answers.n)
    found[np.asarray(answers.weight) > 0] = moved
    return found


def _decision(metric: Metric, answers: Answers, share: Floats) -> tuple[float, Floats]:
    y, s = labelled(answers.label, answers.given)
    rule, yes = DECISIONS[metric.id], s >= metric.threshold
    cell = np.where(yes, np.where(y, 0, 1), np.where(y, 2, 3))
    cells = np.bincount(cell, weights=share, minlength=4).astype(np.float64)
    value = float(rule.value(cells[:, None])[0])
    if not np.isfinite(value):
        raise ValueError(f"{metric.id} is undefined: {rule.undefined}")
    gradient = _gradient(rule, cells)
    return value, share * (gradient - cells @ gradient)[cell]


def _gradient(rule: DecisionMetric, cells: Cells) -> Floats:
    """Derivative of the metric by each cell that has rows, by central differences."""
    step = STEP * cells
    slope = rule.value(cells[:, None] + np.diag(step)) - rule.value(cells[:, None] - np.diag(step))
    return np.divide(slope, 2 * step, out=np.zeros(4), where=step > 0)


# -- rankings -------------------------------------------------------------------------------------------------------


def _tied(y: Bools, s: Floats, share: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
    """Rows in rising order of score (n,); of each group of ties its number of rows (g,) and weight by class (2, g)."""
    order = np.argsort(s)
    first = np.flatnonzero(np.concatenate(([True], np.diff(s[order]) != 0)))
    by_class = np.stack([np.where(y, 0.0, share), np.where(y, share, 0.0)])[:, order]
    return order, np.diff(np.append(first, s.size)), np.add.reduceat(by_class, first, axis=1)


def _auc(y: Bools, s: Floats, share: Floats) -> tuple[float, Floats]:
    order, size, (negative, positive) = _tied(y, s, share)
    if min(negative.sum(), positive.sum()) == 0:
        raise ValueError("only one class has any weight")
    below = (np.cumsum(negative) - negative / 2) / negative.sum()
    above = 1 - (np.cumsum(positive) - positive / 2) / positive.sum()
    value = float(positive @ below / positive.sum())
    placed = np.empty(y.size)
    placed[order] = np.where(y[order], np.repeat(below, size), np.repeat(above, size))
    return value, (placed - value) * share / np.where(y, positive.sum(), negative.sum())


def _average_precision(y: Bools, s: Floats, share: Floats) -> tuple[float, Floats]:
    order, size, groups = _tied(y, s, share)
    positive, reached = groups[1], np.cumsum(groups[:, ::-1], axis=1)[:, ::-1]
    if positive.sum() == 0:
        raise ValueError("no positive row has any weight")
    flagged = reached.sum(axis=0)
    precision, gained = (np.divide(top, flagged, out=np.zeros_like(flagged), where=flagged > 0)
                         for top in (reached[1], positive))
    value = float(positive @ precision / positive.sum())
    added, diluted = np.cumsum(gained), np.cumsum(gained * precision)
    moved = np.empty(y.size)
    moved[order] = np.where(y[order], np.repeat(precision - value + added, size), 0.0) - np.repeat(diluted, size)
    return value, moved * share / positive.sum()


RANKINGS = {"roc_auc": _auc, "average_precision": _average_precision}
