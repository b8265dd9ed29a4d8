"""What is known of the days that a monitor looked at: what people judged, opened or wrote down."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from statistics import median

from mlops_tui import folds, health
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.oversight.replaying import Alarm
from mlops_tui.quality import anomalies
from mlops_tui.session import Session
from store.facts import Drilled

QUIET = ("drift", "health", "ingest", "validate")  # checks that say nothing of what their contract knows
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Event:
    """Something that was, or was not, wrong from `start` to `end`; `quiet`: a monitor is right to say nothing."""

    name: str
    start: datetime
    end: datetime
    real: bool
    quiet: bool = False


@dataclass(frozen=True)
class Held:
    """An alarm beside what is known of its days; `real` is None where nobody said."""

    alarm: Alarm
    event: Event | None
    real: bool | None

    @property
    def late(self) -> timedelta | None:
        """How long after its beginning a real event was alarmed of."""
        if self.event is None or not self.real:
            return None
        return max(self.alarm.at - self.event.start, timedelta(0))


@dataclass(frozen=True)
class Told:
    """Alarms against events: which were real, which noise, which nobody judged, and what none of them told of."""

    held: Sequence[Held]
    missed: Sequence[Event]
    events: Sequence[Event]

    def count(self, real: bool | None) -> int:
        return sum(each.real is real for each in self.held)

    @property
    def known(self) -> bool:
        """Whether anybody said anything of that time."""
        return bool(self.events)

    @property
    def delay(self) -> float | None:
        """The median of seconds from a real event to its first alarm."""
        first: dict[str, timedelta] = {}
        for each in self.held:
            if each.event is not None and each.late is not None:
                first.setdefault(each.event.name, each.late)
        return median(late.total_seconds() for late in first.values()) if first else None


@dataclass(frozen=True)
class Planted:
    """Faults that drills planted under the rule as it is declared now: those it was meant to see, and the hours of
    those that it did."""

    meant: tuple[str, ...] = ()
    seen: tuple[float, ...] = ()
    missed: tuple[str, ...] = ()

    @property
    def delay(self) -> float | None:
        """The median of seconds."""
        return median(self.seen) if self.seen else None


def planted(session: Session, name: str) -> Planted:
    """What drills say of a monitor: of each fault the newest."""
    now = session.declared().fingerprint("monitor", name)
    newest = {(entry.subject, entry.fact.fault): entry.fact for entry in session.ledger.entries("drill")
              if isinstance(entry.fact, Drilled)}
    told = [(fact, fact.detail["monitors"].get(name)) for fact in newest.values()]
    mine = [fact for fact, mark in told if mark and mark["meant"] and mark["declaration"] == now
            and mark["word"] != "fails anyway"]
    return Planted(tuple(fact.fault for fact in mine), tuple(fact.seen[name] for fact in mine if name in fact.seen),
                   tuple(fact.fault for fact in mine if name not in fact.seen))


def events(session: Session, name: str, monitor: Monitor, start: datetime, end: datetime) -> list[Event]:
    """What is known of that span: alerts of the monitor that people judged, incidents that people opened by hand
    about its subject, and the anomalies with days that its contracts know."""
    entries = session.ledger.entries()
    found = [*_judged(folds.alerts(entries).values(), name), *_opened(session, name, monitor),
             *_written(session, monitor)]
    return sorted((each for each in found if each.start <= end and each.end >= start), key=lambda each: each.start)


def _judged(alerts: Iterable[folds.Alert], name: str) -> Iterator[Event]:
    for each in alerts:
        if each.monitor == name and each.real is not None:
            yield Event(each.id, each.opened_at, each.updated_at, each.real)


def _opened(session: Session, name: str, monitor: Monitor) -> Iterator[Event]:
    """Incidents about the subject that no alert of another monitor began; those of its own alerts are judged there."""
    entries = session.ledger.entries()
    mine = {each.id: each.real for each in folds.alerts(entries).values() if each.monitor == name}
    for each in folds.incidents(entries).values():
        own = [alert for alert in each.alerts if alert in mine]
        if each.about == monitor.subject and (not each.alerts or (own and mine[own[0]] is None)):
            yield Event(each.id, each.opened_at, each.resolved_at or session.now(), real=True)


def _written(session: Session, monitor: Monitor) -> Iterator[Event]:
    project = session.declared()
    sources = health.Declared.of(project).sources(monitor.subject) if monitor.subject in project.models else \
        {monitor.subject} & set(project.datasets)
    for dataset in sorted(sources):
        for each in anomalies.anomalies(project.datasets[dataset]):
            if each.first is not None and each.last is not None:
                start = datetime.combine(each.first, time(), project.zone)
                yield Event(f"{dataset}: {each.what}", start, datetime.combine(each.last, time(), project.zone) + DAY,
                            real=True, quiet=monitor.check in QUIET)


def held(alarms: Sequence[Alarm], known: Sequence[Event], window: timedelta) -> Told:
    """Each alarm with the event that it is about: one that its window reaches into, or that began since it fired.

    Of several a real one, and of these the one that began nearest to it. An event is missed that no alarm is about.
    """
    found: list[Held] = []
    about: set[str] = set()
    for alarm in alarms:
        until = max(alarm.until or alarm.at, alarm.at)
        near = [each for each in known if alarm.at - window <= each.end and each.start <= until]
        about |= {each.name for each in near}
        first = min(near, key=lambda each: (not each.real, abs(alarm.at - each.start)), default=None)
        found.append(Held(alarm, first, first.real if first is not None else None))
    missed = [each for each in known if each.real and not each.quiet and each.name not in about]
    return Told(found, missed, known)
