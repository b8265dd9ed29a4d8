"""Alerts: what fired, who is on it, how long it stays silent, and whether it was real."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

import click

from mlops_tui import folds
from mlops_tui.capability import act, decide, look, noun
from mlops_tui.declare import duration
from mlops_tui.errors import BadInput, Conflict
from mlops_tui.folds import Alert
from mlops_tui.moments import moment, told
from mlops_tui.response import _newest, _people, _timeline
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted
from store.facts import AlertEvent, Fact, Finding
from store.ledger import Entry

alert = noun("alert", __doc__ or "", bare="list", subject="show")
ABOUT_MODELS = ("performance", "calibration", "drift", "stability", "triggers")  # of a model, which `why` explains
SEVERITIES = ("critical", "high", "medium", "low")


@look(of=alert, fold=True)
@click.option("--all", "everything", is_flag=True, help="Resolved alerts too, and how often each monitor was right.")
def list_(session: Session, everything: bool) -> View:
    """Open alerts, the gravest first.

    \b
    Example: mlops-tui alert list --all
    """
    session.declared()
    known = list(folds.alerts(session.ledger.entries("alert")).values())
    shown = sorted((each for each in known if everything or each.open), key=_gravest)
    loud = [each for each in known if each.open and each.state != "recovered" and not each.silent(session.now())]
    quiet = [each for each in known if each.open and each.state != "recovered" and each not in loud]
    parts: tuple[Part, ...] = (_table(shown, session.now()), *((_rules(known),) if everything else ()))
    title = _title(len(loud), len(quiet))
    actions = tuple(Action(f"Look at {each.id}", ("alert", "show", each.id)) for each in shown[:3])
    return View(title, Status.WARN if loud or quiet else Status.PASS, parts, actions)


def _title(loud: int, quiet: int) -> str:
    said = counted(loud, "alert needs somebody", "alerts need somebody") if loud else "No alert needs anybody"
    return f"{said}; {counted(quiet, 'is silenced', 'are silenced')} and not over" if quiet else said


def _gravest(each: Alert) -> tuple[int, int, datetime]:
    rank = SEVERITIES.index(each.severity) if each.severity in SEVERITIES else len(SEVERITIES)
    return (not each.open, rank, each.opened_at)


def _table(shown: Iterable[Alert], now: datetime) -> Table:
    rows: list[Row] = [{"alert": each.id, "state": each.standing(now), "severity": each.severity, "title": each.title,
                        "about": each.about, "since": each.opened_at, "owner": each.owner, "fired": each.fired,
                        "until": told(each.until) if each.silent(now) else None, "monitor": each.monitor,
                        "check": each.check, "runbook": each.runbook, "finding": each.finding,
                        "real": each.real} for each in shown]
    return Table.of("alerts", rows, "alert", "state", "severity", "title", "about", "since", "owner", "fired")


def _rules(known: Sequence[Alert]) -> Table:
    """How often each monitor's alerts were real, of those that somebody judged."""
    rows: list[Row] = []
    for monitor in dict.fromkeys(each.monitor for each in known):
        judged = [each.real for each in known if each.monitor == monitor and each.real is not None]
        rows.append({"monitor": monitor, "alerts": sum(each.monitor == monitor for each in known),
                     "real": judged.count(True), "noise": judged.count(False),
                     "precision": judged.count(True) / len(judged) if judged else None,
                     "reason": "" if judged else "none was judged real or noise yet"})
    return Table.of("rules", rows, "monitor", "alerts", "real", "noise", Column("precision", share=True),
                    title="How often they were right")


@look(of=alert, fold=True)
@click.argument("alert")
def show(session: Session, alert: str) -> View:
    """Everything about one alert, and what to do next.

    \b
    Example: mlops-tui alert show AL-1
    """
    session.declared()
    entries = session.ledger.entries("alert", "finding", "incident")
    found = folds.known(folds.alerts(entries), alert, "alert")
    incidents = [each.id for each in folds.incidents(entries).values() if found.id in each.alerts]
    facts: dict[str, Cell] = {
        "alert": found.id, "state": found.standing(session.now()), "severity": found.severity, "about": found.about,
        "since": found.opened_at, "monitor": found.monitor, "fired": found.fired, "owner": found.owner or None,
        "silent_until": told(found.until) if found.silent(session.now()) else None, "incidents": tuple(incidents)}
    facts |= {"for": _reached(session, found.route)} if found.route else {}
    cause = next((entry.fact for entry in entries if entry.seq == found.finding), None)
    if isinstance(cause, Finding):
        facts |= {"value": cause.value, "limit": cause.limit, "n": cause.n, "from": told(cause.window[0]),
                  "to": told(cause.window[1]), "entry": found.finding}
    own = [entry for entry in entries if entry.subject == found.id]
    parts = (Facts(facts), *_by_now(session, found, cause, entries), _timeline.table(own, session.declared().zone))
    return View(f"{found.id}: {found.title}", _status(found), parts, _next(found, incidents))


def _reached(session: Session, route: str) -> str:
    """Whom the alert is for: a person, or a role with those who hold it."""
    people = session.declared().team.people
    held = ", ".join(name for name, person in people.items() if route in person.roles)
    return route if route in people else f"{route}: {held or 'nobody in team.yaml'}"


def _by_now(session: Session, found: Alert, cause: Fact | None, entries: Sequence[Entry]) -> Iterator[Part]:
    """Of an alert that is not over: what its monitor found last, by which limit, and what is missing."""
    monitors = session.declared().monitors
    lacks = _newest.missing(found, monitors, entries)
    if not lacks:
        return
    yield _newest.table([found], monitors, entries)
    limits = _limits(session, found, cause, entries)
    rule = "One that is unknown, or run by hand without --monitor, does not count."
    yield Text(" ".join([f"To recover: {lacks}. {rule}", *limits]))


def _limits(session: Session, found: Alert, cause: Fact | None, entries: Sequence[Entry]) -> Iterator[str]:
    """Where the limit is no longer the one it fired by: that of the newest finding, or a file that changed since."""
    last = _newest.newest(entries, found.monitor)
    if last is None or not isinstance(cause, Finding):
        return
    if last[1].limit is not None and last[1].limit != cause.limit:
        yield f"It fired by the limit {cause.limit:g}; the newest finding is judged by {last[1].limit:g}." \
            if cause.limit is not None else f"The newest finding is judged by the limit {last[1].limit:g}."
    project = session.declared()
    if found.monitor in project.monitors and cause.declaration and session.as_of is None:
        kinds = ((kind, name) for kind, name in (("monitor", found.monitor), ("dataset", found.about))
                 if name in (project.monitors if kind == "monitor" else project.datasets))
        if last[1].declaration not in {project.fingerprint(kind, name) for kind, name in kinds}:
            yield f"monitors/{found.monitor}.yaml was changed since its newest finding."


def _status(found: Alert) -> Status:
    """How it stands, as a status; looking at it is no failure, so nothing here ends with an exit code of 1."""
    return Status.PASS if not found.open or found.state == "recovered" else Status.WARN


def _next(found: Alert, incidents: Sequence[str]) -> tuple[Action, ...]:
    if not found.open:
        return ()
    steps = [Action("I am on it", ("alert", "ack", found.id))] if found.state == "firing" else []
    steps += [Action("Its incident", ("incident", "show", name)) for name in incidents[-1:]]
    if not incidents:
        steps.append(Action("Open an incident", ("incident", "open", "--alert", found.id)))
    if found.state != "recovered" and found.monitor:
        steps.append(_newest.again(found))
    if found.check in ABOUT_MODELS:
        steps.append(Action("Why?", ("why", found.id)))
    if found.runbook:
        steps.append(Action("Its runbook", ("runbook", "show", found.runbook)))
    return (*steps, Action("It was noise", ("alert", "resolve", found.id, "--noise")))


# -- what people do about it ------------------------------------------------------------------------------------


def _change(session: Session, name: str, step: Callable[[Alert], AlertEvent]) -> Alert:
    """Append what `step` makes of the alert as it stands under the lock; the alert afterwards."""
    session.declared()

    def decided(entries: Sequence[Entry]) -> tuple[Fact, ...]:
        found = folds.known(folds.alerts(entries), name, "alert")
        if not found.open:
            raise Conflict(f"{found.id} is resolved already.", next=f"Try: mlops-tui alert show {found.id}")
        return (step(found),)

    [entry] = session.ledger.transact(decided)
    return folds.alerts(session.ledger.entries("alert"))[entry.subject]


@act(of=alert, confirm=False)
@click.argument("alert")
@click.option("--note", default="", help="A word to the others.")
def ack(session: Session, alert: str, note: str) -> View:
    """Say that you are on it.

    \b
    Example: mlops-tui alert ack AL-1
    """
    def step(found: Alert) -> AlertEvent:
        if found.state == "recovered":
            raise Conflict(f"{found.id} has recovered; there is nothing to be on.",
                           next=f"Try: mlops-tui alert show {found.id}")
        return AlertEvent(subject=found.id, event="acked", who=session.actor.name, note=note)

    after = _change(session, alert, step)
    return View(f"{after.owner} is on {after.id}: {after.title}", Status.DONE, actions=_next(after, ()))


@act(of=alert, confirm=False)
@click.argument("alert")
@click.argument("person")
def assign(session: Session, alert: str, person: str) -> View:
    """Give it to PERSON, who has yet to ack it.

    \b
    Example: mlops-tui alert assign AL-1 bo
    """
    who = _people.person(session, person)
    after = _change(session, alert, lambda found: AlertEvent(subject=found.id, event="assigned", who=who))
    return View(f"{after.id} is with {who}: {after.title}", Status.DONE)


@act(of=alert, confirm=False)
@click.argument("alert")
@click.option("--for", "length", default=None, help="How long, such as 4h; 0m ends a silence.")
@click.option("--until", default=None, help="Until when, such as 2013-09-15T06:00.")
@click.option("--note", default="", help="Why it may be silent.")
def silence(session: Session, alert: str, length: str | None, until: str | None, note: str) -> View:
    """Keep it and whatever else its monitor fires from notifying anybody, for a while.

    \b
    Example: mlops-tui alert silence AL-1 --for 4h
    """
    end = _until(session, length, until)
    after = _change(session, alert, lambda found: AlertEvent(subject=found.id, event="silenced", note=note,
                                                             until=end.isoformat()))
    said = "may be heard again" if end <= session.now() else "is silent, and so is what its monitor fires meanwhile"
    return View(f"{after.id} {said}", Status.DONE, (Facts({"until": end, "monitor": after.monitor}),))


def _until(session: Session, length: str | None, until: str | None) -> datetime:
    if (length is None) == (until is None):
        raise BadInput("Say how long.", next="Give --for 4h or --until 2013-09-15T06:00.")
    if until is not None:
        end = moment(until, session.declared().zone, session.now())
        if end <= session.now():
            raise BadInput(f"{until} has passed already.", next="A silence is ended with --for 0m.")
        return end
    try:
        return session.now() + duration(length or "")
    except ValueError as problem:
        raise BadInput(f"{problem}.") from problem


@decide(of=alert)
@click.argument("alert")
@click.option("--real/--noise", "real", default=None, help="Whether it told the truth; rules are measured by it.")
def resolve(session: Session, alert: str, real: bool | None, reason: str) -> View:
    """Close it, saying whether it was real or noise.

    \b
    Example: mlops-tui alert resolve AL-1 --real --reason "the weather feed was late"
    """
    if real is None:
        raise BadInput("Was it real or noise?", next="Add --real or --noise; a monitor is measured by these answers.")
    after = _change(session, alert,
                    lambda found: AlertEvent(subject=found.id, event="resolved", real=real, note=reason))
    return View(f"{after.id} is closed as {'real' if real else 'noise'}", Status.DONE,
                (Facts({"monitor": after.monitor, "reason": reason}),),
                (Action("How often was each monitor right?", ("alert", "list", "--all")),))
