"""Paired comparisons against statsmodels, published tables, a plain bootstrap, and models known to be equal."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.interval import Contrast, Resampling
from mlops_tui.analysis.metrics import METRICS, measured, metric_value, metrics_of
from mlops_tui.analysis.paired import (
    contrast,
    corrected_t,
    mcnemar,
    mcnemar_test,
    paired_bootstrap,
    paired_proportions,
)
from mlops_tui.analysis.ranking import delong_test, delong_unpaired
from tests.analysis.asah import NDKA, OUTCOME, S100B, WFNS

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


# -- DeLong, to every digit that pROC publishes -----------------------------------------------------------------------


@pytest.mark.parametrize(("a", "b", "z", "p", "low", "high"), [
    (WFNS, S100B, 2.20898359144091, 0.0271757822291882, 0.0104061769564846, 0.174214419249478),
    (WFNS, NDKA, 2.79777591868904, 0.00514557970691098, 0.0634011709339876, 0.3600405634833566),
    (NDKA, S100B, -1.39077002573558, 0.164295175223054, -0.2876917446341914, 0.0488706064228094)])
def test_delong_is_procs_on_its_own_data(a: Array, b: Array, z: float, p: float, low: float, high: float) -> None:
    found = delong_test(OUTCOME, a, b)
    assert (found.statistic, found.p_value, found.low, found.high) == pytest.approx((z, p, low, high), rel=1e-12)
    one, other = (Answers(Task.BINARY, OUTCOME == 1, s) for s in (a, b))
    assert contrast(METRICS["roc_auc"], one, other) == found


@pytest.mark.parametrize(("a", "b", "d", "p"), [
    (WFNS, S100B, 1.43490640926908, 0.152825378808796), (WFNS, NDKA, 3.10125096778969, 0.00220950791756457),
    (NDKA, S100B, -1.55995743389685, 0.120192832430845)])
def test_unpaired_delong_is_procs_on_its_own_data(a: Array, b: Array, d: float, p: float) -> None:
    found = delong_unpaired((OUTCOME, OUTCOME), (a, b))
    assert (found.statistic, found.p_value) == pytest.approx((d, p), rel=1e-12)


def test_unpaired_models_without_variance_have_no_test() -> None:
    apart = ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    same = delong_unpaired((apart[0], apart[0]), (apart[1], apart[1]))
    assert (same.estimate, same.low, same.statistic, same.p_value) == (0, None, 0, 1)
    turned = delong_unpaired((apart[0], apart[0]), (apart[1], [0.9, 0.8, 0.2, 0.1]))
    assert (turned.estimate, turned.p_value) == (1, None)


# -- every task -------------------------------------------------------------------------------------------------------


def numbers(n: int, seed: int, better: float = 0.0) -> tuple[Answers, Answers]:
    """Two predictions of the same numbers; b's errors are smaller by the share `better`."""
    rng = np.random.default_rng(seed)
    label, shared = rng.normal(10, 3, n), rng.normal(size=n)
    return (Answers(Task.REGRESSION, label, label + shared + rng.normal(size=n)),
            Answers(Task.REGRESSION, label, label + (1 - better) * (shared + rng.normal(size=n))))


def classes(n: int, seed: int, better: float = 0.0) -> tuple[Answers, Answers]:
    """Two models of three classes, with probabilities; b sees more of the class by `better`."""
    rng = np.random.default_rng(seed)
    label, shared = rng.integers(0, 3, n), rng.normal(size=(n, 3))

    def of(signal: float) -> Answers:
        raw = np.exp(shared + 0.7 * rng.normal(size=(n, 3)) + signal * np.eye(3)[label])
        return Answers(Task.MULTICLASS, label, raw / raw.sum(axis=1, keepdims=True), ("a", "b", "c"))

    return of(1.0), of(1.0 + better)


@pytest.mark.parametrize("name", ["mae", "bias", "mape", "pinball_90"])
def test_means_over_rows_are_compared_by_scipys_paired_t(name: str) -> None:
    a, b = numbers(80, 1, better=0.1)
    error = [each.given - each.label for each in (a, b)]
    loss = {"mae": np.abs, "bias": lambda e: e, "mape": lambda e: np.abs(e / a.label),
            "pinball_90": lambda e: np.maximum(-0.9 * e, 0.1 * e)}[name]
    theirs = stats.ttest_rel(*(loss(e) for e in error))
    ours, bounds = contrast(METRICS[name], a, b), theirs.confidence_interval(0.95)
    assert ours.method == "t"
    assert (ours.statistic, ours.p_value, ours.low, ours.high) == pytest.approx(
        (theirs.statistic, theirs.pvalue, bounds.low, bounds.high), rel=1e-9)
    assert ours.at(0.9) == pytest.approx(tuple(theirs.confidence_interval(0.9)), rel=1e-9)


@pytest.mark.parametrize("name", ["log_loss", "brier"])
def test_losses_of_probabilities_are_compared_by_scipys_paired_t(name: str) -> None:
    labels, a, b = models(300, 3, better=0.2)
    loss = {"log_loss": lambda s: -np.log(np.where(labels, s, 1 - s)), "brier": lambda s: (s - labels) ** 2}[name]
    theirs = stats.ttest_rel(loss(a), loss(b))
    ours = contrast(METRICS[name], *(Answers(Task.BINARY, labels, s) for s in (a, b)))
    assert (ours.method, ours.statistic, ours.p_value) == ("t", pytest.approx(theirs.statistic), pytest.approx(
        theirs.pvalue))


@pytest.mark.parametrize("name", ["rmse", "r2", "spearman", "explained_variance", "median_ae"])
def test_other_measures_of_numbers_are_compared_as_resampled_rows_would_be(name: str) -> None:
    """Against 400 tables of resampled rows, whose spread is known within 3.5 %: 20 % is more than five of those."""
    a, b = numbers(1500, 2, better=0.2)
    samples, rng = [], np.random.default_rng(8)
    for _ in range(400):
        rows = rng.integers(0, 1500, 1500)
        one, other = (measured(METRICS[name], Answers(Task.REGRESSION, each.label[rows], each.given[rows])).value
                      for each in (a, b))
        samples.append((one or 0) - (other or 0))
    for method in ("auto", "bootstrap"):
        found = contrast(METRICS[name], a, b, method=method)  # type: ignore[arg-type]
        assert found.error == pytest.approx(np.std(samples), rel=0.2 if name != "median_ae" else 0.35)


@pytest.mark.parametrize("name", ["macro_f1", "kappa", "mcc", "balanced_accuracy", "roc_auc_ovr", "log_loss"])
def test_models_of_several_classes_are_compared_as_resampled_rows_would_be(name: str) -> None:
    """As above."""
    a, b = classes(900, 4, better=0.3)
    samples, rng = [], np.random.default_rng(8)
    for _ in range(400):
        rows = rng.integers(0, 900, 900)
        one, other = (measured(METRICS[name], replace(each, label=each.label[rows], given=each.given[rows])).value
                      for each in (a, b))
        samples.append((one or 0) - (other or 0))
    found = contrast(METRICS[name], a, b)
    assert (found.method, found.error) == ("t", pytest.approx(np.std(samples), rel=0.2))
    one, other = (measured(METRICS[name], each).value or 0 for each in (a, b))
    assert found.estimate == pytest.approx(one - other)


def test_accuracies_of_several_classes_are_compared_by_mcnemar() -> None:
    a, b = classes(500, 4, better=0.3)
    right = [each.decided == each.label for each in (a, b)]
    theirs = statsmodels_mcnemar([[0, int((right[0] & ~right[1]).sum())], [int((right[1] & ~right[0]).sum()), 0]],
                                 exact=False, correction=True)
    found = contrast(METRICS["accuracy"], a, b)
    assert (found.method, found.p_value) == ("mcnemar-corrected", pytest.approx(theirs.pvalue))
    only = contrast(METRICS["accuracy"], *(replace(each, given=each.decided) for each in (a, b)))
    assert only == found


# -- weights and clusters ---------------------------------------------------------------------------------------------


def weighted(name: str, weight: Array) -> Contrast:
    labels, a, b = models(400, 9, better=0.3)
    return contrast(METRICS[name], *(Answers(Task.BINARY, labels, s, weight=weight) for s in (a, b)))


def test_equal_weights_are_no_weights_however_large() -> None:
    labels, a, b = models(400, 9, better=0.3)
    for name in ("roc_auc", "accuracy", "f1", "brier"):
        assert weighted(name, np.full(400, 1e12)) == contrast(
            METRICS[name], *(Answers(Task.BINARY, labels, s) for s in (a, b)))


def test_weights_make_delong_a_t_of_the_same_variance() -> None:
    """With weights hardly apart it is DeLong's z but for the t distribution."""
    labels, a, b = models(400, 9, better=0.3)
    found, plain = weighted("roc_auc", 1 + 1e-9 * np.arange(400)), delong_test(labels, a, b)
    assert found.method == "t"
    assert (found.estimate, found.statistic) == pytest.approx((plain.estimate, plain.statistic), rel=1e-6)


def test_weighted_differences_vary_as_resampled_rows_with_their_weights() -> None:
    """As above, 400 tables; each row keeps its weight."""
    labels, a, b = models(800, 9, better=0.3)
    rng = np.random.default_rng(1)
    weight, samples = rng.exponential(size=800), []
    found = contrast(METRICS["average_precision"], *(Answers(Task.BINARY, labels, s, weight=weight) for s in (a, b)))
    for _ in range(400):
        rows = rng.integers(0, 800, 800)
        one, other = (measured(METRICS["average_precision"],
                               Answers(Task.BINARY, labels[rows], s[rows], weight=weight[rows])).value for s in (a, b))
        samples.append((one or 0) - (other or 0))
    assert found.error == pytest.approx(np.std(samples), rel=0.2)


def test_one_row_that_outweighs_all_leaves_no_interval() -> None:
    weight = np.ones(400)
    weight[3] = 1000
    found = weighted("brier", weight)
    assert (found.low, found.p_value) == (None, None)
    assert "one row holds" in found.reason


def test_rows_that_are_copies_of_each_other_are_worth_one() -> None:
    """Each row five times: as clusters they are as sure as once, as rows they would be √5 times surer."""
    labels, a, b = models(200, 9, better=0.3)
    once = contrast(METRICS["brier"], *(Answers(Task.BINARY, labels, s) for s in (a, b)))
    five = [Answers(Task.BINARY, np.repeat(labels, 5), np.repeat(s, 5)) for s in (a, b)]
    of = np.repeat([f"flight {i}" for i in range(200)], 5)
    together = contrast(METRICS["brier"], *five, cluster=of)
    assert (together.estimate, together.low, together.p_value) == pytest.approx(
        (once.estimate, once.low, once.p_value), rel=1e-9)
    assert contrast(METRICS["brier"], *five).error == pytest.approx(once.error / np.sqrt(5), rel=0.01)
    drawn = contrast(METRICS["roc_auc"], *five, method="bootstrap", cluster=of)
    assert drawn.error == pytest.approx(delong_test(labels, a, b).error, rel=0.15)


def test_few_clusters_are_pointed_out_and_one_is_refused() -> None:
    a, b = numbers(60, 1)
    assert "only 6 clusters" in contrast(METRICS["mae"], a, b, cluster=np.arange(60) % 6).reason
    with pytest.raises(ValueError, match="all rows are in one cluster, x"):
        contrast(METRICS["mae"], a, b, cluster=np.repeat("x", 60))


# -- what cannot be compared ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["roc_auc", "accuracy", "brier", "f1", "average_precision"])
def test_identical_scores_do_not_differ(name: str) -> None:
    labels, a, _ = models(100, 2)
    for weight in (None, np.random.default_rng(0).exponential(size=100)):
        one = Answers(Task.BINARY, labels, a, weight=weight)
        found = contrast(METRICS[name], one, replace(one, given=a.copy()))
        assert (found.estimate, found.p_value) == (0, 1)
        assert found.statistic in (0, None)


@pytest.mark.parametrize(("name", "method"), [("mae", "delong"), ("mae", "mcnemar"), ("accuracy", "auto"),
                                              ("roc_auc", "auto")])
def test_what_is_not_of_the_task_is_refused(name: str, method: str) -> None:
    said = r"not a metric of a regression|delong compares|mcnemar compares|decides nothing"
    with pytest.raises(ValueError, match=said):
        contrast(METRICS[name], *numbers(30, 1), method=method)  # type: ignore[arg-type]


def test_other_rows_tasks_and_methods_without_weights_are_refused() -> None:
    a, b = numbers(30, 1)
    with pytest.raises(ValueError, match="different rows: 30 and 29"):
        contrast(METRICS["mae"], a, Answers(Task.REGRESSION, b.label[1:], b.given[1:]))
    with pytest.raises(ValueError, match="their labels differ"):
        contrast(METRICS["mae"], a, replace(b, label=b.label + 1))
    labels, s, t = models(50, 1)
    heavy = [Answers(Task.BINARY, labels, each, weight=np.arange(50.0)) for each in (s, t)]
    with pytest.raises(ValueError, match="delong knows neither weights nor clusters"):
        contrast(METRICS["roc_auc"], *heavy, method="delong")
