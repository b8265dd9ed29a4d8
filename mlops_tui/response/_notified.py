"""When people were first told of an incident by a message that was accepted outside."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from mlops_tui import folds
from mlops_tui.alerts.alertstate import groups
from mlops_tui.folds import Incident
from mlops_tui.incidents.clock import clock
from mlops_tui.session import Session
from store.delivered import first_delivered
from store.facts import IncidentEvent
from store.ledger import Entry, Ledger


def notified(session: Session, entries: Sequence[Entry], incident: Incident) -> datetime | None:
    """When the first message about it or its alerts was accepted; None where none was, where that is in the history
    already, or where the project replays another time than the one in which messages are sent."""
    known = any(getattr(entry.fact, "event", "") == "notified" for entry in incident.timeline)
    if known or session.declared().settings.clock == "replay" or not isinstance(session.ledger, Ledger):
        return None
    return first_delivered(session.ledger, _cards(entries, incident), clock(entries, incident)["detected"].at)


def _cards(entries: Sequence[Entry], incident: Incident) -> Iterator[str]:
    """The living messages that tell of it: its own, and those of its alerts."""
    yield from (f"incident/{name}" for name in incident.ids)
    for group in groups(folds.alerts(entries).values()):
        if any(alert.id in incident.alerts for alert in group.alerts):
            yield group.name


def keep(session: Session, name: str) -> None:
    """Put into the history when people were first told of it, before the queue forgets."""
    entries = session.ledger.entries("incident", "alert")
    at = notified(session, entries, folds.incidents(entries)[name])
    if at is not None:
        session.ledger.transact(lambda now: [] if notified(session, now, folds.incidents(now)[name]) is None else
                                [IncidentEvent(subject=name, event="notified")], effective_at=at)
