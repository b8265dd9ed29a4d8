"""What each threshold makes of the rows, against scikit-learn's curves."""

import numpy as np
import pytest
from sklearn import metrics as sk

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.operating import operating_points

rng = np.random.default_rng(6)
LABEL = rng.random(400) < 0.3
SCORE = np.round(np.clip(0.4 * LABEL + rng.random(400) * 0.6, 0, 1), 2)
WEIGHT = rng.integers(1, 4, 400).astype(np.float64)


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_every_point_is_one_of_scikit_learns_curves(weight: np.ndarray | None) -> None:
    points = operating_points(Answers(Task.BINARY, LABEL, SCORE, weight=weight), points=1000)
    false, true, thresholds = sk.roc_curve(LABEL, SCORE, sample_weight=weight, drop_intermediate=False)
    assert points.threshold == pytest.approx(thresholds)
    assert points.false_positive_rate == pytest.approx(false)
    assert points.recall == pytest.approx(true)
    precision, recall, _ = sk.precision_recall_curve(LABEL, SCORE, sample_weight=weight)
    assert points.precision == pytest.approx(precision[::-1])
    assert points.recall == pytest.approx(recall[::-1])
    assert points.prevalence == pytest.approx(np.average(LABEL, weights=weight))


def test_many_scores_are_drawn_at_few_thresholds_from_none_to_all() -> None:
    points = operating_points(Answers(Task.BINARY, LABEL, rng.random(400)), points=50)
    assert points.flagged.size <= 51
    assert (points.flagged[0], points.flagged[-1], points.recall[-1]) == (0, 1, 1)
    assert np.all(np.diff(points.flagged) > 0)


def test_one_class_has_no_points() -> None:
    for label, weight in (([True, True], None), ([True, False], np.array([1.0, 0.0]))):
        with pytest.raises(ValueError, match="only one class"):
            operating_points(Answers(Task.BINARY, np.array(label), np.array([0.1, 0.2]), weight=weight))
