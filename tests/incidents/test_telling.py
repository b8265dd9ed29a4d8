"""Who is told what in private about an incident, once for each thing."""

import shlex
from datetime import timedelta

import pytest

from mlops_tui.alerts import nudges, sources
from mlops_tui.alerts.nudges import Nudge


@pytest.fixture
def bo(session):
    opened = session("bo")
    do(opened, "incident open --title storm --about flights-delay --severity medium")
    return opened


def do(session, line, reason=None):
    outcome = session.perform(shlex.split(line), reason=reason)
    assert outcome.exit == 0, outcome.error
    return outcome


def said(session) -> list[Nudge]:
    entries = session.ledger.entries(*sources.KINDS)
    return [each for each in sources.nudges(session.declared(), entries, session.now()) if "incident/" in each.key
            or each.key == "handover"]


def told(session) -> list[tuple[str, str]]:
    """(person, title) of what is due now."""
    reach = sources.reach(session.declared(), session.ledger.entries(*sources.KINDS), session.now())
    due = nudges.due(said(session), reach, {}, session.now())
    return [(each.person, each.nudge.view.title) for each in due]


def test_whoever_is_given_a_role_by_another_is_told_what_it_asks_for(bo):
    do(bo, "incident role INC-1 scribe ana")
    [nudge] = said(bo)
    assert (nudge.to, nudge.view.title) == ("ana", "You are scribe of INC-1: storm")
    assert nudge.view.facts()["asks"].startswith("Write down what is seen")
    do(bo, "incident role INC-1 scribe cy")
    assert told(bo) == [("cy", "You are scribe of INC-1: storm")], "who has it no longer is not told"
    do(bo, "incident role INC-1 lead me")
    assert len(said(bo)) == 1, "who takes a role himself knows it"


def test_a_severity_tells_those_it_names_and_critical_pages(bo):
    assert told(bo) == [], "medium tells nobody"
    do(bo, "incident severity INC-1 critical --note 'all airports'")
    assert {person for person, _ in told(bo)} == {"bo", "cy"}, "on call and the approvers, each once for each role"
    assert all(each.page and each.view.facts()["why"] == "all airports" for each in said(bo))
    keys = [each.turn for each in said(bo)]
    do(bo, "incident note INC-1 'a note'")
    assert [each.turn for each in said(bo)] == keys, "the same thing is told once"
    do(bo, "incident severity INC-1 low")
    assert told(bo) == []


def test_the_next_update_is_asked_of_the_lead_when_it_is_due(bo, clock):
    do(bo, "incident update INC-1 'we look' --next 30m")
    assert told(bo) == []
    clock.advance(clock.moment + timedelta(minutes=30))
    assert told(bo) == [("bo", "An update of INC-1 is due: storm")], "without a lead whoever promised it"
    do(bo, "incident role INC-1 lead ana")
    assert ("ana", "An update of INC-1 is due: storm") in told(bo)
    do(bo, "incident update INC-1 'still looking' --next 30m")
    assert [title for _, title in told(bo)] == ["You are lead of INC-1: storm"]
    clock.advance(clock.moment + timedelta(hours=1))
    do(bo, "incident resolve INC-1", reason="over")
    assert told(bo) == [], "what is over asks for nothing"


def test_what_is_handed_over_is_told_with_what_is_open_until_it_is_accepted(bo, session):
    do(bo, "incident handover INC-1 ana --note 'look at Friday'")
    [nudge] = said(bo)
    assert (nudge.to, nudge.view.title) == ("ana", "bo hands INC-1 over to you: storm")
    assert nudge.view.facts()["next"] == "look at Friday"
    assert ("incident", "accept", "INC-1") in [each.argv for each in nudge.view.actions]
    do(session("ana"), "incident accept INC-1")
    assert told(bo) == []


def test_the_watch_is_told_until_it_is_taken(bo, session):
    do(bo, "handover give ana --note 'INC-1 waits'")
    [nudge] = said(bo)
    assert (nudge.to, nudge.view.facts()["note"]) == ("ana", "INC-1 waits")
    do(session("ana"), "handover take")
    assert said(bo) == []
