"""When a person wants to hear from us, as team.yaml declares it or he said himself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from mlops_tui.declarations.declare import Mistake
from mlops_tui.errors import nearest

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


@dataclass(frozen=True)
class Wishes:
    """When somebody wants to hear from us, in his own time zone (the project's where none is given).

    `daily` is a time of day, `weekly` a day and a time; empty: no such digest. In the hours of `quiet` he is told
    nothing that does not page. A digest that would say what the last one said does not come with `only_if_changed`.
    """

    daily: str = ""
    weekly: str = ""
    zone: str = ""
    quiet: str = ""
    only_if_changed: bool = True

    def mistakes(self) -> Iterator[Mistake]:
        """Times that are none, a zone nobody lives in, a digest in the night."""
        if self.daily and not _TIME.fullmatch(self.daily):
            yield Mistake(f"'{self.daily}' is not a time of day.", ("daily",), 'Write "08:00".')
        day, _, time = self.weekly.lower().partition(" ")
        if self.weekly and not (day in WEEKDAYS and _TIME.fullmatch(time)):
            yield Mistake(f"'{self.weekly}' is not a time of the week.", ("weekly",), 'Write "mon 08:00".')
        if self.zone and not _known(self.zone):
            yield Mistake(f"'{self.zone}' is not a time zone.", ("zone",),
                          nearest(self.zone, available_timezones()) or "Write Europe/Berlin.")
        start, dash, end = self.quiet.partition("-")
        if self.quiet and not (dash and _TIME.fullmatch(start) and _TIME.fullmatch(end) and start != end):
            yield Mistake(f"'{self.quiet}' are no hours.", ("quiet",), 'Write "22:00-07:00".')
            return
        for name, at in (("daily", self.daily), ("weekly", time)):
            if self.sleeps_at(at):
                yield Mistake(f"The {name} digest would come at {at}, in the quiet hours {self.quiet}.", (name,))

    def sleeps_at(self, wall: str) -> bool:
        """Whether a time of day (`23:10`) lies in the quiet hours."""
        start, _, end = self.quiet.partition("-")
        if not self.quiet or not wall:
            return False
        return start <= wall < end if start < end else wall >= start or wall < end


def _known(zone: str) -> bool:
    try:
        return bool(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder of zones is an OSError
        return False
