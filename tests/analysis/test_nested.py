"""Nested cross-validation as values: worked by hand, and its interval held against the truth in simulation."""

import numpy as np
import pytest

from mlops_tui.analysis.interval import student_quantile
from mlops_tui.analysis.nested import Nested, learning_curve, more_rows

OUTER = np.array([[0.5, 0.6, 0.7], [0.8, 0.5, 0.6]])  # two points, three folds
INNER = np.array([[0.9, 0.1, 0.4], [0.2, 0.3, 0.4]])


def test_scores_worked_by_hand() -> None:
    """The inner folds choose 0, 1 and (of equals the first) 0; the best mean over the outer folds is point 1's."""
    found = Nested(OUTER, INNER, 0.5)
    assert found.chosen.tolist() == [0, 1, 0]
    assert found.scores.tolist() == [0.5, 0.5, 0.7]
    assert found.best == 1
    assert found.non_nested == pytest.approx(19 / 30)
    assert found.optimism().estimate == pytest.approx(19 / 30 - 17 / 30)
    assert found.gain(0).estimate == pytest.approx(17 / 30 - 18 / 30)
    assert found.agreement() == pytest.approx(2 / 3)


def test_the_interval_is_that_of_nadeau_and_bengio() -> None:
    found = Nested(OUTER, INNER, 0.5).nested("roc_auc")
    half = student_quantile(2, 0.95) * np.sqrt(np.var([0.5, 0.5, 0.7], ddof=1) * (1 / 3 + 0.5))
    assert (found.low, found.high) == pytest.approx((17 / 30 - half, 17 / 30 + half))
    assert (found.n, found.method) == (3, "corrected-t")


def test_where_less_is_better_optimism_is_still_positive() -> None:
    same = Nested(-OUTER, -INNER, 0.5, higher_is_better=False)
    assert (same.best, same.chosen.tolist()) == (1, [0, 1, 0])
    assert same.optimism().estimate == pytest.approx(2 / 30)
    assert same.gain(0).estimate == pytest.approx(-1 / 30)


def test_folds_that_score_the_same_have_no_interval() -> None:
    found = Nested(np.full((2, 3), 0.7), INNER, 0.5).nested("accuracy")
    assert (found.value, found.low, found.high, found.reason) == (
        pytest.approx(0.7), None, None, "all folds score the same")


@pytest.mark.parametrize(("outer", "inner", "what"), [
    (OUTER, INNER[:1], "at least two folds"), (OUTER[:, :1], INNER[:, :1], "at least two folds"),
    (np.where(OUTER == 0.8, np.nan, OUTER), INNER, "not finite")])
def test_scores_that_cannot_be_compared_are_refused(outer: np.ndarray, inner: np.ndarray, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Nested(outer, inner, 0.5)


def test_a_learning_curve_has_a_mean_and_a_band_at_each_size() -> None:
    found = learning_curve("rmse", OUTER, [[10, 20, 30], [20, 40, 60]], 0.5)
    assert [rows for rows, _ in found] == [20, 40]
    assert [each.value for _, each in found] == pytest.approx([0.6, 19 / 30])
    assert found[0][1].low == pytest.approx(0.6 - student_quantile(2, 0.95) * 0.1 * np.sqrt(1 / 3 + 0.5))
    assert more_rows(OUTER, 0.5).estimate == pytest.approx(1 / 30)
    with pytest.raises(ValueError, match="sizes"):
        learning_curve("rmse", OUTER, [[10, 20, 30]], 0.5)


PENALTIES = np.array([0.0, 5.0, 20.0, 80.0])


def shrunk(x: np.ndarray, y: np.ndarray, train: np.ndarray) -> np.ndarray:
    """The slope (draws, penalties) of a one-column ridge regression on those rows of every draw."""
    sums = (x[:, train] * y[:, train]).sum(axis=1), (x[:, train] ** 2).sum(axis=1)
    return sums[0][:, None] / (sums[1][:, None] + PENALTIES)


def losses(x: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The mean squared error (draws, penalties) on the test rows."""
    slope = shrunk(x, y, train)
    return ((y[:, None, test] - slope[:, :, None] * x[:, None, test]) ** 2).mean(axis=2)


@pytest.mark.parametrize(("rows", "folds", "coverage"), [(60, 5, 0.979), (200, 5, 0.985), (200, 10, 0.989)])
def test_the_corrected_interval_covers_what_choosing_and_fitting_is_worth(
    rows: int, folds: int, coverage: float
) -> None:
    """4,000 seeded draws of a ridge whose penalty is chosen by three inner folds, within five or ten outer ones.

    The truth is the mean error of that procedure over all draws on new rows, trained on as many as an outer fold has.
    The interval is cautious: what is meant to cover 95 % covers 98 to 99 %, since the correction of Nadeau & Bengio
    (2003, §5) supposes test sets that overlap, and those of folds do not.
    """
    rng, draws = np.random.default_rng(5), 4000
    x = rng.normal(size=(draws, rows))
    y = 0.3 * x + rng.normal(size=(draws, rows))
    covered, worth = [], []
    outer, inner = np.empty((draws, PENALTIES.size, folds)), np.empty((draws, PENALTIES.size, folds))
    for fold, test in enumerate(np.split(np.arange(rows), folds)):
        train = np.setdiff1d(np.arange(rows), test)
        outer[:, :, fold] = losses(x, y, train, test)
        parts = np.array_split(train, 3)
        inner[:, :, fold] = np.mean([losses(x, y, np.setdiff1d(train, part), part) for part in parts], axis=0)
        slope = shrunk(x, y, train)[np.arange(draws), inner[:, :, fold].argmin(axis=1)]
        worth.append(1 + (slope - 0.3) ** 2)  # the expected error on a new row
    truth = float(np.mean(worth))
    for at in range(draws):
        found = Nested(outer[at], inner[at], 1 / (folds - 1), higher_is_better=False).nested("mse")
        assert found.low is not None
        assert found.high is not None
        covered.append(found.low <= truth <= found.high)
    assert np.mean(covered) == pytest.approx(coverage, abs=4 * np.sqrt(coverage * (1 - coverage) / draws))


def test_the_search_flatters_itself_where_all_points_are_alike() -> None:
    """Forty points of pure noise: the best of them looks better by what the maximum of forty means exceeds zero."""
    rng = np.random.default_rng(2)
    found = [Nested(rng.normal(size=(40, 5)), rng.normal(size=(40, 5)), 0.25) for _ in range(400)]
    optimism = np.array([each.optimism().estimate for each in found])
    nested = np.array([float(each.scores.mean()) for each in found])
    assert abs(nested.mean()) < 4 / np.sqrt(400 * 5)
    assert optimism.mean() == pytest.approx(2.16 / np.sqrt(5), abs=0.1)  # the mean of the largest of 40 normal values
