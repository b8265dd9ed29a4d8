"""Where alerts go outside: each route, what waits on it or was given up, a test of it, and whom an alert told."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import click

from mlops_tui import folds
from mlops_tui.alerts import notifying, oncall, routing
from mlops_tui.alerts.alertstate import Alert
from mlops_tui.capability import Plan, act, look, noun
from mlops_tui.declarations.routes import Route
from mlops_tui.errors import NotDeclared, NotFound
from mlops_tui.render import cells
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View, counted
from store.facts import OnCallSwap
from store.ledger import Ledger
from store.pulses import Pulses
from store.queues import ROUTE, Outbox, Said

route = noun("route", __doc__ or "", bare="list", subject="show", package="mlops_tui.response")
STATES = {"new": "waits", "sending": "waits; perhaps sent", "sent": "sent", "dead": "given up"}
_SLACK = ("chat.postMessage", "chat.postEphemeral")


@look(of=route)
def list_(session: Session) -> View:
    """Every route, with what was sent, what waits and what was given up.

    \b
    Example: mlops-tui route list
    """
    routes, outbox = session.declared().routes, _outbox(session)
    counts = outbox.by_status()
    rows = [_row(name, routes.get(name), counts.get(name, {}), outbox)
            for name in dict.fromkeys((*routes, *counts))]
    dead, waits = (sum(int(str(row[key])) for row in rows) for key in ("given_up", "waits"))
    if not rows:
        return View("No route is declared; alerts are told in Slack and here", Status.PASS, (Text(HOW),))
    said = counted(len(routes), "route") + (f"; {counted(dead, 'message was', 'messages were')} given up" if dead else
                                            f"; {counted(waits, 'message waits', 'messages wait')}" if waits else
                                            "; everything was sent")
    steps = [Action(f"Look at {row['route']}", ("route", "show", str(row["route"]))) for row in rows
             if row["given_up"] or row["waits"]]
    return View(said, Status.FAIL if dead else Status.WARN if waits else Status.PASS,
                (Table.of("routes", rows, "route", "kind", "sent", "waits", "given_up", "last",
                          *(["error"] if any(row["error"] for row in rows) else []), "to"),),
                tuple(steps[:3]) or (Action("Try one", ("route", "test", str(rows[0]["route"]))),))


HOW = "Declare one in routes/, such as routes/pager.yaml:\nkind: pagerduty\nkey_env: PAGERDUTY_ROUTING_KEY"


def _outbox(session: Session) -> Outbox:
    """What goes out of the project; NotDeclared where there is none."""
    session.declared()
    if not isinstance(session.ledger, Ledger):
        raise NotDeclared("This session has no history.", where=str(session.directory))
    return Outbox(session.ledger.engine)


def _row(name: str, declared: Route | None, counts: Mapping[str, int], outbox: Outbox) -> Row:
    waits, dead = counts.get("new", 0) + counts.get("sending", 0), counts.get("dead", 0)
    last = outbox.by_route(name)
    error = next((each.error for each in last if each.error and each.status != "sent"), "")
    ping = Pulses(outbox.engine).seen(f"ping/{name}")
    at = next((datetime.fromisoformat(each.ended_at) for each in last if each.status == "sent" and each.ended_at), None)
    if ping is not None:
        at = datetime.fromtimestamp(ping.detail["last"], UTC) if ping.detail.get("last") else None
        error = str(ping.detail.get("wrong") or "")
    status = Status.FAIL if dead else Status.WARN if waits or error else Status.PASS
    return {"status": status if declared is not None else Status.WARN, "route": name,
            "kind": declared.kind if declared is not None else "not declared any more",
            "to": declared.address if declared is not None else None, "sent": counts.get("sent", 0), "waits": waits,
            "given_up": dead, "last": at, "error": error or None}


@look(of=route)
@click.argument("route")
def show(session: Session, route: str) -> View:
    """One route: where it leads, what it needs, who uses it, and what it was told last.

    \b
    Example: mlops-tui route show pager
    """
    project = session.declared()
    declared: Route = project.one("route", route)
    outbox = _outbox(session)
    row = _row(route, declared, outbox.by_status().get(route, {}), outbox)
    uses = sorted(name for name, monitor in project.monitors.items() if monitor.alert is not None
                  and route in (monitor.alert.route, *(step.to for step in monitor.alert.escalate)))
    inbound = project.settings.inbound
    facts: dict[str, Cell] = {
        "kind": declared.kind, "to": declared.address, "description": declared.description,
        "needs": declared.variables, "used_by": tuple(uses),
        "listens": f"http://{inbound.host}:{inbound.port}/routes/{route}" if inbound and declared.receive_env else "",
        "sent": row["sent"], "waits": row["waits"], "given_up": row["given_up"], "last": row["last"],
        "error": row["error"]}
    told = [_told(each, project.routes) for each in outbox.by_route(route)]
    again = tuple(Action(f"Send {each['number']} again", ("route", "again", str(each["number"])))
                  for each in told if each["state"] == STATES["dead"])
    status = Status(str(row["status"]))
    return View(f"{route}: {declared.kind} to {declared.address}", Status.WARN if status is Status.FAIL else status,
                (Facts({name: value for name, value in facts.items() if value not in ("", None, ())}),
                 Table.of("told", told, "number", "alert", "event", "state", "put", "sent", "error",
                          title="What it was told, newest first")),
                (*again[:3], Action("Try it", ("route", "test", route))))


def _told(said: Said, routes: Mapping[str, Route]) -> Row:
    """What was put under a key, in words; `overtaken` is what never had to be sent. Old ones have a key alone."""
    parts = said.key.split("/")
    alert, event = (parts[1], parts[3]) if said.method == ROUTE and len(parts) > 3 else ("", "told")
    over = said.reference.startswith("overtaken")
    status = Status.FAIL if said.status == "dead" else Status.WARN if said.status != "sent" else \
        Status.UNKNOWN if over else Status.DONE
    kind = routes[said.channel].kind if said.channel in routes else "Slack" if said.method in _SLACK else ""
    return {"status": status, "number": said.id, "alert": alert, "by": kind or said.method,
            "to": said.channel, "event": event, "why": said.body.get("why") or "",
            "state": "not sent: over by then" if over else STATES[said.status],
            "put": datetime.fromisoformat(said.put_at), "error": said.error or None,
            "sent": datetime.fromisoformat(said.ended_at) if said.ended_at and said.status == "sent" and not over
            else None, "reference": said.reference or None}


@act(of=route)
@click.argument("route")
def test(session: Session, route: str) -> Plan:
    """Send something that says it is a test, by the way that alerts go.

    \b
    Example: mlops-tui route test pager
    """
    declared: Route = session.declared().one("route", route)
    outbox = _outbox(session)
    plan = View(f"A test goes to {declared.address} by {declared.kind}", Status.CONFIRM, (Text(
        "It is marked as a test, of the lowest severity, and ended at once. PagerDuty tells whoever is on call there."
        if declared.kind == "pagerduty" else "It is marked as a test."),))

    def apply() -> View:
        made = routing.trial(session.declared().settings.project, route, session.actor.name, session.now())
        for each in made if declared.kind in ("pagerduty", "alertmanager") else made[:1]:
            outbox.put(each.key, ROUTE, route, each.body)
        number = outbox.one(made[0].key).id
        return View(f"A test is on its way to {route}; mlops-tui up sends it", Status.DONE,
                    (Facts({"number": number}),), (Action("Did it arrive?", ("route", "show", route)),))

    return Plan(plan, apply)


@act(of=route, confirm=False)
@click.argument("number", type=int)
def again(session: Session, number: int) -> View:
    """Send what was given up once more, if it is still true.

    \b
    Example: mlops-tui route again 7
    """
    outbox = _outbox(session)
    found = next((each for each in outbox.given_up() if each.id == number and each.method == ROUTE), None)
    if found is None or not outbox.again(number):
        raise NotFound(f"No message {number} was given up on a route.", next="Try: mlops-tui route list")
    return View(f"{number} goes to {found.channel} again when mlops-tui up is at work", Status.DONE,
                actions=(Action("Did it arrive?", ("route", "show", found.channel)),))


@look(of=route)
@click.argument("alert")
def why(session: Session, alert: str) -> View:
    """Whom an alert told, when and by which way, and who is told next.

    \b
    Example: mlops-tui route why AL-1
    """
    project = session.declared()
    entries = session.ledger.entries("alert", "oncall")
    found: Alert = folds.known(folds.alerts(entries), alert, "alert")
    told = [_told(each, project.routes) for each in _outbox(session).naming(f"/{found.id}/")]
    swapped, now = oncall.swaps(entries), session.now()
    monitor = project.monitors.get(found.monitor)
    policy = monitor.alert if monitor is not None else None
    ahead: list[Row] = [{"at": at, "to": due.to, "who": _who(session, due.to, swapped, at), "why": due.why}
                        for at, due in notifying.upcoming(found, policy, now)]
    first = notifying.addressees(found)
    reaches = dict.fromkeys(name for to in first for name in _who(session, to, swapped, now))
    facts: dict[str, Cell] = {"state": found.standing(now), "for": first, "reaches": tuple(reaches),
                              "owner": found.owner or None, "since": found.opened_at}
    parts = (Facts({name: value for name, value in facts.items() if value not in ("", None, ())}),
             Table.of("told", told, Column("put", "at"), "to", "state", "event", "why", "by",
                      *(["error"] if any(row["error"] for row in told) else []), title="Told"),
             Table.of("next", ahead, "at", "to", "who", "why", title="Next, while nobody takes it up"))
    steps = (Action("I am on it", ("alert", "ack", found.id)),) if found.state == "firing" else ()
    return View(_answer(session, found, told, ahead), Status.WARN if _unheard(found, told) else Status.DONE, parts,
                (*steps, Action("The alert", ("alert", "show", found.id))))


def _unheard(found: Alert, told: Sequence[Row]) -> bool:
    return found.state == "firing" and not any(row["status"] is Status.DONE for row in told)


def _who(session: Session, to: str, swapped: Sequence[OnCallSwap], at: datetime) -> tuple[str, ...]:
    """The people behind a word, or the route itself."""
    routes = session.declared().routes
    return (f"{routes[to].kind} route",) if to in routes else oncall.reached(session.declared(), swapped, to, at)


def _answer(session: Session, found: Alert, told: Sequence[Row], ahead: Sequence[Row]) -> str:
    places = list(dict.fromkeys(str(row["to"]) for row in told if row["status"] is Status.DONE))
    failed = list(dict.fromkeys(str(row["to"]) for row in told if row["status"] is Status.FAIL))
    said = f"{found.id} told {', '.join(places[:3])}" if places else f"{found.id} has told nobody outside yet"
    said += f"; {', '.join(failed[:2])} failed" if failed else ""
    return said + "".join(_next(session, ahead))


def _next(session: Session, ahead: Sequence[Row]) -> Iterator[str]:
    for row in ahead[:1]:
        if isinstance(row["at"], datetime):
            yield f"; {row['to']} is next at {cells.moment(row['at'], session.declared().zone)}"

