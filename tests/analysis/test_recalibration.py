"""Recalibration maps against scikit-learn, a linear programme by hand, and shifts made on purpose."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import _sigmoid_calibration
from sklearn.isotonic import IsotonicRegression

from mlops_tui.analysis.calibration import log_loss, logit
from mlops_tui.analysis.recalibration import (
    RECALIBRATORS,
    cross_fitted,
    estimated_prior,
    folds,
    isotonic,
    pava,
    platt,
    prior_shift,
)

LISTS = st.lists(st.tuples(st.sampled_from([0.0, 1.0, 2.0, 5.0]), st.sampled_from([1.0, 2.0, 7.0])), min_size=1,
                 max_size=25)


@given(LISTS)
@settings(max_examples=100, deadline=None)
def test_pava_is_scikit_learns(pairs: list[tuple[float, float]]) -> None:
    values, weights = np.array([v for v, _ in pairs]), np.array([w for _, w in pairs])
    place = np.arange(len(pairs))
    theirs = IsotonicRegression().fit(place, values, sample_weight=weights).predict(place)
    assert pava(values, weights) == pytest.approx(theirs, abs=1e-12)


def test_pava_by_hand() -> None:
    assert pava(np.array([3.0, 1.0, 2.0]), np.ones(3)).tolist() == [2, 2, 2]
    assert pava(np.array([1.0, 3.0, 2.0, 4.0]), np.ones(4)).tolist() == [1, 2.5, 2.5, 4]


def test_isotonic_is_scikit_learns_between_and_beyond_the_points() -> None:
    rng = np.random.default_rng(0)
    scores = np.round(rng.random(3000), 3)
    labels = (rng.random(3000) < scores**2).astype(float)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, labels)
    grid = np.linspace(-0.5, 1.5, 1001)
    assert isotonic(labels, scores)(grid) == pytest.approx(theirs.predict(grid), abs=1e-12)


def test_platt_is_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    decision = rng.normal(size=500) * 2
    labels = (rng.random(500) < 1 / (1 + np.exp(-decision))).astype(float)
    a, b = _sigmoid_calibration(decision, labels)
    ours = platt(labels, decision)
    assert (ours.slope, ours.intercept) == pytest.approx((-a, -b), abs=1e-4)  # theirs stops at a gradient of 1e-6


def test_platt_of_perfect_separation_stays_finite() -> None:
    fit = platt([0, 0, 1, 1], [-1.0, -2.0, 1.0, 2.0])
    assert 0 < fit(np.array([-2.0]))[0] < fit(np.array([2.0]))[0] < 1


@pytest.mark.parametrize("name", RECALIBRATORS)
def test_every_map_repairs_scores_that_are_too_extreme(name: str) -> None:
    rng = np.random.default_rng(2)
    honest = 1 / (1 + np.exp(-rng.normal(size=4000)))
    labels = rng.random(4000) < honest
    extreme = 1 / (1 + np.exp(-3 * logit(honest)))
    mended = cross_fitted(name, labels, extreme, folds(labels, 5, seed=0))
    assert log_loss(labels, mended) < log_loss(labels, extreme) - 0.1
    assert log_loss(labels, mended) == pytest.approx(log_loss(labels, honest), abs=0.02)


def test_no_row_judges_a_map_that_it_fitted() -> None:
    """Changing one fold's labels changes no recalibrated score of that fold."""
    rng = np.random.default_rng(3)
    scores = rng.random(600)
    labels = rng.random(600) < scores
    fold = folds(labels, 4, seed=1)
    flipped = labels.copy()
    flipped[fold == 2] ^= True
    before, after = (cross_fitted("platt", y, scores, fold) for y in (labels, flipped))
    assert np.array_equal(before[fold == 2], after[fold == 2])
    assert not np.array_equal(before[fold != 2], after[fold != 2])


def test_folds_share_out_both_classes() -> None:
    labels = np.arange(100) < 10
    fold = folds(labels, 5, seed=0)
    assert np.bincount(fold[labels]).tolist() == [2] * 5
    assert np.bincount(fold[~labels]).tolist() == [18] * 5
    assert np.array_equal(fold, folds(labels, 5, seed=0))


def test_isotonic_is_refused_on_few_positives() -> None:
    labels, scores = np.arange(1000) < 49, np.linspace(0, 1, 1000)
    with pytest.raises(ValueError, match="isotonic needs 50 rows of each class"):
        cross_fitted("isotonic", labels, scores, folds(labels, 5, seed=0))


def test_the_prior_shift_by_hand() -> None:
    """π = 0.5 → 0.1, p = 0.5: odds 1 · (0.1/0.5)/(0.9/0.5) = 1/9."""
    assert prior_shift([0.5], 0.5, 0.1)[0] == pytest.approx(0.1)
    p = np.linspace(0, 1, 11)
    assert prior_shift(prior_shift(p, 0.3, 0.6), 0.6, 0.3) == pytest.approx(p, abs=1e-12)
    assert prior_shift(p, 0.3, 0.3) == pytest.approx(p, abs=1e-15)
    with pytest.raises(ValueError, match="priors"):
        prior_shift(p, 0.0, 0.5)


def test_em_finds_a_prior_that_was_moved() -> None:
    """Scores calibrated at 30 % positives, rows drawn at 14 %: 20,000 rows leave a standard error of about 0.005."""
    rng = np.random.default_rng(4)
    labels = rng.random(20_000) < 0.14
    x = rng.normal(size=20_000) + 1.5 * labels
    scores = 1 / (1 + np.exp(-(1.5 * x - 1.125 + np.log(0.3 / 0.7))))
    found = estimated_prior(scores, prior=0.3)
    assert found.converged
    assert found.value == pytest.approx(0.14, abs=0.02)
    corrected = prior_shift(scores, 0.3, found.value)
    assert log_loss(labels, corrected) < log_loss(labels, scores)


def test_em_ends_at_the_edges() -> None:
    assert estimated_prior([0.0, 0.0], 0.3).value == 0
    assert estimated_prior([1.0, 1.0], 0.3).value == 1
    with pytest.raises(ValueError, match="no rows"):
        estimated_prior([], 0.3)
