"""A cron line in a time zone: when it last happened, and when it happens next."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from apscheduler.triggers.cron import CronTrigger

from mlops_tui.errors import BadInput

HOUR = timedelta(hours=1)
FARTHEST = timedelta(days=366 * 9)  # 29 February comes within nine years
SHIFT = 3 * HOUR  # no zone has moved its clocks by more
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")  # cron's numbers; APScheduler's begin with Monday
SHORT = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *"}


class Cron:
    """A cron line in a time zone.

    It is reckoned in wall-clock time. A time that does not exist because clocks go forward happens as much later as
    they went; one that exists twice because they go back happens the first time, or both times where the hour is
    free (`*`), since such a line counts time and not times of day.
    """

    def __init__(self, line: str, zone: tzinfo) -> None:
        minute, hour, day, month, weekday = _five(SHORT.get(line.strip(), line))
        self.line, self.zone, self.counts = line, zone, hour.startswith("*")
        weekdays = _weekdays(weekday)
        either = [(day, "*"), ("*", weekdays)] if "*" not in (day, weekdays) else [(day, weekdays)]
        try:
            self._triggers = [CronTrigger(minute=minute, hour=hour, day=on, month=month, day_of_week=of, timezone=UTC)
                              for on, of in either]
        except (ValueError, TypeError) as problem:
            raise BadInput(f"'{line}' is not a cron line: {problem}.", next=_HOW) from problem
        self._known: tuple[datetime, datetime] | None = None

    def newest(self, now: datetime) -> datetime | None:
        """The last time it happened, up to and with `now`; None where it never did."""
        if self._known is not None and now >= self._known[1]:  # most often the clock has moved on by one period
            self._remember(self._known[1], self.next(self._known[1]))
        if self._known is not None and self._known[0] <= now < self._known[1]:
            return self._known[0]
        wall = _wall(now, self.zone)
        ahead = SHIFT if self._moved(now - SHIFT, now) else timedelta(0)
        back = HOUR / 4
        while back <= FARTHEST:
            found = [at for at in self._between(wall - back - ahead, wall + ahead) if at <= now]
            if found:
                self._remember(max(found), self.next(now))
                return max(found)
            back *= 2
        return None

    def _remember(self, newest: datetime, following: datetime | None) -> None:
        self._known = (newest, following) if following is not None else None

    def next(self, now: datetime) -> datetime | None:
        """The first time it happens after `now`; None where it never will."""
        wall = _wall(now, self.zone)
        if self._moved(now - SHIFT, now + SHIFT):
            near = [at for at in self._between(wall - SHIFT, wall + 2 * SHIFT) if at > now]
            if near:
                return min(near)
        return next((at for at in self._between(wall, wall + FARTHEST) if at > now), None)

    def _moved(self, start: datetime, end: datetime) -> bool:
        return start.astimezone(self.zone).utcoffset() != end.astimezone(self.zone).utcoffset()

    def _between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """When it happens, as UTC, for wall-clock times from start to end."""
        wall = self._at_or_after(start)
        while wall is not None and wall <= end:
            first = wall.replace(tzinfo=self.zone, fold=0).astimezone(UTC)
            second = wall.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
            yield first
            if self.counts and second > first:
                yield second
            wall = self._at_or_after(wall + timedelta(seconds=1))

    def _at_or_after(self, wall: datetime) -> datetime | None:
        found = [trigger.get_next_fire_time(None, wall.replace(tzinfo=UTC)) for trigger in self._triggers]
        return min((at.replace(tzinfo=None) for at in found if at is not None), default=None)


_HOW = "Write five fields, such as '0 6 * * *': minute, hour, day, month, weekday."


def _five(line: str) -> list[str]:
    fields = line.split()
    if len(fields) != 5:
        raise BadInput(f"'{line}' is not a cron line.", next=_HOW)
    return fields


def _wall(moment: datetime, zone: tzinfo) -> datetime:
    """What the clock on the wall shows."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _weekdays(field: str) -> str:
    """cron's weekdays (0 and 7 are Sunday) by name, so that nobody counts them differently."""
    if field == "*":
        return "*"
    chosen: list[str] = []
    for part in field.lower().split(","):
        span, _, step = part.partition("/")
        first, dash, last = ("0", "-", "6") if span == "*" else span.partition("-")
        if step and (not step.isdecimal() or int(step) == 0):
            raise BadInput(f"'{field}' is no weekday of a cron line.", next=_HOW)
        start = _weekday(first, field)
        end = _weekday(last, field) if dash else (6 if step else start)
        end += 7 * (end < start)
        chosen += [DAYS[number % 7] for number in range(start, end + 1, int(step or 1))]
    return ",".join(dict.fromkeys(chosen))


def _weekday(word: str, field: str) -> int:
    if word in DAYS:
        return DAYS.index(word)
    if word.isdecimal() and int(word) <= 7:
        return int(word)
    raise BadInput(f"'{field}' is no weekday of a cron line.", next=_HOW)


@lru_cache(maxsize=1024)
def cron(line: str, zone: tzinfo) -> Cron:
    """The cron line, read once."""
    return Cron(line, zone)
