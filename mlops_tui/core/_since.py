"""Days as people say them: yesterday, last week, on 3 Sept, since Monday; taken out of a question."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UNITS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1),
          "month": timedelta(days=30)}
_MONTH = rf"({'|'.join(_MONTHS)})[a-z]*\.?"
_NTH = r"(\d{1,2})(?:st|nd|rd|th)?"
_Form = tuple[re.Pattern[str], Callable[[re.Match[str], date], date]]
_FORMS: tuple[_Form, ...] = (
    (re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b"), lambda f, today: date(int(f[1]), int(f[2]), int(f[3]))),
    (re.compile(rf"\b{_NTH}\s+(?:of\s+)?{_MONTH}(?:\s+(\d{{4}}))?\b"), lambda f, today: _day(f[1], f[2], f[3], today)),
    (re.compile(rf"\b{_MONTH}\s+{_NTH}(?:,?\s+(\d{{4}}))?\b"), lambda f, today: _day(f[2], f[1], f[3], today)),
    (re.compile(r"\b(today|this morning)\b"), lambda f, today: today),
    (re.compile(r"\b(yesterday|last night|overnight|tonight)\b"), lambda f, today: today - timedelta(days=1)),
    (re.compile(r"\b(?:last|past|previous|this) (hour|day|week|month)\b"), lambda f, today: today - _UNITS[f[1]]),
    (re.compile(r"\b(?:(?:last|past|previous) )?(\d{1,3}) (hour|day|week|month)s?(?: ago)?\b"),
     lambda f, today: today - int(f[1]) * _UNITS[f[2]]),
    (re.compile(rf"\b(?:last )?({'|'.join(_DAYS)})(?:day|sday|nesday|rsday|urday)\b"),
     lambda f, today: today - timedelta(days=(today.weekday() - _DAYS.index(f[1])) % 7 or 7)))
_LEADING = r"(?:\b(since|from|on|as of|at|in|during|over|for|until|by|within)\s+)?(?:the\s+)?"


@dataclass(frozen=True)
class When:
    """A day that was named, and the word before it: `since`, `on`, or nothing."""

    day: date
    how: str

    def days(self, now: datetime) -> int:
        """How many days ago it began, at least one."""
        return max((now.date() - self.day).days, 1)


def when(text: str, now: datetime) -> tuple[str, When | None]:
    """The question with `_day_` in place of the first day it names, and that day; `now` is local.

    A day and month without a year is the last one that has been. A day that there is not is none.

    >>> when("what changed since 3 sept", datetime(2013, 9, 14))
    ('what changed _day_', When(day=datetime.date(2013, 9, 3), how='since'))
    """
    for form, day in _FORMS:
        found = re.search(rf"{_LEADING}{form.pattern}", text)
        if found is None:
            continue
        inner = form.search(found[0])
        assert inner is not None
        try:
            said = When(day(inner, now.date()), found[1] or "")
        except ValueError:
            continue
        return re.sub(r"\s+", " ", f"{text[:found.start()]}_day_{text[found.end():]}").strip(), said
    return text, None


def _day(number: str, month: str, year: str | None, today: date) -> date:
    given = date(int(year or today.year), _MONTHS.index(month) + 1, int(number))
    return given if year or given <= today else given.replace(year=today.year - 1)
