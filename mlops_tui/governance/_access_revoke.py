"""A grant is taken back at once."""

import click

from mlops_tui.capability import decide
from mlops_tui.errors import Conflict, Denied
from mlops_tui.governance.access import access, given, granted_table
from mlops_tui.session import Session
from mlops_tui.view import Action, Status, View
from store.facts import Revoked


def _may_revoke(session: Session, name: str, *, reason: str | None) -> None:
    found = given(session, name)
    me = session.actor
    if not (found.who == me.name or me.has("steward") or me.has("admin")):
        raise Denied(f"{me.name} may not take {found.id} back.", where="access",
                     next="Ask somebody who is steward or admin; whoever holds it may lay it down.")
    if not found.holds(session.clock()):
        raise Conflict(f"{found.id} is over.", next="Try: mlops-tui access review")


@decide(of=access, first=_may_revoke)
@click.argument("name", metavar="GRANT")
def revoke(session: Session, name: str, reason: str) -> View:
    """Take a grant back at once; whoever holds it may lay it down.

    \b
    Example: mlops-tui access revoke G-1 --reason "AL-3 is resolved"
    """
    found = given(session, name)
    session.ledger.append(Revoked(subject=found.id, reason=reason))
    return View(f"{found.id} is taken back: {found.who} may no longer {found.action} {found.resource} by it",
                Status.DONE, granted_table(session, [given(session, name)]),
                (Action("What is left", ("access", "can", found.who, found.action, found.resource)),))
