from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_tui.privacy.deadlines import PERIODS, months_later, period


@pytest.mark.parametrize(("law", "received", "due", "extended"), [
    ("gdpr", "2023-03-05", "2023-04-05", "2023-06-05"),  # the example of EDPB 01/2022, 160
    ("gdpr", "2023-08-31", "2023-09-30", "2023-11-30"),  # and of 161: the next month is shorter
    ("gdpr", "2024-01-31", "2024-02-29", "2024-04-30"),  # a leap year
    ("gdpr", "2023-01-31", "2023-02-28", "2023-04-30"),
    ("gdpr", "2023-11-30", "2023-12-30", "2024-02-29"),  # three months from receipt, not two from a cut-off month
    ("gdpr", "2023-12-31", "2024-01-31", "2024-03-31"),
    ("uk-gdpr", "2024-02-29", "2024-03-29", "2024-05-29"),
    ("ccpa", "2024-01-15", "2024-02-29", "2024-04-14"),
    ("ccpa", "2023-01-15", "2023-03-01", "2023-04-15"),
    ("ccpa", "2023-12-31", "2024-02-14", "2024-03-30")])
def test_an_answer_is_due_by_the_day_that_the_law_says(law: str, received: str, due: str, extended: str) -> None:
    day = date.fromisoformat(received)
    assert str(PERIODS[law].due(day)) == due
    assert str(PERIODS[law].due(day, extended=True)) == extended


@pytest.mark.parametrize(("received", "due"), [
    ("2026-01-02", "2026-01-23"), ("2026-01-03", "2026-01-23"), ("2026-01-04", "2026-01-23"),
    ("2026-01-05", "2026-01-26"), ("2024-02-09", "2024-03-01")])
def test_in_california_who_opts_out_waits_for_15_working_days_at_most(received: str, due: str) -> None:
    for right in ("optout-automated", "objection"):
        law = period("ccpa", right)
        assert str(law.due(date.fromisoformat(received))) == due
        assert not law.extends
    assert period("ccpa", "erasure") == PERIODS["ccpa"]
    assert period("gdpr", "objection") == PERIODS["gdpr"]


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(0, 40))
def test_a_month_later_is_that_month_and_never_a_later_day(day: date, months: int) -> None:
    later = months_later(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == day.day or (later.day < day.day and (later + timedelta(days=1)).day == 1)
