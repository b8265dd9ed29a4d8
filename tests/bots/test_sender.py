"""What is to be said is said once, in its order, whatever Slack does meanwhile."""

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from socket import gaierror
from typing import Any
from urllib.error import URLError

import pytest
from slack_sdk import WebClient

from bots.local.state import SCOPES, Channel
from bots.local.workspace import LocalSlack
from bots.sender import EVENT, SETTLE, NotSaid, PerhapsSaid, Sender, _lost
from tests.bots.conftest import PEOPLE
from tests.bots.desk import CHANNEL, Desk

MINUTE = 60.0


def status(desk: Desk, key: str) -> tuple[str, str]:
    found = desk.outbox.one(key)
    return found.status, found.error


def hidden(desk: Desk, key: str) -> None:
    """An answer that one person alone will see."""
    desk.says(key, method="chat.postEphemeral", user="U02")


# -- as fast as Slack allows --------------------------------------------------------------------------------------


def test_a_limit_is_waited_for_as_long_as_slack_says_while_other_methods_go_on(desk: Desk) -> None:
    desk.slack.faults.limit("chat.postMessage", retry_after=30)
    for key in ("a", "b"):
        desk.says(key)
    desk.says("other", channel="D02")
    desk.outbox.put("home", "views.publish", "", {"user_id": "U02", "view": {
        "type": "home", "blocks": [{"type": "divider"}]}})
    desk.speaks(29, 1.0)
    assert desk.texts == []
    assert len(desk.slack.called("chat.postMessage")) == 1, "the limit is the method's, in every channel"
    assert desk.slack.home("bo")
    desk.speaks(4)
    assert desk.texts == ["a", "b"]
    assert desk.outbox.one("a").tries == 0, "a limit is no failure"


@pytest.mark.parametrize("names", [("C01", "C01"), ("#ml-flights", "C01")])
def test_a_channel_gets_one_message_a_second_by_whichever_name(desk: Desk, names: tuple[str, str]) -> None:
    desk.says("first", channel="#ml-flights")
    desk.speaks(1, 60)
    for number in range(6):
        desk.says(f"n{number}", channel=names[number % 2])
    desk.outbox.put("aside", "chat.postMessage", "D02", {"text": "aside"})
    desk.speaks(70, 0.1)
    times = [call.at for call in desk.slack.called("chat.postMessage") if call.payload["channel"] != "D02"][1:]
    assert len(times) == 6
    assert min(later - earlier for earlier, later in pairwise(times)) > 1
    aside = next(call.at for call in desk.slack.called("chat.postMessage") if call.payload["channel"] == "D02")
    assert aside == times[0], "another channel does not wait"


# -- lost, refused, away ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [
    lambda faults: faults.lose_answer("chat.postMessage"), lambda faults: faults.lose_request("chat.postMessage"),
    lambda faults: faults.error("chat.postMessage", "internal_error"),
    lambda faults: faults.error("chat.postMessage", "fatal_error", times=3),
    lambda faults: faults.error("chat.postMessage", "service_unavailable"),
    lambda faults: faults.error("chat.postMessage", "", status=502)])
def test_whatever_was_lost_is_said_once_and_nothing_overtakes_it(desk: Desk, fault: Callable[..., None]) -> None:
    fault(desk.slack.faults)
    for key in ("a", "b", "c"):
        desk.says(key)
    desk.speaks(20)
    assert desk.texts == ["a", "b", "c"]
    assert desk.outbox.counts() == {"sent": 3}


@pytest.mark.parametrize("refuse", [False, True])
def test_nothing_is_lost_while_slack_is_away_for_minutes(desk: Desk, refuse: bool) -> None:
    desk.says("before")
    desk.speaks()
    desk.slack.faults.down(None, refuse=refuse)
    for number in range(8):
        desk.says(f"n{number}")
        desk.speaks(1, MINUTE)
    hidden(desk, "hidden")
    desk.speaks(5, MINUTE)
    assert desk.outbox.counts() == {"sent": 1, "new": 9}, "nobody was there: surely nothing was said"
    desk.slack.faults.up()
    desk.speaks(120)
    assert desk.texts == ["before", *(f"n{number}" for number in range(8))]
    assert [each["text"] for each in desk.slack.ephemerals("bo")] == ["hidden"]


def test_no_address_for_slack_is_nobody_there_and_a_dead_line_is_a_doubt() -> None:
    assert isinstance(_lost(URLError(gaierror(-2, "Name or service not known"))), NotSaid)
    assert isinstance(_lost(URLError(ConnectionRefusedError())), NotSaid)
    assert isinstance(_lost(TimeoutError()), PerhapsSaid)
    assert isinstance(_lost(ConnectionResetError()), PerhapsSaid)


@pytest.mark.parametrize(("channel", "more", "why"), [
    ("C99", {}, "channel_not_found"),
    (CHANNEL, {"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]}, "invalid_blocks")])
def test_what_slack_will_never_take_is_a_dead_letter_with_its_reason_and_the_rest_goes_on(
        desk: Desk, channel: str, more: dict[str, Any], why: str) -> None:
    desk.says("bad", channel=channel, **more)
    desk.says("good")
    desk.speaks(3)
    found, reason = status(desk, "bad")
    assert (found, reason.startswith(why)) == ("dead", True)
    assert why != "invalid_blocks" or "/blocks/0/text" in reason, "Slack's own words, and where"
    assert why in desk.said[0]
    assert desk.texts == ["good"]


def test_a_hidden_answer_whose_answer_was_lost_is_a_dead_letter_and_never_said_twice(desk: Desk) -> None:
    desk.slack.faults.lose_answer("chat.postEphemeral")
    hidden(desk, "a")
    hidden(desk, "b")
    desk.speaks(10)
    assert [each["text"] for each in desk.slack.ephemerals("bo")] == ["a", "b"]
    assert status(desk, "a")[0] == "dead"
    assert "perhaps said" in status(desk, "a")[1]


def test_a_person_can_have_a_dead_letter_sent_again(desk: Desk) -> None:
    said = desk.says("a", channel="C02")
    desk.speaks(2)
    assert status(desk, "a") == ("dead", "channel_not_found")
    desk.slack.state.channels["C02"] = Channel("C02", "later", members=set(desk.slack.state.channels["C01"].members))
    assert not desk.outbox.again(said.id + 1)
    assert desk.outbox.again(said.id)
    desk.speaks()
    assert [each["text"] for each in desk.slack.messages("C02")] == ["a"]
    assert status(desk, "a") == ("sent", "")


# -- looked up ----------------------------------------------------------------------------------------------------


def interrupted(desk: Desk, key: str, *, said: bool, **more: Any) -> None:
    """Put, and begun by a process that was killed: before Slack had it, or after."""
    row = desk.says(key, **more)
    assert desk.outbox.sending(row.id)
    if said:
        desk.client.chat_postMessage(channel=CHANNEL, text=key, metadata={
            "event_type": EVENT, "event_payload": {"id": key}}, **more)


@pytest.mark.parametrize("said", [True, False])
def test_what_a_killed_process_was_saying_is_looked_up_by_the_next(desk: Desk, said: bool) -> None:
    desk.says("parent")
    desk.speaks()
    parent = desk.outbox.one("parent").reference.partition("/")[2]
    interrupted(desk, "a", said=said)
    interrupted(desk, "reply", said=said, thread_ts=parent)
    desk.born()
    desk.speaks(5)
    assert desk.texts == ["parent", "a"]
    assert [reply["text"] for reply in desk.cards[0]["replies"]] == ["reply"]
    assert desk.outbox.counts() == {"sent": 3}
    ts = desk.cards[1]["ts"]
    assert desk.outbox.one("a").reference == f"{CHANNEL}/{ts}"


def crowd(desk: Desk, count: int) -> None:
    for number in range(count):
        desk.slack.say("cy", f"talk {number}")
        desk.clock.pass_(1)


def test_it_is_found_behind_300_messages_of_others(desk: Desk) -> None:
    interrupted(desk, "a", said=True)
    crowd(desk, 300)
    desk.speaks(2)
    assert ["cursor" in call.payload for call in desk.slack.called("conversations.history")] == [False, True]
    assert desk.texts.count("a") == 1
    assert desk.outbox.counts() == {"sent": 1}


def test_what_stood_there_long_before_is_not_read(desk: Desk) -> None:
    """A busy channel has more pages than Slack lets anybody read in a minute."""
    desk.clock.pass_(-2 * 3600 - 500)
    crowd(desk, 450)
    desk.clock.pass_(2 * 3600)
    interrupted(desk, "a", said=False)
    desk.speaks(2)
    assert len(desk.slack.called("conversations.history")) == 1
    assert desk.texts.count("a") == 1


def test_without_leave_to_read_a_doubt_is_a_dead_letter_that_is_seen(desk: Desk) -> None:
    with LocalSlack(PEOPLE, clock=desk.clock, scopes=set(SCOPES) - {"channels:history"}) as slack:
        said: list[str] = []
        client = WebClient(slack.bot_token, slack.url, timeout=2, retry_handlers=[])
        sender = Sender(client, desk.ledger, said.append, clock=desk.clock)
        slack.faults.lose_answer("chat.postMessage")
        desk.says("a")
        desk.says("b")
        for _ in range(7):
            sender.round()
            desk.clock.pass_(1.1)
        assert [each["text"] for each in slack.messages()] == ["a", "b"]
    assert status(desk, "a")[0] == "dead"
    assert "missing_scope" in status(desk, "a")[1]
    assert ["missing_scope" in each for each in said] == [True]


def test_a_talk_with_a_person_is_looked_up_where_it_was_found_before(desk: Desk) -> None:
    desk.says("first", channel="U02")
    desk.speaks()
    desk.slack.faults.lose_answer("chat.postMessage")
    desk.says("second", channel="U02")
    desk.speaks(7)
    assert [each["text"] for each in desk.slack.messages("bo")] == ["first", "second"]
    assert desk.slack.called("conversations.history")[0].payload["channel"] == "D02"


def test_two_senders_say_nothing_twice(desk: Desk) -> None:
    other = Sender(desk.client, desk.ledger, desk.said.append, clock=desk.clock)
    row = desk.says("a")
    assert other.outbox.sending(row.id)
    assert not desk.sender._deal(row), "another has it"
    assert desk.texts == []


def test_what_slack_took_without_an_answer_may_still_come_to_stand_and_is_waited_for(desk: Desk) -> None:
    desk.slack.faults.late("chat.postMessage", SETTLE - 0.5)
    desk.says("a")
    desk.speaks(3)
    assert (desk.texts, desk.slack.called("conversations.history")) == ([], [])
    desk.speaks(4)
    assert desk.texts == ["a"]
    assert status(desk, "a")[0] == "sent"


def test_who_is_killed_in_the_middle_of_it_looks_for_it_no_sooner_either(desk: Desk) -> None:
    desk.slack.faults.late("chat.postMessage", SETTLE - 0.5)
    desk.says("a")
    row = desk.outbox.one("a")
    assert desk.outbox.sending(row.id, desk.clock() + SETTLE)
    with suppress(PerhapsSaid):
        desk.sender._call(row)  # and here its process ends
    desk.born()
    desk.speaks(3)
    assert desk.slack.called("conversations.history") == []
    desk.clock.pass_(SETTLE)
    desk.speaks()
    assert desk.texts == ["a"]


def test_an_address_in_what_is_said_loads_no_picture(desk: Desk) -> None:
    """An alert's title may come from outside; Slack shows what an address leads to unless it is told not to."""
    desk.fires(title="look http://evil.example/x.png")
    desk.rests()
    told = [each.payload for each in desk.slack.calls if each.method == "chat.postMessage"]
    assert told
    assert all((each["unfurl_links"], each["unfurl_media"]) == (False, False) for each in told)
