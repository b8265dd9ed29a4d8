"""An incident taken over by the one to whom it was handed."""

import click

from mlops_tui import folds
from mlops_tui.capability import act
from mlops_tui.errors import Conflict, Denied
from mlops_tui.folds import Incident
from mlops_tui.incidents.standing import passed_on, runs_of
from mlops_tui.response import _case
from mlops_tui.response.incident import incident
from mlops_tui.session import Session
from mlops_tui.view import Status, View
from store.facts import IncidentEvent


@act(of=incident, confirm=False)
@click.argument("incident")
def accept(session: Session, incident: str) -> View:
    """Take over an incident that was handed to you: from now on you lead it.

    \b
    Example: mlops-tui incident accept INC-1
    """
    me, entries = session.actor.name, session.ledger.entries(*_case.SEEN)

    def step(_: object, found: Incident) -> IncidentEvent:
        if found.given is None:
            raise Conflict(f"Nobody hands {found.id} over.", next=f"Try: mlops-tui incident role {found.id} lead me")
        if found.given.to != me:
            raise Denied(f"{found.id} was handed to {found.given.to}, not to {me}.",
                         next=f"Try: mlops-tui incident role {found.id} lead me")
        return IncidentEvent(subject=found.id, event="accepted", who=me)

    name, _ = _case.change(session, incident, step)
    before = folds.incidents(entries)[name]
    found = folds.incidents(session.ledger.entries("incident"))[name]
    alerts, runs = folds.alerts(entries), runs_of(entries, found)
    return View(f"{me} leads {name} now: {found.title}", Status.DONE,
                passed_on(before, entries, session.declared().zone), _case.steps(session, found, alerts, runs))
