"""Who is told of an alert, and told again, on a clock that is moved by hand."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mlops_tui.alerts.alertstate import Alert, Silence
from mlops_tui.alerts.matching import matchers
from mlops_tui.alerts.notifying import due_notifications, next_reminder, upcoming
from mlops_tui.declarations.alertpolicy import AlertPolicy, Escalation
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


def test_what_fires_again_is_for_whom_the_rule_names_as_well_as_for_who_had_it_the_last_time():
    again = replace(ALERT, route="pager", owner="bo", told="refired", told_at=START + HOUR)
    assert told(again, 2) == [("bo", "refired", 0), ("pager", "refired", 0)]
    assert [to for to, _, _ in told(again, 14)] == ["bo", "pager"]
    assert [to for to, _, _ in told(replace(again, owner="pager"), 2)] == ["pager"]


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


STEPS = AlertPolicy(repeat=12 * HOUR, escalate=(Escalation(HOUR / 4, "secondary"), Escalation(HOUR, "pager")))


@pytest.mark.parametrize(("hours", "expected"), [
    (0, []), (0.24, []), (0.25, ["secondary"]), (0.99, ["secondary"]), (1, ["secondary", "pager"]),
    (99, ["secondary", "pager"])])
def test_while_nobody_is_on_it_the_next_are_told_each_once(hours, expected):
    found = [due for due in told(ALERT, hours, {"m": STEPS}) if due[1] == "escalated"]
    assert [to for to, _, _ in found] == expected
    keys = {due.key for at in (hours, hours + 50) for due in due_notifications([ALERT], {"m": STEPS}, START + at * HOUR)
            if due.why == "escalated" and due.to in expected}
    assert len(keys) == len(expected), "whoever sends keeps the keys"


@pytest.mark.parametrize("change", [{"state": "acked"}, {"state": "resolved"},
                                    {"until": (START + 99 * HOUR).isoformat()}])
def test_nobody_is_told_next_of_what_somebody_has_taken_up(change):
    assert told(replace(ALERT, **change), 50, {"m": STEPS}) == []


def test_what_fires_again_begins_with_the_first_again():
    again = replace(ALERT, told="refired", told_at=START + 2 * HOUR)
    assert [to for to, _, _ in told(again, 2.1, {"m": STEPS})] == ["oncall"]


def test_what_comes_next_is_told_in_its_order():
    def after(hours, **change):
        found = upcoming(replace(ALERT, **change), STEPS, START + hours * HOUR)
        return [((at - START) / HOUR, due.to) for at, due in found]

    assert after(0) == [(0.25, "secondary"), (1, "pager"), (12, "oncall")]
    assert after(0.5) == [(1, "pager"), (12, "oncall")]
    assert after(12) == [(24, "oncall")]
    assert after(0, state="acked") == []
    assert upcoming(ALERT, None, START) == []


def test_the_next_reminder_is_the_first_one_to_come():
    assert next_reminder(ALERT, AGAIN["m"], START) == START + 12 * HOUR
    assert next_reminder(ALERT, AGAIN["m"], START + 12 * HOUR) == START + 24 * HOUR
    assert next_reminder(ALERT, AlertPolicy(), START) is None
    assert next_reminder(replace(ALERT, state="acked"), AGAIN["m"], START) is None
