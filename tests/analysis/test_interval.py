"""Intervals against statsmodels and scipy, and their coverage against tolerances worked out beforehand."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from mlops_tui.analysis.interval import (
    Resampling,
    auc_interval,
    mean_interval,
    normal_p,
    percentile,
    poisson_bootstrap,
    student_p,
    student_quantile,
    wald,
    wilson,
    z_score,
)
from mlops_tui.analysis.ranking import delong_variance, resampled_auc, roc_auc, score_bins, score_edges


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (0, 10), (3, 10), (10, 10), (81, 263), (999_999, 1_000_000)])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
def test_wilson_is_statsmodels_wilson(successes: int, n: int, level: float) -> None:
    ours, theirs = wilson(successes, n, level), proportion_confint(successes, n, alpha=1 - level, method="wilson")
    assert (ours.low, ours.high) == pytest.approx(theirs, abs=1e-12)


def test_wilson_of_nothing_knows_nothing() -> None:
    bounds = wilson(0, 0)
    assert (bounds.low, bounds.high) == (0, 1)
    with pytest.raises(ValueError, match="successes"):
        wilson(3, 2)


def test_quantiles_and_p_values_are_scipys() -> None:
    assert z_score(0.95) == pytest.approx(stats.norm.ppf(0.975), abs=1e-14)
    assert normal_p(-3.3) == pytest.approx(2 * stats.norm.sf(3.3), rel=1e-12)
    assert normal_p(37) == pytest.approx(2 * stats.norm.sf(37), rel=1e-9)
    assert student_p(-2.1, 4) == pytest.approx(2 * stats.t.sf(2.1, 4), rel=1e-12)
    assert student_quantile(4, 0.95) == pytest.approx(stats.t.ppf(0.975, 4), rel=1e-12)
    with pytest.raises(ValueError, match="between 0 and 1"):
        z_score(95)


def test_a_mean_has_students_interval() -> None:
    values = np.random.default_rng(0).exponential(size=23)
    ours = mean_interval(values)
    assert ours is not None
    assert (ours.low, ours.high) == pytest.approx(
        stats.t.interval(0.95, 22, values.mean(), stats.sem(values)), rel=1e-12)
    assert mean_interval(values[:1]) is None


def test_the_logit_interval_stays_inside_and_meets_wald_in_the_middle() -> None:
    near_one = auc_interval(0.99, 0.01**2, 30, 30)
    assert 0.9 < near_one.low < 0.99 < near_one.high < 1
    assert near_one.method == "delong-logit"
    middle, plain = auc_interval(0.5, 1e-8, 1000, 1000), wald(0.5, 1e-8)
    assert (middle.low, middle.high) == pytest.approx((plain.low, plain.high), abs=1e-10)


def test_perfect_separation_is_no_proof_of_a_perfect_model() -> None:
    small, large = auc_interval(1.0, 0.0, 5, 5), auc_interval(1.0, 0.0, 500, 500)
    assert small.high == large.high == 1
    assert small.low < 0.85
    assert large.low > 0.98
    assert small.method == "newcombe"
    mirrored = auc_interval(0.0, 0.0, 5, 5)
    assert (mirrored.low, mirrored.high) == pytest.approx((0, 1 - small.low), abs=1e-12)


def test_newcombes_bounds_solve_his_equation() -> None:
    """(θ − auc)² = z²·V(θ) at both ends, with V written out once more."""
    m, n, auc = 12, 30, 0.8
    bounds = auc_interval(auc, None, m, n)
    for theta in (bounds.low, bounds.high):
        factor = ((m + n) / 2 - 1) * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        variance = theta * (1 - theta) * (1 + factor) / (m * n)
        assert abs(theta - auc) == pytest.approx(1.959963985 * math.sqrt(variance), abs=1e-8)


def simulated(rng: np.random.Generator, n: int, prevalence: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.random(n) < prevalence
    labels[:2] = [True, False]
    return labels, rng.normal(size=n) + labels


def test_the_auc_interval_covers_the_truth() -> None:
    """Nominal 95 % over 400 draws of 60 rows: a binomial of 400 at 0.93 falls below 0.89 once in 500 times."""
    rng, truth, covered = np.random.default_rng(7), stats.norm.cdf(1 / math.sqrt(2)), 0
    for _ in range(400):
        labels, scores = simulated(rng, 60)
        bounds = auc_interval(roc_auc(labels, scores), delong_variance(labels, scores), int(labels.sum()),
                              int((~labels).sum()))
        covered += bounds.low <= truth <= bounds.high
    assert 0.89 <= covered / 400 <= 0.99


def test_the_bootstrap_agrees_with_delong_and_repeats_itself() -> None:
    """SE of 1000 resamples has a relative error of 1/√2000 = 2.2 %; 10 % is beyond four of them."""
    labels, scores = simulated(np.random.default_rng(1), 20_000)
    counts = score_bins(labels, scores, score_edges(labels, scores))
    samples = poisson_bootstrap(counts, resampled_auc, Resampling(seed=3))
    assert samples.std() == pytest.approx(math.sqrt(delong_variance(labels, scores)), rel=0.1)
    low, high = percentile(samples)
    assert low < roc_auc(labels, scores) < high
    assert np.array_equal(samples, poisson_bootstrap(counts, resampled_auc, Resampling(seed=3)))
    assert not np.array_equal(samples, poisson_bootstrap(counts, resampled_auc, Resampling(seed=4)))


def test_stratified_resamples_keep_the_class_totals() -> None:
    counts = np.array([[3, 4, 5], [1, 0, 1]])

    def totals(weights: np.ndarray) -> np.ndarray:
        assert weights.sum(axis=2) == pytest.approx(np.broadcast_to([12.0, 2.0], (len(weights), 2)))
        return weights[:, 0, 0]

    assert poisson_bootstrap(counts, totals, Resampling(resamples=200, stratified=True)).std() > 0


def test_a_class_is_never_resampled_away() -> None:
    counts = np.array([[50, 50], [1, 0]])
    smallest = poisson_bootstrap(counts, lambda weights: weights[:, 1].sum(axis=1), Resampling(resamples=500))
    assert smallest.min() >= 1
    with pytest.raises(ValueError, match="without rows"):
        poisson_bootstrap(np.array([[1], [0]]), lambda weights: weights[:, 0, 0])
