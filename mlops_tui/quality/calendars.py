"""When the batches of a dataset are to come: the declared calendar as periods, each with the time it is due."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from mlops_tui.declarations.declare import duration
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import BadInput, nearest
from mlops_tui.running.cronlines import cron

KNOWN = ("daily", "hourly", "weekly", "weekdays")
KEYS = ("every", "by", "grace", "except")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MOST = 20_000  # periods that are looked at
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_FREQUENCY = {86400: "daily", 3600: "hourly", 604800: "weekly"}


@dataclass(frozen=True)
class Period:
    """A stretch of time whose rows come as one batch, and when it is to be there (None: nobody said)."""

    start: datetime
    end: datetime
    due: datetime | None = None

    @property
    def day(self) -> date:
        return self.start.date()


@dataclass(frozen=True)
class Calendar:
    """`every`: daily, hourly, weekly, weekdays or a cron line; `by` and `grace`, or `latency`, say when one is due."""

    every: str = "daily"
    by: str = ""
    grace: timedelta = timedelta(0)
    off: tuple[tuple[date, date], ...] = ()
    latency: timedelta | None = None

    @property
    def by_hour(self) -> bool:
        """Whether a period can be shorter than a day."""
        return self.every == "hourly" or (self.every not in KNOWN and not _daily(self.every))

    def expected(self, period: Period) -> bool:
        """Whether a batch is to come at all: not on declared exceptions, not on weekends where only weekdays count."""
        if self.every == "weekdays" and period.day.weekday() >= 5:
            return False
        return not any(first <= period.day <= last for first, last in self.off)

    def periods(self, start: datetime, until: datetime, zone: tzinfo) -> list[Period]:
        """The periods that begin from `start` on and are over by `until`, in the project's wall-clock time."""
        found = [Period(*edges, self._due(*edges)) for edges in _edges(self.every, start, until, zone)]
        if len(found) > MOST:
            raise BadInput(f"That are {len(found):,} periods; {MOST:,} are looked at.", next="Give a shorter --window.")
        return found

    def _due(self, start: datetime, end: datetime) -> datetime | None:
        if not self.by:
            return start + self.latency + self.grace if self.latency is not None else None
        if match := _CLOCK.fullmatch(self.by):
            at = datetime.combine(end.date(), time(int(match[1]), int(match[2])), end.tzinfo)
            return (at if at >= end else at + DAY) + self.grace
        return end + duration(self.by) + self.grace


def _daily(line: str) -> bool:
    """Whether a cron line has one time of day."""
    return all(part.isdecimal() for part in line.split()[:2]) or line in ("@daily", "@weekly", "@monthly")


def _edges(every: str, start: datetime, until: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
    """Begin and end of each period."""
    if every in ("daily", "weekdays", "weekly"):
        step = 7 if every == "weekly" else 1
        first = start.astimezone(zone).date()
        first -= timedelta(days=first.weekday()) if every == "weekly" else timedelta(0)
        while (edge := _midnight(first + timedelta(days=step), zone)) <= until:
            yield _midnight(first, zone), edge
            first += timedelta(days=step)
    elif every == "hourly":
        at = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        while at + HOUR <= until:
            yield at.astimezone(zone), (at + HOUR).astimezone(zone)
            at += HOUR
    else:
        line = cron(every, zone)
        moment = line.newest(start) or line.next(start)
        while moment is not None and (following := line.next(moment)) is not None and following <= until:
            yield moment.astimezone(zone), following.astimezone(zone)
            moment = following


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)


# -- what is declared -----------------------------------------------------------------------------------------------


def declared(contract: Contract, where: str) -> Calendar | None:
    """The calendar of a contract: our `calendar`, or the standard's frequency and latency; None where it has none.

    BadInput names what is wrong with it.
    """
    given, sla = contract.custom("calendar"), _sla(contract, where)
    latency, frequency = sla.get("latency"), sla.get("frequency")
    if given is None:
        every = _FREQUENCY.get(int(frequency.total_seconds())) if frequency is not None else None
        return Calendar(every, latency=latency) if every is not None else None
    items: Mapping[str, Any] = given if isinstance(given, Mapping) else {"every": given}
    for key in items:
        if key not in KEYS:
            raise BadInput(f"Unknown key '{key}' in calendar.", where=where,
                           next=nearest(str(key), KEYS) or f"Known here: {', '.join(KEYS)}.")
    return Calendar(every_of(str(items.get("every", "daily")), where), _by(str(items.get("by", "")), where),
                    _span(str(items.get("grace", "0m")), where), _off(items.get("except", ()), where), latency)


def every_of(text: str, where: str) -> str:
    """A calendar that we know, or a cron line; BadInput otherwise."""
    if text not in KNOWN:
        if len(text.split()) != 5 and not text.startswith("@"):
            raise BadInput(f"'{text}' is no calendar.", where=where,
                           next=nearest(text, KNOWN) or f"Write {', '.join(KNOWN)}, or a cron line.")
        _checked(text, where)
    return text


def _checked(line: str, where: str) -> None:
    try:
        cron(line, UTC)
    except BadInput as problem:
        raise BadInput(problem.what, where=where, next=problem.next) from problem


def _by(text: str, where: str) -> str:
    """A time of day, or a span after the end of the period."""
    if text and _CLOCK.fullmatch(text) is None:
        _span(text, where)
    return text


def _span(text: str, where: str) -> timedelta:
    try:
        return duration(text)
    except ValueError as problem:
        raise BadInput(f"{problem}.", where=where, next="Write 06:00 for a time of day, 2h for a span.") from problem


def _off(given: Any, where: str) -> tuple[tuple[date, date], ...]:
    """Days without a batch: `2013-12-25`, or {from: …, to: …}."""
    found = []
    for item in given if isinstance(given, Sequence) and not isinstance(given, str) else (given,):
        first, last = (item.get("from"), item.get("to")) if isinstance(item, Mapping) else (item, None)
        last = last or first
        try:
            found.append((date.fromisoformat(str(first)), date.fromisoformat(str(last))))
        except ValueError as problem:
            raise BadInput(f"'{item}' in calendar: except is no day.", where=where,
                           next="Write 2013-12-25, or {from: 2013-12-24, to: 2013-12-26}.") from problem
    return tuple(found)


def _sla(contract: Contract, where: str) -> dict[str, timedelta]:
    """Frequency and latency of the standard's slaProperties, as spans of time."""
    found: dict[str, timedelta] = {}
    for item in contract.slaProperties:
        short = {"frequency": "frequency", "latency": "latency", "ly": "latency", "fy": "frequency"}.get(item.property)
        if short is None or short in found:
            continue
        span = item.span()
        if not span:
            raise BadInput(f"slaProperties {item.property}: {item.value} {item.unit} is no span of time.",
                           where=where, next="Write {property: latency, value: 30, unit: h}.")
        found[short] = span
    return found


def hours(span: timedelta) -> str:
    """A span in hours, as people write it.

    >>> hours(timedelta(minutes=90))
    '1.5'
    """
    return f"{span / HOUR:g}"
