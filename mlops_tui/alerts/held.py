"""An alert that somebody took up and let lie is told to him again, day by day, in private."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.alerts.nudges import Nudge
from mlops_tui.project import Project
from mlops_tui.view import Action, Status, View, counted

if TYPE_CHECKING:
    from store.ledger import Entry

DAY = timedelta(days=1)
ENOUGH = 7  # reminders; who lets it lie longer is not helped by another


def held(project: Project, entries: "Sequence[Entry]", now: datetime) -> Iterator[Nudge]:
    """One for each day on which nothing happened to an alert that its owner acked and no open incident has taken."""
    worked = {alert for each in folds.incidents(entries).values() if each.open for alert in each.alerts}
    for alert in folds.alerts(entries).values():
        days = min((now - alert.updated_at) // DAY, ENOUGH)
        if alert.state != "acked" or alert.id in worked or alert.quiet(now) or days < 1:
            continue
        said = f"{alert.id} is yours, nothing was heard for {counted(days, 'day')}: {alert.title}"
        view = View(said, Status.WARN, (),
                    (Action("Look", ("alert", "show", alert.id)), Action("Give it back", ("alert", "unack", alert.id))))
        yield Nudge(f"alert/{alert.id}", alert.owner, view, alert.updated_at + days * DAY,
                    turn=f"held/{alert.updated_at.isoformat()}/{days}")
