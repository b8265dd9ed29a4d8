"""Paired comparisons against statsmodels, published tables, a plain bootstrap, and models known to be equal."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.interval import Contrast, Resampling
from mlops_tui.analysis.metrics import METRICS, metric_value, metrics_of
from mlops_tui.analysis.paired import (
    Verdict,
    corrected_t,
    mcnemar,
    mcnemar_test,
    paired_bootstrap,
    paired_proportions,
    verdict,
)
from mlops_tui.analysis.ranking import delong_test

Array = np.ndarray


def models(n: int, seed: int, better: float = 0.0) -> tuple[Array, Array, Array]:
    """Labels and two probabilities that share most of their noise; b sees `better` more of the signal."""
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.35
    shared = rng.normal(size=n)
    a, b = (1 / (1 + np.exp(0.6 - signal * labels - shared - 0.5 * rng.normal(size=n)))
            for signal in (1.0, 1.0 + better))
    return labels, a, b


@pytest.mark.parametrize(("b", "c"), [(0, 1), (1, 7), (5, 5), (12, 9), (10, 30), (121, 59), (8, 17)])
def test_mcnemar_is_statsmodels(b: int, c: int) -> None:
    table = [[20, b], [c, 30]]
    exact = statsmodels_mcnemar(table, exact=True)
    statistic, p, used = mcnemar(b, c, "exact")
    assert (statistic, p, used) == (min(b, c), pytest.approx(min(exact.pvalue, 1), rel=1e-9), "mcnemar-exact")
    for method, correction in (("corrected", True), ("uncorrected", False)):
        theirs = statsmodels_mcnemar(table, exact=False, correction=correction)
        ours = mcnemar(b, c, method)  # type: ignore[arg-type]
        expected = (0, 1) if b == c else (theirs.statistic, theirs.pvalue)  # theirs is 1/n there; R's is 0, as ours
        assert ours[:2] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("b", "c"), [(1, 7), (0, 6), (3, 3), (2, 11), (59, 121)])
def test_mid_p_is_the_exact_p_less_half_of_what_was_seen(b: int, c: int) -> None:
    expected = 2 * stats.binom.cdf(min(b, c), b + c, 0.5) - stats.binom.pmf(min(b, c), b + c, 0.5)
    assert mcnemar(b, c, "mid-p")[1] == pytest.approx(min(expected, 1), rel=1e-9)


def test_published_mcnemar_tables() -> None:
    """Fagerland et al. 2013, table 1 (airway hyper-responsiveness, 1 against 7) and Agresti's approval (150, 86)."""
    assert mcnemar(1, 7, "mid-p")[1] == pytest.approx(0.0391, abs=5e-5)
    assert mcnemar(1, 7, "exact")[1] == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar(1, 7, "uncorrected")[1] == pytest.approx(0.0339, abs=5e-5)
    assert mcnemar(150, 86, "uncorrected")[0] == pytest.approx(17.36, abs=5e-3)


def test_auto_takes_mid_p_below_25_discordant_rows() -> None:
    assert mcnemar(10, 14)[2] == "mcnemar-mid-p"
    assert mcnemar(10, 15)[2] == "mcnemar-corrected"
    assert mcnemar(0, 0)[:2] == (0, 1)
    with pytest.raises(ValueError, match="not negative"):
        mcnemar(-1, 3)


def test_newcombes_paired_interval_is_his_published_one() -> None:
    """Newcombe 1998, table III, method 10: 36, 12, 2, 0 of 50 gives 0.2 [0.0569, 0.3404]."""
    right_a = np.array([True] * 48 + [False] * 2)
    right_b = np.array([True] * 36 + [False] * 12 + [True] * 2)
    assert paired_proportions(right_a, right_b) == pytest.approx((0.2, 0.0569, 0.3404), abs=5e-5)


def test_mcnemar_compares_accuracies() -> None:
    labels, a, b = models(900, 0, better=0.8)
    test = mcnemar_test(labels, a >= 0.5, b >= 0.5)
    accuracies = [np.mean((s >= 0.5) == labels) for s in (a, b)]
    assert test.estimate == pytest.approx(accuracies[0] - accuracies[1])
    assert test.low is not None
    assert test.high is not None
    assert test.low < test.estimate < test.high
    swapped = mcnemar_test(labels, b >= 0.5, a >= 0.5)
    assert (swapped.estimate, swapped.low, swapped.high) == pytest.approx((-test.estimate, -test.high, -test.low))


def test_equal_decisions_do_not_differ_yet_leave_a_width() -> None:
    same = mcnemar_test([0, 1, 0, 1, 1], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0])
    assert (same.estimate, same.statistic, same.p_value) == (0, 0, 1)
    assert same.high is not None
    assert same.high > 0.1
    assert "alike" in same.reason
    with pytest.raises(ValueError, match="2 labels, 1 and 2 decisions"):
        mcnemar_test([0, 1], [0], [0, 1])


@pytest.mark.parametrize("name", metrics_of(Task.BINARY))
def test_the_paired_bootstrap_is_a_bootstrap_of_rows(name: str) -> None:
    """Against 500 tables of resampled rows: spreads are known within 3.2 % (500) and 2.2 % (1000), so 20 % is five."""
    labels, a, b = models(1500, 3, better=0.3)
    metric = METRICS[name]
    test = paired_bootstrap(metric, labels, a, b)
    assert test.estimate == pytest.approx(
        (metric_value(metric, labels, a)[0] or 0) - (metric_value(metric, labels, b)[0] or 0), abs=1e-12)
    rng, samples = np.random.default_rng(8), []
    for _ in range(500):
        rows = rng.integers(0, 1500, 1500)
        one, other = (metric_value(metric, labels[rows], s[rows])[0] for s in (a, b))
        samples.append((one or 0) - (other or 0))
    assert test.low is not None
    assert test.high is not None
    assert test.high - test.low == pytest.approx(2 * 1.96 * np.std(samples), rel=0.2)
    assert (test.low + test.high) / 2 == pytest.approx(np.mean(samples), abs=0.3 * np.std(samples))


@pytest.mark.parametrize("rows", [4000, 30_000])
@pytest.mark.parametrize("noise", [1.0, 0.02])
def test_the_bootstrap_of_auc_agrees_with_delong_however_alike_the_models(rows: int, noise: float) -> None:
    """Bins would blow up the difference of models nearly the same. A bound of 1000 resamples is known to 5 %."""
    labels, a, other = models(rows, 1, better=0.1)
    b = a + noise * (other - a)
    test, exact = paired_bootstrap(METRICS["roc_auc"], labels, a, b), delong_test(labels, a, b)
    assert None not in (exact.low, test.low, test.high)
    assert test.estimate == pytest.approx(exact.estimate, abs=1e-12)
    assert (test.high - test.low) / 2 == pytest.approx(exact.estimate - exact.low, rel=0.2)  # type: ignore[operator]


def test_many_rows_are_resampled_like_few() -> None:
    """The linearised average precision of 12,000 rows against 300 tables of resampled rows: known within 4.1 %."""
    labels, a, b = models(12_000, 4, better=0.2)
    metric, rng, samples = METRICS["average_precision"], np.random.default_rng(8), []
    test = paired_bootstrap(metric, labels, a, b)
    for _ in range(300):
        rows = rng.integers(0, 12_000, 12_000)
        one, other = (metric_value(metric, labels[rows], s[rows])[0] for s in (a, b))
        samples.append((one or 0) - (other or 0))
    assert test.low is not None
    assert test.high is not None
    assert test.high - test.low == pytest.approx(2 * 1.96 * np.std(samples), rel=0.2)


@pytest.mark.parametrize("name", ["accuracy", "roc_auc", "brier"])
def test_equal_models_are_seldom_called_different(name: str) -> None:
    """p ≤ 5 % in 200 pairs of equals: a binomial of 200 at 0.06 exceeds 24 (12 %) less than once in 1000 times."""
    wrong = sum((paired_bootstrap(METRICS[name], *models(200, seed), Resampling(resamples=200, seed=seed)).p_value or 1)
                < 0.05 for seed in range(200))
    assert wrong <= 24


def test_the_same_scores_do_not_differ_and_the_seed_decides() -> None:
    labels, a, b = models(400, 2)
    for name in metrics_of(Task.BINARY):
        same = paired_bootstrap(METRICS[name], labels, a, a)
        assert (same.estimate, same.low, same.high, same.p_value) == (0, 0, 0, 1)
    one, two, other = (paired_bootstrap(METRICS["f1"], labels, a, b, Resampling(seed=s)) for s in (1, 1, 2))
    assert one == two
    assert one.low != other.low


def test_few_rows_decided_differently_are_pointed_out() -> None:
    labels, a, _ = models(400, 2)
    b = a.copy()
    b[:3] = 1 - a[:3]
    assert "only 3 rows" in paired_bootstrap(METRICS["f1"], labels, a, b).reason


def test_a_metric_that_is_undefined_is_refused() -> None:
    with pytest.raises(ValueError, match="precision is undefined: no row is flagged"):
        paired_bootstrap(replace(METRICS["precision"], threshold=2.0), [0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], [0.1] * 4)
    with pytest.raises(ValueError, match="only one class"):
        paired_bootstrap(METRICS["f1"], [1, 1], [0.1, 0.9], [0.2, 0.8])
    with pytest.raises(ValueError, match="2 labels but 3 scores"):
        paired_bootstrap(METRICS["f1"], [0, 1], [0.1, 0.9], [0.2, 0.8, 0.3])


def test_the_corrected_t_is_nadeau_and_bengios() -> None:
    """Written out as in scikit-learn's example of comparing models by grid search."""
    differences = np.array([0.02, 0.01, 0.03, -0.01, 0.02, 0.015, 0.0, 0.01, 0.005, 0.02])
    n_train, n_test = 90, 10
    spread = np.sqrt(differences.var(ddof=1) * (1 / 10 + n_test / n_train))
    test = corrected_t(differences, n_test / n_train)
    assert test.statistic == pytest.approx(differences.mean() / spread, rel=1e-12)
    assert test.p_value == pytest.approx(2 * stats.t.sf(differences.mean() / spread, 9), rel=1e-9)
    assert (test.low, test.high) == pytest.approx(stats.t.interval(0.95, 9, differences.mean(), spread), rel=1e-9)
    naive = stats.ttest_1samp(differences, 0)
    assert test.p_value > naive.pvalue


def test_folds_that_differ_alike_have_no_variance() -> None:
    assert corrected_t([0.0, 0.0], 0.25).p_value == 1
    certain = corrected_t([0.1, 0.1], 0.25)
    assert (certain.statistic, certain.p_value) == (None, None)
    with pytest.raises(ValueError, match="at least two folds"):
        corrected_t([0.1], 0.25)


def contrast(estimate: float, low: float | None, high: float | None, p: float | None) -> Contrast:
    return Contrast(estimate, low, high, None, p, "delong")


@pytest.mark.parametrize(("difference", "margin", "expected"), [
    (contrast(-0.02, -0.03, -0.01, 0.001), 0.0, Verdict.BETTER),
    (contrast(0.02, 0.01, 0.03, 0.001), 0.0, Verdict.WORSE),
    (contrast(-0.02, -0.05, 0.01, 0.2), 0.0, Verdict.INCONCLUSIVE),
    (contrast(-0.02, -0.03, -0.01, 0.001), 0.05, Verdict.EQUIVALENT),
    (contrast(-0.02, -0.06, -0.01, 0.001), 0.05, Verdict.BETTER),
    (contrast(0.0, 0.0, 0.0, 1.0), 0.0, Verdict.EQUIVALENT),
    (contrast(-0.02, None, None, None), 0.05, Verdict.INCONCLUSIVE),
    (contrast(-1.0, -1.2, -0.4, None), 0.0, Verdict.BETTER),
    (contrast(-0.02, -0.03, -0.01, 0.06), 0.0, Verdict.INCONCLUSIVE),  # p is adjusted for several pairs
])
def test_the_verdict_is_about_b_against_a(difference: Contrast, margin: float, expected: Verdict) -> None:
    assert verdict(difference, higher_is_better=True, margin=margin) == expected
    mirrored = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}.get(expected, expected)
    assert verdict(difference, higher_is_better=False, margin=margin) == mirrored


def test_a_negative_margin_is_refused() -> None:
    with pytest.raises(ValueError, match="margin"):
        verdict(contrast(0, -1, 1, 1), higher_is_better=True, margin=-0.1)
