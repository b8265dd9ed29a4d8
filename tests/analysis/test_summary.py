"""Exact figures of a column against numpy's."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlops_tui.analysis.summary import summary

VALUES = arrays(np.float64, st.integers(1, 50), elements=st.one_of(st.floats(-1e6, 1e6), st.sampled_from(
    [0.0, -0.0, 1.0, 2.0, math.nan])))


@given(VALUES, st.lists(st.floats(0, 1), max_size=4))
def test_it_agrees_with_numpy_and_with_counting(values: np.ndarray, at: list[float]) -> None:
    found, there = summary(values, at), values[~np.isnan(values)]
    assert found.distinct == np.unique(there).size
    if not there.size:
        assert found.quantiles == (None,) * len(at)
        return
    assert found.quantiles == pytest.approx(tuple(np.quantile(there, at)), rel=1e-12, abs=1e-9)
    counts = Counter(there.tolist())
    most = max(counts.values())
    if most > 1 or len(counts) == 1:
        assert (found.top, found.top_rows) == (min(value for value, n in counts.items() if n == most), most)
    else:
        assert (found.top, found.top_rows) == (None, 0)


def test_infinities_are_values_without_a_middle() -> None:
    found = summary(np.array([-math.inf, math.inf]), (0.0, 0.5, 1.0))
    assert found.quantiles == (-math.inf, None, math.inf)
    assert summary(np.array([math.inf, math.inf, 1.0]), (0.9,)).quantiles == (math.inf,)


def test_nothing_has_no_figures() -> None:
    for values in (np.empty(0), np.array([math.nan])):
        assert summary(values).quantiles == (None, None, None)
        assert (summary(values).distinct, summary(values).top) == (0, None)
