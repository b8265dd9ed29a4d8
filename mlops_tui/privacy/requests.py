"""What people asked for, and how far each request is: pure, told from the history alone."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING, Any

from mlops_tui.privacy.deadlines import Period, period
from store.facts import OptOut

if TYPE_CHECKING:
    from store.ledger import Entry

TRAINING, AUTOMATED = "training", "automated decisions"
PURPOSES = (TRAINING, AUTOMATED)
RIGHTS: Mapping[str, tuple[str, ...]] = {  # what rows are not used for any more, where nothing else is said
    "erasure": PURPOSES, "access": (), "objection": (TRAINING,), "optout-automated": (AUTOMATED,)}
CLOSED = ("attested", "refused", "withdrawn")
STEPS = ("received", "verified", "located", "began", "actioned", "attested")


@dataclass(frozen=True)
class Request:
    """A request: `state` is the last of its steps, or `held`, `refused`, `withdrawn`; `counts` the rows by dataset."""

    id: str
    right: str
    person: str
    jurisdiction: str
    purposes: tuple[str, ...]
    via: str
    received_at: datetime
    due: date
    state: str = "received"
    extended: bool = False
    reason: str = ""
    token: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    history: "tuple[Entry, ...]" = ()

    @property
    def period(self) -> Period:
        """The law that says by when."""
        return period(self.jurisdiction, self.right)

    @property
    def open(self) -> bool:
        return self.state not in CLOSED and self.state != "held"

    @property
    def waits(self) -> bool:
        """Whether somebody still has to answer it."""
        return self.open and self.state != "actioned"

    def overdue(self, today: date) -> bool:
        """Whether its last day is over and nobody has answered."""
        return self.waits and today > self.due


def requests(entries: "Sequence[Entry]", zone: tzinfo) -> dict[str, Request]:
    """Every request by its id, as it stands after those entries; days are those of the project's zone."""
    found: dict[str, Request] = {}
    for entry in entries:
        if not isinstance(fact := entry.fact, OptOut):
            continue
        if fact.event == "received":
            day = entry.effective_at.astimezone(zone).date()
            found[entry.subject] = Request(
                entry.subject, fact.right, fact.person, fact.jurisdiction, fact.purposes, fact.via, entry.effective_at,
                period(fact.jurisdiction, fact.right).due(day), token=fact.token, history=(entry,))
        elif entry.subject in found:
            found[entry.subject] = _after(found[entry.subject], entry, fact, zone)
    return found


def _after(request: Request, entry: "Entry", fact: OptOut, zone: tzinfo) -> Request:
    history = (*request.history, entry)
    if fact.event == "extended":
        day = request.received_at.astimezone(zone).date()
        due = request.period.due(day, extended=True)
        return replace(request, extended=True, due=due, history=history)
    rows = request.detail.get("rows", {}) if fact.event == "actioned" and not fact.detail.get("rows") else None
    detail = {**request.detail, **fact.detail, **({"rows": rows} if rows else {})}
    return replace(request, state=fact.event, reason=fact.reason or request.reason, detail=detail, history=history)


def next_id(entries: "Sequence[Entry]") -> str:
    """The id of the next request."""
    taken = [int(entry.subject.removeprefix("OO-")) for entry in entries
             if isinstance(entry.fact, OptOut) and entry.fact.event == "received"]
    return f"OO-{max(taken, default=0) + 1}"


def suppressed(entries: "Sequence[Entry]", purpose: str = "") -> tuple[str, ...]:
    """The pseudonyms of whose rows are not used for a purpose; without one, of whom nothing may be taken in again.

    A request counts from when it is verified, and as long as it is neither refused nor withdrawn. Of somebody whose
    rows must be kept by law, nothing is used for anything else.
    """
    latest: dict[str, tuple[str, tuple[str, ...], str, bool]] = {}
    for entry in entries:
        if not isinstance(fact := entry.fact, OptOut):
            continue
        if fact.event == "received":
            latest[entry.subject] = (fact.person, fact.purposes, fact.right, False)
        elif entry.subject in latest:
            person, purposes, right, counts = latest[entry.subject]
            counts = (counts or fact.event in ("verified", "held")) and fact.event not in ("refused", "withdrawn")
            latest[entry.subject] = (person, purposes, right, counts)
    return tuple(sorted({person for person, purposes, right, counts in latest.values() if counts
                         and (purpose in purposes if purpose else right == "erasure")}))


def fingerprint(people: Sequence[str]) -> str:
    """SHA-256 of a list of people: what a look through rows was made with."""
    return hashlib.sha256(" ".join(people).encode()).hexdigest()
