"""Changes of an error stream: what river finds; rarely one where there is none, soon where there is."""

import numpy as np
import pytest

from mlops_tui.analysis.changes import adwin, long_run_spread, page_hinkley, persistence, togetherness

# river 0.26.1, drift.ADWIN() up to its first change (value, width of the window left), and
# drift.PageHinkley(min_instances=30, delta=0.05, threshold=20, alpha=1, mode="up"), on `stream(seed)`.
RIVER = {0: (None, []), 1: ((3263, 2240), [3225]), 2: ((4223, 896), [4163]), 3: ((4031, 224), [4006]),
         5: ((3935, 2400), [3817]), 6: ((3007, 1216), [2974]), 7: ((4415, 256), [4397]), 8: (None, []),
         9: ((3231, 1696), [3128]), 10: ((3903, 320), [3895]), 11: ((2015, 352), [1968])}


def stream(seed: int) -> np.ndarray:
    """Wrong answers, of which there are more from some value on; none of every fourth stream."""
    generator = np.random.default_rng(seed)
    turn = int(generator.integers(1500, 4500))
    return (generator.random(6000) < np.where(np.arange(6000) < turn, 0.2, 0.2 + (0, 0.1, 0.2, 0.3)[seed % 4])) * 1.0


@pytest.mark.parametrize("seed", RIVER)
def test_both_tests_find_what_river_finds(seed: int) -> None:
    values, (first, rises) = stream(seed), RIVER[seed]
    found = adwin(values)
    assert (found[0].at, found[0].at + 1 - found[0].since) == first if first else not found
    assert [each.at for each in page_hinkley(values, 0.05, 20)] == rises


def test_a_look_after_every_value_finds_what_river_finds() -> None:
    generator = np.random.default_rng(9)
    values = generator.random(2000) * 0.2 + np.where(np.arange(2000) < 900, 0.3, 0.36)
    found = adwin(values, delta=0.01, clock=1)[0]
    assert (found.at, found.at + 1 - found.since) == (1045, 790)
    assert found.after == pytest.approx(0.40982459070709787, abs=1e-12)
    assert found.rises


def slowly(values: np.ndarray, delta: float, clock: int) -> list[tuple[int, int]]:
    """ADWIN value by value, by its text: buckets are arrays of values."""
    rows: list[list[np.ndarray]] = [[]]
    found = []
    for number, value in enumerate(values):
        rows[0].append(np.array([value]))
        for level, row in enumerate(list(rows)):
            rows.extend([[]] * 0 if level + 1 < len(rows) else [[]])
            while len(row) > 5:
                rows[level + 1].append(np.concatenate([row.pop(0), row.pop(0)]))
        seen = False
        while (number + 1) % clock == 0 and to_be_cut(rows, delta):
            next(row for row in reversed(rows) if row).pop(0)
            seen = True
        if seen:
            found.append((number, number + 1 - sum(each.size for row in rows for each in row)))
    return found


def to_be_cut(rows: list[list[np.ndarray]], delta: float) -> bool:
    """Whether the means on the two sides of some border differ by more than ε."""
    buckets = [each for row in reversed(rows) for each in row]
    window = np.concatenate(buckets)
    sure = np.log(2 * np.log(window.size) / delta) if window.size > 10 else np.inf
    for n0 in np.cumsum([each.size for each in buckets[:-1]]):
        n1 = window.size - n0
        if min(n0, n1) >= 5:
            m = 1 / (n0 - 4) + 1 / (n1 - 4)
            epsilon = np.sqrt(2 * m * window.var() * sure) + 2 / 3 * sure * m
            if abs(window[:n0].mean() - window[n0:].mean()) > epsilon:
                return True
    return False


@pytest.mark.parametrize(("clock", "delta"), [(1, 0.05), (7, 0.1), (32, 0.3)])
def test_many_looks_at_once_are_what_one_after_the_other_gives(clock: int, delta: float) -> None:
    generator = np.random.default_rng(5)
    values = generator.random(700) < np.repeat([0.1, 0.6, 0.3, 0.8, 0.2], 140)
    found = adwin(values, delta, clock)
    assert len(found) > 3
    assert [(each.at, each.since) for each in found] == slowly(values * 1.0, delta, clock)


def days(generator: np.random.Generator, number: int, rho: float) -> np.ndarray:
    """A year's daily errors, each like the day before by `rho`, with a spread of 0.02."""
    noise = generator.normal(size=number) * np.sqrt(1 - rho**2)
    found = np.empty(number)
    found[0] = generator.normal()
    for each in range(1, number):
        found[each] = rho * found[each - 1] + noise[each]
    return 0.15 + 0.02 * found


@pytest.mark.parametrize(("rho", "most"), [(0.0, 0.3), (0.4, 0.5)])
def test_a_year_of_days_without_a_change_alarms_rarely(rho: float, most: float) -> None:
    """Scaled by how much the first eight weeks vary in the long run; a share of 60 years has an error of 0.06."""
    generator = np.random.default_rng(6)
    alarms = np.zeros(2)
    for _ in range(60):
        errors = days(generator, 421, rho)
        spread, inflation = long_run_spread(errors[:56]), persistence(errors[:56])
        alarms += len(page_hinkley(errors / spread, 0.5, 6)), len(adwin(errors, 0.002, 1, inflation))
    assert (alarms / 60 <= most).all(), alarms / 60


def test_two_weeks_of_scale_raise_few_alarms_in_the_first_month() -> None:
    """As a version that is 28 days old is looked at; of 400, a tenth is eight standard errors above what is usual."""
    generator = np.random.default_rng(12)
    for rho in (0.0, 0.3, 0.6):
        months = [days(generator, 28, rho) for _ in range(400)]
        alarms = [bool(page_hinkley(each / long_run_spread(each[:14]), 0.5, 6, 14)) for each in months]
        assert np.mean(alarms) < 0.1, rho
        by_rows = [bool(adwin(each, 0.002, 1, persistence(each[:14]))) for each in months[:100]]
        assert np.mean(by_rows) < 0.05, rho


def test_rows_of_a_day_that_are_wrong_together_raise_no_alarm_where_that_is_counted() -> None:
    """Ten years of 300 predictions a day, of which nothing changes: by rows they alarm every week."""
    generator = np.random.default_rng(3)
    alarms, naive, delays = 0, 0, []
    for _ in range(10):
        share = np.clip(0.2 + (days(generator, 421, 0.4) - 0.15) * 2.5, 0, 1)
        day = np.repeat(np.arange(421), 300)
        wrong = (generator.random(day.size) < share[day]) * 1.0
        worse = (generator.random(day.size) < share[day] + np.where(day < 120, 0, 0.075)) * 1.0
        inflation = togetherness(wrong[day < 56], day[day < 56])
        alarms += len(adwin(wrong, inflation=inflation))
        naive += len(adwin(wrong))
        seen = [each.at / 300 - 120 for each in adwin(worse, inflation=inflation) if each.at >= 120 * 300]
        delays.append(seen[0] if seen else 300)
    assert alarms <= 10
    assert naive > 300
    assert np.median(delays) <= 35


def test_a_rise_of_two_spreads_is_seen_within_three_weeks() -> None:
    generator = np.random.default_rng(7)
    delays = []
    for _ in range(40):
        errors = days(generator, 200, 0.3) + np.where(np.arange(200) < 120, 0, 0.04)
        rises = page_hinkley(errors / long_run_spread(errors[:56]), 0.5, 6)
        delays.append(next((each.at - 120 for each in rises if each.at >= 120), 80))
    assert np.median(delays) <= 21
    assert max(delays) <= 60


def test_days_that_are_like_the_day_before_make_a_mean_less_sure() -> None:
    generator = np.random.default_rng(8)
    assert persistence(generator.normal(size=2000)) == pytest.approx(1, abs=0.1)
    assert persistence(days(generator, 4000, 0.5)) == pytest.approx(3, rel=0.15)
    assert (persistence(np.ones(50)), persistence(np.arange(5.0)), long_run_spread([1.0])) == (1, 1, 0)


@pytest.mark.parametrize("call", [lambda: adwin([0.1, np.nan]), lambda: adwin([0.1], delta=1),
                                  lambda: adwin([], clock=0),
                                  lambda: page_hinkley([1.0], -1, 1), lambda: page_hinkley([1.0], 0, 0),
                                  lambda: page_hinkley([np.inf], 1, 1)])
def test_settings_and_values_that_make_no_sense_are_refused(call: object) -> None:
    with pytest.raises(ValueError):
        call()  # type: ignore[operator]


def test_nothing_and_little_have_no_change() -> None:
    assert adwin([]) == adwin([0.2] * 9, clock=1) == page_hinkley([], 0.1, 1) == page_hinkley([1.0], 0.1, 1) == []
