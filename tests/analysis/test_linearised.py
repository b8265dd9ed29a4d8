"""What each row moves a metric, against metrics of rows whose weight is really moved, and scikit-learn's weights."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as sk

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.linearised import linearised
from mlops_tui.analysis.metrics import METRICS, metrics_of
from mlops_tui.analysis.ranking import auc_influence, average_precision_influence

N = 60
draw = np.random.default_rng(5)
LABEL = draw.random(N) < 0.4
SCORE = np.clip(np.round(0.3 + 0.3 * LABEL + draw.normal(0, 0.2, N), 1), 0.05, 0.95)  # with ties
WEIGHT = draw.exponential(size=N)
CLASS = draw.integers(0, 3, N)
CHANCE = draw.dirichlet([1, 1, 1], N) * 0.6 + 0.4 * np.eye(3)[CLASS]
NUMBER = draw.normal(10, 3, N)
OF = {Task.BINARY: (LABEL, SCORE, ()), Task.MULTICLASS: (CLASS, CHANCE, ("a", "b", "c")),
      Task.REGRESSION: (NUMBER, NUMBER + draw.normal(0, 1, N), ())}
ROUGH = ("median_ae", "top_3_accuracy", "top_5_accuracy")  # no slope; more classes than there are
SMOOTH = [(task, name) for task in Task for name in metrics_of(task) if name not in ROUGH]


def answers(task: Task, weight: np.ndarray | None = WEIGHT) -> Answers:
    label, given, classes = OF[task]
    return Answers(task, label, given, classes, weight)


@pytest.mark.parametrize(("task", "name"), SMOOTH)
def test_what_a_row_moves_is_the_slope_of_the_metric_by_its_weight(task: Task, name: str) -> None:
    """Central differences of the metric itself, by 0.1 % of the weight of a row: right to five digits."""
    metric, rows = METRICS[name], answers(task)
    value, moved = linearised(metric, rows)
    assert moved.sum() == pytest.approx(0, abs=1e-9 * max(1, abs(value)))
    for row in (0, 7, 23, 41):
        step = np.zeros(N)
        step[row] = 1e-3
        up, down = (linearised(metric, replace(rows, weight=WEIGHT * (1 + sign * step)))[0] for sign in (1, -1))
        assert moved[row] == pytest.approx((up - down) / 2e-3, rel=2e-4, abs=1e-8)


@pytest.mark.parametrize(("name", "theirs"), [
    ("roc_auc", lambda w: sk.roc_auc_score(LABEL, SCORE, sample_weight=w)),
    ("average_precision", lambda w: sk.average_precision_score(LABEL, SCORE, sample_weight=w)),
    ("f1", lambda w: sk.f1_score(LABEL, SCORE >= 0.5, sample_weight=w)),
    ("mcc", lambda w: sk.matthews_corrcoef(LABEL, SCORE >= 0.5, sample_weight=w)),
    ("balanced_accuracy", lambda w: sk.balanced_accuracy_score(LABEL, SCORE >= 0.5, sample_weight=w)),
    ("log_loss", lambda w: sk.log_loss(LABEL, SCORE, sample_weight=w)),
    ("brier", lambda w: sk.brier_score_loss(LABEL, SCORE, sample_weight=w)),
])
def test_the_value_is_scikit_learns_with_sample_weights(name: str, theirs: object) -> None:
    assert linearised(METRICS[name], answers(Task.BINARY))[0] == pytest.approx(theirs(WEIGHT), rel=1e-12)  # type: ignore[operator]
    huge, plain = (linearised(METRICS[name], answers(Task.BINARY, weight)) for weight in (np.full(N, 1e12), None))
    assert huge[0] == pytest.approx(plain[0], rel=1e-12)
    assert huge[1] == pytest.approx(plain[1], rel=1e-9, abs=1e-15)


def test_without_weights_rankings_move_as_their_closed_forms_say() -> None:
    rows = answers(Task.BINARY, None)
    assert linearised(METRICS["roc_auc"], rows)[1] == pytest.approx(auc_influence(LABEL, SCORE), abs=1e-15)
    assert linearised(METRICS["average_precision"], rows)[1] == pytest.approx(
        average_precision_influence(LABEL, SCORE), abs=1e-15)


@pytest.mark.parametrize(("task", "name"), [
    (Task.BINARY, "roc_auc"), (Task.BINARY, "f1"), (Task.MULTICLASS, "macro_f1"), (Task.REGRESSION, "rmse")])
def test_a_row_without_weight_moves_nothing_and_changes_nothing(task: Task, name: str) -> None:
    weight = np.where(np.arange(N) % 3, WEIGHT, 0)
    value, moved = linearised(METRICS[name], answers(task, weight))
    label, given, classes = OF[task]
    kept = weight > 0
    alone, of_kept = linearised(METRICS[name], Answers(task, label[kept], given[kept], classes, weight[kept]))
    assert value == pytest.approx(alone, rel=1e-12)
    assert (moved[~kept] == 0).all()
    assert moved[kept] == pytest.approx(of_kept, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(("weight", "what"), [
    (np.full(N, -1.0), "a weight is a number"), (np.full(N, np.nan), "a weight is a number"),
    (np.zeros(N), "weights are 0"), (np.where(LABEL, 1.0, 0.0), "only one class has any weight"),
])
def test_weights_that_are_none_are_refused(weight: np.ndarray, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        linearised(METRICS["roc_auc"], answers(Task.BINARY, weight))


def test_an_undefined_metric_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match="precision is undefined: no row is flagged"):
        linearised(replace(METRICS["precision"], threshold=2.0), answers(Task.BINARY))
    with pytest.raises(ValueError, match="r2 is undefined: all labels are equal"):
        linearised(METRICS["r2"], Answers(Task.REGRESSION, np.ones(5), np.arange(5.0)))
    with pytest.raises(ValueError, match="only one class"):
        linearised(METRICS["roc_auc"], Answers(Task.BINARY, np.ones(5), np.arange(5.0)))
