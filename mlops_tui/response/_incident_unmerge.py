"""A merge of two incidents, undone."""

from collections.abc import Sequence

import click

from mlops_tui import folds
from mlops_tui.capability import act
from mlops_tui.errors import Conflict
from mlops_tui.incidents.incidentstate import standing_for
from mlops_tui.response import _case
from mlops_tui.response.incident import incident
from mlops_tui.session import Session
from mlops_tui.view import View
from store.facts import IncidentEvent
from store.ledger import Entry


@act(of=incident, confirm=False)
@click.argument("incident")
def unmerge(session: Session, incident: str) -> View:
    """Let an incident stand for itself again, while the one that it was merged into is open.

    \b
    Example: mlops-tui incident unmerge INC-4
    """
    session.declared()
    named = ""

    def decided(entries: Sequence[Entry]) -> tuple[IncidentEvent, ...]:
        nonlocal named
        known = folds.incidents(entries)
        found = folds.known(known, incident, "incident")
        named = found.id
        if not found.merged_into:
            raise Conflict(f"{found.id} is merged into none.", next=f"Try: mlops-tui incident show {found.id}")
        _case.must_be_open(known[standing_for(known, found.id)])
        return (IncidentEvent(subject=found.id, event="unmerged", reference=found.merged_into),)

    session.ledger.transact(decided)
    return _case.answered(session, named, "stands for itself again")
