"""What the outside says back: alerts of an Alertmanager, acks and resolves of PagerDuty; each proves who it is.

Alertmanager: the webhook payload of version 4, as notify/webhook in prometheus/alertmanager makes it, with a bearer
token (http_config: authorization). PagerDuty: webhooks of version 3, developer.pagerduty.com/docs/webhooks-overview;
`x-pagerduty-signature` lists `v1=` and HMAC-SHA256 of the body in hex, one for each secret that is valid.
"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from threading import Lock
from typing import Any

from bots.routes.calling import Environment
from bots.sender import Say
from mlops_tui import folds
from mlops_tui.alerts.routing import actor_of
from mlops_tui.daemon import fresh, ledger_of
from mlops_tui.declarations.routes import Route
from mlops_tui.errors import Refusal
from mlops_tui.oversight.listening import Answer, Listening, listening
from mlops_tui.project import Project
from mlops_tui.render.cells import clean
from mlops_tui.session import Session
from store.facts import AlertEvent, Command
from store.ledger import Entry, Ledger

PATH = re.compile(r"/routes/([A-Za-z0-9_.-]+)")
LARGEST = 1 << 20   # bytes of one request
RECORDED = 60.0     # seconds between two entries for requests refused for the same reason
TITLE = 200         # characters of a title
SEVERITY = {"critical": "critical", "page": "critical", "error": "high", "high": "high", "warning": "medium",
            "medium": "medium", "info": "low", "none": "low", "low": "low"}
EVENTS = {"incident.acknowledged": "acked", "incident.resolved": "resolved"}


class Refused(Exception):
    """It is not taken in; `status` says so over HTTP, `kept` whether the history is told."""

    def __init__(self, status: int, why: str, *, kept: bool = False) -> None:
        super().__init__(why)
        self.status, self.kept = status, kept


@dataclass(frozen=True)
class Said:
    """What a request says, once it is known whose it is: decided on the history as it stands."""

    decide: Callable[[Sequence[Entry]], list[AlertEvent]]
    nothing: str = "nothing changed"


# -- Alertmanager ---------------------------------------------------------------------------------------------------


def from_alertmanager(body: Mapping[str, Any], name: str, project: Project) -> Said:
    """Its alerts as ours, one for each fingerprint; those of a group share a card. Resolved there is resolved here.

    What we told it ourselves, it does not tell us.
    """
    told, group = body.get("alerts"), clean(str(body.get("groupKey") or ""))
    if str(body.get("version")) != "4" or not isinstance(told, list) or not all(map(_whole, told)):
        raise Refused(400, "not a webhook of Alertmanager's version 4")

    def decide(entries: Sequence[Entry]) -> list[AlertEvent]:
        known = folds.alerts(entries)
        going = {each.monitor: each.id for each in known.values() if each.open}
        made: dict[str, AlertEvent] = {}
        ours = [each for each in told if (each.get("labels") or {}).get("project") == project.settings.project
                and (each.get("labels") or {}).get("alert") in (*known, "TEST")]
        free = count(int(folds.next_id("AL", known).rpartition("-")[2]))
        for each in (each for each in told if each not in ours):
            monitor = f"{name}/{each['fingerprint']}"
            if each["status"] == "firing" and monitor not in going and monitor not in made:
                made[monitor] = _fired(each, f"AL-{next(free)}", monitor, f"{name} {group}" if group else "", project)
            elif each["status"] == "resolved" and monitor in going and monitor not in made:
                made[monitor] = AlertEvent(subject=going[monitor], event="resolved", note=f"resolved by {name}")
        return list(made.values())

    return Said(decide)


def _whole(each: object) -> bool:
    return isinstance(each, dict) and each.get("status") in ("firing", "resolved") and isinstance(
        each.get("fingerprint"), str) and re.fullmatch(r"[0-9A-Za-z]{1,64}", each["fingerprint"]) is not None and \
        all(isinstance(each.get(part, {}), dict) for part in ("labels", "annotations"))


def _fired(each: Mapping[str, Any], number: str, monitor: str, group: str, project: Project) -> AlertEvent:
    labels, notes = ({clean(str(key)): clean(str(text)) for key, text in (each.get(part) or {}).items()}
                     for part in ("labels", "annotations"))
    ours = {*project.models, *project.datasets}
    about = next((text for text in labels.values() if text in ours), labels.get("alertname", monitor))
    title = " ".join((notes.get("summary") or notes.get("description") or labels.get("alertname", monitor)).split())
    return AlertEvent(subject=number, event="fired", monitor=monitor, about=about[:TITLE], group=group[:TITLE],
                      check=labels.get("alertname", "alert")[:TITLE], title=title[:TITLE],
                      severity=SEVERITY.get(labels.get("severity", "").lower(), "medium"))


# -- PagerDuty ------------------------------------------------------------------------------------------------------


def from_pagerduty(body: Mapping[str, Any], name: str, project: Project) -> Said:
    """A person's ack or resolve of what was opened there, of the same turn of the alert: an old one replayed does
    nothing. What an integration did, we did: its agent is an `inbound_integration_reference`."""
    event = body.get("event")
    data = event.get("data") if isinstance(event, dict) else None
    if not isinstance(event, dict) or not isinstance(data, dict):
        raise Refused(400, "not a webhook of PagerDuty's version 3")
    turn, key = EVENTS.get(str(event.get("event_type"))), str(data.get("incident_key") or "")
    whose, alert, fired = key.rsplit("/", 2) if key.count("/") > 1 else ("", "", "")
    if turn is None or whose != project.settings.project:
        return Said(lambda _: [], "not about an alert of ours")
    agent = event.get("agent")
    if not isinstance(agent, dict) or agent.get("type") != "user_reference":
        return Said(lambda _: [], "not done by a person")
    user = str(agent.get("id") or "")
    who = next((person for person, each in project.team.people.items() if user and each.pagerduty == user),
               f"somebody at {name}")

    def decide(entries: Sequence[Entry]) -> list[AlertEvent]:
        found = folds.alerts(entries).get(alert)
        if found is None or not found.open or found.turn.isoformat() != fired:
            return []
        if turn == "acked":
            return [AlertEvent(subject=alert, event="acked", who=who)] if found.state == "firing" else []
        return [AlertEvent(subject=alert, event="resolved", note=f"resolved at {name} by {who}")]

    return Said(decide)


# -- who it is ------------------------------------------------------------------------------------------------------


def proven(route: Route, body: bytes, headers: Mapping[str, str], environment: Environment) -> bool:
    """Whether the request shows the secret that the route's `receive_env` holds."""
    held = environment.get(route.receive_env, "").strip()
    if not held:
        return False
    if route.kind == "pagerduty":
        digest = f"v1={hmac.new(held.encode(), body, hashlib.sha256).hexdigest()}"
        given = headers.get("x-pagerduty-signature", "").split(",")
        return any(hmac.compare_digest(digest.encode(), each.strip().encode()) for each in given)
    return hmac.compare_digest(f"Bearer {held}".encode(), headers.get("authorization", "").encode())


READ: Mapping[str, Callable[[Mapping[str, Any], str, Project], Said]] = {
    "alertmanager": from_alertmanager, "pagerduty": from_pagerduty}


@dataclass
class Ear:
    """Takes in what is proven, one at a time, and answers when it is in the history."""

    session: Session
    environment: Environment
    say: Say
    clock: Callable[[], float] = time.monotonic
    _lock: Lock = field(default_factory=Lock)
    _recorded: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger: Ledger = ledger_of(self.session)

    def hear(self, path: str, body: bytes, headers: Mapping[str, str]) -> str:
        """What it did. Refused where it may not, or is none; another Refusal where it cannot be kept now."""
        with self._lock:
            try:
                return self._heard(path, body, headers)
            except Refused as problem:
                if problem.kept:
                    self._record(str(problem))
                raise

    def _heard(self, path: str, body: bytes, headers: Mapping[str, str]) -> str:
        project = fresh(self.session).declared()
        match = PATH.fullmatch(path)
        name = match[1] if match else ""
        route = project.routes.get(name)
        if route is None or not route.receive_env or route.kind not in READ:
            raise Refused(404, "no such route takes anything in", kept=True)
        if not proven(route, body, headers, self.environment):
            raise Refused(401, f"{name}: not proven", kept=True)
        try:
            told = json.loads(body)
        except (ValueError, RecursionError) as problem:
            raise Refused(400, f"{name}: no JSON", kept=True) from problem
        if not isinstance(told, dict):
            raise Refused(400, f"{name}: no JSON object", kept=True)
        try:
            said = READ[route.kind](told, name, project)
        except Refused as problem:
            raise Refused(problem.status, f"{name}: {problem}", kept=True) from problem
        added = self.ledger.acting_as(actor_of(name)).transact(said.decide)
        done = [f"{entry.subject} {getattr(entry.fact, 'event', '')}" for entry in added]
        for each in done:
            self.say(f"route {name}: {each}")
        return ", ".join(done) or said.nothing

    def _record(self, why: str) -> None:
        """One entry, and not more than one a minute: who knocks all day must not fill the history."""
        if self.clock() - self._recorded.get(why, -RECORDED) < RECORDED:
            return
        self._recorded[why] = self.clock()
        fact = Command(subject="route", argv=(), shape="", phase="refused", status="denied", source="route", error=why)
        with suppress(Refusal):
            self.ledger.acting_as("somebody at the door").append(fact)
        self.say(f"■ routes: refused: {why}")


# -- HTTP -----------------------------------------------------------------------------------------------------------


def listen(session: Session, environment: Environment, say: Say) -> Listening | None:
    """Listen at the address in mlops.yaml, `inbound`; None where there is none. BadInput where it is taken."""
    declared = session.declared().settings.inbound
    if declared is None:
        return None
    answer = _handler(Ear(session, environment, say), say)
    made = listening("inbound", declared.host, declared.port, answer, say)
    say(f"routes: listening on {declared.host}:{made.port}/routes/")
    return made


def _handler(ear: Ear, say: Say) -> type[Answer]:
    class Heard(Answer):
        """POST /routes/NAME and nothing else."""

        def do_POST(self) -> None:  # noqa: N802  (the library calls it so)
            length = self.headers.get("Content-Length", "")
            if not re.fullmatch(r"\d{1,9}", length) or int(length) > LARGEST:
                self.says(413, f"a request has a length of {LARGEST} bytes at most")
                return
            body = self.rfile.read(int(length))
            headers = {name.lower(): text for name, text in self.headers.items()}
            try:
                self.says(200, ear.hear(self.path.partition("?")[0], body, headers))
            except Refused as problem:
                self.says(problem.status, str(problem).rpartition(": ")[2])
            except Refusal as problem:  # it cannot be kept now: whoever says it says it again
                say(f"■ routes: {problem}")
                self.says(503, "not now")

        def says(self, code: int, text: str) -> None:
            self.send(code, f"{text}\n", "text/plain; charset=utf-8")

    return Heard
