"""What is declared of a dataset's calendar, and which batches are due by when."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import BadInput
from mlops_tui.quality import calendars
from mlops_tui.quality.calendars import Calendar

ZONE = ZoneInfo("America/New_York")
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: trips
version: 1.0.0
status: active
schema: [{name: trips, properties: [{name: id}]}]
"""


def declared(more: str) -> Calendar | None:
    return calendars.declared(parse(Contract, CONTRACT + more, "trips.yaml"), "trips.yaml")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def starts(calendar: Calendar, start: str, until: str) -> list[str]:
    return [f"{period.start:%a %d %H:%M}" for period in calendar.periods(at(start), at(until), ZONE)
            if calendar.expected(period)]


@pytest.mark.parametrize(("more", "found"), [
    ("", None), ("customProperties: [{property: calendar, value: daily}]", Calendar("daily")),
    ('customProperties: [{property: calendar, value: {every: weekdays, by: "06:00", grace: 2h}}]',
     Calendar("weekdays", "06:00", timedelta(hours=2))),
    ("slaProperties: [{property: frequency, value: 1, unit: d}, {property: latency, value: 30, unit: h}]",
     Calendar("daily", latency=timedelta(hours=30))),
    ("slaProperties: [{property: frequency, value: 60, unit: m}]", Calendar("hourly")),
    ("slaProperties: [{property: latency, value: 3, unit: h}]", None)])
def test_what_is_declared(more: str, found: Calendar | None) -> None:
    assert declared(more) == found


@pytest.mark.parametrize(("value", "words"), [
    ("dialy", "Did you mean 'daily'?"), ("{every: daily, buy: 06:00}", "Did you mean 'by'?"),
    ("{every: daily, by: noon}", "noon"), ("{every: daily, grace: soon}", "soon"),
    ("{every: daily, except: [someday]}", "someday"), ('"0 6 * * 9"', "cron"), ("fortnightly", "cron line")])
def test_what_is_no_calendar_says_what_would_be(value: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        declared(f"customProperties: [{{property: calendar, value: {value}}}]")
    assert words in f"{caught.value.what} {caught.value.next}"
    assert caught.value.where == "trips.yaml"


@pytest.mark.parametrize(("calendar", "found"), [
    (Calendar("daily"), ["Fri 01 00:00", "Sat 02 00:00", "Sun 03 00:00", "Mon 04 00:00"]),
    (Calendar("weekdays"), ["Fri 01 00:00", "Mon 04 00:00"]),
    (Calendar("daily", off=((at("2013-11-02").date(), at("2013-11-03").date()),)), ["Fri 01 00:00", "Mon 04 00:00"]),
    (Calendar("0 12 * * *"), ["Thu 31 12:00", "Fri 01 12:00", "Sat 02 12:00", "Sun 03 12:00"])])
def test_the_batches_that_are_to_come(calendar: Calendar, found: list[str]) -> None:
    assert starts(calendar, "2013-11-01", "2013-11-05") == found


def test_weeks_begin_on_monday_and_are_over_on_monday() -> None:
    assert starts(Calendar("weekly"), "2013-11-06", "2013-11-18") == ["Mon 04 00:00", "Mon 11 00:00"]


def test_the_day_on_which_clocks_go_back_has_twenty_five_hours() -> None:
    periods = Calendar("hourly").periods(at("2013-11-03"), at("2013-11-04"), ZONE)
    assert len(periods) == 25
    assert {(later.start.astimezone(UTC) - first.start.astimezone(UTC)) for first, later in
            pairwise(periods)} == {timedelta(hours=1)}


@pytest.mark.parametrize(("calendar", "due"), [
    (Calendar("daily", by="06:00", grace=timedelta(hours=2)), at("2013-09-02 08:00")),
    (Calendar("daily", by="3h"), at("2013-09-02 03:00")), (Calendar("daily", latency=timedelta(hours=30)),
                                                           at("2013-09-02 06:00")), (Calendar("daily"), None)])
def test_when_a_batch_is_due(calendar: Calendar, due: datetime | None) -> None:
    [period] = calendar.periods(at("2013-09-01"), at("2013-09-02"), ZONE)
    assert period.due == due


def test_too_many_periods_are_refused() -> None:
    with pytest.raises(BadInput, match="periods"):
        Calendar("hourly").periods(at("2000-01-01"), at("2013-01-01"), ZONE)
