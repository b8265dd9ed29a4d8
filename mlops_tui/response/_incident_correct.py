"""A moment of an incident, corrected: what was known before stays beside it, with the reason."""

from collections.abc import Sequence

import click

from mlops_tui import folds
from mlops_tui.capability import decide
from mlops_tui.errors import BadInput, Conflict
from mlops_tui.folds import Incident
from mlops_tui.incidents.clock import POINTS, clock
from mlops_tui.inputs.moments import local
from mlops_tui.response import _case
from mlops_tui.response.incident import incident
from mlops_tui.session import Session
from mlops_tui.view import View
from store.facts import IncidentEvent
from store.ledger import Entry


@decide(of=incident)
@click.argument("incident")
@click.argument("point", type=click.Choice(POINTS))
@click.argument("time")
def correct(session: Session, incident: str, point: str, time: str, reason: str) -> View:
    """Say when it really began, was detected, or was over: the lengths in `incident trends` follow.

    \b
    Example: mlops-tui incident correct INC-1 onset 2013-07-10 --reason "the feed thinned out two days earlier"
    """
    at = _case.happened(session, time) or session.now()

    def step(entries: Sequence[Entry], found: Incident) -> IncidentEvent:
        if point == "resolved" and found.open:
            raise Conflict(f"{found.id} is open: it has no end that could be corrected.",
                           next=f"Try: mlops-tui incident resolve {found.id}")
        moments = {name: each.at for name, each in clock(entries, found).items()} | {point: at}
        for before, after in (("onset", point), (point, "resolved")):
            if before in moments and after in moments and moments[before] > moments[after]:
                raise BadInput(local(f"Its {after} at {moments[after].isoformat()} would come before its {before} at "
                                     f"{moments[before].isoformat()}.", session.declared().zone))
        return IncidentEvent(subject=found.id, event="corrected", point=point, at=at.isoformat(), note=reason)

    name, _ = _case.change(session, incident, step, over=True)
    entries = session.ledger.entries(*_case.SEEN)
    now = clock(entries, folds.incidents(entries)[name])[point]
    return _case.answered(session, name, f"has its {point} corrected", **{point: now.at, "was": now.first})
