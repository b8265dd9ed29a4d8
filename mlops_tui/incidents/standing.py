"""What of an incident is open, what was tried and what is next: what the next person needs to know."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from mlops_tui import folds
from mlops_tui.folds import Alert, Incident, RunbookRun
from mlops_tui.render.cells import local
from mlops_tui.view import Cell, Facts, Part, Row, Table
from store.facts import IncidentEvent, Promotion
from store.ledger import Entry

LAST = 8  # of what was tried


def firing(entries: Sequence[Entry], incident: Incident) -> list[Alert]:
    """The incident's alerts that are not over."""
    known = folds.alerts(entries)
    return [known[name] for name in incident.alerts if name in known and known[name].state in ("firing", "acked")]


def runs_of(entries: Sequence[Entry], incident: Incident) -> list[RunbookRun]:
    """The runbook runs for an incident, and for those merged into it."""
    return [run for run in folds.runbook_runs(entries).values() if run.incident in incident.ids]


def to_close(entries: Sequence[Entry], incident: Incident) -> str:
    """What a person would wait for before resolving it; empty where nothing is missing."""
    going = firing(entries, incident)
    lacks = [f"{', '.join(each.id for each in going)} must recover"] * bool(going)
    runs = runs_of(entries, incident)
    lacks += [f"{run.id} is not worked through" for run in runs if run.open]
    lacks += [f"{run.id} is taken back half-way" for run in runs if run.state == "rolling_back"]
    return "; ".join(lacks)


def tried(entries: Sequence[Entry], incident: Incident, zone: tzinfo) -> list[Row]:
    """What people and runbooks have done about it so far, oldest first."""
    model = incident.about.partition("@")[0]
    served = ((entry, f"version {entry.fact.version} serves instead of {entry.fact.previous or 'none'}")
              for entry in entries if isinstance(entry.fact, Promotion) and entry.subject == model
              and entry.recorded_at >= incident.opened_at)
    said = ((entry, entry.fact.note or entry.fact.event) for entry in incident.timeline
            if isinstance(entry.fact, IncidentEvent) and entry.fact.event in ("update", "mitigated"))
    rows: list[Row] = [{"at": entry.recorded_at, "who": entry.actor, "what": local(what, zone)}
                       for entry, what in (*served, *said)]
    rows += [row for run in runs_of(entries, incident) for row in _steps(run, zone)]
    return sorted(rows, key=lambda row: str(row["at"]))


def _steps(run: RunbookRun, zone: tzinfo) -> Iterator[Row]:
    for number, step in sorted(run.steps.items()):
        if step.status not in ("intent", "skipped"):
            said = f": {local(step.note, zone)}" if step.note else ""
            yield {"at": step.at, "who": step.actor, "what": f"{run.runbook}, step {number} {step.status}{said}"}


def passed_on(incident: Incident, entries: Sequence[Entry], zone: tzinfo) -> tuple[Part, ...]:
    """An incident as it is handed over: the word of who gives it, what is open, and what was tried."""
    given, update = incident.given, incident.update
    facts: dict[str, Cell] = {"incident": incident.id, "severity": incident.severity, "about": incident.about or None,
                              "opened": incident.opened_at}
    if given is not None:
        facts |= {"from": given.by, "next": given.note}
    facts |= {"open": to_close(entries, incident) or "nothing is missing to resolve it"}
    if update is not None:
        facts |= {"last_update": update.text, "next_update": update.next}
    rows = tried(entries, incident, zone)
    table = Table.of("tried", rows[-LAST:], "at", "who", "what", title="What was tried", total=len(rows))
    return Facts({name: value for name, value in facts.items() if value is not None}), table
