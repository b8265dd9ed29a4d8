"""An incident given to somebody else, with what is open, what was tried and what is next."""

import click

from mlops_tui import folds
from mlops_tui.capability import act
from mlops_tui.errors import BadInput
from mlops_tui.folds import Incident
from mlops_tui.incidents.standing import passed_on
from mlops_tui.response import _case, _people
from mlops_tui.response.incident import incident
from mlops_tui.session import Session
from mlops_tui.view import Action, Status, View
from store.facts import IncidentEvent


@act(of=incident, confirm=False)
@click.argument("incident")
@click.argument("person")
@click.option("--note", required=True, help="What is next, and what you would want to know.")
def handover(session: Session, incident: str, person: str, note: str) -> View:
    """Hand an incident over to PERSON, who leads it once he accepts; until then whoever led it does.

    \b
    Example: mlops-tui incident handover INC-1 ana --note "retrained, the gate wants a sign-off; look at Friday's rows"
    """
    _case.something(note, "note")
    who = _people.person(session, person)
    may = {*_people.who_may(session, "incident accept"), session.actor.name}
    if who not in may:
        raise BadInput(f"{who} may not take an incident over: no role of theirs may run 'incident accept'.",
                       where="team.yaml", next=f"These may: {', '.join(sorted(may))}.")

    def step(_: object, found: Incident) -> IncidentEvent:
        if found.roles.get("lead") == who:
            raise BadInput(f"{who} leads {found.id} already.", next=f"Try: mlops-tui incident show {found.id}")
        return IncidentEvent(subject=found.id, event="handover", who=who, note=note)

    name, _ = _case.change(session, incident, step)
    entries = session.ledger.entries(*_case.SEEN)
    found = folds.incidents(entries)[name]
    return View(f"{name} waits for {who} to accept it: {found.title}", Status.DONE,
                passed_on(found, entries, session.declared().zone),
                (Action("Look at it", ("incident", "show", name)),))
