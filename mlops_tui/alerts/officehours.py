"""The hours in which people are at work: `mon-fri 9-17`; and when so much of them has passed."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LINE = re.compile(r"([a-z]{3})-([a-z]{3})\s+(\d{1,2})(?::(\d\d))?-(\d{1,2})(?::(\d\d))?")


@dataclass(frozen=True)
class OfficeHours:
    """From `begin` to `end` on the days from `first` to `last` (0 is Monday), by the clock on the wall."""

    first: int
    last: int
    begin: time
    end: time

    @classmethod
    def of(cls, line: str) -> "OfficeHours":
        """`mon-fri 9-17`, `sun-thu 08:30-16:30`; ValueError for anything else.

        >>> OfficeHours.of("mon-fri 9-17").end
        datetime.time(17, 0)
        """
        found = _LINE.fullmatch(line.strip().lower())
        if found is None or not {found[1], found[2]} <= set(DAYS):
            raise ValueError(f"'{line}' is no working hours; write mon-fri 9-17")
        begin, end = (time(int(found[at]), int(found[at + 1] or 0)) for at in (3, 5))
        if begin >= end:
            raise ValueError(f"'{line}' ends before it begins")
        return cls(DAYS.index(found[1]), DAYS.index(found[2]), begin, end)

    def on(self, weekday: int) -> bool:
        return (weekday - self.first) % 7 <= (self.last - self.first) % 7

    def after(self, start: datetime, span: timedelta, zone: tzinfo) -> datetime:
        """When so much working time has passed since `start`; a day on which the clocks change is as long as it is."""
        day, left = start.astimezone(zone).date(), span
        while True:
            if self.on(day.weekday()):
                begin, end = (datetime.combine(day, each, zone).astimezone(UTC) for each in (self.begin, self.end))
                begin = max(begin, start.astimezone(UTC))
                if left <= end - begin:
                    return begin + left
                left -= max(end - begin, timedelta(0))
            day += timedelta(days=1)
