"""Long work in the background: what runs, how far it is, its log, how to stop it."""

from collections import deque
from datetime import UTC, datetime

import click

from mlops_tui import jobs
from mlops_tui.capability import act, look, noun
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
    table = Table.of("jobs", [row(each) for each in found], Column("job", digits=0), "status", "command",
                     Column("done", share=True, digits=0), "left", Column("seconds", "took", unit="s", digits=1),
                     "who", "through", "answer")
    title = f"{len(open_)} running" if open_ else "Nothing is running"
    return View(title, Status.RUNNING if open_ else Status.DONE, (table,),
                tuple(Action(f"Stop job {each.id}", ("job", "cancel", str(each.id))) for each in open_[:3]))


def row(found: Job) -> Row:
    """A job as one row, for people and for scripts."""
    return {"job": found.id, "status": jobs.status(found), "state": found.status, "command": " ".join(found.argv),
            "done": found.share, "now": found.label if found.open else "", "left": jobs.left(found),
            "seconds": seconds(found), "who": found.actor, "through": found.source, "answer": found.title,
            "exit": found.exit, "asked_at": found.asked_at, "started_at": found.started_at,
            "ended_at": found.ended_at, "pid": None if found.pid is None else str(found.pid)}


def seconds(found: Job) -> float | None:
    """How long it took, or has been running."""
    if found.started_at is None:
        return None
    return ((found.ended_at or datetime.now(UTC)) - found.started_at).total_seconds()


_SHOWN = ("state", "now", "left", "seconds", "who", "through", "started_at", "exit", "pid")


@look(of=job)
@click.argument("number", type=int)
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
    said = row(found)
    facts: dict[str, Cell] = {key: said[key] for key in _SHOWN if said[key] not in (None, "")} | {"log": str(path)}
    actions = (Action("Stop it", ("job", "cancel", str(number))),) if found.open else ()
    return View(f"Job {number}: {' '.join(found.argv)}", jobs.status(found),
                (Facts(facts), Text("\n".join(tail) or "nothing was said yet", "code")), actions)


@act(of=job, confirm=False)
@click.argument("number", type=int)
def cancel(session: Session, number: int) -> View:
    """Stop a job: ask it, then make it; what it finished is kept.

    \b
    Example: mlops-tui job cancel 7
    """
    before = jobs.rows(session).one(number)
    if not before.open:
        return View(f"Job {number} had ended already: {before.status}", Status.DONE)
    after = jobs.cancel(session, number)
    log_hint = (Action("What it said", ("job", "log", str(number))),)
    if after.open:
        return View(f"Job {number} was asked to stop, and has not yet", Status.WARN, actions=log_hint)
    return View(f"Job {number} is {after.status}", Status.DONE, actions=log_hint)


@act(of=job, confirm=False)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--consent", default=None, help="The digest of the plan you agree to, for a command that asks.")
@click.option("--reason", default=None, help="Why, for a command that records a judgement.")
def start(session: Session, words: tuple[str, ...], consent: str | None, reason: str | None) -> View:
    """Do a command in the background; it goes on when this terminal closes.

    \b
    Example: mlops-tui job start -- pipeline run daily
    """
    number = jobs.start(session, words, consent, reason)
    return View(f"Job {number} has begun: {' '.join(words)}", Status.RUNNING, actions=(
        Action("What it says", ("job", "log", str(number))), Action("Stop it", ("job", "cancel", str(number)))))
