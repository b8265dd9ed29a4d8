"""Differences and ratios of two proportions against the referees, at the edges, and how often they cover."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from mlops_tui.analysis.proportions import difference_bounds, fisher, ratio_bounds

draw = np.random.default_rng(0)
SIZES = draw.integers(2, 300, size=(60, 2))
TABLES = [(int(draw.integers(0, n + 1)), int(n), int(draw.integers(0, m + 1)), int(m)) for n, m in SIZES]


@pytest.mark.parametrize("table", TABLES)
def test_bounds_and_test_are_the_referees(table: tuple[int, int, int, int]) -> None:
    a, n, b, m = table
    low, high = difference_bounds(*table)
    assert (low[0], high[0]) == pytest.approx(
        confint_proportions_2indep(a, n, b, m, compare="diff", method="newcomb"), abs=1e-12)
    assert fisher(*table) == pytest.approx(stats.fisher_exact([[a, n - a], [b, m - b]])[1], abs=1e-10)
    if 0 < a < n and 0 < b < m:
        low, high = ratio_bounds(*table)
        assert (low[0], high[0]) == pytest.approx(
            confint_proportions_2indep(a, n, b, m, compare="ratio", method="score", correction=True), rel=1e-5)


def test_the_published_difference_of_newcombe() -> None:
    """Newcombe (1998), table II, method 10: 56/70 − 48/80 and 9/10 − 3/10."""
    low, high = difference_bounds([56, 9], [70, 10], [48, 3], [80, 10])
    assert low == pytest.approx([0.0524, 0.1705], abs=5e-5)
    assert high == pytest.approx([0.3339, 0.8090], abs=5e-5)


def test_edges_have_bounds_or_none() -> None:
    low, high = ratio_bounds([0, 5, 5, 0, 3], [10, 10, 5, 10, 10], [3, 0, 5, 0, 0], [10, 10, 5, 10, 0])
    assert low[[0, 3, 4]].tolist()[0] == 0
    assert high[1] == np.inf
    assert low[2] < 1 < high[2], "five of five and five of five do not show that both are always so"
    assert np.isnan([low[3], high[3], low[4], high[4]]).all()
    low, high = difference_bounds([3], [3], [0], [0])
    assert low[0] < 0.01
    assert high[0] == pytest.approx(1)
    assert fisher(0, 0, 3, 5) == 1
    with pytest.raises(ValueError, match="between 0 and its total"):
        difference_bounds([4], [3], [0], [1])


def test_a_million_rows_are_tested_exactly() -> None:
    assert fisher(400_000, 500_000, 399_000, 500_000) == pytest.approx(
        stats.chi2_contingency([[400_000, 100_000], [399_000, 101_000]])[1], rel=0.02)


@pytest.mark.parametrize(("p", "n", "q", "m"), [(0.3, 60, 0.5, 80), (0.05, 200, 0.08, 150), (0.9, 40, 0.8, 40)])
def test_bounds_cover_as_often_as_they_say(p: float, n: int, q: float, m: int) -> None:
    made = np.random.default_rng(5)
    a, b = made.binomial(n, p, 4000), made.binomial(m, q, 4000)
    sizes = np.full(4000, n), np.full(4000, m)
    low, high = difference_bounds(a, sizes[0], b, sizes[1])
    assert 0.93 <= np.mean((low <= p - q) & (p - q <= high)) <= 0.97
    known = (a > 0) | (b > 0)
    low, high = ratio_bounds(a, sizes[0], b, sizes[1])
    assert 0.93 <= np.mean(((low <= p / q) & (p / q <= high))[known]) <= 0.97
