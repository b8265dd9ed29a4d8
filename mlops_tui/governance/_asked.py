"""What was asked for and waits: found by its id, judged by who may answer it, ended where nobody can any more."""

import shlex

from mlops_tui import folds
from mlops_tui.errors import Conflict, Denied
from mlops_tui.folds import ApprovalState
from mlops_tui.governance._standing import held, same_person, unreal
from mlops_tui.oversight.settling import KINDS
from mlops_tui.render import cells
from mlops_tui.session import Session
from store.facts import Approval

ENDED = {"met": "has its votes", "done": "was used", "rejected": "was rejected", "void": "is void",
         "expired": "has expired", "withdrawn": "was withdrawn", "review": "was done without votes",
         "reviewed": "was reviewed"}


def known(session: Session) -> dict[str, ApprovalState]:
    return folds.approvals(session.ledger.entries(*KINDS), session.now())


def named(session: Session, approval: str) -> ApprovalState:
    """The approval of that id; NotFound says which there are."""
    return folds.known(known(session), approval, "approval", "approve list --all")


def ended(session: Session, found: ApprovalState) -> str:
    """How it ended, by whom, when and why, as a sentence; empty where it is open."""
    if found.state == "open":
        return ""
    zone = session.declared().zone
    if found.state == "expired":
        return f"{found.id} has expired at {cells.moment(found.expires_at, zone)}"
    at = f" at {cells.moment(found.ended_at, zone)}" if found.ended_at is not None else ""
    who = f" by {found.ended_by}" if found.state in ("rejected", "withdrawn", "reviewed") else ""
    return f"{found.id} {ENDED[found.state]}{who}{at if who else ''}"


def must_be_open(session: Session, found: ApprovalState) -> None:
    """Conflict, politely, where it is decided: what anybody says now comes too late."""
    if found.state == "open":
        return
    why = f": {found.reason}" if found.reason and found.state != "expired" else ""
    raise Conflict(f"{ended(session, found)}{why}.".replace("..", "."), where="nothing was counted", next=again(found))


def again(found: ApprovalState) -> str:
    return f"Try: mlops-tui {shlex.join(found.argv)}"


def barred(session: Session, found: ApprovalState) -> str:
    """Why this person's word does not count for it, whatever state it is in; empty where nothing speaks against it."""
    me = session.actor
    if same_person(session, me.name, found.requester):
        return f"{me.name} asked for {found.id} and cannot approve it."
    if not held(session, me.name, found) or not any(me.has(role) for role in found.asks):
        wanted = "' or '".join(found.asks)
        return f"{me.name} does not hold the role '{wanted}' that {found.id} asks for."
    others = (voter for voter in found.votes if voter != me.name)
    if twin := next((voter for voter in others if same_person(session, me.name, voter)), ""):
        return f"{me.name} and {twin}, who has voted on {found.id}, are one person."
    return unreal(session, me.name)


def must_count(session: Session, found: ApprovalState) -> None:
    if why := barred(session, found):
        raise Denied(why, where=found.id, next=f"Ask somebody else who is {' or '.join(found.asks)}.")


def void(session: Session, found: ApprovalState, why: str) -> None:
    session.ledger.append(Approval(subject=found.id, event="void", reason=why))
