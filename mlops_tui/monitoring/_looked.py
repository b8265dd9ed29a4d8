"""The traffic that was looked at, of a model, an endpoint, a file or a Prometheus server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from mlops_tui.analysis.season import HOUR, WEEK, Clock
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import NotFound
from mlops_tui.inputs.tabular import tabular
from mlops_tui.logs.hourly import Named, Requests, logged, of_file
from mlops_tui.logs.predictionlog import log_of, named, needed_log
from mlops_tui.monitoring import _promises, _promql
from mlops_tui.monitoring._promises import Kept
from mlops_tui.monitoring._signals import URGENT, Asked, Seen, Signal, first_place, seen
from mlops_tui.project import Subject
from mlops_tui.quality import calendars
from mlops_tui.quality.anomalies import anomalies
from mlops_tui.quality.anomalies import said as told
from mlops_tui.session import Session
from mlops_tui.view import Status, worst

LOOK_BACK = 20 * WEEK * HOUR  # what is usual is learnt from so much: eight weeks, each against the eight before it
OFF = "known: no batch is expected on that day"


@dataclass(frozen=True)
class Looked:
    """How traffic stands: each signal, worst first, promises among them. `data`: the snapshot it was read from."""

    name: str
    requests: Requests
    asked: Asked
    seen: Seen
    kept: Sequence[Kept] = ()
    data: str = ""

    @property
    def signals(self) -> list[Signal]:
        found = [*self.seen.signals, *(each.signal for each in self.kept)]
        return sorted(found, key=lambda each: URGENT.index(each.status))

    @property
    def status(self) -> Status:
        return worst((each.status for each in self.signals), Status.UNKNOWN)

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """The hours that were judged, from the begin of the first to the end of the last."""
        clock = self.requests.clock
        return clock.at(self.asked.start), clock.at(self.asked.end)


def of_subject(session: Session, subject: Subject, declared: Monitor) -> Looked:
    """The traffic of a declared model or endpoint in the monitor's window; NotFound where nothing was logged yet."""
    project, is_endpoint = session.declared(), subject.kind == "endpoint"
    model = project.endpoints[subject.name].model.partition("@")[0] if is_endpoint else subject.name
    endpoints = _promises.declared(session, model, subject.name if is_endpoint else "")
    until = _whole(session.now() - max((each.delay for each in endpoints.values()), default=timedelta(0)))
    bounds = until - LOOK_BACK - declared.window, until
    limit = declared.limits.get("burn")
    if declared.prometheus is not None:
        requests = _promql.asked(declared.prometheus, bounds, project.zone, subject.name)
        log = log_of(session, model)
    else:
        log = needed_log(session, model)
        requests = logged(session, log, bounds, subject.name, subject.name if is_endpoint else "", subject.version)
        if is_endpoint and not requests.series:
            raise NotFound(f"No request of '{subject.name}' is in {named(model)}.",
                           next=f"Try: mlops-tui traffic {model}")
    promised = _promises.kept(session, log, endpoints, limit)
    if limit is not None and not promised:
        said = "No endpoint declares objectives, so no budget burns."
        promised = [_promises.unknown(subject.name, said, limit)]
    quiet = _known(requests.clock, _contracts(session, model))
    asked = Asked(first_place(requests.clock, until - declared.window), requests.clock.hours, declared.limits, quiet)
    return Looked(subject.name, requests, asked, seen(requests, asked), promised,
                  log.manifest.id if log is not None and declared.prometheus is None else "")


def of_rows(session: Session, what: str, columns: Named, window: timedelta) -> Looked:
    """The traffic of a file's rows; the last hours of it are judged."""
    zone = session.project.zone if session.project is not None else None
    read = tabular(session, what)
    requests = of_file(read.scan, columns, zone or UTC)
    start = first_place(requests.clock, requests.clock.at(requests.clock.hours) - window)
    asked = Asked(start, requests.clock.hours)
    return Looked(read.scan.where.rpartition("/")[2], requests, asked, seen(requests, asked), data=read.snapshot)


def _whole(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _contracts(session: Session, model: str) -> list[Contract]:
    """What may know of odd days: the contract of the outcomes, and that of the log where it has one."""
    project = session.declared()
    names = (project.model(model).label.dataset, named(model))
    return [project.datasets[name] for name in names if name in project.datasets]


def _known(clock: Clock, contracts: Sequence[Contract]) -> Mapping[int, str]:
    """The hours of days that are known to be odd, with what is known: a known anomaly, or a day off the calendar."""
    found: dict[int, str] = {}
    number = (clock.week * WEEK + clock.slot) // 24 + 1
    days = [date.fromordinal(each) for each in np.unique(number).tolist()]
    for contract in contracts:
        calendar, odd = calendars.declared(contract, contract.id), anomalies(contract)
        off = calendar.off if calendar is not None else ()
        for day in days if odd or off else ():
            said = told(odd, day, day) or (OFF if any(first <= day <= last for first, last in off) else "")
            if said:
                found |= dict.fromkeys(np.flatnonzero(number == day.toordinal()).tolist(), said)
    return found
