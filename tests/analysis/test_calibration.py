"""Calibration statistics against scikit-learn and statsmodels, by hand, and at the edges."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from mlops_tui.analysis.calibration import (
    Strategy,
    brier,
    brier_parts,
    calibration_line,
    debiased_rmsce,
    ece,
    log_loss,
    logit,
    loss_bounds,
    mce,
    reliability,
    rmsce,
)
from mlops_tui.analysis.interval import wilson

rng = np.random.default_rng(0)
SCORES = rng.beta(2, 4, size=2000)
LABELS = rng.random(2000) < SCORES**1.3


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("bins", [1, 5, 10, 37])
def test_bins_are_scikit_learns(strategy: Strategy, bins: int) -> None:
    found = reliability(LABELS, SCORES, bins, strategy)
    observed, score = calibration_curve(LABELS, SCORES, n_bins=bins, strategy=strategy)
    assert [b.observed for b in found] == pytest.approx(observed, abs=1e-12)
    assert [b.score for b in found] == pytest.approx(score, abs=1e-12)
    assert sum(b.n for b in found) == 2000
    assert all(b.low <= b.score <= b.high for b in found)
    bounds = wilson(round(found[0].observed * found[0].n), found[0].n)
    assert (found[0].observed_low, found[0].observed_high) == pytest.approx((bounds.low, bounds.high))


def test_bins_are_closed_on_the_right() -> None:
    found = reliability([0, 0, 1, 1], [0.0, 0.5, 0.500001, 1.0], bins=2)
    assert [(b.low, b.high, b.n, b.observed) for b in found] == [(0, 0.5, 2, 0), (0.5, 1, 2, 1)]


def test_equal_scores_share_a_quantile_bin() -> None:
    found = reliability([0, 1, 0, 1], [0.3] * 4, bins=10, strategy="quantile")
    assert [(b.n, b.observed) for b in found] == [(4, 0.5)]


def test_calibration_errors_by_hand() -> None:
    """Two bins: 4 rows at 0.1 with a positive (gap 0.15), 6 at 0.8 with three (gap −0.3)."""
    found = reliability([1, 0, 0, 0, 1, 1, 1, 0, 0, 0], [0.1] * 4 + [0.8] * 6, bins=2)
    assert ece(found) == pytest.approx(0.4 * 0.15 + 0.6 * 0.3)
    assert mce(found) == pytest.approx(0.3)
    variances = 0.4 * 0.25 * 0.75 / 3 + 0.6 * 0.25 / 5
    assert debiased_rmsce(found) == pytest.approx(np.sqrt(0.4 * 0.15**2 + 0.6 * 0.09 - variances))


def test_the_debiased_error_of_calibrated_scores_is_near_nothing() -> None:
    """500 rows in 15 bins: plain ECE is ~0.05 by chance alone; over 100 draws the squared debiased one averages 0."""
    draw = np.random.default_rng(5)
    plain, debiased = [], []
    for _ in range(100):
        scores = draw.random(500)
        found = reliability(draw.random(500) < scores, scores, 15)
        plain.append(ece(found))
        debiased.append(debiased_rmsce(found))
    assert np.mean(plain) > 0.04
    assert np.median(debiased) < 0.02


def test_murphys_parts_add_up_to_the_brier_score() -> None:
    rounded = np.round(SCORES, 1)  # one score per bin: nothing is lost by binning
    parts = brier_parts(reliability(LABELS, rounded, 200))
    total = parts.reliability - parts.resolution + parts.uncertainty
    assert total == pytest.approx(brier(LABELS, rounded), abs=1e-12)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("bins", [1, 4, 10])
def test_with_what_binning_loses_the_parts_are_the_brier_score_exactly(strategy: Strategy, bins: int) -> None:
    parts = brier_parts(reliability(LABELS, SCORES, bins, strategy))
    assert parts.total == pytest.approx(brier(LABELS, SCORES), abs=1e-14)
    assert parts.within != pytest.approx(0, abs=1e-9)


def test_murphys_parts_by_hand() -> None:
    """Bins of 0.1 and 0.3 (mean 0.2, one of two happened) and of 0.9, 0.9 (one of two happened): base rate ½.

    Reliability ½·0.3² + ½·0.4² = 0.125, resolution 0, uncertainty 0.25. Within the first bin the scores' variance is
    0.01 and their covariance with the outcomes (0 at 0.1, 1 at 0.3) 0.05: ½·(0.01 − 0.1) = −0.045. In all 0.33, which
    is (0.01 + 0.49 + 0.01 + 0.81)/4.
    """
    parts = brier_parts(reliability([0, 1, 1, 0], [0.1, 0.3, 0.9, 0.9], bins=2))
    assert (parts.reliability, parts.resolution, parts.uncertainty) == (pytest.approx(0.125), 0, 0.25)
    assert parts.within == pytest.approx(-0.045)
    assert parts.total == pytest.approx(0.33)


def test_weighted_bins_are_bins_of_repeated_rows() -> None:
    times = np.random.default_rng(3).integers(0, 4, 2000)
    weighted = reliability(LABELS, SCORES, 8, weights=times)
    repeated = reliability(np.repeat(LABELS, times), np.repeat(SCORES, times), 8)
    for name in ("score", "observed", "weight", "spread", "covariance"):
        ours = np.array([getattr(b, name) for b in weighted])
        ours *= times.sum() / 2000 if name == "weight" else 1
        assert ours == pytest.approx([getattr(b, name) for b in repeated], abs=1e-9)
    assert all(b.effective < b.n for b in weighted), "rows of several weights tell less than as many equal ones"
    assert ece(weighted) == pytest.approx(ece(repeated))
    same = reliability(LABELS, SCORES, 8, weights=np.full(2000, 1e12))
    plain = reliability(LABELS, SCORES, 8)
    assert [b.observed_low for b in same] == pytest.approx([b.observed_low for b in plain])


def test_the_root_mean_square_is_not_below_the_mean() -> None:
    found = reliability(LABELS, SCORES)
    n, gap = np.array([b.n for b in found]), np.array([b.gap for b in found])
    assert rmsce(found) == pytest.approx(np.sqrt(n @ gap**2 / n.sum()))
    assert rmsce(found) >= ece(found)


@given(st.lists(st.tuples(st.booleans(), st.floats(0.001, 0.999)), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_brier_and_log_loss_are_scikit_learns(rows: list[tuple[bool, float]]) -> None:
    labels, scores = np.array([int(y) for y, _ in rows]), np.array([p for _, p in rows])
    assert brier(labels, scores) == pytest.approx(np.mean((scores - labels) ** 2), abs=1e-12)
    assert log_loss(labels, scores) == pytest.approx(sk.log_loss(labels, scores, labels=[0, 1]), rel=1e-9)


def test_the_brier_score_of_two_classes_is_scikit_learns() -> None:
    assert brier(LABELS, SCORES) == pytest.approx(sk.brier_score_loss(LABELS, SCORES), abs=1e-14)


def test_certain_and_wrong_is_finite_and_dear() -> None:
    assert log_loss([0, 1], [1.0, 1.0]) == pytest.approx(-np.log(1e-15) / 2, rel=1e-3)
    assert log_loss([0, 1], [0.0, 1.0]) == 0


def test_loss_bounds_need_rows_that_differ() -> None:
    assert loss_bounds(np.array([0.25, 0.25])) is None
    assert loss_bounds(np.array([0.25])) is None
    bounds = loss_bounds(np.array([0.0, 0.0, 0.3]))
    assert bounds is not None
    assert 0 < bounds[0] < 0.1 < bounds[1]
    assert loss_bounds(np.array([0.0, 0.0, 0.3]), most=1.0) == (bounds[0], 1.0)


def test_loss_bounds_are_students_on_the_log_scale() -> None:
    losses = np.square(rng.random(50))
    bounds, error = loss_bounds(losses), stats.sem(losses) / losses.mean()
    half = stats.t.ppf(0.975, 49) * error
    assert bounds == pytest.approx((losses.mean() * np.exp(-half), losses.mean() * np.exp(half)), rel=1e-12)


def test_slope_and_intercept_are_statsmodels() -> None:
    line = calibration_line(LABELS, SCORES)
    fit = sm.Logit(LABELS, sm.add_constant(logit(SCORES))).fit(disp=0, tol=1e-14)
    assert (line.intercept, line.slope) == pytest.approx(tuple(fit.params), abs=1e-8)
    assert line.slope_bounds == pytest.approx(tuple(fit.conf_int()[1]), abs=1e-8)
    assert line.intercept_bounds == pytest.approx(tuple(fit.conf_int()[0]), abs=1e-8)
    large = sm.GLM(LABELS, np.ones(2000), family=sm.families.Binomial(), offset=logit(SCORES)).fit(tol=1e-14)
    assert line.in_the_large == pytest.approx(large.params[0], abs=1e-8)


def test_scores_too_extreme_have_a_slope_below_one() -> None:
    honest = 1 / (1 + np.exp(-rng.normal(size=20_000)))
    labels = rng.random(20_000) < honest
    line = calibration_line(labels, 1 / (1 + np.exp(-2 * logit(honest))))
    assert line.slope == pytest.approx(0.5, abs=0.03)  # four standard errors


def test_a_line_that_does_not_exist_has_a_reason() -> None:
    constant = calibration_line([0, 1, 1, 0], [0.3] * 4)
    assert (constant.slope, constant.reason) == (None, "all scores are equal")
    assert constant.in_the_large == pytest.approx(-np.log(0.3 / 0.7))
    separated = calibration_line([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    assert separated.slope is None
    assert separated.reason


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        brier([0, 1], [0.5, 1.5])
    with pytest.raises(ValueError, match="at least one bin"):
        reliability([0, 1], [0.5, 0.5], bins=0)
    with pytest.raises(ValueError, match="only one class"):
        calibration_line([0, 0], [0.5, 0.6])
