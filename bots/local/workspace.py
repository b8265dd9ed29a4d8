"""`LocalSlack`: a protocol-faithful Slack on loopback, for tests and for trying the bot without a workspace."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from bots.local import payloads
from bots.local.faults import Faults
from bots.local.limits import Limits
from bots.local.people import People
from bots.local.server import HOST, Server, Tokens
from bots.local.state import CHANNELS, PEOPLE, SCOPES, Clock, State
from bots.local.wire import Ack, Wire
from mlops_tui.errors import BadInput

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True)
class Installed:
    """What a workspace knows of an app."""

    scopes: frozenset[str] = frozenset(SCOPES)
    commands: tuple[str, ...] = ("/mlops",)
    events: frozenset[str] | None = None
    shortcuts: Mapping[str, str] = field(default_factory=dict)  # those on messages: callback id and name

    @classmethod
    def by(cls, manifest: Mapping[str, Any] | None) -> Self:
        if manifest is None:
            return cls()
        features = manifest["features"]
        return cls(frozenset(manifest["oauth_config"]["scopes"]["bot"]),
                   tuple(each["command"] for each in features.get("slash_commands", ())),
                   frozenset(manifest["settings"]["event_subscriptions"]["bot_events"]),
                   {each["callback_id"]: each["name"] for each in features.get("shortcuts", ())
                    if each["type"] == "message"})


class LocalSlack(People):
    """A Slack workspace that listens on 127.0.0.1 from `start()` to `stop()`, or within a `with` block."""

    bot_token, app_token = "xoxb-local-bot", "xapp-local-app"
    signing_secret = "local-signing-secret"

    def __init__(self, people: Mapping[str, str] = PEOPLE, channels: Mapping[str, str] = CHANNELS, *,
                 private: Iterable[str] = (), scopes: Iterable[str] | None = None,
                 manifest: Mapping[str, Any] | None = None, clock: Clock = time.time, patience: float = 3.0,
                 limits: Limits | None = None, port: int = 0) -> None:
        """People and channels are names with ids; `patience` is real seconds until a timeout; None means no limits.

        The app is installed by its `manifest`: its scopes, commands, shortcuts and the events it subscribed to. With
        none it has `/mlops`, and is told of every event that its scopes let it know.
        """
        faults = Faults(clock)
        wire = Wire(clock, faults, self.signing_secret, patience)
        state = State(people, channels, tuple(private), clock)
        app = Installed.by(manifest)
        tokens = Tokens(self.bot_token, self.app_token, app.scopes if scopes is None else frozenset(scopes), app.events)
        server = Server(state, faults, limits or Limits(), wire, tokens, port)
        self.shortcuts = app.shortcuts
        super().__init__(state, server, faults, app.commands)
        self.wire = wire
        faults.rotate = lambda: server.later(wire.rotate())
        faults.drop = lambda: server.wait(wire.close(list(wire.sockets)))
        faults.went_dark = lambda: server.wait(server.go_dark())
        faults.came_back = lambda: server.wait(server.come_back())

    @property
    def url(self) -> str:
        """The Web API's base address, for `SLACK_API_BASE_URL`."""
        return f"http://{HOST}:{self.server.port}/api/"

    @property
    def environment(self) -> dict[str, str]:
        """What the bot must be told to work here instead of with Slack."""
        return {"SLACK_API_BASE_URL": self.url, "SLACK_BOT_TOKEN": self.bot_token, "SLACK_APP_TOKEN": self.app_token,
                "SLACK_SIGNING_SECRET": self.signing_secret}

    def start(self) -> Self:
        self.server.start()
        return self

    def stop(self) -> None:
        """Close the port and every socket; nothing is left running."""
        self.server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def use_http(self, url: str) -> bool:
        """Deliver by signed requests to this address from now on; whether it passed the url_verification challenge."""
        if urlsplit(url).hostname not in LOOPBACK:
            raise BadInput(f"{url} is not on this machine", where="the local Slack",
                           next="Give an address on 127.0.0.1.")
        self.wire.url = url
        ack = self.server.wait(self.wire.deliver("events_api", payloads.challenge()))
        said = (ack.body or {}).get("challenge") or (ack.body or {}).get("text")
        return not ack.error and said == payloads.challenge()["challenge"]

    def tick(self) -> list[Ack]:
        """Deliver now the events that are due again by the clock, and wait for them."""
        return self.server.wait(self.wire.due())

    @property
    def sockets(self) -> int:
        """How many connections of the app are open and take envelopes."""
        return len([each for each in self.wire.sockets if not each.retiring])

    def settle(self, quiet: float = 0.05, seconds: float = 5.0) -> None:
        """Wait until nothing is under way and the app has made no call for a moment."""
        count, since = -1, time.monotonic()

        def still() -> bool:
            nonlocal count, since
            now = len(self.state.calls)
            if now != count or self.wire.busy:
                count, since = now, time.monotonic()
            return time.monotonic() - since >= quiet

        self.until(still, seconds)
