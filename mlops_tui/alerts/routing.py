"""What is said outside of an alert, by which route, each thing once: pure; bots send it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from mlops_tui.alerts.alertstate import Alert
from mlops_tui.alerts.notifying import due_notifications
from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.routes import Route
from mlops_tui.view import Action, Cell, Facts, Status, View
from store.facts import AlertEvent

if TYPE_CHECKING:
    from store.ledger import Entry

Event = Literal["trigger", "acknowledge", "resolve"]
PREFIX = "route"
OVER = ("recovered", "resolved")
TOLD_OF_ACKS = ("pagerduty", "webhook", "smtp", "slack")  # Alertmanager knows no such thing
_SAID: Mapping[str, str] = {"trigger": "", "acknowledge": "Taken up: ", "resolve": "Over: "}


@dataclass(frozen=True)
class Message:
    """One thing for one route. `key` is its own; `thread` is the same for all that is said of one alert, `turn` for all
    that is said of one time that it fired.

    `why` is what fell due (`fired`, `repeat`, `escalated`, …), `who` took it up or ended it; times are ISO 8601.
    """

    key: str
    route: str
    event: Event
    thread: str
    project: str
    alert: str
    title: str
    severity: str
    since: str
    about: str = ""
    check: str = ""
    group: str = ""
    monitor: str = ""
    why: str = ""
    who: str = ""
    number: int = 0
    page: bool = False
    runbook: str = ""
    cost: str = ""
    test: bool = False
    turn: str = ""

    @property
    def incident(self) -> str:
        """What an incident outside is known by: one for each time that the alert fires, so that one which somebody has
        acknowledged there does not swallow the next."""
        return f"{self.thread}/{self.turn}"

    @property
    def body(self) -> dict[str, Any]:
        """What is kept until it is sent."""
        return asdict(self)

    @property
    def subject(self) -> str:
        """It in one line."""
        again = f"again ({self.number}): " if self.why == "repeat" else "nobody is on it: " * (self.why == "escalated")
        return f"{_SAID[self.event]}{again}{self.alert or 'TEST'}: {self.title}"

    @property
    def view(self) -> View:
        """It as somebody reads it who was asleep a minute ago."""
        facts: dict[str, Cell] = {
            "severity": self.severity, "about": self.about, "since": datetime.fromisoformat(self.since),
            "costs": self.cost, "by": self.who, "runbook": self.runbook, "project": self.project}
        status = Status.DONE if self.event == "resolve" or self.test else Status.WARN
        steps = (Action("I am on it", ("alert", "ack", self.alert)), Action("Look", ("alert", "show", self.alert)))
        return View(self.subject, status, (Facts({name: value for name, value in facts.items() if value}),),
                    () if self.test else steps if self.event == "trigger" else steps[1:])


def message(body: Mapping[str, Any]) -> Message:
    """The message that a kept body stands for."""
    return Message(**body)


def prefix_of(alert: str, route: str, event: Event | str = "") -> str:
    """How the keys begin of what a route is told of an alert."""
    return "/".join(filter(None, (PREFIX, alert, route, event))) + "/"


def told(keys: Iterable[str]) -> dict[tuple[str, str], datetime]:
    """Which alert was put on which route, and the newest turn of it that was; from the keys of what was put."""
    found: dict[tuple[str, str], datetime] = {}
    for key in keys:
        parts = key.split("/")
        if len(parts) == 7 and parts[3] == "trigger" and parts[4] != "test":
            since = datetime.fromisoformat(parts[5])
            found[parts[1], parts[2]] = max(since, found.get((parts[1], parts[2]), since))
    return found


def turned_by(entries: "Iterable[Entry]") -> dict[tuple[str, str], str]:
    """Who last did what to each alert, by alert and event: through which route, where it came from outside."""
    return {(entry.subject, entry.fact.event): entry.actor for entry in entries if isinstance(entry.fact, AlertEvent)}


def actor_of(route: str) -> str:
    """How the history calls what came in by a route."""
    return f"{PREFIX} {route}"


def unpriced(_: Mapping[str, Any]) -> str:
    """Nothing is said of what it costs."""
    return ""


@dataclass(frozen=True)
class Outgoing:
    """What is known of the outside: the project's routes, what was put on them, and who did what to the alerts.

    `cost` says in words what an alert is expected to cost.
    """

    project: str
    routes: Mapping[str, Route]
    told: Mapping[tuple[str, str], datetime]
    by: Mapping[tuple[str, str], str]
    cost: Callable[[Mapping[str, Any]], str] = unpriced

    def due(self, found: Sequence[Alert], policies: Mapping[str, AlertPolicy], now: datetime) -> list[Message]:
        """What is to be put on a route by now, put before or not; whoever puts it keeps the keys.

        Of an alert that a route was told of, it is told that somebody took it up or silenced it, and that it is over,
        unless it said so itself.
        """
        return [*self._triggers(found, policies, now), *self._closings({each.id: each for each in found}, now)]

    def _triggers(self, found: Sequence[Alert], policies: Mapping[str, AlertPolicy],
                  now: datetime) -> Iterator[Message]:
        known = {each.id: each for each in found}
        for due in due_notifications(found, policies, now):
            if due.to not in self.speaking:
                continue
            before = self.told.get((due.alert, due.to))
            if before is not None and before < due.since and self.routes[due.to].kind == "pagerduty":
                yield self._ended(known[due.alert], due.to, before)
            turn = due.since.isoformat()
            key = f"{prefix_of(due.alert, due.to, 'trigger')}{due.why}/{turn}/{due.number}"
            yield replace(self.message(known[due.alert], due.to, "trigger", key, turn), why=due.why, number=due.number)

    def _ended(self, alert: Alert, route: str, since: datetime) -> Message:
        """That an earlier turn is over, of which a route was told and that nobody saw end."""
        key = f"{prefix_of(alert.id, route, 'resolve')}{since.isoformat()}"
        return replace(self.message(alert, route, "resolve", key, since.isoformat()), why=alert.told)

    def _closings(self, known: Mapping[str, Alert], now: datetime) -> Iterator[Message]:
        for (name, route), since in self.told.items():
            alert = known.get(name)
            if alert is None or route not in self.speaking:
                continue
            event, turn = self._closing(alert, now)
            if event is None or self.by.get((name, turn)) == actor_of(route) or (
                    event == "acknowledge" and self.routes[route].kind not in TOLD_OF_ACKS):
                continue
            key = f"{prefix_of(name, route, event)}{since.isoformat()}"
            who = alert.owner if event == "acknowledge" else self.by.get((name, turn), "")
            yield replace(self.message(alert, route, event, key, since.isoformat()), why=turn, who=who)

    def _closing(self, alert: Alert, now: datetime) -> tuple[Event | None, str]:
        if alert.state in OVER:
            return "resolve", alert.state
        if alert.state == "acked":
            return "acknowledge", "acked"
        return ("acknowledge", "silenced") if alert.silent(now) else (None, "")

    @property
    def speaking(self) -> Collection[str]:
        """The routes that alerts can be sent by."""
        return {name for name, route in self.routes.items() if route.speaks}

    def message(self, alert: Alert, route: str, event: Event, key: str, turn: str) -> Message:
        """What is said of an alert as it stands."""
        return Message(key, route, event, f"{self.project}/{alert.id}", self.project, alert.id,
                       alert.title or alert.monitor, alert.severity, alert.opened_at.isoformat(), alert.about,
                       alert.check, alert.together, alert.monitor, page=alert.page, runbook=alert.runbook,
                       cost=self.cost(alert.loss), turn=turn)


def trial(project: str, route: str, who: str, now: datetime) -> tuple[Message, Message]:
    """A test of a route, marked as one, and its end."""
    stamp = now.isoformat()
    made = Message(f"{prefix_of('TEST', route, 'trigger')}test/{stamp}/0", route, "trigger",
                   f"{project}/TEST {route}", project, "", f"{who} tries the route {route}; nothing is wrong",
                   "low", stamp, check="test", group="test", why="test", who=who, test=True,
                   turn=stamp)
    return made, replace(made, key=f"{prefix_of('TEST', route, 'resolve')}{stamp}", event="resolve")
