"""Curves against scikit-learn's, and binned outcomes by hand."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.curves import by_prediction, confusions, ranked


@pytest.mark.parametrize("weighted", [False, True])
def test_the_curves_of_scores_are_scikit_learns(weighted: bool) -> None:
    rng = np.random.default_rng(1)
    label, score = rng.random(300) < 0.3, rng.integers(0, 40, 300) / 40
    weight = rng.random(300) * 1e12 if weighted else None
    found = ranked(Answers(Task.BINARY, label, score, (), weight), 1000)
    false, true, at = roc_curve(label, score, sample_weight=weight, drop_intermediate=False)
    assert found.threshold == pytest.approx(at[1:])
    assert found.false_positive_rate == pytest.approx(false[1:])
    assert found.recall == pytest.approx(true[1:])
    precision, _, _ = precision_recall_curve(label, score, sample_weight=weight)
    assert found.precision == pytest.approx(precision[-2::-1])


def test_few_points_are_some_of_all_and_the_ends_are_among_them() -> None:
    rng = np.random.default_rng(2)
    answers = Answers(Task.BINARY, rng.random(5000) < 0.5, rng.random(5000))
    few, whole = ranked(answers, 50), ranked(answers, 10_000)
    assert few.threshold.size == 50
    assert set(few.recall.tolist()) <= set(whole.recall.tolist())
    assert (few.recall[-1], few.false_positive_rate[-1]) == (1, 1)


def test_one_class_has_no_curve() -> None:
    with pytest.raises(ValueError, match="only one class"):
        ranked(Answers(Task.BINARY, np.array([True, True]), np.array([0.1, 0.2])))
    with pytest.raises(ValueError, match="only one class"):
        ranked(Answers(Task.BINARY, np.array([True, False]), np.array([0.1, 0.2]), (), np.array([1.0, 0.0])))


def test_confusions_are_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    label, given, weight = rng.integers(0, 3, 200), rng.integers(0, 3, 200), rng.random(200)
    found = confusions(Answers(Task.MULTICLASS, label, given, ("a", "b", "c"), weight / weight.max()))
    assert found == pytest.approx(confusion_matrix(label, given, sample_weight=weight / weight.max()))


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
