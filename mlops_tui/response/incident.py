"""Incidents: what people work on together, from the first alert to the lesson."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import click

from mlops_tui import folds
from mlops_tui.capability import act, decide, look, noun
from mlops_tui.errors import BadInput, Conflict, NotFound
from mlops_tui.folds import Alert, Incident
from mlops_tui.incidents import suite
from mlops_tui.incidents.answers import QUESTIONS
from mlops_tui.incidents.notes import Note, notes
from mlops_tui.inputs.moments import local, moment
from mlops_tui.response import _newest, _people, _timeline
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View, counted
from store.facts import AlertEvent, Fact, Finding, IncidentEvent
from store.ledger import Entry

incident = noun("incident", __doc__ or "", bare="list", subject="show")
SEVERITY = click.Choice(["critical", "high", "medium", "low"])
SKEW = timedelta(minutes=5)  # by which the clock that stamped a message may be ahead of ours
SEEN = ("incident", "alert", "runbook", "promotion", "postmortem", "finding")


@look(of=incident, fold=True)
@click.option("--all", "everything", is_flag=True, help="Resolved ones too.")
def list_(session: Session, everything: bool) -> View:
    """Open incidents, the newest first.

    \b
    Example: mlops-tui incident list --all
    """
    session.declared()
    known = folds.incidents(session.ledger.entries("incident"))
    shown = [each for each in reversed(known.values()) if everything or each.open]
    rows: list[Row] = [{"incident": each.id, "state": each.state, "severity": each.severity, "title": each.title,
                        "about": each.about, "opened_at": each.opened_at, "resolved_at": each.resolved_at,
                        "lead": each.roles.get("lead", ""), "alerts": each.alerts} for each in shown]
    table = Table.of("incidents", rows, "incident", "state", "severity", "title", "about",
                     Column("opened_at", "opened"), "lead", "alerts")
    count = sum(each.open for each in known.values())
    return View(counted(count, "incident is open", "incidents are open") if count else "No incident is open",
                Status.WARN if count else Status.PASS, (table,),
                tuple(Action(f"Look at {each.id}", ("incident", "show", each.id)) for each in shown[:3]))


@look(of=incident, fold=True)
@click.argument("incident")
def show(session: Session, incident: str) -> View:
    """Where an incident stands: its timeline, alerts, people and runbook runs.

    \b
    Example: mlops-tui incident show INC-1
    """
    session.declared()
    entries = session.ledger.entries(*SEEN)
    known = folds.incidents(entries)
    found = folds.known(known, incident, "incident")
    runs = [run for run in folds.runbook_runs(entries).values() if run.incident == found.id]
    earlier = tuple(each.id for each in known.values()
                    if each.about == found.about and each.opened_at < found.opened_at)
    written = folds.postmortems(entries).get(found.id)
    facts: dict[str, Cell] = {
        "incident": found.id, "state": found.state, "severity": found.severity, "about": found.about,
        **_timeline.clock_points(entries, found), **_roles(found), "earlier_about_it": earlier,
        "post_mortem": written.state if written else None}
    firing = _firing(entries, found)
    facts |= {"to_close": _to_close(found, firing, runs)} if found.open else {}
    timeline = _timeline.table(_timeline.around(entries, found), session.declared().zone, found)
    now = (_newest.table(firing, session.declared().monitors, entries),) if found.open and firing else ()
    parts = (Facts(facts), *now, timeline, _alerts(entries, found), _runs(runs))
    return View(f"{found.id}: {found.title}", Status.WARN if found.open else Status.PASS, parts,
                _next(session, found, folds.alerts(entries), runs))


def _firing(entries: Sequence[Entry], found: Incident) -> list[Alert]:
    """The incident's alerts that are not over."""
    known = folds.alerts(entries)
    return [known[name] for name in found.alerts if name in known and known[name].state in ("firing", "acked")]


def _to_close(found: Incident, firing: Sequence[Alert], runs: Sequence[folds.RunbookRun]) -> str:
    """What a person would wait for before resolving it."""
    lacks = [f"{', '.join(each.id for each in firing)} must recover"] * bool(firing)
    lacks += [f"{run.id} is not worked through" for run in runs if run.open]
    return "; ".join(lacks) or "nothing is missing: somebody says what ended it"


def _roles(found: Incident) -> dict[str, Cell]:
    return {"lead": found.roles.get("lead"), "people": found.people,
            **{role: who for role, who in found.roles.items() if role != "lead"}}


def _alerts(entries: Sequence[Entry], found: Incident) -> Table:
    known = folds.alerts(entries)
    rows: list[Row] = [{"alert": each.id, "state": each.state, "title": each.title, "fired": each.fired,
                        "owner": each.owner} for name in found.alerts if (each := known.get(name)) is not None]
    return Table.of("alerts", rows, "alert", "state", "title", "fired", "owner", title="Alerts")


def _runs(runs: Sequence[folds.RunbookRun]) -> Table:
    rows: list[Row] = [{"run": run.id, "runbook": run.runbook, "state": run.state, "by": run.by,
                        "started_at": run.started_at, "steps_done": sum(step.status != "intent"
                                                                        for step in run.steps.values())}
                       for run in runs]
    return Table.of("runs", rows, "run", "runbook", "state", "by", Column("started_at", "started"),
                    Column("steps_done", "steps done"), title="Runbooks")


def _next(session: Session, found: Incident, alerts: Mapping[str, Alert],
          runs: Sequence[folds.RunbookRun]) -> tuple[Action, ...]:
    if not found.open:
        return (Action("Draft the post-mortem", ("postmortem", "draft", found.id)),)
    over = Action("It is over", ("incident", "resolve", found.id), asks=("reason",))
    return (*_toward_the_end(session, found, alerts, runs), over)


def _toward_the_end(session: Session, found: Incident, alerts: Mapping[str, Alert],
                    runs: Sequence[folds.RunbookRun]) -> tuple[Action, ...]:
    going = next((run for run in runs if run.open), None)
    if going is not None:
        return (Action("Go on with the runbook", ("runbook", "resume", going.id)),)
    mine = [alerts[name] for name in found.alerts if name in alerts]
    named = next((each.runbook for each in mine if each.runbook), "")
    if not runs and (not named or named not in session.declared().runbooks):
        return (Action("Which runbook?", ("runbook", "list")),)
    if not any(run.runbook == named for run in runs):
        return (Action("Work through its runbook", ("runbook", "run", named, "--incident", found.id)),)
    firing = [each for each in mine if each.state in ("firing", "acked")]
    return tuple(_newest.again(each) for each in firing[:3] if each.monitor)


# -- what people do about it ------------------------------------------------------------------------------------


@act(of=incident, confirm=False)
@click.option("--alert", default=None, help="The alert it began with; whoever opens it is then on it.")
@click.option("--title", default=None, help="What is wrong, in one line; the alert's own by default.")
@click.option("--about", default=None, help="The model or dataset it is about; the alert's own by default.")
@click.option("--severity", type=SEVERITY, default=None, help="How bad; the alert's own by default, else medium.")
@click.option("--since", default=None, help="When it began, as far as known; the alert's data window by default.")
def open(session: Session, alert: str | None, title: str | None, about: str | None, severity: str | None,
         since: str | None) -> View:
    """Open an incident, from an alert or from what somebody saw.

    \b
    Example: mlops-tui incident open --alert AL-1
    """
    project = session.declared()
    if alert is None and not title:
        raise BadInput("What is wrong?", next="Give --alert AL-1 or --title 'late labels'.")
    subject = str(project.subject(about)) if about else ""
    began = moment(since, project.zone, session.now()).isoformat() if since else ""

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        known = folds.incidents(entries)
        name = folds.next_id("INC", known)
        if alert is None:
            return [IncidentEvent(subject=name, event="opened", title=title or "", about=subject,
                                  severity=severity or "medium", window=(began, ""))]
        found = _unlinked(entries, known, alert)
        opened = IncidentEvent(subject=name, event="opened", title=title or found.title, about=subject or found.about,
                               severity=severity or found.severity, alert=found.id,
                               window=(began or _onset(entries, found), ""))
        on_it = AlertEvent(subject=found.id, event="acked", who=session.actor.name, note=f"opened {name}")
        return [opened, on_it] if found.state == "firing" else [opened]

    entry = session.ledger.transact(decided)[0]
    return _answer(session, entry.subject, "is open")


def _unlinked(entries: Sequence[Entry], known: Mapping[str, Incident], alert: str) -> Alert:
    found = folds.known(folds.alerts(entries), alert, "alert")
    if not found.open:
        raise Conflict(f"{found.id} is resolved already.", next=f"Try: mlops-tui alert show {found.id}")
    taken = next((each.id for each in known.values() if each.open and found.id in each.alerts), None)
    if taken is not None:
        raise Conflict(f"{found.id} is in {taken} already.", next=f"Try: mlops-tui incident show {taken}")
    return found


def _onset(entries: Sequence[Entry], found: Alert) -> str:
    """The beginning of the data that made the alert fire; an estimate, to be corrected with --since."""
    cause = next((entry.fact for entry in entries if entry.seq == found.finding), None)
    start = cause.window[0] if isinstance(cause, Finding) else ""
    try:
        moved = datetime.fromisoformat(start)
    except ValueError:
        return found.opened_at.isoformat()
    return start if moved.tzinfo else found.opened_at.isoformat()


def _answer(session: Session, name: str, said: str) -> View:
    entries = session.ledger.entries(*SEEN)
    found = folds.incidents(entries)[name]
    facts: dict[str, Cell] = {"incident": found.id, "severity": found.severity, "about": found.about, **_roles(found)}
    runs = [run for run in folds.runbook_runs(entries).values() if run.incident == name]
    return View(f"{found.id} {said}: {found.title}", Status.DONE, (Facts(facts),),
                (Action("Look at it", ("incident", "show", name)),
                 *_next(session, found, folds.alerts(entries), runs)))


Stepping = Callable[[Sequence[Entry], Incident], IncidentEvent | tuple[Fact, ...] | None]


def _change(session: Session, name: str, step: Stepping, *, over: bool = False,
            at: datetime | None = None) -> tuple[str, bool]:
    """Append what `step` makes of the incident under the lock: its id, and whether anything was new.

    One that is resolved is changed only where `over` says so. `at`: when it happened, where that was not now.
    """
    session.declared()
    named = ""

    def decided(entries: Sequence[Entry]) -> tuple[Fact, ...]:
        nonlocal named
        found = folds.known(folds.incidents(entries), name, "incident")
        named = found.id
        if not (found.open or over):
            raise Conflict(f"{found.id} is resolved.", next=f"Try: mlops-tui incident show {found.id}")
        made = step(entries, found)
        return made if isinstance(made, tuple) else (made,) if made is not None else ()

    added = session.ledger.transact(decided, effective_at=at)
    return named, bool(added)


@act(of=incident, confirm=False)
@click.argument("incident")
@click.argument("text")
@click.option("--link", default="", help="Where it was said, such as the address of a Slack message; one line each.")
@click.option("--at", default=None, help="When it happened or was said; now by default.")
@click.option("--who", default=None, help="Who said it, where that is somebody else.")
def note(session: Session, incident: str, text: str, link: str, at: str | None, who: str | None) -> View:
    """Add TEXT to the timeline.

    \b
    Example: mlops-tui incident note INC-1 "the weather feed stopped at noon" --at "20m ago"
    """
    _said_something(text)
    said_by = _people.person(session, who) if who else ""

    def step(_: Sequence[Entry], found: Incident) -> IncidentEvent | None:
        if link in notes(found):
            return None
        return IncidentEvent(subject=found.id, event="note", note=text, reference=link, who=said_by)

    name, new = _change(session, incident, step, over=True, at=_happened(session, at))
    return _answer(session, name, "has a new note" if new else "has that note already")


def _said_something(text: str) -> None:
    if not text.strip():
        raise BadInput("The note is empty.", next="Say what happened, in a sentence.")


def _happened(session: Session, at: str | None) -> datetime | None:
    """The time that somebody names; BadInput where it is still to come."""
    if at is None:
        return None
    zone, now = session.declared().zone, session.now()
    found = moment(at, zone, now)
    if found > now + SKEW:
        raise BadInput(local(f"{found.isoformat()} is still to come: it is {now.isoformat()}.", zone))
    return found


@act(of=incident, confirm=False)
@click.argument("incident")
@click.argument("ref")
@click.argument("text")
def amend(session: Session, incident: str, ref: str, text: str) -> View:
    """Say a note of the timeline better: REF is its link, or the number in its line.

    \b
    Example: mlops-tui incident amend INC-1 812 "the weather feed stopped at 11:40"
    """
    _said_something(text)

    def step(_: Sequence[Entry], found: Incident) -> IncidentEvent | None:
        known = _noted(found, ref)
        if known.struck:
            raise Conflict(f"That note of {found.id} was struck.", next=f"Try: mlops-tui incident show {found.id}")
        return None if known.text == text else IncidentEvent(subject=found.id, event="amended", note=text,
                                                             reference=known.reference)

    name, new = _change(session, incident, step, over=True)
    return _answer(session, name, "has the note amended" if new else "has the note so already")


@act(of=incident, confirm=False)
@click.argument("incident")
@click.argument("ref")
@click.option("--note", default="", help="Why, such as 'deleted in Slack'.")
def strike(session: Session, incident: str, ref: str, note: str) -> View:
    """Strike a note from the timeline: it stays readable as struck. REF is its link, or the number in its line.

    \b
    Example: mlops-tui incident strike INC-1 812 --note "that was another feed"
    """
    def step(_: Sequence[Entry], found: Incident) -> IncidentEvent | None:
        known = _noted(found, ref)
        return None if known.struck else IncidentEvent(subject=found.id, event="struck", note=note,
                                                       reference=known.reference)

    name, new = _change(session, incident, step, over=True)
    return _answer(session, name, "has the note struck" if new else "has the note struck already")


def _noted(found: Incident, ref: str) -> Note:
    known = notes(found)
    if ref not in known:
        raise NotFound(f"{found.id} has no note '{ref}'.", next=f"Try: mlops-tui incident show {found.id}")
    return known[ref]


@act(of=incident, confirm=False)
@click.argument("incident")
@click.argument("role")
@click.argument("person")
def role(session: Session, incident: str, role: str, person: str) -> View:
    """Let PERSON be lead, scribe or whatever ROLE the incident needs.

    \b
    Example: mlops-tui incident role INC-1 lead bo
    """
    who = _people.person(session, person)
    name, _ = _change(session, incident, lambda _, found: IncidentEvent(subject=found.id, event="role",
                                                                        role=role.lower(), who=who))
    return _answer(session, name, f"has {who} as {role.lower()}")


@act(of=incident, confirm=False)
@click.argument("incident")
@click.argument("level", type=SEVERITY)
@click.option("--note", default="", help="Why it is better or worse than thought.")
def severity(session: Session, incident: str, level: str, note: str) -> View:
    """Say how bad it is by now.

    \b
    Example: mlops-tui incident severity INC-1 critical
    """
    name, _ = _change(session, incident, lambda _, found: IncidentEvent(subject=found.id, event="severity",
                                                                        severity=level, note=note))
    return _answer(session, name, f"is {level}")


@act(of=incident, confirm=False)
@click.argument("incident")
@click.option("--alert", required=True, help="The alert that belongs to it.")
def link(session: Session, incident: str, alert: str) -> View:
    """Say that another alert belongs to it as well.

    \b
    Example: mlops-tui incident link INC-1 --alert AL-2
    """
    def step(entries: Sequence[Entry], found: Incident) -> IncidentEvent:
        other = _unlinked(entries, folds.incidents(entries), alert)
        return IncidentEvent(subject=found.id, event="linked", alert=other.id)

    return _answer(session, _change(session, incident, step)[0], "has another alert")


@decide(of=incident)
@click.argument("incident")
@click.option("--since", default=None, help="When it really began, where the first estimate was wrong.")
@click.option("--until", default=None, help="When the data were right again; now by default.")
def resolve(session: Session, incident: str, since: str | None, until: str | None, reason: str) -> View:
    """Close it, saying what ended it; the post-mortem comes next.

    \b
    Example: mlops-tui incident resolve INC-1 --reason "version 8 serves, calibration is back"
    """
    zone, now = session.declared().zone, session.now()

    def step(entries: Sequence[Entry], found: Incident) -> tuple[Fact, ...]:
        start = moment(since, zone, now).isoformat() if since else found.window[0]
        end = moment(until, zone, now) if until else now
        if start and datetime.fromisoformat(start) > end:
            raise BadInput(local(f"It cannot end at {end.isoformat()} before it began at {start}.", zone))
        over = IncidentEvent(subject=found.id, event="resolved", note=reason, window=(start, end.isoformat()))
        model = session.declared().models.get(found.about.partition("@")[0])
        return (over, *(suite.pins(entries, found, model.label.dataset) if model is not None else ()))

    name, _ = _change(session, incident, step)
    entries = session.ledger.entries(*SEEN)
    found = folds.incidents(entries)[name]
    known = folds.alerts(entries)
    still = [each for each in found.alerts if each in known and known[each].open]
    kept = suite.cases(session.ledger.entries()).get(name)
    replays = (Text(f"Its rows are kept: versions of {kept.model} can be replayed on them."),) if kept else ()
    return View(f"{name} is resolved: {found.title}", Status.DONE,
                (Facts({**_timeline.clock_points(entries, found)}), *replays),
                (Action("Say what you saw", ("postmortem", "tell", name), asks=tuple(QUESTIONS)),
                 Action("Draft the post-mortem", ("postmortem", "draft", name)),
                 *(Action(f"{each} told the truth", ("alert", "resolve", each, "--real")) for each in still)))
