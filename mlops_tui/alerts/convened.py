"""A board's case that waits for somebody's vote, and what came of it: told to whom it concerns."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_tui.alerts.nudges import Nudge
from mlops_tui.assurance.boardcases import BoardCase, cases, offered
from mlops_tui.project import Project
from mlops_tui.view import Action, Status, View

if TYPE_CHECKING:
    from store.ledger import Entry

NEWS = timedelta(days=1)  # for so long what came of it is news
SOON = timedelta(days=1)  # before its end, or a quarter of its time, a vote is asked for once more


def convened(project: Project, entries: "Sequence[Entry]", now: datetime) -> Iterator[Nudge]:
    """Of each case: a vote, twice, of who may give it; what came of it, to whoever asked."""
    for each in cases(entries, now).values():
        if each.state == "open":
            yield from _votes(project, each)
        elif each.ended_at is not None and now - each.ended_at < NEWS:
            view = View(f"{each.id}, {each.board} about {each.about}: {each.state.replace('_', ' ')}: {each.why}",
                        Status.DONE if each.state == "approved" else Status.FAIL, (),
                        (Action("The minutes", ("board", "minutes", each.id)),))
            yield Nudge(f"board-decided/{each.id}", each.asked_by, view, each.ended_at, turn=each.state)


def _votes(project: Project, each: BoardCase) -> Iterator[Nudge]:
    questions = project.guidelines.get(each.rules.guidelines)
    actions = (Action("Look at it", ("board", "show", each.id)),
               *offered(each, [one.id for one in questions.questions] if questions else ()))
    soon = each.expires_at - min((each.expires_at - each.opened_at) / 4, SOON)
    for member in each.count.silent:
        said = f"{each.board} about {each.about} ({each.count.said})"
        first = View(f"{each.id} waits for your vote: {said}", Status.WARN, (), actions)
        last = View(f"{each.id} ends soon without your vote: {said}", Status.WARN, (), actions)
        yield Nudge(f"board/{each.id}", member, first, each.opened_at, turn=str(each.reopened or ""))
        yield Nudge(f"board/{each.id}", member, last, soon, turn=f"soon{each.reopened or ''}")
