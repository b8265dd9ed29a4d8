"""Counting by cells: exact for few rows, and near enough for many."""

import numpy as np
import pytest

from mlops_tui.analysis.calibration import calibration_line, logit
from mlops_tui.analysis.logistic import logistic
from mlops_tui.analysis.tally import EXACT, PER_LOGIT, cells, tally


def test_few_rows_are_counted_by_their_very_scores() -> None:
    found = tally(np.array([True, False, True, True]), np.array([0.2, 0.2, 0.9, 0.2]), np.array([0, 1, 1, 0]))
    assert found.score.tolist() == [0.2, 0.9]
    assert found.weight.tolist() == [[[0, 0], [2, 0]], [[1, 0], [0, 1]]]
    assert found.total.tolist() == [[1, 0], [2, 1]]
    assert found.cell.tolist() == [0, 0, 1, 0]
    assert found.weight.ravel()[found.key].tolist() == [2, 1, 1, 2]


def test_weights_and_their_squares_are_added_up() -> None:
    found = tally(np.array([True, True, False]), np.array([0.5, 0.5, 0.5]), None, np.array([1.0, 3.0, 0.5]))
    assert found.weight.tolist() == [[[0.5], [4.0]]]
    assert found.squared.tolist() == [[[0.25], [10.0]]]


def test_scores_of_a_cell_agree_in_their_log_odds_and_all_are_counted() -> None:
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.beta(0.3, 0.4, 2 * EXACT), [0.0, 1.0, 1e-300, 1 - 1e-16]])
    cell, mean = cells(scores)
    assert (np.diff(mean) >= 0).all()
    inside = (scores > 1e-12) & (scores < 1 - 1e-12)
    own, shared = (each[inside] / (1 - each[inside]) for each in (scores, mean[cell]))
    assert np.abs(np.log(own / shared)).max() <= 1 / PER_LOGIT + 1e-9
    assert np.bincount(cell).sum() == scores.size
    assert np.bincount(cell).min() > 0


def test_the_line_of_many_rows_is_the_line_of_their_very_scores() -> None:
    rng = np.random.default_rng(1)
    scores = rng.beta(1, 2, 60_000)
    labels = rng.random(60_000) < scores**1.2
    line = calibration_line(labels, scores)
    exact = logistic(np.column_stack([np.ones(60_000), logit(scores)]), labels.astype(float))
    error = np.sqrt(np.diag(exact.covariance))
    assert abs(line.intercept - exact.coefficients[0]) < 1e-3 * error[0]  # type: ignore[operator]
    assert abs(line.slope - exact.coefficients[1]) < 1e-3 * error[1]  # type: ignore[operator]
    assert line.slope_bounds == pytest.approx((exact.coefficients[1] - 1.959964 * error[1],
                                               exact.coefficients[1] + 1.959964 * error[1]), abs=1e-5)
