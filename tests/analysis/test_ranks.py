"""Tests over many data sets against scipy, and against the tables of Demšar 2006."""

import numpy as np
import pytest
from scipy import stats

from mlops_tui.analysis.ranks import critical_difference, friedman, range_below, wilcoxon

# Demšar 2006 (JMLR 7:1), table 6: AUC of C4.5 and its forms with m, with cf, with both, on 14 data sets
DEMSAR = np.array([
    [.763, .768, .771, .798], [.599, .591, .590, .569], [.954, .971, .968, .967], [.628, .661, .654, .657],
    [.882, .888, .886, .898], [.936, .931, .916, .931], [.661, .668, .609, .685], [.583, .583, .563, .625],
    [.775, .838, .866, .875], [1.000, 1.000, 1.000, 1.000], [.940, .962, .965, .962], [.619, .666, .614, .669],
    [.972, .981, .9751, .975], [.957, .978, .946, .970]])


def test_friedman_is_demsars_worked_example() -> None:
    """§3.2.2: mean ranks 3.143, 2.000, 2.893, 1.964; χ² 9.28, F 3.69; critical difference 1.25 at 5 %, 1.08 needed."""
    found = friedman(DEMSAR)
    assert found.ranks == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    n, k = DEMSAR.shape
    plain = 12 * n / (k * (k + 1)) * ((found.ranks**2).sum() - k * (k + 1) ** 2 / 4)  # he does not correct for ties
    assert plain == pytest.approx(9.28, abs=5e-3)
    assert (n - 1) * plain / (n * (k - 1) - plain) == pytest.approx(3.69, abs=5e-3)
    assert found.critical == pytest.approx(1.25, abs=5e-3)
    assert found.ranks[0] - found.ranks[3] == pytest.approx(1.18, abs=5e-3)  # below the critical difference


@pytest.mark.parametrize(("models", "at_5", "at_10"), [
    (2, 1.960, 1.645), (3, 2.343, 2.052), (4, 2.569, 2.291), (5, 2.728, 2.459), (6, 2.850, 2.589), (7, 2.949, 2.693),
    (8, 3.031, 2.780), (9, 3.102, 2.855), (10, 3.164, 2.920)])
def test_critical_values_are_demsars_table(models: int, at_5: float, at_10: float) -> None:
    """Table 5(a)."""
    for alpha, q in ((0.05, at_5), (0.10, at_10)):
        assert critical_difference(models, 14, alpha) == pytest.approx(
            q * np.sqrt(models * (models + 1) / (6 * 14)), abs=6e-4 * models)


@pytest.mark.parametrize(("q", "k"), [(0.5, 3), (2.0, 4), (3.314, 3), (5.0, 10), (9.0, 20)])
def test_the_range_of_normal_values_is_scipys(q: float, k: int) -> None:
    assert range_below(q, k) == pytest.approx(stats.studentized_range.cdf(q, k, np.inf), abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_friedman_is_scipys_with_ties_too(seed: int) -> None:
    values = np.round(np.random.default_rng(seed).normal(size=(9, 4)), 1 if seed % 2 else 8)
    theirs, ours = stats.friedmanchisquare(*values.T), friedman(values)
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-9)
    assert friedman(values, higher_is_better=False).ranks == pytest.approx(5 - ours.ranks)
    k, n = 4, 9
    assert ours.pairs[0, 1] == pytest.approx(1 - stats.studentized_range.cdf(
        abs(ours.ranks[0] - ours.ranks[1]) / np.sqrt(k * (k + 1) / (12 * n)), k, np.inf), abs=1e-9)


def test_models_that_are_alike_everywhere_do_not_differ_and_one_order_is_extreme() -> None:
    alike = friedman(np.ones((5, 3)))
    assert (alike.statistic, alike.p_value, alike.ranks.tolist()) == (0, 1, [2, 2, 2])
    ordered = friedman(np.tile([0.1, 0.2, 0.3], (6, 1)))
    assert (ordered.f, ordered.ranks.tolist()) == (None, [3, 2, 1])
    assert ordered.p_value == pytest.approx(stats.chi2.sf(12, 2))


@pytest.mark.parametrize(("values", "what"), [
    (np.ones((1, 3)), "two data sets"), (np.ones((5, 2)), "three models"),
    (np.array([[1, 2, np.nan]] * 3), "not finite")])
def test_what_cannot_be_ranked_is_refused(values: np.ndarray, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        friedman(values)


@pytest.mark.parametrize("n", [5, 8, 14, 30])
def test_signed_ranks_are_scipys_exact_ones(n: int) -> None:
    d = np.random.default_rng(n).normal(0.4, 1, n)
    theirs, ours = stats.wilcoxon(d, method="exact"), wilcoxon(d)
    assert (ours.statistic, ours.p_value) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)
    assert ours.low <= ours.estimate <= ours.high  # type: ignore[operator]


def test_many_signed_ranks_are_scipys_normal_ones() -> None:
    d = np.round(np.random.default_rng(1).normal(0.2, 1, 200), 1)
    theirs = stats.wilcoxon(d, method="asymptotic", correction=False)
    assert wilcoxon(d).p_value == pytest.approx(theirs.pvalue, rel=1e-9)


def test_ties_among_few_are_thrown_in_every_way() -> None:
    """Brute force: all signs of |d| = 1, 1, 2, 3, 3."""
    d = np.array([1, -1, 2, 3, 3.0])
    ranks = np.array([1.5, 1.5, 3, 4.5, 4.5])
    signs = (np.arange(32)[:, None] >> np.arange(5)) & 1
    sums = signs @ ranks
    seen = min(ranks[d > 0].sum(), ranks[d < 0].sum())
    assert wilcoxon(d).p_value == pytest.approx(min(2 * np.mean(sums <= seen), 1))


def test_the_interval_of_signed_ranks_is_the_set_of_shifts_that_are_not_rejected() -> None:
    d = np.random.default_rng(3).normal(0.5, 1, 12)
    found = wilcoxon(d)
    inside, outside = (wilcoxon(d - shift).p_value for shift in (found.low + 1e-9, found.low - 1e-9))
    assert inside > 0.05 >= outside
    assert found.at(0.8)[0] > found.low  # type: ignore[index]


def test_no_difference_is_none() -> None:
    assert wilcoxon(np.zeros(4)).p_value == 1
    with pytest.raises(ValueError, match="finite difference"):
        wilcoxon([0.1, np.nan])
