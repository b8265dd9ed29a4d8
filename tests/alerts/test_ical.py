"""Events of an iCal file, checked against dates worked out by hand and against dateutil's reading of the same rule."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr

from mlops_tui.alerts.ical import events
from mlops_tui.errors import Unreadable

BERLIN = ZoneInfo("Europe/Berlin")
START, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def calendar(*lines, more=()):
    body = ["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "UID:1", *lines, "END:VEVENT", *more, "END:VCALENDAR", ""]
    return "\r\n".join(body)


def read(*lines, more=(), start=START, end=END):
    found = events(calendar(*lines, more=more), "x.ics", BERLIN, start, end)
    return [(f"{each.start:%m-%d %H:%M}", (each.end - each.start) / timedelta(hours=1)) for each in found]


@pytest.mark.parametrize(("lines", "expected"), [
    (("DTSTART:20261005T090000", "DTEND:20261005T170000"), [("10-05 07:00", 8)]),  # floating: the rotation's zone
    (("DTSTART:20261005T090000Z", "DURATION:PT30M"), [("10-05 09:00", 0.5)]),
    (("DTSTART;TZID=America/New_York:20261101T003000", "DURATION:PT2H"), [("11-01 04:30", 2)]),
    (("DTSTART;VALUE=DATE:20261025", "DTEND;VALUE=DATE:20261026"), [("10-24 22:00", 25)]),  # clocks go back
    (("DTSTART;VALUE=DATE:20261025",), [("10-24 22:00", 25)]),
    (("DTSTART:20261019T090000", "DURATION:P1W"), [("10-19 07:00", 169)]),
    (("DTSTART:20261024T220000", "DTEND:20261025T060000", "RRULE:FREQ=DAILY;COUNT=2"),
     [("10-24 20:00", 9), ("10-25 21:00", 8)]),  # by night, from ten to six: 9 h as clocks go back
    (("DTSTART:20261023T200000", "DTEND:20261024T080000", "RRULE:FREQ=DAILY;COUNT=3"),
     [("10-23 18:00", 12), ("10-24 18:00", 13), ("10-25 19:00", 12)]),
    (("DTSTART:20261005T090000", "DURATION:P1D", "RRULE:FREQ=DAILY;UNTIL=20261007T070000Z"),
     [("10-05 07:00", 24), ("10-06 07:00", 24), ("10-07 07:00", 24)]),
    (("DTSTART:20261005T090000", "DURATION:P1D", "RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20261006T090000"),
     [("10-05 07:00", 24), ("10-07 07:00", 24)]),
    (("DTSTART:20260105T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;UNTIL=20260301"), []),
    (("SUMMARY:folded", "  line", "DTSTART:20261005T09", " 0000", "DURATION:PT1H"), [("10-05 07:00", 1)]),
    (("DTSTART:20261005T090000", "DURATION:PT1H", "STATUS:CANCELLED"), []),
    (("DTSTART:20261005T090000", "DURATION:PT1H", "BEGIN:VALARM", "TRIGGER:-PT5M", "END:VALARM"),
     [("10-05 07:00", 1)])])
def test_an_event_takes_place_when_the_calendar_says(lines, expected):
    assert read(*lines) == expected


@pytest.mark.parametrize("rule", [
    "FREQ=WEEKLY", "FREQ=WEEKLY;INTERVAL=2", "FREQ=WEEKLY;BYDAY=MO,WE,FR", "FREQ=WEEKLY;INTERVAL=3;BYDAY=SU,TU;COUNT=9",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=MO",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE,SA;WKST=FR;COUNT=11",
    "FREQ=DAILY", "FREQ=DAILY;INTERVAL=5;COUNT=4", "FREQ=WEEKLY;UNTIL=20261030T235959"])
def test_rules_read_as_dateutil_reads_them(rule):
    began, end = (datetime.fromisoformat(text) for text in ("2026-09-30T09:00", "2026-11-30T08:00"))  # a Wednesday
    walls = rrulestr(rule, dtstart=began).between(began, end, inc=True)
    expected = [at.replace(tzinfo=BERLIN).astimezone(UTC) for at in walls]
    found = events(calendar(f"DTSTART:{began:%Y%m%dT%H%M%S}", "DURATION:PT1H", f"RRULE:{rule}"), "x.ics", BERLIN,
                   datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 11, 30, 7, tzinfo=UTC))
    assert [each.start for each in found] == expected
    assert len(found) > 3


def test_one_occurrence_that_was_moved_takes_the_place_of_its_own():
    moved = ("BEGIN:VEVENT", "UID:1", "RECURRENCE-ID:20261012T090000", "DTSTART:20261013T120000", "DURATION:PT1H",
             "END:VEVENT")
    weekly = ("DTSTART:20261005T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=3")
    assert read(*weekly, more=moved) == [("10-05 07:00", 1), ("10-13 10:00", 1), ("10-19 07:00", 1)]
    struck = (*moved[:-1], "STATUS:CANCELLED", "END:VEVENT")
    assert [start for start, hours in read(*weekly, more=struck) if hours] == ["10-05 07:00", "10-19 07:00"]


@pytest.mark.parametrize(("text", "line", "words"), [
    ("", 1, "no iCal file"), ("<html>: x\n", 1, "no line of a calendar"),
    ("BEGIN:VCALENDAR\nBEGIN:VEVENT\n", 2, "cut off"),
    (calendar("DTSTART:20261005T090000", "RRULE:FREQ=MONTHLY"), 6, "recur monthly"),
    (calendar("DTSTART:20261005T090000", "RRULE:FREQ=WEEKLY;BYDAY=1MO"), 6, "BYDAY=1MO"),
    (calendar("DTSTART:20261005T090000", "RRULE:FREQ=DAILY;BYHOUR=9"), 6, "BYHOUR"),
    (calendar("DTSTART:20261005T090000", "RRULE:FREQ=DAILY;COUNT=0"), 6, "COUNT is a number from 1"),
    (calendar("DTSTART;TZID=Eastern Standard Time:20261005T090000"), 5, "'Eastern Standard Time' is not known"),
    (calendar("DTSTART:tomorrow"), 5, "'TOMORROW' is no time"), (calendar("DTSTART:20261305T090000"), 5, "no time"),
    (calendar("DTSTART:20261005T090000", "DTEND:20261005T080000"), 6, "ends before it begins"),
    (calendar("DTSTART:20261005T090000", "DTEND;VALUE=DATE:20261006"), 6, "a day where"),
    (calendar("DTSTART:20261005T090000", "DURATION:long"), 6, "no duration"),
    (calendar("DTSTART:20261005T090000", "RDATE:20261007T090000"), 6, "RDATE is not read"),
    (calendar("DTSTART:20261005T090000", "RECURRENCE-ID;RANGE=THISANDFUTURE:20261012T090000"), 6, "RANGE"),
    (calendar("DTSTART:20261005T090000", "RRULE:FREQ=WEEKLY;WKST=XX"), 6, "WKST is a day"),
    (calendar("DTSTART:20261005T090000", "EXDATE;VALUE=DATE:20261012"), 6, "EXDATE is a day where"),
    (calendar("SUMMARY:ana"), 3, "no DTSTART"), (calendar("DTSTART:20261005T090000", "no colon"), 6, "no line")])
def test_what_is_not_understood_is_refused_with_its_line(text, line, words):
    with pytest.raises(Unreadable, match=words) as caught:
        events(text, "x.ics", BERLIN, START, END)
    assert caught.value.where == f"x.ics:{line}"


@pytest.mark.parametrize("lines", [
    ("DTSTART:20260101T000000Z", "RRULE:FREQ=DAILY;INTERVAL=1000000000000"),
    ("DTSTART:20260101T000000Z", "RRULE:FREQ=DAILY;INTERVAL=1001"),
    ("DTSTART:20260101T000000Z", f"RRULE:FREQ=WEEKLY;COUNT={'9' * 5000}"),
    ("DTSTART:20260101T000000Z", "RRULE:FREQ=WEEKLY;INTERVAL=²"),
    ("DTSTART:20260101T000000Z", "DURATION:P99999999999999W"),
    ("DTSTART:20260101", "DTEND:99991231", "RRULE:FREQ=DAILY"),
    ("DTSTART:00010101T000000",), ("DTSTART;TZID=America/New_York:99991231T235959",)])
def test_numbers_beyond_all_calendars_are_refused_with_their_line(lines):
    with pytest.raises(Unreadable, match=r"x\.ics:\d"):
        read(*lines)


def test_a_rule_without_an_end_may_say_so_as_calendars_do_and_have_begun_long_ago():
    assert read("DTSTART:19500101T090000Z", "DURATION:P1D", "RRULE:FREQ=WEEKLY;UNTIL=99991231T235959Z",
                start=datetime(2026, 10, 4, 12, tzinfo=UTC), end=datetime(2026, 10, 12, tzinfo=UTC)) == [
        ("10-04 09:00", 24), ("10-11 09:00", 24)]
    assert len(read("DTSTART:20260101T000000Z", "RRULE:FREQ=DAILY;COUNT=1000000000", "DURATION:PT1H")) == 61


@pytest.mark.parametrize("rule", ["FREQ=WEEKLY;INTERVAL=3;BYDAY=SU,TU", "FREQ=DAILY;INTERVAL=5", "FREQ=WEEKLY"])
@pytest.mark.parametrize("days", [0, 1, 9])
def test_what_began_years_ago_reads_as_dateutil_reads_it(rule, days):
    began, since, until = map(datetime.fromisoformat, ("2019-09-30T09:00", "2026-09-01T09:00", "2026-12-01T09:00"))
    walls = rrulestr(rule, dtstart=began).between(since, until)
    found = events(calendar(f"DTSTART:{began:%Y%m%dT%H%M%S}", f"DURATION:P{days}DT1H", f"RRULE:{rule}"), "x.ics",
                   BERLIN, since.replace(tzinfo=BERLIN), until.replace(tzinfo=BERLIN))
    late = [each.start for each in found if each.start >= since.replace(tzinfo=BERLIN)]
    assert late == [at.replace(tzinfo=BERLIN).astimezone(UTC) for at in walls]
    before = rrulestr(rule, dtstart=began).between(since - timedelta(days=days, hours=1), since)
    assert [each.start for each in found if each not in found[len(found) - len(late):]] == [
        at.replace(tzinfo=BERLIN).astimezone(UTC) for at in before]
