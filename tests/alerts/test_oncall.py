"""Who is on call at any hour: by turns on the wall clock, through both changes of the clocks, with swaps."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_tui.alerts import sources
from mlops_tui.alerts.nudges import due
from mlops_tui.alerts.oncall import Plan, meant, reached
from mlops_tui.declarations.kinds import Person, Team
from mlops_tui.declarations.rotations import Rotation
from mlops_tui.project import Project
from store.facts import AlertEvent, OnCallSwap
from tests.conftest import History

NEW_YORK = ZoneInfo("America/New_York")
TEAM = Team({"ana": Person(email="Ana@example.org"), "bo": Person(name="Bo Lang"), "cy": Person()})
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def plan(people=("ana", "bo"), starts="2026-10-26", zone=NEW_YORK, **more):
    return Plan("primary", Rotation(people=people, starts=starts, **more), zone, TEAM)


def on(made, at, swaps=()):
    return [each.who for each in made.shifts(swaps, at, at + timedelta(seconds=1)) if each.holds(at)]


@pytest.mark.parametrize(("zone", "starts", "handover", "expected"), [
    # the turn of 26 October lasts an hour longer in New York, whose clocks go back on 1 November
    ("America/New_York", "2026-10-26", "09:00", [("2026-10-26T13:00", 169), ("2026-11-02T14:00", 168)]),
    ("America/New_York", "2026-03-02", "09:00", [("2026-03-02T14:00", 167), ("2026-03-09T13:00", 168)]),
    # half past two does not exist on 8 March: it is handed over as much later as clocks went forward
    ("America/New_York", "2026-03-01", "02:30", [("2026-03-01T07:30", 168), ("2026-03-08T07:30", 167)]),
    # half past one exists twice on 1 November: the first time counts
    ("America/New_York", "2026-10-25", "01:30", [("2026-10-25T05:30", 168), ("2026-11-01T05:30", 169)]),
    # Berlin, another day than New York; Lord Howe by half an hour; Kathmandu never
    ("Europe/Berlin", "2026-10-19", "08:00", [("2026-10-19T06:00", 169), ("2026-10-26T07:00", 168)]),
    ("Australia/Lord_Howe", "2026-09-28", "09:00", [("2026-09-27T22:30", 167.5), ("2026-10-04T22:00", 168)]),
    ("Asia/Kathmandu", "2026-10-26", "09:00", [("2026-10-26T03:15", 168), ("2026-11-02T03:15", 168)])])
def test_turns_change_by_the_clock_on_the_wall(zone, starts, handover, expected):
    made = plan(starts=starts, zone=ZoneInfo(zone), handover=handover)
    first = datetime.fromisoformat(expected[0][0]).replace(tzinfo=UTC)
    shifts = made.planned(first, first + 14 * DAY)
    assert [(f"{each.start:%Y-%m-%dT%H:%M}", (each.end - each.start) / HOUR) for each in shifts[:2]] == expected
    assert [each.who for each in shifts[:2]] == ["ana", "bo"]


@given(hours=st.integers(0, 24 * 800), days=st.integers(1, 30), people=st.integers(1, 3),
       zone=st.sampled_from(["America/New_York", "Europe/Berlin", "UTC", "Australia/Lord_Howe"]))
def test_at_every_hour_exactly_one_is_on_call_who_is_the_same_however_it_is_asked(hours, days, people, zone):
    made = plan(("ana", "bo", "cy")[:people], zone=ZoneInfo(zone), every=days * DAY)
    at = made._handover(0) + hours * HOUR
    [one] = on(made, at)
    assert [one] == [each.who for each in made.planned(at - 90 * DAY, at + 90 * DAY) if each.holds(at)]
    assert made.faults((), at, at + 200 * DAY) == []


def test_before_the_first_day_nobody_is_and_that_is_said():
    made = plan(starts="2026-11-02")
    [fault] = made.faults((), datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC))
    assert (fault.what, fault.end) == ("nobody", datetime(2026, 11, 2, 14, tzinfo=UTC))


def swap(who, since, until, rotation="primary"):
    return OnCallSwap(subject=rotation, who=who, since=since.isoformat(), until=until.isoformat())


def test_who_takes_over_is_on_call_for_that_time_and_the_last_word_counts():
    made, start = plan(), datetime(2026, 10, 27, 12, tzinfo=UTC)
    first, second = swap("cy", start, start + 8 * HOUR), swap("bo", start + 4 * HOUR, start + 6 * HOUR)
    elsewhere = swap("cy", start - DAY, start + DAY, "secondary")
    seen = [on(made, start + hours * HOUR, (elsewhere, first, second)) for hours in (-1, 0, 3, 4, 5, 6, 7, 8)]
    assert seen == [["ana"], ["cy"], ["cy"], ["bo"], ["bo"], ["cy"], ["cy"], ["ana"]]
    assert made.faults((first, second), start - DAY / 2, start + DAY) == [], "no hour is left out or held by two"
    [taken] = [each for each in made.shifts((first,), start, start + HOUR) if each.holds(start)]
    assert taken.swapped == "ana"


def test_somebody_whom_the_team_does_not_know_is_a_fault():
    made = plan(("ana", "eve"), starts="2026-10-26")
    [fault] = made.faults((), datetime(2026, 10, 28, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC))
    assert fault.what == "'eve', who is not in team.yaml"


CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:1
DTSTART;TZID=Europe/Berlin:20261005T090000
DTEND;TZID=Europe/Berlin:20261012T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
SUMMARY:{first}
{attendee}END:VEVENT
BEGIN:VEVENT
UID:2
DTSTART;TZID=Europe/Berlin:20261012T090000
DTEND;TZID=Europe/Berlin:20261019T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
SUMMARY:On call: bo
END:VEVENT
END:VCALENDAR
"""


@pytest.mark.parametrize(("first", "attendee"), [
    ("ana", ""), ("On call: ANA", ""), ("primary", "ATTENDEE;CN=A:mailto:ana@EXAMPLE.org\n"), ("cy", "")])
def test_a_calendar_names_people_by_id_name_or_mail(first, attendee):
    made = Plan("primary", Rotation(calendar="primary.ics"), NEW_YORK, TEAM,
                CALENDAR.format(first=first, attendee=attendee), "primary.ics")
    who = "cy" if first == "cy" else "ana"
    start = datetime(2026, 10, 5, 7, tzinfo=UTC)
    assert on(made, start) == [who]
    assert on(made, start - timedelta(seconds=1)) == []
    assert [on(made, datetime(2026, 10, day, 12, tzinfo=UTC)) for day in (12, 19, 26)] == [["bo"], [who], ["bo"]]
    assert made.faults((), start, start + 60 * DAY) == [], "not when clocks go back either, on 25 October"


def test_an_event_without_a_name_is_not_the_first_person_without_one():
    text = CALENDAR.format(first="", attendee="")
    made = Plan("primary", Rotation(calendar="primary.ics"), NEW_YORK, TEAM, text, "primary.ics")
    assert on(made, datetime(2026, 10, 5, 7, tzinfo=UTC)) == ["an event without a name"]
    text = CALENDAR.format(first="bo", attendee="ATTENDEE:mailto:cy@x\nATTENDEE:mailto:ana@example.org\n")
    made = Plan("primary", Rotation(calendar="primary.ics"), NEW_YORK, TEAM, text, "primary.ics")
    assert on(made, datetime(2026, 10, 5, 7, tzinfo=UTC)) == ["ana"]


def test_two_at_once_and_nobody_are_told_apart():
    text = CALENDAR.format(first="ana", attendee="").replace("20261012T090000\nDTEND", "20261011T090000\nDTEND")
    text = text.replace("T090000\nRRULE", "T080000\nRRULE")
    made = Plan("primary", Rotation(calendar="primary.ics"), NEW_YORK, TEAM, text, "primary.ics")
    what = [fault.what for fault in made.faults((), datetime(2026, 10, 5, 7, tzinfo=UTC),
                                                datetime(2026, 10, 20, 7, tzinfo=UTC))]
    assert what == ["ana and bo at once", "nobody"]


# -- whom a word means ----------------------------------------------------------------------------------------------


NOW = datetime(2013, 9, 14, 10, tzinfo=UTC)


def declared(project, **rotations):
    (project / "oncall").mkdir()
    for name, text in rotations.items():
        (project / f"oncall/{name}.yaml").write_text(text, encoding="utf-8")
    return Project(project)


def test_without_a_rotation_a_role_is_all_who_hold_it(project):
    made = Project(project)
    assert reached(made, (), "oncall", NOW) == ("bo",)
    assert reached(made, (), "approver", NOW) == ("bo", "cy")
    assert reached(made, (), "vera", NOW) == ("vera",)
    assert reached(made, (), "nobody", NOW) == ()


def test_with_one_the_role_is_who_is_on_call_and_a_rotation_has_a_name_of_its_own(project):
    made = declared(project, primary="people: [ana, dee]\nstarts: 2013-09-09\n",
                    secondary="people: [cy]\nstarts: 2013-09-09\n")
    assert reached(made, (), "oncall", NOW) == ("ana",)
    assert reached(made, (), "secondary", NOW) == ("cy",)
    assert reached(made, (), "oncall", NOW + 3 * DAY) == ("dee",)
    assert reached(made, (swap("vera", NOW, NOW + HOUR),), "oncall", NOW) == ("vera",)
    assert reached(made, (), "bo", NOW) == ("bo",)


def test_where_the_rotation_has_nobody_all_who_hold_the_role_are_told(project):
    made = declared(project, primary="people: [ana]\nstarts: 2013-10-01\n")
    assert reached(made, (), "oncall", NOW) == ("bo",)


def test_a_calendar_that_cannot_be_read_silences_nobody(project):
    (project / "oncall").mkdir()
    (project / "oncall/primary.ics").write_text("no calendar", encoding="utf-8")
    (project / "oncall/primary.yaml").write_text("calendar: primary.ics\n", encoding="utf-8")
    assert reached(Project(project), (), "oncall", NOW) == ("bo",)
    (project / "oncall/primary.yaml").write_text("calender: primary.ics\n", encoding="utf-8")
    assert reached(Project(project), (), "primary", NOW) == ("bo",)


def test_nobody_is_meant_by_a_route(project):
    assert reached(Project(project), (), "pager", NOW) == ()


def test_whoever_is_on_call_is_reminded_and_after_a_swap_who_took_over(project):
    made = declared(project, primary="people: [ana, dee]\nstarts: 2013-09-09\n")
    history = History()
    history.add(AlertEvent(subject="AL-1", event="fired", monitor="flights-drift", about="flights-delay", check="drift",
                           severity="high", title="it drifts", route="oncall"))
    assert reminded(made, history) == ["ana"]
    history.add(swap("vera", NOW, NOW + 2 * DAY))
    assert reminded(made, history) == ["vera"]


def reminded(made, history):
    entries, now = history.entries, NOW + DAY
    return [each.person for each in due(sources.nudges(made, entries, now), sources.reach(made, entries, now), {}, now)]


def test_of_several_the_primary_one_is_meant_and_of_none_called_so_none():
    one, other = plan(), plan()
    assert meant({"weekdays": one}, "oncall") is one
    assert meant({"weekdays": one, "primary": other}, "oncall") is other
    assert meant({"weekdays": one, "nights": other}, "oncall") is None
    assert meant({"weekdays": one}, "approver") is None
