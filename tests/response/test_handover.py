"""The watch handed over: what happened since somebody last looked, what is open, what comes next."""

from datetime import timedelta

import pytest

from mlops_tui.view import Status
from store.facts import AlertEvent, Postmortem
from tests.doing import do


@pytest.fixture
def bo(session):
    return session("bo")


def fired(number=1):
    return AlertEvent(subject=f"AL-{number}", event="fired", monitor="flights-drift", about="flights-delay",
                      check="drift", severity="high", title="it drifts")


def whats(view):
    return [row["what"] for row in view.table("happened").rows]


def test_where_nothing_happened_and_nothing_is_open_it_says_so(bo):
    view = do(bo, "handover").view
    assert (view.title, view.status) == ("Nothing happened, and nothing is open", Status.PASS)
    assert view.facts()["that_is"] == "a day ago: bo did nothing here yet"


def test_it_begins_where_one_last_did_something_and_looking_changes_nothing(bo, session, clock):
    do(bo, "incident open --title 'one'")
    clock.advance(clock.moment + timedelta(hours=8))
    bo.ledger.append(fired())
    before = bo.ledger.head_seq()
    view = do(bo, "handover show").view
    assert whats(view) == ["AL-1 fired: it drifts"]
    assert view.facts()["that_is"] == "the last thing bo did"
    assert view.title == "1 thing happened, 2 are open"
    assert whats(do(bo, "handover show").view) == whats(view)
    assert bo.ledger.head_seq() == before


def test_taking_the_watch_is_where_the_next_look_begins(bo, session, clock):
    bo.ledger.append(fired())
    clock.advance(clock.moment + timedelta(minutes=5))
    taken = do(bo, "handover take")
    assert whats(taken.view) == ["AL-1 fired: it drifts"]
    assert taken.view.title == "bo has the watch: 1 thing is open"
    clock.advance(clock.moment + timedelta(minutes=5))
    bo.ledger.append(fired(2))
    clock.advance(clock.moment + timedelta(minutes=5))
    do(bo, "alert ack AL-2")
    view = do(bo, "handover").view
    assert whats(view) == ["AL-2 fired: it drifts"], "an ack later does not hide the night"
    assert view.facts()["that_is"] == "when bo last took the watch"


def test_it_is_given_with_a_word_and_taken_by_the_other(bo, session):
    given = do(bo, "handover give ana --note 'INC-1 waits for Friday'")
    assert given.view.title == "The watch is offered to ana, with 0 things open"
    ana = session("ana")
    assert do(ana, "handover").view.facts()["from"] == "bo: INC-1 waits for Friday"
    assert do(ana, "handover take").view.facts()["from"] == "bo: INC-1 waits for Friday"
    assert "from" not in do(ana, "handover").view.facts()


def test_it_lists_what_comes_next_and_what_one_promised(bo, session, clock):
    do(bo, "incident open --title storm")
    do(bo, "incident update INC-1 'we look' --next 30m")
    bo.ledger.append(Postmortem(subject="INC-1", event="action", actions=(
        {"id": "INC-1/1", "title": "warn earlier", "type": "detect", "owner": "bo", "due": "2013-09-20"},)))
    view = do(bo, "handover").view
    [due] = view.table("due").rows
    assert (due["id"], due["what"], due["at"]) == ("INC-1", "the next status update", bo.now() + timedelta(minutes=30))
    assert [row["id"] for row in view.table("promised").rows] == ["INC-1/1"]
    assert "promised" not in [getattr(part, "id", "") for part in do(session("ana"), "handover").view.parts]
    assert [row["id"] for row in do(bo, "handover --person ana --since 2h\\ ago").view.table("open").rows] == ["INC-1"]


@pytest.mark.parametrize(("line", "code"), [
    ("show --since 2014-01-01", "bad_input"), ("show --since soon", "bad_input"), ("show --person x", "not_declared"),
    ("give bo --note x", "bad_input"), ("give ana --note ' '", "bad_input"), ("give zed --note x", "not_declared"),
])
def test_what_cannot_be_is_refused(bo, line, code):
    assert do(bo, f"handover {line}").error["code"] == code
    assert bo.ledger.entries("handover") == []
