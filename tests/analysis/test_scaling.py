"""Tail, skew and the bounds of influence, against their definitions and by hand."""

import numpy as np
import pytest
from scipy import stats

from mlops_tui.analysis.scaling import evidence, hill, rank_influence, robust_influence, winsor_influence


@pytest.mark.parametrize("alpha", [0.8, 1.5, 3.0])
def test_hills_interval_covers_the_tail_index_of_pareto(alpha: float) -> None:
    """Exact Pareto: 95 of 100 intervals cover; below 85 of 100 would happen once in 40,000 runs."""
    covered = 0
    for seed in range(100):
        values = np.sort(stats.pareto(alpha).rvs(2000, random_state=seed))[::-1][:401]
        _, low, high = hill(values)
        covered += low is not None and high is not None and low <= alpha <= high
    assert covered >= 85


def test_hill_says_nothing_of_few_equal_or_zero_values() -> None:
    nothing = (None, None, None)
    assert hill(np.arange(10, 0, -1.0)) == nothing
    assert hill(np.ones(50)) == nothing
    assert hill(np.append(np.ones(50), 0.0)) == nothing


def test_bowleys_skew_by_hand() -> None:
    found = evidence(100, (1.0, 2.0, 5.0), 3, np.ones(5), 8.0)
    assert (found.skew, found.far_share, found.reach) == (0.5, 0.03, 2.0)
    assert evidence(10, (1.0, 1.0, 1.0), 0, np.ones(1), 3.0).skew is None


def test_where_a_bound_does_not_exist_none_is_given() -> None:
    assert robust_influence(1.0, (0.5, 0.1, 0.5)) is None
    assert winsor_influence(10, 0.01, (0.0, 10.0), (0.0, 0.0), 3.0) is None
    assert rank_influence(1) is None


def test_the_bounds_by_hand() -> None:
    robust = robust_influence(2.0, (0.1, 0.2, 0.3))
    assert robust is not None
    assert robust.at(2.0) == pytest.approx((0.2 + 2 * 0.4) / 1.6)
    winsor = winsor_influence(10_000, 0.01, (0.0, 4.0), (0.01, 0.02), 1.0)
    assert winsor is not None
    share = 2 * 0.0102
    moved = (share * 0.0004 + 4.03 ** 2 / 10_000) ** 0.5
    assert winsor.at(1.0) == pytest.approx((0.02 + share * 0.02 + 4.03 / 10_000 + moved) / (1 - moved))
