"""How much each row moves a metric: what comparisons of weighted or clustered rows, and of several classes, rest on."""

import numpy as np

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.arrays import Floats, labelled, two_classes
from mlops_tui.analysis.confusion import DECISIONS, Cells, DecisionMetric
from mlops_tui.analysis.influence import checked, shares
from mlops_tui.analysis.metrics import Family, Metric, linear, losses
from mlops_tui.analysis.weighted import RANKINGS

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
