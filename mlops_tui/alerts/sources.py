"""Everything that reminds somebody of something: add a source here, and every surface tells it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_tui.alerts import oncall
from mlops_tui.alerts.awaited import awaited
from mlops_tui.alerts.convened import convened
from mlops_tui.alerts.duerequests import due_requests
from mlops_tui.alerts.held import held
from mlops_tui.alerts.nudges import Nudge, Reach
from mlops_tui.alerts.outdated import papers
from mlops_tui.alerts.unacked import unacked
from mlops_tui.incidents.asking import overdue, questions
from mlops_tui.incidents.telling import about_incidents
from mlops_tui.project import Project

if TYPE_CHECKING:
    from store.ledger import Entry

Source = Callable[["Project", "Sequence[Entry]", datetime], Iterable[Nudge]]  # declared, all entries of KINDS, now

KINDS = ("alert", "finding", "incident", "approval", "vote", "runbook", "promotion", "postmortem", "proposal",
         "snoozed", "subscribed", "oncall", "handover", "optout", "board")  # what the sources read
SOURCES: tuple[Source, ...] = (unacked, held, awaited, convened, about_incidents, questions, overdue, papers,
                               due_requests)


def nudges(project: Project, entries: "Sequence[Entry]", now: datetime) -> list[Nudge]:
    """What every source has to say."""
    return [nudge for source in SOURCES for nudge in source(project, entries, now)]


def reach(project: Project, entries: "Sequence[Entry]", now: datetime) -> Reach:
    """Who is meant by a word now."""
    swapped = oncall.swaps(entries)
    return lambda to: oncall.reached(project, swapped, to, now)
