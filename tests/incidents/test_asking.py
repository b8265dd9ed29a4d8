"""Reminders after an incident: asked at once, after a day, after three; of promises once a week."""

from datetime import UTC, datetime, timedelta

import pytest

from mlops_tui.alerts import nudges, sources
from mlops_tui.project import Project
from store.facts import IncidentEvent, Postmortem
from tests.incidents.test_actions import done, promise


@pytest.fixture
def declared(project):
    return Project(project)


def over(history):
    history.add(IncidentEvent(subject="INC-1", event="opened", about="flights-delay", title="late"), actor="bo")
    history.add(IncidentEvent(subject="INC-1", event="note", note="seen"), actor="ana (simulated)")
    history.add(IncidentEvent(subject="INC-1", event="resolved", note="over"), actor="bo")
    return history.now


def keys(declared, history, now):
    found = sources.nudges(declared, history.entries, now)
    return {each.key for each in nudges.due(found, sources.reach(declared, history.entries, now),
                                               nudges.snoozes(history.entries), now)}


def test_each_participant_is_asked_once_and_reminded_after_one_and_three_days(declared, history):
    ended = over(history)
    sent = set()
    for hours in range(14 * 24):
        sent |= keys(declared, history, ended + timedelta(hours=hours))
    assert sent == {f"nudge/{who}/postmortem/INC-1/{turn}" for who in ("ana", "bo") for turn in "012"}
    assert keys(declared, history, ended + timedelta(hours=23)) == {f"nudge/{who}/postmortem/INC-1/0"
                                                                    for who in ("ana", "bo")}
    assert keys(declared, history, ended + timedelta(hours=24)) == {f"nudge/{who}/postmortem/INC-1/1"
                                                                    for who in ("ana", "bo")}
    assert keys(declared, history, ended + timedelta(days=10)) == set(), "nobody is asked for ever"


def test_who_answered_or_declined_is_left_alone_and_so_is_everybody_once_it_is_finished(declared, history):
    over(history)
    history.add(Postmortem(subject="INC-1", event="told", document="d", who="ana"))
    assert keys(declared, history, history.now) == {"nudge/bo/postmortem/INC-1/0"}
    history.add(Postmortem(subject="INC-1", event="declined", who="bo"))
    assert keys(declared, history, history.now + timedelta(days=1)) == set()


def test_a_finished_post_mortem_asks_nobody(declared, history):
    over(history)
    history.add(Postmortem(subject="INC-1", event="drafted", document="d"))
    assert keys(declared, history, history.now)
    history.add(Postmortem(subject="INC-1", event="finished", document="d"))
    assert keys(declared, history, history.now) == set()


def test_a_question_says_what_it_is_about_and_opens_a_form(declared, history):
    over(history)
    [first, _] = sources.nudges(declared, history.entries, history.now)
    assert first.view.title == "INC-1 is over: what did you see?"
    assert first.view.actions[0].argv == ("postmortem", "tell", "INC-1")
    assert first.view.actions[0].asks == ("saw", "did", "surprised", "change")


def test_what_is_overdue_is_told_its_owner_once_a_week_and_nothing_else_is(declared, history):
    history.add(promise("INC-1/1", "2013-09-16"), promise("INC-1/2", "2013-12-31"))
    start = datetime(2013, 9, 14, 22, tzinfo=UTC)
    sent = {start + timedelta(hours=hours): keys(declared, history, start + timedelta(hours=hours))
            for hours in range(21 * 24)}
    assert sorted(set().union(*sent.values())) == [f"nudge/bo/actions/overdue/2013-W{week}" for week in (38, 39, 40)]
    first = min(at for at, found in sent.items() if found)
    assert first == datetime(2013, 9, 17, 4, tzinfo=UTC), "when the day is over where the project is"
    [told] = sources.nudges(declared, history.entries, first)
    assert told.view.title == "1 action of yours is overdue"
    assert [row["action"] for row in told.view.table("actions").rows] == ["INC-1/1"]
    history.add(done("INC-1/1"))
    assert keys(declared, history, first) == set()
