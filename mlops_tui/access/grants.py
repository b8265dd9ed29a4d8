"""What was granted to whom until when, and taken back: folded from the history, pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from store.facts import Granted, Revoked

if TYPE_CHECKING:
    from store.ledger import Entry


@dataclass(frozen=True)
class Grant:
    """One grant as it stands. `kept_at`: when somebody last said that it is needed; `entry`: where the history has it.

    `glass`: somebody took it himself; it wants a review until `reviewed_by` says who looked at it.
    """

    id: str
    who: str
    action: str
    resource: str
    purpose: str
    since: datetime
    until: datetime
    by: str
    reason: str
    entry: int
    glass: bool = False
    kept_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str = ""
    reviewed_by: str = ""

    @property
    def ends(self) -> datetime:
        """When it ended or will end."""
        return min(self.until, self.revoked_at) if self.revoked_at is not None else self.until

    def holds(self, now: datetime) -> bool:
        return self.since <= now < self.ends

    def state(self, now: datetime) -> str:
        """`open`, `over` or `revoked`; of a broken glass that nobody looked at afterwards, `unreviewed`."""
        if self.holds(now):
            return "open"
        if self.glass and not self.reviewed_by:
            return "unreviewed"
        return "revoked" if self.revoked_at is not None and self.revoked_at < self.until else "over"


def grants(entries: "Iterable[Entry]") -> dict[str, Grant]:
    """Every grant by its id, in the order they were given."""
    found: dict[str, Grant] = {}
    for entry in entries:
        match entry.fact:
            case Granted() as fact:
                found[entry.subject] = Grant(
                    entry.subject, fact.who, fact.action, fact.resource, fact.purpose, entry.recorded_at,
                    datetime.fromisoformat(fact.until), entry.actor, fact.reason, entry.seq, fact.event == "glass")
            case Revoked(event=event) if entry.subject in found:
                found[entry.subject] = _after(found[entry.subject], event, entry)
    return found


def _after(grant: Grant, event: str, entry: "Entry") -> Grant:
    if event == "kept":
        return replace(grant, kept_at=entry.recorded_at)
    if event == "reviewed":
        return replace(grant, reviewed_by=entry.actor)
    return replace(grant, revoked_at=grant.revoked_at or entry.recorded_at, revoked_by=grant.revoked_by or entry.actor)
