"""Late outcomes as they are seen: days and shares as written, and what is expected of the rest."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sklearn.metrics import roc_auc_score

from mlops_tui.analysis.cbpe import Estimate
from mlops_tui.monitoring._expected import estimates
from mlops_tui.monitoring._waiting import Outlook, Row
from mlops_tui.render.cells import number
from mlops_tui.session import ReplayClock
from mlops_tui.view import Column, Series, Table, Text, View
from tests.lived import DAYS, FIRST, Lived


def series(view: View, id: str) -> Series:
    return next(part for part in view.parts if isinstance(part, Series) and part.id == id)


def test_the_days_are_the_ones_that_were_written(lived: Callable[..., Lived]) -> None:
    made = lived()
    view = made.session.perform(["maturity", "trip-delay", "--days", "3"]).view
    now = DAYS * 24.0
    rows = {str(row["day"]): row for row in view.table("cohorts").rows}
    assert list(rows) == ["2013-09-13", "2013-09-12", "2013-09-11"]
    newest = (made.day == DAYS - 1) & (made.leaves < now)
    known = newest & (made.known + 12 <= now)
    assert (rows["2013-09-13"]["n"], rows["2013-09-13"]["known"]) == (int(newest.sum()), int(known.sum()))
    assert rows["2013-09-13"]["mature"] is False
    assert rows["2013-09-11"]["mature"] is True
    share = number(float(str(rows["2013-09-13"]["share"])), Column("share", share=True))
    assert f"2013-09-13 are {share} in" in view.title, "rounded as the table does"
    assert "nearly all by 14 Sep" in view.title


def test_what_the_missing_could_make_of_a_day_holds_what_came(lived: Callable[..., Lived]) -> None:
    made = lived()
    row = made.session.perform(["maturity", "trip-delay"]).view.table("cohorts").rows[0]
    later = (made.day == DAYS - 1) & (made.late >= 0)
    auc = roc_auc_score(made.late[later], made.score[later])
    assert float(str(row["auc_worst"])) <= auc <= float(str(row["auc_best"]))
    assert float(str(row["share_least"])) <= made.late[later].mean() <= float(str(row["share_most"]))


def test_the_curve_ends_at_the_share_that_ever_gets_an_outcome(lived: Callable[..., Lived]) -> None:
    view = lived().session.perform(["maturity", "trip-delay"]).view
    curve = series(view, "maturity")
    shares = [float(str(each)) for each in curve.y]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(0.95, abs=0.02)
    assert 12 < float(str(view.facts()["half_in_after_h"])) < 21


def test_open_days_are_expected_from_scores_with_their_past_error(lived: Callable[..., Lived]) -> None:
    made = lived()
    for words in (["maturity", "trip-delay"], ["performance", "trip-delay"]):
        view = made.session.perform(words).view
        table = view.table("estimates")
        rows = {str(row["metric"]): row for row in table.rows}
        assert "2013-09-13" in table.title
        assert float(str(rows["roc_auc"]["low"])) < float(str(rows["roc_auc"]["expected"])) < 1
        assert float(str(rows["roc_auc"]["past_error"])) > 0.01
        open_day = made.day == DAYS - 1
        assert abs(float(str(rows["share"]["expected"])) - made.score[open_day].mean()) < 0.06
        drawn = series(view, "auc_by_day")
        assert drawn.other[-1] is None
        assert drawn.other[-3] is not None


def test_a_monitor_judges_outcomes_alone(lived: Callable[..., Lived]) -> None:
    view = lived().session.perform(["performance", "trip-delay", "--monitor", "trip-performance"]).view
    assert "estimates" not in {part.id for part in view.parts if isinstance(part, Table)}


def told(view: View) -> str:
    return " ".join(part.body for part in view.parts if isinstance(part, Text))


def test_scores_that_say_nothing_give_no_estimate(lived: Callable[..., Lived]) -> None:
    view = lived(shift=0.9).session.perform(["maturity", "trip-delay"]).view  # of the last ten days nothing is late
    assert "Nothing is expected of 2013-09-13: the scores say too little of outcomes" in told(view)
    assert "estimates" not in {part.id for part in view.parts if isinstance(part, Table)}


def test_scores_whose_meaning_moved_a_little_give_one_that_is_doubted(lived: Callable[..., Lived]) -> None:
    view = lived(shift=0.12).session.perform(["maturity", "trip-delay"]).view
    assert "Doubt it: in the last 14 windows share was expected 0.0" in told(view)
    assert "too high" in told(view)
    assert view.table("estimates").rows


@pytest.mark.parametrize(("held", "narrow"), [(103, True), (110, False)])
def test_bounds_that_held_less_often_than_they_say_are_told(held: int, narrow: bool) -> None:
    """103 of 115 windows are surely fewer than 95 %; 110 are 95.7 %."""
    found = Row("brier", Estimate(0.15, 0.14, 0.16, 0.004, 115), held, 115, None, 0.002)
    said = " ".join(part.body for part in estimates(Outlook((found,), ("2013-09-13",))) if isinstance(part, Text))
    assert (f"those of brier held what came in {held} of 115 past windows, not in 95 %" in said) is narrow


@pytest.mark.parametrize(("argv", "words"), [
    (["maturity", "trip-dely"], "Did you mean 'trip-delay'?"), (["maturity", "flights-delay"], "no data yet")])
def test_what_cannot_be_shown_says_why(lived: Callable[..., Lived], argv: list[str], words: str) -> None:
    outcome = lived().session.perform(argv)
    assert outcome.exit == 2
    assert words in str(outcome.error)


def test_long_after_the_last_prediction_it_says_so(lived: Callable[..., Lived], clock: ReplayClock) -> None:
    made = lived()
    clock.advance(FIRST + timedelta(days=DAYS + 300))
    outcome = made.session.perform(["maturity", "trip-delay"])
    assert outcome.exit == 2
    assert "predicted nothing in the 120 days before now" in str(outcome.error)
