"""An incident under a person's hands: changed under the lock, and what that answers."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import click

from mlops_tui import folds
from mlops_tui.declarations.incidentpolicy import Incidents
from mlops_tui.errors import BadInput, Conflict, NotFound
from mlops_tui.folds import Alert, Incident
from mlops_tui.incidents.incidentstate import standing_for
from mlops_tui.incidents.merging import itself
from mlops_tui.incidents.notes import Note, notes
from mlops_tui.incidents.questions import QUESTIONS
from mlops_tui.incidents.standing import runs_of
from mlops_tui.inputs.moments import local, moment
from mlops_tui.response import _newest
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Status, View
from store.facts import Fact, IncidentEvent
from store.ledger import Entry

SEVERITY = click.Choice(["critical", "high", "medium", "low"])
SKEW = timedelta(minutes=5)  # by which the clock that stamped a message may be ahead of ours
SEEN = ("incident", "alert", "runbook", "promotion", "postmortem", "finding", "proposal")

Step = Callable[[Sequence[Entry], Incident], IncidentEvent | tuple[Fact, ...] | None]


def change(session: Session, name: str, step: Step, *, over: bool = False,
           at: datetime | None = None) -> tuple[str, bool]:
    """Append what `step` makes of the incident under the lock: its id, and whether anything was new.

    One that is resolved is changed only where `over` says so; what is said about one that was merged goes to the
    incident that it was merged into, and all else is refused. `at`: when it happened, where that was not now.
    """
    session.declared()
    named = ""

    def decided(entries: Sequence[Entry]) -> tuple[Fact, ...]:
        nonlocal named
        known = folds.incidents(entries)
        found = folds.known(known, name, "incident")
        if over:
            found = known[standing_for(known, found.id)]
        named = found.id
        if not over:
            must_be_open(found)
        made = step(entries, found)
        return made if isinstance(made, tuple) else (made,) if made is not None else ()

    added = session.ledger.transact(decided, effective_at=at)
    return named, bool(added)


def must_be_open(found: Incident) -> None:
    """Conflict where an incident is over, or goes on as another one."""
    itself({found.id: found}, found.id)
    if not found.open:
        raise Conflict(f"{found.id} is resolved.", next=f"Try: mlops-tui incident show {found.id}")


def answered(session: Session, name: str, said: str, **more: Cell) -> View:
    """The incident in a few words, what else is to be known of what was done, and what comes next."""
    entries = session.ledger.entries(*SEEN)
    found = folds.incidents(entries)[name]
    facts: dict[str, Cell] = {"incident": found.id, "severity": found.severity, "about": found.about,
                              **roles_of(found), **more}
    runs = runs_of(entries, found)
    return View(f"{found.id} {said}: {found.title}", Status.DONE, (Facts(facts),),
                (Action("Look at it", ("incident", "show", name)),
                 *steps(session, found, folds.alerts(entries), runs)))


def policy(session: Session) -> Incidents:
    """How the project's team works on incidents."""
    return session.declared().settings.incidents


def roles_of(found: Incident) -> dict[str, Cell]:
    """Who has which part in it, the lead first; and who else appears."""
    return {"lead": found.roles.get("lead"), "people": found.people,
            **{role: who for role, who in found.roles.items() if role != "lead"}}


def steps(session: Session, found: Incident, alerts: Mapping[str, Alert],
          runs: Sequence[folds.RunbookRun]) -> tuple[Action, ...]:
    """What somebody would do next about an incident."""
    if found.merged_into:
        return (Action(f"Look at {found.merged_into}", ("incident", "show", found.merged_into)),)
    if not found.open:
        begun = found.id in folds.postmortems(session.ledger.entries("postmortem"))
        return (Action("Read the post-mortem", ("postmortem", "show", found.id)) if begun else
                Action("Draft the post-mortem", ("postmortem", "draft", found.id)),
                Action("Say what you saw", ("postmortem", "tell", found.id), asks=tuple(QUESTIONS)))
    return (*_accepting(found), *_toward_the_end(session, found, alerts, runs), *_asking_why(session, found),
            *_leading(found),
            Action("Say how it stands", ("incident", "update", found.id), asks=("TEXT",)),
            Action("Note", ("incident", "note", found.id), asks=("TEXT",)),
            Action("Hand it over", ("incident", "handover", found.id), asks=("PERSON",)),
            Action("It is over", ("incident", "resolve", found.id), asks=("reason",)))


def _accepting(found: Incident) -> tuple[Action, ...]:
    return (Action("Take it over", ("incident", "accept", found.id)),) if found.given is not None else ()


def _asking_why(session: Session, found: Incident) -> tuple[Action, ...]:
    """What a model met can be told from its rows."""
    return (Action("Why?", ("why", found.id)),) if found.about in session.declared().models else ()


def _leading(found: Incident) -> tuple[Action, ...]:
    """Somebody has to lead."""
    if not found.roles.get("lead") and found.given is None:
        return (Action("I lead", ("incident", "role", found.id, "lead", "me")),)
    return ()


def _toward_the_end(session: Session, found: Incident, alerts: Mapping[str, Alert],
                    runs: Sequence[folds.RunbookRun]) -> tuple[Action, ...]:
    going = next((run for run in runs if run.open), None)
    if going is not None:
        return (Action("Go on with the runbook", ("runbook", "resume", going.id)),)
    mine = [alerts[name] for name in found.alerts if name in alerts]
    named = next((each.runbook for each in mine if each.runbook), "")
    if not runs and (not named or named not in session.declared().runbooks):
        return (Action("Which runbook?", ("runbook", "list")),)
    if named in session.declared().runbooks and not any(run.runbook == named for run in runs):
        return (Action("Work through its runbook", ("runbook", "run", named, "--incident", found.id)),)
    still = [each for each in mine if each.state in ("firing", "acked")]
    return tuple(action for each in still for action in _newest.again(each, session.declared().monitors))[:3]


# -- what people say about it -----------------------------------------------------------------------------------


def something(text: str, what: str) -> None:
    """BadInput where nothing is said."""
    if not text.strip():
        raise BadInput(f"The {what} is empty.", next="Say it in a sentence.")


def happened(session: Session, at: str | None) -> datetime | None:
    """The time that somebody names; BadInput where it is still to come."""
    if at is None:
        return None
    zone, now = session.declared().zone, session.now()
    found = moment(at, zone, now)
    if found > now + SKEW:
        raise BadInput(local(f"{found.isoformat()} is still to come: it is {now.isoformat()}.", zone))
    return found


def noted(found: Incident, reference: str) -> Note:
    """The note of that link or number; NotFound where there is none."""
    known, reference = notes(found), reference.removeprefix("#")
    if reference not in known:
        raise NotFound(f"{found.id} has no note '{reference}'.", next=f"Try: mlops-tui incident show {found.id}")
    return known[reference]
