"""What a voter wants to know before he votes: told to whoever asked, while time and votes go on."""

from collections.abc import Sequence
from typing import Any

import click

from mlops_tui import folds
from mlops_tui.capability import decide
from mlops_tui.folds import ApprovalState
from mlops_tui.governance._asked import must_be_open, must_count, named
from mlops_tui.governance.approve import approve
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Status, View
from store.facts import Approval, Fact
from store.ledger import Entry


def _first(session: Session, approval: str, **_: Any) -> None:
    session.declared()
    _refuse(session, named(session, approval))


def _refuse(session: Session, found: ApprovalState) -> None:
    must_be_open(session, found)
    must_count(session, found)


@decide(of=approve, first=_first)
@click.argument("approval")
def ask_for_more(session: Session, approval: str, reason: str) -> View:
    """Ask whoever wants AP-1 for more; the question is the reason. Nothing is paused by it.

    \b
    Example: mlops-tui approve ask-for-more AP-1 --reason "how did it do in the storms of July?"
    """
    found = named(session, approval)

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        _refuse(session, folds.approvals(entries, session.now())[found.id])
        return [Approval(subject=found.id, event="more", reason=reason)]

    session.ledger.transact(decided)
    return View(f"{found.requester} is asked about {found.id}; its time goes on", Status.DONE,
                (Facts({"approval": found.id, "question": reason, "asked": found.requester}),),
                (Action("Look at it", ("approve", "show", found.id)),))
