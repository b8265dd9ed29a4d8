"""What was given up is seen and tried again from anywhere, once, by whoever may."""

import pytest

from mlops_tui.errors import Refusal
from store.queues import Inbox, Outbox


@pytest.fixture
def given_up(session):
    """One message and one request that nobody tries any more, as ana sees them."""
    ana = session("ana")
    outbox, inbox = Outbox(ana.ledger.engine), Inbox(ana.ledger.engine)
    outbox.put("card/alert/AL-1", "chat.postMessage", "C1", {"text": "secret"})
    outbox.dead(1, "channel_not_found")
    inbox.put("k", "command", "U1", {"argv": ["status"]})
    inbox.tried(1, "a bug", dead=True)
    return ana


def letters(session):
    outcome = session.perform(("letter", "list"))
    return [(row["letter"], row["what"], row["why"]) for row in outcome.view.table("letters").rows]


def test_with_nothing_given_up_it_says_so(session):
    outcome = session("vera").perform(("letter",))
    assert (outcome.exit, outcome.view.title) == (0, "Nothing was given up")


def test_they_are_listed_with_why_and_without_what_they_say(given_up, session):
    assert letters(given_up) == [("OUT-1", "chat.postMessage card/alert/AL-1", "channel_not_found"),
                                 ("IN-1", "command status", "a bug")]
    view = session("vera").perform(("letter", "list")).view
    assert view.title == "2 letters were given up"
    assert "secret" not in str(view)


def test_each_is_tried_again_once_and_a_second_press_says_how_it_stands(given_up):
    for name in ("OUT-1", "in-1"):
        assert "is tried again" in given_up.perform(("letter", "again", name)).view.title
        assert "is under way" in given_up.perform(("letter", "again", name)).view.title
    assert letters(given_up) == []
    outbox, inbox = Outbox(given_up.ledger.engine), Inbox(given_up.ledger.engine)
    assert [each.status for each in outbox.due(1e12)] == ["sending"], "it may have been said, and is looked up first"
    assert [(each.status, each.tries) for each in inbox.waiting()] == [("new", 0)]
    outbox.sent(1, "C1/1.2")
    assert "was said" in given_up.perform(("letter", "again", "OUT-1")).view.title


@pytest.mark.parametrize(("name", "said"), [("7", "is no letter"), ("OUT-x", "is no letter"), ("OUT-77", "No letter"),
                                            ("IN-77", "No letter")])
def test_what_is_no_letter_is_refused_with_where_to_look(given_up, name, said):
    outcome = given_up.perform(("letter", "again", name))
    assert isinstance(outcome.error, Refusal) or outcome.error
    assert said in outcome.view.title
    assert "letter list" in str(outcome.view.facts().get("next"))


def test_who_only_looks_tries_nothing_again(given_up, session):
    outcome = session("vera").perform(("letter", "again", "OUT-1"))
    assert outcome.exit == 4
    assert len(letters(given_up)) == 2


def test_the_doctor_and_the_first_page_tell_of_them(given_up):
    status = given_up.perform(("status",)).view
    assert "1 message to Slack was given up: mlops-tui letter list" in str(status.parts)
    assert "1 request from Slack was given up" in str(status.parts)
