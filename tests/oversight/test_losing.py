"""What decisions cost a day more than before, held against sums by hand."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from scipy.stats import ttest_ind

from mlops_tui.models.matured import matured, window
from mlops_tui.oversight.losing import lost_a_day
from tests.lived import DAYS, Lived


def daily(made: Lived, chosen: np.ndarray) -> np.ndarray:
    """The mean cost of each day's known decisions: 10 for a false alarm, 30 for a miss, at 0.25."""
    yes = made.score >= 0.25
    cost = np.where(yes & (made.late == 0), 10.0, np.where(~yes & (made.late == 1), 30.0, 0.0))
    return np.array([cost[chosen & (made.day == day)].mean() for day in np.unique(made.day[chosen])])


def test_it_is_the_difference_to_the_days_before_by_welch(lived: Callable[..., Lived]) -> None:
    made = lived(shift=-0.3)
    seen = matured(made.session, "trip-delay", window(made.session.now(), timedelta(days=7)))
    found = lost_a_day(made.session, "trip-delay", seen)
    known = (made.late >= 0) & (made.known + 12 <= DAYS * 24)
    now, before = (daily(made, known & part) for part in (made.day >= DAYS - 7, made.day < DAYS - 7))
    a_day = seen.n / now.size
    low, high = ttest_ind(now, before, equal_var=False).confidence_interval()
    assert found is not None
    assert found["value"] == pytest.approx((now.mean() - before.mean()) * a_day)
    assert (found["low"], found["high"]) == pytest.approx((low * a_day, high * a_day))
    assert (found["unit"], found["than"]) == ("EUR", "the 28 days before")
    assert found["low"] > 0


def test_without_days_before_it_is_what_wrong_answers_cost(lived: Callable[..., Lived]) -> None:
    made = lived()
    seen = matured(made.session, "trip-delay", window(made.session.now(), timedelta(days=40)))
    found = lost_a_day(made.session, "trip-delay", seen)
    days = daily(made, (made.late >= 0) & (made.known + 12 <= DAYS * 24))
    assert found is not None
    assert found["value"] == pytest.approx(days.mean() * seen.n / days.size)
    assert found["than"] == "answers that are all right"


def test_a_failing_monitor_says_what_it_costs(lived: Callable[..., Lived]) -> None:
    made = lived(shift=-0.3)
    path = made.session.declared().root / "monitors" / "trip-performance.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("0.7", "0.99"), encoding="utf-8")
    made.session.perform(["performance", "trip-delay", "--monitor", "trip-performance"])
    assert made.session.ledger.entries("finding")[-1].fact.detail["loss_a_day"]["unit"] == "EUR"


def test_a_model_without_a_price_loses_nothing_that_could_be_told(lived: Callable[..., Lived]) -> None:
    made = lived()
    root = made.session.declared().root / "models" / "trip-delay.yaml"
    root.write_text("\n".join(line for line in root.read_text().splitlines() if not line.startswith("value:")) + "\n")
    seen = matured(made.session, "trip-delay", window(made.session.now(), timedelta(days=7)))
    made.session.project = type(made.session.declared())(made.session.declared().root)
    assert lost_a_day(made.session, "trip-delay", seen) is None
