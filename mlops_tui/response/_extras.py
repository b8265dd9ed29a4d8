"""What only an incident of a model has: its versions, its data, its labels, and the monitors that watched it."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from mlops_tui import folds
from mlops_tui.declarations.declare import span_text
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.folds import Incident
from mlops_tui.incidents import suite
from mlops_tui.project import Project
from mlops_tui.render.cells import moment
from store.facts import Finding
from store.ledger import Entry

Window = tuple[datetime, datetime]


def about(project: Project, entries: Sequence[Entry], incident: Incident, window: Window) -> dict[str, Any]:
    """What the document tells of them: `extras`, a name and a value each, and `watchers`, a row for each monitor."""
    name = incident.about.partition("@")[0]
    model = project.models.get(name)
    cause = suite.first_cause(entries, incident)
    extras = {"Label delay": f"{span_text(model.label.delay)} ({model.label.dataset}.{model.label.column})"} \
        if model else {}
    if cause is not None and isinstance(cause.fact, Finding):
        extras |= dict(_of_finding(cause, cause.fact))
    extras |= _approved(entries, name, window[0])
    return {"extras": list(extras.items()),
            "watchers": [_watcher(project, entries, each, monitor, window)
                         for each, monitor in project.monitors.items() if monitor.subject == name]}


def _of_finding(entry: Entry, fact: Finding) -> Iterator[tuple[str, str]]:
    if fact.data:
        yield "Snapshots read", ", ".join(each[:12] for each in fact.data)
    if fact.monitor and fact.check in ("performance", "calibration", "drift"):
        subject = f"{fact.subject}@{fact.version}" if fact.version and fact.check != "drift" else fact.subject
        argv = (fact.check, subject, "--monitor", fact.monitor, "--preview", "--as-of",
                entry.effective_at.isoformat())
        yield "See its chart again", f"mlops-tui {shlex.join(argv)}"


def _approved(entries: Sequence[Entry], model: str, start: datetime) -> dict[str, str]:
    """Who let the version serve that served when it began."""
    found = [entry for entry in entries if entry.kind == "promotion" and entry.subject == model
             and entry.recorded_at <= start]
    if not found:
        return {}
    approval = getattr(found[-1].fact, "approval", "")
    votes = [entry.actor for entry in entries if entry.kind == "vote" and entry.subject == approval]
    said = f" after {approval} by {', '.join(dict.fromkeys(votes))}" if votes else ""
    return {"It served since": f"{found[-1].recorded_at:%Y-%m-%d}, by {found[-1].actor}{said}"}


def _watcher(project: Project, entries: Sequence[Entry], name: str, monitor: Monitor,
             window: Window) -> tuple[str, str, str, str]:
    """A monitor with its limits, and when it fired first, or what it found all the time."""
    limits = ", ".join(f"{metric} {limit:g}" for metric, limit in monitor.limits.items()) or "none declared"
    mine = [entry for entry in folds.findings_of(entries, monitor=name) if window[0] <= entry.effective_at <= window[1]]
    fired = next((alert for alert in folds.alerts(entries).values() if alert.monitor == name
                  and window[0] <= alert.opened_at <= window[1]), None)
    if fired is not None:
        return name, monitor.check, limits, f"fired {fired.id}, {moment(fired.opened_at, project.zone)}"
    counts: Mapping[str, int] = {status: sum(getattr(entry.fact, "status", "") == status for entry in mine)
                                 for status in ("pass", "fail", "unknown", "warn")}
    told = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
    return name, monitor.check, limits, f"did not fire: {told}" if told else "did not look"
