"""Incidents: opened from an alert or by hand, worked on together, closed with a reason."""

import shlex
from datetime import UTC, datetime, timedelta

import pytest

from mlops_tui.folds import alerts, incidents
from mlops_tui.view import Status
from store.facts import Promotion, RunbookEvent


@pytest.fixture
def bo(session, made):
    """Somebody on call, with an alert that has just fired."""
    opened = session("bo")
    opened.ledger.append(made.finding("fail"), made.finding("fail"))
    opened.react(0)
    return opened


def do(session, line, reason=None):
    return session.perform(shlex.split(line), reason=reason)


def incident(session, name="INC-1"):
    return incidents(session.ledger.entries())[name]


def whats(view):
    return [row["what"] for row in view.table("timeline").rows]


def test_an_incident_takes_over_what_its_alert_knows(bo):
    outcome = do(bo, "incident open --alert AL-1")
    assert outcome.exit == 0
    found = incident(bo)
    assert (found.about, found.severity, found.alerts) == ("flights-delay", "high", ("AL-1",))
    assert found.window == ("2013-09-07T10:00:00+00:00", ""), "the data that made it fire"
    assert alerts(bo.ledger.entries())["AL-1"].owner == "bo", "whoever opens it is on it"
    assert ("runbook", "run", "data-drift", "--incident", "INC-1") in [each.argv for each in outcome.view.actions]


def test_it_can_be_opened_from_what_somebody_saw(bo):
    line = "incident open --title 'late labels' --about flights-delay --severity critical --since 2013-09-12"
    assert do(bo, line).exit == 0
    found = incident(bo)
    assert (found.title, found.about, found.severity) == ("late labels", "flights-delay", "critical")
    assert found.window[0] == "2013-09-12T00:00:00-04:00"


@pytest.mark.parametrize(("line", "code"), [
    ("open", "bad_input"), ("open --alert AL-9", "not_found"), ("open --title x --about nothing", "not_declared"),
    ("open --title x --severity awful", "bad_input"), ("open --title x --since soon", "bad_input"),
])
def test_an_incident_about_nothing_is_not_opened(bo, line, code):
    outcome = do(bo, f"incident {line}")
    assert (outcome.exit, outcome.error["code"]) == (2, code)
    assert incidents(bo.ledger.entries()) == {}


def test_an_alert_is_in_one_open_incident(bo):
    do(bo, "incident open --alert AL-1")
    outcome = do(bo, "incident open --alert AL-1")
    assert (outcome.error["code"], outcome.error["next"]) == ("conflict", "Try: mlops-tui incident show INC-1")
    do(bo, "incident open --title other")
    assert do(bo, "incident link INC-2 --alert AL-1").error["code"] == "conflict"


def test_people_work_on_it_and_the_timeline_remembers(bo, session, clock):
    do(bo, "incident open --alert AL-1")
    for line in ("note INC-1 'the feed stopped at noon' --link https://x", "role INC-1 Lead ana",
                 "severity INC-1 critical --note 'all airports'"):
        clock.advance(clock.moment + timedelta(minutes=5))
        assert do(session("dee"), f"incident {line}").exit == 0
    found = incident(bo)
    assert (found.roles, found.severity) == ({"lead": "ana"}, "critical")
    view = do(bo, "incident show INC-1").view
    assert view.status is Status.WARN
    assert whats(view)[-4:] == ["AL-1 acked (opened INC-1)", "the feed stopped at noon", "ana is lead",
                                "severity critical (all airports)"]
    assert view.facts()["people"] == ("bo (simulated)", "dee (simulated)")


def test_another_alert_can_join(bo, made, session):
    do(bo, "incident open --title storm --about flights-delay")
    assert do(bo, "incident link INC-1 --alert AL-1").exit == 0
    assert incident(bo).alerts == ("AL-1",)


def test_resolving_tells_how_long_everything_took(bo, clock):
    do(bo, "incident open --alert AL-1")
    clock.advance(clock.moment + timedelta(hours=3))
    bo.ledger.append(Promotion(subject="flights-delay", version="2", previous="1", approval="", evidence=""))
    clock.advance(clock.moment + timedelta(hours=2))
    outcome = do(bo, "incident resolve INC-1 --since 2013-09-13T20:00", reason="version 2 serves")
    facts = outcome.view.facts()
    start = datetime(2013, 9, 14, 10, tzinfo=UTC)
    assert (facts["onset"], facts["detected"], facts["mitigated"], facts["resolved"]) == (
        start - timedelta(hours=10), start, start + timedelta(hours=3), start + timedelta(hours=5))
    found = incident(bo)
    assert (found.open, found.window[1]) == (False, "2013-09-14T15:00:00+00:00")
    assert ("postmortem", "draft", "INC-1") in [each.argv for each in outcome.view.actions]
    assert do(bo, "incident list").view.table("incidents").rows == ()
    assert len(do(bo, "incident list --all").view.table("incidents").rows) == 1


def test_it_cannot_end_before_it_began(bo):
    do(bo, "incident open --alert AL-1")
    outcome = do(bo, "incident resolve INC-1 --since 2013-09-14 --until 2013-09-13", reason="so")
    assert outcome.error["code"] == "bad_input"
    assert incident(bo).open


@pytest.mark.parametrize("line", ["note INC-1 x", "role INC-1 lead bo", "severity INC-1 low", "link INC-1 --alert AL-1",
                                  "resolve INC-1"])
def test_what_is_resolved_is_not_worked_on(bo, line):
    do(bo, "incident open --title x")
    do(bo, "incident resolve INC-1", reason="so")
    assert do(bo, f"incident {line}", reason="so").error["code"] == "conflict"


def test_the_next_one_about_it_names_the_earlier(bo):
    do(bo, "incident open --title one --about flights-delay")
    do(bo, "incident resolve INC-1", reason="so")
    bo.clock.advance(bo.clock.moment + timedelta(days=1))
    do(bo, "incident open --alert AL-1")
    assert do(bo, "incident show INC-2").view.facts()["earlier_about_it"] == ("INC-1",)


def test_a_viewer_looks_and_does_not_touch(bo, session):
    vera = session("vera")
    do(bo, "incident open --title x")
    assert do(vera, "incident show INC-1").exit == 0
    assert do(vera, "incident note INC-1 hello").exit == 4
    assert do(vera, "incident resolve INC-1", reason="so").exit == 4


def offered(session):
    return [action.argv for action in do(session, "incident show INC-1").view.actions]


def test_an_incident_says_what_is_found_by_now_and_what_is_missing_to_close_it(bo, made):
    do(bo, "incident open --alert AL-1")
    bo.ledger.append(made.finding("fail", value=0.4, low=0.3, high=0.5, limit=0.1))
    view = do(bo, "incident show INC-1").view
    [row] = view.table("newest").rows
    assert (row["alert"], row["status"], row["value"], row["low"], row["high"], row["limit"]) == (
        "AL-1", Status.FAIL, 0.4, 0.3, 0.5, 0.1)
    assert row["to_recover"] == "3 more findings of flights-drift in a row that do not fail"
    assert view.facts()["to_close"] == "AL-1 must recover"


def test_a_runbook_that_is_worked_through_is_not_offered_again(bo, made):
    do(bo, "incident open --alert AL-1")
    over = ("incident", "resolve", "INC-1")
    assert offered(bo) == [("runbook", "run", "data-drift", "--incident", "INC-1"), over]
    bo.ledger.append(RunbookEvent(subject="RUN-1", event="started", runbook="data-drift", incident="INC-1"))
    assert do(bo, "incident show INC-1").view.facts()["to_close"] == "AL-1 must recover; RUN-1 is not worked through"
    bo.ledger.append(RunbookEvent(subject="RUN-1", event="finished"))
    assert offered(bo) == [("drift", "flights-delay", "--monitor", "flights-drift"), over]
    bo.ledger.append(*[made.finding("pass")] * 3)
    bo.react(0)
    view = do(bo, "incident show INC-1").view
    assert view.facts()["to_close"] == "nothing is missing: somebody says what ended it"
    assert offered(bo) == [over]


def test_one_incident_is_open(bo):
    do(bo, "incident open --alert AL-1")
    assert do(bo, "incident list").view.title == "1 incident is open"
