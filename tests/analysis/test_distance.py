"""Distances against scipy's, and bounds that hold on columns made to break them."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial.distance import jensenshannon

from mlops_tui.analysis import distance
from mlops_tui.analysis.arrays import Counts, Floats
from mlops_tui.analysis.distance import Bounds, Pair
from mlops_tui.analysis.radix import BITS, Grid, grid_for, profile

ODD = st.sampled_from([0.0, -0.0, 1e-320, 5e-324, -1e-45, 3.5e38, -3.5e38, 1e300, 1.7e308, math.inf, -math.inf, 1e6,
                       1e6 + 2**-20, 1.0, 1.0 + 2**-52, 1.001, 1.002, 1.003, 256.0, 257.0])
COLUMN = arrays(np.float64, st.integers(1, 40), elements=st.one_of(st.floats(allow_nan=False), ODD))


def pair_of(r: Floats, c: Floats, grid: Grid | None = None) -> Pair:
    grid = grid or grid_for(r)
    return distance.paired(profile(r, grid), profile(c, grid))


def exact_ks(r: Floats, c: Floats) -> float:
    with np.errstate(all="ignore"):  # its p-value of one or two rows divides by zero
        return float(stats.ks_2samp(r, c, method="asymp").statistic)


def columns() -> Iterator[tuple[str, Floats, Floats]]:
    """Two hundred pairs of samples: every shape a column takes, and those that cells are worst at."""
    draw = np.random.default_rng(20130101)
    shapes = {
        "normal": lambda n, k: draw.normal(0.05 * k, 1, n),
        "offset": lambda n, k: draw.normal(1e6, 1 + 0.05 * k, n),
        "far offset": lambda n, k: 1e12 + draw.normal(0, 1e-3 * (1 + k), n),
        "cauchy": lambda n, k: draw.standard_cauchy(n),
        "t2": lambda n, k: draw.standard_t(2, n) * (1 + 0.2 * k),
        "lognormal": lambda n, k: draw.lognormal(0, 2 + 0.1 * k, n),
        "tiny": lambda n, k: draw.normal(size=n) * 1e-300,
        "denormal": lambda n, k: draw.integers(-9, 9 + k, n) * 5e-324,
        "huge": lambda n, k: draw.normal(size=n) * 1e300,
        "poisson": lambda n, k: draw.poisson(4 + 0.2 * k, n) * 1.0,
        "wide integers": lambda n, k: draw.integers(0, 10**6, n) * 1.0,
        "rounded": lambda n, k: draw.normal(size=n).round(1),
        "inflated": lambda n, k: np.where(draw.random(n) < 0.6, 0.0, draw.lognormal(0, 1 + 0.1 * k, n)),
        "constant": lambda n, k: np.full(n, 3.25 + k * (k % 2)),
        "two values": lambda n, k: draw.choice([1.0, 1.0 + 2**-40], n),
        "infinite": lambda n, k: np.where(draw.random(n) < 0.1 + 0.02 * k, np.inf, draw.normal(size=n)),
        "both ends": lambda n, k: draw.choice([-np.inf, 0.0, np.inf, 1.5], n),
        "zeros": lambda n, k: draw.choice([0.0, -0.0, 1e-9], n),
        "one cell": lambda n, k: 5.0 + draw.random(n) * 1e-10,
        "clusters": lambda n, k: draw.choice([0.0, 1e9], n) + draw.normal(size=n),
    }
    sizes = [(1, 1), (1, 900), (7, 5), (60, 60), (1000, 30), (2000, 2000), (10_000, 3000), (500, 9000), (3, 4000),
             (5000, 5000)]
    for name, shape in shapes.items():
        for place, (n, m) in enumerate(sizes):
            yield f"{name} {n} {m}", shape(n, 0), shape(m, place % 4)


COLUMNS = list(columns())


def test_there_are_two_hundred_of_them() -> None:
    assert len(COLUMNS) == 200


@pytest.mark.parametrize(("bits", "every"), [(16, 1), (18, 3), (20, 9)])
def test_the_exact_distance_lies_within_the_bounds(bits: int, every: int) -> None:
    exactly, widths = 0, []
    for name, r, c in COLUMNS[::every]:
        for grid in (grid_for(r, bits), Grid(0.0, bits)):
            found, exact = distance.ks(pair_of(r, c, grid)), exact_ks(r, c)
            assert found.low <= exact <= found.high, (name, grid, found, exact)
            exactly += found.exact
            widths.append(found.high - found.low)
    assert exactly >= 100 / every, "columns of few values are known exactly"
    assert np.median(widths) < 0.01, "and bounds say something"


@given(COLUMN, COLUMN, st.one_of(st.just(None), st.builds(Grid, st.floats(-1e9, 1e9), st.sampled_from(BITS))))
def test_the_exact_distance_lies_within_the_bounds_of_any_columns(r: Floats, c: Floats, grid: Grid | None) -> None:
    found, exact = distance.ks(pair_of(r, c, grid)), exact_ks(r, c)
    assert found.low <= exact <= found.high


def refined(r: Floats, c: Floats, pair: Pair) -> Bounds:
    cells = distance.open_cells(pair)
    inside = [side[np.isin(pair.grid.ordered(pair.grid.codes(side)), pair.cells[cells])] for side in (r, c)]
    return distance.ks_refined(pair, cells, *inside)


def test_looking_into_the_open_cells_gives_the_exact_distance() -> None:
    for name, r, c in COLUMNS:
        for grid in (grid_for(r), Grid(0.0)):
            assert refined(r, c, pair_of(r, c, grid)) == Bounds(exact_ks(r, c), exact_ks(r, c)), (name, grid)


@given(COLUMN, COLUMN)
def test_refining_any_columns_is_exact(r: Floats, c: Floats) -> None:
    assert refined(r, c, pair_of(r, c)).low == exact_ks(r, c)


def test_only_the_values_that_were_counted_refine() -> None:
    pair = pair_of(np.arange(10.0), np.arange(10.0) + 0.001, Grid(1e6))
    cells = distance.open_cells(pair)
    assert cells.any()
    with pytest.raises(ValueError, match="not those"):
        distance.ks_refined(pair, cells, np.empty(0), np.empty(0))


def test_bounds_tighten_with_bits() -> None:
    draw = np.random.default_rng(3)
    r, c = draw.normal(size=300_000), draw.normal(0.01, 1, 300_000)
    width = []
    for bits in BITS:
        found = distance.ks(pair_of(r, c, grid_for(r, bits)))
        width.append(found.high - found.low)
    assert 0.004 > width[0] > 3 * width[1] > 9 * width[2]


@pytest.mark.parametrize(("n", "m"), [(400, 300), (5000, 4000), (20_000, 90_000)])
def test_the_p_value_is_scipys_in_the_limit(n: int, m: int) -> None:
    draw = np.random.default_rng(n)
    found = stats.ks_2samp(draw.normal(size=n), draw.normal(0.05, 1, m), method="asymp")
    assert distance.ks_p_value(found.statistic, n, m) == pytest.approx(found.pvalue, rel=0.2, abs=1e-6)
    assert distance.ks_p_value(found.statistic, n, m) >= found.pvalue * 0.95, "never much smaller"


def test_null_data_are_called_different_as_often_as_allowed() -> None:
    """400 pairs at 5 %: 20 expected, standard deviation 4.4; the limit's distribution is conservative."""
    draw = np.random.default_rng(7)
    alarms = sum(distance.ks_p_value(distance.ks(pair_of(draw.normal(size=500), draw.normal(size=400))).low, 500, 400)
                 <= 0.05 for _ in range(400))
    assert alarms <= 20 + 3 * 4.4
    assert alarms >= 4


def test_wasserstein_lies_within_its_bounds() -> None:
    compared = 0
    for name, r, c in COLUMNS:
        found = distance.wasserstein(pair_of(r, c))
        if not (np.isfinite(r).all() and np.isfinite(c).all()):
            assert found is None, name
            continue
        exact = stats.wasserstein_distance(r, c)
        if found is None or not math.isfinite(exact):
            continue
        slack = 1e-9 * exact + 1e-13 * max(np.abs(r).max(), np.abs(c).max())
        assert found.low - slack <= exact <= found.high + slack, (name, found, exact)
        compared += 1
    assert compared > 150


def test_wasserstein_of_whole_numbers_is_exact() -> None:
    draw = np.random.default_rng(5)
    r, c = draw.poisson(9, 4000) * 1.0, draw.poisson(10, 3000) * 1.0
    found = distance.wasserstein(pair_of(r, c))
    assert found is not None
    assert found.low == pytest.approx(found.high)
    assert found.low == pytest.approx(stats.wasserstein_distance(r, c))


def test_a_distance_needs_values_and_one_grid() -> None:
    some, none = profile(np.arange(3.0), Grid(0.0)), profile(np.empty(0), Grid(0.0))
    for r, c in ((some, none), (none, some)):
        with pytest.raises(ValueError, match="both sides"):
            distance.paired(r, c)
    with pytest.raises(ValueError, match="different grids"):
        distance.paired(some, profile(np.arange(3.0), Grid(1.0)))


def test_quantile_bins_hold_a_twentieth_each_and_all_of_it() -> None:
    draw = np.random.default_rng(2)
    r, c = draw.normal(size=50_000), draw.normal(size=20_000)
    bins = distance.quantile_bins(pair_of(r, c))
    assert bins.r.size == 20
    assert (bins.r.sum(), bins.c.sum()) == (50_000, 20_000)
    assert np.all(np.abs(bins.r / 50_000 - 0.05) < 0.005)
    assert bins.upto[-1] == max(r.max(), c.max())
    for upto, count in zip(bins.upto[:-1], np.cumsum(bins.r), strict=False):
        assert np.sum(r <= upto) == count


def test_a_heavy_value_has_a_bin_of_its_own() -> None:
    r = np.repeat([0.0, 1.0, 2.0], [10, 980, 10])
    bins = distance.quantile_bins(pair_of(r, np.repeat([0.0, 2.0], 500)))
    assert bins.r.tolist() == [10, 980, 10]
    assert bins.c.tolist() == [500, 0, 500]


# The three blind spots of fixed thresholds on equal-width bins (reference/monitoring.md, §5).
BLIND = {
    "five far outliers": (lambda d, n: np.append(d.normal(size=n - 5), [1e6] * 5), lambda d, n: d.normal(0.5, 1, n),
                          0.197),
    "cauchy, twice as wide": (lambda d, n: d.standard_cauchy(n), lambda d, n: 2 * d.standard_cauchy(n), 0.109),
    "a fifth of a lognormal": (lambda d, n: d.lognormal(0, 2, n),
                               lambda d, n: d.lognormal(0, 2, n) * np.where(d.random(n) < 0.2, 3, 1), 0.043),
}


@pytest.mark.parametrize("case", BLIND)
def test_what_equal_width_bins_are_blind_to_is_seen(case: str) -> None:
    make, moved, true = BLIND[case]
    draw, n = np.random.default_rng(1), 100_000
    pair = pair_of(make(draw, n), moved(draw, n))
    found = distance.ks(pair)
    assert found.low == pytest.approx(true, abs=0.01)
    assert found.low >= 0.02
    assert distance.ks_p_value(found.low, n, n) < 1e-12
    bins = distance.quantile_bins(pair)
    assert distance.psi(bins.r, bins.c) > 10 * 19 * 2 / n, "far above its expectation without a difference"


def test_index_and_distances_are_those_of_the_books() -> None:
    r, c = np.array([50, 30, 20]), np.array([30, 30, 40])
    p, q = r / 100, c / 100
    assert distance.psi(r, c) == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p))
    assert distance.jensen_shannon(r, c) == pytest.approx(jensenshannon(p, q, base=2))
    assert distance.hellinger(r, c) == pytest.approx(math.sqrt(1 - np.sqrt(p * q).sum()))


def test_distances_of_equal_and_of_disjoint_counts() -> None:
    same, left, right = np.array([3, 4]), np.array([5, 0]), np.array([0, 7])
    assert distance.psi(same, 2 * same) == distance.hellinger(same, 2 * same) == 0
    assert distance.jensen_shannon(same, 2 * same) == 0
    assert distance.hellinger(left, right) == distance.jensen_shannon(left, right) == 1
    assert math.isfinite(distance.psi(left, right))
    for measure in (distance.psi, distance.hellinger, distance.jensen_shannon):
        with pytest.raises(ValueError, match="both sides"):
            measure(same, np.zeros(2, np.int64))


def test_the_association_is_scipys() -> None:
    draw = np.random.default_rng(4)
    for n, m in ((5000, 5000), (5000, 700)):
        r, c = draw.multinomial(n, [0.4, 0.3, 0.2, 0.1]), draw.multinomial(m, [0.35, 0.3, 0.2, 0.15])
        found, table = distance.association(r, c), np.stack([r, c])
        assert found is not None
        referee = stats.chi2_contingency(table, correction=False)
        assert (found.chi2, found.p_value) == pytest.approx((referee.statistic, referee.pvalue))
        assert found.df == 3
        if n == m:
            assert found.v == pytest.approx(bergsma(table), rel=1e-3)


def bergsma(table: np.ndarray) -> float:
    """Cramér's V corrected as in the paper."""
    n, (rows, columns) = table.sum(), table.shape
    chi2 = stats.chi2_contingency(table, correction=False).statistic
    phi2 = max(0.0, chi2 / n - (rows - 1) * (columns - 1) / (n - 1))
    r, k = rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)
    return math.sqrt(phi2 / min(r - 1, k - 1))


def test_v_does_not_shrink_where_one_window_is_much_larger() -> None:
    shares, moved = np.array([0.5, 0.3, 0.2]), np.array([0.35, 0.35, 0.3])
    found = [distance.association((shares * n).astype(int), (moved * m).astype(int))
             for n, m in ((10**6, 10**6), (10**6, 10**4), (10**4, 10**6))]
    values = [each.v for each in found if each is not None]
    assert values == pytest.approx([values[0]] * 3, rel=0.02)


def test_rare_levels_are_pooled_and_do_not_cry_wolf() -> None:
    """20,000 levels, most of them rare: under no difference V stays near 0 and p is uniform."""
    draw, p_values = np.random.default_rng(6), []
    shares = np.arange(1, 20_001) ** -1.1
    shares /= shares.sum()
    for _ in range(40):
        found = distance.association(draw.multinomial(20_000, shares), draw.multinomial(20_000, shares))
        assert found is not None
        assert found.pooled > 15_000
        assert found.v < 0.05
        p_values.append(found.p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_nothing_to_test_is_said() -> None:
    assert distance.association(np.array([900]), np.array([500])) is None
    assert distance.association(np.array([1, 1, 0]), np.array([0, 1, 1])) is None
    with pytest.raises(ValueError, match="both sides"):
        distance.association(np.array([1, 2]), np.array([0, 0]))


def test_levels_are_aligned_by_name() -> None:
    levels, r, c = distance.aligned({"a": 1, "ü[b]": 5}, {"c": 2, "ü[b]": 3})
    assert (levels, r.tolist(), c.tolist()) == (("ü[b]", "a", "c"), [5, 1, 0], [3, 0, 2])


def in_quantile_bins(r: Floats, c: Floats, pair: Pair) -> tuple[Counts, Counts]:
    """Both samples counted value by value in the bins that `shared` describes."""
    values, bins = np.sort(r), distance.QUANTILE_BINS
    ranks = [-(-r.size * each // bins) for each in range(1, bins)]
    ends = values[np.array(ranks) - 1]
    cells = pair.grid.ordered(pair.grid.codes(ends))
    of_r = pair.grid.ordered(pair.grid.codes(r))
    heavy = [cell for cell in np.unique(cells) if np.sum(of_r == cell) * bins >= r.size]
    counts = []
    for side in (r, c):
        at = pair.grid.ordered(pair.grid.codes(side))
        upto = [int(np.sum(side <= end)) for end in ends] + [int(np.sum(at < cell)) for cell in heavy]
        counts.append(upto)
    order = np.lexsort((counts[1], counts[0]))
    both = [np.diff([0, *np.array(upto)[order], side.size]) for upto, side in zip(counts, (r, c), strict=True)]
    used = (both[0] > 0) | (both[1] > 0)
    return both[0][used], both[1][used]


WITHIN = ((distance.psi_within, distance.psi), (distance.hellinger_within, distance.hellinger),
          (distance.jensen_shannon_within, distance.jensen_shannon))


def expect_distances_within(r: Floats, c: Floats, grid: Grid | None) -> None:
    pair = pair_of(r, c, grid)
    held, exact = distance.shared(pair), in_quantile_bins(r, c, pair)
    for within, of in WITHIN:
        bounds, shown = within(held), of(held.r, held.c)
        assert bounds.low - 1e-7 <= of(*exact) <= bounds.high + 1e-7
        assert bounds.low - 1e-7 <= shown <= bounds.high + 1e-7
    moved = distance.wasserstein(pair)
    if moved is not None and max(np.abs(r).max(), np.abs(c).max()) < 1e100:
        true = stats.wasserstein_distance(r, c)
        assert moved.low * (1 - 1e-9) - 1e-9 <= true <= moved.high * (1 + 1e-9) + 1e-9


@settings(max_examples=80, deadline=None)
@given(COLUMN, COLUMN, st.one_of(st.just(None), st.builds(Grid, st.floats(-1e9, 1e9), st.sampled_from(BITS))))
def test_the_other_distances_of_any_columns_lie_within_their_bounds(r: Floats, c: Floats, grid: Grid | None) -> None:
    expect_distances_within(r, c, grid)


def test_the_other_expect_distances_within_narrow_bounds() -> None:
    for _, r, c in COLUMNS[::7]:
        expect_distances_within(r, c, None)
    draw, n = np.random.default_rng(5), 100_000
    for r, c, widths in ((draw.normal(size=n), draw.normal(0.1, 1, n), (0.02, 0.02, 0.02)),
                         (draw.poisson(4, n).astype(float), draw.poisson(4.4, n).astype(float), (0, 0, 0))):
        held = distance.shared(pair_of(r, c))
        for (within, _), width in zip(WITHIN, widths, strict=True):
            assert within(held).high - within(held).low <= width
