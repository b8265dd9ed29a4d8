"""How an incident stands, told to everybody, and when the next word comes."""

from datetime import timedelta

import click

from mlops_tui import folds
from mlops_tui.capability import act
from mlops_tui.declarations.declare import duration
from mlops_tui.errors import BadInput
from mlops_tui.folds import Incident
from mlops_tui.response import _case, _notified
from mlops_tui.response.incident import incident
from mlops_tui.session import Session
from mlops_tui.view import View
from store.facts import IncidentEvent


@act(of=incident, confirm=False)
@click.argument("incident")
@click.argument("text")
@click.option("--next", "after", default=None,
              help="When the next one is promised, such as 30m, or 'none'; as its severity asks by default.")
def update(session: Session, incident: str, text: str, after: str | None) -> View:
    """Tell everybody how it stands, and when the next word comes; the lead is reminded of it.

    \b
    Example: mlops-tui incident update INC-1 "version 8 serves; we watch the next two days" --next 30m
    """
    _case.something(text, "update")
    promised = _promised(after) if after else None

    def step(_: object, found: Incident) -> IncidentEvent:
        length = promised if after else _case.policy(session).level(found.severity).update
        until = (session.now() + length).isoformat() if length else ""
        return IncidentEvent(subject=found.id, event="update", note=text, until=until)

    name, _ = _case.change(session, incident, step)
    _notified.keep(session, name)
    found = folds.incidents(session.ledger.entries("incident"))[name]
    due = found.update.next if found.update else None
    return _case.answered(session, name, "has a new update", update=text,
                          next_update=due or "none is promised",
                          reminded=(found.roles.get("lead") or session.actor.name) if due else None)


def _promised(text: str) -> timedelta | None:
    """How long until the next update; none for 'none'. BadInput otherwise."""
    if text == "none":
        return None
    try:
        length = duration(text)
    except ValueError as problem:
        raise BadInput(f"{problem}.", next="Write 30m, 2h, or none.") from problem
    if not timedelta(minutes=5) <= length <= timedelta(days=7):
        raise BadInput(f"The next update is promised in five minutes to a week, not in {text}.", next="Write 30m.")
    return length
