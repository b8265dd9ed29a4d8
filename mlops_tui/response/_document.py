"""A post-mortem drafted as Markdown from the history of its incident."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from mlops_tui import folds
from mlops_tui.folds import Incident
from mlops_tui.incidents.actions import open_actions_of
from mlops_tui.inputs.moments import local
from mlops_tui.render.cells import moment
from mlops_tui.render.markdown import escaped, fenced
from mlops_tui.response import _answers, _extras, _timeline
from mlops_tui.response._impact import COLUMNS, Impact, impact
from mlops_tui.session import Session
from mlops_tui.view import counted
from store.facts import Finding, Promotion, Proposal, Trained
from store.ledger import Entry

TEMPLATE = "postmortem.md.j2"
WEEK = timedelta(days=7)
MOST = 40  # findings that are listed


class Verbatim(str):
    """Text that is Markdown already and is not escaped again."""

    __slots__ = ()


def printed(value: object) -> object:
    """What a template prints: its own text is Markdown; every value put into it is data, whatever it holds."""
    return value if isinstance(value, Verbatim) or not isinstance(value, str) else escaped(value)


def drafted(session: Session, incident: Incident) -> tuple[str, Impact]:
    """The draft of an incident's post-mortem, and the impact that is told in it."""
    entries = session.ledger.entries()
    points = _timeline.clock_points(entries, incident)
    start = points["onset"] or points["detected"] or incident.opened_at
    end = _timeline.parsed(incident.window[1]) or incident.resolved_at or session.now()
    found = impact(session, incident.about.partition("@")[0], start, max(end, start + timedelta(seconds=1)))
    environment = Environment(autoescape=False, finalize=printed, undefined=StrictUndefined,  # noqa: S701 see `printed`
                              trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    template = environment.from_string(files("templates").joinpath(TEMPLATE).read_text(encoding="utf-8"))
    context = _context(entries, incident, points, (start, end), session.declared().zone)
    said = {"heard": _answers.heard(session, entries, incident), "spoken": _answers.SPOKEN}
    about = _extras.about(session.declared(), entries, incident, (start, end))
    return template.render(**context, **said, **about, **_impact_told(found)), found


def _impact_told(found: Impact) -> dict[str, Any]:
    return {"impact": found, "impact_rows": list(_impact_rows(found)),
            "query": Verbatim(fenced(found.query, "sql")) if found.query else "",
            "values": ", ".join(f"{name} = {value}" for name, value in (found.values or {}).items())}


def _context(entries: Sequence[Entry], incident: Incident, points: Mapping[str, datetime | None],
             window: tuple[datetime, datetime], zone: tzinfo) -> dict[str, Any]:
    findings, more = _findings(entries, incident, window, zone)
    detected = points["detected"] or incident.opened_at
    return {
        "incident": incident, "points": list(_told_points(points, zone)), "people": ", ".join(incident.people),
        "versions": _versions(entries, incident, window[0]), "earlier": _earlier(entries, incident),
        "changes": [_line(entry, zone) for entry in _changes(entries, incident, detected)],
        "detection": _detection(entries, incident, points), "findings": findings,
        "more": counted(more, "more of that time is", "more of that time are") if more else "",
        "steps": list(_steps(entries, incident, zone)),
        "actions": [each for each in folds.action_items(entries).values() if each.incident == incident.id],
        "timeline": [(moment(line.at, zone), line.who, local(line.what, zone))
                     for line in _timeline.lines(_timeline.around(entries, incident), incident)]}


def _line(entry: Entry, zone: tzinfo) -> tuple[str, str, str]:
    return moment(entry.effective_at, zone), entry.actor, local(_said(entry), zone)


def _said(entry: Entry) -> str:
    fact = entry.fact
    if isinstance(fact, Trained):
        return f"{fact.subject} version {fact.version} was trained ({fact.candidate})"
    return _timeline.told(fact)


def _told_points(points: Mapping[str, datetime | None], zone: tzinfo) -> Iterator[tuple[str, str]]:
    """Each point of the clock where the project is, with how long after the detection."""
    detected = points["detected"]
    for name, at in points.items():
        if at is None:
            yield name.capitalize(), "–"
            continue
        after = at - detected if detected is not None else timedelta(0)
        said = f", {_span(after)} after detection" if after > timedelta(0) else \
            f", {_span(-after)} before detection" if after < timedelta(0) else ""
        yield name.capitalize(), f"{moment(at, zone)}{said}"


def _span(length: timedelta) -> str:
    hours, minutes = divmod(int(length.total_seconds()) // 60, 60)
    return f"{hours // 24} d {hours % 24} h" if hours >= 48 else f"{hours} h {minutes:02d} min"


def _impact_rows(found: Impact) -> Iterator[tuple[str, str, str]]:
    if not found.rows:
        return
    for name in (*COLUMNS, *(["cost"] if "cost" in found.rows[0] else [])):
        unit = f", {found.rows[0]['currency']}" if name == "cost" else ""
        during, before = (_number(name, row.get(name)) for row in found.rows)
        yield f"{name.replace('_', ' ')}{unit}", during, before


def _number(name: str, value: object) -> str:
    if value is None:
        return "unknown"
    if name in ("predicted", "seen"):
        return f"{value:.1%}"
    return f"{value:,.0f}" if isinstance(value, (int, float)) else str(value)


def _findings(entries: Sequence[Entry], incident: Incident, window: tuple[datetime, datetime],
              zone: tzinfo) -> tuple[list[tuple[int, str, str, str, str]], int]:
    """The findings about it of the incident's time, in order, and how many are left out: of many, those that passed."""
    about = {incident.about, incident.about.partition("@")[0]}
    found = [entry for entry in entries if isinstance(entry.fact, Finding) and entry.subject in about
             and entry.fact.check != "gate" and window[0] <= entry.effective_at <= window[1]]
    first = sorted(found, key=lambda entry: (getattr(entry.fact, "status", "") == "pass", entry.seq))[:MOST]
    return [(entry.seq, moment(entry.effective_at, zone), entry.fact.check, entry.fact.status, entry.fact.title)
            for entry in sorted(first, key=lambda entry: (entry.effective_at, entry.seq))
            if isinstance(entry.fact, Finding)], len(found) - len(first)


def _changes(entries: Sequence[Entry], incident: Incident, detected: datetime) -> list[Entry]:
    """What was changed about the model in the week before: served, trained, adopted into the project."""
    name = incident.about.partition("@")[0]
    return [entry for entry in entries if detected - WEEK <= entry.recorded_at <= detected and (
        (isinstance(entry.fact, (Promotion, Trained)) and entry.subject == name)
        or (isinstance(entry.fact, Proposal) and entry.fact.event == "adopted"))]


def _versions(entries: Sequence[Entry], incident: Incident, start: datetime) -> str:
    """Which version served when it began, and which serves now."""
    name = incident.about.partition("@")[0]
    then = folds.model_state([entry for entry in entries if entry.recorded_at <= start], name).champion
    now = folds.model_state(entries, name).champion
    return f"{then or 'none'} when it began, {now or 'none'} now" if then != now else then or "–"


def _earlier(entries: Sequence[Entry], incident: Incident) -> str:
    found = []
    for each in folds.incidents(entries).values():
        if each.about == incident.about and each.opened_at < incident.opened_at:
            open_ = ", ".join(item.id for item in open_actions_of(entries, each.id))
            found.append(f"{each.id}, of which {open_} is still open" if open_ else each.id)
    return "; ".join(found) or "none"


def _detection(entries: Sequence[Entry], incident: Incident, points: Mapping[str, datetime | None]) -> str:
    known = folds.alerts(entries)
    first = next((known[name] for name in incident.alerts if name in known), None)
    if first is None:
        return "A person saw it; no monitor did. Which one should have?"
    onset, detected = points["onset"], points["detected"]
    late = ""
    if onset and detected and detected > onset:
        late = f", {_span(detected - onset)} after the onset as estimated"
    return f"The monitor {first.monitor} fired {first.id}{late}: {first.title}"


def _steps(entries: Sequence[Entry], incident: Incident, zone: tzinfo) -> Iterator[tuple[str, int, str, str]]:
    for run in folds.runbook_runs(entries).values():
        if run.incident == incident.id:
            for number, state in sorted(run.steps.items()):
                yield f"{run.id} ({run.runbook})", number, state.status, local(state.note, zone)
