"""Who is on call by turns, or by a calendar: oncall/*.yaml."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from mlops_tui.declarations.declare import Mistake
from mlops_tui.errors import nearest

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Rotation:
    """oncall/*.yaml

    `people` take turns of `every` (whole days), the first from the day `starts`, handed over at the wall-clock time
    `handover` in `zone` (the project's where none is given). Or `calendar` names an iCal file beside this one, whose
    events bear people's names or mail addresses.
    """

    people: tuple[str, ...] = ()
    starts: str = ""
    every: timedelta = 7 * DAY
    handover: str = "09:00"
    zone: str = ""
    calendar: str = ""
    description: str = ""

    @property
    def first(self) -> date:
        return date.fromisoformat(self.starts)

    @property
    def at(self) -> time:
        if len(self.handover) != len("09:00"):
            raise ValueError(self.handover)
        return time.fromisoformat(self.handover)

    def mistakes(self) -> Iterator[Mistake]:
        """Turns of nobody, or from no day; a time or a zone that is none; turns and a calendar at once."""
        if self.calendar:
            if self.starts:
                yield Mistake("A calendar says itself from when on.", ("starts",), "Leave starts out, or calendar.")
            if not self.calendar.endswith(".ics") or "/" in self.calendar:
                yield Mistake("calendar is an .ics file in oncall/.", ("calendar",), "Write primary.ics.")
        elif not self.people or not self.starts:
            yield Mistake("A rotation has people and a day it starts, or a calendar.", (),
                          "Write people: [ana, bo] and starts: 2026-11-02.")
        for key, read in (("starts", lambda: self.starts and self.first), ("handover", lambda: self.at)):
            try:
                read()
            except ValueError:
                yield Mistake(f"{key} is not '{getattr(self, key)}'.", (key,),
                              "Write 2026-11-02." if key == "starts" else "Write \"09:00\".")
        if self.every < DAY or self.every % DAY:
            yield Mistake("A turn takes whole days.", ("every",), "Write 7d; shorter turns go into a calendar.")
        if self.zone and self.zone not in available_timezones():
            yield Mistake(f"'{self.zone}' is not a time zone.", ("zone",),
                          nearest(self.zone, available_timezones()) or "Write Europe/Berlin.")

    def zone_of(self, project: ZoneInfo) -> ZoneInfo:
        return ZoneInfo(self.zone) if self.zone else project
