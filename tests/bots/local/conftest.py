"""A workspace for each test, with a clock that stands still until moved where a test asks for it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.socket_mode.builtin.client import SocketModeClient

from bots.local.workspace import LocalSlack


@dataclass
class Clock:
    """Seconds that pass only when told."""

    seconds: float = 1_379_160_000.0

    def __call__(self) -> float:
        return self.seconds

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slack(clock: Clock) -> Iterator[LocalSlack]:
    with LocalSlack(clock=clock, patience=0.5) as workspace:
        yield workspace


def client_of(slack: LocalSlack, token: str = "") -> WebClient:
    return WebClient(token=token or slack.bot_token, base_url=slack.url, retry_handlers=[], timeout=5)


@pytest.fixture
def client(slack: LocalSlack) -> WebClient:
    return client_of(slack)


def part(slack: LocalSlack, *clients: SocketModeClient) -> None:
    """Close the SDK's clients at once and without a race: left alone they wait three seconds for a frame.

    Its `close()` may hang for ever while its own reader starts or ends; so the line is cut first, and the reader waited
    for.
    """
    for each in clients:
        each.auto_reconnect_enabled = each.default_auto_reconnect_enabled = False
        each.current_app_monitor.event.set()
    slack.faults.drop_sockets()
    slack.until(lambda: not any(each.is_connected() for each in clients))
    for each in clients:
        each.closed = True
        each.enqueue_message("{}")
        with suppress(AttributeError):  # another thread of the SDK's closed its socket at the same time
            each.close()


Connect = Callable[[App], SocketModeHandler]


@pytest.fixture
def app(slack: LocalSlack, client: WebClient) -> App:
    return App(client=client, token_verification_enabled=False, process_before_response=False)


@pytest.fixture
def connect(slack: LocalSlack, client: WebClient) -> Iterator[Connect]:
    """Connect an app by Socket Mode; it is closed when the test ends."""
    opened: list[SocketModeHandler] = []

    def connected(app: App) -> SocketModeHandler:
        before = slack.sockets
        handler = SocketModeHandler(app, app_token=slack.app_token, web_client=client, ping_interval=0.2)
        opened.append(handler)
        handler.connect()
        slack.until(lambda: slack.sockets > before)
        return handler

    yield connected
    part(slack, *(handler.client for handler in opened))
