"""What happened since somebody last looked, what is open, and what comes next."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mlops_tui import folds
from mlops_tui.inputs.moments import local
from mlops_tui.response import _timeline
from mlops_tui.roles import person_of
from mlops_tui.session import Session
from mlops_tui.view import Column, Row, Table
from store.facts import AlertEvent, Fact, Handover, IncidentEvent, Promotion, RunbookEvent
from store.ledger import Entry

KINDS = ("run", "trained", "promotion", "finding", "alert", "incident", "approval", "vote", "proposal", "runbook",
         "postmortem", "sign_off", "handover", "quarantine", "assessed", "board", "optout")
A_DAY = timedelta(days=1)
SOON = timedelta(days=7)
MOST = 25  # that are listed, the newest
_TOLD = {AlertEvent: ("fired", "refired", "flapping", "unmuted", "recovered", "resolved"),
         IncidentEvent: ("opened", "severity", "update", "mitigated", "resolved", "reopened", "merged", "handover",
                         "accepted"),
         RunbookEvent: ("started", "finished", "stopped", "rolled_back")}


def last_looked(session: Session, person: str) -> tuple[datetime, str]:
    """When a person last took the watch, else did anything, else a day ago; and which of these it is."""
    taken = [entry for entry in session.ledger.entries("handover", subject=person)
             if isinstance(entry.fact, Handover) and entry.fact.event == "took"]
    if taken:
        return taken[-1].recorded_at, f"when {person} last took the watch"
    did = [entry for entry in session.ledger.entries("command") if person_of(entry.actor) == person
           and getattr(entry.fact, "argv", ())[:1] != ("handover",)]
    if did:
        return did[-1].recorded_at, f"the last thing {person} did"
    return session.now() - A_DAY, f"a day ago: {person} did nothing here yet"


def happened(session: Session, entries: Sequence[Entry], since: datetime) -> Table:
    """What somebody would want to be told of that time, oldest first."""
    found = [entry for entry in entries if entry.recorded_at > since and _worth(entry.fact)]
    zone = session.declared().zone
    rows: list[Row] = [{"at": entry.recorded_at, "who": entry.actor, "what": local(_said(entry), zone),
                        "entry": entry.seq, "subject": entry.subject} for entry in found[-MOST:]]
    return Table.of("happened", rows, "at", "who", "what", title="What happened", total=len(found))


def _worth(fact: Fact) -> bool:
    return isinstance(fact, Promotion) or getattr(fact, "event", "") in _TOLD.get(type(fact), ())


def _said(entry: Entry) -> str:
    """In words, with the incident's id, which its own timeline leaves out."""
    said = _timeline.told(entry.fact)
    return f"{entry.subject} {said}" if isinstance(entry.fact, IncidentEvent) else said


def due(session: Session, entries: Sequence[Entry]) -> Table:
    """What has a time of its own and comes next, the soonest first; what is late as well."""
    now = session.now()
    rows: list[Row] = [{"at": each.update.next, "id": each.id, "what": "the next status update",
                        "who": each.roles.get("lead") or each.update.by}
                       for each in folds.incidents(entries).values()
                       if each.open and each.update is not None and each.update.next is not None]
    rows += [{"at": each.expires_at, "id": each.id, "what": f"expires: {each.title}", "who": each.role}
             for each in folds.approvals(entries, now).values() if each.state == "open"]
    rows += [{"at": until, "id": each.id, "what": f"its silence ends: {each.title}", "who": each.owner}
             for each in folds.alerts(entries).values() if (until := each.silent_until(now)) is not None]
    return Table.of("due", sorted(rows, key=lambda row: str(row["at"])), "at", "id", "what", "who",
                    title="What comes next")


def promised(session: Session, entries: Sequence[Entry], person: str) -> Table:
    """The actions that a person owes, the soonest due first."""
    today = session.now().astimezone(session.declared().zone).date().isoformat()
    rows: list[Row] = [{"id": each.id, "title": each.title, "due": each.due, "state": each.standing(today)}
                       for each in folds.action_items(entries).values()
                       if each.owner == person and each.state == "open"]
    return Table.of("promised", sorted(rows, key=lambda row: str(row["due"])), "id", "title", "due",
                    Column("state"), title=f"What {person} promised")
