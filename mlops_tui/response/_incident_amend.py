"""What somebody put on the timeline, said better."""

from collections.abc import Sequence

import click

from mlops_tui.capability import act
from mlops_tui.errors import Conflict
from mlops_tui.folds import Incident
from mlops_tui.response import _case
from mlops_tui.response.incident import incident
from mlops_tui.session import Session
from mlops_tui.view import View
from store.facts import IncidentEvent
from store.ledger import Entry


@act(of=incident, confirm=False)
@click.argument("incident")
@click.argument("ref")
@click.argument("text")
def amend(session: Session, incident: str, ref: str, text: str) -> View:
    """Say a note of the timeline better: REF is its link, or the number behind it.

    \b
    Example: mlops-tui incident amend INC-1 812 "the weather feed stopped at 11:40"
    """
    _case.something(text, "note")

    def step(_: Sequence[Entry], found: Incident) -> IncidentEvent | None:
        known = _case.noted(found, ref)
        if known.struck:
            raise Conflict(f"That note of {found.id} was struck.", next=f"Try: mlops-tui incident show {found.id}")
        return None if known.text == text else IncidentEvent(subject=found.id, event="amended", note=text,
                                                             reference=known.reference)

    name, new = _case.change(session, incident, step, over=True)
    return _case.answered(session, name, "has the note amended" if new else "has the note so already")
