"""Votes on what somebody wants to do: bound to one plan, by people who may, once each, in time."""

import shlex
from collections.abc import Sequence
from dataclasses import replace

import click

from mlops_tui import folds
from mlops_tui.capability import decide, look, noun
from mlops_tui.errors import Conflict, Denied, NotFound
from mlops_tui.folds import ApprovalState
from mlops_tui.governance._standing import actor_named, planned, same_person
from mlops_tui.render import cells, keep
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Part, Row, Status, Table, Text, View, counted
from store.facts import Approval, Fact, Vote
from store.ledger import Entry

approve = noun("approve", __doc__ or "", bare="list", subject="vote")
ENDED = {"met": "has its votes", "done": "was used", "rejected": "was rejected", "void": "is void",
         "expired": "has expired"}


@look(of=approve, fold=True)
@click.option("--all", "everything", is_flag=True, help="Decided and expired ones too.")
def list_(session: Session, everything: bool) -> View:
    """What waits for votes.

    \b
    Example: mlops-tui approve list
    """
    session.declared()
    known = _known(session)
    shown = [each for each in reversed(known.values()) if everything or each.state in ("open", "met")]
    rows: list[Row] = [_row(each, session) for each in shown]
    table = Table.of("approvals", rows, "approval", "state", "title", "votes", "role", "requester", "expires_at")
    waiting = [each for each in shown if each.state == "open"]
    said = f"{counted(len(waiting), 'approval waits', 'approvals wait')} for votes"
    return View(said if waiting else "No approval waits for a vote",
                Status.WARN if waiting else Status.PASS, (table,),
                tuple(Action(f"Look at {each.id}", ("approve", "show", each.id)) for each in waiting[:3]))


def _known(session: Session) -> dict[str, ApprovalState]:
    return folds.approvals(session.ledger.entries("approval", "vote", "promotion"), session.now())


def _row(each: ApprovalState, session: Session) -> dict[str, Cell]:
    return {"approval": each.id, "state": each.state, "title": each.title, "votes": each.count, "yes": each.yes,
            "quorum": each.quorum, "role": each.role, "requester": each.requester, "asked_at": each.asked_at,
            "expires_at": each.expires_at, "plan": each.plan, "command": " ".join(each.argv), "reason": each.reason,
            "yours": _why_not(session, each) == ""}


@look(of=approve)
@click.argument("approval")
def show(session: Session, approval: str) -> View:
    """What is asked, who voted, and the plan: as it stands now, or, once it is decided, as it was.

    \b
    Example: mlops-tui approve show AP-1
    """
    session.declared()
    found = folds.known(_known(session), approval, "approval", "approve list --all")
    votes: list[Row] = [{"voter": vote.voter, "choice": vote.choice, "reason": vote.reason,
                         "simulated": vote.simulated} for vote in found.votes.values()]
    parts = (Facts(_row(found, session)), Table.of("votes", votes, "voter", "choice", "reason", title="Votes"))
    if found.state != "open":
        return View(f"{found.id} {ENDED[found.state]}: {found.title}", Status.DONE,
                    (*parts, *_as_it_was(session, found)), _afterwards(found))
    plan = planned(_as_requester(session, found), found.argv)
    stale = plan.error is None and plan.plan != found.plan
    changed = (Text("The plan changed since it was asked; a vote will void it."),) if stale else ()
    tables = tuple(part for part in plan.view.parts if isinstance(part, Table))
    return View(f"{found.id}: {found.title} has {found.count}", Status.WARN, (*parts, *changed, *tables),
                (Action("Yes", ("approve", "vote", found.id), asks=("reason",)),
                 Action("No", ("approve", "vote", found.id, "--no"), asks=("reason",))))


def _as_it_was(session: Session, found: ApprovalState) -> tuple[Part, ...]:
    """The tables of the plan that was voted on; a word where it was not kept, or was erased."""
    try:
        plan = keep.read(session.data().object(found.evidence).decode("utf-8")) if found.evidence else None
    except NotFound:
        plan = None
    if plan is None:
        return (Text("The plan as it was then is not kept."),)
    return tuple(replace(part, title="As it was when it was asked") for part in plan.parts if isinstance(part, Table))


def _afterwards(found: ApprovalState) -> tuple[Action, ...]:
    if found.argv[:1] != ("promote",):
        return ()
    return (Action("What else was asked", ("promote", "--history", found.argv[1].partition("@")[0])),)


@decide(of=approve)
@click.argument("approval")
@click.option("--no", "against", is_flag=True, help="Reject it.")
def vote(session: Session, approval: str, against: bool, reason: str) -> View:
    """Say yes or no to AP-1, having looked at its plan; the last yes that is needed carries it out.

    \b
    Example: mlops-tui approve vote AP-1 --reason "better in August, and no incident is open"
    Example: mlops-tui approve vote AP-1 --no --reason "not before the holidays"
    """
    session.declared()
    found = folds.known(_known(session), approval, "approval", "approve list --all")
    _refuse(session, found)
    if not against:
        _still_planned(session, found)
    choice = Vote(subject=found.id, voter=session.actor.name, choice="no" if against else "yes", plan=found.plan,
                  reason=reason, simulated=session.actor.simulated)

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        now = folds.approvals(entries, session.now())[found.id]
        _refuse(session, now)
        if against:
            return [choice, Approval(subject=found.id, event="rejected", reason=f"{choice.voter}: {reason}")]
        return [choice, *([Approval(subject=found.id, event="met")] if now.yes + 1 >= now.quorum else [])]

    session.ledger.transact(decided)
    after = _known(session)[found.id]
    if after.state == "met":
        return _carried_out(session, after)
    said = f"{found.id} is rejected" if against else f"{found.id}: {after.title} has {after.count}"
    facts: dict[str, Cell] = {"approval": found.id, "votes": after.yes, "quorum": after.quorum, "state": after.state,
                              "expires_at": after.expires_at}
    return View(said, Status.DONE if against else Status.RUNNING, (Facts(facts),))


def _refuse(session: Session, found: ApprovalState) -> None:
    """Raise where this person may not vote on it, or not any more."""
    if found.state != "open":
        raise Conflict(f"{found.id} {ENDED[found.state]}{_since(session, found)}.", next=_again(found))
    if session.actor.name in found.votes:
        raise Conflict(f"{session.actor.name} has voted on {found.id} already.",
                       next=f"Try: mlops-tui approve show {found.id}")
    if why := _why_not(session, found):
        raise Denied(why, where=found.id, next=f"Ask somebody else who is {found.role}.")


def _since(session: Session, found: ApprovalState) -> str:
    if found.state == "expired":
        return f" at {cells.moment(found.expires_at, session.declared().zone)}"
    return f": {found.reason}" if found.reason else ""


def _again(found: ApprovalState) -> str:
    return f"Try: mlops-tui {shlex.join(found.argv)}"


def _why_not(session: Session, found: ApprovalState) -> str:
    """Why this person may not vote on it; empty where nothing speaks against it."""
    me = session.actor
    if found.state != "open" or me.name in found.votes:
        return "it is decided, or voted on already"
    if same_person(session, me.name, found.requester):
        return f"{me.name} asked for {found.id} and cannot approve it."
    if not actor_named(session, me.name).has(found.role) or not me.has(found.role):
        return f"{me.name} does not hold the role '{found.role}' that {found.id} asks for."
    if twin := next((voter for voter in found.votes if same_person(session, me.name, voter)), ""):
        return f"{me.name} and {twin}, who has voted on {found.id}, are one person."
    return ""


def _still_planned(session: Session, found: ApprovalState) -> None:
    """Void it where the requester may not do it any more, or the plan is not the one that was asked for."""
    outcome = planned(_as_requester(session, found), found.argv)
    if outcome.plan == found.plan:
        return
    why = outcome.error["what"] if outcome.error else "the plan is not the one that was asked for"
    _void(session, found, why)
    raise Conflict(f"{found.id} is void: {why}.".replace("..", "."), next=_again(found))


def _void(session: Session, found: ApprovalState, why: str) -> None:
    session.ledger.append(Approval(subject=found.id, event="void", reason=why))


def _as_requester(session: Session, found: ApprovalState) -> Session:
    """Whoever asked, with the roles that the team file gives them now."""
    return session.acting_as(actor_named(session, found.requester))


def _carried_out(session: Session, found: ApprovalState) -> View:
    """Do what was approved, as the one who asked for it; roles and plan are looked at once more on the way."""
    outcome = _as_requester(session, found).perform(found.argv, consent=found.plan)
    state = _known(session)[found.id].state
    facts: dict[str, Cell] = {"approval": found.id, "votes": found.yes, "quorum": found.quorum,
                              "state": state, **outcome.view.facts()}
    rest = tuple(part for part in outcome.view.parts if not isinstance(part, Facts))
    if state == "done":
        return View(f"{found.id} has its votes: {outcome.view.title}", outcome.view.status, (Facts(facts), *rest),
                    outcome.view.actions)
    why = outcome.error["what"] if outcome.error else outcome.view.title
    if outcome.exit == 3:
        return View(f"{found.id} has its votes, but could not be carried out: {why}", Status.FAIL,
                    (Facts(facts), *rest), (Action("Try once more", found.argv),))
    if state == "met":
        _void(session, found, why)
    return View(f"{found.id} had its votes, but is void: {why}", Status.FAIL,
                (Facts({**facts, "state": "void"}), *rest), (Action("Ask again", found.argv),))
