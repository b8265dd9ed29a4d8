"""Who was there when it happened, and what each of them was asked and has said since."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.folds import Incident
from mlops_tui.roles import person_of
from store.facts import AlertEvent, IncidentEvent, Postmortem, Promotion, RunbookEvent, Vote

if TYPE_CHECKING:
    from store.ledger import Entry

OVER = timedelta(days=10)  # so long after the end of an incident people are asked what they saw


@dataclass(frozen=True)
class Asked:
    """Somebody who was there: as what, and what came of asking: `waiting`, `told` or `declined`.

    `document` is the digest of what he wrote, which is kept beside the history.
    """

    who: str
    part: tuple[str, ...]
    state: str = "waiting"
    document: str = ""
    at: datetime | None = None


def participants(entries: "Sequence[Entry]", incident: Incident, people: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Who of the team took part, and how: held a role, opened it, acked, noted, ran a runbook, voted on what ended it.
    """
    runs = {run.id for run in folds.runbook_runs(entries).values() if run.incident in incident.ids}
    approvals = {entry.fact.approval for entry in entries if isinstance(entry.fact, Promotion) and entry.fact.approval
                 and entry.subject == incident.about.partition("@")[0] and entry.recorded_at >= incident.opened_at
                 and (incident.resolved_at is None or entry.recorded_at <= incident.resolved_at)}
    found: dict[str, dict[str, None]] = {}
    for entry in entries:
        for who, part in _parts(entry, incident, runs, approvals):
            if who in people:
                found.setdefault(who, {})[part] = None
    return {who: tuple(parts) for who, parts in found.items()}


def _parts(entry: "Entry", incident: Incident, runs: Collection[str],
           approvals: Collection[str]) -> list[tuple[str, str]]:
    fact, actor = entry.fact, person_of(entry.actor)
    if isinstance(fact, IncidentEvent) and entry.subject in incident.ids:
        who = fact.who or actor  # a note may be somebody else's
        return [(who, fact.role if fact.event == "role" else _DID.get(fact.event, "worked on it"))]
    if isinstance(fact, AlertEvent) and entry.subject in incident.alerts and fact.event in ("acked", "assigned"):
        return [(fact.who or actor, f"{fact.event} {entry.subject}")]
    if isinstance(fact, RunbookEvent) and entry.subject in runs:
        return [(actor, f"ran {entry.subject}")]
    if isinstance(fact, Vote) and entry.subject in approvals:
        return [(person_of(fact.voter), f"voted on {entry.subject}")]
    return []


_DID = {"opened": "opened it", "note": "noted", "update": "told others", "resolved": "resolved it"}


def asked(entries: "Sequence[Entry]", incident: Incident, people: Collection[str]) -> dict[str, Asked]:
    """Everybody who was there, in order of appearance, with the newest answer of each; then who answered unasked."""
    found = {who: Asked(who, part) for who, part in participants(entries, incident, people).items()}
    for entry in entries:
        fact = entry.fact
        if isinstance(fact, Postmortem) and fact.subject in incident.ids and fact.event in ("told", "declined"):
            part = found[fact.who].part if fact.who in found else ("was not asked",)
            found[fact.who] = Asked(fact.who, part, fact.event, fact.document, entry.recorded_at)
    return found


def asked_about(entries: "Sequence[Entry]", now: datetime) -> Iterator[tuple[Incident, datetime]]:
    """The incidents about which people are asked at a moment, with when each ended: not for ever, and not once the
    post-mortem is finished."""
    finished = {name for name, state in folds.postmortems(entries).items() if state.state == "finished"}
    for incident in folds.incidents(entries).values():
        ended = incident.resolved_at
        if incident.state == "resolved" and ended is not None and incident.id not in finished \
                and ended <= now < ended + OVER:
            yield incident, ended
