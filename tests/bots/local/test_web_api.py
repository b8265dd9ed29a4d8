"""The Web API as slack_sdk's own client finds it: answers, refusals, scopes, threads, pages, limits."""

import json
import urllib.request
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bots.local.limits import Limits
from bots.local.state import SCOPES
from bots.local.workspace import LocalSlack
from tests.bots.local.conftest import Clock, client_of

LONG = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2999}}
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*drift*"}}


def refusal(call: Any, *args: Any, **more: Any) -> SlackApiError:
    with pytest.raises(SlackApiError) as caught:
        call(*args, **more)
    return caught.value


def test_the_token_is_checked(slack: LocalSlack) -> None:
    assert client_of(slack).auth_test()["user_id"] == "U0BOT"
    assert refusal(client_of(slack, "xoxb-other").auth_test).response["error"] == "invalid_auth"
    assert refusal(client_of(slack).apps_connections_open, app_token=slack.bot_token).response[
        "error"] == "not_allowed_token_type"
    assert refusal(client_of(slack, slack.app_token).auth_test).response["error"] == "not_allowed_token_type"
    with urllib.request.urlopen(urllib.request.Request(f"{slack.url}auth.test", b"", method="POST")) as answer:
        assert json.load(answer) == {"ok": False, "error": "not_authed"}


def test_nothing_listens_beyond_this_machine(slack: LocalSlack) -> None:
    assert slack.server.runner
    assert [host for host, _ in slack.server.runner.addresses] == ["127.0.0.1"]


def test_an_unknown_method_is_named(client: WebClient) -> None:
    assert refusal(client.api_call, "chat.postMassage").response["error"] == "unknown_method"


def test_a_scope_that_was_not_granted_is_named(slack: LocalSlack, client: WebClient) -> None:
    refused = refusal(client.conversations_info, channel="C01").response
    assert (refused["error"], refused["needed"], refused["provided"]) == (
        "missing_scope", "channels:read", ",".join(sorted(SCOPES)))
    assert refusal(client.pins_add, channel="C01", timestamp="1").response["needed"] == "pins:write"


def test_history_asks_for_the_scope_of_the_kind_of_channel() -> None:
    with LocalSlack(channels={"open": "C01", "closed": "C02"}, private=["closed"],
                    scopes=["chat:write", "channels:history"]) as slack:
        client = client_of(slack)
        assert client.conversations_history(channel="C01")["ok"]
        assert refusal(client.conversations_history, channel="C02").response["needed"] == "groups:history"


def test_a_message_is_stored_with_what_slack_adds(slack: LocalSlack, client: WebClient) -> None:
    sent = client.chat_postMessage(channel="ml-flights", text="hello", blocks=[SECTION])
    [stored] = slack.messages("ml-flights")
    assert (sent["channel"], sent["ts"], stored["bot_id"], stored["user"]) == ("C01", stored["ts"], "B0LOCAL", "U0BOT")
    [block] = stored["blocks"]
    assert len(block["block_id"]) == 5
    assert block["text"] == {"type": "mrkdwn", "text": "*drift*", "verbatim": False}


@pytest.mark.parametrize(("asked", "error"), [
    ({"channel": "nowhere", "text": "x"}, "channel_not_found"),
    ({"channel": "C01"}, "no_text"),
    ({"channel": "C01", "text": "x" * 40_001}, "msg_too_long"),
    ({"channel": "C01", "text": "x", "thread_ts": "1.000001"}, "cannot_reply_to_message"),
    ({"channel": "C01", "text": "x", "metadata": {"event_type": "x"}}, "invalid_metadata_schema"),
    ({"channel": "C01", "text": "x", "blocks": [{"type": "sparkline"}]}, "invalid_blocks"),
    ({"channel": "C01", "text": "x", "blocks": [LONG] * 5}, "msg_blocks_too_long"),
])
def test_what_cannot_be_posted_is_refused_and_leaves_no_message(
        slack: LocalSlack, client: WebClient, asked: dict[str, Any], error: str) -> None:
    assert refusal(client.api_call, "chat.postMessage", json=asked).response["error"] == error
    assert slack.messages() == []


def test_illegal_blocks_are_explained_as_slack_explains_them(client: WebClient) -> None:
    header = {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}
    told = refusal(client.chat_postMessage, channel="C01", text="x", blocks=[header]).response
    assert (told["error"], told["response_metadata"]["messages"]) == ("invalid_blocks", [
        "[ERROR] must be less than 151 characters, there are 151 [json-pointer:/blocks/0/text/text]"])


def test_a_reply_stays_in_its_thread_unless_it_is_broadcast(slack: LocalSlack, client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C01", text="card")["ts"]
    client.chat_postMessage(channel="C01", text="quiet", thread_ts=parent)
    client.chat_postMessage(channel="C01", text="worse", thread_ts=parent, reply_broadcast=True)
    [card] = slack.messages()
    assert [each["text"] for each in card["replies"]] == ["quiet", "worse"]
    assert (card["reply_count"], card["latest_reply"]) == (2, card["replies"][1]["ts"])
    assert [each["text"] for each in client.conversations_history(channel="C01")["messages"]] == ["worse", "card"]
    assert [each["text"] for each in client.conversations_replies(channel="C01", ts=parent)["messages"]] == [
        "card", "quiet", "worse"]
    assert refusal(client.conversations_replies, channel="C01", ts="1.0").response["error"] == "thread_not_found"


def test_an_update_with_text_alone_removes_the_blocks(slack: LocalSlack, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C01", text="card", blocks=[SECTION],
                                 metadata={"event_type": "card", "event_payload": {"outbox_id": 7}})["ts"]
    client.chat_update(channel="C01", ts=ts, text="card", blocks=[SECTION, {"type": "divider"}])
    [card] = slack.messages()
    assert (len(card["blocks"]), "edited" in card, card["metadata"]["event_payload"]) == (2, False, {"outbox_id": 7})
    client.chat_update(channel="C01", ts=ts, text="over")
    [card] = slack.messages()
    assert (card["text"], "blocks" in card, "edited" in card) == ("over", False, True)


def test_only_ones_own_messages_can_be_changed(slack: LocalSlack, client: WebClient) -> None:
    slack.say("ana", "mine")
    ts = slack.messages()[0]["ts"]
    assert refusal(client.chat_update, channel="C01", ts=ts, text="x").response["error"] == "cant_update_message"
    assert refusal(client.chat_delete, channel="C01", ts=ts).response["error"] == "cant_delete_message"
    assert refusal(client.chat_update, channel="C01", ts="1.0", text="x").response["error"] == "message_not_found"
    shown = client.chat_postEphemeral(channel="C01", user="U01", text="only you")["message_ts"]
    assert refusal(client.chat_update, channel="C01", ts=shown, text="x").response["error"] == "message_not_found"
    assert [each["text"] for each in slack.ephemerals("ana")] == ["only you"]


def test_a_deleted_parent_leaves_a_tombstone(slack: LocalSlack, client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C01", text="card")["ts"]
    reply = client.chat_postMessage(channel="C01", text="reply", thread_ts=parent)["ts"]
    client.chat_delete(channel="C01", ts=parent)
    assert [each["subtype"] for each in slack.messages()] == ["tombstone"]
    client.chat_delete(channel="C01", ts=reply)
    assert "reply_count" not in slack.messages()[0]


def test_history_comes_in_pages_newest_first_with_metadata_on_request(client: WebClient) -> None:
    sent = [client.chat_postMessage(channel="C01", text=f"m{number}", metadata={
        "event_type": "card", "event_payload": {"outbox_id": number}})["ts"] for number in range(5)]
    pages = client.conversations_history(channel="C01", limit=2, include_all_metadata=True)
    assert [[each["metadata"]["event_payload"]["outbox_id"] for each in page["messages"]] for page in pages] == [
        [4, 3], [2, 1], [0]]
    since = client.conversations_history(channel="C01", oldest=sent[2])["messages"]
    assert ([each["text"] for each in since], "metadata" in since[0]) == (["m4", "m3"], False)
    upto = client.conversations_history(channel="C01", oldest=sent[1], latest=sent[2], inclusive=True)["messages"]
    assert [each["text"] for each in upto] == ["m2", "m1"]
    assert refusal(client.conversations_history, channel="C01", limit=1000).response["error"] == "invalid_limit"


def test_a_persons_id_is_their_direct_conversation(slack: LocalSlack, client: WebClient) -> None:
    sent = client.chat_postMessage(channel="U02", text="yours to decide")
    assert sent["channel"] == "D02"
    assert [each["text"] for each in slack.messages("bo")] == ["yours to decide"]
    assert refusal(client.conversations_open, users="U02").response["needed"] == "im:write"


def test_links_people_reactions_and_pins(slack: LocalSlack, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C01", text="card")["ts"]
    reply = client.chat_postMessage(channel="C01", text="reply", thread_ts=ts)["ts"]
    assert client.chat_getPermalink(channel="C01", message_ts=reply)["permalink"].endswith(
        f"/archives/C01/p{reply.replace('.', '')}?thread_ts={ts}&cid=C01")
    assert client.users_info(user="U01")["user"]["name"] == "ana"
    assert refusal(client.users_info, user="U99").response["error"] == "user_not_found"
    assert {each["id"] for each in client.users_list()["members"]} >= {"U01", "U02", "U0BOT"}
    slack.react("ana", "eyes", ts)
    slack.react("bo", "eyes", ts)
    slack.pin("bo", ts)
    assert client.reactions_get(channel="C01", timestamp=ts)["message"]["reactions"] == [
        {"name": "eyes", "users": ["U01", "U02"], "count": 2}]
    [pin] = client.pins_list(channel="C01")["items"]
    assert (pin["created_by"], pin["message"]["text"]) == ("U02", "card")


def test_the_app_may_react_and_pin_where_it_was_allowed_to() -> None:
    with LocalSlack(scopes=[*SCOPES, "reactions:write", "pins:write"]) as slack:
        client = client_of(slack)
        ts = client.chat_postMessage(channel="C01", text="card")["ts"]
        client.reactions_add(channel="C01", timestamp=ts, name="white_check_mark")
        client.pins_add(channel="C01", timestamp=ts)
        assert refusal(client.reactions_add, channel="C01", timestamp=ts,
                       name="white_check_mark").response["error"] == "already_reacted"
        assert refusal(client.pins_add, channel="C01", timestamp=ts).response["error"] == "already_pinned"
        assert slack.messages()[0]["reactions"][0]["users"] == ["U0BOT"]
        client.reactions_remove(channel="C01", timestamp=ts, name="white_check_mark")
        client.pins_remove(channel="C01", timestamp=ts)
        assert slack.messages()[0]["reactions"] == client.pins_list(channel="C01")["items"] == []
        assert refusal(client.reactions_remove, channel="C01", timestamp=ts, name="eyes").response[
            "error"] == "no_reaction"
        assert refusal(client.pins_remove, channel="C01", timestamp=ts).response["error"] == "no_pin"


def test_each_answer_says_what_the_token_may_and_what_the_method_takes(slack: LocalSlack, client: WebClient) -> None:
    answer = client.users_info(user="U01")
    assert answer.headers["X-OAuth-Scopes"] == ",".join(sorted(SCOPES))
    assert answer.headers["X-Accepted-OAuth-Scopes"] == "users:read"
    assert client.apps_connections_open(app_token=slack.app_token).headers["X-OAuth-Scopes"] == "connections:write"
    assert "X-OAuth-Scopes" not in refusal(client_of(slack, "xoxb-other").auth_test).response.headers


def test_a_person_has_a_time_zone(slack: LocalSlack, client: WebClient) -> None:
    slack.state.zones["U02"] = "Asia/Kolkata"
    zones = {each["name"]: (each["tz"], each["tz_offset"]) for each in client.users_list()["members"]}
    assert (zones["ana"], zones["bo"]) == (("America/New_York", -14400), ("Asia/Kolkata", 19800))


def test_tiers_count_by_method_and_minute(clock: Clock) -> None:
    with LocalSlack(clock=clock, limits=Limits(tiers=True)) as slack:
        client = client_of(slack)
        for _ in range(20):
            client.users_list()
        clock.pass_(18)
        refused = refusal(client.users_list).response
        assert (refused.status_code, refused["error"], refused.headers["Retry-After"]) == (429, "ratelimited", "42")
        assert client.users_info(user="U01")["ok"]
        clock.pass_(42)
        assert client.users_list()["ok"]


def test_a_channel_takes_a_short_burst_and_then_one_message_a_second(clock: Clock) -> None:
    with LocalSlack(channels={"a": "C01", "b": "C02"}, clock=clock, limits=Limits(posts=True)) as slack:
        client = client_of(slack)
        for number in range(3):
            client.chat_postMessage(channel="C01", text=f"{number}")
        assert refusal(client.chat_postMessage, channel="C01", text="3").response.headers["Retry-After"] == "1"
        assert client.chat_postMessage(channel="C02", text="elsewhere")["ok"]
        clock.pass_(1)
        assert client.chat_postMessage(channel="C01", text="3")["ok"]
        assert len(slack.messages("a")) == 4


def test_every_call_is_in_the_transcript(slack: LocalSlack, client: WebClient, clock: Clock) -> None:
    client.chat_postMessage(channel="C01", text="card")
    refusal(client.chat_postMessage, channel="nowhere", text="card")
    first, second = slack.called("chat.postMessage")
    assert (first.at, first.payload["text"], first.ok) == (clock(), "card", True)
    assert second.answer == {"ok": False, "error": "channel_not_found"}


def test_a_channel_reads_as_text(slack: LocalSlack, client: WebClient) -> None:
    card = [{"type": "header", "text": {"type": "plain_text", "text": "AL-7"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "for <@U02> & co"},
             "fields": [{"type": "mrkdwn", "text": "*PSI*\n0.31"}]},
            {"type": "divider"},
            {"type": "actions", "elements": [
                {"type": "button", "action_id": "ack", "text": {"type": "plain_text", "text": "Ack"}},
                {"type": "overflow", "action_id": "more", "options": [
                    {"text": {"type": "plain_text", "text": "Silence"}, "value": "s"}]}]},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "since 9 Sep"}]}]
    ts = client.chat_postMessage(channel="C01", text="AL-7", blocks=card)["ts"]
    slack.say("bo", "on it @mlops", thread_ts=ts)
    slack.react("cy", "eyes", ts)
    assert slack.text() == """\
12:00:00 mlops: # AL-7
  for @bo & co
  *PSI* 0.31
  ----
  [Ack] [… Silence]
  · since 9 Sep
  :eyes: 1
    12:00:00 bo: on it @mlops"""


def test_what_a_test_was_given_does_not_change_under_it(slack: LocalSlack, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C01", text="before")["ts"]
    [seen] = slack.messages()
    client.chat_update(channel="C01", ts=ts, text="after")
    assert seen["text"] == "before"


def test_stopping_leaves_no_thread_and_frees_the_port(client: WebClient) -> None:
    with LocalSlack() as slack:
        client_of(slack).auth_test()
        port = slack.server.port
    assert not slack.server.thread.is_alive()
    with LocalSlack(port=port) as again:
        assert client_of(again).auth_test()["ok"]
