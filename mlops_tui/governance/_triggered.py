"""How often each item of a checklist stood in the way of a promotion, by what the history keeps of the gate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mlops_tui.assurance.checklist import over
from mlops_tui.declarations.kinds import Checklist, Item
from mlops_tui.governance._history import CHECK
from store.facts import Finding, Promotion
from store.ledger import Entry

ENOUGH = 5  # times that an item is asked before its silence says something


@dataclass(frozen=True)
class Triggered:
    """An item: how often the gate was asked, how often the item was red then, and when last."""

    item: Item
    asked: int
    stopped: int
    last: datetime | None
    over: bool

    @property
    def idle(self) -> bool:
        """Whether it could be left out: its time is over, or it was asked often enough and never stopped anything."""
        return self.over or (self.asked >= ENOUGH and not self.stopped)

    @property
    def advice(self) -> str:
        if self.over:
            return "its time is over"
        if self.stopped:
            return "keep"
        return "never stopped anything" if self.idle else f"asked {self.asked} times so far"


def triggered(entries: Sequence[Entry], declared: Checklist, models: Sequence[str], now: datetime) -> list[Triggered]:
    """Each item, with the times that the gate of one of the models was asked, and those at which the item was red. One
    that is unknown waits for an answer: it has stopped nothing yet."""
    asked = [entry for entry in entries if entry.subject in models and (
        isinstance(entry.fact, Promotion) or (isinstance(entry.fact, Finding) and entry.fact.check == CHECK))]
    return [_of(item, asked, now) for item in declared.items]


def _of(item: Item, asked: Sequence[Entry], now: datetime) -> Triggered:
    red = [entry.recorded_at for entry in asked if "fail" in _stood(item, entry)]
    return Triggered(item, len(asked), len(red), red[-1] if red else None, over(item, now.date()))


def _stood(item: Item, entry: Entry) -> Iterator[str]:
    """How the item stood when the gate said no."""
    if isinstance(entry.fact, Finding):
        yield from (str(each.get("status")) for each in entry.fact.detail.get("items", ())
                    if each.get("item") == item.id)
