"""Incidents: what people work on together, from the first alert to the lesson."""

from collections.abc import Sequence
from datetime import datetime

import click

from mlops_tui import folds
from mlops_tui.capability import act, decide, look, noun
from mlops_tui.errors import BadInput, Conflict, nearest
from mlops_tui.folds import Alert, Incident
from mlops_tui.incidents import suite
from mlops_tui.incidents.merging import proposed
from mlops_tui.incidents.notes import notes
from mlops_tui.incidents.questions import QUESTIONS
from mlops_tui.incidents.standing import firing, runs_of, to_close
from mlops_tui.inputs.moments import local, moment
from mlops_tui.response import _case, _newest, _notified, _people, _similar, _timeline
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted
from store.facts import AlertEvent, Fact, Finding, IncidentEvent
from store.ledger import Entry

incident = noun("incident", __doc__ or "", bare="list", subject="show", package="mlops_tui.response")


@look(of=incident, fold=True)
@click.option("--all", "everything", is_flag=True, help="Resolved ones too.")
def list_(session: Session, everything: bool) -> View:
    """Open incidents, the newest first.

    \b
    Example: mlops-tui incident list --all
    """
    session.declared()
    entries = session.ledger.entries("incident", "alert", "runbook", "postmortem")
    known, written = folds.incidents(entries), folds.postmortems(entries)
    shown = [each for each in reversed(known.values()) if everything or each.open]
    rows: list[Row] = [{"incident": each.id, "state": each.state, "severity": each.severity, "title": each.title,
                        "about": each.about, "opened_at": each.opened_at, "resolved_at": each.resolved_at,
                        "lead": each.roles.get("lead", ""), "alerts": each.alerts, "run": _run(entries, each),
                        "post_mortem": written[each.id].state if each.id in written else None,
                        "update_due": each.update.next if each.update and each.open else None,
                        "merged_into": each.merged_into or None} for each in shown]
    table = Table.of("incidents", rows, "incident", "state", "severity", "title", "about",
                     Column("opened_at", "opened"), "lead", "alerts")
    count = sum(each.open for each in known.values())
    same = [Action(f"Merge {each.id} into {into}", ("incident", "merge", each.id, "--into", into))
            for each, into in proposed(known, entries)]
    return View(counted(count, "incident is open", "incidents are open") if count else "No incident is open",
                Status.WARN if count else Status.PASS, (table,),
                (*(Action(f"Look at {each.id}", ("incident", "show", each.id)) for each in shown[:3]), *same[:2]))


@look(of=incident, fold=True)
@click.argument("incident")
def show(session: Session, incident: str) -> View:
    """Where an incident stands: its timeline, alerts, people and runbook runs.

    \b
    Example: mlops-tui incident show INC-1
    """
    session.declared()
    entries = session.ledger.entries(*_case.SEEN)
    known = folds.incidents(entries)
    found = folds.known(known, incident, "incident")
    if found.merged_into:
        return _merged(session, found)
    runs, going = runs_of(entries, found), firing(entries, found)
    like = _similar.ranked(session, found, entries)
    facts = _standing(session, found, known, entries, _similar.fact(like))
    now = (_newest.table(going, session.declared().monitors, entries),) if found.open and going else ()
    parts: tuple[Part, ...] = (
        Facts(facts), *now, *_similar.tables(like), _timeline.table(
            _timeline.around(entries, found), session.declared().zone, found), _alerts(entries, found), _runs(runs))
    same = [Action(f"Merge it into {into}", ("incident", "merge", each.id, "--into", into))
            for each, into in proposed(known, entries) if each.id == found.id]
    return View(f"{found.id}: {found.title}", Status.WARN if found.open else Status.PASS, parts,
                (*_case.steps(session, found, folds.alerts(entries), runs), *same))


def _run(entries: Sequence[Entry], found: Incident) -> str | None:
    """The runbook run that somebody is in the middle of, else the last one."""
    runs = runs_of(entries, found)
    return next((run.id for run in reversed(runs) if run.open), runs[-1].id if runs else None)


def _merged(session: Session, found: Incident) -> View:
    facts: dict[str, Cell] = {"incident": found.id, "state": found.state, "merged_into": found.merged_into,
                              "severity": found.severity, "about": found.about, "opened": found.opened_at}
    timeline = _timeline.table(found.timeline, session.declared().zone, found)
    return View(f"{found.id} was merged into {found.merged_into}: {found.title}", Status.PASS, (Facts(facts), timeline),
                (*_case.steps(session, found, {}, ()),
                 Action("It is another one after all", ("incident", "unmerge", found.id))))


def _standing(session: Session, found: Incident, known: dict[str, Incident], entries: Sequence[Entry],
              like: dict[str, Cell]) -> dict[str, Cell]:
    """What is known of it in a few words, what waits for somebody first."""
    written = folds.postmortems(entries).get(found.id)
    earlier = tuple(each.id for each in known.values() if each.about == found.about and not each.merged_into
                    and each.opened_at < found.opened_at)
    facts: dict[str, Cell] = {"incident": found.id, "state": found.state, "severity": found.severity,
                              "means": _case.policy(session).level(found.severity).means, "about": found.about, **like}
    if found.given is not None:
        facts |= {"handed_over": f"by {found.given.by} to {found.given.to}, who has not accepted it yet"}
    if found.update is not None:
        facts |= {"update": f"{found.update.text} ({found.update.by})"}
    if found.update is not None and found.update.next is not None and found.open:
        facts |= {"next_update": found.update.next}
        facts |= {"late": "the update is overdue"} if found.update.next < session.now() else {}
    facts |= {**_timeline.clock_points(entries, found), **_case.roles_of(found)}
    facts |= {"merged": found.merged} if found.merged else {}
    facts |= {"earlier_about_it": earlier} if earlier else {}
    facts |= {"post_mortem": written.state if written else None} if not found.open else {}
    if found.open:
        missing = to_close(entries, found)
        facts |= {"to_close": missing or "nothing is missing: somebody says what ended it"}
    return facts


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


# -- what people do about it ------------------------------------------------------------------------------------


@act(of=incident, confirm=False)
@click.option("--alert", default=None, help="The alert it began with; whoever opens it is then on it.")
@click.option("--title", default=None, help="What is wrong, in one line; the alert's own by default.")
@click.option("--about", default=None, help="The model or dataset it is about; the alert's own by default.")
@click.option("--severity", type=_case.SEVERITY, default=None, help="How bad; the alert's own by default, else medium.")
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
    return _case.answered(session, entry.subject, "is open", **_told(session, entry.subject))


def _told(session: Session, name: str) -> dict[str, Cell]:
    """What its severity means, and whom it tells."""
    found = folds.incidents(session.ledger.entries("incident"))[name]
    level = _case.policy(session).level(found.severity)
    return {"means": level.means, "tells": level.tells or None}


def _unlinked(entries: Sequence[Entry], known: dict[str, Incident], alert: str) -> Alert:
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
    _case.something(text, "note")
    said_by = _people.person(session, who) if who else ""

    def step(_: Sequence[Entry], found: Incident) -> IncidentEvent | None:
        if link in notes(found):
            return None
        return IncidentEvent(subject=found.id, event="note", note=text, reference=link, who=said_by)

    name, new = _case.change(session, incident, step, over=True, at=_case.happened(session, at))
    return _case.answered(session, name, "has a new note" if new else "has that note already")


@act(of=incident, confirm=False)
@click.argument("incident")
@click.argument("role")
@click.argument("person")
def role(session: Session, incident: str, role: str, person: str) -> View:
    """Let PERSON be lead, scribe or another ROLE of the team; it is told in private what that asks for.

    \b
    Example: mlops-tui incident role INC-1 lead bo
    """
    who, roles = _people.person(session, person), _case.policy(session).roles
    if role.lower() not in roles:
        raise BadInput(f"An incident has no role '{role}'.", where="mlops.yaml, incidents: roles",
                       next=nearest(role.lower(), roles) or f"There are {', '.join(roles)}.")

    def step(_: Sequence[Entry], found: Incident) -> IncidentEvent | None:
        if found.roles.get(role.lower()) == who:
            return None
        return IncidentEvent(subject=found.id, event="role", role=role.lower(), who=who)

    name, new = _case.change(session, incident, step)
    return _case.answered(session, name, f"has {who} as {role.lower()}{'' if new else ' already'}",
                          asks=roles[role.lower()])


@act(of=incident, confirm=False)
@click.argument("incident")
@click.argument("level", type=_case.SEVERITY)
@click.option("--note", default="", help="Why it is better or worse than thought.")
def severity(session: Session, incident: str, level: str, note: str) -> View:
    """Say how bad it is by now; whom that severity tells is told in private.

    \b
    Example: mlops-tui incident severity INC-1 critical
    """
    name, _ = _case.change(session, incident, lambda _, found: IncidentEvent(
        subject=found.id, event="severity", severity=level, note=note))
    return _case.answered(session, name, f"is {level}", **_told(session, name))


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

    return _case.answered(session, _case.change(session, incident, step)[0], "has another alert")


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

    name, _ = _case.change(session, incident, step)
    _notified.keep(session, name)
    entries = session.ledger.entries(*_case.SEEN)
    found = folds.incidents(entries)[name]
    known = folds.alerts(entries)
    still = [each for each in found.alerts if each in known and known[each].open]
    kept = suite.cases(session.ledger.entries()).get(name)
    replays = (Text(f"Its rows are kept: versions of {kept.model} can be replayed on them."),) if kept else ()
    facts: dict[str, Cell] = {**_timeline.clock_points(entries, found),
                              "still_open": to_close(entries, found) or None}
    return View(f"{name} is resolved: {found.title}", Status.DONE, (Facts(facts), *replays),
                (Action("Say what you saw", ("postmortem", "tell", name), asks=tuple(QUESTIONS)),
                 Action("Draft the post-mortem", ("postmortem", "draft", name)),
                 *(Action(f"Stop {run.id}", ("runbook", "stop", run.id))
                   for run in runs_of(entries, found) if run.open),
                 *(Action(f"{each} told the truth", ("alert", "resolve", each, "--real")) for each in still)))


@decide(of=incident)
@click.argument("incident")
def reopen(session: Session, incident: str, reason: str) -> View:
    """Go on with one that was resolved, because it is not over after all.

    \b
    Example: mlops-tui incident reopen INC-1 --reason "it is late again since noon"
    """
    def step(_: Sequence[Entry], found: Incident) -> IncidentEvent:
        if found.open:
            raise Conflict(f"{found.id} is open.", next=f"Try: mlops-tui incident show {found.id}")
        return IncidentEvent(subject=found.id, event="reopened", note=reason)

    name, _ = _case.change(session, incident, step, over=True)
    return _case.answered(session, name, "is open again")
