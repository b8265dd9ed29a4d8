"""The periods of schedules that somebody has claimed: a unique row each, so that every period runs once."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from store.rows import PeriodRow


class Periods:
    """Who claims first, performs; the database decides between two."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def newest(self, schedules: Iterable[str]) -> dict[str, str]:
        """The newest claimed period of each schedule that has one."""
        found = {}
        with self.engine.connect() as connection:
            for name in schedules:  # one by one, so that each reads the end of the index and no more
                newest = select(func.max(col(PeriodRow.period))).where(col(PeriodRow.schedule) == name)
                if period := connection.execute(newest).scalar_one():
                    found[name] = str(period)
        return found

    def claim(self, schedule: str, period: str, at: datetime) -> bool:
        """Take the period; False where somebody has it."""
        values = {"schedule": schedule, "period": period, "claimed_at": at.isoformat()}
        try:
            with self.engine.begin() as connection:
                connection.execute(insert(PeriodRow).values(**values))
        except IntegrityError:
            return False
        return True
