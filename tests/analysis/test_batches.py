"""A batch is odd when its size is far from its like on the log scale."""

import math

import numpy as np
import pytest
from scipy import stats

from mlops_tui.analysis.batches import apart, oddness, oddness_of_share, usually
from mlops_tui.analysis.sketch import of_numbers


def test_z_is_the_robust_z_of_the_logarithms() -> None:
    earlier = [900, 950, 1000, 1100, 870, 1500]
    logs = np.log(earlier)
    spread = stats.median_abs_deviation(logs, scale="normal")
    found = oddness(600, earlier)
    assert found.z == pytest.approx((math.log(600) - np.median(logs)) / spread, rel=1e-4)
    assert found.expected == pytest.approx(math.exp(np.median(logs)))


def test_the_bounds_are_the_counts_at_the_limit() -> None:
    earlier = [900, 950, 1000, 1100, 870, 1500]
    found = oddness(1000, earlier, limit=3)
    assert found.low is not None
    assert found.high is not None
    for edge in (found.low, found.high):
        assert abs(oddness(round(edge), earlier).z or 0) == pytest.approx(3, abs=0.02)


def test_batches_that_never_vary_allow_a_tenth() -> None:
    assert abs(oddness(951, [1000] * 8).z or 0) < 5
    assert abs(oddness(880, [1000] * 8).z or 0) > 5


def test_an_empty_batch_is_as_odd_as_can_be() -> None:
    assert oddness(0, [10] * 5).z == -1e6


@pytest.mark.parametrize("earlier", [[], [5, 5, 5], [0, 0, 0, 0, 0]])
def test_too_little_history_is_not_judged(earlier: list[int]) -> None:
    found = oddness(5, earlier)
    assert found.z is None
    assert "are needed" in found.reason


def test_no_batch_has_fewer_than_no_rows() -> None:
    with pytest.raises(ValueError, match="fewer than no rows"):
        oddness(-1, [1, 2, 3, 4])


def test_a_share_is_odd_by_what_chance_makes_of_it_and_by_how_it_swings() -> None:
    assert abs(oddness_of_share(3, 100, [(1, 100), (2, 100), (3, 100), (2, 100), (1, 100)]).z or 9) < 5
    assert (oddness_of_share(60, 100, [(1, 100), (2, 100), (3, 100), (2, 100), (1, 100)]).z or 0) > 5
    assert oddness_of_share(0, 0, [(1, 100)] * 9).z is None
    assert oddness_of_share(1, 10, [(1, 100)] * 3).z is None


def test_one_odd_batch_among_many_does_not_make_the_next_one_usual() -> None:
    assert usually([0.0] * 27 + [0.9]) == (0.0, 0.0)
    assert usually([0.0, 0.1, 0.9]) == (0.0, 0.9)
    assert usually([]) == (0.0, 0.0)


def test_a_batch_lies_apart_only_where_it_lies_farther_than_the_others_do() -> None:
    random = np.random.default_rng(5)
    peers = [of_numbers(random.normal(0.05 * number, 1, 400), 0) for number in range(8)]
    moved = of_numbers(random.normal(3, 1, 400), 0)
    found = apart(moved, peers, peers, 0.15)
    assert found is not None
    assert found.distance > 0.7 > found.usual
    assert (found.z > 5, found.p < 1e-6) == (True, True)
    assert apart(of_numbers(random.normal(0.2, 1, 400), 0), peers, peers, 0.15) is None
    assert apart(moved, peers[:3], peers, 0.15) is None
