"""Recalibration maps against scikit-learn, a linear programme by hand, and shifts made on purpose."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from sklearn.calibration import _sigmoid_calibration
from sklearn.isotonic import IsotonicRegression

from mlops_tui.analysis.calibration import log_loss, logit
from mlops_tui.analysis.recalibration import (
    RECALIBRATORS,
    Beta,
    OddsLine,
    estimated_prior,
    fitted,
    folds,
    out_of_fold,
    pava,
    prior_shift,
)
from mlops_tui.analysis.tally import tally

LISTS = st.lists(st.tuples(st.sampled_from([0.0, 1.0, 2.0, 5.0]), st.sampled_from([1.0, 2.0, 7.0])), min_size=1,
                 max_size=25)


def cross_fitted(name: str, labels: np.ndarray, scores: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Each row recalibrated by a map fitted on the other folds."""
    counted = tally(labels, scores, fold)
    return out_of_fold(name, counted)[fold, counted.cell]


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
    assert fitted("isotonic", labels, scores)(grid) == pytest.approx(theirs.predict(grid), abs=1e-12)


def test_platt_is_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    decision = rng.normal(size=500) * 2
    labels = (rng.random(500) < 1 / (1 + np.exp(-decision))).astype(float)
    a, b = _sigmoid_calibration(decision, labels)
    ours = fitted("platt", labels, 1 / (1 + np.exp(-decision)))
    assert isinstance(ours, OddsLine)
    assert (ours.slope, ours.intercept) == pytest.approx((-a, -b), abs=1e-4)  # theirs stops at a gradient of 1e-6


def test_platt_of_perfect_separation_stays_finite() -> None:
    fit = fitted("platt", [0, 0, 1, 1], [0.3, 0.1, 0.7, 0.9])
    assert 0 < fit(np.array([0.1]))[0] < fit(np.array([0.9]))[0] < 1


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


# -- beta: maximum likelihood with a, b ≥ 0 (Kull, Silva Filho & Flach 2017), by brute force -------------------------


def likeliest(labels: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray]:
    """The least loss under the constraint, by scipy from several starts."""
    columns = np.column_stack([np.log(scores), -np.log1p(-scores), np.ones_like(scores)])

    def loss(beta: np.ndarray) -> float:
        predictor = columns @ beta
        return float(np.sum(np.logaddexp(0, predictor) - labels * predictor))

    bounds, tight = [(0, None), (0, None), (None, None)], {"ftol": 1e-15, "gtol": 1e-10}
    found = [optimize.minimize(loss, start, method="L-BFGS-B", bounds=bounds, options=tight)
             for start in ([1, 1, 0], [0.1, 3, 0], [3, 0.1, 0])]
    best = min(found, key=lambda each: each.fun)
    return float(best.fun), best.x


@pytest.mark.parametrize(("a", "b"), [(2.0, 0.5), (0.4, 1.5), (-0.8, 2.0), (2.0, -0.8), (0.02, 1.0)])
def test_beta_is_the_likeliest_map_that_rises(a: float, b: float) -> None:
    draw = np.random.default_rng(12)
    scores = draw.beta(2, 2, 1500)
    labels = draw.random(1500) < 1 / (1 + np.exp(-(a * np.log(scores) - b * np.log1p(-scores) + 0.3)))
    found = fitted("beta", labels, scores)
    assert isinstance(found, Beta)
    least, where = likeliest(labels, scores)
    loss = 1500 * log_loss(labels, found(scores))
    assert loss == pytest.approx(least, rel=1e-7)
    assert (found.a, found.b, found.c) == pytest.approx(tuple(where), abs=2e-3)
    assert found.a >= 0
    assert found.b >= 0
    assert (np.diff(found(np.linspace(0, 1, 500))) >= 0).all()


def test_beta_of_a_and_b_equal_is_platts_line_of_odds() -> None:
    """With a = b the map is expit(a·logit p + c)."""
    grid = np.linspace(0.01, 0.99, 50)
    assert Beta(1.7, 1.7, -0.2)(grid) == pytest.approx(OddsLine(1.7, -0.2)(grid), abs=1e-12)


def test_platts_targets_are_those_of_his_paper() -> None:
    """Platt 1999, §2.2: (N₊ + 1)/(N₊ + 2) and 1/(N₋ + 2). With one positive and two negatives at two distinct scores
    the fit goes through the mean targets: 1/(2 + 2) = 0.25 at the lower, (1 + 1)/(1 + 2) = 0.667 at the higher."""
    found = fitted("platt", [0, 0, 1], [0.2, 0.2, 0.9])
    assert found(np.array([0.2, 0.9])) == pytest.approx([0.25, 2 / 3], abs=1e-9)


def test_temperature_is_the_one_slope_of_least_loss() -> None:
    draw = np.random.default_rng(13)
    scores = draw.beta(2, 3, 1000)
    labels = draw.random(1000) < 1 / (1 + np.exp(-0.6 * logit(scores)))
    found = fitted("temperature", labels, scores)
    assert isinstance(found, OddsLine)
    least = optimize.minimize_scalar(lambda slope: log_loss(labels, 1 / (1 + np.exp(-slope * logit(scores)))),
                                     bounds=(0.01, 5), method="bounded", options={"xatol": 1e-10})
    assert (found.slope, found.intercept) == (pytest.approx(least.x, abs=1e-5), 0)


@pytest.mark.parametrize("name", ["platt", "temperature", "beta"])
def test_scores_that_run_against_the_outcomes_are_refused(name: str) -> None:
    draw = np.random.default_rng(14)
    scores = draw.random(500)
    with pytest.raises(ValueError, match="do not rise with the outcomes"):
        fitted(name, draw.random(500) < 1 - scores, scores)


@pytest.mark.parametrize("name", RECALIBRATORS)
def test_constant_scores_and_one_class_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="all scores are equal"):
        fitted(name, [0, 1] * 60, [0.3] * 120)
    with pytest.raises(ValueError, match="only one class"):
        fitted(name, [1] * 120, np.linspace(0, 1, 120))


@pytest.mark.parametrize("name", RECALIBRATORS)
def test_scores_of_exactly_0_and_1_are_mapped_into_the_range(name: str) -> None:
    draw = np.random.default_rng(15)
    scores = np.where(draw.random(600) < 0.3, draw.integers(0, 2, 600), draw.random(600))
    mapped = fitted(name, draw.random(600) < 0.2 + 0.6 * scores, scores)(np.array([0.0, 0.5, 1.0]))
    assert np.isfinite(mapped).all()
    assert (np.diff(mapped) >= 0).all()
    assert mapped.min() >= 0
    assert mapped.max() <= 1
