"""Socket Mode as slack_sdk's own client finds it: hello, one socket per envelope, acks, retries, rotation."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from urllib.error import HTTPError
from urllib.parse import urlsplit

import aiohttp
import pytest
from slack_sdk.socket_mode.builtin.client import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bots.local.workspace import LocalSlack
from tests.bots.local.conftest import Clock, client_of, part


@dataclass
class Listener:
    """A client that keeps what it hears, and acknowledges unless told not to."""

    slack: LocalSlack
    silent: bool = False
    answer: dict | None = None
    heard: list[SocketModeRequest] = field(default_factory=list)
    raw: list[dict] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = SocketModeClient(app_token=self.slack.app_token, web_client=client_of(self.slack),
                                       on_message_listeners=[lambda text: self.raw.append(json.loads(text))])
        self.client.socket_mode_request_listeners.append(self.hear)
        before = self.slack.sockets
        self.client.connect()
        self.slack.until(lambda: self.slack.sockets > before)

    def hear(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        self.heard.append(request)
        if not self.silent:
            client.send_socket_mode_response(SocketModeResponse(request.envelope_id, self.answer))


class Listeners(list[Listener]):
    def open(self, slack: LocalSlack, **more: object) -> Listener:
        self.append(Listener(slack, **more))  # type: ignore[arg-type]
        return self[-1]


@pytest.fixture
def listeners(slack: LocalSlack) -> Iterator[Listeners]:
    opened = Listeners()
    yield opened
    part(slack, *(each.client for each in opened))


def test_a_socket_is_greeted_and_its_address_serves_once(slack: LocalSlack, listeners: Listeners) -> None:
    listener = listeners.open(slack)
    slack.until(lambda: listener.raw)
    assert listener.raw[0]["type"] == "hello"
    assert (listener.raw[0]["num_connections"], listener.raw[0]["connection_info"]["app_id"]) == (1, "A0LOCAL")
    used = urlsplit(listener.client.wss_uri or "")
    with pytest.raises(HTTPError, match="404"):
        urllib.request.urlopen(used._replace(scheme="http").geturl())


def test_each_envelope_goes_to_one_of_the_sockets(slack: LocalSlack, listeners: Listeners) -> None:
    one, two = listeners.open(slack), listeners.open(slack)
    for number in range(6):
        assert slack.slash("ana", f"status {number}").ok
    assert sorted(each.payload["text"] for each in one.heard + two.heard) == [f"status {number}" for number in range(6)]
    assert len(one.heard) == len(two.heard) == 3


def test_an_acknowledgement_may_carry_the_answer(slack: LocalSlack, listeners: Listeners) -> None:
    listener = listeners.open(slack, answer={"response_type": "in_channel", "text": "all is well"})
    assert slack.slash("ana", "status").body == listener.answer
    assert [each["text"] for each in slack.messages()] == ["all is well"]
    [request] = [each for each in listener.heard if each.type == "slash_commands"]
    assert request.accepts_response_payload is True
    assert {"token", "team_id", "team_domain", "channel_id", "channel_name", "user_id", "user_name", "command", "text",
            "api_app_id", "response_url", "trigger_id", "is_enterprise_install"} == set(request.payload)


def test_whoever_waits_in_vain_sees_a_timeout(slack: LocalSlack, listeners: Listeners) -> None:
    listeners.open(slack, silent=True)
    seen = slack.slash("ana", "status")
    assert (seen.error, seen.ok, seen.text) == ("operation_timeout", False, "")
    assert 0.4 < seen.seconds < 2


def test_three_seconds_on_slacks_own_clock_are_a_timeout_too(clock: Clock) -> None:
    with LocalSlack(clock=clock, patience=30) as slack:
        listener = Listener(slack, silent=True)
        listener.client.socket_mode_request_listeners.append(lambda *_: clock.pass_(3.5))
        seen = slack.slash("ana", "status")
        part(slack, listener.client)
    assert seen.error == "operation_timeout"
    assert seen.seconds < 2


def test_with_no_socket_open_a_command_fails_and_an_unknown_one_is_not_sent(slack: LocalSlack) -> None:
    assert slack.slash("ana", "status").error == "dispatch_failed"
    assert slack.slash("ana", "/weather").error == "unknown_command"


def test_an_event_nobody_acknowledged_comes_again_at_once_after_one_and_after_five_minutes(
        slack: LocalSlack, clock: Clock, listeners: Listeners) -> None:
    slack.wire.patience = 0.1
    listener = listeners.open(slack, silent=True)
    slack.react("ana", "eyes", client_of(slack).chat_postMessage(channel="C01", text="card")["ts"])

    def tries() -> list[tuple[int | None, str | None]]:
        return [(each.retry_attempt, each.retry_reason) for each in listener.heard
                if each.payload["event"]["type"] == "reaction_added"]

    slack.until(lambda: tries() == [(0, ""), (1, "timeout")])
    for wait, attempt in ((59, 1), (2, 2), (301, 3)):
        slack.until(lambda: slack.wire.retries and not slack.wire.waiting)
        clock.pass_(wait)
        slack.tick()
        assert slack.until(lambda: len(tries()) == attempt + 1 and tries())[-1] == (attempt, "timeout")  # noqa: B023
    slack.until(lambda: not slack.wire.busy)
    assert slack.wire.retries == []
    assert len({each.payload["event_id"] for each in listener.heard
                if each.payload["event"]["type"] == "reaction_added"}) == 1


def test_an_event_comes_again_to_an_app_that_was_not_there(slack: LocalSlack, listeners: Listeners) -> None:
    assert slack.mention("ana", "status").undelivered == "connection_failed"
    assert slack.sockets == 0
    slack.until(lambda: [each.attempt for each in slack.wire.retries] == [2, 2])  # the mention and the message


def test_a_rotation_moves_to_a_new_socket_and_loses_nothing(slack: LocalSlack, listeners: Listeners) -> None:
    listener = listeners.open(slack)
    first, slack.wire.patience = listener.client.wss_uri, 3.0  # the SDK reads the new one when the old one is closed
    slack.faults.rotate_sockets()
    slack.until(lambda: slack.sockets == 1 and listener.client.wss_uri != first)
    assert {"type": "disconnect", "reason": "refresh_requested", "debug_info": {"host": "local"}} in listener.raw
    assert slack.slash("ana", "status").ok


def test_the_eleventh_socket_is_turned_away(slack: LocalSlack) -> None:
    """Seen by a bare client: the SDK's own tries for ever to come in."""
    client = client_of(slack)
    addresses = [client.apps_connections_open(app_token=slack.app_token)["url"] for _ in range(11)]

    async def first_words() -> list[dict]:
        async with aiohttp.ClientSession() as session, AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(session.ws_connect(each)) for each in addresses]
            return [await each.receive_json(timeout=2) for each in sockets]

    *ten, late = asyncio.run(first_words())
    assert {each["type"] for each in ten} == {"hello"}
    assert (late["type"], late["reason"]) == ("disconnect", "too_many_websockets")
