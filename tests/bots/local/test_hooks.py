"""A response_url answers five times within half an hour, beside the original or in its place."""

import json
from collections.abc import Callable

import pytest
from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient, WebhookResponse

from bots.local.workspace import LocalSlack
from tests.bots.local.conftest import Clock, Connect

BUTTONS = [{"type": "actions", "elements": [
    {"type": "button", "action_id": "ack", "text": {"type": "plain_text", "text": "Ack"}}]}]
Respond = Callable[..., WebhookResponse]


@pytest.fixture
def listening(app: App, connect: Connect) -> App:
    @app.command("/mlops")
    def mlops(ack: Ack) -> None:
        ack()

    @app.action("ack")
    def acked(ack: Ack) -> None:
        ack()

    connect(app)
    return app


@pytest.fixture
def respond(slack: LocalSlack, listening: App) -> Respond:
    return hook_of(slack.slash("ana", "status").payload)


def hook_of(payload: dict | None) -> Respond:
    assert payload
    client = WebhookClient(payload["response_url"], retry_handlers=[])
    return lambda **asked: client.send_dict(asked)


def test_an_answer_is_for_the_caller_alone_unless_it_is_for_the_channel(slack: LocalSlack, respond: Respond) -> None:
    assert respond(text="for you").body == "ok"
    assert respond(text="for all", response_type="in_channel").status_code == 200
    assert [each["text"] for each in slack.ephemerals("ana")] == ["for you"]
    assert [each["text"] for each in slack.messages()] == ["for all"]


def test_the_sixth_answer_is_refused(slack: LocalSlack, respond: Respond) -> None:
    for number in range(5):
        respond(text=f"{number}")
    late = respond(text="5")
    assert (late.status_code, json.loads(late.body)["error"]) == (404, "used_url")
    assert len(slack.ephemerals("ana")) == 5


def test_after_half_an_hour_an_answer_is_refused(slack: LocalSlack, clock: Clock, respond: Respond) -> None:
    clock.pass_(1800)
    assert respond(text="just in time").status_code == 200
    clock.pass_(1)
    assert json.loads(respond(text="late").body)["error"] == "expired_url"
    assert len(slack.ephemerals("ana")) == 1


def test_what_is_wrong_with_an_answer_is_said_and_costs_no_use(slack: LocalSlack, respond: Respond) -> None:
    for _ in range(6):
        wrong = respond(text="x", blocks=[{"type": "sparkline"}])
        assert (wrong.status_code, json.loads(wrong.body)["error"]) == (400, "invalid_blocks")
    assert respond(text="x").status_code == 200


def test_a_click_may_replace_or_delete_the_message(slack: LocalSlack, client: WebClient, listening: App) -> None:
    ts = client.chat_postMessage(channel="C01", text="AL-7", blocks=BUTTONS)["ts"]
    hook_of(slack.click("bo", ts, "Ack").payload)(replace_original=True, text="acked by bo")
    [card] = slack.messages()
    assert (card["ts"], card["text"], "blocks" in card) == (ts, "acked by bo", False)
    ts = client.chat_postMessage(channel="C01", text="AL-8", blocks=BUTTONS)["ts"]
    hook_of(slack.click("bo", ts, "Ack").payload)(delete_original=True)
    assert [each["text"] for each in slack.messages()] == ["acked by bo"]


def test_a_click_in_an_answer_only_one_person_sees_may_replace_it(
        slack: LocalSlack, client: WebClient, listening: App) -> None:
    client.chat_postEphemeral(channel="C01", user="U02", text="sure?", blocks=BUTTONS)
    [shown] = slack.ephemerals("bo")
    seen = slack.click("bo", shown, "Ack")
    assert seen.payload
    assert (seen.payload["container"]["is_ephemeral"], "message" in seen.payload) == (True, False)
    hook_of(seen.payload)(replace_original=True, text="done")
    assert [each["text"] for each in slack.ephemerals("bo")] == ["done"]


def test_an_answer_may_go_into_the_thread(slack: LocalSlack, client: WebClient, listening: App) -> None:
    ts = client.chat_postMessage(channel="C01", text="AL-7", blocks=BUTTONS)["ts"]
    hook_of(slack.click("bo", ts, "Ack").payload)(response_type="in_channel", thread_ts=ts, text="on it")
    assert [each["text"] for each in slack.messages()[0]["replies"]] == ["on it"]


def test_an_answer_can_be_lost_as_any_call(slack: LocalSlack, respond: Respond) -> None:
    slack.faults.lose_answer("response_url")
    with pytest.raises(OSError):
        respond(text="written")
    assert [each["text"] for each in slack.ephemerals("ana")] == ["written"]
    slack.faults.limit("response_url", retry_after=3)
    assert respond(text="too fast").headers["Retry-After"] == "3"
