"""Alerts follow from findings by their policy: every short history against a reading of the rules in words."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from mlops_tui import folds
from mlops_tui.alerts.reactions import fires, react
from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.declare import OutOf, Within
from mlops_tui.declarations.kinds import Monitor
from store.facts import AlertEvent, Finding


def monitors(k=1, n=1, **more):
    return {"m": Monitor(check="drift", subject="model", alert=AlertPolicy(after=OutOf(k, n), severity="high", **more))}


def finding(status, monitor="m"):
    return Finding(subject="model", check="drift", status=status, title=f"it is {status}", monitor=monitor)


def in_words(statuses, k, n):
    """What should happen after each finding: the rules, told once more and without looking at the code."""
    alert, judged, happened = None, [], []
    for status in statuses:
        step = None
        if status != "unknown":
            judged.append(status)
            last = judged[-n:]
            enough = sum(each == "fail" for each in last) >= k
            if status == "fail" and enough and alert in (None, "recovered"):
                step, alert = ("fired" if alert is None else "refired"), "firing"
            elif alert == "firing" and len(last) == n and "fail" not in last:
                step, alert = "recovered", "recovered"
        happened.append(step)
    return happened


@pytest.mark.parametrize(("k", "n"), [(1, 1), (1, 2), (2, 2), (2, 3)])
def test_every_short_history_follows_the_policy(history, k, n):
    for statuses in product(("pass", "warn", "fail", "unknown"), repeat=5):
        history.entries.clear()
        happened = []
        for status in statuses:
            since = len(history.entries)
            history.add(finding(status))
            steps = react(monitors(k, n), history.entries, since, history.now)
            happened.append(steps[0].event if steps else None)
            assert len(steps) <= 1
            history.add(*steps)
            assert react(monitors(k, n), history.entries, 0, history.now) == [], "asked again, nothing more follows"
        assert happened == in_words(statuses, k, n), statuses


@pytest.mark.parametrize(("k", "n"), [(1, 1), (2, 3)])
def test_many_findings_at_once_lead_to_the_same_alerts(history, k, n):
    for statuses in product(("pass", "fail"), repeat=5):
        history.entries.clear()
        history.add(*(finding(status) for status in statuses))
        events = [step.event for step in react(monitors(k, n), history.entries, 0, history.now)]
        assert events == [step for step in in_words(statuses, k, n) if step]


def test_an_alert_carries_what_a_person_needs(history):
    history.add(finding("pass"), finding("fail"))
    [fired] = react(monitors(runbook="data-drift", route="oncall"), history.entries, 0, history.now)
    assert fired == AlertEvent(subject="AL-1", event="fired", monitor="m", about="model", check="drift",
                               severity="high", title="it is fail", runbook="data-drift", route="oncall", finding=2)


def test_two_monitors_fire_under_two_numbers(history):
    both = {name: monitors()["m"] for name in ("m", "other")}
    history.add(finding("fail"), finding("fail", "other"))
    assert [step.subject for step in react(both, history.entries, 0, history.now)] == ["AL-1", "AL-2"]


def test_after_a_person_closed_it_counting_begins_anew(history):
    two = monitors(2, 2)
    history.add(finding("fail"), finding("fail"))
    history.add(*react(two, history.entries, 0, history.now))
    history.add(AlertEvent(subject="AL-1", event="resolved", real=False))
    assert react(two, history.entries, 0, history.now) == [], "what was closed does not fire again by itself"
    history.add(finding("fail"))
    assert react(two, history.entries, 4, history.now) == []
    history.add(finding("fail"))
    [fired] = react(two, history.entries, 5, history.now)
    assert (fired.subject, fired.event) == ("AL-2", "fired")


def test_an_acked_alert_recovers_and_fires_again_under_its_own_number(history):
    history.add(finding("fail"))
    history.add(*react(monitors(), history.entries, 0, history.now))
    history.add(AlertEvent(subject="AL-1", event="acked"), finding("pass"))
    history.add(*react(monitors(), history.entries, 3, history.now))
    assert folds.alerts(history.entries)["AL-1"].state == "recovered"
    history.add(finding("fail"))
    history.add(*react(monitors(), history.entries, 5, history.now))
    again = folds.alerts(history.entries)["AL-1"]
    assert (again.state, again.fired) == ("firing", 2)


def test_a_monitor_without_a_policy_wakes_nobody(history):
    silent = {"m": Monitor(check="drift", subject="model")}
    history.add(finding("fail"), finding("fail", "undeclared"))
    assert react(silent, history.entries, 0, history.now) == []


# -- when a rule would have fired ---------------------------------------------------------------------------------

DAY = datetime(2013, 9, 1, tzinfo=UTC)


def points(statuses, every=timedelta(hours=6)):
    """Letters as points, `every` apart: f(ail), p(ass), w(arn), u(nknown)."""
    words = {"f": "fail", "p": "pass", "w": "warn", "u": "unknown"}
    return [(DAY + number * every, words[letter]) for number, letter in enumerate(statuses)]


def turned(policy, statuses):
    return [(turn.place, turn.event) for turn in fires(policy, points(statuses))]


@pytest.mark.parametrize(("k", "n"), [(1, 1), (1, 2), (2, 2), (2, 3)])
def test_a_rule_fires_over_points_as_it_does_over_findings(k, n):
    for statuses in product("pwfu", repeat=5):
        words = [{"f": "fail", "p": "pass", "w": "warn", "u": "unknown"}[letter] for letter in statuses]
        told = [(place, event) for place, event in enumerate(in_words(words, k, n)) if event]
        assert turned(AlertPolicy(after=OutOf(k, n)), statuses) == told


@pytest.mark.parametrize(("statuses", "told"), [
    ("fpfpfp", [(0, "fired"), (1, "recovered"), (2, "refired"), (3, "recovered"), (4, "flapping")]),
    ("fpfpfpfpfpp", [(0, "fired"), (1, "recovered"), (2, "refired"), (3, "recovered"), (4, "flapping")]),
    ("fpfpfpfpfp" + "p" * 7, [(0, "fired"), (1, "recovered"), (2, "refired"), (3, "recovered"), (4, "flapping")]),
    ("fpfpfpfpfp" + "p" * 8, [(0, "fired"), (1, "recovered"), (2, "refired"), (3, "recovered"), (4, "flapping"),
                              (17, "recovered")]),
    ("fpfpf" + "f" * 8, [(0, "fired"), (1, "recovered"), (2, "refired"), (3, "recovered"), (4, "flapping"),
                         (12, "refired")]),
    ("fpfp" + "p" * 6 + "fp", [(0, "fired"), (1, "recovered"), (2, "refired"), (3, "recovered"), (10, "refired"),
                               (11, "recovered")]),
])
def test_what_fires_three_times_in_two_days_flaps_until_it_is_calm_for_two(statuses, told):
    assert turned(AlertPolicy(flap=Within(3, timedelta(days=2))), statuses) == told


def test_a_flapping_that_is_over_may_begin_again():
    policy = AlertPolicy(flap=Within(2, timedelta(days=1)))
    events = [event for _, event in turned(policy, "fpf" + "p" * 6 + "fpf")]
    assert events == ["fired", "recovered", "flapping", "recovered", "refired", "recovered", "flapping"]


def test_no_points_fire_nothing():
    assert fires(AlertPolicy(), []) == []
    assert fires(AlertPolicy(after=OutOf(1, 3)), points("uuuu")) == []
