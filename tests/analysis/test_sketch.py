"""A sketch says what the rows say: exactly where there are few values, within its bound otherwise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlops_tui.analysis import sketch

SOME = st.lists(st.integers(-40, 40).map(float), min_size=8, max_size=200)


@given(SOME, SOME)
@settings(deadline=None)
def test_few_values_are_kept_exactly(one: list[float], other: list[float]) -> None:
    sides = [sketch.of_numbers(np.array(each), 0) for each in (one, other)]
    assert sketch.ks(*sides) == pytest.approx(stats.ks_2samp(one, other, method="asymp").statistic)
    assert [side.n for side in sides] == [len(one), len(other)]
    assert sides[0].distinct == len(set(one))


@pytest.mark.parametrize("seed", range(5))
def test_many_values_are_off_by_no_more_than_the_bound(seed: int) -> None:
    random = np.random.default_rng(seed)
    one, other = random.normal(0, 1, 5000), random.normal(0.2, 1.3, 3000)
    found = sketch.ks(sketch.of_numbers(one, 0), sketch.of_numbers(other, 0))
    assert abs(found - stats.ks_2samp(one, other, method="asymp").statistic) <= 2 * 0.5 / sketch.POINTS + 1 / 3000


def test_missing_is_null_and_nan() -> None:
    found = sketch.of_numbers(np.array([1.0, np.nan, 2.0, 2.0]), 3)
    assert (found.rows, found.missing, found.n, found.distinct) == (7, 4, 3, 2)
    assert found.points.tolist() == [1.0, 2.0]
    assert found.weights.tolist() == [1.0, 2.0]
    assert sketch.of_numbers(np.array([]), 2).missing_share == 1.0


def test_batches_are_put_together() -> None:
    random = np.random.default_rng(1)
    parts = [random.integers(0, 50, 300).astype(float) for _ in range(4)]
    found = sketch.together([sketch.of_numbers(each, number) for number, each in enumerate(parts)])
    assert (found.rows, found.missing) == (1206, 6)
    assert sketch.ks(found, sketch.of_numbers(np.concatenate(parts), 0)) == pytest.approx(0)
    levels = sketch.together([sketch.of_levels({"a": 2, "b": 1}, 0), sketch.of_levels({"b": 3}, 1)])
    assert (levels.levels, levels.rows, levels.missing) == ({"a": 2, "b": 4}, 7, 1)
    with pytest.raises(ValueError, match="nothing"):
        sketch.together([])


def test_the_distance_of_categories_is_total_variation() -> None:
    one, other = sketch.of_levels({"a": 3, "b": 1}, 0), sketch.of_levels({"a": 1, "c": 1}, 5)
    assert sketch.variation(one, other) == pytest.approx((0.25 + 0.25 + 0.5) / 2)
    assert sketch.variation(one, one) == 0.0
    many = sketch.of_levels({str(number): 2 for number in range(1000)}, 0)
    assert (len(many.levels), many.other, many.distinct) == (sketch.LEVELS, 2 * (1000 - sketch.LEVELS), 1000)
    ids = sketch.of_levels({str(number): 1 for number in range(1000)}, 0)
    assert (ids.levels, ids.other, ids.distinct) == ({}, 1000, 1000)
    with pytest.raises(ValueError, match="both sides"):
        sketch.ks(sketch.of_numbers(np.array([]), 1), sketch.of_numbers(np.array([1.0]), 0))
