"""The batches of one file, told apart by a column of times."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.compute as pc

from mlops_tui.data._batches import Source
from mlops_tui.errors import BadInput
from mlops_tui.profiling import profiles
from mlops_tui.profiling.profiles import Profile
from mlops_tui.quality.calendars import Calendar, Period
from store.quoting import literal, quote
from store.scan import Scan, engine, scan_file


class Rows:
    """The rows of a file by local day and hour."""

    def __init__(self, path: Path, time: str, calendar: Calendar, zone: ZoneInfo | None) -> None:
        connection = engine()
        side = scan_file(path, connection)
        kind = side.field(time).type
        if side.field(time).kind != "time" or kind.startswith("TIME ") or kind == "TIME":
            raise BadInput(f"'{time}' is {kind}, not a time.", where=str(path), next="Name a column of dates or times.")
        aware = "WITH TIME ZONE" in kind
        self.zone = zone if zone is not None and aware else UTC
        moment = f"timezone({literal(str(self.zone))}, {quote(time)})" if aware else quote(time)
        table = quote("rows by day")
        connection.execute(f"CREATE TABLE {table} AS SELECT *, CAST({moment} AS DATE) AS {quote(profiles.DAY)} "
                           f"FROM {side.relation} WHERE {quote(time)} IS NOT NULL ORDER BY {quote(profiles.DAY)}")
        self.side, self.time, self.calendar = Scan(connection, table, str(path), profiles.DAY), time, calendar
        if not self.side.rows:
            raise BadInput(f"No row of '{path.name}' has a '{time}'.", where=str(path))
        self.hours = self._hours(moment)
        self.days = profiles.by_day(self.side) if not calendar.by_hour else {}

    def _hours(self, moment: str) -> Counter[str]:
        """Rows by local hour."""
        counted = pc.value_counts(self.side.arrow(f"strftime(CAST({moment} AS TIMESTAMP), '%Y-%m-%dT%H')"))
        return Counter(dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)))

    def bounds(self) -> tuple[datetime, datetime]:
        """The first midnight and the one after the last row; of hours, the hours themselves."""
        first, last = (datetime.strptime(each, "%Y-%m-%dT%H").replace(tzinfo=self.zone)
                       for each in (min(self.hours), max(self.hours)))
        if self.calendar.by_hour:
            return first, last + timedelta(hours=1)
        return first.replace(hour=0), last.replace(hour=0) + timedelta(days=1)

    def source(self) -> Source:
        return Source(rows=self.rows, profile=self.profile, digest=lambda period: f"{period.start.isoformat()}",
                      left_out=frozenset({self.time}))

    def rows(self, period: Period) -> int | None:
        start, found = period.start, 0
        while start < period.end:
            found += self.hours[start.strftime("%Y-%m-%dT%H")]
            start += timedelta(hours=1)
        return found or None

    def profile(self, period: Period) -> Profile | None:
        last = (period.end - timedelta(microseconds=1)).date()
        parts = [self.days[day] for day in _days(period.day, last) if day in self.days]
        return parts[0] if len(parts) == 1 else profiles.merged(parts) if parts else None


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
