"""A vote, or the whole question, taken back while it is not decided yet."""

from collections.abc import Sequence
from typing import Any

import click

from mlops_tui import folds
from mlops_tui.capability import decide
from mlops_tui.errors import Denied
from mlops_tui.folds import ApprovalState
from mlops_tui.governance._asked import must_be_open, named
from mlops_tui.governance._standing import same_person
from mlops_tui.governance.approve import approve
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Status, View
from store.facts import Approval, Fact, Vote
from store.ledger import Entry


def _first(session: Session, approval: str, **_: Any) -> None:
    session.declared()
    _refuse(session, named(session, approval))


def _refuse(session: Session, found: ApprovalState) -> None:
    """Raise where there is nothing of this person's to take back."""
    me = session.actor.name
    asked = same_person(session, me, found.requester)
    if not (asked and found.state == "met"):  # it has its votes and was not carried out yet
        must_be_open(session, found)
    if not asked and me not in found.votes:
        raise Denied(f"{me} neither asked for {found.id} nor voted on it.", where=found.id,
                     next=f"Try: mlops-tui approve show {found.id}")


@decide(of=approve, first=_first)
@click.argument("approval")
def withdraw(session: Session, approval: str, reason: str) -> View:
    """Take your vote on AP-1 back; or, if you asked for it, the whole question.

    \b
    Example: mlops-tui approve withdraw AP-1 --reason "an incident was opened since"
    """
    found, me = named(session, approval), session.actor

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        now = folds.approvals(entries, session.now())[found.id]
        _refuse(session, now)
        if same_person(session, me.name, now.requester):
            return [Approval(subject=now.id, event="withdrawn", reason=reason)]
        return [Vote(subject=now.id, voter=me.name, choice="withdrawn", plan=now.plan, reason=reason,
                     simulated=me.simulated)]

    session.ledger.transact(decided)
    after = named(session, found.id)
    if after.state == "withdrawn":
        return View(f"{found.id} is withdrawn: {found.title}", Status.DONE, (Facts({"approval": found.id}),),
                    (Action("Ask again", found.argv),))
    return View(f"{me.name}'s vote is taken back; {found.id} has {after.count}", Status.RUNNING,
                (Facts({"approval": found.id, "votes": after.yes, "quorum": after.quorum, "state": after.state}),),
                (Action("Look at it", ("approve", "show", found.id)),))
