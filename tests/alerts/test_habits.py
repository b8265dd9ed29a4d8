"""Whose morning it is: in every zone of the world, on the days on which clocks are changed."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mlops_tui.alerts.habits import Habit, asleep, habits
from mlops_tui.declarations.kinds import Person, Team
from mlops_tui.declarations.wishes import Wishes
from store.facts import Subscribed
from tests.conftest import START, History

ZONES = (  # one for each hour of the day
    "Pacific/Pago_Pago", "Pacific/Honolulu", "America/Anchorage", "America/Los_Angeles", "America/Denver",
    "America/Chicago", "America/New_York", "America/Halifax", "America/Sao_Paulo", "America/Noronha",
    "Atlantic/Azores", "Europe/London", "Europe/Berlin", "Europe/Athens", "Europe/Moscow", "Asia/Dubai",
    "Asia/Karachi", "Asia/Dhaka", "Asia/Bangkok", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney",
    "Pacific/Noumea", "Pacific/Auckland")
QUARTER = timedelta(minutes=15)
# The weeks in which somebody's clocks change, forward or back: America, Europe, Brazil, Australia and New Zealand.
WEEKS = tuple(datetime(*day, 12, tzinfo=UTC) for day in (
    (2013, 3, 9), (2013, 3, 30), (2013, 4, 6), (2013, 9, 28), (2013, 10, 5), (2013, 10, 19), (2013, 10, 26),
    (2013, 11, 2), (2013, 2, 16)))


def days(habit: Habit, start: datetime, end: datetime, period: str = "day") -> list[str]:
    """The days for which a digest falls due, in the order in which somebody sees it who looks every quarter."""
    seen: list[str] = []
    while start <= end:
        due = habit.due(period, start)
        assert due is not None
        if not seen or seen[-1] != due.day:
            seen.append(due.day)
        start += QUARTER
    return seen


@pytest.mark.parametrize("zone", ZONES)
def test_in_every_zone_each_day_has_one_digest_at_its_time_however_clocks_change(zone: str) -> None:
    for wall in ("08:00", "02:30"):
        habit = Habit(Wishes(daily=wall), ZoneInfo(zone))
        for start in WEEKS:
            found = days(habit, start, start + timedelta(hours=60))
            first = date.fromisoformat(found[0])
            assert found == [(first + timedelta(days=number)).isoformat() for number in range(len(found))]
            assert len(found) in (3, 4)
            last = habit.due("day", start + timedelta(hours=60))
            assert last is not None
            moved = f"{last.at.astimezone(habit.zone):%H:%M}"
            assert moved == wall or (wall == "02:30" and moved == "03:30"), "what does not exist comes an hour later"


@pytest.mark.parametrize(("start", "at"), [
    (datetime(2013, 3, 30, tzinfo=UTC), ["2013-03-30T07:00", "2013-03-31T06:00", "2013-04-01T06:00"]),
    (datetime(2013, 10, 26, tzinfo=UTC), ["2013-10-26T06:00", "2013-10-27T07:00", "2013-10-28T07:00"])])
def test_eight_in_berlin_is_eight_on_the_wall(start: datetime, at: list[str]) -> None:
    habit = Habit(Wishes(daily="08:00"), ZoneInfo("Europe/Berlin"))
    dues = (habit.due("day", start + timedelta(days=number, hours=12)) for number in range(3))
    assert [f"{due.at.astimezone(UTC):%Y-%m-%dT%H:%M}" for due in dues if due] == at


def test_the_week_has_one_and_who_wants_none_has_none() -> None:
    habit = Habit(Wishes(weekly="Mon 08:00"), ZoneInfo("Europe/Berlin"))
    assert days(habit, START, START + timedelta(days=15), "week") == ["2013-09-09", "2013-09-16", "2013-09-23"]
    assert habit.due("day", START) is None


@pytest.mark.parametrize(("quiet", "zone", "at", "sleeps"), [
    ("22:00-07:00", "Europe/Berlin", (2013, 9, 14, 19, 59), False),
    ("22:00-07:00", "Europe/Berlin", (2013, 9, 14, 20, 0), True),
    ("22:00-07:00", "Europe/Berlin", (2013, 9, 15, 4, 59), True),
    ("22:00-07:00", "Europe/Berlin", (2013, 9, 15, 5, 0), False),
    ("22:00-07:00", "Europe/Berlin", (2013, 10, 27, 5, 30), True),   # clocks went back in that night
    ("22:00-07:00", "Europe/Berlin", (2013, 10, 27, 6, 0), False),
    ("12:00-13:00", "Asia/Tokyo", (2013, 9, 14, 3, 30), True),
    ("", "Asia/Tokyo", (2013, 9, 14, 3, 30), False),
])
def test_who_sleeps_does_so_by_the_clock_on_his_wall(quiet: str, zone: str, at: tuple[int, ...], sleeps: bool) -> None:
    now = datetime(*at, tzinfo=UTC)  # type: ignore[misc,arg-type]
    team = Team({"bo": Person(digest=Wishes(quiet=quiet, zone=zone))})
    assert asleep(habits(team, (), UTC), now) == ({"bo"} if sleeps else set())


def test_the_last_word_of_a_person_goes_before_team_yaml(history: History) -> None:
    declared = Wishes(daily="08:00", zone="Europe/Berlin")
    team = Team({"bo": Person(digest=declared), "cy": Person(digest=declared), "ed": Person(digest=declared)})
    history.add(Subscribed(subject="bo", daily="09:30"), Subscribed(subject="cy"), Subscribed(subject="ed"),
                Subscribed(subject="ed", declared=True))
    known = habits(team, history.entries, ZoneInfo("America/New_York"))
    assert (known["bo"].wishes.daily, str(known["bo"].zone)) == ("09:30", "America/New_York")
    assert (known["cy"].wishes.daily, known["cy"].said is not None) == ("", True)
    assert known["ed"] == Habit(declared, ZoneInfo("Europe/Berlin"))
