"""What is due when: cron lines in the project's time zone, each period performed once, missed ones skipped."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from mlops_tui import folds
from mlops_tui.declarations.declare import place_of
from mlops_tui.errors import BadInput
from mlops_tui.project import Project
from mlops_tui.running.cronlines import cron
from mlops_tui.session import Session
from store.ledger import Entry, Ledger
from store.periods import Periods


@dataclass(frozen=True)
class Schedule:
    """A command line that is performed by the clock."""

    name: str
    argv: tuple[str, ...]
    every: str
    zone: tzinfo


@dataclass(frozen=True)
class Due:
    """A period of a schedule that has come and that nobody has claimed."""

    schedule: Schedule
    at: datetime

    @property
    def period(self) -> str:
        """The period's name: its time in UTC, which sorts like the time and is the same in every zone."""
        return self.at.astimezone(UTC).isoformat(timespec="minutes" if self.schedule.every else "microseconds")


def schedules(project: Project) -> list[Schedule]:
    """What the project wants done by the clock: pipelines first, since monitors look at what they make."""
    found: list[tuple[str, tuple[str, ...], str]] = [
        (f"pipeline/{name}", ("pipeline", "run", name), pipeline.every) for name, pipeline in project.pipelines.items()]
    found += [(f"monitor/{name}", monitor.command(name), monitor.every)
              for name, monitor in project.monitors.items()]
    made = [Schedule(name, argv, every, project.zone) for name, argv, every in found if every]
    for schedule in made:
        try:
            cron(schedule.every, schedule.zone)
        except BadInput as problem:
            kind, _, name = schedule.name.partition("/")
            where = place_of(project.path_of(kind, name), "every")
            raise BadInput(problem.what, where=where, next=problem.next) from problem
    return made


def due(schedules: Sequence[Schedule], claimed: Mapping[str, str], now: datetime) -> list[Due]:
    """What should be done now: of each schedule the newest period that has come, unless it, or a later one, is claimed.

    `claimed` holds the newest claimed period of each schedule. Older periods that nobody did are skipped.
    """
    found = []
    for schedule in schedules:
        at = cron(schedule.every, schedule.zone).newest(now)
        if at is not None and (candidate := Due(schedule, at)).period > claimed.get(schedule.name, ""):
            found.append(candidate)
    return sorted(found, key=lambda each: each.at)


def upcoming(schedules: Iterable[Schedule], now: datetime) -> list[Due]:
    """The next period of each schedule, soonest first."""
    following = ((schedule, cron(schedule.every, schedule.zone).next(now)) for schedule in schedules)
    return sorted((Due(schedule, at) for schedule, at in following if at is not None), key=lambda each: each.at)


def waiting(entries: Sequence[Entry], now: datetime) -> list[Due]:
    """The runbook runs whose wait is over: each is taken up where it stands."""
    return [Due(Schedule(f"runbook/{run.id}", ("runbook", "resume", run.id), "", UTC), run.due)
            for run in folds.runbook_runs(entries).values() if run.due is not None and run.due <= now]


def run_due(session: Session, perform: Callable[[Sequence[str]], Any] | None = None) -> list[tuple[Due, Any]]:
    """Claim and perform what is due at the session's time, as the session's actor.

    Each period is claimed before it is performed, so that two daemons, or one that was killed, never do it twice.
    `perform` says how (the daemon starts a job instead); what it returned comes with each.
    """
    periods = _periods(session)
    if periods is None:
        return []
    planned, now = schedules(session.declared()), session.now()
    found = due(planned, periods.newest(schedule.name for schedule in planned), now)
    waited = waiting(session.ledger.entries("runbook"), now)
    claimed = periods.newest(each.schedule.name for each in waited) if waited else {}
    found += [each for each in waited if each.period > claimed.get(each.schedule.name, "")]
    return [(each, (perform or session.perform)(each.schedule.argv)) for each in found
            if periods.claim(each.schedule.name, each.period, now)]


def begin_now(session: Session) -> None:
    """Claim what has come up to now without doing it: a new timetable begins with its next period."""
    periods, now = _periods(session), session.now()
    if periods is not None:
        planned = schedules(session.declared())
        for each in due(planned, periods.newest(schedule.name for schedule in planned), now):
            periods.claim(each.schedule.name, each.period, now)


def _periods(session: Session) -> Periods | None:
    """The claimed periods; None where nothing may be claimed."""
    ledger = session.ledger
    return Periods(ledger.engine) if isinstance(ledger, Ledger) and not session.read_only else None
