"""A batch is odd when its size is far from its like on the log scale."""

import math

import numpy as np
import pytest
from scipy import stats

from mlops_tui.analysis.batches import oddness


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
