"""Growth with the data and comparison with earlier runs: exponents against scipy, alarms counted by simulation."""

import numpy as np
import pytest
from scipy import stats

from mlops_tui.analysis.footprint import Growth, Tenfold, beside, breaks_first, exponent, growth, tenfold


def test_the_exponent_and_its_interval_are_those_of_a_regression_on_logs() -> None:
    rng = np.random.default_rng(1)
    sizes = np.array([1e3, 2e3, 4e3, 8e3, 1e4])
    values = 3e-4 * sizes**1.3 * np.exp(rng.normal(scale=0.05, size=5))
    found, referee = exponent(sizes, values), stats.linregress(np.log(sizes), np.log(values))
    reach = stats.t.ppf(0.975, 3) * referee.stderr
    assert (found.exponent, found.low, found.high) == pytest.approx(
        (referee.slope, referee.slope - reach, referee.slope + reach), rel=1e-10)


def test_three_sizes_on_a_line_give_it_exactly_and_fewer_give_none() -> None:
    found = exponent([100, 200, 400], [5.0, 20.0, 80.0])
    assert (found.exponent, found.low, found.high) == pytest.approx((2.0, 2.0, 2.0))
    assert exponent([100, 200, 200], [1, 2, 2]).reason == "needs runs of 3 sizes, there are 2"
    assert "nothing that could be measured" in exponent([1, 2, 3], [0.0, 1, 2]).reason
    assert exponent([], []).exponent is None


def test_the_interval_of_the_exponent_covers_the_true_one() -> None:
    """4,000 draws of five runs: 95 % intervals cover 1.2 in 93–97 %."""
    rng = np.random.default_rng(7)
    sizes = [1e3, 2e3, 4e3, 8e3, 1.6e4]
    noise = np.exp(rng.normal(scale=0.1, size=(4000, 5)))
    found = [exponent(sizes, np.asarray(sizes) ** 1.2 * each) for each in noise]
    covered = np.mean([each.low <= 1.2 <= each.high for each in found])  # type: ignore[operator]
    assert 0.93 <= covered <= 0.97


def test_ten_times_the_data_are_foretold_by_the_worse_of_two_fits() -> None:
    fixed = growth([1, 2, 4], [110.0, 120.0, 140.0])  # 100 and 10 a unit
    assert fixed.fitted
    assert fixed.fixed == pytest.approx(100 / 140)
    assert fixed.at(140.0, 10) == pytest.approx(500.0), "the flat power law alone would say far less"
    steep = growth([1, 2, 4], [1.0, 4.0, 16.0])
    assert steep.at(16.0, 10) == pytest.approx(1600.0)
    assert growth([1, 2], [1.0, 2.0]) == Growth(1.0, 0.0, fitted=False)


def test_the_multiple_at_which_memory_runs_out() -> None:
    assert Growth(2.0, 0.5).reaches(100.0, 400.0) == pytest.approx(2.0)  # 2² before 0.5 + 0.5 · 7
    assert Growth(0.5, 0.5).reaches(100.0, 400.0) == pytest.approx(7.0)
    assert Growth(1.0, 0.0).reaches(100.0, 50.0) == 1.0
    assert Growth(-0.5, 1.0).reaches(100.0, 400.0) is None
    for each in (Growth(1.4, 0.2), Growth(0.3, 0.6)):
        times = each.reaches(3.0, 40.0)
        assert times is not None
        assert each.at(3.0, times) == pytest.approx(40.0)


def test_what_breaks_first_is_the_memory_that_runs_out_soonest_else_the_longest_phase() -> None:
    flat, steep = Growth(1.0, 0.0), Growth(2.0, 0.0)
    found = [tenfold("read", 50.0, 300.0, flat, flat, 1000), tenfold("fit", 5.0, 200.0, flat, steep, 1000),
             tenfold("log", 1.0, None, flat, flat, 1000)]
    assert found[1] == Tenfold("fit", 50.0, 20_000.0, pytest.approx(5**0.5))
    assert breaks_first(found)[0].phase == "fit"
    roomy = [tenfold(name, seconds, 1.0, flat, flat, 1000) for name, seconds in (("read", 5.0), ("fit", 50.0))]
    assert (breaks_first(roomy)[0].phase, breaks_first(roomy)[1]) == ("fit", False)


def test_a_run_is_worse_only_beyond_limit_and_prediction_bound() -> None:
    calm = [10.0, 10.1, 9.9, 10.0]
    assert beside(13.0, calm, 1.2).worse
    assert not beside(11.0, calm, 1.2).worse, "beyond the bound, but by less than matters"
    wild = [5.0, 10.0, 20.0, 8.0]
    assert not beside(13.0, wild, 1.2).worse, "more than matters, but such runs come"
    logs = np.log(wild)
    bound = np.exp(logs.mean() + stats.t.ppf(0.95, 3) * logs.std(ddof=1) * np.sqrt(1.25))
    found = beside(13.0, wild, 1.2)
    assert (found.median, found.ratio, found.bound, found.n) == pytest.approx((9.0, 13 / 9, bound, 4))


def test_too_few_runs_and_none_that_could_be_measured_are_unknown() -> None:
    assert beside(1.0, [1.0, 1.0], 1.2).worse is None
    assert beside(1.0, [1.0, 1.0, 0.0], 1.2).reason == "3 earlier runs are needed, there are 2"
    assert beside(None, [1.0] * 9, 1.2).worse is None


@pytest.mark.parametrize("k", [3, 8])
def test_of_like_runs_at_most_one_in_twenty_alarms(k: int) -> None:
    """4,000 draws of log-normal runs; with no limit above the median the bound alone decides: 5 % (±1)."""
    rng = np.random.default_rng(k)
    draws = np.exp(rng.normal(scale=0.2, size=(4000, k + 1)))
    alarms = np.mean([bool(beside(row[-1], row[:-1].tolist(), 1.0).worse) for row in draws])
    assert alarms <= 0.06
    doubled = np.mean([bool(beside(2 * row[-1], row[:-1].tolist(), 1.2).worse) for row in draws])
    assert doubled > (0.8 if k == 8 else 0.4), "twice the time is seen"
