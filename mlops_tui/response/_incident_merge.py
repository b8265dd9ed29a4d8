"""Two incidents that turn out to be one."""

from collections.abc import Sequence

import click

from mlops_tui import folds
from mlops_tui.capability import Plan, act
from mlops_tui.errors import BadInput
from mlops_tui.folds import Incident
from mlops_tui.response import _case
from mlops_tui.response.incident import incident
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Status, View
from store.facts import IncidentEvent
from store.ledger import Entry


@act(of=incident)
@click.argument("incident")
@click.option("--into", required=True, help="The incident that goes on for both.")
def merge(session: Session, incident: str, into: str) -> Plan:
    """Merge an incident into another one: its alerts, its timeline and its people move there.

    \b
    Example: mlops-tui incident merge INC-4 --into INC-3
    """
    session.declared()
    found, other = _both(session.ledger.entries("incident"), incident, into)
    facts: dict[str, Cell] = {"alerts": found.alerts, "lines": len(found.timeline), "people": found.people,
                              "goes_on_as": f"{other.id}: {other.title}", "undo": f"incident unmerge {found.id}"}
    if {found.severity, other.severity} != {other.severity}:
        facts |= {"severity": f"stays {other.severity}; {found.id} is {found.severity}"}

    def apply() -> View:
        def step(entries: Sequence[Entry], _: Incident) -> IncidentEvent:
            one, target = _both(entries, incident, into)
            return IncidentEvent(subject=one.id, event="merged", reference=target.id)

        name, _ = _case.change(session, incident, step)
        view = _case.answered(session, other.id, f"goes on for {name} as well")
        return View(view.title, Status.DONE, view.parts,
                    (*view.actions, Action("Undo it", ("incident", "unmerge", name))))

    return Plan(View(f"Merge {found.id} into {other.id}: {found.title}", Status.DONE, (Facts(facts),)), apply)


def _both(entries: Sequence[Entry], incident: str, into: str) -> tuple[Incident, Incident]:
    """Both incidents, which are open; BadInput where they are the same."""
    known = folds.incidents(entries)
    found, other = folds.known(known, incident, "incident"), folds.known(known, into, "incident")
    for each in (found, other):
        _case.must_be_open(each)
    if found.id == other.id:
        raise BadInput(f"{found.id} cannot be merged into itself.", next="Name the other one with --into.")
    return found, other
