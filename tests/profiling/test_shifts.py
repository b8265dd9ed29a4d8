"""Small columns are profiled by sorting: the same profile as by counting, to the byte."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlops_tui.analysis import radix
from mlops_tui.analysis.arrays import Floats
from mlops_tui.profiling.shifts import _profiled_few
from store.scan import Batch

ODD = st.sampled_from([0.0, -0.0, 1e-320, 5e-324, 1e-45, 3.5e38, -3.5e38, 1.7e308, math.inf, -math.inf, math.nan, 1e6,
                       1e6 + 2**-20, 1.0, 1.0 + 2**-52, 256.0, 257.0])
VALUES = arrays(np.float64, st.integers(0, 40), elements=st.one_of(st.floats(allow_nan=True, allow_infinity=True), ODD))
GRIDS = st.builds(radix.Grid, st.one_of(st.floats(allow_nan=False, allow_infinity=False), ODD.filter(math.isfinite)))


@given(VALUES, GRIDS, st.integers(1, 4))
def test_sorting_few_values_gives_the_bytes_of_counting_them(values: Floats, grid: radix.Grid, pieces: int) -> None:
    batches = [Batch(piece, number) for number, piece in enumerate(np.array_split(values, pieces))]
    tally = radix.Tally(grid, moments=False)
    for batch in batches:
        tally.add(batch.values, batch.nulls)
    assert _profiled_few(batches, grid).to_bytes() == tally.profile().to_bytes()


def test_a_week_of_a_column_gives_the_bytes_of_counting_it() -> None:
    values = np.random.default_rng(7).choice(np.random.default_rng(8).standard_t(2, 3_000).round(3), 50_000)
    grid = radix.grid_for(values)
    tally = radix.Tally(grid, moments=False)
    tally.add(values)
    assert _profiled_few([Batch(values, 0)], grid).to_bytes() == tally.profile().to_bytes()


def test_no_values_are_an_empty_profile() -> None:
    found = _profiled_few([], radix.Grid())
    assert (found.n, found.rows) == (0, 0)
    assert found.to_bytes() == radix.Tally(radix.Grid()).profile().to_bytes()
