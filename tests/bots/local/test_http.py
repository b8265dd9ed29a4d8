"""Signed requests to the app's own address: verified with Slack's verifier, tried again when they fail."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from slack_bolt import Ack, App, BoltRequest
from slack_sdk.signature import Clock as SlackClock
from slack_sdk.signature import SignatureVerifier

from bots.local.workspace import LocalSlack
from mlops_tui.errors import BadInput
from tests.bots.local.conftest import Clock, client_of


@dataclass
class Endpoint:
    """An app behind a URL: keeps each request, answers with a status and body."""

    status: int = 200
    answer: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    heard: list[tuple[dict[str, str], str]] = field(default_factory=list)
    bolt: App | None = None
    url: str = ""
    challenged: bool = True

    def handle(self, headers: dict[str, str], body: str) -> tuple[int, str, dict[str, str]]:
        self.heard.append((headers, body))
        if body.startswith("{") and json.loads(body).get("type") == "url_verification" and self.challenged:
            return 200, json.loads(body)["challenge"], {}
        if self.bolt:
            made = self.bolt.dispatch(BoltRequest(body=body, headers=dict(headers)))
            return made.status, str(made.body or ""), {name: values[0] for name, values in made.headers.items()}
        return self.status, self.answer, self.extra


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    point = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, answer, extra = point.handle({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            for name, value in (extra | {"Content-Length": str(len(answer.encode()))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    point.url = f"http://127.0.0.1:{server.server_port}/slack/events"
    yield point
    server.shutdown()
    thread.join()
    server.server_close()


class Standing(SlackClock):
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def now(self) -> float:
        return self.clock()


def test_the_address_is_challenged_first(slack: LocalSlack, endpoint: Endpoint) -> None:
    assert slack.use_http(endpoint.url) is True
    assert json.loads(endpoint.heard[0][1])["type"] == "url_verification"


def test_an_address_that_does_not_know_the_answer_fails_the_challenge(slack: LocalSlack, endpoint: Endpoint) -> None:
    endpoint.challenged = False
    assert slack.use_http(endpoint.url) is False
    assert slack.use_http("http://127.0.0.1:1/") is False


def test_nothing_is_sent_to_another_machine(slack: LocalSlack) -> None:
    with pytest.raises(BadInput, match="not on this machine"):
        slack.use_http("http://example.com/slack/events")


def test_every_request_is_signed_with_the_clocks_time(slack: LocalSlack, clock: Clock, endpoint: Endpoint) -> None:
    slack.use_http(endpoint.url)
    slack.slash("ana", "status & more")
    slack.mention("ana", "status")
    verifier = SignatureVerifier(slack.signing_secret, Standing(clock))
    assert len(endpoint.heard) == 4  # challenge, command, mention, message
    assert all(verifier.is_valid_request(body, headers) for headers, body in endpoint.heard)
    assert not SignatureVerifier("another secret", Standing(clock)).is_valid_request(
        endpoint.heard[1][1], endpoint.heard[1][0])
    headers, body = endpoint.heard[1]
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(body)["text"] == ["status &amp; more"]


def test_a_command_is_answered_in_the_response(slack: LocalSlack, endpoint: Endpoint) -> None:
    slack.use_http(endpoint.url)
    endpoint.answer = "all is well"
    assert slack.slash("ana", "status").text == "all is well"
    endpoint.answer = '{"response_type": "in_channel", "text": "for all"}'
    slack.slash("ana", "status")
    assert [each["text"] for each in slack.messages()] == ["for all"]
    assert [each["text"] for each in slack.ephemerals("ana")] == ["all is well"]


def test_a_click_comes_as_a_payload(slack: LocalSlack, endpoint: Endpoint) -> None:
    slack.use_http(endpoint.url)
    button = {"type": "button", "action_id": "ack", "text": {"type": "plain_text", "text": "Ack"}}
    ts = client_of(slack).chat_postMessage(channel="C01", text="x", blocks=[
        {"type": "actions", "elements": [button]}])["ts"]
    assert slack.click("bo", ts, "ack").ok
    payloads = [parse_qs(body)["payload"][0] for _, body in endpoint.heard if body.startswith("payload=")]
    assert json.loads(payloads[0])["actions"][0]["action_id"] == "ack"


def test_a_failing_app_is_told_of_as_people_see_it(slack: LocalSlack, endpoint: Endpoint) -> None:
    slack.use_http(endpoint.url)
    endpoint.status = 503
    assert slack.slash("ana", "status").error == "http_service_error"
    slack.wire.url = "http://127.0.0.1:1/"
    assert slack.slash("ana", "status").error == "dispatch_failed"


def test_an_event_is_tried_again_by_the_clock_with_number_and_reason(
        slack: LocalSlack, clock: Clock, endpoint: Endpoint) -> None:
    slack.use_http(endpoint.url)
    endpoint.status = 500
    slack.open_home("ana")

    def tries() -> list[tuple[str | None, str | None]]:
        return [(headers.get("x-slack-retry-num"), headers.get("x-slack-retry-reason"))
                for headers, body in endpoint.heard if "app_home_opened" in body]

    slack.until(lambda: tries() == [(None, None), ("1", "http_error")])
    slack.until(lambda: slack.wire.retries)
    clock.pass_(61)
    slack.tick()
    endpoint.status = 200
    slack.until(lambda: slack.wire.retries)
    clock.pass_(301)
    slack.tick()
    slack.until(lambda: tries()[2:] == [("2", "http_error"), ("3", "http_error")])
    assert slack.wire.retries == []


def test_an_app_may_ask_not_to_be_tried_again(slack: LocalSlack, endpoint: Endpoint) -> None:
    slack.use_http(endpoint.url)
    endpoint.status, endpoint.extra = 500, {"X-Slack-No-Retry": "1"}
    assert slack.open_home("ana").undelivered == "http_error"
    assert slack.wire.retries == []


def test_bolt_takes_what_the_local_slack_signed(endpoint: Endpoint) -> None:
    with LocalSlack(patience=2) as slack:
        app = App(client=client_of(slack), token_verification_enabled=False, signing_secret=slack.signing_secret)

        @app.command("/mlops")
        def mlops(ack: Ack) -> None:
            ack("signed and read")

        endpoint.bolt = app
        slack.use_http(endpoint.url)
        assert slack.slash("ana", "status").text == "signed and read"
        slack.wire.signing_secret = "another"
        assert slack.slash("ana", "status").error == "http_service_error"
