"""What an evaluation looks like: curves and bins of a classifier, the confusion of classes, errors of numbers."""

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.calibration import ReliabilityBin, reliability
from mlops_tui.analysis.cost import Costs
from mlops_tui.analysis.interval import mean_interval
from mlops_tui.analysis.multiclass import confusion
from mlops_tui.analysis.operating import operating_points
from mlops_tui.analysis.ranking import Curve
from mlops_tui.modeling._evaluated import Evaluated
from mlops_tui.view import Series

FALSE, TRUE = "false positive rate", "true positive rate"
BINS = 10
MOST_CLASSES = 20  # of a confusion matrix; the most frequent ones


def roc_against(first: Curve, other: Curve, names: tuple[str, str]) -> Series:
    """Two ROC curves at the same false positive rates."""
    grid = np.linspace(0, 1, 101)
    one, two = (np.interp(grid, each.false_positive_rate, each.true_positive_rate) for each in (first, other))
    return Series(f"roc:{names[1]}", "line", tuple(grid.tolist()), tuple(one.tolist()), other=tuple(two.tolist()),
                  names=names, title=f"ROC curves of {names[0]} and {names[1]}", x_label=FALSE, y_label=TRUE)


def reliability_diagram(bins: tuple[ReliabilityBin, ...]) -> Series:
    """The share of positives by mean score with Wilson bars, beside the diagonal of perfect calibration."""
    scores = tuple(each.score for each in bins)
    return Series("reliability", "band", scores, tuple(each.observed for each in bins),
                  tuple(each.observed_low for each in bins), tuple(each.observed_high for each in bins), scores,
                  ("observed", "perfect"), "Reliability", "mean score", "share of positives")


# -- yes or no ------------------------------------------------------------------------------------------------------


def roc(found: Evaluated) -> Series:
    """How many yes rows are found for how many false alarms, beside guessing; weighted rows have no band."""
    if found.binary is not None and found.answers.weight is None:
        curve = found.binary.curve
        across, up, low, high = curve.false_positive_rate, curve.true_positive_rate, curve.low, curve.high
    else:
        points = operating_points(found.answers)
        across, up, low, high = points.false_positive_rate, points.recall, np.empty(0), np.empty(0)
    return Series("roc", "band" if low.size else "line", tuple(across.tolist()), tuple(up.tolist()),
                  tuple(low.tolist()), tuple(high.tolist()), tuple(across.tolist()), ("ROC", "guessing"),
                  "ROC curve: yes rows found, by false alarms among no rows", FALSE, TRUE)


def precision_recall(found: Evaluated) -> Series:
    """How many flagged rows are yes, by how many yes rows are flagged, beside the share of yes rows."""
    if found.binary is not None and found.answers.weight is None:
        curve = found.binary.precision_curve
        recall, precision, low, high, base = curve.recall, curve.precision, curve.low, curve.high, curve.prevalence
    else:
        points = operating_points(found.answers)
        drawn = points.flagged > 0
        recall, precision, base = points.recall[drawn], points.precision[drawn], points.prevalence
        low, high = np.empty(0), np.empty(0)
    return Series("pr", "band" if low.size else "line", tuple(recall.tolist()), tuple(precision.tolist()),
                  tuple(low.tolist()), tuple(high.tolist()), (base,) * recall.size, ("precision", "guessing"),
                  "Precision by recall: right among flagged, by yes rows found", "recall", "precision")


def of_reliability(found: Evaluated) -> Series:
    """The share of yes rows by mean score, in tenths of the scale."""
    answers = found.answers
    if found.binary is not None and answers.weight is None:
        return reliability_diagram(found.binary.bins)
    return reliability_diagram(reliability(answers.label, answers.given, BINS, weights=answers.weight))


def histogram(found: Evaluated) -> Series:
    """The share of no rows and of yes rows in each tenth of the scores."""
    answers, edges = found.answers, np.linspace(0, 1, BINS + 1)
    cell = np.minimum((answers.given * BINS).astype(np.int64), BINS - 1)
    weight = np.ones(answers.n) if answers.weight is None else answers.weight
    no, yes = (np.bincount(cell[of], weight[of], BINS) / max(weight[of].sum(), 1e-300)
               for of in (~answers.label, answers.label))
    names = tuple(f"{low:.1f}–{high:.1f}" for low, high in pairwise(edges))
    return Series("scores", "bins", names, tuple(no.tolist()), other=tuple(yes.tolist()), names=("no rows", "yes rows"),
                  title="Scores of no rows and of yes rows, in shares", x_label="score", y_label="share of the class")


def costs(answers: Answers, declared: Costs, unit: str, threshold: float) -> Series:
    """What answers cost per row by threshold, beside the cost at the declared one."""
    points = operating_points(answers)
    yes, no = points.prevalence, 1 - points.prevalence
    found, alarmed = points.recall, points.false_positive_rate
    cost = (yes * (found * declared.true_positive + (1 - found) * declared.false_negative)
            + no * (alarmed * declared.false_positive + (1 - alarmed) * declared.true_negative))[:0:-1]
    at = points.threshold[:0:-1]
    now = float(cost[min(int(np.searchsorted(at, threshold)), at.size - 1)])
    least = int(np.argmin(cost))
    return Series("cost", "line", tuple(at.tolist()), tuple(cost.tolist()), other=(now,) * at.size,
                  names=("cost per row", f"at threshold {threshold:.3g}: {now:.3g}"),
                  title=f"Cost by threshold: least {cost[least]:.3g} at {at[least]:.3g}", x_label="threshold",
                  y_label=f"{unit} per row".strip())


# -- several classes ------------------------------------------------------------------------------------------------


def confused(found: Evaluated) -> Series:
    """Of the rows of each class (down), the share that was given each class (across)."""
    answers = found.answers
    counts = confusion(answers)
    chosen = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:MOST_CLASSES])
    names = tuple(answers.classes[each] for each in chosen)
    total = np.maximum(counts.sum(axis=1), 1)[chosen, None]
    shares = counts[np.ix_(chosen, chosen)] / total
    left = len(answers.classes) - len(chosen)
    more = f"; {left} rarer classes are not drawn" if left else ""
    return Series("confusion", "heat", names, tuple(shares.ravel().tolist()), low=(0.0,), high=(1.0,), names=names,
                  title=f"Given (across) by class (down), in shares of the class{more}", x_label="given",
                  y_label="class")


# -- numbers --------------------------------------------------------------------------------------------------------


def _tenths(answers: Answers) -> list[Answers]:
    """The rows in ten parts by what was predicted; equal predictions stay together."""
    cuts = np.unique(np.quantile(answers.given, np.linspace(0, 1, BINS + 1)[1:-1]))
    cell = np.searchsorted(cuts, answers.given, side="left")
    return [answers.of(cell == number) for number in np.unique(cell)]


def predicted_against_actual(found: Evaluated) -> Series:
    """What came by what was predicted, in tenths of the predictions, with 95 % intervals of the means."""
    parts = _tenths(found.answers)
    given = tuple(_mean(part, part.given) for part in parts)
    bounds = [_bounds(part, part.label) for part in parts]
    return Series("actual", "band", given, tuple(_mean(part, part.label) for part in parts),
                  tuple(low for low, _ in bounds), tuple(high for _, high in bounds), given, ("came", "as predicted"),
                  "What came by what was predicted, in tenths", "predicted", "came")


def residuals(found: Evaluated) -> Series:
    """The mean error, predicted less came, in tenths of the predictions."""
    parts = _tenths(found.answers)
    errors = [part.given - part.label for part in parts]
    bounds = [_bounds(part, error) for part, error in zip(parts, errors, strict=True)]
    names = tuple(f"to {part.given.max():,.4g}" for part in parts)
    return Series("residuals", "interval", names,
                  tuple(_mean(part, error) for part, error in zip(parts, errors, strict=True)),
                  tuple(low for low, _ in bounds), tuple(high for _, high in bounds),
                  title="Mean error (predicted − came) by what was predicted", x_label="predicted", y_label="error")


def _mean(part: Answers, values: Floats) -> float:
    return float(np.average(values, weights=part.weight))


def _bounds(part: Answers, values: Floats) -> tuple[float | None, float | None]:
    """Of the unweighted mean, moved to the weighted one."""
    made = mean_interval(values)
    if made is None:
        return None, None
    moved = _mean(part, values) - float(values.mean())
    return made.low + moved, made.high + moved


Picture = Callable[[Evaluated], Series]
PICTURES: Mapping[Task, Mapping[str, Picture]] = {
    Task.BINARY: {"roc": roc, "reliability": of_reliability, "pr": precision_recall, "scores": histogram},
    Task.MULTICLASS: {"confusion": confused},
    Task.REGRESSION: {"actual": predicted_against_actual, "residuals": residuals}}
FIRST = ("roc", "reliability", "confusion", "actual", "residuals")  # shown without being asked for
