"""The periods of schedules that somebody has claimed: a unique row each, so that every period runs once."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

# Written out once: a timetable asks at every tick, and building the statements took longer than the database.
_NEWEST = text("SELECT max(period) FROM period WHERE schedule = :schedule")  # the end of an index, whatever its length
_CLAIM = text("INSERT INTO period (schedule, period, claimed_at) VALUES (:schedule, :period, :claimed_at)")
_TAKEN = text("SELECT period FROM period WHERE schedule = :schedule")
_TAKE = text(f"{_CLAIM.text} ON CONFLICT DO NOTHING")


class Periods:
    """Who claims first, performs; the database decides between two."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def newest(self, schedules: Iterable[str]) -> dict[str, str]:
        """The newest claimed period of each schedule that has one."""
        found = {}
        with self.engine.connect() as connection:
            for name in schedules:
                if period := connection.execute(_NEWEST, {"schedule": name}).scalar_one():
                    found[name] = str(period)
        return found

    def claim(self, schedule: str, period: str, at: datetime) -> bool:
        """Take the period; False where somebody has it."""
        values = {"schedule": schedule, "period": period, "claimed_at": at.isoformat()}
        try:
            with self.engine.begin() as connection:
                connection.execute(_CLAIM, values)
        except IntegrityError:
            return False
        return True

    def taken(self, schedule: str) -> set[str]:
        """Every period of a schedule that somebody has."""
        with self.engine.connect() as connection:
            return {str(period) for (period,) in connection.execute(_TAKEN, {"schedule": schedule})}

    @staticmethod
    def take(connection: Connection, schedule: str, period: str, at: datetime) -> bool:
        """The same as `claim`, within a transaction that holds what follows from it."""
        values = {"schedule": schedule, "period": period, "claimed_at": at.isoformat()}
        return connection.execute(_TAKE, values).rowcount == 1
