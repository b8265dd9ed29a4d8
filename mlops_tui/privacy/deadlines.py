"""By which day a person's request must be answered, by jurisdiction.

Where the law lets a period that ends on a day of rest end on the next working day, the earlier day is given here; of
days of rest it knows Saturdays and Sundays alone, which makes a period of working days rather too short than too long.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Period:
    """How long there is, and how much longer where that is said within it; `source` is the law."""

    source: str
    months: int = 0
    days: int = 0
    more_months: int = 0
    more_days: int = 0
    working_days: int = 0

    @property
    def extends(self) -> bool:
        """Whether the law gives a longer time at all."""
        return bool(self.more_months or self.more_days)

    def due(self, received: date, *, extended: bool = False) -> date:
        """The last day for an answer to what was received on a day."""
        months, days = (self.months, self.days) if not extended else (
            self.months + self.more_months, self.days + self.more_days)
        return working_days_later(months_later(received, months) + timedelta(days=days), self.working_days)


PERIODS = {
    "gdpr": Period("GDPR Art. 12(3): one calendar month, two more", months=1, more_months=2),
    "uk-gdpr": Period("UK GDPR Art. 12(3): one calendar month, two more", months=1, more_months=2),
    "ccpa": Period("CCPA § 1798.130(a)(2)(A): 45 days, 45 more", days=45, more_days=45),
}
OPT_OUT = Period("CCPA regulations, 11 CCR §§ 7026(f), 7027(g), 7221: 15 working days, no more", working_days=15)


def period(jurisdiction: str, right: str) -> Period:
    """How long there is for a right; California wants opting out done sooner than the answer to another request."""
    return OPT_OUT if jurisdiction == "ccpa" and right in ("objection", "optout-automated") else PERIODS[jurisdiction]


def working_days_later(day: date, days: int) -> date:
    """The day that so many working days end on, of which the first is the one after that day.

    >>> str(working_days_later(date(2026, 1, 2), 15))  # a Friday
    '2026-01-23'
    """
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return day


def months_later(day: date, months: int) -> date:
    """The same day of a later month; its last day where it is shorter (EDPB guidelines 01/2022, 159-161).

    >>> str(months_later(date(2024, 1, 31), 1)), str(months_later(date(2023, 12, 31), 2))
    ('2024-02-29', '2024-02-29')
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
