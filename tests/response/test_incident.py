"""Incidents: opened from an alert or by hand, worked on together, closed with a reason."""

from datetime import UTC, datetime, timedelta

import pytest

from mlops_tui.folds import alerts, incidents
from mlops_tui.incidents.notes import notes
from mlops_tui.view import Status
from store.facts import IncidentEvent, Promotion, RunbookEvent
from tests.doing import do


@pytest.fixture
def bo(session, made):
    """Somebody on call, with an alert that has just fired."""
    opened = session("bo")
    opened.ledger.append(made.finding("fail"), made.finding("fail"))
    opened.react(0)
    return opened


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


def test_after_a_run_that_was_stopped_no_nameless_runbook_is_offered(bo):
    do(bo, "incident open --title 'late labels' --about flights-delay")
    bo.ledger.append(RunbookEvent(subject="RUN-1", event="started", runbook="label-delay", incident="INC-1"),
                     RunbookEvent(subject="RUN-1", event="stopped"))
    offered = [each.argv for each in do(bo, "incident show INC-1").view.actions]
    assert offered
    assert not [argv for argv in offered if "" in argv]


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


@pytest.mark.parametrize("line", ["role INC-1 lead bo", "severity INC-1 low", "link INC-1 --alert AL-1",
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


SAID = ("update", "note", "handover")  # what may be said of an open one at any time


def offered(session):
    found = [action.argv for action in do(session, "incident show INC-1").view.actions]
    said = [argv for argv in found if argv[:1] == ("incident",) and argv[1] in SAID]
    assert said in ([], [("incident", verb, "INC-1") for verb in SAID])
    return [argv for argv in found if argv not in said]


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
    why, over = ("why", "INC-1"), ("incident", "resolve", "INC-1")
    do(bo, "incident role INC-1 lead bo")
    assert offered(bo) == [("runbook", "run", "data-drift", "--incident", "INC-1"), why, over]
    bo.ledger.append(RunbookEvent(subject="RUN-1", event="started", runbook="data-drift", incident="INC-1"))
    assert do(bo, "incident show INC-1").view.facts()["to_close"] == "AL-1 must recover; RUN-1 is not worked through"
    bo.ledger.append(RunbookEvent(subject="RUN-1", event="finished"))
    assert offered(bo) == [("drift", "flights-delay", "--monitor", "flights-drift"), why, over]
    bo.ledger.append(*[made.finding("pass")] * 3)
    bo.react(0)
    view = do(bo, "incident show INC-1").view
    assert view.facts()["to_close"] == "nothing is missing: somebody says what ended it"
    assert offered(bo) == [why, over]


def test_one_incident_is_open(bo):
    do(bo, "incident open --alert AL-1")
    assert do(bo, "incident list").view.title == "1 incident is open"


# -- what people say, and take back ---------------------------------------------------------------------------------


def line_of(session, reference, name="INC-1"):
    return notes(incident(session, name))[reference]


def test_a_note_is_one_line_however_often_its_link_comes(bo, session, clock):
    do(bo, "incident open --title storm --about flights-delay")
    clock.advance(clock.moment + timedelta(hours=1))
    line = "incident note INC-1 'the feed stopped' --link https://x/p1 --at 2013-09-14T06:10-04:00 --who ana"
    assert do(bo, line).view.title.startswith("INC-1 has a new note")
    again = do(session("dee"), line.replace("stopped", "stopped!"))
    assert (again.exit, again.view.title) == (0, "INC-1 has that note already: storm")
    [found] = notes(incident(bo)).values()
    assert (found.text, found.who, found.at) == ("the feed stopped", "ana", datetime(2013, 9, 14, 10, 10, tzinfo=UTC))
    [told] = [row for row in do(bo, "incident show INC-1").view.table("timeline").rows if row["reference"]]
    assert (told["who"], told["at"], told["what"]) == ("ana", found.at, "the feed stopped")


def test_nobody_puts_words_into_anothers_mouth_unseen(bo, session):
    do(bo, "incident open --title storm --about flights-delay")
    do(bo, "incident note INC-1 'I dropped the table' --who ana")
    do(bo, "incident note INC-1 'all is well' --link https://x/p1 --who ana")
    do(session("dee"), "incident amend INC-1 https://x/p1 'I dropped the table'")
    told = [(row["who"], row["what"]) for row in do(bo, "incident show INC-1").view.table("timeline").rows[1:]]
    assert [(who, what.partition(" (#")[0]) for who, what in told] == [
        ("ana, says bo (simulated)", "I dropped the table"),
        ("ana", "I dropped the table (edited by dee (simulated))")]
    session("ana").ledger.append(IncidentEvent(subject="INC-1", event="amended", note="ah", reference="https://x/p1"))
    assert line_of(bo, "https://x/p1").shown == "ah (edited)"


def test_the_timeline_is_in_the_order_in_which_it_happened(bo, clock):
    do(bo, "incident open --title storm --about flights-delay")
    clock.advance(clock.moment + timedelta(hours=2))
    do(bo, "incident note INC-1 second --at '1h ago'")
    do(bo, "incident note INC-1 first --at '110m ago'")
    told = whats(do(bo, "incident show INC-1").view)
    assert [each.partition(" (#")[0] for each in told] == ["opened: storm", "first", "second"]


def test_an_edit_and_a_deletion_are_followed_and_both_stay_readable(bo, session, clock):
    do(bo, "incident open --title storm --about flights-delay")
    do(bo, "incident note INC-1 'at noon' --link p1")
    do(bo, "incident amend INC-1 p1 'at 11:40'")
    assert whats(do(bo, "incident show INC-1").view)[-1] == "at 11:40 (edited)"
    before = bo.ledger.entries("incident")
    assert do(bo, "incident amend INC-1 p1 'at 11:40'").view.title == "INC-1 has the note so already: storm"
    assert do(bo, "incident strike INC-1 p1 --note 'deleted in Slack'").exit == 0
    assert do(bo, "incident strike INC-1 p1").view.title == "INC-1 has the note struck already: storm"
    assert len(bo.ledger.entries("incident")) == len(before) + 1, "the same twice is one entry"
    [row] = [row for row in do(bo, "incident show INC-1").view.table("timeline").rows if row["reference"]]
    assert row["what"] == "[struck by bo (simulated): deleted in Slack] at 11:40"
    assert row["first"] == "at noon"
    assert do(bo, "incident amend INC-1 p1 other").error["code"] == "conflict"
    do(bo, "incident note INC-1 again --link p1")
    assert line_of(bo, "p1").struck, "what was deleted does not come back by a late note"


def test_a_note_without_a_link_is_named_by_its_number(bo):
    do(bo, "incident open --title storm")
    do(bo, "incident note INC-1 'wrong airport'")
    [number] = notes(incident(bo))
    assert whats(do(bo, "incident show INC-1").view)[-1] == f"wrong airport (#{number})"
    assert do(bo, f"incident amend INC-1 '#{number}' 'JFK only'").exit == 0
    assert line_of(bo, number).text == "JFK only"
    assert do(bo, "incident strike INC-1 999").error["code"] == "not_found"


def test_what_was_said_is_added_and_taken_back_after_the_end_as_well(bo):
    do(bo, "incident open --title storm")
    do(bo, "incident resolve INC-1", reason="so")
    assert do(bo, "incident note INC-1 'what we saw' --link p1").exit == 0
    assert do(bo, "incident strike INC-1 p1").exit == 0
    assert incident(bo).state == "resolved"


@pytest.mark.parametrize(("line", "code"), [
    ("note INC-1 ' '", "bad_input"), ("note INC-1 x --at 2013-09-15", "bad_input"),
    ("note INC-1 x --at soon", "bad_input"),
    ("note INC-1 x --who nobody", "not_declared"), ("note INC-9 x", "not_found"), ("amend INC-1 p9 x", "not_found"),
])
def test_a_note_that_cannot_be_is_refused(bo, line, code):
    do(bo, "incident open --title storm")
    outcome = do(bo, f"incident {line}")
    assert (outcome.exit, outcome.error["code"]) == (2, code)
    assert notes(incident(bo)) == {}
