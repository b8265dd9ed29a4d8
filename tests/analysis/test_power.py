"""How large a change must be to be seen: closed forms held against simulation, and against statsmodels."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp, kstwobign, norm
from statsmodels.stats.power import GofChisquarePower, TTestIndPower

from mlops_tui.analysis.power import Column, looks_until, seen_share, shift_for, value_seen
from mlops_tui.analysis.verdict import Limits, detectable_ks, detectable_v

LIMITS = Limits()


def ks_power(distance: float, n: int, m: int, tests: int) -> float:
    """The probability, at least, with which samples of n and m values see a KS distance as one of `tests` columns."""
    root = math.sqrt(n * m / (n + m))
    return float(norm.cdf(2 * (distance * root - kstwobign.isf(LIMITS.alpha / tests))))


@pytest.mark.parametrize(("n", "m", "tests"), [(500, 2000, 1), (300, 300, 20)])
def test_a_detectable_distance_is_seen_with_the_power_that_is_asked(n: int, m: int, tests: int) -> None:
    assert ks_power(detectable_ks(n, m, tests, LIMITS), n, m, tests) == pytest.approx(LIMITS.power, abs=1e-9)


def test_the_closed_form_promises_no_more_than_simulation_gives() -> None:
    """200 draws: the share is within 0.09 of its mean in all but two of a thousand runs of the test."""
    n, m = 400, 1600
    distance = detectable_ks(n, m, 1, LIMITS)
    shift = 2 * norm.ppf((1 + distance) / 2)  # of normals: their KS distance is 2 Phi(shift / 2) - 1
    random = np.random.default_rng(5)
    hits = sum(ks_2samp(random.normal(size=m), random.normal(shift, size=n)).pvalue <= LIMITS.alpha for _ in range(200))

    assert hits / 200 >= LIMITS.power - 0.09


def test_a_detectable_v_is_that_of_statsmodels() -> None:
    """Two samples are compared by V with n·m/(n + m)·4 as the number of rows (Cohen's w)."""
    n, m, levels = 700, 2800, 6

    effect = detectable_v(n, m, levels - 1, 1, LIMITS)

    other = GofChisquarePower().solve_power(nobs=4 * n * m / (n + m), n_bins=levels, alpha=LIMITS.alpha,
                                            power=LIMITS.power)
    assert effect == pytest.approx(other, rel=1e-5)


@pytest.mark.parametrize("power", [0.6, 0.8, 0.95])
def test_a_value_is_seen_as_far_beyond_its_limit_as_statsmodels_says(power: float) -> None:
    """A mean of many rows against a limit: half of a 95 % interval is 1.96 standard errors."""
    n, error = 4000, 1 / math.sqrt(4000)
    away = value_seen(0.0, 1.959964 * error, power, below=False)

    found = TTestIndPower().power(effect_size=away, nobs1=n, ratio=1e9, alpha=0.025, alternative="larger")

    assert found == pytest.approx(power, abs=0.002)
    assert value_seen(0.0, 1.0, power, below=True) == -value_seen(0.0, 1.0, power, below=False)


@pytest.mark.parametrize("values", [np.random.default_rng(1).normal(size=4000), np.arange(1000.0),
                                    np.random.default_rng(2).standard_t(2, 3000)])
def test_the_smallest_shift_reaches_its_distance_and_none_smaller_does(values: np.ndarray) -> None:
    shift = shift_for(values, 0.2)

    assert ks_2samp(values, values + shift).statistic >= 0.2 - 1e-9
    assert ks_2samp(values, values + shift * 0.98).statistic <= 0.2
    assert shift_for(np.full(50, 3.0), 0.2) is None
    assert shift_for(values, 1.5) is None


def test_a_shift_of_normals_is_that_of_their_distribution() -> None:
    values = norm.ppf((np.arange(20000) + 0.5) / 20000)

    assert shift_for(values, 0.3) == pytest.approx(2 * norm.ppf(0.65), rel=0.002)


def test_days_that_vary_hide_a_shift_that_as_many_independent_rows_show() -> None:
    random = np.random.default_rng(8)
    day = np.repeat(np.arange(28), 60)
    plain = random.normal(size=day.size)
    stormy = plain + random.normal(0, 1.5, 28)[day]

    def seen(values: np.ndarray, least: float) -> float:
        column = Column(values / values.std(), day, 7, 1, LIMITS, least)
        return seen_share(column, 0.0, 60, 1).low

    assert seen(plain, 0.02) < 0.05
    assert seen(stormy, 0.02) > 0.5  # windows without any shift: why weeks are held against each other
    assert seen_share(Column(plain, day, 7, 1, LIMITS, 0.02), 1.0, 40, 1).low > 0.8


@pytest.mark.parametrize(("p", "k", "n"), [(0.8, 2, 3), (0.3, 3, 4), (0.5, 1, 1), (1.0, 2, 2), (0.4, 1, 3)])
def test_looks_until_an_alert_are_those_of_a_simulation(p: float, k: int, n: int) -> None:
    """4,000 runs: the mean is within 4 standard errors of its expectation."""
    random, runs = np.random.default_rng(11), []
    for _ in range(4000):
        hits: list[bool] = []
        while sum(hits[-n:]) < k:
            hits.append(bool(random.random() < p))
        runs.append(len(hits))

    error = np.std(runs) / math.sqrt(len(runs))
    assert looks_until(p, k, n) == pytest.approx(np.mean(runs), abs=max(4 * error, 1e-9))
    assert looks_until(0.0, k, n) == math.inf


@settings(max_examples=40, deadline=None)
@given(p=st.floats(0.05, 1), k=st.integers(1, 4), more=st.integers(0, 2))
def test_a_rule_that_asks_for_more_waits_longer(p: float, k: int, more: int) -> None:
    assert looks_until(p, k, k + more) >= k - 1e-9
    assert looks_until(p, k + 1, k + 1 + more) >= looks_until(p, k, k + more)
