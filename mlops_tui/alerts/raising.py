"""An alert that no monitor of the project raises: what went wrong in what we do ourselves. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_tui import folds
from store.facts import AlertEvent

if TYPE_CHECKING:
    from store.ledger import Entry

OWN = {"alias": "the registry's alias must be back where the history says", "watch": "only a person can close it",
       "deployment": "only a person can close it"}  # check -> what ends its alerts


def raised(entries: "Sequence[Entry]", about: str, check: str, title: str, *, severity: str = "high",
           finding: int | None = None) -> AlertEvent:
    """What raises it: anew, or again where one of that check about the same is open. Call it under the ledger's lock.
    """
    known = folds.alerts(entries)
    monitor = f"{check}/{about}"
    open_ = next((each for each in known.values() if each.monitor == monitor and each.open), None)
    return AlertEvent(subject=open_.id if open_ else folds.next_id("AL", known), event="refired" if open_ else "fired",
                      monitor=monitor, about=about, check=check, severity=severity, title=title, finding=finding)


def recovered(entries: "Sequence[Entry]", about: str, check: str, *, finding: int | None = None) -> list[AlertEvent]:
    """What ends it where it is open; nothing where it is not."""
    return [AlertEvent(subject=each.id, event="recovered", finding=finding) for each in folds.alerts(entries).values()
            if each.monitor == f"{check}/{about}" and each.state in ("firing", "acked")]
