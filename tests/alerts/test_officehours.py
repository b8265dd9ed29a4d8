"""Working hours, counted by the clock on the wall."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mlops_tui.alerts.officehours import OfficeHours

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = OfficeHours.of("mon-fri 9-17")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(("start", "hours", "end"), [
    ("2013-09-12T10:00", 4, "2013-09-12T14:00"),   # a Thursday
    ("2013-09-12T15:00", 4, "2013-09-13T11:00"),
    ("2013-09-13T15:00", 4, "2013-09-16T11:00"),   # over a weekend
    ("2013-09-14T06:00", 8, "2013-09-16T17:00"),   # from a Saturday, to the last minute of Monday
    ("2013-09-12T22:00", 0.5, "2013-09-13T09:30"),
    ("2013-10-25T16:00", 2, "2013-10-28T10:00")])  # the clocks go back between
def test_time_passes_while_people_work(start: str, hours: float, end: str) -> None:
    assert WEEK.after(at(start), timedelta(hours=hours), BERLIN) == at(end)


def test_it_is_as_a_count_of_minutes_has_it() -> None:
    line = OfficeHours.of("sun-thu 22:30-23:45")
    start = at("2013-10-24T23:00").astimezone(UTC)
    for minutes in (1, 44, 45, 46, 200, 700):
        worked, now = 0, start
        while worked < minutes:
            local = now.astimezone(BERLIN)
            worked += line.on(local.weekday()) and line.begin <= local.time() < line.end
            now += timedelta(minutes=1)
        assert line.after(start, timedelta(minutes=minutes), BERLIN) == now


@pytest.mark.parametrize("line", ["", "mon-fri", "mon-fri 9-9", "mon-xyz 9-17", "mon-fri 25-26", "9-17"])
def test_other_words_are_no_working_hours(line: str) -> None:
    with pytest.raises(ValueError, match=r"working hours|before it begins|hour must be"):
        OfficeHours.of(line)
