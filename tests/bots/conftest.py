"""A small project, its people in a Slack of its own on loopback, and the bot between them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bots.local.workspace import LocalSlack
from bots.surface import Service, Settings
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session
from store.facts import AlertEvent, Fact
from store.ledger import Ledger
from tests.bots.desk import Desk
from tests.bots.local.conftest import Clock
from tests.conftest import FILES

PEOPLE = {"ana": "U01", "bo": "U02", "cy": "U03", "vera": "U05", "eve": "U99"}  # nobody knows eve
TEAM = """\
people:
  ana: {slack: U01, roles: [engineer], simulated: true}
  bo: {slack: U02, roles: [approver, oncall], simulated: true}
  cy: {slack: U03, roles: [approver], simulated: true}
  vera: {slack: U05, roles: [viewer], simulated: true}
"""


@dataclass
class Office:
    """Everybody in one place: `session` is the project's, `slack` what people do and see."""

    slack: LocalSlack
    session: Session
    said: list[str] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)

    def begin(self, **more: object) -> Service:
        """The bot comes to work; a second time, as a process that was killed comes back."""
        settings = Settings(self.slack.bot_token, self.slack.app_token, self.slack.signing_secret, self.slack.url,
                            **{"pace": 0.3, **more})  # type: ignore[arg-type]
        service = Service(open_project(self.session.directory, clock=self.session.clock), settings, "#ml-flights",
                          self.said.append)
        self.services.append(service)
        before = self.slack.sockets
        service.start()
        self.until(lambda: self.slack.sockets > before)
        return service

    def end(self) -> None:
        """Everybody goes home; left alone, Slack's client waits three seconds for a last frame."""
        for service in self.services:
            service._stop.set()
        self.slack.faults.drop_sockets()
        for service in self.services:
            service.stop()
        self.services.clear()

    @property
    def cards(self) -> list[dict[str, Any]]:
        """The channel's own messages, without what stands in threads."""
        return [each for each in self.slack.messages() if each.get("thread_ts", each["ts"]) == each["ts"]]

    @property
    def ledger(self) -> Ledger:
        assert isinstance(self.session.ledger, Ledger)
        return self.session.ledger

    def happens(self, *facts: Fact) -> None:
        self.session.ledger.append(*facts)

    def fires(self, id: str = "AL-1", severity: str = "high", title: str = "roc_auc 0.70, limit 0.74",
              monitor: str = "flights-drift", about: str = "flights-delay") -> None:
        self.happens(AlertEvent(subject=id, event="fired", monitor=monitor, about=about, check="drift",
                                severity=severity, title=title, runbook="data-drift", route="oncall"))

    def until(self, seen: Callable[[], object], seconds: float = 15) -> None:
        try:
            self.slack.until(seen, seconds)
        except TimeoutError:
            pytest.fail(f"it never came to that; said: {self.said}\n{self.slack.text()}")

    def events(self, kind: str) -> list[str]:
        return [getattr(entry.fact, "event", "") for entry in self.ledger.entries(kind)]


@pytest.fixture
def desk(project: Path, clock: ReplayClock) -> Iterator[Desk]:
    """The same people, and a bot that takes a step when it is told to."""
    declare(project)
    now = Clock(time.time())
    with LocalSlack(PEOPLE, clock=now, patience=2.0) as slack:
        made = Desk(project, slack, now, clock)
        yield made
        made.leaves()


def declare(project: Path, slack: str = 'channel: "#ml-flights"') -> None:
    """Its people, and where the bot speaks."""
    (project / "team.yaml").write_text(TEAM, encoding="utf-8")
    (project / "mlops.yaml").write_text(FILES["mlops.yaml"] + f"slack: {{{slack}}}\n", encoding="utf-8")


@pytest.fixture
def office(project: Path, clock: ReplayClock) -> Iterator[Office]:
    declare(project)
    with LocalSlack(PEOPLE) as slack:
        made = Office(slack, open_project(project, person="ana", clock=clock))
        yield made
        made.end()
