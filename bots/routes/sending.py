"""What goes out by routes: decided from the history, kept, and sent by each route at its own pace."""

import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby

from bots import blocks
from bots.routes import alertmanager, mail, pagerduty, webhook
from bots.routes.alive import stands_still
from bots.routes.calling import BUSY, Environment, address, bearer, called
from bots.sender import LOOKED_UP, NotSaid, PerhapsSaid, Say, back_off
from mlops_tui import folds
from mlops_tui.alerts import oncall, routing
from mlops_tui.alerts.alertstate import Alert, priced
from mlops_tui.alerts.routing import Message, Outgoing, message
from mlops_tui.daemon import fresh, ledger_of
from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.routes import Route
from mlops_tui.project import Project
from mlops_tui.response import _words
from mlops_tui.session import Session
from store.facts import AlertEvent
from store.ledger import Entry
from store.pulses import Pulses
from store.queues import ROUTE, Outbox, Said

HANDS = 16       # routes that are told something at once
AGAIN = 10.0     # seconds after which time alone may have made something due
OVERTAKEN = "overtaken"           # what never had to be said: it was over by then
PERHAPS = "overtaken; perhaps sent"  # the same, of something whose answer was lost
KINDS = ("alert", "finding", "oncall")


@dataclass
class Routes:
    """Decides, hands out, and tells of failures once; a route that is dead is nobody else's trouble."""

    session: Session
    environment: Environment
    say: Say
    clock: Callable[[], float] = time.time
    _head: int = -1
    _looked_at: float = 0.0
    _busy: "dict[str, Future[None]]" = field(default_factory=dict)
    _free: dict[str, float] = field(default_factory=dict)  # when a route may be used again
    _wrong: dict[str, str] = field(default_factory=dict)   # what was last said of a route
    _last: dict[str, float] = field(default_factory=dict)  # when a route was last told that all stands as it did
    _stop: bool = False

    def __post_init__(self) -> None:
        self.ledger = ledger_of(self.session)
        self.outbox, self.pulses = Outbox(self.ledger.engine), Pulses(self.ledger.engine)
        self._hands = ThreadPoolExecutor(HANDS, thread_name_prefix="route")

    def stop(self) -> None:
        """Take nothing more in hand, and let what is in hand come to its end."""
        self._stop = True
        self._hands.shutdown(wait=True, cancel_futures=True)

    # -- deciding -------------------------------------------------------------------------------------------------

    def decide(self) -> int:
        """Put what is due into the outbox, each thing once; how much that was."""
        head, now = self.ledger.head_seq(), self.clock()
        if head == self._head and 0 <= now - self._looked_at < AGAIN:  # the machine's clock may be set back
            return 0
        session, known = fresh(self.session), self.outbox.keys(f"{routing.PREFIX}/")
        project, had, put = session.declared(), set(known), 0
        due = self._outgoing(project, known).due(self._alerts(), _policies(project), session.now())
        if new := [each for each in due if each.key not in had]:
            with self.ledger.locked() as connection:
                put = sum(self.outbox.put(each.key, ROUTE, each.route, each.body, connection) for each in new)
        self._head, self._looked_at = head, now
        return put

    def _alerts(self) -> list[Alert]:
        entries = self.ledger.entries(*KINDS)
        return priced(folds.alerts(entries).values(), entries)

    def _outgoing(self, project: Project, keys: Iterable[str]) -> Outgoing:
        told = routing.told(keys)
        by = routing.turned_by(self.ledger.entries("alert"))
        return Outgoing(project.settings.project, project.routes, told, by, _words.loss)

    # -- sending --------------------------------------------------------------------------------------------------

    def round(self, *, wait: bool = False) -> None:
        """Hand out what waits, a route to each hand; one that is busy, or is to be left alone, waits."""
        self._busy = {name: future for name, future in self._busy.items() if not future.done()}
        now = self.clock()
        held = {*self._busy, *(name for name, at in self._free.items() if at > now)}
        rows = sorted(self.outbox.due(now, 500, held=held, routes=True), key=lambda said: said.channel)
        for route, waiting in groupby(rows, key=lambda said: said.channel):
            self._hand(route, self._empty, route, sorted(waiting, key=lambda said: said.id))
        self._stand()
        if wait:
            for future in self._busy.values():
                future.result()

    def _hand(self, name: str, work: Callable[..., None], *given: object) -> None:
        self._busy[name] = self._hands.submit(self._held, name, work, *given)

    def _held(self, name: str, work: Callable[..., None], *given: object) -> None:
        """A bug of ours, or a line in a file that nobody foresaw, is said, and the route left alone for a while."""
        try:
            work(*given)
        except Exception as problem:  # the end of this surface: a thread that dies in silence would hide it
            self._free[name] = self.clock() + BUSY
            self._tell(name, type(problem).__name__)

    def _empty(self, name: str, waiting: Iterable[Said]) -> None:
        """Send what waits on one route, in its order, until something has to wait."""
        session = fresh(self.session)
        alerts = {each.id: each for each in self._alerts()}
        for said in waiting:
            if self._stop or not self._deal(session, said, alerts.get(message(said.body).alert)):
                return

    def _deal(self, session: Session, said: Said, alert: Alert | None) -> bool:
        """Send one; True where it is settled."""
        told = message(said.body)
        if over := self._over(said, told, alert, session.now()):
            self.outbox.sent(said.id, over)
            return True
        if said.status == "new" and not self.outbox.sending(said.id):
            return False
        try:
            reference = self._told(session, told)
        except NotSaid as problem:
            return self._not_said(said, problem)
        except PerhapsSaid as problem:
            self._tell(said.channel, str(problem))
            self.outbox.later(said.id, self.clock() + back_off(said.tries), str(problem), said=True)
            return False
        self.outbox.sent(said.id, reference)
        self._tell(said.channel, "")
        return True

    def _over(self, said: Said, told: Message, alert: Alert | None, now: datetime) -> str:
        """Why it need not be said any more: nobody is woken by what somebody took up, or what is over; and what was
        never begun there is not ended."""
        if told.test:
            return ""
        if told.event == "trigger":
            fires = alert is not None and alert.state == "firing" and not alert.quiet(now) and \
                told.turn == alert.turn.isoformat()
            return "" if fires else OVERTAKEN if said.status == "new" else PERHAPS
        begun = any(each.status in ("sent", "sending") and each.reference != OVERTAKEN and f"/{told.turn}/" in each.key
                    for each in self.outbox.naming(routing.prefix_of(told.alert, told.route, "trigger")))
        return "" if begun else OVERTAKEN

    def _not_said(self, said: Said, problem: NotSaid) -> bool:
        self._tell(said.channel, str(problem))
        if problem.after is None:
            self.outbox.dead(said.id, str(problem))
            self._undelivered(message(said.body))
            return True
        after = problem.after if not problem.counted else max(problem.after, back_off(said.tries))
        self._free[said.channel] = self.clock() + after
        unsure = said.status == "sending"  # at an earlier try it was perhaps said
        self.outbox.later(said.id, self.clock() + after, str(problem), said=unsure, counted=problem.counted)
        return False

    def _undelivered(self, told: Message) -> None:
        """The history is told once that an alert did not get out that way, so that whoever is next hears of it now.
        Why stands in the queue, from where it can be taken: it may name an address.
        """
        def once(entries: Sequence[Entry]) -> list[AlertEvent]:
            alert = folds.alerts(entries).get(told.alert)
            if alert is None or alert.state != "firing" or told.route in alert.unreached:
                return []
            return [AlertEvent(subject=told.alert, event="undelivered", who=told.route)]

        if told.event == "trigger" and not told.test:
            self.ledger.acting_as(routing.actor_of(told.route)).transact(once)

    def _tell(self, route: str, wrong: str) -> None:
        """Say that a route fails, or works again; once."""
        if wrong != self._wrong.get(route, ""):
            self._wrong[route] = wrong
            self.say(f"■ route {route}: {wrong}" if wrong else f"route {route}: works again")

    def _told(self, session: Session, told: Message) -> str:
        """Tell it by its route; what it is known by there."""
        project = session.declared()
        route = project.routes.get(told.route)
        if route is None:
            raise NotSaid(f"no route '{told.route}' is declared any more", None)
        now = datetime.fromtimestamp(self.clock(), UTC)
        match route.kind:
            case "pagerduty":
                return pagerduty.send(told, route, self.environment)
            case "alertmanager":
                return alertmanager.send([told], route, self.environment, now)
            case "webhook":
                return webhook.send(told, route, self.environment, self.clock())
            case "smtp":
                to = self._addresses(session, route)
                made = mail.letter(told, route, to, now, project.zone)
                return mail.send(made, route, to, self.environment)
            case "slack":
                return self._posted(project, route, told)
            case "ping":
                return self._ping(route)

    def _addresses(self, session: Session, route: Route) -> list[str]:
        """Who is mailed: addresses, and those of the people who are meant by name, role or rotation."""
        project, found = session.declared(), dict[str, None]()
        swapped = oncall.swaps(self.ledger.entries("oncall"))
        for word in route.to:
            people = [] if "@" in word else oncall.reached(project, swapped, word, session.now())
            found |= dict.fromkeys(filter(None, (project.team.people[name].email for name in people)))
            found |= {word: None} if "@" in word else {}
        if not found:
            raise NotSaid(f"nobody of {', '.join(route.to)} has an email in team.yaml", 60.0)
        return list(found)

    def _posted(self, project: Project, route: Route, told: Message) -> str:
        """Hand it to Slack's own sender, under its own key."""
        if project.settings.slack is None:
            raise NotSaid("mlops.yaml says nothing of Slack", None)
        self.outbox.put(f"{told.key}/slack", LOOKED_UP, route.channel, blocks.message(told.view, zone=project.zone))
        return f"slack {route.channel}"

    # -- what is told again and again -----------------------------------------------------------------------------

    def _stand(self) -> None:
        """Alertmanager is told that what fires still does, and whoever watches us that we live."""
        now = self.clock()
        for name, route in Project(self.session.declared().root).routes.items():
            ago = now - self._last.get(name, -math.inf)
            if route.kind not in ("alertmanager", "ping") or 0 <= ago < route.every.total_seconds():
                continue
            if f"still {name}" not in self._busy:
                self._last[name] = now
                self._hand(f"still {name}", self._still if route.kind == "alertmanager" else self._live, name, route)

    def _still(self, name: str, route: Route) -> None:
        """What Alertmanager was told of and still fires, at once; it knows the labels, so nothing fires twice."""
        session = fresh(self.session)
        outgoing = self._outgoing(session.declared(), self.outbox.keys(f"{routing.PREFIX}/"))
        alerts = self._alerts()
        fires = [each for each in alerts if (each.id, name) in outgoing.told and each.state in ("firing", "acked")
                 and not each.quiet(session.now())]
        if not fires or not route.speaks:
            return
        try:
            alertmanager.send([outgoing.message(each, name, "trigger", "", "") for each in fires], route,
                              self.environment, datetime.fromtimestamp(self.clock(), UTC))
        except (NotSaid, PerhapsSaid) as problem:
            self._tell(name, str(problem))

    def _live(self, name: str, route: Route) -> None:
        """A ping, where the daemon holds its lease and the timetable does its work; what came of it is kept."""
        session = fresh(self.session)
        wrong = stands_still(session, self.ledger, self.clock)
        before = self.pulses.seen(f"ping/{name}")
        last = before.detail.get("last") if before is not None else None
        try:
            if not wrong:
                self._ping(route)
                last = self.clock()
        except (NotSaid, PerhapsSaid) as problem:
            wrong = str(problem)
        self._tell(name, f"no ping: {wrong}" if wrong else "")
        self.pulses.beat(f"ping/{name}", self.clock(), last=last, wrong=wrong)

    def _ping(self, route: Route) -> str:
        body = None if route.method == "GET" else json.dumps({"alive": True}).encode()
        called(address(route, self.environment), body, bearer(route, self.environment), route, self.environment,
               route.method)
        return "pinged"


def _policies(project: Project) -> dict[str, AlertPolicy]:
    return {name: monitor.alert for name, monitor in project.monitors.items() if monitor.alert is not None}
