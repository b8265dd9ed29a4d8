"""Somebody says that a grant is needed still, or what he found where the glass was broken; nobody of his own."""

import click

from mlops_tui.capability import decide
from mlops_tui.errors import Conflict
from mlops_tui.governance._access_grant import not_oneself, review_by
from mlops_tui.governance.access import access, given, granted_table
from mlops_tui.session import Session
from mlops_tui.view import Action, Status, View
from store.facts import Revoked


def _may_keep(session: Session, name: str, *, reason: str | None) -> None:
    found = given(session, name)
    not_oneself(session, found.who, "reviews nothing for")
    if found.reviewed_by:
        raise Conflict(f"{found.id} was reviewed by {found.reviewed_by}.")
    if found.glass is found.holds(session.clock()):
        said = "is open still, and reviewed once it is over" if found.glass else "is over"
        raise Conflict(f"{found.id} {said}.", next="Try: mlops-tui access review")


@decide(of=access, first=_may_keep)
@click.argument("name", metavar="GRANT")
def keep(session: Session, name: str, reason: str) -> View:
    """Answer a review: that a grant is needed still, or what you found where somebody broke the glass.

    \b
    Example: mlops-tui access keep G-1 --reason "the audit goes on until March"
    """
    found = given(session, name)
    event, due = ("reviewed", "") if found.glass else ("kept", review_by(session))
    session.ledger.append(Revoked(subject=found.id, event=event, reason=reason, review_by=due))
    said = "is reviewed" if found.glass else "is kept"
    return View(f"{found.id} {said}: {found.who}, {found.action} {found.resource}", Status.DONE,
                granted_table(session, [given(session, name)]), (Action("What else waits", ("access", "review")),))
