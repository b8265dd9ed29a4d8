"""What goes on while nobody looks: the timetable, waiting jobs, and the surfaces that listen outside; one at a time."""

import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from threading import Event
from typing import Protocol
from uuid import uuid4

import psutil

from mlops_tui import jobs, timetable
from mlops_tui.errors import Conflict, NotDeclared, Refusal
from mlops_tui.oversight import boards
from mlops_tui.oversight.guarding import guard
from mlops_tui.oversight.settling import settled
from mlops_tui.project import Project
from mlops_tui.roles import Actor
from mlops_tui.session import ReplayClock, Session
from store.lease import Lease
from store.ledger import Ledger

GROUP = "mlops_tui.surfaces"
NAME = "daemon"
LOCAL = "local-"  # how the last part of a holder's name begins whose Slack is one of this machine's own
LEASE = 15.0   # seconds it holds without being renewed
EVERY = 1.0    # seconds between two rounds
TIMETABLE = Actor("timetable", frozenset({"engineer"}), "timetable")

Say = Callable[[str], None]


class Service(Protocol):
    """A surface at work."""

    def stop(self) -> None:
        """End what it does, having finished what it is in the middle of."""


class Surface(Protocol):
    """How a surface is begun: a Service, or None where it is not set up and said so."""

    def __call__(self, session: Session, say: Say) -> Service | None: ...


def surfaces() -> list[Surface]:
    """The surfaces that are installed beside us: each tells in its package's metadata how it is begun."""
    return [entry.load().start for entry in entry_points(group=GROUP)]


@dataclass(frozen=True)
class Daemon:
    """What one process does for a project until it is told to stop, or another takes over."""

    session: Session
    say: Say
    begin: Sequence[Surface]
    stop: Event
    seconds: float = LEASE
    every: float = EVERY
    local: bool = False  # its Slack is one of this machine's own

    def run(self) -> None:
        """Wait for the lease, work under it, wait again where it was lost; until `stop`."""
        name = f"{LOCAL if self.local else ''}{uuid4().hex[:8]}"
        lease = Lease(ledger_of(self.session).engine, NAME, f"{socket.gethostname()}:{os.getpid()}:{name}")
        waiting = False
        while not self.stop.is_set():
            if self._has(lease):
                self.say("at work")
                self._work(lease)
                waiting = False
            elif (held := lease.seen()) is not None and gone(held[0]):
                self.say(f"{held[0]} is gone")
                lease.leave(held[0])
                continue
            elif not waiting:
                self.say(f"standing by: {held[0] if held else 'another'} is at work")
                waiting = True
            self.stop.wait(self.every)

    def _work(self, lease: Lease) -> None:
        """Do rounds for as long as the lease is ours; what was begun is stopped before it is let go."""
        services = [service for begin in self.begin if (service := self._begun(begin)) is not None]
        try:
            while not self.stop.is_set():
                if not self._has(lease):
                    self.say("no longer at work")
                    return
                self._round()
                self.stop.wait(self.every)
        finally:
            for service in services:
                service.stop()
            with suppress(Refusal):  # it runs out by itself
                lease.leave()

    def _has(self, lease: Lease) -> bool:
        """Whether the lease is ours; not where it cannot be written, which may be over in a moment."""
        try:
            return lease.take(time.time(), self.seconds)
        except Refusal as problem:
            self.say(f"■ {problem}")
            return False

    def _begun(self, begin: Surface) -> Service | None:
        try:
            return begin(self.session, self.say)
        except Refusal as problem:  # the others go on without it
            self.say(str(problem))
            return None

    def _round(self) -> None:
        """One look at the clock and the jobs; what goes wrong is said, and the next round tries again."""
        try:
            session = fresh(self.session)
            machine = session.acting_as(TIMETABLE)
            for due, job in timetable.run_due(machine, lambda argv: jobs.start(machine, argv)):
                self.say(f"{due.schedule.name} of {due.period}: job {job}")
            for guarded, job in guard(machine, lambda argv, consent: jobs.start(machine, argv, consent),
                                      time.monotonic()):
                self.say(f"{guarded.name}: job {job}: {' '.join(guarded.argv)}")
            for entry in (*settled(machine), *boards.noted(machine)):
                self.say(f"{entry.subject} is {getattr(entry.fact, 'event', '')}: {getattr(entry.fact, 'reason', '')}")
            for job in jobs.reap(session):
                self.say(f"job {job.id} is {job.status}: {' '.join(job.argv)}")
            for job in jobs.waiting(session):
                self.say(f"job {job.id} waited for a process: {' '.join(job.argv)}")
                jobs.launch(session, job.id)
        except Exception as problem:  # the end of this surface: a daemon that dies of one bad line wakes nobody
            self.say(f"■ {type(problem).__name__}: {problem}")


def alone(session: Session, *, local: bool) -> None:
    """Conflict where a daemon with another Slack is at work: what waits to be said, and where the cards stand, is kept
    once for a project, and is of one Slack. Of two local ones each is another."""
    held = Lease(ledger_of(session).engine, NAME, "").seen()
    if held is None or held[1] <= time.time() or gone(held[0]):
        return
    host, pid, name = held[0].split(":", 2)
    theirs = name.startswith(LOCAL)
    if theirs or local:
        what = "slack local" if theirs else "up"
        raise Conflict(f"mlops-tui {what} is at work on this project: process {pid} on {host}. Its messages and cards "
                       f"are in another Slack.", where=str(session.declared().root),
                       next=f"Stop it first, or {'try yours' if local else 'let it be used'} on a copy of the project.")


def gone(holder: str) -> bool:
    """Whether a holder's process was on this machine and is no more; who cannot be looked at is not gone."""
    host, _, rest = holder.partition(":")
    pid = rest.partition(":")[0]
    return host == socket.gethostname() and pid.isdecimal() and not psutil.pid_exists(int(pid))


def fresh(session: Session) -> Session:
    """The session with the project's files as they are now, its clock where the replayed world is."""
    last = ledger_of(session).latest()
    if isinstance(session.clock, ReplayClock) and last is not None:
        session.clock.advance(last)
    return replace(session, project=Project(session.declared().root))


def ledger_of(session: Session) -> Ledger:
    """The history that can be written; NotDeclared where there is none."""
    session.declared()
    if not isinstance(session.ledger, Ledger) or session.read_only:
        raise NotDeclared("This session has no history to write to.", next="Open it without --read-only.")
    return session.ledger
