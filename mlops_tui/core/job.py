"""Long work in the background: what runs, how far it is, its log, how to stop it."""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from mlops_tui import jobs
from mlops_tui.capability import act, look, noun
from mlops_tui.errors import BadInput
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View
from store.jobs import Job

job = noun("job", __doc__ or "", bare="list", subject="log")


@look(of=job)
@click.option("--limit", default=20, show_default=True, help="How many of the newest.")
def list_(session: Session, limit: int) -> View:
    """The newest jobs, those of other terminals and of Slack too.

    \b
    Example: mlops-tui job list
    """
    found = jobs.newest(session, max(limit, 0))
    open_ = [each for each in found if each.open]
    table = Table.of("jobs", rows(session, found), Column("job", digits=0), "status", "state", "command",
                     Column("done", share=True, digits=0), "left", Column("seconds", "took", unit="s", digits=1),
                     "who", "through", "answer")
    title = f"{len(open_)} running" if open_ else "Nothing is running"
    failed = [each for each in found if each.status in FAILED]
    return View(title, Status.RUNNING if open_ else Status.DONE, (table,), (
        *(Action(f"Stop job {each.id}", ("job", "cancel", str(each.id))) for each in open_[:3]),
        *(Action(f"Why job {each.id} {_ENDED[each.status]}", ("job", "log", str(each.id))) for each in failed[:2])))


def rows(session: Session, found: Iterable[Job]) -> list[Row]:
    """Jobs as rows, with the time that each still needs."""
    return [row(each, jobs.before(session, each)) for each in found]


def row(found: Job, before: Sequence[float] = ()) -> Row:
    """A job as one row, for people and for scripts; `before`: the seconds it took the last times."""
    return {"job": found.id, "status": jobs.status(found), "state": found.status, "command": " ".join(found.argv),
            "done": found.share, "now": found.label if found.open else "", "left": jobs.left(found, before),
            "seconds": seconds(found), "who": found.actor, "through": found.source, "answer": found.title,
            "exit": found.exit, "asked_at": found.asked_at, "started_at": found.started_at,
            "ended_at": found.ended_at, "pid": None if found.pid is None else str(found.pid)}


def seconds(found: Job) -> float | None:
    """How long it took, or has been running."""
    if found.started_at is None:
        return None
    return ((found.ended_at or datetime.now(UTC)) - found.started_at).total_seconds()


class JobNumber(click.ParamType[int]):
    """A job's number, written 7, JOB-7 or job/7 as other things are."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number = jobs.number_of(str(value))
        if number is None:
            raise BadInput(f"'{value}' is no job's number.", next="Try: mlops-tui job list")
        return number


FAILED = ("failed", "lost", "confirm")
_ENDED = {"failed": "failed", "lost": "was lost", "confirm": "did nothing, since it wants consent",
          "done": "is done", "cancelled": "was stopped", "running": "is running", "queued": "waits for its process"}
_SHOWN = ("state", "answer", "now", "left", "seconds", "who", "through", "started_at", "exit", "pid")


@look(of=job)
@click.argument("number", type=JobNumber())
@click.option("--lines", default=200, show_default=True, help="How many of the last lines.")
def log(session: Session, number: int, lines: int) -> View:
    """What a job has said so far, and how it stands.

    \b
    Example: mlops-tui job log 7
    """
    jobs.newest(session, 1)
    found = jobs.rows(session).one(number)
    path = jobs.log_path(session, number)
    tail: list[str] = []
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as text:
            tail = list(deque((line.rstrip("\n") for line in text), maxlen=max(lines, 0)))
    said = row(found, jobs.before(session, found))
    silence = "nothing was said yet" if found.open else "nothing was said"
    facts: dict[str, Cell] = {key: said[key] for key in _SHOWN if said[key] not in (None, "")} | {"log": str(path)}
    return View(f"Job {number} {_ENDED[found.status]}: {' '.join(found.argv)}", _shown(jobs.status(found)),
                (Facts(facts), Text("\n".join(tail) or silence, "code")), _next(found))


def _shown(status: Status) -> Status:
    """How the job stands where it is only looked at: its own fault, refusal or question is not that of the look."""
    return Status.FAIL if status in (Status.ERROR, Status.DENIED, Status.CONFIRM) else status


def _next(found: Job) -> tuple[Action, ...]:
    if found.open:
        return (Action("Stop it", ("job", "cancel", str(found.id))),)
    if found.status == "confirm":
        return (Action("Look at its plan", found.argv),)
    if found.status in (*FAILED, "cancelled"):
        return (Action("Begin it once more", ("job", "start", "--", *found.argv)),)
    return ()


@act(of=job, confirm=False)
@click.argument("number", type=JobNumber())
def cancel(session: Session, number: int) -> View:
    """Stop a job: ask it, then make it; what it finished is kept.

    \b
    Example: mlops-tui job cancel 7
    """
    before = jobs.rows(session).one(number)
    if not before.open:
        return View(f"Job {number} had ended already: {before.status}", Status.DONE)
    stopped = jobs.stop(session, number)
    after, log_hint = stopped.job, (Action("What it said", ("job", "log", str(number))),)
    if after.open:
        return View(f"Job {number} was asked to stop, and has not yet", Status.WARN, actions=log_hint)
    removed = f"{stopped.removed / 1e6:.1f} MB" if stopped.removed else "nothing"
    far: Cell = f"{before.share:.0%}, {before.label}" if before.share is not None else before.label or "not begun"
    return View(f"Job {number} is {after.status}", Status.DONE, (Facts({
        "command": " ".join(after.argv), "it_had_come": far, "it_took": stopped.took,
        "processes_ended": stopped.processes, "half_written_removed": removed,
        "kept": "what it had finished and recorded"}),), log_hint)


def _command_line(ctx: click.Context, _: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    """The words, once they are known to be a command line: a mistake is said now, not in a log."""
    root = ctx.find_root()
    if words and words[0] != "job" and root is not ctx and not ctx.resilient_parsing:  # a form knows no tree
        root.command.main(list(words), prog_name=root.info_name, obj=ctx.obj, standalone_mode=False)
    return words


@act(of=job, confirm=False)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, callback=_command_line)
@click.option("--consent", default=None, help="The digest of the plan you agree to, for a command that asks.")
@click.option("--reason", default=None, help="Why, for a command that records a judgement.")
def start(session: Session, words: tuple[str, ...], consent: str | None, reason: str | None) -> View:
    """Do a command in the background; it goes on when this terminal closes.

    From its first word on, everything belongs to the command; options of the job itself come before it.

    \b
    Example: mlops-tui job start -- pipeline run daily
    """
    number = jobs.start(session, words, consent, reason)
    return View(f"Job {number} has begun: {' '.join(words)}", Status.RUNNING, actions=(
        Action("What it says", ("job", "log", str(number))), Action("Stop it", ("job", "cancel", str(number)))))


start.allow_interspersed_args = False  # an option behind the command's first word is the command's
