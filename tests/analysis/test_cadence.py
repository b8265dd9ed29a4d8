"""Bulk or stream: costs worked out by hand, and the lateness formula against a sum."""

import pytest

from mlops_tui.analysis.cadence import Need, alternatives, cheapest, flips, still_out

NEED = Need(latency=300, rate=200, late=0.03, late_by=3600, run_cost=0.40, hour_cost=0.12, capacity=4000)


def need(**other: float) -> Need:
    return Need(**{**NEED.__dict__, **other})


def test_costs_and_ages_are_those_one_works_out_by_hand() -> None:
    daily, hourly, minute, seconds = alternatives(NEED)
    assert (daily.cost, hourly.cost, minute.cost) == pytest.approx((0.40, 9.60, 2.88))
    assert (hourly.mean_latency, hourly.worst_latency) == (3600 / 2 + 120, 3600 + 120)
    assert (seconds.mean_latency, seconds.worst_latency) == (3, 5.5)


def test_five_minutes_want_a_stream_and_two_days_want_a_bulk() -> None:
    assert getattr(cheapest(alternatives(NEED), 300), "name", "") == "micro-batch, 5 s"
    assert getattr(cheapest(alternatives(NEED), 2 * 86_400), "name", "") == "daily bulk"
    assert cheapest(alternatives(NEED), 1) is None


def test_a_rate_beyond_one_consumer_costs_another() -> None:
    assert [each.consumers for each in alternatives(need(rate=4001))] == [0, 0, 2, 2]
    assert alternatives(need(rate=4001))[3].cost == pytest.approx(5.76)
    assert flips(need(rate=4001), alternatives(need(rate=4001))).rate == 8000


def test_at_the_break_even_cost_both_cost_the_same() -> None:
    slow = need(latency=7200)
    price = flips(slow, alternatives(slow)).run_cost
    assert price == pytest.approx(0.12)
    at = need(latency=7200, run_cost=price or 0)
    _, hourly, *streams = alternatives(at)
    assert hourly.cost == pytest.approx(streams[0].cost)


def test_an_event_is_missed_the_likelier_the_shorter_its_interval() -> None:
    missed = [each.missed for each in alternatives(NEED)]
    assert missed == sorted(missed)
    assert all(0 < each <= 0.03 for each in missed)


@pytest.mark.parametrize(("every", "median"), [(60, 3600), (3600, 3600), (86_400, 60)])
def test_the_share_that_is_still_out_is_the_mean_of_the_tail(every: float, median: float) -> None:
    steps = 20_000
    summed = sum(2 ** (-(every * (step + 0.5) / steps) / median) for step in range(steps)) / steps
    assert still_out(every, median) == pytest.approx(summed, rel=1e-3)
    assert still_out(every, 0) == 0
