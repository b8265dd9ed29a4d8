"""Durations of a few incidents: intervals between order statistics, against scipy and against what they promise."""

import random

import numpy as np
import pytest
from scipy import stats

from mlops_tui.analysis.durations import fewest, lengths, ranks, usual


@pytest.mark.parametrize("n", [6, 7, 9, 12, 25, 60])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_interval_between_order_statistics_is_that_of_scipy(n, share):
    values = np.sort(np.random.default_rng(n).exponential(size=n))
    judged = stats.quantile_test(values, p=share)
    interval = judged.confidence_interval(confidence_level=0.95)
    found = ranks(n, share)
    if found is None:
        assert not (np.isfinite(interval.low) and np.isfinite(interval.high))
    else:
        assert (values[found[0] - 1], values[found[1] - 1]) == (interval.low, interval.high)


def test_it_takes_six_for_an_interval_of_the_median_and_fewer_say_so():
    assert fewest() == 6
    assert ranks(5, 0.5) is None
    few = lengths([60.0, 120.0, 30.0])
    assert (few.n, few.mean, few.median, few.low, few.high, few.p90) == (3, 70.0, 60.0, None, None, None)
    assert few.reason == "3 are too few for an interval: it takes 6, and for a 90th percentile: it takes 10"
    assert lengths([1.0] * 7).reason == "7 are too few for a 90th percentile: it takes 10"
    assert lengths([]).reason == "none is known"


def test_median_and_percentile_are_those_of_numpy():
    values = list(np.random.default_rng(1).lognormal(size=31))
    found = lengths(values)
    assert (found.median, found.p90, found.mean) == pytest.approx(
        (np.median(values), np.quantile(values, 0.9), np.mean(values)))
    assert found.low < found.median < found.high
    assert found.reason == ""


def test_the_interval_holds_the_median_as_often_as_it_says():
    rng, held, draws = random.Random(3), 0, 400
    for _ in range(draws):
        found = lengths([rng.lognormvariate(0, 1) for _ in range(9)])
        held += found.low <= 1.0 <= found.high
    exact = 1 - 2 * stats.binom.cdf(1, 9, 0.5)
    assert exact >= 0.95
    assert held / draws == pytest.approx(exact, abs=4 * (exact * (1 - exact) / draws) ** 0.5)


@pytest.mark.parametrize(("total", "periods"), [(0, 1), (0, 8), (3, 5), (12, 4), (40, 52), (300, 10)])
def test_the_usual_counts_are_the_quantiles_of_the_negative_binomial(total, periods):
    reference = stats.nbinom(total + 0.5, periods / (periods + 1))
    assert usual(total, periods) == (reference.ppf(0.025), reference.ppf(0.975))
    assert usual(total, 0) is None


def test_what_goes_on_is_longer_than_so_far_and_makes_nothing_short():
    found = lengths([1.0, 2.0, 3.0, 4.0], [50.0, 2.5, 9.0])
    assert (found.n, found.going, found.mean, found.p90) == (4, 3, None, None)
    assert found.median is None, "3, or 4 if that of 2.5 takes long"
    assert (found.low, found.high) == (1.0, None)
    assert found.reason.startswith("3 of 7 go on, so the median is open too")
    assert lengths([1.0, 2.0, 3.0, 4.0], [50.0]).median == 3.0
    assert lengths([1.0], [2.0, 3.0]).median is None
    assert lengths([1.0, 2.0], [9.0]).median == 2.0


def test_the_interval_holds_the_median_though_the_long_ones_are_not_over():
    rng, held, left_out, draws = random.Random(5), 0, 0, 300
    for _ in range(draws):
        pairs = [(rng.lognormvariate(0, 1), rng.expovariate(0.8)) for _ in range(15)]
        ended, still = [a for a, seen in pairs if a <= seen], [seen for a, seen in pairs if a > seen]
        found, naive = lengths(ended, still), lengths(ended)
        held += (found.low or 0) <= 1.0 <= (found.high or np.inf)
        left_out += naive.low is not None and naive.low <= 1.0 <= naive.high
    assert held / draws > 0.95
    assert left_out / draws < 0.85, "without those that go on"
