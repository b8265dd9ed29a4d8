"""Errors of predicted numbers against scikit-learn, weights as repeated rows, and influence by the definition of it."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.metrics import METRICS, linear, measured, metrics_of
from mlops_tui.analysis.regression import ERRORS, by_prediction

rng = np.random.default_rng(3)
N = 300
LABEL = rng.normal(50, 10, N).round(1)
GIVEN = (LABEL + rng.normal(1, 6, N)).round(1)
WEIGHT = rng.integers(1, 5, N).astype(np.float64)
REFEREES = {
    "mae": sk.mean_absolute_error, "rmse": sk.root_mean_squared_error, "median_ae": sk.median_absolute_error,
    "r2": sk.r2_score, "mape": sk.mean_absolute_percentage_error, "explained_variance": sk.explained_variance_score,
    "pinball_10": lambda y, p, **w: sk.mean_pinball_loss(y, p, alpha=0.1, **w),
    "pinball_90": lambda y, p, **w: sk.mean_pinball_loss(y, p, alpha=0.9, **w),
    "bias": lambda y, p, sample_weight=None: np.average(p - y, weights=sample_weight)}


def answers(weight: np.ndarray | None = None, rows: slice = slice(None)) -> Answers:
    return Answers(Task.REGRESSION, LABEL[rows], GIVEN[rows], weight=None if weight is None else weight[rows])


@pytest.mark.parametrize("name", REFEREES)
def test_a_metric_is_what_scikit_learn_says_with_and_without_weights(name: str) -> None:
    for weight in (None, WEIGHT):
        found = measured(METRICS[name], answers(weight))
        assert found.value == pytest.approx(REFEREES[name](LABEL, GIVEN, sample_weight=weight), abs=1e-10)
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.value < found.high
        assert found.n == N


def test_spearman_is_what_scipy_says_and_a_weight_is_that_many_rows() -> None:
    repeated = np.repeat(np.arange(N), WEIGHT.astype(int))
    assert measured(METRICS["spearman"], answers()).value == pytest.approx(stats.spearmanr(LABEL, GIVEN)[0], abs=1e-12)
    assert measured(METRICS["spearman"], answers(WEIGHT)).value == pytest.approx(
        stats.spearmanr(LABEL[repeated], GIVEN[repeated])[0], abs=1e-12)


@pytest.mark.parametrize("name", [name for name in ERRORS if name != "median_ae"])
def test_influence_is_how_fast_the_metric_grows_with_a_rows_weight(name: str) -> None:
    weight, step = WEIGHT[:40], 1e-7
    found = linear(METRICS[name], answers(weight, slice(40)))
    assert not isinstance(found, str)
    assert weight @ found.influence == pytest.approx(0, abs=1e-9)
    for row in range(0, 40, 5):
        more = weight.copy()
        more[row] += step * weight.sum()
        moved = measured(METRICS[name], answers(more, slice(40))).value
        assert moved is not None
        assert (moved - found.value) / step == pytest.approx(found.influence[row], rel=1e-3, abs=1e-4)


def test_every_metric_of_numbers_is_of_the_regression_task() -> None:
    assert set(metrics_of(Task.REGRESSION)) == set(ERRORS)
    with pytest.raises(ValueError, match="not a metric of a regression model"):
        measured(METRICS["roc_auc"], answers())


def test_what_came_of_similar_predictions() -> None:
    label, given = np.arange(20.0), np.repeat([1.0, 3.0], 10)
    low, high = by_prediction(Answers(Task.REGRESSION, label, given), 2)
    assert (low.predicted, low.actual, low.low, low.high, low.n) == (1, 4.5, 0, 8, 10)
    assert (high.predicted, high.actual, high.low, high.high) == (3, 14.5, 10, 18)


def test_a_row_of_weight_two_is_two_rows() -> None:
    once = by_prediction(Answers(Task.REGRESSION, np.array([1.0, 2, 4]), np.array([0.0, 1, 2]), (),
                                 np.array([1.0, 2, 1])), 1)
    twice = by_prediction(Answers(Task.REGRESSION, np.array([1.0, 2, 2, 4]), np.array([0.0, 1, 1, 2])), 1)
    assert [(each.predicted, each.actual, each.low, each.high) for each in once] == [
        (each.predicted, each.actual, each.low, each.high) for each in twice]
