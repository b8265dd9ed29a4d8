"""A small project whose alerts go outside, its people, and the sender between them, in a time that a test moves."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bots.routes.sending import Routes
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session
from store.facts import AlertEvent
from store.ledger import Ledger
from store.queues import Outbox, Said
from tests.bots.routes.doubles import KEY

TEAM = """\
people:
  ana: {roles: [engineer], simulated: true, email: ana@example.org}
  bo: {roles: [approver, oncall], simulated: true, email: bo@example.org, pagerduty: PXPGF42}
  cy: {roles: [approver], simulated: true}
"""
MONITOR = "check: drift\nsubject: flights-delay\nalert: {{severity: high, route: {route}, runbook: data-drift{more}}}\n"


@dataclass
class Hands:
    """A clock of the machine's, moved by hand."""

    now: float

    def __call__(self) -> float:
        return self.now


@dataclass
class Outside:
    """`world` is the project's time, `clock` the machine's."""

    folder: Path
    world: ReplayClock
    clock: Hands = field(default_factory=lambda: Hands(time.time()))
    environment: dict[str, str] = field(default_factory=lambda: {"PD_KEY": KEY})
    said: list[str] = field(default_factory=list)
    at_work: list[Routes] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "team.yaml").write_text(TEAM, encoding="utf-8")
        (self.folder / "routes").mkdir()
        self.alerts_go_to("pager")
        self.session: Session = open_project(self.folder, person="ana", clock=self.world)
        assert isinstance(self.session.ledger, Ledger)
        self.ledger, self.outbox = self.session.ledger, Outbox(self.session.ledger.engine)
        self.born()

    def born(self) -> None:
        """A process begins with what is on the disk."""
        self.routes = Routes(self.session, self.environment, self.said.append, clock=self.clock)
        self.at_work.append(self.routes)

    def declares(self, name: str, text: str) -> None:
        (self.folder / f"routes/{name}.yaml").write_text(text, encoding="utf-8")

    def alerts_go_to(self, route: str, more: str = "") -> None:
        (self.folder / "monitors/flights-drift.yaml").write_text(MONITOR.format(route=route, more=more), "utf-8")

    def turn(self, times: int = 1, seconds: float = 2.0) -> None:
        for _ in range(times):
            self.routes.decide()
            self.routes.round(wait=True)
            self.clock.now += seconds

    def rests(self) -> None:
        """Until nothing waits."""
        for _ in range(40):
            self.turn(seconds=70)
            if not {"new", "sending"} & set(self.outbox.counts()):
                return
        raise AssertionError(f"it never came to rest: {self.outbox.counts()} {self.said}")

    def fires(self, id: str = "AL-1", event: str = "fired", route: str = "pager", actor: str = "", **more: Any) -> None:
        given = {"monitor": "flights-drift", "about": "flights-delay", "check": "drift", "severity": "high",
                 "title": f"{id} moved", "runbook": "data-drift", "route": route} if event == "fired" else {}
        ledger = self.ledger.acting_as(actor) if actor else self.ledger
        ledger.append(AlertEvent(subject=id, event=event, **{**given, **more}))

    def passes(self, **span: float) -> datetime:
        from_here = self.world().timestamp() + sum(value * {"minutes": 60, "hours": 3600}[unit]
                                                   for unit, value in span.items())
        self.world.advance(datetime.fromtimestamp(from_here, self.world().tzinfo))
        self.clock.now += 11  # so long the sender may sleep
        return self.world()

    def letters(self, status: str = "sent") -> list[Said]:
        with self.ledger.engine.connect() as connection:
            keys = connection.exec_driver_sql("SELECT key FROM outbox WHERE status = ? ORDER BY id", (status,))
            return [self.outbox.one(str(key)) for (key,) in keys]

    @property
    def events(self) -> list[str]:
        return [getattr(entry.fact, "event", "") for entry in self.ledger.entries("alert")]

    @property
    def refused(self) -> list[str]:
        return [str(getattr(entry.fact, "error", "")) for entry in self.ledger.entries("command")
                if entry.subject == "route"]


@pytest.fixture
def outside(project: Path, clock: ReplayClock) -> Iterator[Outside]:
    made = Outside(project, clock)
    yield made
    for routes in made.at_work:
        routes.stop()
