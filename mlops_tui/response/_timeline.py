"""What happened around an incident, in one line for each entry, oldest first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from mlops_tui.folds import Incident, runbook_runs
from mlops_tui.incidents.clock import POINTS, clock
from mlops_tui.incidents.notes import notes
from mlops_tui.inputs.moments import local
from mlops_tui.view import Row, Table
from store.facts import AlertEvent, Approval, Fact, Finding, IncidentEvent, Promotion, Proposal, RunbookEvent, Vote
from store.ledger import Entry

_ALWAYS = ("onset", "detected", "acked", "mitigated", "resolved")  # said of each incident, known or not


def around(entries: Sequence[Entry], incident: Incident) -> list[Entry]:
    """What belongs to an incident: its own entries, its alerts', its runs', what served or was refused meanwhile."""
    runs = {run.id for run in runbook_runs(entries).values() if run.incident in incident.ids}
    ours = {*incident.ids, *incident.alerts, *runs}
    model = incident.about.partition("@")[0]
    last = incident.resolved_at
    return [entry for entry in entries if (entry.subject in ours and entry.kind in ("incident", "alert", "runbook"))
            or (_about_serving(entry.fact) and entry.subject == model and entry.recorded_at >= incident.opened_at
                and (last is None or entry.recorded_at <= last))]


def _about_serving(fact: Fact) -> bool:
    return isinstance(fact, Promotion) or (isinstance(fact, Finding) and fact.check == "gate")


def clock_points(entries: Sequence[Entry], incident: Incident) -> dict[str, datetime | None]:
    """When it began, was detected, was acked by a person, was mitigated, was resolved: as is known by now."""
    known = clock(entries, incident)
    return {name: known[name].at if name in known else None for name in POINTS if name in known or name in _ALWAYS}


def parsed(text: str) -> datetime | None:
    """An ISO time; None where there is none."""
    return datetime.fromisoformat(text) if text else None


@dataclass(frozen=True)
class Line:
    """One line of a timeline. `reference`, `first` and `struck` are those of a note (`mlops_tui.incidents.notes`)."""

    at: datetime
    who: str
    what: str
    entry: int
    subject: str
    kind: str
    reference: str = ""
    first: str = ""
    struck: str = ""

    @property
    def numbered(self) -> str:
        """The line, with the number by which a note without a link is amended or struck."""
        return f"{self.what} (#{self.reference})" if self.reference.isdecimal() and not self.struck else self.what


def lines(entries: Sequence[Entry], incident: Incident | None = None) -> list[Line]:
    """The entries as lines, in the order in which it happened; of an incident, its notes as they read now."""
    put = {note.made: note for note in notes(incident).values()} if incident is not None else {}
    found = []
    for entry in entries:
        if entry.seq in put:
            note = put[entry.seq]
            found.append(Line(note.at, note.who, note.shown, note.entry, entry.subject, entry.kind, note.reference,
                              note.first, note.struck))
        elif not (isinstance(entry.fact, IncidentEvent) and entry.fact.event in ("note", "amended", "struck")):
            other = f"{entry.subject} " if incident and entry.subject in incident.merged else ""
            found.append(Line(entry.effective_at, entry.actor, f"{other}{told(entry.fact)}", entry.seq, entry.subject,
                              entry.kind))
    return sorted(found, key=lambda line: (line.at, line.entry))


def table(entries: Sequence[Entry], zone: tzinfo, incident: Incident | None = None) -> Table:
    """The entries as a table `timeline`: at, who, what."""
    rows: list[Row] = [{"at": line.at, "who": line.who, "what": local(line.numbered, zone), "entry": line.entry,
                        "subject": line.subject, "kind": line.kind, "reference": line.reference, "first": line.first,
                        "struck": line.struck} for line in lines(entries, incident)]
    return Table.of("timeline", rows, "at", "who", "what", title="Timeline", last=True)


def told(fact: Fact) -> str:
    """A fact as a person would say it; the actor is said elsewhere."""
    teller = _TELLERS.get(type(fact))
    return teller(fact) if teller is not None else f"{fact.kind} {fact.subject}"


def _alert(fact: AlertEvent) -> str:
    words = {"fired": f"{fact.subject} fired: {fact.title}", "refired": f"{fact.subject} fired again: {fact.title}",
             "assigned": f"{fact.subject} assigned to {fact.who}",
             "undelivered": f"{fact.subject} did not get out by {fact.who}",
             "flapping": f"{fact.subject} is flapping, and held until it is calm: {fact.title}",
             "muted": f"{fact.subject} muted by {fact.cause}",
             "unmuted": f"{fact.subject} is no longer muted by {fact.cause}, and still fires",
             "silenced": f"{fact.subject} silenced to {fact.until}",
             "silence": f"{fact.subject} silences {','.join(fact.match)} from {fact.since} to {fact.until}",
             "heard": f"{fact.subject} {'ended' if fact.subject.startswith('SI-') else 'may be heard again'}",
             "unacked": f"{fact.subject} given back: nobody is on it", "reopened": f"{fact.subject} opened again",
             "resolved": f"{fact.subject} closed as {'real' if fact.real else 'noise'}"}
    if fact.event == "muted" and fact.note:
        return f"{fact.subject} muted by {fact.note}"
    return _noted(words.get(fact.event, f"{fact.subject} {fact.event}"), fact.note)


def _incident(fact: IncidentEvent) -> str:
    words = {"opened": f"opened: {fact.title}", "severity": f"severity {fact.severity}", "note": "",
             "role": f"{fact.who} is {fact.role}", "linked": f"linked {fact.alert}",
             "handover": f"hands over to {fact.who}", "accepted": f"{fact.who} took it over and leads",
             "notified": "the first message about it was accepted",
             "corrected": f"{fact.point} was at {fact.at}", "merged": f"merged into {fact.reference}",
             "channel": "has a channel of its own in Slack", "archived": "its channel in Slack is archived",
             "unmerged": f"no longer merged into {fact.reference}"}
    if fact.event == "update":
        return f"update: {fact.note}{f' (the next one by {fact.until})' if fact.until else ''}"
    said = words.get(fact.event, fact.event)
    return _noted(said, fact.note) if said else fact.note


def _runbook(fact: RunbookEvent) -> str:
    if fact.event == "started":
        return f"{fact.subject} began: runbook {fact.runbook}"
    if fact.step is None:
        return _noted(f"{fact.subject} {fact.event.replace('_', ' ')}", fact.note)
    state = "about to begin" if fact.status == "intent" else fact.status
    return _noted(f"{fact.subject} step {fact.step}: {state}", fact.note)


def _promotion(fact: Promotion) -> str:
    said = "rolled back to" if fact.event == "rolled_back" else "promoted"
    return f"{fact.subject} {said} {fact.version} (was {fact.previous or 'nothing'})"


def _noted(said: str, note: str) -> str:
    return f"{said} ({note})" if note else said


_TELLERS: dict[type[Fact], Callable[..., str]] = {
    AlertEvent: _alert, IncidentEvent: _incident, RunbookEvent: _runbook, Promotion: _promotion,
    Finding: lambda fact: f"{fact.check} {fact.status}: {fact.title}",
    Approval: lambda fact: _noted(f"{fact.subject} {fact.event}", fact.reason),
    Vote: lambda fact: _noted(f"{fact.subject}: {fact.voter} votes {fact.choice}", fact.reason),
    Proposal: lambda fact: _noted(f"{fact.subject} {fact.event} {fact.path}".rstrip(), fact.reason or fact.why),
}
