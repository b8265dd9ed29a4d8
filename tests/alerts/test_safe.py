"""What is offered first to somebody who was just woken: cases of the rule."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mlops_tui.alerts.alertstate import Alert, Silence
from mlops_tui.alerts.changes import Change
from mlops_tui.alerts.matching import matchers
from mlops_tui.alerts.safe import Scene, ranked, undone
from tests.conftest import START

HOUR = timedelta(hours=1)
ALERT = Alert("AL-1", "m", "flights-delay", "performance", "high", "auc 0.6", "decay", "oncall", START, START)
SCENE = Scene(ALERT, START + HOUR, "flights-delay", "5", mutes=1)


def promoted(hours: float) -> Change:
    return Change("promotion", "promotion of version 6", START - hours * HOUR, 1)


def words(scene: Scene) -> list[str]:
    return [" ".join(action.argv[:2]) for action in ranked(scene)]


ACK, BACK, OPEN, RUN, REMEDY, HOLD = (
    "alert ack", "promote --rollback", "incident open", "runbook run", "remedy flights-delay", "alert silence")


@pytest.mark.parametrize(("change", "expected"), [
    (SCENE, [ACK, OPEN, RUN, REMEDY, BACK, HOLD]),
    (replace(SCENE, change=promoted(0.2)), [ACK, BACK, OPEN, RUN, REMEDY, HOLD]),
    (replace(SCENE, change=promoted(73)), [ACK, OPEN, RUN, REMEDY, BACK, HOLD]),
    (replace(SCENE, previous=""), [ACK, OPEN, RUN, REMEDY, HOLD]),
    (replace(SCENE, alert=replace(ALERT, severity="low")), [ACK, HOLD, OPEN, RUN, REMEDY, BACK]),
    (replace(SCENE, alert=replace(ALERT, flapping=True)), [ACK, HOLD, OPEN, RUN, REMEDY, BACK]),
    (replace(SCENE, alert=replace(ALERT, state="acked")), [OPEN, RUN, REMEDY, BACK, HOLD]),
    (replace(SCENE, model="", alert=replace(ALERT, check="health")), [ACK, OPEN, RUN, HOLD]),
    (replace(SCENE, incident="INC-1", run="RUN-1"), [ACK, "incident show", "runbook resume", REMEDY, BACK, HOLD]),
    (replace(SCENE, alert=replace(ALERT, state="recovered")), []),
    (replace(SCENE, alert=replace(ALERT, state="resolved")), []),
    (replace(SCENE, alert=replace(ALERT, until=(START + 2 * HOUR).isoformat())), [ACK, OPEN, RUN, REMEDY, BACK]),
])
def test_the_best_comes_first(change: Scene, expected: list[str]) -> None:
    assert words(change) == expected


def test_a_hold_says_how_many_it_mutes_and_a_way_back_to_which_version() -> None:
    labels = {action.argv[0]: action.label for action in ranked(replace(SCENE, mutes=3))}
    assert labels["promote"] == "Back to version 5…"
    assert [action.label for action in ranked(replace(SCENE, mutes=3))][-1] == "Hold 4 h, mutes 3…"


@pytest.mark.parametrize(("alert", "expected"), [
    (ALERT, []),
    (replace(ALERT, owner="bo", state="acked"), [("alert", "unack", "AL-1")]),
    (replace(ALERT, owner="bo"), [("alert", "unack", "AL-1")]),
    (replace(ALERT, until=(START + 2 * HOUR).isoformat()), [("alert", "unsilence", "AL-1")]),
    (replace(ALERT, until=START.isoformat()), []),
    (replace(ALERT, silences=(Silence("SI-2", matchers(["monitor=m"]), START, START + 2 * HOUR, "bo", "x"),)),
     [("alert", "unsilence", "SI-2")]),
    (replace(ALERT, state="resolved"), [("alert", "reopen", "AL-1")]),
])
def test_what_was_pressed_can_be_taken_back(alert: Alert, expected: list[tuple[str, ...]]) -> None:
    assert [action.argv for action in undone(replace(SCENE, alert=alert))] == expected
