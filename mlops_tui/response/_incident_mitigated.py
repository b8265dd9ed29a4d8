"""That an incident no longer hurts, though it is not over."""

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
@click.option("--at", default=None, help="When it stopped to hurt; now by default.")
@click.option("--note", default="", help="What stopped it.")
def mitigated(session: Session, incident: str, at: str | None, note: str) -> View:
    """Say that it no longer hurts; without a word of yours another version that serves counts as that.

    \b
    Example: mlops-tui incident mitigated INC-1 --at "10m ago" --note "rolled back to version 6"
    """
    when = _case.happened(session, at)

    def step(_: Sequence[Entry], found: Incident) -> IncidentEvent:
        if any(getattr(entry.fact, "event", "") == "mitigated" for entry in found.timeline):
            raise Conflict(f"{found.id} was said to be mitigated before.",
                           next=f"Try: mlops-tui incident correct {found.id} mitigated '10m ago' --reason why")
        return IncidentEvent(subject=found.id, event="mitigated", note=note)

    name, _ = _case.change(session, incident, step, at=when)
    return _case.answered(session, name, "no longer hurts", mitigated=when or session.now())
