"""How incidents stand, folded from the entries of the history: pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from store.facts import IncidentEvent

if TYPE_CHECKING:
    from store.ledger import Entry


@dataclass(frozen=True)
class Given:
    """An incident that somebody hands over: it is theirs once they accept it."""

    by: str
    to: str
    note: str
    at: datetime
    entry: int


@dataclass(frozen=True)
class Update:
    """How it stands, as somebody told everybody, and when the next word is promised."""

    text: str
    by: str
    at: datetime
    entry: int
    next: datetime | None = None


@dataclass(frozen=True)
class Incident:
    """Something that people work on until it is resolved; `open`, `resolved`, or `merged` into another one.

    `merged`: those that were merged into it; what happened in them is its own.
    """

    id: str
    title: str
    about: str
    severity: str
    opened_at: datetime
    window: tuple[str, str] = ("", "")
    state: str = "open"
    alerts: tuple[str, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    resolved_at: datetime | None = None
    timeline: "tuple[Entry, ...]" = ()
    by_alert: bool = False
    merged_into: str = ""
    merged: tuple[str, ...] = ()
    given: Given | None = None
    update: Update | None = None

    @property
    def open(self) -> bool:
        return self.state == "open"

    @property
    def ids(self) -> tuple[str, ...]:
        """Every name that it goes by."""
        return (self.id, *self.merged)

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody who appears in the timeline, in order of appearance."""
        return tuple(dict.fromkeys(entry.actor for entry in self.timeline))

    @property
    def resolution(self) -> str:
        """What ended it, in the words of whoever resolved it; empty where nobody did."""
        said = [entry.fact.note for entry in self.timeline
                if isinstance(entry.fact, IncidentEvent) and entry.fact.event == "resolved"]
        return said[-1] if said and self.state == "resolved" else ""


def incidents(entries: "Iterable[Entry]") -> dict[str, Incident]:
    """Every incident by id, oldest first."""
    found: dict[str, Incident] = {}
    for entry in entries:
        fact = entry.fact
        if not isinstance(fact, IncidentEvent):
            continue
        if fact.event == "opened":
            found[fact.subject] = Incident(fact.subject, fact.title, fact.about, fact.severity, entry.recorded_at,
                                           fact.window, alerts=(fact.alert,) if fact.alert else (), timeline=(entry,),
                                           by_alert=bool(fact.alert))
        elif fact.subject in found:
            found[fact.subject] = _after(found[fact.subject], fact, entry)
    return _joined(found) if any(each.merged_into for each in found.values()) else found


def _after(incident: Incident, fact: IncidentEvent, entry: "Entry") -> Incident:
    return replace(incident, timeline=(*incident.timeline, entry), **_changes(incident, fact, entry))


def _changes(incident: Incident, fact: IncidentEvent, entry: "Entry") -> dict[str, Any]:
    """What an event makes of it, beside one more entry in its timeline."""
    match fact.event:
        case "severity":
            return {"severity": fact.severity}
        case "role":
            return {"roles": {**incident.roles, fact.role: fact.who}}
        case "linked":
            return {"alerts": tuple(dict.fromkeys((*incident.alerts, fact.alert)))}
        case "update":
            promised = datetime.fromisoformat(fact.until) if fact.until else None
            return {"update": Update(fact.note, entry.actor, entry.recorded_at, entry.seq, promised)}
        case "handover":
            return {"given": Given(entry.actor, fact.who, fact.note, entry.recorded_at, entry.seq)}
        case "accepted":
            return {"given": None, "roles": {**incident.roles, "lead": fact.who}}
    return _turned(incident, fact, entry)


def _turned(incident: Incident, fact: IncidentEvent, entry: "Entry") -> dict[str, Any]:
    """What changes where it ends, begins again, or goes on as another one."""
    match fact.event:
        case "resolved":
            return {"state": "resolved", "resolved_at": entry.recorded_at, "given": None,
                    "window": fact.window if any(fact.window) else incident.window}
        case "reopened":
            return {"state": "open", "resolved_at": None}
        case "merged":
            return {"state": "merged", "merged_into": fact.reference}
        case "unmerged":
            return {"state": "open", "merged_into": ""}
    return {}


def _joined(found: Mapping[str, Incident]) -> dict[str, Incident]:
    """The incidents, where those that others were merged into hold what these did."""
    joined = dict(found)
    for each in found.values():
        into = standing_for(found, each.id)
        if into != each.id:
            joined[into] = _taking(joined[into], each)
    return joined


def standing_for(known: Mapping[str, Incident], name: str) -> str:
    """The id of the incident that goes on for it: its own, where it was not merged into another one."""
    while known[name].merged_into in known:
        name = known[name].merged_into
    return name


def _taking(into: Incident, other: Incident) -> Incident:
    return replace(into, alerts=tuple(dict.fromkeys((*into.alerts, *other.alerts))), merged=(*into.merged, other.id),
                   roles={**other.roles, **into.roles}, by_alert=into.by_alert or other.by_alert,
                   timeline=tuple(sorted((*into.timeline, *other.timeline), key=lambda entry: entry.seq)))
