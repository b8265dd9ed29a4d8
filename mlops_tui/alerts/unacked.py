"""An alert that nobody is on is told to whom it is for, and told again as its rule says."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.alerts.alertstate import Alert, groups, priced
from mlops_tui.alerts.notifying import Due, due_notifications
from mlops_tui.alerts.nudges import Nudge
from mlops_tui.project import Project
from mlops_tui.view import Action, Status, View, counted

if TYPE_CHECKING:
    from store.ledger import Entry

_WHY = {"fired": "", "refired": "fires again: ", "flapping": "comes and goes: ", "unmuted": "no longer waits: ",
        "unacked": "is given back: ", "reopened": "is open again: ", "escalated": "comes to you, nobody took it up: ",
        "undelivered": "comes to you, it did not get out: "}


def unacked(project: Project, entries: "Sequence[Entry]", now: datetime) -> Iterator[Nudge]:
    """One for each notification that is due, in the thread of the alert's card."""
    known = folds.alerts(entries)
    cards = {alert.id: group.name for group in groups(known.values()) for alert in group.alerts}
    policies = {name: monitor.alert for name, monitor in project.monitors.items() if monitor.alert is not None}
    for due in due_notifications(priced(known.values(), entries), policies, now):
        alert = known[due.alert]
        yield Nudge(f"alert/{alert.id}", due.to, _view(alert, due), due.since, turn=_turn(due), page=due.page,
                    card=cards[alert.id])


def _turn(due: Due) -> str:
    return due.key.removeprefix(f"{due.alert}/")


def _view(alert: Alert, due: Due) -> View:
    why = f"nobody is on it yet ({counted(due.number, 'reminder')}): " if due.why == "repeat" else _WHY.get(due.why, "")
    return View(f"{alert.id} {why}{alert.title}".strip(), Status.WARN, (),
                (Action("I am on it", ("alert", "ack", alert.id)), Action("Look", ("alert", "show", alert.id))))
