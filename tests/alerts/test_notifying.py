"""Who is told of an alert, and told again, on a clock that is moved by hand."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mlops_tui.alerts.alertstate import Alert, Silence
from mlops_tui.alerts.matching import matchers
from mlops_tui.alerts.notifying import due_notifications, next_reminder
from mlops_tui.declarations.alertpolicy import AlertPolicy
from tests.conftest import START

HOUR = timedelta(hours=1)
ALERT = Alert("AL-1", "m", "flights", "drift", "high", "it drifts", "", "", START, START, told_at=START)
AGAIN = {"m": AlertPolicy(repeat=12 * HOUR)}


def told(alert, hours, policies=AGAIN):
    return [(due.to, due.why, due.number) for due in due_notifications([alert], policies, START + hours * HOUR)]


@pytest.mark.parametrize(("hours", "expected"), [
    (0, ("oncall", "fired", 0)), (11.9, ("oncall", "fired", 0)), (12, ("oncall", "repeat", 1)),
    (23.9, ("oncall", "repeat", 1)), (24, ("oncall", "repeat", 2)), (24 * 30, ("oncall", "repeat", 60)),
])
def test_it_is_told_again_while_nobody_is_on_it_and_missed_reminders_are_not_made_up_for(hours, expected):
    assert told(ALERT, hours) == [expected]


@pytest.mark.parametrize("change", [{"state": "acked"}, {"state": "recovered"}, {"state": "resolved"},
                                    {"muted_by": "AL-2"}, {"until": (START + 99 * HOUR).isoformat()}])
def test_nobody_is_told_of_what_is_taken_up_over_or_quiet(change):
    assert told(replace(ALERT, **change), 50) == []


def test_the_owner_goes_before_the_route_and_the_route_before_who_is_on_call():
    assert told(replace(ALERT, route="ana"), 1)[0][0] == "ana"
    assert told(replace(ALERT, route="ana", owner="bo"), 1)[0][0] == "bo"


def test_what_flaps_is_told_once():
    assert told(replace(ALERT, flapping=True, told="flapping"), 50) == [("oncall", "flapping", 0)]
    assert next_reminder(replace(ALERT, flapping=True), AGAIN["m"], START) is None


def test_without_repeat_it_is_told_once_and_with_another_turn_it_is_told_anew():
    [first] = due_notifications([ALERT], {}, START)
    [later] = due_notifications([ALERT], {}, START + 99 * HOUR)
    assert first == later
    [again] = due_notifications([replace(ALERT, told="refired", told_at=START + HOUR)], {}, START + 2 * HOUR)
    assert again.key != first.key


def test_when_a_silence_is_over_it_is_told():
    silence = Silence("SI-1", matchers(["monitor=m"]), START, START + 4 * HOUR, "bo", "the feed moves")
    quiet = replace(ALERT, silences=(silence,))
    assert told(quiet, 3.9) == []
    assert told(quiet, 4) == [("oncall", "fired", 0)]


def test_the_next_reminder_is_the_first_one_to_come():
    assert next_reminder(ALERT, AGAIN["m"], START) == START + 12 * HOUR
    assert next_reminder(ALERT, AGAIN["m"], START + 12 * HOUR) == START + 24 * HOUR
    assert next_reminder(ALERT, AlertPolicy(), START) is None
    assert next_reminder(replace(ALERT, state="acked"), AGAIN["m"], START) is None
