"""Everything a table of labels and scores says about one binary classifier, with an interval on every number."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.arrays import Bools, Floats, probabilities, two_classes
from mlops_tui.analysis.calibration import ReliabilityBin, ece, reliability
from mlops_tui.analysis.confusion import Confusion, confusion, decision_estimate
from mlops_tui.analysis.groups import Grouped, coded, counted
from mlops_tui.analysis.interval import Estimate, Resampling
from mlops_tui.analysis.metrics import METRICS, estimate, metrics_of
from mlops_tui.analysis.ranking import Curve, PrecisionCurve, precision_curve, roc_curve

# of each group: closed forms only, so that a hundred groups cost little more than one
GROUP_METRICS = ("roc_auc", "accuracy", "precision", "recall", "specificity", "brier", "selection_rate",
                 "false_positive_rate", "false_negative_rate")
GROUP_ROWS = ("roc_auc", "brier")  # read from the rows, the others from the counts of one pass over all groups


@dataclass(frozen=True)
class Group:
    """The rows of one group: how many, their share of positives, their mean score, and the metrics on them."""

    name: str
    n: int
    positives: int
    mean_score: float
    metrics: tuple[Estimate, ...]


@dataclass(frozen=True)
class Evaluation:
    """One model on one set of labelled rows."""

    n: int
    positives: int
    threshold: float
    confusion: Confusion
    metrics: tuple[Estimate, ...]
    groups: tuple[Group, ...]
    bins: tuple[ReliabilityBin, ...]
    ece: float
    curve: Curve
    precision_curve: PrecisionCurve

    @property
    def prevalence(self) -> float:
        return self.positives / self.n

    def metric(self, name: str) -> Estimate:
        """The estimate of that name; StopIteration where it was not measured."""
        return next(estimate for estimate in self.metrics if estimate.metric == name)

    @property
    def no_better_than_majority(self) -> bool:
        """Whether the accuracy, with its interval, is below that of always answering the commoner class."""
        high = self.metric("accuracy").high
        return high is not None and high < max(self.prevalence, 1 - self.prevalence)


def evaluation(
    labels: npt.ArrayLike, scores: npt.ArrayLike, threshold: float = 0.5,
    groups: npt.NDArray[np.str_] | None = None, resampling: Resampling | None = None,
    together: npt.ArrayLike | None = None,
) -> Evaluation:
    """Every binary metric at one threshold, calibration in ten bins, both curves with bands; by group GROUP_METRICS.

    Labels 0/1 of both classes, scores in [0, 1], groups as text, all (n,). Groups come in falling order of rows. The
    curves' bands, and nothing else, count the groups of rows that `together` (n,) numbers where rows vary together.
    ValueError for one class, NaN, scores outside [0, 1], unequal lengths.
    """
    y, p = two_classes(*probabilities(labels, scores))
    bins = reliability(y, p)
    measured = tuple(estimate(replace(metric, threshold=threshold), y, p, resampling)
                     for metric in metrics_of(Task.BINARY).values())
    return Evaluation(
        n=y.size, positives=int(y.sum()), threshold=threshold, confusion=confusion(y, p, threshold), metrics=measured,
        groups=() if groups is None else _groups(y, p, threshold, groups), bins=bins, ece=ece(bins),
        curve=roc_curve(y, p, groups=together), precision_curve=precision_curve(y, p, groups=together),
    )


def _groups(y: Bools, p: Floats, threshold: float, names: npt.NDArray[np.str_]) -> tuple[Group, ...]:
    if names.size != y.size:
        raise ValueError(f"{y.size} labels but {names.size} groups")
    distinct, codes = coded(names)
    grouped = Grouped(distinct, counted(y, p >= threshold, codes, distinct.size))
    narrow = codes.astype(np.uint16) if distinct.size <= 1 << 16 else codes  # numpy sorts 16 bits by counting
    order = np.argsort(narrow, kind="stable")
    parts = np.split(order, np.cumsum(grouped.rows)[:-1])
    found = [Group(str(name), rows.size, int(grouped.positives[i]), float(p[rows].mean()),
                   _group(y[rows], p[rows], grouped.confusion(i)))
             for i, (name, rows) in enumerate(zip(distinct, parts, strict=True))]
    return tuple(sorted(found, key=lambda group: (-group.n, group.name)))


def _group(y: Bools, p: Floats, cells: Confusion) -> tuple[Estimate, ...]:
    return tuple(estimate(METRICS[name], y, p) if name in GROUP_ROWS else decision_estimate(name, cells)
                 for name in GROUP_METRICS)
