"""The bot taken apart into its steps, at a Slack of its own on loopback, in a time that a test moves."""

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from bots.board import Board
from bots.door import Door, Signs
from bots.home import Pages
from bots.local.workspace import LocalSlack
from bots.sender import Sender
from bots.surface import Settings, app
from bots.work import Worker
from mlops_tui.opening import open_project
from mlops_tui.project import Project
from mlops_tui.session import ReplayClock, Session
from store.facts import AlertEvent, Fact
from store.ledger import Entry, Ledger
from store.queues import Inbox, Outbox, Said
from tests.bots.local.conftest import Clock, part

CHANNEL = "C01"


@dataclass
class Desk:
    """One bot: `clock` is Slack's and the sender's time, `world` the project's; nothing moves by itself."""

    folder: Path
    slack: LocalSlack
    clock: Clock
    world: ReplayClock
    said: list[str] = field(default_factory=list)
    handlers: list[SocketModeHandler] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.born()

    def born(self) -> None:
        """A process begins with what is on the disk."""
        self.session: Session = open_project(self.folder, person="ana", clock=self.world)
        assert isinstance(self.session.ledger, Ledger)
        self.ledger = self.session.ledger
        self.client = WebClient(self.slack.bot_token, self.slack.url, timeout=2, retry_handlers=[])
        self.inbox, self.outbox, self.signs = Inbox(self.ledger.engine), Outbox(self.ledger.engine), Signs()
        self.worker = Worker(self.session, self.said.append, client=self.client)
        self.sender = Sender(self.client, self.ledger, self.said.append, clock=self.clock)
        self.board = Board(self.session, self.client, CHANNEL, self.said.append, clock=self.clock)
        self.pages = Pages(self.session, self.client, self.said.append, clock=self.clock)

    def listens(self) -> None:
        """The door opens, over a real socket."""
        team = str(self.client.auth_test()["team_id"])
        door = Door(self.inbox, lambda: Project(self.folder), self.client, self.slack.url.removesuffix("api/"),
                    meant=self.worker.meant, signs=self.signs, team=lambda: team, shut=self.worker.shut)
        handler = SocketModeHandler(app(door, Settings("x")), self.slack.app_token, web_client=self.client)
        self.handlers.append(handler)
        handler.connect()
        self.slack.until(lambda: self.slack.sockets)

    def works(self) -> None:
        """What came in is done, and what that says is said."""
        for asked in self.inbox.waiting():
            self.worker.deal(asked)
        self.pages.round()
        self.speaks()

    def speaks(self, times: int = 1, seconds: float = 1.1) -> None:
        """The sender's rounds, with time between them."""
        for _ in range(times):
            self.sender.round()
            self.clock.pass_(seconds)

    def turns(self, times: int = 1, seconds: float = 1.1) -> None:
        """The board's and the sender's rounds, with time between them."""
        for _ in range(times):
            self.board.round()
            self.speaks(1, seconds)

    def rests(self) -> None:
        """Until nothing waits to be said, or time enough for all of it has passed."""
        for _ in range(400):
            self.turns()
            if not {"new", "sending"} & set(self.outbox.counts()) and not self.board.behind:
                return
            self.clock.pass_(5)
        raise AssertionError(f"it never came to rest: {self.outbox.counts()} {self.said}")

    def says(self, key: str, text: str = "", method: str = "chat.postMessage", channel: str = CHANNEL,
             **more: Any) -> Said:
        """Something is put into the outbox."""
        self.outbox.put(key, method, channel, {"text": text or key, **more})
        return self.outbox.one(key)

    def happens(self, *facts: Fact) -> list[Entry]:
        return self.ledger.append(*facts)

    def fires(self, id: str = "AL-1", event: str = "fired", **more: Any) -> None:
        given = {"monitor": "flights-drift", "about": "flights-delay", "check": "drift", "severity": "high",
                 "title": f"{id} moved", "runbook": "data-drift"} if event == "fired" else {}
        self.happens(AlertEvent(subject=id, event=event, **{**given, **more}))

    @property
    def texts(self) -> list[str]:
        """What stands in the channel, in its order, threads left out."""
        return [each["text"] for each in self.cards]

    @property
    def cards(self) -> list[dict[str, Any]]:
        return self.slack.messages()

    def waiting(self) -> list[tuple[str, str]]:
        """What was kept of what came in: its kind and who asked."""
        return [(each.kind, each.person) for each in self.inbox.waiting()]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.ledger.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def until(self, holds: Callable[[], object]) -> None:
        self.slack.until(holds, 5)

    def leaves(self) -> None:
        """Everything is closed; what Slack's own client leaves to the garbage collector is collected."""
        part(self.slack, *(handler.client for handler in self.handlers))
        if self.handlers:
            gc.collect()
