"""Corrections for many tests against scipy's, and against their definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlops_tui.analysis.multiplicity import benjamini_hochberg, holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@given(P_VALUES)
def test_benjamini_hochberg_is_scipys(p_values: list[float]) -> None:
    assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values))


@given(P_VALUES)
def test_holm_is_the_largest_of_the_steps_up_to_each(p_values: list[float]) -> None:
    """The step of a p-value: times the number of those that are not before it."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    steps = [p_values[each] * (len(order) - place) for place, each in enumerate(order)]
    expected = {each: min(1.0, max(steps[:place + 1])) for place, each in enumerate(order)}
    assert holm(p_values).tolist() == [expected[place] for place in range(len(p_values))]


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.02, 0.03, 0.04]).tolist() == pytest.approx([0.04, 0.06, 0.06, 0.06])


@given(P_VALUES, st.integers(0, 39))
def test_a_smaller_p_value_never_raises_another(p_values: list[float], place: int) -> None:
    smaller = list(p_values)
    smaller[place % len(smaller)] /= 2
    for adjust in (benjamini_hochberg, holm):
        assert np.all(adjust(smaller) <= adjust(p_values) + 1e-15)


def test_no_tests_need_no_correction() -> None:
    assert benjamini_hochberg([]).size == holm([]).size == 0


@pytest.mark.parametrize("bad", [[1.1], [-0.1], [np.nan], [[0.1]]])
def test_only_p_values_are_corrected(bad: list[float]) -> None:
    for adjust in (benjamini_hochberg, holm):
        with pytest.raises(ValueError, match="between 0 and 1"):
            adjust(bad)
