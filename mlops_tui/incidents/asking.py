"""Who is asked, after an incident, what he saw; and who is told, week by week, what he promised and has not done."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.alerts.nudges import Nudge
from mlops_tui.folds import ActionItem, Incident
from mlops_tui.incidents.answers import asked, asked_about
from mlops_tui.incidents.questions import QUESTIONS
from mlops_tui.project import Project
from mlops_tui.view import Action, Column, Row, Status, Table, Text, View, counted

if TYPE_CHECKING:
    from store.ledger import Entry

AGAIN = (timedelta(0), timedelta(days=1), timedelta(days=3))  # after the end of an incident: asked, and reminded twice


def questions(project: Project, entries: "Sequence[Entry]", now: datetime) -> Iterator[Nudge]:
    """The four questions to everybody who was there and has neither answered nor declined, until the post-mortem is
    finished."""
    for incident, ended in asked_about(entries, now):
        turn = sum(now >= ended + after for after in AGAIN) - 1
        for each in asked(entries, incident, project.team.people).values():
            if each.state == "waiting":
                yield Nudge(f"postmortem/{incident.id}", each.who, question(incident, each.part, turn),
                            ended + AGAIN[turn], turn=str(turn))


def question(incident: Incident, part: Sequence[str], turn: int = 0) -> View:
    """What one participant is asked."""
    again = f"{counted(turn, 'reminder')}: " if turn else ""
    said = (f"You took part ({', '.join(part)}). What made sense to you then helps others next time; nobody is blamed. "
            f"{' '.join(QUESTIONS.values())}")
    return View(f"{again}{incident.id} is over: what did you see?", Status.WARN,
                (Text(f"{incident.id}: {incident.title}"), Text(said)),
                (Action("Tell", ("postmortem", "tell", incident.id), asks=tuple(QUESTIONS)),
                 Action("Nothing to add", ("postmortem", "tell", incident.id, "--nothing")),
                 Action("Look at it", ("incident", "show", incident.id))))


def overdue(project: Project, entries: "Sequence[Entry]", now: datetime) -> Iterator[Nudge]:
    """Once a week, to each owner, what is overdue of what he promised; nothing to who is in time."""
    local = now.astimezone(project.zone)
    today, (year, week, day) = f"{local:%Y-%m-%d}", local.isocalendar()
    mine: dict[str, list[ActionItem]] = {}
    for each in folds.action_items(entries).values():
        if each.standing(today) == "overdue":
            mine.setdefault(each.owner, []).append(each)
    monday = local.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=day - 1)
    for owner, late in mine.items():
        yield Nudge("actions/overdue", owner, late_view(late), monday, turn=f"{year}-W{week:02d}")


def late_view(late: Sequence[ActionItem]) -> View:
    """What somebody promised and has not done by its day, the longest overdue first."""
    late = sorted(late, key=lambda each: each.due)
    rows: list[Row] = [{"action": each.id, "due": each.due, "title": each.title, "type": each.type} for each in late]
    done = tuple(Action(f"{each.id} is adopted…", ("adopt", each.proposal)) if each.proposal else
                 Action(f"{each.id} is done", ("postmortem", "done", each.id)) for each in late[:3])
    return View(f"{counted(len(late), 'action of yours is overdue', 'actions of yours are overdue')}", Status.WARN,
                (Table.of("actions", rows, "action", "due", Column("title", cut=60)),),
                (*done, Action("All of mine", ("postmortem", "actions", "--mine"))))
