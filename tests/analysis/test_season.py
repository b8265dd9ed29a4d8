"""What is usual at an hour of the week, and what is odd: against simulation, brute force and scipy."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy import stats

from mlops_tui.analysis.season import (
    FEWEST,
    QUARTER,
    WEEK,
    Rule,
    band,
    judged,
    silence,
    steady,
    tail,
    usual,
    wall_clock,
)
from tests.analysis.planted import (
    FIRST,
    NEW_YORK,
    PLANTED,
    a_quarter,
    alike,
    clock_of,
    drawn,
    episodes,
    hourly_flights,
    recall,
    weekly,
)


def test_an_hour_is_held_against_the_same_hour_on_the_wall_over_both_changes_of_the_clocks() -> None:
    clock = clock_of(365 * 24)
    local = [clock.at(place).astimezone(NEW_YORK) for place in range(clock.hours)]
    known = {each.replace(tzinfo=None): place for place, each in reversed(list(enumerate(local)))}
    for place in range(9 * WEEK, clock.hours, 7):
        wanted = [known.get(local[place].replace(tzinfo=None) - timedelta(weeks=back), -1) for back in range(1, 9)]
        assert clock.back[place].tolist() == wanted
    spring = [local[place] for place in np.flatnonzero((clock.back[:, 0] < 0) & (np.arange(clock.hours) > WEEK))]
    assert [(each.month, each.day, each.hour) for each in spring] == [(3, 17, 2)]  # a week after the hour that was not
    twice = [place for place, each in enumerate(local) if (each.month, each.day, each.hour) == (11, 3, 1)]
    assert len(twice) == 2
    assert clock.back[twice[0]].tolist() == clock.back[twice[1]].tolist()


def test_tails_are_those_of_the_negative_binomial() -> None:
    random = np.random.default_rng(1)
    mean, alpha = random.uniform(0.1, 500, 200), random.uniform(0.001, 2, 200)
    count = random.poisson(mean).astype(float)
    r = 1 / alpha
    assert tail(count, mean, alpha, -1) == pytest.approx(stats.nbinom.cdf(count, r, r / (r + mean)), rel=1e-9)
    assert tail(count, mean, alpha, 1) == pytest.approx(stats.nbinom.sf(count - 1, r, r / (r + mean)), rel=1e-9)


def test_the_band_ends_where_chance_ends() -> None:
    mean, alpha = np.array([0.2, 3.0, 40.0, 9000.0]), np.array([1.0, 0.3, 0.05, 0.01])
    low, high = band(mean, alpha, 1e-4)
    r = 1 / alpha
    for place in range(4):
        law = stats.nbinom(r[place], r[place] / (r[place] + mean[place]))
        assert law.sf(high[place] - 1) >= 1e-4 > law.sf(high[place])
        assert law.cdf(low[place]) >= 1e-4
        assert low[place] == 0 or law.cdf(low[place] - 1) < 1e-4


def test_chance_alarms_at_most_as_often_as_declared() -> None:
    """24 series over 30 weeks are about 50 quarters: at a true rate of 1, 50 ± 7 alarms; 1.35 is 2.5 deviations."""
    clock = clock_of(30 * WEEK)
    shape, random = weekly(clock), np.random.default_rng(11)
    for alpha in (0.001, 0.1, 0.7):
        mean = shape[:, None] * np.geomspace(1, 2000, 24)
        found = judged(drawn(mean, alpha, random), clock, Rule())
        assert a_quarter(found) < 1.35
    few = judged(drawn(shape[:, None] * np.geomspace(1, 2000, 24), 0.03, random), clock, Rule(false_alarms=50))
    assert 10 < a_quarter(few) < 70  # a level that is fifty times as high does alarm: Bonferroni leaves room, not much


def test_hours_that_are_alike_and_have_long_tails_alarm_no_oftener() -> None:
    """Each hour follows the one before (0.7), and is lognormal: not the law that is reckoned with."""
    clock = clock_of(30 * WEEK)
    counts = alike(weekly(clock)[:, None] * np.geomspace(1, 2000, 24), 0.5, 0.7, np.random.default_rng(13))
    assert a_quarter(judged(counts, clock, Rule())) < 1.35


def test_growth_is_followed_and_is_no_alarm() -> None:
    clock = clock_of(30 * WEEK)
    growing = weekly(clock) * 300 * 1.04 ** (np.arange(clock.hours) / WEEK)
    found = judged(drawn(np.repeat(growing[:, None], 12, axis=1), 0.01, np.random.default_rng(2)), clock, Rule())
    assert a_quarter(found) < 1.5
    last = found.usual.mean[-WEEK:].sum() / (12 * growing[-WEEK:].sum())
    assert last == pytest.approx(1, abs=0.06)  # weeks of growth at 4 % would be 20 % behind without the level


def test_real_traffic_alarms_on_holidays_and_hardly_otherwise() -> None:
    """A year of scheduled flights by the hour: schedules change, clocks change, and only holidays are odd."""
    clock, counts = hourly_flights()
    found = judged(counts, clock, Rule())
    days = {clock.at(int(place)).astimezone(NEW_YORK).date().isoformat()[5:]
            for place in np.flatnonzero((found.side != 0).any(axis=1))}
    holidays = {"05-26", "05-27", "07-03", "07-04", "07-05", "08-31", "09-01", "09-02", "11-27", "11-28", "11-29",
                "11-30", "12-01", "12-02", *(f"12-{day}" for day in range(21, 32))}
    assert {"07-04", "11-28", "12-24", "12-25"} <= days
    assert days - holidays <= {"06-22"}
    assert (found.known.sum(axis=0) / QUARTER > 3.7).all()


@pytest.mark.parametrize(("name", "least"), [("silence for 2 h", 0.95), ("drop to 50 % for 3 h", 0.9),
                                             ("spike to 200 % for 2 h", 0.9)])
def test_planted_anomalies_are_found_within_hours(name: str, least: float) -> None:
    clock = clock_of(17 * WEEK)
    counts = drawn(np.repeat(weekly(clock)[:, None] * 200, 20, axis=1), 0.01, np.random.default_rng(4))
    found = recall(counts, clock, name, 16 * WEEK + np.array([34, 110]), seed=5)
    assert found.found / found.planted >= least
    assert found.delay <= PLANTED[name][0]


def test_a_dead_endpoint_stays_an_alarm_and_is_never_the_new_normal_within_weeks() -> None:
    clock = clock_of(20 * WEEK)
    counts = drawn(np.repeat(weekly(clock)[:, None] * 50, 3, axis=1), 0.02, np.random.default_rng(3))
    counts[17 * WEEK:] = 0
    side = judged(counts, clock, Rule()).side
    assert (side[17 * WEEK + 24:].reshape(-1, 24, 3) == -1).any(axis=1).all()  # on every day of three weeks


def test_unknown_is_what_has_less_than_three_weeks_behind_it() -> None:
    clock = clock_of(6 * WEEK)
    counts = drawn(np.repeat(weekly(clock)[:, None] * 100, 2, axis=1), 0.01, np.random.default_rng(6))
    counts[:2 * WEEK, 1] = np.nan  # this one began two weeks later
    known = judged(counts, clock, Rule()).known
    first = known.argmax(axis=0) / WEEK
    assert 2.8 <= first[0] <= 4
    assert first[1] == pytest.approx(first[0] + 2)
    assert not judged(counts[:2 * WEEK], clock_of(2 * WEEK), Rule()).known.any()
    assert np.isnan(usual(counts, clock).mean[:FEWEST * WEEK - 1]).all()


def test_hours_that_are_not_known_are_neither_judged_nor_learnt_from() -> None:
    clock = clock_of(16 * WEEK)
    counts = drawn(np.repeat(weekly(clock)[:, None] * 100, 4, axis=1), 0.01, np.random.default_rng(8))
    broken = counts.copy()
    broken[12 * WEEK:12 * WEEK + 48] = 0
    known = broken.copy()
    known[12 * WEEK:12 * WEEK + 48] = np.nan
    found = judged(known, clock, Rule())
    assert (judged(broken, clock, Rule()).side[12 * WEEK:12 * WEEK + 48] == -1).any()
    assert not found.known[12 * WEEK:12 * WEEK + 48].any()
    assert episodes(found).sum() <= 2


def test_a_single_hour_is_judged_as_in_a_back_test_of_all_hours() -> None:
    clock, counts = hourly_flights()
    whole = judged(counts, clock, Rule())
    for end in (200 * 24 + 13, 330 * 24 + 19):
        start = end - 20 * WEEK
        part = judged(counts[start:end], wall_clock(clock.at(start), end - start, NEW_YORK), Rule())
        assert np.array_equal(part.side[-WEEK:], whole.side[end - WEEK:end])
        assert part.p[-WEEK:] == pytest.approx(whole.p[end - WEEK:end], nan_ok=True)


def test_nothing_after_an_hour_changes_how_it_was_judged() -> None:
    clock = clock_of(14 * WEEK)
    counts = drawn(np.repeat(weekly(clock)[:, None] * 30, 3, axis=1), 0.05, np.random.default_rng(9))
    changed = counts.copy()
    changed[12 * WEEK:] *= 7
    before, after = judged(counts, clock, Rule()), judged(changed, clock, Rule())
    assert before.p[:12 * WEEK] == pytest.approx(after.p[:12 * WEEK], nan_ok=True)


def test_a_quiet_night_is_silent_and_a_handful_of_requests_in_it_is_no_alarm() -> None:
    clock = clock_of(14 * WEEK)
    shape = np.where(clock.slot % 24 < 6, 0.0, 100.0)
    counts = drawn(np.maximum(shape, 1e-9)[:, None], 0.01, np.random.default_rng(10))
    counts[13 * WEEK + 2] += 1
    assert not judged(counts, clock, Rule()).side[13 * WEEK:13 * WEEK + 6].any()


def test_how_long_a_silence_takes_to_be_one() -> None:
    assert silence([100.0], 0.01, 1e-4) == 1
    assert silence([2.0] * 24, 1e-9, 1e-4) == 5   # Poisson: e^-10 < 1e-4 < e^-8
    assert silence([0.01] * 24, 0.1, 1e-4) is None


def test_an_error_burst_is_held_against_the_usual_share_of_what_came() -> None:
    """1 % errors become 5 % for two hours of about 200 requests each."""
    clock = clock_of(16 * WEEK)
    random = np.random.default_rng(12)
    whole = drawn(np.repeat(weekly(clock)[:, None] * 300, 20, axis=1), 0.02, random)
    share = random.beta(20, 1980, whole.shape)  # it varies from hour to hour
    part = random.binomial(whole.astype(int), share).astype(float)
    rule = Rule(sides=(1,), spans=(1, 3))
    calm = judged(part, clock, rule, steady(part, whole, clock))
    assert a_quarter(calm) < 1.35
    start = 15 * WEEK + 36
    part[start:start + 2] = random.binomial(whole[start:start + 2].astype(int), 0.05)
    odd = judged(part, clock, rule, steady(part, whole, clock)).side[start:start + 2] == 1
    assert odd.any(axis=0).mean() >= 0.9
    assert np.isnan(steady(part, whole, clock).mean[:6 * 24]).all()


def test_counts_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="2 hours"):
        judged(np.zeros((3, 1)), wall_clock(FIRST, 2, UTC), Rule())
    assert judged(np.zeros((0, 2)), wall_clock(datetime(2020, 1, 1, tzinfo=UTC), 0, UTC), Rule()).side.shape == (0, 2)
    assert replace(Rule(), looks=3).p == pytest.approx(Rule().p / 3)
