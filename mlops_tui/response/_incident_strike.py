"""What somebody put on the timeline, taken back, and still readable."""

from collections.abc import Sequence

import click

from mlops_tui.capability import act
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
@click.option("--note", default="", help="Why, such as 'deleted in Slack'.")
def strike(session: Session, incident: str, ref: str, note: str) -> View:
    """Strike a note from the timeline: it stays readable as struck. REF is its link, or the number behind it.

    \b
    Example: mlops-tui incident strike INC-1 812 --note "that was another feed"
    """
    def step(_: Sequence[Entry], found: Incident) -> IncidentEvent | None:
        known = _case.noted(found, ref)
        return None if known.struck else IncidentEvent(subject=found.id, event="struck", note=note,
                                                       reference=known.reference)

    name, new = _case.change(session, incident, step, over=True)
    return _case.answered(session, name, "has the note struck" if new else "has the note struck already")
