"""Newton's logistic regression against statsmodels, and the inputs that have no answer."""

import numpy as np
import pytest
import statsmodels.api as sm

from mlops_tui.analysis.logistic import NoOptimum, logistic


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2)) * [1, 4]
    y = (rng.random(300) < 1 / (1 + np.exp(-(x @ [1.5, -0.3] + 0.2)))).astype(float)
    return np.column_stack([np.ones(300), x]), y


def test_coefficients_and_covariance_are_statsmodels(data: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = data
    ours, theirs = logistic(x, y), sm.Logit(y, x).fit(disp=0, tol=1e-14)
    assert ours.coefficients == pytest.approx(theirs.params, abs=1e-9)
    assert ours.covariance == pytest.approx(theirs.cov_params(), abs=1e-9)


def test_an_offset_is_held_fixed(data: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = data
    ours = logistic(x[:, :1], y, 1.5 * x[:, 1])
    theirs = sm.GLM(y, x[:, :1], family=sm.families.Binomial(), offset=1.5 * x[:, 1]).fit(tol=1e-14)
    assert ours.coefficients == pytest.approx(theirs.params, abs=1e-8)


def test_targets_may_be_fractions() -> None:
    fit = logistic(np.ones((4, 1)), np.array([0.2, 0.4, 0.1, 0.1]))
    assert 1 / (1 + np.exp(-fit.coefficients[0])) == pytest.approx(0.2, abs=1e-12)


@pytest.mark.parametrize("gap", [0.0, 1e-6, 100.0])
def test_perfect_separation_has_no_finite_answer(gap: float) -> None:
    x = np.concatenate([np.linspace(-1, 0, 20), np.linspace(0, 1, 20) + gap])
    with pytest.raises(NoOptimum):
        logistic(np.column_stack([np.ones(40), x]), np.repeat([0.0, 1.0], 20))


def test_columns_that_depend_on_each_other_are_refused() -> None:
    with pytest.raises(NoOptimum, match="do not determine"):
        logistic(np.ones((10, 2)), np.arange(10) % 2.0)
