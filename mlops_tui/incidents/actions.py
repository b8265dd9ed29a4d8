"""What people promised after incidents, and how well it is kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from statistics import median
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.folds import ActionItem

if TYPE_CHECKING:
    from store.ledger import Entry


def open_actions_of(entries: "Sequence[Entry]", incident: str) -> list[ActionItem]:
    """The actions promised after an incident that nobody has done, adopted or declined yet, oldest first."""
    return [each for each in folds.action_items(entries).values() if each.incident == incident and each.state == "open"]


@dataclass(frozen=True)
class Kept:
    """How promises stand: how many are open and overdue, the share of those due by now that were closed by their day,
    and the median age of the open ones in days. None where there is nothing to count."""

    open: int
    overdue: int
    due: int
    in_time: int
    median_age: float | None

    @property
    def share_in_time(self) -> float | None:
        return self.in_time / self.due if self.due else None


def kept(items: Iterable[ActionItem], now: datetime, zone: tzinfo) -> Kept:
    """How the promises stand at a moment; an action is due at the end of its day in that zone."""
    today, all_ = f"{now.astimezone(zone):%Y-%m-%d}", list(items)
    waiting = [each for each in all_ if each.state == "open"]
    due = [each for each in all_ if each.due < today or (each.due == today and each.state != "open")]
    in_time = [each for each in due if each.closed_at is not None
               and f"{each.closed_at.astimezone(zone):%Y-%m-%d}" <= each.due]
    ages = [(now - each.promised_at).total_seconds() / 86400 for each in waiting if each.promised_at is not None]
    return Kept(len(waiting), sum(each.standing(today) == "overdue" for each in waiting), len(due), len(in_time),
                median(ages) if ages else None)
