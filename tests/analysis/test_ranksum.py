"""Two groups by ranks: against scipy, against every way to deal few values, and by shifts that are not rejected."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlops_tui.analysis import ranksum

SIZES = [(3, 4), (5, 5), (8, 5), (12, 20), (30, 30)]


@pytest.mark.parametrize("sizes", SIZES)
def test_without_ties_p_is_scipys_exact_one(sizes):
    generator = np.random.default_rng(sum(sizes))
    for shift in (0, 0.5, 2):
        a, b = generator.normal(size=sizes[0]), generator.normal(shift, size=sizes[1])
        found, referee = ranksum.shift(a, b), stats.mannwhitneyu(a, b, method="exact")
        assert found.method == "exact"
        assert (found.u, found.p_value) == (referee.statistic, pytest.approx(referee.pvalue, rel=1e-9))


@pytest.mark.parametrize("ties", [True, False])
def test_for_many_p_is_scipys_normal_one(ties):
    generator = np.random.default_rng(3)
    a, b = generator.normal(size=40), generator.normal(0.4, size=50)
    if ties:
        a, b = np.round(a), np.round(b)
    found, referee = ranksum.shift(a, b), stats.mannwhitneyu(a, b, method="asymptotic")
    assert (found.method, found.p_value) == ("normal", pytest.approx(referee.pvalue, rel=1e-9))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=4), st.lists(st.integers(0, 4), min_size=1, max_size=5))
@settings(max_examples=60)
def test_with_ties_p_is_that_of_every_way_to_deal_the_values(a, b):
    values, n = np.array([*a, *b], dtype=float), len(a)
    ranks = stats.rankdata(values)
    mean = n * (len(values) + 1) / 2
    apart = [abs(ranks[list(chosen)].sum() - mean) for chosen in combinations(range(len(values)), n)]
    share = np.mean([each >= apart[0] - 1e-9 for each in apart])
    assert ranksum.shift(a, b).p_value == pytest.approx(share, rel=1e-9)


@pytest.mark.parametrize("sizes", [(5, 5), (8, 6), (10, 15)])
def test_the_interval_holds_the_shifts_that_the_test_does_not_reject(sizes):
    generator = np.random.default_rng(11 + sizes[0])
    a, b = generator.normal(size=sizes[0]), generator.normal(1, size=sizes[1])
    found, tiny = ranksum.shift(a, b), 1e-7
    assert found.low < found.estimate < found.high
    assert found.estimate == pytest.approx(np.median(np.subtract.outer(a, b)))
    for edge, inwards in ((found.low, tiny), (found.high, -tiny)):
        inside, outside = (stats.mannwhitneyu(a - edge - step, b, method="exact").pvalue
                           for step in (inwards, -inwards))
        assert inside > 0.05 >= outside


def test_the_interval_holds_the_true_shift_as_often_as_it_says():
    """2,000 draws: 95 % and a little more, since ranks move in steps; 93.5 % is 3 standard errors below."""
    generator, held = np.random.default_rng(5), 0
    for _ in range(2000):
        found = ranksum.shift(generator.exponential(size=7), generator.exponential(size=8) + 2)
        held += found.low <= -2 <= found.high
    assert 0.935 < held / 2000 < 0.98


def test_a_published_example():
    """Hollander & Wolfe 1999, table 4.1: permeability of the amnion at term and before, W = 35, P(W ≥ 35) = 0.1272."""
    term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
    found = ranksum.shift(term, [1.15, 0.88, 0.90, 0.74, 1.21])
    assert (found.u, found.p_value, found.estimate) == (35, pytest.approx(2 * 0.1272, abs=1e-4), pytest.approx(0.305))


def test_too_few_allow_no_interval_and_say_so():
    found = ranksum.shift([1, 2, 3], [4, 5, 6])
    assert (found.low, found.high, found.p_value) == (None, None, pytest.approx(0.1))
    assert found.reason == "3 and 3 values allow no interval at 95%"
    assert (ranksum.least_p(3, 3), ranksum.least_p(4, 4)) == (pytest.approx(0.1), pytest.approx(2 / 70))


def test_groups_that_are_all_alike_do_not_differ():
    found = ranksum.shift([2, 2, 2, 2], [2, 2, 2, 2, 2])
    assert (found.estimate, found.p_value) == (0, 1)
    assert ranksum.shift(np.ones(40), np.ones(40)).p_value == 1


@pytest.mark.parametrize(("a", "b"), [([], [1]), ([1], []), ([1, np.nan], [1]), ([1], [np.inf])])
def test_what_is_no_group_is_refused(a, b):
    with pytest.raises(ValueError):
        ranksum.shift(a, b)
