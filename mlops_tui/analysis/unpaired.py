"""How far two models differ that answered on different rows, which nothing pairs."""

import math

import numpy as np

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.influence import checked, shares, too_uneven
from mlops_tui.analysis.interval import Contrast, student_p, student_quantile
from mlops_tui.analysis.linearised import linearised
from mlops_tui.analysis.metrics import Metric
from mlops_tui.analysis.ranking import delong_unpaired


def unpaired(metric: Metric, a: Answers, b: Answers, level: float = 0.95) -> Contrast:
    """The difference a − b of a metric between two models' answers on different rows, (n,) and (m,).

    ROC AUC without weights: DeLong's variances, as pROC's unpaired test (`ranking.delong_unpaired`). Other metrics:
    Welch's t of what each row moves its own model's metric (for a mean over rows, scipy's `ttest_ind` with unequal
    variances). Nothing that both models find hard is cancelled, so that far more rows are needed than on the same ones.
    ValueError as `paired.contrast`.
    """
    if a.task is not b.task:
        raise ValueError(f"a {a.task} model and a {b.task} model have no metric in common")
    plain = checked(a).weight is None and checked(b).weight is None
    if metric.id == "roc_auc" and a.task is Task.BINARY and plain:
        return delong_unpaired((a.label, b.label), (a.given, b.given), level)
    (value_a, one), (value_b, other) = (_own(metric, each) for each in (a, b))
    estimate = value_a - value_b
    reason = too_uneven(shares(checked(a))) or too_uneven(shares(checked(b)))
    if reason or one + other == 0:
        return Contrast(estimate, None, None, None, None, "welch-t", reason or "no row differs from another")
    error = math.sqrt(one + other)
    df = (one + other) ** 2 / (one**2 / (a.effective - 1) + other**2 / (b.effective - 1))

    def bounds(level: float) -> tuple[float, float]:
        half = student_quantile(df, level) * error
        return estimate - half, estimate + half

    return Contrast(estimate, *bounds(level), estimate / error, student_p(estimate / error, df), "welch-t", "", error,
                    bounds)


def _own(metric: Metric, answers: Answers) -> tuple[float, float]:
    """A model's metric and its variance."""
    if answers.n < 2:
        raise ValueError("one row has no variance")
    value, moved = linearised(metric, answers)
    share = shares(answers)
    return value, float(np.square(moved).sum()) / (1 - float(np.square(share).sum()))
