"""The events of an iCal file between two times: what RFC 5545 says of VEVENT, daily and weekly rules, and no more.

What is not understood is refused with its line: an event that is read wrongly wakes the wrong person.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from mlops_tui.errors import Unreadable, nearest

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
FARTHEST = 20_000  # occurrences of one event that are looked at
YEARS = (1900, 2199)   # in which an event begins and ends
ROUNDS = 1000  # days or weeks between two occurrences
FOREVER = "9999"  # how calendars write that a rule has no end
_LINE = re.compile(r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:])*)*):(.*)', re.DOTALL)
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=((?:"[^"]*"|[^";:])*)')
_MOMENT = re.compile(r"\d{8}(T\d{6}Z?)?")
_SPAN = re.compile(r"\+?P(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?")


@dataclass(frozen=True)
class Event:
    """One occurrence: from when to when, what it is called, and the mail addresses of who attends."""

    start: datetime
    end: datetime
    summary: str
    emails: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Line:
    name: str
    parameters: dict[str, str]
    value: str
    number: int


@dataclass(frozen=True)
class _Rule:
    """RRULE: every `interval` days or weeks (which begin on `monday`), on `days`, until, or so often."""

    weekly: bool
    interval: int = 1
    days: tuple[int, ...] = ()
    until: datetime | date | None = None
    count: int | None = None
    monday: int = 0


@dataclass
class _Found:
    """One VEVENT as it stands in the file: `start` in wall-clock time of `zone`, how long it lasts by the clock on the
    `wall`, and how long after that, exactly."""

    start: datetime
    zone: tzinfo
    wall: timedelta = timedelta(0)
    length: timedelta = timedelta(0)
    summary: str = ""
    uid: str = ""
    emails: tuple[str, ...] = ()
    rule: _Rule | None = None
    left_out: set[datetime] = field(default_factory=set)
    instead_of: datetime | None = None


def events(text: str, where: str, zone: tzinfo, start: datetime, end: datetime) -> list[Event]:
    """What overlaps the time from `start` to `end`, in the order of time; floating times and days are in `zone`.

    Unreadable names the line of what is no iCal, or of a rule that is not known here.
    """
    found = list(_read(_lines(text, where), where, zone))
    instead = {(each.uid, each.instead_of) for each in found if each.instead_of is not None}
    made = []
    for each in found:
        for at, until in _occurrences(each, start, end):
            if (each.instead_of is not None or (each.uid, at) not in instead) and until > start and at < end:
                made.append(Event(at, until, each.summary, each.emails))
    return sorted(made, key=lambda event: (event.start, event.end, event.summary))


# -- the file -------------------------------------------------------------------------------------------------------


def _lines(text: str, where: str) -> list[_Line]:
    """The content lines, unfolded."""
    joined: list[tuple[int, str]] = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if line[:1] in (" ", "\t") and joined:
            joined[-1] = joined[-1][0], joined[-1][1] + line[1:]
        elif line.strip():
            joined.append((number, line))
    found = []
    for number, line in joined:
        match = _LINE.fullmatch(line)
        if match is None:
            raise Unreadable(f"'{line[:40]}' is no line of a calendar.", where=f"{where}:{number}")
        parameters = {name.upper(): value.strip('"') for name, value in _PARAMETER.findall(match[2])}
        found.append(_Line(match[1].upper(), parameters, match[3], number))
    if not found or (found[0].name, found[0].value.upper()) != ("BEGIN", "VCALENDAR"):
        raise Unreadable("This is no iCal file: it does not begin with BEGIN:VCALENDAR.", where=f"{where}:1")
    if (found[-1].name, found[-1].value.upper()) != ("END", "VCALENDAR"):
        raise Unreadable("The file ends before END:VCALENDAR: it was cut off.", where=f"{where}:{found[-1].number}")
    return found


def _read(lines: Sequence[_Line], where: str, zone: tzinfo) -> Iterator[_Found]:
    """Each VEVENT; what lies in other components, and in alarms, is passed over."""
    open_: list[str] = []
    event: list[_Line] = []
    for line in lines:
        if line.name == "BEGIN":
            open_.append(line.value.upper())
            event = [line] if open_[-1] == "VEVENT" else event
        elif line.name == "END":
            if not open_ or open_.pop() != line.value.upper():
                raise Unreadable(f"END:{line.value} closes nothing.", where=f"{where}:{line.number}")
            if line.value.upper() == "VEVENT" and not _cancelled(event):
                yield _event(event, where, zone)
        elif open_ and open_[-1] == "VEVENT":
            event.append(line)


def _cancelled(lines: Sequence[_Line]) -> bool:
    return any(line.name == "STATUS" and line.value.upper() == "CANCELLED" for line in lines) and \
        not any(line.name == "RECURRENCE-ID" for line in lines)


def _event(lines: Sequence[_Line], where: str, zone: tzinfo) -> _Found:
    by_name = {line.name: line for line in lines}
    if "DTSTART" not in by_name:
        raise Unreadable("An event has no DTSTART.", where=f"{where}:{lines[0].number}")
    for name in ("RDATE", "EXRULE"):
        if name in by_name:
            raise Unreadable(f"{name} is not read here.", where=f"{where}:{by_name[name].number}",
                             next="Write the events one by one.")
    began = by_name["DTSTART"]
    start, own = _moment(began, began.value, where, zone)
    whole_days = not isinstance(start, datetime)
    wall = datetime.combine(start, time()) if not isinstance(start, datetime) else start
    uid = by_name["UID"].value if "UID" in by_name else f"line {lines[0].number}"
    made = _Found(wall, own, timedelta(days=int(whole_days)), uid=uid,
                  summary=_text(by_name["SUMMARY"].value) if "SUMMARY" in by_name else "")
    _lasts(made, by_name, where, zone, whole_days=whole_days)
    made.emails = tuple(filter(None, (line.value.lower().removeprefix("mailto:").strip()
                                      for line in lines if line.name == "ATTENDEE")))
    for line in lines:
        if line.name == "EXDATE":
            made.left_out |= {_of(line, each, where, zone, whole_days=whole_days) for each in line.value.split(",")}
    if "RECURRENCE-ID" in by_name:
        line = by_name["RECURRENCE-ID"]
        if "RANGE" in line.parameters:
            raise Unreadable("A change of all that follows (RANGE) is not read here.", where=f"{where}:{line.number}",
                             next="End the event, and write another one from then on.")
        made.instead_of = _of(line, line.value, where, zone, whole_days=whole_days)
        if any(each.name == "STATUS" and each.value.upper() == "CANCELLED" for each in lines):
            made.wall, made.length = timedelta(0), timedelta(0)
    if "RRULE" in by_name:
        made.rule = _rule(by_name["RRULE"], where, zone)
    return made


def _of(line: _Line, value: str, where: str, zone: tzinfo, *, whole_days: bool) -> datetime:
    """Which occurrence of an event is meant."""
    found, own = _moment(line, value, where, zone)
    if isinstance(found, datetime) == whole_days:
        raise Unreadable(f"{line.name} is a day where DTSTART is a time, or the other way round.",
                         where=f"{where}:{line.number}")
    return _exact(found, own)


def _lasts(made: _Found, by_name: dict[str, _Line], where: str, zone: tzinfo, *, whole_days: bool) -> None:
    """How long it lasts, by DTEND or DURATION.

    One that recurs ends each time at the same time of day, as calendars show it. RFC 5545 (3.8.5.3) would count the
    hours of its first occurrence: when clocks go back, nobody would be on call for one.
    """
    if "DTEND" in by_name:
        line = by_name["DTEND"]
        end, own = _moment(line, line.value, where, zone)
        if isinstance(end, datetime) == whole_days:
            raise Unreadable("DTEND is a day where DTSTART is a time, or the other way round.",
                             where=f"{where}:{line.number}")
        last = end if isinstance(end, datetime) else datetime.combine(end, time())
        if _exact(last, own) < _exact(made.start, made.zone) or (whole_days and last == made.start):
            raise Unreadable("The event ends before it begins.", where=f"{where}:{line.number}")
        if own == made.zone:
            made.wall = last - made.start
        else:
            made.length = _exact(last, own) - _exact(made.start, made.zone)
    elif "DURATION" in by_name:
        line = by_name["DURATION"]
        match = _SPAN.fullmatch(line.value.strip())
        if match is None or not any(match.groups()):
            raise Unreadable(f"'{line.value}' is no duration.", where=f"{where}:{line.number}", next="Write PT12H.")
        weeks, days, hours, minutes, seconds = (int(each or 0) for each in match.groups())
        made.wall = timedelta(weeks=weeks, days=days)
        made.length = timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _moment(line: _Line, value: str, where: str, zone: tzinfo) -> tuple[datetime | date, tzinfo]:
    """A day, or a wall-clock time, and the zone that it is in."""
    place, value = f"{where}:{line.number}", value.strip().upper()
    own: tzinfo = zone
    if name := line.parameters.get("TZID", ""):
        if name not in available_timezones():
            raise Unreadable(f"The zone '{name}' is not known.", where=place, next=nearest(name, available_timezones())
                             or "Use names such as Europe/Berlin; some calendars export their own.")
        own = ZoneInfo(name)
    try:
        if not _MOMENT.fullmatch(value):
            raise ValueError(value)
        if not YEARS[0] <= int(value[:4]) <= YEARS[1]:
            raise ValueError(value)
        if "T" not in value:
            return date.fromisoformat(value), own
        return datetime.fromisoformat(value.removesuffix("Z")), UTC if value.endswith("Z") else own
    except ValueError as problem:
        raise Unreadable(f"'{value}' is no time of a calendar.", where=place,
                         next="Write 20261102T090000.") from problem


def _exact(moment: datetime | date, zone: tzinfo) -> datetime:
    """The wall-clock time in UTC. One that does not exist comes as much later as clocks went forward; of one that
    exists twice it is the first."""
    wall = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _text(value: str) -> str:
    return re.sub(r"\\([\\;,nN])", lambda found: " " if found[1] in "nN" else found[1], value).strip()


# -- what recurs ----------------------------------------------------------------------------------------------------


def _rule(line: _Line, where: str, zone: tzinfo) -> _Rule:
    place = f"{where}:{line.number}"
    parts = dict(part.upper().partition("=")[::2] for part in line.value.split(";"))
    kind = parts.pop("FREQ", "")
    if kind not in ("DAILY", "WEEKLY"):
        raise Unreadable(f"Events that recur {kind.lower() or 'in no way'} are not read here.", where=place,
                         next="FREQ=DAILY and FREQ=WEEKLY are.")
    begins = parts.pop("WKST", "MO")
    if begins not in WEEKDAYS:
        raise Unreadable(f"WKST is a day from MO to SU, not '{begins}'.", where=place)
    if unknown := sorted(set(parts) - {"INTERVAL", "BYDAY", "UNTIL", "COUNT"}):
        raise Unreadable(f"{unknown[0]} is not read here.", where=place, next="INTERVAL, BYDAY, UNTIL and COUNT are.")
    for name in ("INTERVAL", "COUNT"):
        if name in parts and not re.fullmatch(r"0*[1-9][0-9]{0,9}", parts[name]):
            raise Unreadable(f"{name} is a number from 1, not '{parts[name][:40]}'.", where=place)
    made = _Rule(kind == "WEEKLY", int(parts.get("INTERVAL", 1)),
                 count=int(parts["COUNT"]) if "COUNT" in parts else None, monday=WEEKDAYS.index(begins))
    if made.interval > ROUNDS:
        raise Unreadable(f"INTERVAL is a number up to {ROUNDS}, not {made.interval}.", where=place)
    if "BYDAY" in parts:
        days = parts["BYDAY"].split(",")
        if kind == "DAILY" or not set(days) <= set(WEEKDAYS):
            raise Unreadable(f"BYDAY={parts['BYDAY']} is not read here.", where=place,
                             next="With WEEKLY, MO to SU are.")
        made = replace(made, days=tuple(sorted({WEEKDAYS.index(day) for day in days})))
    if "UNTIL" in parts and not parts["UNTIL"].startswith(FOREVER):
        until, own = _moment(line, parts["UNTIL"], where, zone)
        made = replace(made, until=_exact(until, own) if isinstance(until, datetime) else until)
    return made


def _occurrences(each: _Found, since: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From when to when it takes place, from what may last into `since` up to what begins before `end`."""
    for number, wall in enumerate(_walls(each, since - each.length - each.wall - timedelta(days=2))):
        start = _exact(wall, each.zone)
        if start >= end or number >= FARTHEST:
            return
        if start not in each.left_out:
            yield start, _exact(wall + each.wall, each.zone) + each.length


def _walls(each: _Found, since: datetime) -> Iterator[datetime]:
    """The wall-clock times at which it begins: the rule counts days, not hours. Those before `since` are passed over,
    where the rule need not be counted."""
    rule = each.rule
    if rule is None:
        yield each.start
        return
    number, day = 0, 0
    first = each.start.date() - timedelta(days=(each.start.weekday() - rule.monday) % 7)
    ahead = sorted((weekday - rule.monday) % 7 for weekday in rule.days or (each.start.weekday(),))
    if rule.count is None:
        gone = (since.date() - each.start.date()).days
        day = max(gone // (rule.interval * (7 if rule.weekly else 1)) - 1, 0)
    while rule.count is None or number < rule.count:
        if not rule.weekly:
            walls = [each.start + timedelta(days=day * rule.interval)]
        else:
            week = first + timedelta(weeks=day * rule.interval)
            walls = [datetime.combine(week + timedelta(days=days), each.start.time()) for days in ahead]
        for wall in walls:
            if wall < each.start:
                continue
            if rule.until is not None and (wall.date() > rule.until if not isinstance(rule.until, datetime)
                                           else _exact(wall, each.zone) > rule.until):
                return
            if rule.count is not None and number >= rule.count:
                return
            number += 1
            yield wall
        day += 1
