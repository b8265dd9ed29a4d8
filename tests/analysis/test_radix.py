"""Certified profiles: cells keep the order, merging loses nothing, what is claimed is proven."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlops_tui.analysis import radix
from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.radix import Grid, Profile, Tally, grid_for, profile

ANY = st.floats(allow_nan=True, allow_infinity=True)
ODD = st.sampled_from([0.0, -0.0, 1e-320, -1e-320, 5e-324, 1e-45, 1e-40, 3.5e38, -3.5e38, 1e300, -1e300, 1.7e308,
                       math.inf, -math.inf, math.nan, 1e6, 1e6 + 2**-20, 1.0, 1.0 + 2**-52, 256.0, 257.0])
VALUES = arrays(np.float64, st.integers(0, 40), elements=st.one_of(ANY, ODD))
CENTRES = st.one_of(st.just(0.0), st.floats(allow_nan=False, allow_infinity=False), ODD.filter(math.isfinite))
GRIDS = st.builds(Grid, CENTRES, st.sampled_from(radix.BITS))


def known(values: Floats) -> Floats:
    return values[~np.isnan(values)]


@given(VALUES, GRIDS)
def test_cells_stand_in_the_order_of_their_values(values: Floats, grid: Grid) -> None:
    ordered = np.sort(known(values))
    cells = grid.ordered(grid.codes(ordered))
    assert np.all(np.diff(cells) >= 0)
    assert np.all(np.diff(cells)[ordered[1:] == ordered[:-1]] == 0), "equal values share a cell"


@given(VALUES, GRIDS)
def test_a_value_lies_within_the_edges_of_its_cell(values: Floats, grid: Grid) -> None:
    there = known(values)
    low, high = grid.edges(grid.ordered(grid.codes(there)))
    assert np.all(low <= there)
    assert np.all(there <= high)


@given(VALUES, GRIDS)
def test_counts_are_the_counts(values: Floats, grid: Grid) -> None:
    there, found = known(values), profile(values, grid, nulls=3)
    assert (found.n, found.nans, found.nulls) == (there.size, values.size - there.size, 3)
    assert found.rows == values.size + 3
    cells, counts = np.unique(grid.ordered(grid.codes(there)), return_counts=True)
    assert np.array_equal(found.cells, cells)
    assert np.array_equal(found.counts, counts)
    if there.size:
        assert (found.minimum, found.maximum) == (there.min(), there.max())


@given(VALUES, GRIDS)
def test_a_lone_value_is_one_exactly_where_the_cell_holds_no_other(values: Floats, grid: Grid) -> None:
    there, found = known(values), profile(values, grid)
    held = grid.ordered(grid.codes(there))
    for cell, value in zip(found.cells, found.value, strict=True):
        inside = set(there[held == cell].tolist())
        assert (inside == {value}) if len(inside) == 1 else math.isnan(value)


@settings(max_examples=60)
@given(arrays(np.float64, st.integers(0, 60), elements=st.one_of(ANY, ODD)), GRIDS, st.randoms(use_true_random=False),
       st.integers(1, 6))
def test_any_parts_in_any_order_merge_to_the_same_bytes(values: Floats, grid: Grid, order: object, parts: int) -> None:
    whole = profile(values, grid, nulls=5)
    shuffled = np.array(order.sample(values.tolist(), values.size), dtype=np.float64)  # type: ignore[attr-defined]
    pieces = [profile(piece, grid, nulls=5 if place == 0 else 0)
              for place, piece in enumerate(np.array_split(shuffled, parts))]
    order.shuffle(pieces)  # type: ignore[attr-defined]
    merged = pieces[0]
    for piece in pieces[1:]:
        merged = merged + piece
    assert merged.to_bytes() == whole.to_bytes()


@pytest.mark.parametrize("bits", radix.BITS)
def test_large_columns_merge_to_the_same_bytes(bits: int) -> None:
    draw = np.random.default_rng(bits)
    values = np.where(draw.random(200_000) < 0.4, 0.0, draw.standard_t(2, 200_000))
    grid = grid_for(values, bits)
    tally = Tally(grid)
    for piece in np.array_split(values, 7):
        tally.add(piece)
    parts = [profile(piece, grid) for piece in np.array_split(values[::-1], 3)]
    assert tally.profile().to_bytes() == profile(values, grid).to_bytes() == (parts[2] + parts[0] + parts[1]).to_bytes()


@given(VALUES, GRIDS)
def test_bytes_hold_everything(values: Floats, grid: Grid) -> None:
    found = profile(values, grid, nulls=2)
    again = Profile.from_bytes(found.to_bytes())
    assert again.to_bytes() == found.to_bytes()
    assert (again.grid, again.n, again.missing, again.shift, again.square) == (
        found.grid, found.n, found.missing, found.shift, found.square)
    assert np.array_equal(again.cells, found.cells)
    assert np.array_equal(again.counts, found.counts)
    assert np.array_equal(again.value, found.value, equal_nan=True)


def test_damaged_bytes_are_refused() -> None:
    stored = profile(np.arange(50.0)).to_bytes()
    for damaged in (b"", b"{}\n", stored[:-5], stored[:40], stored.replace(b'"format": 1', b'"format": 9')):
        with pytest.raises(ValueError, match="no profile"):
            Profile.from_bytes(damaged)


def test_moments_are_those_of_the_values() -> None:
    for values in (np.random.default_rng(1).normal(1e6, 1, 70_000), np.random.default_rng(2).lognormal(0, 2, 70_000),
                   np.arange(10.0), np.full(9, 3.7)):
        found, exact = profile(values), [Fraction(value) for value in values.tolist()]
        mean = sum(exact) / len(exact)
        assert found.mean == pytest.approx(float(mean), rel=1e-14)
        variance = sum((value - mean) ** 2 for value in exact) / (len(exact) - 1)
        assert found.std == pytest.approx(math.sqrt(variance), rel=1e-13, abs=1e-300)


@pytest.mark.parametrize("far", [math.inf, -math.inf, 1e200, -1.7e308])
def test_there_is_no_mean_where_a_value_is_too_far_out(far: float) -> None:
    found = profile(np.array([1.0, 2.0, far]))
    assert (found.mean, found.std, found.n) == (None, None, 3)


def test_there_is_no_spread_of_a_single_value() -> None:
    assert profile(np.array([4.0])).mean == 4.0
    assert profile(np.array([4.0])).std is None
    assert profile(np.empty(0)).mean is None


def test_a_profile_without_moments_claims_none() -> None:
    tally = Tally(Grid(), moments=False)
    tally.add(np.arange(5.0))
    assert tally.profile().mean is None


def test_the_two_zeros_are_one_value() -> None:
    for first, second in ((0.0, -0.0), (-0.0, 0.0)):
        for centre in (0.0, -0.0, 5.0):
            found = profile(np.array([first, second]), Grid(centre))
            assert found.cells.size == 1
            assert found.discrete
            assert math.copysign(1, found.value[0]) == math.copysign(1, found.minimum) == 1


def test_small_noise_on_a_large_offset_is_told_apart() -> None:
    values = 1e6 + np.random.default_rng(1).normal(0, 1e-3, 100_000)
    assert profile(values).cells.size > 1000
    assert profile(values, Grid(0.0)).cells.size <= 2


def test_whole_numbers_near_the_centre_have_a_cell_each() -> None:
    values = np.random.default_rng(1).poisson(40, 50_000).astype(np.float64)
    found = profile(values)
    assert found.discrete
    assert np.array_equal(found.value, np.unique(values))


def test_many_values_in_few_cells_are_not_taken_for_discrete() -> None:
    """Few occupied cells prove nothing: here 100,000 different values share a single one."""
    values = 1e6 + np.arange(100_000) * 2.0**-30
    found = profile(values, Grid(0.0))
    assert found.cells.size == 1
    assert not found.discrete
    late = profile(np.append(np.full(300_000, 7.0), np.nextafter(7.0, 8.0)), Grid(0.0))
    assert not late.discrete, "one different value among the last is enough"


@given(arrays(np.float64, st.integers(1, 60), elements=st.one_of(ANY.filter(lambda x: not math.isnan(x)),
                                                                  ODD.filter(lambda x: not math.isnan(x)))),
       GRIDS, st.floats(0, 1))
def test_quantiles_lie_within_their_bounds(values: Floats, grid: Grid, q: float) -> None:
    low, high = profile(values, grid).quantile(q)
    exact = np.sort(values)[max(1, math.ceil(q * values.size)) - 1]
    assert low <= exact <= high


def test_nothing_has_no_quantiles() -> None:
    with pytest.raises(ValueError, match="no quantiles"):
        profile(np.empty(0)).quantile(0.5)


def test_a_centre_is_a_middle_value_of_what_is_finite() -> None:
    assert grid_for(np.array([np.nan, np.inf, 3.0, 1.0, 2.0, 9.0])).centre == 2.0
    assert grid_for(np.array([np.nan, np.inf])).centre == 0.0
    assert grid_for(np.empty(0), 18) == Grid(0.0, 18)


def test_grids_are_checked() -> None:
    for bad in ((math.nan, 16), (math.inf, 16), (0.0, 12)):
        with pytest.raises(ValueError):
            Grid(*bad)
    with pytest.raises(ValueError, match="different grids"):
        profile(np.arange(3.0), Grid(0.0)) + profile(np.arange(3.0), Grid(1.0))
