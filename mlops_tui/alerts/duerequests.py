"""Who answers for people's requests is reminded a week and two days before one is due, and once it is overdue."""

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from mlops_tui.alerts.nudges import Nudge
from mlops_tui.privacy.requests import requests
from mlops_tui.project import Project
from mlops_tui.view import Action, Status, View, counted

if TYPE_CHECKING:
    from store.ledger import Entry

BEFORE = (7, 2, -1)  # days before the last one


def due_requests(project: Project, entries: "Sequence[Entry]", now: datetime) -> Iterator[Nudge]:
    """One reminder for each request that waits, of how long there is."""
    today = now.astimezone(project.zone).date()
    roles = {role for person in project.team.people.values() for role in person.roles}
    to = next((role for role in ("legal", "steward", "admin") if role in roles), "legal")
    for each in requests(entries, project.zone).values():
        left = (each.due - today).days
        passed = [days for days in BEFORE if left <= days]
        if not each.waits or not passed:
            continue
        said = f"{each.id}: {each.right} " + ("is overdue" if left < 0 else "is due today" if not left else
                                             f"is due in {counted(left, 'day')}")
        since = datetime.combine(each.due - timedelta(days=passed[-1]), time(), project.zone)
        view = View(said, Status.FAIL if left < 0 else Status.WARN, (), (Action("Look", ("optout", "show", each.id)),))
        yield Nudge(f"optout/{each.id}", to, view, since, turn=str(passed[-1]))
