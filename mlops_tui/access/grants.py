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
    """One grant as it stands. `review_by`: when somebody has to say that it is needed still; `entry`: where the history
    has it.

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
    review_by: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str = ""
    reviewed_by: str = ""

    @property
    def ends(self) -> datetime:
        """When it ended or will end."""
        return min(self.until, self.revoked_at) if self.revoked_at is not None else self.until

    def holds(self, now: datetime) -> bool:
        return self.since <= now < self.ends

    def overdue(self, now: datetime) -> bool:
        """Whether it should have been reviewed by now: a broken glass as soon as it is over."""
        if self.glass:
            return not self.reviewed_by and not self.holds(now)
        return self.holds(now) and self.review_by is not None and self.review_by <= now

    def state(self, now: datetime) -> str:
        """`open`, or `overdue`; `over` or `revoked`; a broken glass that nobody looked at is `unreviewed`."""
        if self.overdue(now):
            return "unreviewed" if self.glass else "overdue"
        if self.holds(now):
            return "open"
        return "revoked" if self.revoked_at is not None and self.revoked_at < self.until else "over"


def grants(entries: "Iterable[Entry]") -> dict[str, Grant]:
    """Every grant by its id, in the order they were given."""
    found: dict[str, Grant] = {}
    for entry in entries:
        match entry.fact:
            case Granted() as fact:
                found[entry.subject] = Grant(
                    entry.subject, fact.who, fact.action, fact.resource, fact.purpose, entry.recorded_at,
                    datetime.fromisoformat(fact.until), entry.actor, fact.reason, entry.seq, fact.event == "glass",
                    _moment(fact.review_by))
            case Revoked() as fact if entry.subject in found:
                found[entry.subject] = _after(found[entry.subject], fact, entry)
    return found


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _after(grant: Grant, fact: Revoked, entry: "Entry") -> Grant:
    if fact.event == "kept":
        return replace(grant, review_by=_moment(fact.review_by))
    if fact.event == "reviewed":
        return replace(grant, reviewed_by=entry.actor)
    return replace(grant, revoked_at=grant.revoked_at or entry.recorded_at, revoked_by=grant.revoked_by or entry.actor)
