"""PSI equals brute force, alike samples give 0, small samples do not alarm, and the interval covers what is true."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlops_tui.analysis import sketch, stability
from mlops_tui.analysis.stability import Limits

VALUES = st.lists(st.one_of(st.integers(-30, 30).map(float), st.just(float("nan"))), min_size=40, max_size=300)


def of(values: np.ndarray) -> sketch.Sketch:
    return sketch.of_numbers(np.asarray(values, np.float64), 0, most=1 << 30)


def levels(values: np.ndarray) -> sketch.Sketch:
    return sketch.of_levels(Counter(map(str, values)), 0)


def brute_psi(reference: list[float], current: list[float], edges: list[float]) -> float:
    """Each row put into its bin by hand; what has no value in one of its own; an empty bin counts as half a row."""
    def counts(side: list[float]) -> Counter[int]:
        return Counter(-1 if np.isnan(value) else sum(value > edge for edge in edges) for value in side)

    before, now, total = counts(reference), counts(current), 0.0
    for place in before.keys() | now.keys():
        p, q = (max(side[place], 0.5) / sum(side.values()) for side in (before, now))
        total += (p - q) * np.log(p / q)
    return total


@given(VALUES, VALUES)
@settings(deadline=None, max_examples=60)
def test_psi_is_what_brute_force_finds(reference: list[float], current: list[float]) -> None:
    both = stability.binned(of(reference), of(current))
    edges = [float(label.removeprefix("≤ ")) for label in both.labels if label.startswith("≤")]
    assert stability.psi(both) == pytest.approx(brute_psi(reference, current, edges), abs=1e-12)
    assert both.reference.sum() == pytest.approx(len(reference))
    assert both.current.sum() == pytest.approx(len(current))


@given(VALUES)
@settings(deadline=None, max_examples=30)
def test_identical_samples_give_nothing(values: list[float]) -> None:
    found = stability.compared(of(values), of(values), 1, Limits())
    assert found.psi == 0.0
    assert found.verdict in ("stable", "not enough data")


def test_bins_hold_about_a_tenth_of_the_reference_each() -> None:
    random = np.random.default_rng(3)
    both = stability.binned(of(random.normal(size=5000)), of(random.normal(size=5000)))
    assert both.reference[:-1] == pytest.approx(500, rel=0.01)
    assert both.labels[-1] == "missing"


def test_a_value_that_fills_a_bin_has_its_own() -> None:
    both = stability.binned(of(np.r_[np.zeros(600), np.arange(1, 401)]), of(np.zeros(1000)))
    assert both.reference[0] == 600


def test_missing_is_a_bin_of_its_own() -> None:
    random = np.random.default_rng(4)
    before, now = random.normal(size=2000), random.normal(size=2000)
    now[:600] = np.nan
    found = stability.compared(of(before), of(now), 1, Limits())
    assert found.verdict == "volatile"
    assert stability.compared(of(before), of(now[600:]), 1, Limits()).verdict == "stable"


@pytest.mark.parametrize("bins", [2, 5, 11])
def test_the_threshold_is_the_quantile_of_chi_squared(bins: int) -> None:
    wanted = stats.chi2.ppf(0.95, bins - 1) * (1 / 300 + 1 / 700)
    assert stability.threshold(300, 700, bins, 0.05) == pytest.approx(wanted)
    assert stability.threshold(300, 700, 1, 0.05) == 0.0


# 600 draws at 5 %: 30 expected, 3.5 standard deviations are 19; the approximation itself adds up to two points.
DRAWS, MOST, LEAST = 600, 61, 11


@pytest.mark.parametrize(("n", "m"), [(200, 200), (2000, 60), (3000, 400)])
def test_two_samples_of_one_column_pass_the_threshold_at_the_declared_rate(n: int, m: int) -> None:
    random = np.random.default_rng(n + m)
    found = [stability.compared(of(random.normal(size=n)), of(random.normal(size=m)), 1, Limits())
             for _ in range(DRAWS)]
    alarms = sum(each.psi > each.threshold for each in found)
    assert LEAST <= alarms <= MOST
    assert sum(each.verdict == "volatile" for each in found) <= alarms


@pytest.mark.parametrize("m", [41, 60, 100])
def test_small_samples_do_not_alarm_where_the_rule_of_thumb_does(m: int) -> None:
    """Fixed limits call a third of such samples changed; with their threshold next to none is."""
    random, shares = np.random.default_rng(m), np.array([30, 20, 15, 10, 8, 6, 5, 3, 2, 1]) / 100
    before = levels(random.choice(10, size=2000, p=shares))
    verdicts, by_thumb = Counter(), 0
    for _ in range(200):
        now = levels(random.choice(10, size=m, p=shares))
        verdicts[stability.compared(before, now, 20, Limits()).verdict] += 1
        raw = np.array([max(now.levels[str(place)], 0.5) / m for place in range(10)])
        by_thumb += bool(((raw - shares) * np.log(raw / shares)).sum() > 0.1)
    assert verdicts["volatile"] + verdicts["moved"] <= 2, verdicts
    assert by_thumb > 20


def test_too_few_rows_are_no_verdict() -> None:
    found = stability.compared(of(np.arange(500)), of(np.arange(10)), 1, Limits())
    assert (found.verdict, found.psi) == ("not enough data", None)
    assert "10 rows" in found.reason
    small = stability.compared(of(np.arange(500)), of(np.arange(0, 500, 11)), 200, Limits())
    assert small.verdict == "not enough data"
    assert "sees a PSI of" in small.reason


def test_the_interval_covers_the_true_psi() -> None:
    random, covered = np.random.default_rng(9), 0
    for _ in range(200):
        before, now = of(random.normal(size=3000)), of(random.normal(0.3, 1, size=1500))
        both = stability.binned(before, now)
        edges = [float(label.removeprefix("≤ ")) for label in both.labels if label.startswith("≤")]
        p, q = (np.diff(stats.norm.cdf(edges, shift), prepend=0, append=1) for shift in (0, 0.3))
        low, high = stability.interval(stability.psi(both), 3000, 1500, len(edges) + 1)
        covered += low <= ((p - q) * np.log(p / q)).sum() <= high
    assert 180 <= covered <= 199  # 95 % of 200 are 190, of which 3 standard deviations are 9


def test_over_time_one_bad_period_is_a_move_and_many_are_volatile() -> None:
    seen = [stability.Shift(1, 1, 2, verdict=verdict) for verdict in ("stable", "volatile", "stable", "stable",
                                                                      "stable", "stable", "not enough data")]
    assert stability.overall(seen, 0.2) == "moved"
    assert stability.overall(seen[:5], 0.2) == "volatile"
    assert stability.overall(seen[-1:], 0.2) == "not enough data"
    assert stability.overall(seen[2:], 0.2) == "stable"


@pytest.mark.parametrize("wrong", [{"psi": 0.05}, {"watch": 0}, {"alpha": 1}, {"power": 0}])
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="limit"):
        Limits(**wrong)
