"""Which alerts wait behind another, which may page, and that none is ever lost: on a clock moved by hand."""

import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_tui.alerts import alertstate
from mlops_tui.alerts.muting import LONGEST, PATIENCE
from mlops_tui.alerts.reactions import Around, react
from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.declare import OutOf, Within
from mlops_tui.declarations.kinds import Monitor
from store.facts import AlertEvent, Backtested, Finding
from tests.conftest import START, History

HOUR = timedelta(hours=1)
RULE = AlertPolicy(severity="high")
MONITORS = {"weather-health": Monitor("health", "weather", alert=RULE), "drift": Monitor("drift", "model", alert=RULE),
            "skill": Monitor("performance", "model", alert=RULE)}
FEEDS = {"model": {"weather", "flights"}}
AROUND = Around(feeds=lambda name: FEEDS.get(name, ()))


@dataclass
class World:
    """A history in which every finding is reacted to at once."""

    history: History
    monitors: dict
    around: Around = AROUND

    def found(self, monitor, status, after=HOUR, **more):
        declared = self.monitors[monitor]
        return self.happens(Finding(subject=declared.subject, check=declared.check, status=status, monitor=monitor,
                                    title=f"{monitor} is {status}", **more), after)

    def happens(self, fact, after=HOUR):
        since = len(self.history.entries)
        self.history.add(fact, after=after)
        steps = react(self.monitors, self.history.entries, since, self.history.now, self.around)
        self.history.add(*steps, after=timedelta(0))
        assert react(self.monitors, self.history.entries, 0, self.history.now, self.around) == [], "asked again"
        return [(step.subject, step.event) for step in steps]

    def standing(self):
        return {each.monitor: each.standing(self.history.now)
                for each in alertstate.alerts(self.history.entries).values() if each.open}


@pytest.fixture
def world(history):
    return World(history, dict(MONITORS))


def test_a_late_table_mutes_what_is_made_from_it_until_it_has_looked_again(world):
    assert world.found("weather-health", "fail") == [("AL-1", "fired")]
    assert world.found("drift", "fail") == [("AL-2", "fired"), ("AL-2", "muted")]
    alert = alertstate.alerts(world.history.entries)["AL-2"]
    assert (alert.muted_by, alert.muted_why) == ("AL-1", "AL-1: weather-health is fail")
    assert alert.quiet(world.history.now)
    assert world.found("weather-health", "pass") == [("AL-1", "recovered")]
    assert world.standing() == {"weather-health": "recovered", "drift": "muted"}, "it has not looked since"
    assert world.found("drift", "fail") == [("AL-2", "unmuted")]
    after = alertstate.alerts(world.history.entries)["AL-2"]
    assert (after.standing(world.history.now), after.told) == ("firing", "unmuted")


def test_what_went_with_the_late_table_wakes_nobody(world):
    world.found("weather-health", "fail")
    world.found("drift", "fail")
    world.found("weather-health", "pass")
    assert world.found("drift", "pass") == [("AL-2", "recovered")]


def test_it_waits_no_longer_than_a_day_for_a_look(world):
    world.found("weather-health", "fail")
    world.found("drift", "fail")
    world.found("weather-health", "pass")
    assert world.found("weather-health", "pass", PATIENCE - HOUR) == []
    assert world.found("weather-health", "pass") == [("AL-2", "unmuted")]


def test_a_cause_that_never_ends_hides_nothing_for_ever_whether_somebody_took_it_up_or_not(world):
    world.found("weather-health", "fail")
    world.found("drift", "fail")
    world.happens(AlertEvent(subject="AL-1", event="acked", who="bo"))
    assert world.found("drift", "fail", after=LONGEST - 4 * HOUR) == []
    assert world.standing() == {"weather-health": "acked", "drift": "muted"}
    assert world.found("drift", "fail", after=4 * HOUR) == [("AL-2", "unmuted")]
    assert world.found("drift", "fail", after=-9 * HOUR) in ([], [("AL-2", "muted")]), "a clock went back: once at most"
    assert world.standing()["drift"] in ("firing", "muted")


def test_a_cause_that_comes_later_mutes_too_and_never_the_other_way_round(world):
    assert world.found("drift", "fail") == [("AL-1", "fired")]
    assert world.found("weather-health", "fail") == [("AL-2", "fired"), ("AL-1", "muted")]
    assert world.standing()["weather-health"] == "firing"


def test_what_somebody_is_on_is_not_muted(world):
    world.found("drift", "fail")
    world.happens(AlertEvent(subject="AL-1", event="acked"))
    assert world.found("weather-health", "fail") == [("AL-2", "fired")]


def test_a_cause_that_people_closed_is_over(world):
    world.found("weather-health", "fail")
    world.found("drift", "fail")
    world.happens(AlertEvent(subject="AL-1", event="resolved", real=True))
    assert world.found("drift", "fail") == [("AL-2", "unmuted")]


@pytest.mark.parametrize("policy", [replace(RULE, inhibit=False), None])
def test_a_rule_that_does_not_wait_is_heard_at_once(world, policy):
    world.found("weather-health", "fail")
    world.found("drift", "fail")
    world.monitors["drift"] = replace(world.monitors["drift"], alert=policy)
    assert world.found("weather-health", "fail") == [("AL-2", "unmuted")]


def test_a_cause_whose_rule_is_gone_mutes_nothing(world):
    world.found("weather-health", "fail")
    del world.monitors["weather-health"]
    assert world.found("drift", "fail") == [("AL-2", "fired")]


def test_of_two_late_tables_the_one_farther_up_mutes_and_the_other_takes_over(world):
    feeds = {"model": {"clean", "weather"}, "clean": {"weather"}}
    world.around = Around(feeds=lambda name: feeds.get(name, ()))
    world.monitors["clean-health"] = Monitor("health", "clean", alert=RULE)
    world.found("weather-health", "fail")
    assert world.found("clean-health", "fail") == [("AL-2", "fired"), ("AL-2", "muted")]
    world.found("drift", "fail")
    assert alertstate.alerts(world.history.entries)["AL-3"].muted_by == "AL-1"
    assert ("AL-3", "muted") in world.found("weather-health", "pass"), "clean is late still"
    assert alertstate.alerts(world.history.entries)["AL-3"].muted_by == "AL-2"


def test_two_tables_made_from_each_other_mute_nothing(world):
    feeds = {"a": {"b"}, "b": {"a"}}
    world.around = Around(feeds=lambda name: feeds.get(name, ()))
    world.monitors = {name: Monitor("health", name, alert=RULE) for name in ("a", "b")}
    assert world.found("a", "fail") == [("AL-1", "fired")]
    assert world.found("b", "fail") == [("AL-2", "fired")]


# -- who may page ---------------------------------------------------------------------------------------------------

TESTED = Backtested(subject="drift", declaration="now", window=("", ""), looks=9, judged=9, alerts=1)


@pytest.mark.parametrize(("tested", "runbook", "severity", "page", "why"), [
    (TESTED, "data-drift", "critical", True, ""),
    (None, "data-drift", "high", False, "fires at high, not critical and paging: it was never back-tested"),
    (replace(TESTED, declaration="before"), "r", "high", False,
     "fires at high, not critical and paging: it was changed since its back-test"),
    (TESTED, "", "high", False, "fires at high, not critical and paging: it names no runbook"),
])
def test_only_a_rule_that_was_back_tested_as_it_is_and_has_a_runbook_pages(history, tested, runbook, severity, page,
                                                                           why):
    rule = AlertPolicy(severity="critical", page=True, runbook=runbook)
    world = World(history, {"drift": Monitor("drift", "model", alert=rule)}, Around(declaration=lambda _: "now"))
    history.add(*[tested] * (tested is not None))
    world.found("drift", "fail")
    alert = alertstate.alerts(history.entries)["AL-1"]
    assert (alert.severity, alert.page, alert.lowered) == (severity, page, why)


def test_a_rule_that_was_back_tested_meanwhile_is_critical_when_it_fires_again(history):
    rule = AlertPolicy(severity="critical", runbook="r")
    world = World(history, {"drift": Monitor("drift", "model", alert=rule)}, Around(declaration=lambda _: "now"))
    world.found("drift", "fail")
    world.found("drift", "pass")
    history.add(TESTED)
    world.found("drift", "fail")
    alert = alertstate.alerts(history.entries)["AL-1"]
    assert (alert.severity, alert.lowered, alert.fired) == ("critical", "", 2)


# -- what a firing carries --------------------------------------------------------------------------------------------


def test_an_alert_carries_what_it_costs_whose_it_is_and_whom_it_is_grouped_with(history):
    rule = AlertPolicy(group="check")
    world = World(history, {"drift": Monitor("drift", "model", alert=rule), "d2": Monitor("drift", "m2", alert=rule)},
                  Around(owner=lambda name: {"model": "ana"}.get(name, "")))
    loss = {"value": 2300.0, "low": 1000.0, "high": 3000.0, "unit": "EUR"}
    world.found("drift", "fail", detail={"loss_a_day": loss})
    world.found("d2", "fail", detail={"loss_a_day": "much"})
    known = alertstate.alerts(history.entries)
    assert (known["AL-1"].loss, known["AL-1"].route, known["AL-2"].loss) == (loss, "ana", {})
    [group] = alertstate.groups(known.values())
    assert (group.name, group.worst.id) == ("alert/AL-1", "AL-1"), "the dearer of two as grave"


def test_the_newest_price_counts(history):
    world = World(history, {"drift": Monitor("drift", "model", alert=RULE)})
    world.found("drift", "fail", detail={"loss_a_day": {"value": 1.0, "unit": "EUR"}})
    world.history.add(Finding(subject="model@3", check="performance", status="fail", title="x",
                              detail={"loss_a_day": {"value": 9.0, "unit": "EUR"}}))
    [alert] = alertstate.priced(alertstate.alerts(history.entries).values(), history.entries)
    assert alert.loss["value"] == 1.0, "its own monitor goes before others"
    world.history.add(Finding(subject="model", check="drift", monitor="drift", status="fail", title="x",
                              detail={"loss_a_day": {"value": 5.0, "unit": "EUR"}}))
    [alert] = alertstate.priced(alertstate.alerts(history.entries).values(), history.entries)
    assert alert.loss["value"] == 5.0


# -- nothing is lost --------------------------------------------------------------------------------------------------

FLAPS = replace(RULE, after=OutOf(1, 2), flap=Within(2, timedelta(hours=8)))
ALL = {**MONITORS, "skill": replace(MONITORS["skill"], alert=FLAPS)}
LOOK = st.tuples(st.sampled_from(sorted(ALL)), st.sampled_from(("fail", "pass", "fail", "unknown")),
                 st.integers(0, 12))
PERSON = st.tuples(st.just("person"), st.sampled_from(("acked", "resolved", "silenced")), st.integers(1, 5))
SILENCE = st.tuples(st.just("matcher"), st.sampled_from(("drift", "*", "skill")), st.integers(1, 60))
OPS = st.lists(st.tuples(st.one_of(*[LOOK] * 6, PERSON, SILENCE), st.booleans()), min_size=12, max_size=30)


def failing(entries, monitor, policy):
    """Whether a monitor's rule says now that it fails, told in words: findings since people closed its last alert."""
    known = alertstate.alerts(entries)
    closed = max((entry.seq for entry in entries if isinstance(entry.fact, AlertEvent)
                  and entry.fact.event == "resolved" and known[entry.subject].monitor == monitor), default=0)
    state, last = False, []
    for entry in entries:
        fact = entry.fact
        if isinstance(fact, Finding) and fact.monitor == monitor and entry.seq > closed and fact.status != "unknown":
            last = [*last, fact.status][-policy.after.n:]
            if fact.status == "fail" and last.count("fail") >= policy.after.k:
                state = True
            elif len(last) == policy.after.n and "fail" not in last:
                state = False
    return state


@settings(max_examples=150, deadline=None)
@given(OPS)
def test_whatever_happens_in_whatever_order_nothing_that_fails_is_lost(ops):
    history = History(now=START)
    reacted = 0

    def reacts():
        nonlocal reacted
        steps = react(ALL, history.entries, reacted, history.now, AROUND)
        reacted = len(history.entries)
        history.add(*steps, after=timedelta(0))

    for (what, word, number), at_once in ops:
        if what in ALL:
            found = Finding(subject=ALL[what].subject, check=ALL[what].check, monitor=what, status=word, title=word)
            history.add(found, after=number * HOUR)
        elif what == "person":
            reacts()  # people see what there is
            mine = alertstate.alerts(history.entries).get(f"AL-{number}")
            if mine is not None and mine.open:
                history.add(AlertEvent(subject=mine.id, event=word, real=True if word == "resolved" else None,
                                       until=(history.now + 9 * HOUR).isoformat() if word == "silenced" else ""))
        else:
            history.add(AlertEvent(subject=f"SI-{len(history.entries)}", event="silence", match=(f"monitor={word}",),
                                   since=history.now.isoformat(), until=(history.now + number * HOUR).isoformat()))
        if at_once:
            reacts()
    reacts()
    assert react(ALL, history.entries, 0, history.now, AROUND) == [], "asked twice, it follows once"
    known = alertstate.alerts(history.entries)
    for name, monitor in ALL.items():
        going = [each for each in known.values() if each.monitor == name and each.open]
        assert len(going) <= 1
        if failing(history.entries, name, monitor.alert):
            [alert] = going
            standing = alert.standing(history.now)
            assert standing in ("firing", "acked", "muted", "silenced", "flapping"), (name, standing)
            if alert.muted:
                assert name != "weather-health", "never the other way round"
                waits_rightly(alert, known[alert.muted_by], history)


def waits_rightly(alert, cause, history):
    """Its cause is not over, or it has not looked since and a day has not gone by."""
    assert cause.check == "health"
    if cause.state not in ("firing", "acked"):
        again = [entry.fact.status for entry in history.entries if isinstance(entry.fact, Finding)
                 and entry.fact.monitor == alert.monitor and entry.recorded_at > cause.ended_at
                 and entry.fact.status != "unknown"]
        assert again[-1:] != ["fail"]
        assert history.now - cause.ended_at < PATIENCE


REACT = ("import sys\nfrom pathlib import Path\nfrom mlops_tui.opening import open_project\n"
         "session = open_project(Path(sys.argv[1]))\nprint('ready', flush=True)\nsys.stdin.readline()\n"
         "session.react(0)")


def test_two_processes_that_react_at_once_append_each_event_once(session, made, project):
    opened = session()
    opened.ledger.append(*(made.finding(status) for status in ("fail", "fail", "pass", "pass", "pass", "fail", "fail")))
    both = [subprocess.Popen([sys.executable, "-c", REACT, str(project)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for each in both:
        assert each.stdout.readline() == "ready\n"
    for each in both:
        each.stdin.write("\n")
        each.stdin.flush()
    for each in both:
        each.communicate(timeout=60)
        assert each.returncode == 0
    events = Counter(entry.fact.event for entry in opened.ledger.entries("alert"))
    assert events == {"fired": 1, "recovered": 1, "refired": 1}
