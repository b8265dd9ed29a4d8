"""What somebody waits for: a job, a run of a runbook, an incident; how it stands, and with which code it ended."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from mlops_tui import jobs
from mlops_tui.errors import NotFound
from mlops_tui.session import Session
from mlops_tui.tui.logfile import readable
from mlops_tui.view import Action, Status, View
from store.jobs import Job

EVERY = 0.5       # seconds between two looks
TAIL = 1 << 14    # bytes from the end of a log in which its last lines are looked for
LOST = 3          # what a job ends with that could not say so itself
OVER = {"runbook": ("finished", "stopped", "rolled_back"), "incident": ("resolved", "merged")}
HELP = """Usage: mlops-tui watch [WHAT]

  Wait for WHAT and end with its exit code: a job (7, JOB-7 or job/7), a run of
  a runbook (RUN-3), an incident (INC-2), or the command that a job does;
  without it for the newest job that runs.

  In a terminal it is a strip of lines: x stops the job, q leaves it running.
  Elsewhere it is a line for whatever changes, and Ctrl-C leaves it running.

  Example: mlops-tui watch train flights-delay

Exit codes: that of the job; of a run or an incident 0 where it ended well, else
1. 2 where there is no such thing, 3 a job whose process is gone, 130 a job that
was stopped, or left before it was over.
"""
WELL = ("finished", "rolled_back", "resolved", "merged")


@dataclass(frozen=True)
class Watch:
    """How it stands: `said` are the last things it said; `exit` and `answer` are there once it is over."""

    title: str
    status: Status
    share: float | None = None
    left: str = ""
    said: tuple[str, ...] = ()
    exit: int | None = None
    answer: View | None = None
    job: int | None = None


Look = Callable[[], Watch]


def find(session: Session, words: Sequence[str]) -> Look:
    """What the words mean, to be looked at as often as wanted: a job's number, RUN-3, INC-2, or the command that a job
    does; nothing means the newest job that runs. NotFound where there is none."""
    first = words[0].upper() if words else ""
    if (number := jobs.number_of(first)) is not None and len(words) == 1:
        jobs.rows(session).one(number)
        return partial(_job, session, number)
    for kind, prefix in (("runbook", "RUN-"), ("incident", "INC-")):
        if len(words) == 1 and first.startswith(prefix):
            found = session.perform((kind, "show", first)).view
            if found.status is Status.ERROR:
                raise NotFound(found.title, next=str(found.facts().get("next") or f"Try: mlops-tui {kind} list"))
            return partial(_shown, session, kind, first)
    found_jobs = [job for job in jobs.newest(session, 200) if job.argv[:len(words)] == tuple(words)]
    chosen = next((job for job in found_jobs if job.open), found_jobs[0] if words and found_jobs else None)
    if chosen is None:
        said = " ".join(words)
        raise NotFound(f"No job does '{said}'." if words else "No job is running.",
                       next=f"Begin it: mlops-tui job start -- {said}" if words else "Try: mlops-tui job list")
    return partial(_job, session, chosen.id)


def _job(session: Session, number: int) -> Watch:
    jobs.newest(session, 1)  # whose process is gone is known to have ended from now on
    job = jobs.rows(session).one(number)
    title = f"job {number}  {' '.join(job.argv)}"
    said = _said(last_lines(jobs.log_path(session, number), 4), job.label if job.open else "")
    if job.open:
        return Watch(title, jobs.status(job), job.share, jobs.left(job, jobs.before(session, job)), said, job=number)
    code = LOST if job.exit is None else job.exit
    return Watch(title, jobs.status(job), job.share, job.status, said, code, _answer(session, job), number)


def _said(lines: Sequence[str], label: str) -> tuple[str, ...]:
    """The last things that it said, and what it does now, of which its log knows the stage."""
    stage = f"◌ {label.partition(':')[0]}"
    return tuple(filter(None, (*(line for line in lines if line != stage), label)))[-4:]


def _answer(session: Session, job: Job) -> View:
    """What the job answered; how it ended where it could not answer."""
    found = jobs.answer(session, job.id)
    if found is not None:
        return found
    return View(f"Job {job.id} {job.status}: {job.title or ' '.join(job.argv)}", Status.FAIL, actions=(
        Action("What it said", ("job", "log", str(job.id))),))


def _shown(session: Session, kind: str, id: str) -> Watch:
    """A run or an incident, as its own command shows it."""
    view = session.perform((kind, "show", id)).view
    state = str(view.facts().get("state"))
    title = view.title if id in view.title else f"{id} {view.title}"
    steps = view.rows("steps")
    done = [row for row in steps if row.get("at") is not None]
    said = tuple(f"{row['step']} {row['title']}: {row.get('note') or row['status']}" for row in done[-4:])
    share = len(done) / len(steps) if steps else None
    if state not in OVER[kind]:
        return Watch(title, Status.RUNNING, share, state, said)
    return Watch(title, view.status, share, state, said, 0 if state in WELL else 1, view)


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a log, however long it is."""
    try:
        with path.open("rb") as log:
            log.seek(max(log.seek(0, 2) - TAIL, 0))
            found = log.read().removesuffix(b"\n").split(b"\n")
    except OSError:
        return []
    return [readable(line.rpartition(b"\r")[2]) for line in found[-count:]]


def plain(look: Look, stream: TextIO, wait: Callable[[float], None] = time.sleep) -> Watch:
    """Look until it is over, or whoever reads is gone; a line for each thing that changes, for who reads no screen."""
    told, seen = "", look()
    try:
        while seen.exit is None:
            far = f"{seen.share:.0%}" if seen.share is not None else ""
            line = f"{seen.title}  {seen.said[-1] if seen.said else seen.left}"
            if line != told:
                told = line
                stream.write("  ".join(filter(None, ("◌", line, far))) + "\n")
                stream.flush()
            wait(EVERY)
            seen = look()
    except KeyboardInterrupt:
        stream.write("\n")  # what is said next does not stand behind the ^C
    except BrokenPipeError:
        pass  # whoever read it has seen enough
    return seen


def left_alone(seen: Watch) -> View:
    """What is said when somebody leaves before it is over: it goes on."""
    again = Action("Watch it again", ("watch", str(seen.job))) if seen.job is not None else None
    return View(f"It goes on: {seen.title}", Status.RUNNING, actions=(again,) if again else ())
