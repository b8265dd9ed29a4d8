"""Tests over folds against mlxtend and statsmodels, and the size of each where two models are equal."""

import numpy as np
import pytest
from mlxtend.evaluate import combined_ftest_5x2cv, paired_ttest_5x2cv
from scipy import stats
from sklearn.datasets import make_classification, make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC
from statsmodels.api import OLS

from mlops_tui.analysis.folds import diebold_mariano, five_by_two_f, five_by_two_t, naive_t
from mlops_tui.analysis.paired import corrected_t


@pytest.mark.parametrize("seed", [1, 7])
def test_five_by_two_is_mlxtends(seed: int) -> None:
    x, y = make_classification(200, 6, random_state=seed)
    a, b = LogisticRegression(), GaussianNB()
    rng, differences = np.random.RandomState(seed), []
    for _ in range(5):  # as mlxtend draws its halves
        halves = train_test_split(x, y, test_size=0.5, random_state=rng.randint(low=0, high=32767))
        for train_x, test_x, train_y, test_y in (halves, (halves[1], halves[0], halves[3], halves[2])):
            one, other = (each.fit(train_x, train_y).score(test_x, test_y) for each in (a, b))
            differences.append(one - other)
    d = np.reshape(differences, (5, 2))
    for theirs, ours in ((paired_ttest_5x2cv(a, b, x, y, scoring="accuracy", random_seed=seed), five_by_two_t(d)),
                         (combined_ftest_5x2cv(a, b, x, y, scoring="accuracy", random_seed=seed), five_by_two_f(d))):
        assert (ours.statistic, ours.p_value) == pytest.approx(theirs, rel=1e-9)


def test_five_by_two_without_variance_or_of_another_shape() -> None:
    assert five_by_two_t(np.zeros((5, 2))).p_value == 1
    assert five_by_two_f(np.full((5, 2), 0.1)).p_value is None
    with pytest.raises(ValueError, match="five repeats of two folds"):
        five_by_two_t(np.zeros(10))


def test_the_plain_t_over_folds_finds_what_is_not_there_and_the_corrected_one_does_not() -> None:
    """Differences of 10 random halves of the same 60 rows, 1,500 times, of two models that are equal.

    A resample of half the rows is correlated with another one; the naive test rejects far above 5 %, the corrected one
    at most about it (a binomial of 1,500 at 5 % stays below 6.7 % in all but one of 1,000 cases).
    """
    rng, wrong, corrected = np.random.default_rng(4), 0, 0
    for _ in range(1500):
        rows = rng.normal(size=60)
        d = [rows[rng.permutation(60)[:20]].mean() for _ in range(10)]  # tested on a third, n_test/n_train = 1/2
        wrong += naive_t(d) < 0.05
        corrected += (corrected_t(d, 0.5).p_value or 1) < 0.05
    assert wrong / 1500 > 0.2
    assert corrected / 1500 < 0.067


def test_the_plain_t_is_scipys() -> None:
    d = [0.02, 0.01, 0.03, -0.01]
    assert naive_t(d) == pytest.approx(stats.ttest_1samp(d, 0).pvalue)
    assert (naive_t([0, 0]), naive_t([0.1, 0.1])) == (1, 0)


def test_scikit_learns_published_example_of_the_corrected_t() -> None:
    """"Statistical comparison of models using grid search": its data, folds and estimators; t 0.750, one-sided p 0.227.

    Its Bayesian part and the other kernels are not computed here.
    """
    x, y = make_moons(noise=0.352, random_state=1, n_samples=100)
    folds = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    rbf, linear = (cross_val_score(SVC(kernel=kernel, random_state=0), x, y, scoring="roc_auc", cv=folds)
                   for kernel in ("rbf", "linear"))
    assert (f"{rbf.mean():.2f}", f"{linear.mean():.2f}") == ("0.94", "0.93")
    found = corrected_t(rbf - linear, 10 / 90)
    assert found.statistic is not None
    assert found.p_value is not None
    assert (f"{found.statistic:.3f}", f"{found.p_value / 2:.3f}") == ("0.750", "0.227")


@pytest.mark.parametrize("lags", [0, 3, 12])
def test_diebold_mariano_is_newey_and_wests_regression_on_a_constant(lags: int) -> None:
    rng = np.random.default_rng(2)
    d = 0.1 + np.convolve(rng.normal(size=303), np.ones(4) / 2, "valid")
    theirs = OLS(d, np.ones(300)).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    ahead = lags + 1
    few = np.sqrt((301 - 2 * ahead + ahead * lags / 300) / 300)
    found = diebold_mariano(d, lags)
    assert found.error == pytest.approx(theirs.bse[0] / few, rel=1e-9)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(d.mean() / found.error), 299), rel=1e-9)


def test_rows_in_time_that_resemble_their_neighbours_are_not_taken_for_independent() -> None:
    """Equal models whose losses drift together: 600 draws of 250 rows. p ≤ 5 % at most 8 % (four of its deviations)."""
    rng, wrong, plain = np.random.default_rng(5), 0, 0
    for _ in range(600):
        d = np.convolve(rng.normal(size=252), np.ones(3), "valid")
        wrong += (diebold_mariano(d, 6).p_value or 1) <= 0.05
        plain += stats.ttest_1samp(d, 0).pvalue <= 0.05
    assert wrong / 600 <= 0.086
    assert plain / 600 > 0.15


def test_few_rows_in_time_and_equal_losses() -> None:
    with pytest.raises(ValueError, match="ten rows"):
        diebold_mariano(np.zeros(9))
    assert diebold_mariano(np.zeros(20)).p_value == 1
    assert diebold_mariano(np.full(20, 0.5)).p_value is None
