"""Votes on what somebody wants to do: bound to one plan, by people who may, once each, in time."""

from collections.abc import Sequence
from typing import Any

import click

from mlops_tui import folds
from mlops_tui.capability import decide, look, noun
from mlops_tui.errors import Conflict, NotFound
from mlops_tui.folds import ApprovalState
from mlops_tui.governance._asked import (
    again,
    barred,
    ended,
    known,
    must_be_open,
    must_count,
    named,
    void,
)
from mlops_tui.governance._standing import held, out_of_reach
from mlops_tui.oversight.settling import as_requester, changed, planned
from mlops_tui.render import keep
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Part, Row, Status, Table, Text, View, counted
from store.facts import Approval, Fact, Vote
from store.ledger import Entry

approve = noun("approve", __doc__ or "", bare="list", subject="vote", package="mlops_tui.governance")
SHOWN = ("open", "met", "review")  # what somebody still has to do something about


@look(of=approve, fold=True)
@click.option("--all", "everything", is_flag=True, help="Decided and expired ones too.")
def list_(session: Session, everything: bool) -> View:
    """What waits for votes, and what was done without them and waits for a review.

    \b
    Example: mlops-tui approve list
    """
    session.declared()
    shown = [each for each in reversed(known(session).values()) if everything or each.state in SHOWN]
    rows: list[Row] = [_row(each, session) for each in shown]
    table = Table.of("approvals", rows, "approval", "state", "title", "votes", "role", "requester", "expires_at")
    waiting = [each for each in shown if each.state == "open"]
    broken = [each for each in shown if each.state == "review"]
    said = f"{counted(len(waiting), 'approval waits', 'approvals wait')} for votes" if waiting else \
        "No approval waits for a vote"
    said += f"; {counted(len(broken), 'promotion')} without votes {'wants' if len(broken) == 1 else 'want'} a review" \
        if broken else ""
    return View(said, Status.FAIL if broken else Status.WARN if waiting else Status.PASS, (table,),
                tuple(Action(f"Look at {each.id}", ("approve", "show", each.id)) for each in (*broken, *waiting)[:3]))


def _row(each: ApprovalState, session: Session) -> dict[str, Cell]:
    broken = each.state in ("review", "reviewed")
    return {"approval": each.id, "state": each.state, "title": each.title, "votes": "" if broken else each.count,
            "yes": each.yes, "quorum": each.quorum, "role": each.role, "seats": each.seats,
            "requester": each.requester, "asked_at": each.asked_at,
            "expires_at": None if broken else each.expires_at, "plan": each.plan, "evidence": each.evidence,
            "command": " ".join(each.argv),
            "reason": each.reason, "ended_by": each.ended_by, "ended_at": each.ended_at,
            "yours": _yours(each, session)}


def _yours(each: ApprovalState, session: Session) -> bool:
    """Whether it waits for this person."""
    waits = (each.state == "open" and session.actor.name not in each.votes) or each.state == "review"
    return waits and not barred(session, each)


@look(of=approve, fold=True)
@click.argument("approval")
def show(session: Session, approval: str) -> View:
    """What is asked, who voted, and the plan: as it stands now, or, once it is decided, as it was.

    \b
    Example: mlops-tui approve show AP-1
    """
    session.declared()
    found = named(session, approval)
    votes: list[Row] = [{"voter": vote.voter, "choice": vote.choice, "reason": vote.reason,
                         "simulated": vote.simulated} for vote in found.votes.values()]
    asked: list[Row] = [{"who": who, "question": what, "at": at} for who, what, at in found.questions]
    reach = out_of_reach(session, found)
    parts: tuple[Part, ...] = (
        Facts({**_row(found, session), **({"out_of_reach": reach} if reach else {})}),
        Table.of("votes", votes, "voter", "choice", "reason", title="Votes"),
        *([Table.of("questions", asked, "who", "question", "at", title="Asked back")] if asked else []))
    if found.state != "open":
        return _decided(session, found, parts)
    if session.as_of is not None:
        return View(f"{found.id}: {found.title} had {found.count}", Status.WARN, (*parts, *_as_it_was(session, found)))
    plan = planned(as_requester(session, found), found.argv)
    if plan.plan != found.plan and plan.exit != 3:
        why = plan.error["what"] if plan.error else "the plan is not the one that was asked for"
        said = Text(f"The plan changed since it was asked, so no vote counts any more: {why}".rstrip(".") + ".")
        return View(f"{found.id} is void, since what was asked for changed: {found.title}", Status.FAIL,
                    (*parts, said, *_tables(plan.view)), (Action("Ask again", found.argv),))
    stands = plan.view.title.partition(": ")[2]
    beside = (Facts({"beside_the_champion": stands}),) if stands else ()
    return View(f"{found.id}: {found.title} has {found.count}", Status.WARN, (*beside, *parts, *_tables(plan.view)),
                (Action("Yes", ("approve", "vote", found.id), asks=("reason",)),
                 Action("No", ("approve", "vote", found.id, "--no"), asks=("reason",)),
                 Action("Ask for more", ("approve", "ask-for-more", found.id), asks=("reason",))))


def _decided(session: Session, found: ApprovalState, parts: tuple[Part, ...]) -> View:
    """What came of it; done without votes it stays red until somebody has reviewed it."""
    kept = (*parts, *_as_it_was(session, found))
    if found.state == "review":
        return View(f"{found.id} wants a review: {found.requester} did it without votes: {found.title}", Status.FAIL,
                    kept, (Action("It was right", ("approve", "review", found.id), asks=("reason",)),
                           Action("It was wrong", ("approve", "review", found.id, "--wrong"), asks=("reason",))))
    return View(f"{ended(session, found)}: {found.title}", Status.DONE, kept, _afterwards(found))


def _tables(view: View) -> tuple[Part, ...]:
    """All that a plan shows, but what names it: the gate, and what it stands beside."""
    return tuple(part for part in view.parts if not isinstance(part, Facts) or "drift" in part.items)


def _as_it_was(session: Session, found: ApprovalState) -> tuple[Part, ...]:
    """The tables of the plan that was voted on; a word where it was not kept, or was erased."""
    try:
        plan = keep.read(session.data().object(found.evidence).decode("utf-8")) if found.evidence else None
    except NotFound:
        plan = None
    if plan is None:
        return (Text("The plan as it was then is not kept."),)
    return (Text("As it was when it was asked:"), *_tables(plan))


def _afterwards(found: ApprovalState) -> tuple[Action, ...]:
    if found.argv[:1] != ("promote",):
        return ()
    return (Action("What else was asked", ("promote", "--history", found.argv[1].partition("@")[0])),)


def _first(session: Session, approval: str, against: bool, **_: Any) -> None:
    """Refuse who may not vote on it, or not so, or not any more, before he is asked why."""
    session.declared()
    _refuse(session, named(session, approval), against)


@decide(of=approve, first=_first)
@click.argument("approval")
@click.option("--no", "against", is_flag=True, help="Reject it.")
def vote(session: Session, approval: str, against: bool, reason: str) -> View:
    """Say yes or no to AP-1, having looked at its plan; the last yes that is needed carries it out.

    Until it is decided a yes can be taken back, or become a no.

    \b
    Example: mlops-tui approve vote AP-1 --reason "better in August, and no incident is open"
    Example: mlops-tui approve vote AP-1 --no --reason "not before the holidays"
    """
    found = named(session, approval)
    if not against:
        _still_planned(session, found)
    choice = Vote(subject=found.id, voter=session.actor.name, choice="no" if against else "yes", plan=found.plan,
                  reason=reason, simulated=session.actor.simulated, roles=held(session, session.actor.name, found))

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        now = folds.approvals(entries, session.now())[found.id]
        _refuse(session, now, against)
        if against:
            return [choice, Approval(subject=found.id, event="rejected", reason=reason)]
        return [choice, *([Approval(subject=found.id, event="met")] if now.after(choice).enough else [])]

    session.ledger.transact(decided)
    after = named(session, found.id)
    if after.state == "met":
        return _carried_out(session, after)
    said = f"{found.id} is rejected" if against else f"{found.id}: {after.title} has {after.count}"
    facts: dict[str, Cell] = {"approval": found.id, "votes": after.yes, "quorum": after.quorum, "state": after.state,
                              "expires_at": after.expires_at}
    actions = () if against else (Action("Take it back", ("approve", "withdraw", found.id), asks=("reason",)),)
    return View(said, Status.DONE if against else Status.RUNNING, (Facts(facts),), actions)


def _refuse(session: Session, found: ApprovalState, against: bool) -> None:
    """Raise where this person may not vote on it, or not any more."""
    must_be_open(session, found)
    before = found.votes.get(session.actor.name)
    if before is not None and before.choice == ("no" if against else "yes"):
        raise Conflict(f"{session.actor.name} has voted {before.choice} on {found.id} already.",
                       next=f"Try: mlops-tui approve show {found.id}")
    must_count(session, found)


def _still_planned(session: Session, found: ApprovalState) -> None:
    """Void it where the requester may not do it any more, or the plan is not the one that was asked for."""
    if why := changed(session, found):
        void(session, found, why)
        raise Conflict(f"{found.id} is void: {why}.".replace("..", "."), next=again(found))


def _carried_out(session: Session, found: ApprovalState) -> View:
    """Do what was approved, as the one who asked for it; roles and plan are looked at once more on the way."""
    outcome = as_requester(session, found).perform(found.argv, consent=found.plan)
    state = named(session, found.id).state
    facts: dict[str, Cell] = {"approval": found.id, "votes": found.yes, "quorum": found.quorum,
                              "state": state, **outcome.view.facts()}
    rest = tuple(part for part in outcome.view.parts if not isinstance(part, Facts))
    if state == "done":
        return View(f"{found.id} has its votes: {outcome.view.title}", outcome.view.status, (Facts(facts), *rest),
                    outcome.view.actions)
    why = outcome.error["what"] if outcome.error else outcome.view.title
    if outcome.exit == 3 or facts.get("deployment_state"):  # it was tried, and its votes stand for another try
        return View(f"{found.id} has its votes, but could not be carried out: {why}", Status.FAIL,
                    (Facts(facts), *rest), (Action("Try once more", found.argv),))
    if state == "met":
        void(session, found, why)
    return View(f"{found.id} had its votes, but is void: {why}", Status.FAIL,
                (Facts({**facts, "state": "void"}), *rest), (Action("Ask again", found.argv),))
