"""Numbers predicted for groups: against scipy, by hand with weights, and what the intervals hold."""

import numpy as np
import pytest
from scipy import stats

from mlops_tui.analysis.interval import Resampling
from mlops_tui.analysis.parity import Numbers, apart, distances, estimate, few, mean, measured

FEW = Resampling(200, 3)


def rows(seed: int, n: int = 300, shift: float = 0.0, *, weighted: bool = False) -> Numbers:
    """Two groups; the second one's predictions are shifted, and noisier."""
    draw = np.random.default_rng(seed)
    group = draw.integers(2, size=n)
    label = draw.normal(10, 2, n)
    predicted = label + draw.normal(0, 1 + group, n) + shift * group
    return Numbers(("a", "b"), label, predicted, group, draw.exponential(size=n) if weighted else None)


def test_differences_of_means_are_scipys_welch_test() -> None:
    made = rows(1, shift=0.4)
    found = {each.metric: each for each in apart(made, 0)}
    one, other = made.of(1), made.of(0)
    for name, values in (("mean_prediction", lambda each: each.predicted),
                         ("mean_error", lambda each: each.predicted - each.label),
                         ("mae", lambda each: np.abs(each.predicted - each.label))):
        theirs = stats.ttest_ind(values(one), values(other), equal_var=False)
        bounds = theirs.confidence_interval()
        each = found[name].difference
        assert each.value == pytest.approx(values(one).mean() - values(other).mean())
        assert (each.low, each.high) == pytest.approx((bounds.low, bounds.high), rel=1e-7)
        assert found[name].p_value == pytest.approx(theirs.pvalue, rel=1e-6)
    assert found["mae"].ratio.low < found["mae"].ratio.value < found["mae"].ratio.high
    assert found["mean_error"].ratio is None
    root = np.sqrt([np.mean((each.predicted - each.label) ** 2) for each in (one, other)])
    assert found["rmse"].difference.value == pytest.approx(root[0] - root[1])
    assert all(each.p_adjusted >= each.p_value for each in found.values())


def test_weighted_means_count_rows_by_their_weight() -> None:
    made = rows(2, weighted=True)
    for place, each in enumerate(measured(made)):
        own = made.of(place)
        assert each["mae"].value == pytest.approx(np.average(np.abs(own.predicted - own.label), weights=own.weight))
    twice = mean(made.predicted, np.full(300, 2.0))
    plain = mean(made.predicted, None)
    assert (twice.value, twice.error, twice.df) == pytest.approx((plain.value, plain.error, plain.df))


@pytest.mark.parametrize("weighted", [False, True])
def test_distances_of_predictions_are_scipys(weighted: bool) -> None:
    made = rows(3, shift=1.0, weighted=weighted)
    [(ks, w1)] = distances(made, 0, FEW)
    one, other = made.of(1), made.of(0)
    theirs = stats.wasserstein_distance(one.predicted, other.predicted, one.weight, other.weight)
    assert w1.value == pytest.approx(theirs)
    if not weighted:
        assert ks.value == pytest.approx(stats.ks_2samp(one.predicted, other.predicted).statistic)
    for each in (ks, w1):
        assert each.low < each.value < each.high


def test_intervals_hold_what_they_say() -> None:
    """120 samples: at 95 %, three deviations are 6 %; those of distances hold more, by the triangle inequality."""
    held = {"mae": 0, "mae_ratio": 0, "ks": 0, "wasserstein": 0, "none": 0}
    shift, sizes = 0.5, np.sqrt(2 / np.pi)
    truth = float(stats.foldnorm.mean(shift / 2, scale=2))
    gap = max(abs(stats.norm.cdf(x, 10, np.sqrt(5)) - stats.norm.cdf(x, 10.5, np.sqrt(8)))
              for x in np.linspace(0, 20, 2001))
    grid = np.linspace(-20, 40, 6001)
    area = float(np.trapezoid(np.abs(stats.norm.cdf(grid, 10, np.sqrt(5)) - stats.norm.cdf(grid, 10.5, np.sqrt(8))),
                              grid))
    for seed in range(120):
        made = rows(seed + 100, 240, shift)
        found = {each.metric: each for each in apart(made, 0)}["mae"]
        held["mae"] += found.difference.low <= truth - sizes <= found.difference.high
        held["mae_ratio"] += found.ratio.low <= truth / sizes <= found.ratio.high
        ks, w1 = distances(made, 0, Resampling(100, seed))[0]
        held["ks"] += ks.low <= gap <= ks.high
        held["wasserstein"] += w1.low <= area <= w1.high
        alike = Numbers(("a", "b"), made.label, made.label, made.group)
        held["none"] += distances(alike, 0, Resampling(100, seed))[0][0].low == 0
    assert min(held.values()) >= 107, held


def test_one_row_and_no_spread_are_said() -> None:
    alone = Numbers(("a", "b"), np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.5]), np.array([0, 1, 1]))
    assert few(alone.names, alone.group) == ("only 1 rows", "only 2 rows")
    assert estimate("mae", measured(alone)[0]["mae"], 1).reason == "one row has no spread"
    assert {each.difference.reason for each in apart(alone, 0)} == {"its rows have no spread"}
