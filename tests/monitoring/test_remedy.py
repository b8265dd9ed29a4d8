"""Remedies are charged with what their mistakes cost, on days that none of them has seen."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from mlops_tui.analysis.recalibration import RECALIBRATORS
from mlops_tui.monitoring.remedy import Option
from mlops_tui.monitoring.remedy import _actions as remedy_actions
from mlops_tui.view import Row, Text
from tests.lived import DAYS, Lived

HIT, MISS, FALSE_ALARM = 0.0, 30.0, 10.0


def by_name(rows: tuple[Row, ...]) -> dict[str, Row]:
    return {str(row["remedy"]): row for row in rows}


def test_doing_nothing_costs_what_its_mistakes_cost(lived: Callable[..., Lived]) -> None:
    made = lived(shift=0.15)
    view = made.session.perform(["remedy", "trip-delay", "--window", "20d"]).view
    row = by_name(view.table("remedies").rows)["do nothing"]
    known = (made.late >= 0) & (made.known + 12 <= DAYS * 24) & (made.leaves >= (DAYS - 20) * 24)
    days = np.unique(made.day[known])
    judging = known & np.isin(made.day, days[len(days) // 2:])
    flagged, late = made.score[judging] >= 0.25, made.late[judging] == 1
    cost = np.where(flagged, np.where(late, HIT, FALSE_ALARM), np.where(late, MISS, 0.0))
    a_day = np.array([cost[made.day[judging] == day].sum() for day in np.unique(made.day[judging])])
    assert row["cost_a_day"] == pytest.approx(a_day.mean())
    low, high = stats.t.interval(0.95, a_day.size - 1, a_day.mean(), stats.sem(a_day))
    assert (row["low"], row["high"]) == (pytest.approx(low), pytest.approx(high))
    assert row["n"] == int(judging.sum())


def test_after_a_label_shift_a_correction_beats_doing_nothing(lived: Callable[..., Lived]) -> None:
    made = lived(shift=0.18)
    rows = by_name(made.session.perform(["remedy", "trip-delay", "--window", "10d"]).view.table("remedies").rows)
    saved = rows["recalibrate"]["saves"]
    assert isinstance(saved, float)
    assert saved > 0


def test_the_threshold_is_not_learned_on_the_rows_that_judge_it(lived: Callable[..., Lived]) -> None:
    made = lived()
    view = made.session.perform(["remedy", "trip-delay", "--window", "20d"]).view
    assert str(view.facts()["judged_from"]) > "2013-08-31"


def test_what_cannot_be_judged_says_why(lived: Callable[..., Lived]) -> None:
    rows = by_name(lived().session.perform(["remedy", "trip-delay", "--window", "20d"]).view.table("remedies").rows)
    assert rows["retrain"]["cost_a_day"] is None
    assert rows["retrain"]["detail"] == "no challenger is trained yet"


@pytest.mark.parametrize(("length", "words"), [("3d", "6 are needed"), ("never", "is not a duration")])
def test_too_short_a_window_is_refused(lived: Callable[..., Lived], length: str, words: str) -> None:
    outcome = lived().session.perform(["remedy", "trip-delay", "--window", length])
    assert outcome.exit == 2
    assert words in str(outcome.error)


def test_a_model_without_worth_is_refused(lived: Callable[..., Lived]) -> None:
    made = lived()
    path = made.session.declared().root / "models" / "trip-delay.yaml"
    path.write_text("\n".join(line for line in path.read_text(encoding="utf-8").splitlines()
                              if not line.startswith("value:")), encoding="utf-8")
    outcome = made.session.perform(["remedy", "trip-delay"])
    assert outcome.exit == 2
    assert "false_alarm" in str(outcome.error)


def test_the_cheapest_comes_first_and_says_how_it_is_done(lived: Callable[..., Lived]) -> None:
    view = lived(shift=0.18).session.perform(["remedy", "trip-delay", "--window", "10d"]).view
    best = str(view.facts()["cheapest"])
    assert best in ("move the threshold", "correct the prior", "recalibrate")
    [said] = [part.body for part in view.parts if isinstance(part, Text)]
    assert said.startswith(f"To {best}: ")
    assert "models/trip-delay.yaml" in said


def test_remedies_that_a_command_begins_are_offered_by_what_they_cost() -> None:
    def row(name: str, cost: float | None, saves: float | None) -> Row:
        return {"remedy": name, "cost_a_day": cost, "saves": saves}

    options = [Option("do nothing", None, ""), Option("retrain", None, "", ("promote", "m@3")),
               Option("fall back", None, "", ("promote", "--rollback", "m"))]
    rows = [row("do nothing", 100.0, 0.0), row("retrain", 120.0, -20.0), row("fall back", 90.0, 10.0)]
    assert [(action.label, action.argv) for action in remedy_actions(rows, options, "EUR")] == [
        ("Fall back, saves 10 EUR a day", ("promote", "--rollback", "m")),
        ("Retrain, costs 20 EUR a day more", ("promote", "m@3"))]
    rows[2] = row("fall back", None, None)
    assert [action.label for action in remedy_actions(rows, options, "EUR")] == [
        "Retrain, costs 20 EUR a day more", "Fall back"]


def test_the_recalibration_is_the_one_that_a_model_can_be_trained_with(lived: Callable[..., Lived]) -> None:
    """Its name is a value of `calibrate:`, and it was chosen on the learning rows alone."""
    view = lived(shift=0.18).session.perform(["remedy", "trip-delay", "--window", "20d"]).view
    detail = str(by_name(view.table("remedies").rows)["recalibrate"]["detail"])
    assert detail.split(",")[0] in RECALIBRATORS


def test_honest_scores_are_not_said_to_need_a_recalibration(lived: Callable[..., Lived]) -> None:
    view = lived().session.perform(["remedy", "trip-delay", "--window", "20d"]).view
    detail = str(by_name(view.table("remedies").rows)["recalibrate"]["detail"])
    assert "not surely better" in detail or detail.startswith("no recalibration lowers")


def test_bounds_of_what_is_saved_hold_together_for_all_remedies(lived: Callable[..., Lived]) -> None:
    """Student's t of the paired daily differences, at 1 − 0.05/k for the k remedies that were judged."""
    made = lived(shift=0.18)
    view = made.session.perform(["remedy", "trip-delay", "--window", "20d"]).view
    rows = by_name(view.table("remedies").rows)
    judged = [row for name, row in rows.items() if row["saves"] is not None and name != "do nothing"]
    assert f"for {len(judged)} remedies" in str(view.facts()["method"])
    known = (made.late >= 0) & (made.known + 12 <= DAYS * 24) & (made.leaves >= (DAYS - 20) * 24)
    days = np.unique(made.day[known])
    judging = known & np.isin(made.day, days[len(days) // 2:])
    moved = float(str(rows["move the threshold"]["detail"]).rpartition(" ")[2])
    late = made.late[judging] == 1
    saved = np.zeros(late.size)
    for sign, threshold in ((1, 0.25), (-1, moved)):
        flagged = made.score[judging] >= threshold
        saved += sign * np.where(flagged, np.where(late, HIT, FALSE_ALARM), np.where(late, MISS, 0.0))
    a_day = np.array([saved[made.day[judging] == day].sum() for day in np.unique(made.day[judging])])
    row = rows["move the threshold"]
    assert row["saves"] == pytest.approx(a_day.mean(), abs=15)  # the threshold is shown to three digits
    wide = stats.t.ppf(1 - 0.025 / len(judged), a_day.size - 1) / stats.t.ppf(0.975, a_day.size - 1)
    low, high = stats.t.interval(0.95, a_day.size - 1, 0, stats.sem(a_day))
    assert float(str(row["saves_high"])) - float(str(row["saves_low"])) == pytest.approx((high - low) * wide, rel=0.1)


def test_the_remedy_picked_on_some_days_is_held_against_later_ones(lived: Callable[..., Lived]) -> None:
    view = lived(shift=0.18).session.perform(["remedy", "trip-delay", "--window", "20d"]).view
    assert any(part.body.startswith("Picked on the older half of the judged days, '") and "days after" in part.body
               for part in view.parts if isinstance(part, Text))


def test_what_is_not_sure_is_said_so_in_the_title(lived: Callable[..., Lived]) -> None:
    outcome = lived().session.perform(["remedy", "trip-delay", "--window", "20d"])
    rows = by_name(outcome.view.table("remedies").rows)
    sure = [name for name, row in rows.items() if row["sure"]]
    assert ("saves" in outcome.view.title and "No remedy" not in outcome.view.title) == bool(sure)


def test_a_window_of_the_past_is_judged_as_such_and_is_no_evidence_of_now(lived: Callable[..., Lived]) -> None:
    made = lived(shift=0.18)
    view = made.session.perform(["remedy", "trip-delay", "--window", "12d", "--to", "2013-09-04"]).view
    assert str(view.facts()["judged_to"]) == "2013-09-03"
    assert [action.argv for action in view.actions] == [("remedy", "trip-delay")]
    assert made.session.ledger.entries("finding")[-1].fact.declaration == ""  # type: ignore[attr-defined]
    refused = made.session.perform(["remedy", "trip-delay", "--to", "2014-01-01"])
    assert refused.exit == 2
    assert "yet to come" in str(refused.error)
