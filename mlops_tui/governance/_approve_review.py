"""What was done without votes, judged afterwards by somebody else: it stays red until then."""

from collections.abc import Sequence
from typing import Any

import click

from mlops_tui import folds
from mlops_tui.capability import decide
from mlops_tui.errors import Conflict
from mlops_tui.folds import ApprovalState
from mlops_tui.governance._asked import ended, must_count, named
from mlops_tui.governance.approve import approve
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Status, View
from store.facts import Approval, Fact
from store.ledger import Entry


def _first(session: Session, approval: str, **_: Any) -> None:
    session.declared()
    _refuse(session, named(session, approval))


def _refuse(session: Session, found: ApprovalState) -> None:
    if found.state != "review":
        said = ended(session, found) if found.state == "reviewed" else f"{found.id} was not done without votes"
        raise Conflict(f"{said}.", next=f"Try: mlops-tui approve show {found.id}")
    must_count(session, found)


@decide(of=approve, first=_first)
@click.argument("approval")
@click.option("--wrong", is_flag=True, help="It should not have been done; how to go back is offered.")
def review(session: Session, approval: str, wrong: bool, reason: str) -> View:
    """Say of AP-5, which was done without votes, whether that was right.

    \b
    Example: mlops-tui approve review AP-5 --reason "the champion answered nothing, and nobody was awake"
    Example: mlops-tui approve review AP-5 --wrong --reason "a rollback would have done"
    """
    found, said = named(session, approval), "wrong" if wrong else "right"

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        _refuse(session, folds.approvals(entries, session.now())[found.id])
        return [Approval(subject=found.id, event="reviewed", reason=f"it was {said}: {reason}")]

    session.ledger.transact(decided)
    model = found.argv[1].partition("@")[0]
    back = Action("Go back", ("promote", "--rollback", model))
    return View(f"{found.id} is reviewed: it was {said}", Status.DONE,
                (Facts({"approval": found.id, "by": found.requester, "was": said, "reason": reason}),),
                (back,) if wrong else (Action("How it stands", ("status",)),))
