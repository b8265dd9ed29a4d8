"""How a project stands, as numbers for Prometheus: models, monitors, alerts, and the requests that were logged."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from mlops_tui import folds, health
from mlops_tui.analysis import latency
from mlops_tui.logs.hourly import Requests, logged
from mlops_tui.logs.predictionlog import log_of
from mlops_tui.oversight.exposition import Family, Sample
from mlops_tui.session import Session
from mlops_tui.view import Status
from store.facts import Finding

if TYPE_CHECKING:
    from store.ledger import Entry

STATES = (Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN)
LE = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)  # ms
KINDS = ("trained", "promotion", "finding", "alert", "incident")
BEGIN = datetime(1990, 1, 1, tzinfo=UTC)


def families(session: Session) -> list[Family]:
    """All that is told: names and numbers, no titles, no people, nothing of anybody's rows."""
    project, now = session.declared(), session.now()
    entries = session.ledger.entries(*KINDS)
    return [Family("mlops_tui_info", "gauge", "The project that speaks.",
                   (Sample(1, {"project": project.settings.project}),)),
            *_models(session, entries, now), *_monitors(session, entries), *_open(entries), *_requests(session, now)]


def _states(status: object, **labels: str) -> Iterator[Sample]:
    """One sample for each status, 1 of the one that holds."""
    known = status if status in STATES else Status.UNKNOWN
    for each in STATES:
        yield Sample(float(each is known), {**labels, "status": each.value})


def _models(session: Session, entries: "Sequence[Entry]", now: datetime) -> Iterator[Family]:
    rows = health.models(health.Declared.of(session.declared()), entries, now).rows
    yield Family("mlops_tui_model_status", "gauge", "How each part of a model stands: 1 of the status that holds.",
                 tuple(sample for row in rows for facet in health.FACETS
                       for sample in _states(row[facet], model=str(row["model"]), part=facet)))
    yield Family("mlops_tui_model_champion", "gauge", "The version that serves.",
                 tuple(Sample(1, {"model": str(row["model"]), "version": str(row["version"])})
                       for row in rows if row["version"]))


def _monitors(session: Session, entries: "Sequence[Entry]") -> Iterator[Family]:
    newest: dict[str, tuple[Entry, Finding]] = {}
    declared = session.declared().monitors
    for entry in entries:
        if isinstance(entry.fact, Finding) and entry.fact.monitor in declared:
            newest[entry.fact.monitor] = (entry, entry.fact)
    labels = {name: {"monitor": name, "check": declared[name].check, "subject": declared[name].subject}
              for name in declared}
    found = {name: newest[name][1].status if name in newest else "unknown" for name in declared}
    yield Family("mlops_tui_monitor_status", "gauge", "What each monitor found last: 1 of the status that holds.",
                 tuple(sample for name, status in found.items()
                       for sample in _states(next((each for each in STATES if each == status), Status.UNKNOWN),
                                             **labels[name])))
    yield Family("mlops_tui_monitor_value", "gauge", "The value that each monitor found last.",
                 tuple(Sample(fact.value, labels[name]) for name, (_, fact) in newest.items()
                       if fact.value is not None))
    yield Family("mlops_tui_monitor_looked_timestamp_seconds", "gauge", "When each monitor looked last.",
                 tuple(Sample(entry.recorded_at.timestamp(), labels[name]) for name, (entry, _) in newest.items()))


def _open(entries: "Sequence[Entry]") -> Iterator[Family]:
    alerts = [each for each in folds.alerts(entries).values() if each.open]
    incidents = [each for each in folds.incidents(entries).values() if each.open]
    for what, found in (("alerts", alerts), ("incidents", incidents)):
        counts = {severity: sum(each.severity == severity for each in found) for severity in health.SEVERITIES}
        yield Family(f"mlops_tui_{what}_open", "gauge", f"Open {what} by severity.",
                     tuple(Sample(count, {"severity": severity}) for severity, count in counts.items()))


def _requests(session: Session, now: datetime) -> Iterator[Family]:
    read = [(model, requests) for model in session.declared().models
            if (requests := _logged(session, model, now)) is not None]
    yield Family("mlops_tui_requests_total", "counter", "Requests in the prediction log.", tuple(
        Sample(float(requests.n[:, place].sum()), _labels(model, requests, place))
        for model, requests in read for place in range(len(requests.series))))
    yield Family("mlops_tui_request_failures_total", "counter", "Requests that failed, by whose fault.", tuple(
        Sample(float(counts[:, place].sum()), {**_labels(model, requests, place), "fault": fault})
        for model, requests in read if requests.named.status for place in range(len(requests.series))
        for fault, counts in (("ours", requests.ours), ("caller", requests.theirs))))
    yield Family("mlops_tui_request_duration_seconds", "histogram", "How long answers took, within 1 %.", tuple(
        _durations(model, requests, place)
        for model, requests in read if requests.named.latency for place in range(len(requests.series))))


def _logged(session: Session, model: str, now: datetime) -> Requests | None:
    """All requests of a model up to now; None where nothing was logged."""
    log = log_of(session, model)
    if log is None:
        return None
    days = sorted(file.partition["day"] for file in log.manifest.files if "day" in file.partition)
    zone = session.declared().zone
    first = datetime.fromisoformat(days[0]).replace(tzinfo=zone) if days else BEGIN
    return logged(session, log, (first, now), model)


def _labels(model: str, requests: Requests, place: int) -> dict[str, str]:
    endpoint, version = requests.series[place]
    return {"model": model, "endpoint": endpoint, "version": version}


def _durations(model: str, requests: Requests, place: int) -> Sample:
    counts = requests.latencies([place])
    total, values = np.cumsum(counts), latency.middle(np.arange(counts.size))
    bounds = [(ms / 1000, int(total[np.searchsorted(values, ms, side="right") - 1])) for ms in LE]
    return Sample(float((counts * values).sum() / 1000), _labels(model, requests, place),
                  (*bounds, (float("inf"), int(total[-1]))))
