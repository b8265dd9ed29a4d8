"""What can happen, as frozen values: one class for each kind of entry in the history."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from store.facts.data import Collected, Foreign, Hold, Quarantined, Released, Run, Snapshot, Spent, Streamed
from store.facts.decisions import (
    Approval,
    Assessed,
    BoardEvent,
    CardPublished,
    Deployment,
    Promotion,
    Proposal,
    SignOff,
    Vote,
)
from store.facts.fact import Detail, Fact
from store.facts.models import Archived, Backtested, Drilled, Finding, Kept, Looked, Replayed, Trained, Tuned
from store.facts.people import Command, Granted, Note, OptOut, Questioned, Revoked, Subscribed
from store.facts.response import AlertEvent, Handover, IncidentEvent, OnCallSwap, Postmortem, RunbookEvent, Snoozed

__all__ = [
    "AlertEvent", "Approval", "Archived", "Assessed", "Backtested", "BoardEvent", "CardPublished", "Collected",
    "Command", "Deployment", "Detail", "Drilled", "Fact", "Finding", "Foreign", "Granted", "Handover", "Hold",
    "IncidentEvent", "KINDS", "Kept", "Looked", "Note", "OnCallSwap", "OptOut", "Postmortem", "Promotion",
    "Proposal", "Quarantined", "Questioned", "Released", "Replayed", "Revoked", "Run", "RunbookEvent", "SignOff",
    "Snapshot", "Snoozed", "Spent", "Streamed", "Subscribed", "Trained", "Tuned", "Vote", "body_of", "fact_of",
]

KINDS: dict[str, type[Fact]] = {cls.kind: cls for cls in (
    Command, Finding, Snapshot, Run, Trained, Promotion, Approval, Vote, SignOff, AlertEvent, IncidentEvent,
    RunbookEvent, Postmortem, Proposal, Note, Quarantined, Hold, Collected, Streamed, Spent, Released, Looked,
    Tuned, Backtested, Drilled, Archived, Snoozed, OnCallSwap, Replayed, Handover, Subscribed, Questioned, Assessed,
    Kept, Deployment, BoardEvent, CardPublished, Granted, Revoked, Foreign, OptOut)}


def body_of(fact: Fact) -> dict[str, Any]:
    """The fact's own fields, without the subject, as JSON values."""
    body = asdict(fact)
    del body["subject"]
    return body


def fact_of(kind: str, subject: str, body: Mapping[str, Any]) -> Fact:
    """The fact that a stored body stands for; JSON lists become tuples again."""
    cls = KINDS[kind]
    known = {item.name for item in fields(cls)}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in body.items() if name in known}
    return cls(subject=subject, **values)
