"""The two pictures of a classifier: its ROC curve and its reliability diagram."""

import numpy as np

from mlops_tui.analysis.calibration import ReliabilityBin
from mlops_tui.analysis.ranking import Curve
from mlops_tui.view import Series

FALSE, TRUE = "false positive rate", "true positive rate"


def roc_line(curve: Curve) -> Series:
    """A ROC curve as a line."""
    return Series("roc", "line", tuple(curve.false_positive_rate.tolist()), tuple(curve.true_positive_rate.tolist()),
                  names=("ROC",), title="ROC curve", x_label=FALSE, y_label=TRUE)


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
