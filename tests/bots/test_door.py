"""What Slack delivers is answered within its three seconds, and kept before it is acknowledged, or not acknowledged."""

import json
from typing import Any

import pytest
from slack_bolt import BoltRequest, BoltResponse

from bots.door import Door
from mlops_tui.project import Project
from store.facts import IncidentEvent, Proposal
from store.queues import Inbox
from tests.bots.desk import Desk

# Slack's own client leaves sockets that died to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture
def bot(desk: Desk) -> Desk:
    """At its door, with an alert and an incident to talk about."""
    desk.listens()
    desk.fires()
    desk.happens(IncidentEvent(subject="INC-1", event="opened", title="late", severity="high", about="flights-delay"))
    return desk


def door_of(bot: Desk, inbox: Inbox | None = None) -> Door:
    return Door(inbox or bot.inbox, lambda: Project(bot.folder), bot.client, bot.slack.url.removesuffix("api/"))


def came(bot: Desk, body: dict[str, Any], inbox: Inbox | None = None) -> BoltResponse:
    """A request as it comes off the socket."""
    return door_of(bot, inbox).receive(BoltRequest(body=json.dumps(body), mode="socket_mode"))


def command(text: str = "status", trigger: str = "t1", answer: str = "") -> dict[str, Any]:
    return {"command": "/mlops", "text": text, "user_id": "U02", "channel_id": "C01", "trigger_id": trigger,
            "response_url": answer}


def shown(bot: Desk, who: str = "bo") -> str:
    """The last thing that only this person sees, as JSON."""
    return json.dumps(bot.slack.ephemerals(who)[-1], ensure_ascii=False)


# -- commands -----------------------------------------------------------------------------------------------------


def test_an_open_quote_is_answered_at_once_and_nothing_is_kept(bot: Desk) -> None:
    seen = bot.slack.slash("bo", 'incident note INC-1 "the feed')
    assert (seen.ok, "never closed" in seen.text, bot.waiting()) == (True, True, [])


def test_wrong_words_are_answered_with_the_nearest_right_ones(bot: Desk) -> None:
    assert bot.slack.slash("bo", "alrt list").modal is None
    bot.works()
    assert "`alert list`" in shown(bot) or "alert list" in shown(bot)
    assert "AL-1" in shown(bot), "a slip of the pen is understood"
    bot.slack.slash("bo", "alert frobnicate the lot")
    bot.works()
    assert "Which of these is meant?" in shown(bot)
    assert [each["text"]["text"] for block in bot.slack.ephemerals("bo")[-1]["blocks"] if block["type"] == "actions"
            for each in block["elements"]][:2] == ["Alert list", "Help: alert show"]


def test_a_decision_opens_its_form_and_who_may_not_decide_sees_none(bot: Desk) -> None:
    assert bot.slack.slash("vera", "incident resolve INC-1").modal is None
    bot.works()
    assert "may not run 'incident resolve'" in shown(bot, "vera")
    assert bot.slack.slash("eve", "incident resolve INC-1").modal is None
    seen = bot.slack.slash("bo", "incident resolve INC-1")
    assert seen.modal
    assert seen.modal["title"]["text"] == "Incident resolve"
    assert bot.waiting() == [("command", "U99")]


def test_what_a_command_lacks_is_asked_for_with_what_it_has(bot: Desk) -> None:
    seen = bot.slack.slash("bo", "incident note INC-1")
    assert seen.modal
    assert "incident note INC-1" in str(seen.modal["blocks"][0])
    assert bot.slack.submit("bo", values={"Text": "the feed is late"}).ok
    bot.works()
    notes = [entry.fact.note for entry in bot.ledger.entries("incident") if isinstance(entry.fact, IncidentEvent)]
    assert notes == ["", "the feed is late"]
    assert bot.slack.modals("bo") == []


def test_field_errors_are_answered_in_the_acknowledgement_and_nothing_is_kept(bot: Desk) -> None:
    """A client of Slack's refuses letters in a field of numbers; another one may not."""
    bot.slack.slash("ana", "runbook step RUN-1")
    [view] = bot.slack.modals("ana")
    view["state"] = {"values": {"p:number": {"value": {"type": "number_input", "value": "one"}}}}
    ack = bot.slack.deliver("interactive", {
        "type": "view_submission", "team": {"id": bot.slack.state.team_id}, "user": {"id": "U01"}, "view": view})
    assert ack.body == {"response_action": "errors", "errors": {"p:number": "'one' is not a valid integer."}}
    view["state"] = {"values": {}}
    ack = bot.slack.deliver("interactive", {
        "type": "view_submission", "team": {"id": bot.slack.state.team_id}, "user": {"id": "U01"}, "view": view})
    assert ack.body == {"response_action": "errors", "errors": {"p:number": "This is needed."}}
    assert bot.waiting() == []


def test_an_open_quote_in_a_form_is_an_error_of_its_field(bot: Desk) -> None:
    bot.slack.slash("ana", "job start")
    assert "never closed" in bot.slack.submit("ana", values={"Words": 'health "flights'}).errors["p:words"]
    assert bot.waiting() == []
    assert bot.slack.submit("ana", values={"Words": "health flights"}).ok
    assert bot.waiting() == [("form", "U01")]


def test_a_form_is_never_tried_again_and_its_failure_is_said(bot: Desk) -> None:
    bot.slack.faults.error("views.open", "internal_error")
    seen = bot.slack.slash("bo", "incident note INC-1")
    assert "could not be opened" in seen.text
    assert len(bot.slack.called("views.open")) == 1
    assert bot.waiting() == []


# -- presses ------------------------------------------------------------------------------------------------------


def planned(bot: Desk) -> dict[str, Any]:
    """A plan that only ana sees, with the two buttons that answer it."""
    bot.happens(Proposal(subject="P-1", event="proposed", path="monitors/new.yaml", content="check: drift\n", why="?"))
    bot.slack.slash("ana", "adopt write P-1")
    bot.works()
    found = bot.slack.ephemerals("ana")[-1]
    assert "would write" in str(found)
    return found


def test_cancel_does_nothing_and_takes_the_buttons_away(bot: Desk) -> None:
    plan = planned(bot)
    bot.slack.click("ana", plan["ts"], "Cancel")
    bot.works()
    assert "nothing was done" in shown(bot, "ana")
    assert "Do it" not in str(bot.slack.ephemerals("ana"))
    assert not (bot.folder / "monitors" / "new.yaml").exists()


def test_consent_to_a_plan_becomes_a_job_bound_to_its_digest(bot: Desk) -> None:
    plan = planned(bot)
    bot.slack.click("ana", plan["ts"], "Do it")
    [asked] = bot.inbox.waiting()
    assert (asked.kind, asked.body["argv"], len(asked.body["consent"])) == ("press", ["adopt", "write", "P-1"], 64)


@pytest.mark.parametrize("value", ["approve everything", '{"a":[1,2]}', '{"a":["status"],"x":1}', "x" * 3000,
                                   json.dumps({"a": ["status\u0007"]}), "", "[" * 2000])
def test_a_forged_button_is_refused_and_recorded(bot: Desk, value: str) -> None:
    bot.turns(3)
    card = bot.cards[0]
    [row] = [block for block in card["blocks"] if block["type"] == "actions"]
    row["elements"][0]["value"] = value
    assert bot.slack.click("bo", card, row["elements"][0]["action_id"]).ok
    bot.works()
    [entry] = bot.ledger.entries("command")
    assert (entry.fact.phase, entry.fact.status, entry.fact.error) == ("refused", "denied", "forged")  # type: ignore[attr-defined]
    assert "none of ours" in shown(bot)


def test_a_button_on_the_first_page_is_answered_where_nobody_else_sees_it(bot: Desk) -> None:
    assert bot.slack.open_home("bo").ok
    assert bot.waiting() == [("app_home_opened", "U02")]
    bot.works()
    home = bot.slack.home("bo")
    assert "AL-1" in str(home)
    button = next(each for block in (home or {})["blocks"] if block["type"] == "actions" for each in block["elements"]
                  if each["text"]["text"] == "Look")
    assert bot.slack.click("bo", "home", button["action_id"]).ok
    bot.works()
    assert bot.outbox.counts() == {"sent": 1}
    [answer] = bot.slack.messages("bo")
    assert answer["text"]


# -- events -------------------------------------------------------------------------------------------------------


def test_a_mention_is_answered_in_its_thread(bot: Desk) -> None:
    bot.slack.mention("bo", "alert list")
    bot.works()
    [asked] = bot.slack.messages()
    assert [reply["text"] for reply in asked["replies"]] == ["▲ 1 alert needs somebody"]


def test_a_direct_message_is_answered_in_its_thread_and_our_own_words_are_no_question(bot: Desk) -> None:
    bot.slack.say("bo", "alert list", "bo")
    bot.works()
    [asked] = bot.slack.messages("bo")
    assert [reply["text"] for reply in asked["replies"]] == ["▲ 1 alert needs somebody"]
    bot.slack.edit("bo", asked["ts"], "alert list --all")
    bot.slack.settle()
    assert bot.waiting() == []


def test_what_people_say_to_each_other_is_not_kept(bot: Desk) -> None:
    bot.slack.say("bo", "status")
    assert bot.waiting() == []


@pytest.mark.parametrize(("kind", "does"), [
    ("slash_commands", lambda slack: slack.slash("bo", "incident note INC-1 once")),
    ("events_api", lambda slack: slack.mention("bo", "incident note INC-1 once"))])
def test_a_second_delivery_has_no_second_effect(bot: Desk, kind: str, does: Any) -> None:
    bot.slack.faults.duplicate(kind)
    does(bot.slack)
    bot.until(lambda: [each.seen for each in bot.inbox.waiting()] == [2])
    bot.works()
    assert [getattr(entry.fact, "note", "") for entry in bot.ledger.entries("incident")] == ["", "once"]


# -- where answers go, and what cannot be kept --------------------------------------------------------------------


@pytest.mark.parametrize("address", ["https://evil.example/hooks", "http://hooks.slack.com/x",
                                     "https://hooks.slack.com.evil.example/x", "file:///etc/passwd", "x"])
def test_an_address_that_is_not_slacks_is_not_answered(bot: Desk, address: str) -> None:
    came(bot, command(answer=address))
    assert bot.inbox.waiting()[0].body["answer"] == ""
    bot.works()
    assert "Models" in shown(bot)


FULL = "CREATE TRIGGER full BEFORE INSERT ON inbox BEGIN SELECT RAISE(ABORT, 'disk full'); END"


def test_what_cannot_be_kept_is_not_acknowledged_as_taken_and_a_second_try_works(bot: Desk) -> None:
    with bot.ledger.engine.begin() as connection:
        connection.exec_driver_sql(FULL)
    seen = bot.slack.slash("bo", "incident note INC-1 kept")
    assert "Nothing was done" in seen.text
    assert "◌" not in seen.text
    bot.slack.wire.patience = 0.3
    assert bot.slack.mention("bo", "incident note INC-1 twice").undelivered == "timeout"
    bot.until(lambda: [each.attempt for each in bot.slack.wire.retries] == [2])
    bot.slack.wire.patience = 2.0
    with bot.ledger.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER full")
    bot.slack.slash("bo", "incident note INC-1 kept")
    bot.clock.pass_(61)  # Slack has tried at once; it tries after a minute, and after five
    bot.until(lambda: len(bot.waiting()) == 2)
    bot.works()
    assert sorted(getattr(entry.fact, "note", "") for entry in bot.ledger.entries("incident")) == ["", "kept", "twice"]


def test_a_locked_history_is_not_waited_for_longer_than_slack_waits(bot: Desk) -> None:
    hasty = Inbox(bot.ledger.engine, patience=0.05)
    assert Inbox(bot.ledger.engine).patience < 3, "Slack wants its acknowledgement within three seconds"
    press = {"type": "block_actions", "user": {"id": "U02"}, "trigger_id": "p1", "container": {},
             "actions": [{"action_id": "do:0", "value": '{"a":["status"]}'}]}
    with bot.ledger.locked():
        assert "Nothing was done" in came(bot, command(), hasty).body
        assert came(bot, press, hasty).status == 503
    assert bot.waiting() == []
    assert came(bot, press, hasty).status == 200
    assert bot.waiting() == [("press", "U02")]


def test_a_thumb_below_an_answer_is_kept_with_the_question(bot: Desk) -> None:
    bot.slack.mention("vera", "why is flights-delay red?")
    bot.works()
    [asked] = bot.slack.messages()
    answer = asked["replies"][-1]
    assert bot.slack.click("vera", answer["ts"], "👎 Not that").ok
    bot.works()
    [entry] = bot.ledger.entries("question")
    assert (entry.actor, entry.fact.question, entry.fact.choice) == (  # type: ignore[attr-defined]
        "vera (simulated)", "why is flights-delay red?", "no")
    assert "Thank you" in shown(bot, "vera")
