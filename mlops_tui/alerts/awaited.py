"""Votes that are waited for, what came of them, and what was done without them: told to whom it concerns."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.alerts.nudges import Nudge
from mlops_tui.folds import ApprovalState
from mlops_tui.project import Project
from mlops_tui.view import Action, Status, View

if TYPE_CHECKING:
    from store.ledger import Entry

NEWS = timedelta(days=1)   # for so long what came of it is news
SOON = timedelta(hours=4)  # before its end, or a quarter of its time, a vote is asked for once more
_CAME = {"met": "has its votes", "done": "has its votes, and is done", "rejected": "was rejected",
         "expired": "ran out of time", "void": "is void"}


def awaited(project: Project, entries: "Sequence[Entry]", now: datetime) -> Iterator[Nudge]:
    """Of each approval: a vote, twice; an answer to whoever asked; a question; a broken glass, to everybody."""
    for each in folds.approvals(entries, now).values():
        if each.state == "open":
            yield from _votes(project, each)
        yield from _questions(each)
        yield from _outcome(each, now)
        yield from _broken(project, each, now)


def _voters(project: Project, each: ApprovalState) -> list[str]:
    """Who holds a role that is asked, on call or not, and has not voted."""
    return [name for name, person in project.team.people.items() if set(each.asks) & set(person.roles)
            and name != each.requester and name not in each.votes]


def _votes(project: Project, each: ApprovalState) -> Iterator[Nudge]:
    actions = (Action("Look at it", ("approve", "show", each.id)),
               Action("Yes", ("approve", "vote", each.id), asks=("reason",)),
               Action("No", ("approve", "vote", each.id, "--no"), asks=("reason",)))
    soon = each.expires_at - min((each.expires_at - each.asked_at) / 4, SOON)
    for person in _voters(project, each):
        view = View(f"{each.id} waits for your vote: {each.title} ({each.count})", Status.WARN, (), actions)
        yield Nudge(f"approval/{each.id}", person, view, each.asked_at)
        last = View(f"{each.id} ends soon without your vote: {each.title} ({each.count})", Status.WARN, (), actions)
        yield Nudge(f"approval/{each.id}", person, last, soon, turn="soon")


def _questions(each: ApprovalState) -> Iterator[Nudge]:
    for number, (who, what, at) in enumerate(each.questions if each.pending else (), 1):
        view = View(f"{who} asks about {each.id}: {what}", Status.WARN, (),
                    (Action("Look at it", ("approve", "show", each.id)),))
        yield Nudge(f"question/{each.id}/{number}", each.requester, view, at)


def _outcome(each: ApprovalState, now: datetime) -> Iterator[Nudge]:
    at = each.ended_at if each.noted else each.expires_at
    if each.state not in _CAME or at is None or now - at >= NEWS:
        return
    why = f" ({each.reason})" if each.reason and each.state in ("rejected", "void") else ""
    good = each.state in ("met", "done")
    actions = () if good else (Action("Ask again", each.argv),)
    view = View(f"{each.id} {_CAME[each.state]}: {each.title}{why}", Status.DONE if good else Status.FAIL, (),
                (Action("Look at it", ("approve", "show", each.id)), *actions))
    yield Nudge(f"decided/{each.id}", each.requester, view, at, turn="" if good else each.state)


def _broken(project: Project, each: ApprovalState, now: datetime) -> Iterator[Nudge]:
    """Everybody at once and at any hour; who may review it once a day until somebody has."""
    if each.state != "review":
        return
    said = f"{each.requester} did it without votes: {each.title} ({each.reason})"
    look = Action("Look at it", ("approve", "show", each.id))
    for person in project.team.people:
        yield Nudge(f"glass/{each.id}", person, View(said, Status.FAIL, (), (look,)), each.asked_at, page=True)
    days = (now - each.asked_at) // timedelta(days=1)
    for person in _voters(project, each) if days else ():
        view = View(f"{each.id} wants your review: {said}", Status.FAIL, (), (
            look, Action("It was right", ("approve", "review", each.id), asks=("reason",)),
            Action("It was wrong", ("approve", "review", each.id, "--wrong"), asks=("reason",))))
        yield Nudge(f"review/{each.id}", person, view, each.asked_at + days * timedelta(days=1), turn=str(days))
