"""Long work in a process of its own: started, watched, stopped, and found again after whoever started it is gone."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import psutil

from mlops_tui.errors import BadInput, Cancelled, Conflict, Denied, NotDeclared, Unreadable
from mlops_tui.render.keep import read, written
from mlops_tui.render.progress import eta, lasting, log
from mlops_tui.roles import Actor
from mlops_tui.session import Session
from mlops_tui.view import Status, View
from store.garbage import drop_staging, left_behind
from store.jobs import Job, Jobs
from store.ledger import Ledger

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mlops_tui.commands import Outcome

TIMETABLE = "timetable"  # the source of what nobody but the clock asked for
REPORT_EVERY = 0.25  # seconds between two writes of progress
WAITED = timedelta(seconds=5)  # whoever puts a job gives it a process sooner
FAR = 0.1  # of a job, from which on its pace tells more than how long it took before
STARTING = timedelta(days=1)  # for so long a job may wait for its process: the daemon that gives it one may be away
GONE = "Killed, or out of memory: its process is gone. What it finished is kept."
_children: list[subprocess.Popen[bytes]] = []


def rows(session: Session) -> Jobs:
    """The project's jobs; NotDeclared where there is no project."""
    session.declared()
    if not isinstance(session.ledger, Ledger):
        raise NotDeclared("This session has no jobs.")
    return Jobs(session.ledger.engine)


def number_of(word: str) -> int | None:
    """The number of a job, written 7, JOB-7 or job/7; None where the word is none."""
    digits = word.upper().removeprefix("JOB-").removeprefix("JOB/")
    return int(digits) if digits.isdecimal() and len(digits) < 20 else None


def log_path(session: Session, id: int) -> Path:
    """Where the job's process writes."""
    return session.declared().root / ".mlops" / "jobs" / f"{id}.log"


def answer(session: Session, id: int) -> View | None:
    """What the job answered; None where it has not, or its answer was cleared away or cannot be read."""
    try:
        return read(log_path(session, id).with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, Unreadable):
        return None


# -- by whoever calls long work -----------------------------------------------------------------------------------


def start(session: Session, argv: Sequence[str], consent: str | None = None, reason: str | None = None) -> int:
    """Begin the command line in a process of its own, for the session's actor; the job's number.

    Whether the actor may do it is decided where it is done: in the child's `perform`.
    """
    id = put(session, argv, consent, reason)
    launch(session, id)
    return id


def put(session: Session, argv: Sequence[str], consent: str | None = None, reason: str | None = None,
        connection: "Connection | None" = None) -> int:
    """Keep the job, within a transaction where one is given; `launch` begins it."""
    if session.read_only:
        raise Denied("This session is read-only.", next="Open it without --read-only.")
    if not argv or argv[0] == "job":
        raise BadInput("A job needs a command that is not itself about jobs.", next="Try: mlops-tui job --help")
    actor = session.actor
    return rows(session).add(argv, actor=actor.name, source=actor.source, roles=actor.roles, simulated=actor.simulated,
                             consent=consent or "", reason=reason or "", connection=connection)


def launch(session: Session, id: int) -> None:
    """Give a waiting job its process. Doing it twice does it once: the first process claims the job."""
    table = rows(session)
    try:
        child = _spawn(session, id, table.one(id).argv)
    except OSError as problem:
        table.end(id, "failed", exit=3, title=f"No process could be started: {problem}")
        raise
    with suppress(psutil.NoSuchProcess):  # it was that quick, and another thread has buried it
        table.born(id, host=socket.gethostname(), pid=child.pid, born=psutil.Process(child.pid).create_time())


def _spawn(session: Session, id: int, argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """The child; its row says what to do, the words after `--` are there for `ps` alone."""
    log = log_path(session, id)
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-P", "-m", "mlops_tui", "--job", str(id), "--project", str(session.declared().root)]
    with log.open("ab") as out:
        child = subprocess.Popen([*words, "--", *argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                 start_new_session=True, env={**os.environ, "COLUMNS": "100"})
    _children.append(child)
    return child


@dataclass(frozen=True)
class Stopped:
    """A job as it stands after it was stopped: what that took, the processes that ended, the bytes cleaned up."""

    job: Job
    took: str
    processes: int
    removed: int


def cancel(session: Session, id: int, *, ask: float = 5.0, term: float = 3.0) -> Job:
    """Stop a job: ask, after `ask` seconds send TERM, after `term` more KILL; the job as it then stands."""
    return stop(session, id, ask=ask, term=term).job


def stop(session: Session, id: int, *, ask: float = 5.0, term: float = 3.0) -> Stopped:
    """Stop a job as `cancel` does, and remove what its processes had half written."""
    table = rows(session)
    family = _family(table.one(id))
    took = _stop_it(table, id, ask, term)
    job, gone = _settled(table, id), [pid for pid in family if _gone(pid)]
    half = list(left_behind(session.lake, gone)) if gone and session.lake is not None and not job.open else []
    return Stopped(job, took, len(gone), drop_staging(half))


def _stop_it(table: Jobs, id: int, ask: float, term: float) -> str:
    """Stop it, and say what it took."""
    if not table.one(id).open or not table.ask_to_stop(id) or _ended(table, id, ask):
        return "it was asked"
    for number, patience, said in ((signal.SIGTERM, term, "it was told to (TERM)"),
                                   (signal.SIGKILL, 2.0, "it was killed")):
        _signal(table.one(id), number)
        if _ended(table, id, patience):
            return said
    return "nothing helped"


def _family(job: Job) -> list[int]:
    """The numbers of the job's process and of those that it started, as far as they live here."""
    if job.pid is None or not here(job) or not alive(job):
        return []
    with suppress(psutil.NoSuchProcess):
        return [job.pid, *(child.pid for child in psutil.Process(job.pid).children(recursive=True))]
    return [job.pid]


def _gone(pid: int) -> bool:
    """Whether a process has ended, its parent knowing of it or not."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _signal(job: Job, number: int) -> None:
    """To the job's process and everything it started; never to a stranger who got its number."""
    if job.pid is not None and alive(job):
        os.killpg(job.pid, number)


def _ended(table: Jobs, id: int, patience: float) -> bool:
    """Wait until the job's process is gone."""
    until = time.monotonic() + patience
    while _lives(table.one(id)):
        if time.monotonic() >= until:
            return False
        time.sleep(0.05)
    return True


def _lives(job: Job) -> bool:
    return job.open if job.pid is None else alive(job)


def _settled(table: Jobs, id: int) -> Job:
    """The job, ended in its row too where its process is gone."""
    job = table.one(id)
    if job.open and here(job) and not alive(job):
        table.end(id, "cancelled", exit=130, title="Stopped.")
    return table.one(id)


# -- finding them again -------------------------------------------------------------------------------------------


def here(job: Job) -> bool:
    """Whether the job's process lives on this machine, if it lives."""
    return job.host in ("", socket.gethostname())


def alive(job: Job) -> bool:
    """Whether the very process that was started for the job still runs; one of another machine counts as alive."""
    for child in list(_children):
        if child.poll() is not None:
            with suppress(ValueError):  # another thread was here first
                _children.remove(child)
    if not here(job):
        return True
    if job.pid is None or job.born is None:
        return False
    try:
        process = psutil.Process(job.pid)
        same = abs(process.create_time() - job.born) < 2  # seconds; the kernel's boot time wavers by one
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def reap(session: Session, now: datetime | None = None) -> list[Job]:
    """End the rows of jobs whose process is gone without a word: `lost`, or `cancelled` where that was asked."""
    table, moment, gone = rows(session), now or datetime.now(UTC), []
    for job in table.open():
        starting = job.pid is None and job.asked_at is not None and moment - job.asked_at < STARTING
        if not starting and not alive(job):
            status = "cancelled" if job.cancel else "lost"
            if table.end(job.id, status, title=GONE):
                gone.append(table.one(job.id))
    return gone


def newest(session: Session, limit: int = 50) -> list[Job]:
    """The newest jobs as they really stand, newest first."""
    if not session.read_only:
        reap(session)
    return rows(session).newest(limit)


def running(session: Session) -> list[Job]:
    """The jobs that have not ended, as they really stand, oldest first."""
    if not session.read_only:
        reap(session)
    return rows(session).open()


def waiting(session: Session, now: datetime | None = None) -> list[Job]:
    """The jobs that were put here a while ago and never got a process: whoever put them was interrupted."""
    moment = now or datetime.now(UTC)
    return [job for job in rows(session).open() if job.pid is None and job.status == "queued" and here(job)
            and job.asked_at is not None and WAITED < moment - job.asked_at < STARTING]


_STATUS = {"queued": Status.RUNNING, "running": Status.RUNNING, "cancelled": Status.WARN, "lost": Status.FAIL,
           "failed": Status.ERROR, "confirm": Status.CONFIRM}


def status(job: Job) -> Status:
    """How the job stands, as every surface shows it: one that ended well stands as its answer does."""
    return _STATUS.get(job.status) or (Status(job.outcome) if job.outcome else Status.DONE)


def left(job: Job, before: Sequence[float] = (), now: datetime | None = None) -> str:
    """The time it still needs, in words; nothing where it has ended.

    By its pace, where it has come far enough to have one; else by the seconds that it took before; else there is no
    history to tell it from.
    """
    if job.started_at is None or not job.open:
        return "waits" if job.open else ""
    seconds = ((now or datetime.now(UTC)) - job.started_at).total_seconds()
    if job.share is not None and job.share >= (FAR if before else 0) and job.done > 0:
        return eta(job.done, job.total, seconds)
    if not before:
        return "no history"
    usual = median(before)
    return f"ETA {lasting(usual - seconds)}" if seconds < usual else f"longer than usual, {lasting(usual)}"


def before(session: Session, job: Job) -> list[float]:
    """How long the same command took the last times, in seconds; of one that has ended nobody asks."""
    return rows(session).took(job.argv) if job.open else []


# -- in the child -------------------------------------------------------------------------------------------------


def carry_out(session: Session, id: int, show: "Callable[[Outcome], None]") -> "Outcome":
    """Be the job's process: do what its row says for the actor who asked, and say in the row how it went."""
    table = rows(session)
    job = table.one(id)
    if not table.claim(id, host=socket.gethostname(), pid=os.getpid(), born=psutil.Process().create_time()):
        raise Conflict(f"Job {id} was begun or ended before.", next=f"Try: mlops-tui job log {id}")
    report = Report(table, id, say=log(sys.stderr))
    worker = replace(session.acting_as(_asker(session, job)), progress=report)
    signal.signal(signal.SIGTERM, _give_up)
    try:
        report(0, 0, "starting")
        outcome = worker.perform(job.argv, consent=job.consent or None, reason=job.reason or None)
        show(outcome)
        log_path(session, id).with_suffix(".json").write_text(written(outcome.view), encoding="utf-8")
    except BaseException as problem:
        stopped = isinstance(problem, Cancelled)
        table.end(id, "cancelled" if stopped else "failed", exit=130 if stopped else 3,
                  title=str(problem) or type(problem).__name__)
        raise
    table.end(id, _how(outcome), exit=outcome.exit, outcome=outcome.view.status.value, title=outcome.view.title)
    return outcome


def _asker(session: Session, job: Job) -> Actor:
    """Who asked, with those of his roles that he still has: team.yaml may have changed while the job waited."""
    people, roles = session.declared().team.people, job.roles
    if job.actor in people:
        roles &= frozenset(people[job.actor].roles)
    elif job.source != TIMETABLE and not session.single_user:
        roles &= frozenset({"viewer"})
    return Actor(job.actor, roles, job.source, job.simulated)


def _how(outcome: "Outcome") -> str:
    """A check that says no is work well done; a consent that is missing is not."""
    if outcome.error is not None:
        return "cancelled" if outcome.error["code"] == Cancelled.code else "failed"
    return "confirm" if outcome.view.status is Status.CONFIRM else "done"


def _give_up(*_: Any) -> None:
    raise Cancelled("Stopped.", next="What was finished before is kept; run it again to go on.")


class Report:
    """A progress listener that writes into the job's row, at most four times a second, and hears of a cancel.

    What it hears is passed on to `say`, which keeps the stages in the job's log.
    """

    def __init__(self, table: Jobs, id: int, clock: Callable[[], float] = time.monotonic,
                 say: Callable[[int, int, str], None] | None = None) -> None:
        self.table, self.id, self.clock, self.say = table, id, clock, say
        self.last = -REPORT_EVERY

    def __call__(self, done: int, total: int, label: str) -> None:
        now = self.clock()
        if now - self.last < REPORT_EVERY:
            return
        self.last = now
        if self.say is not None:
            self.say(done, total, label)
        if self.table.progress(self.id, done, total, label):
            _give_up()


