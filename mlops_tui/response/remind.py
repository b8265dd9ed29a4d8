"""Reminders: what you are told in private, and what of it may wait."""

from dataclasses import replace
from datetime import datetime

import click

from mlops_tui.alerts import nudges, sources
from mlops_tui.alerts.nudges import Nudge
from mlops_tui.capability import act, look, noun
from mlops_tui.errors import BadInput, NotFound, nearest
from mlops_tui.inputs.moments import after
from mlops_tui.response import _people
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Row, Status, Table, View, counted
from store.facts import Snoozed

remind = noun("remind", __doc__ or "", bare="list", package="mlops_tui.response")


@look(of=remind, fold=True)
@click.option("--for", "person", default="me", help="Whose; yours by default.")
def list_(session: Session, person: str) -> View:
    """What waits for you and is told in private, with what you put off.

    \b
    Example: mlops-tui remind list
    """
    who = _people.person(session, person)
    mine, off, now = _mine(session, who), _put_off(session), session.now()
    rows: list[Row] = [{"key": each.key, "since": each.since, "title": each.view.title,
                        "until": until if (until := off.get((who, each.key))) and until > now else None}
                       for each in mine]
    quiet = [row for row in rows if row["until"]]
    loud = [row for row in rows if not row["until"]]
    title = f"{counted(len(loud), 'thing waits', 'things wait')} for {who}" if loud else f"Nothing waits for {who}"
    title += f"; {counted(len(quiet), 'is put off', 'are put off')}" if quiet else ""
    table = Table.of("reminders", rows, "since", "title", "until", "key")
    own = who == session.actor.name
    first = {str(row["key"]) for row in loud[:3]}
    later = [action for each in mine if each.key in first for action in (*_first(each), _later(each.key))]
    wake = [Action(f"Wake {_name(str(row['key']))}", ("remind", "wake", str(row["key"]))) for row in quiet[:2]]
    return View(title, Status.WARN if loud else Status.PASS, (table,), (*later, *wake) if own else ())


@act(of=remind, confirm=False)
@click.argument("key")
@click.option("--for", "length", required=True, help="How long, such as 2h.")
def snooze(session: Session, key: str, length: str) -> View:
    """Be reminded of KEY later; what is told to everybody goes on.

    \b
    Example: mlops-tui remind snooze alert/AL-1 --for 2h
    """
    until = after(session.now(), length)
    nudge = _known(session, key)
    _keep(session, nudge, until)
    return View(f"You are told again later: {nudge.view.title}", Status.DONE, (Facts({"until": until}),),
                (Action("Undo", ("remind", "wake", nudge.key)),))


@act(of=remind, confirm=False)
@click.argument("key")
def wake(session: Session, key: str) -> View:
    """Be reminded of KEY now after all.

    \b
    Example: mlops-tui remind wake alert/AL-1
    """
    nudge, now = _known(session, key), session.now()
    until = _put_off(session).get((session.actor.name, nudge.key))
    if until is None or until <= now:
        raise BadInput(f"{nudge.key} is not put off.", next="Try: mlops-tui remind list")
    _keep(session, nudge, now)
    return View(f"You are told again now: {nudge.view.title}", Status.DONE, (), (_later(nudge.key),))


def _first(nudge: Nudge) -> tuple[Action, ...]:
    """What it asks for first, with its name."""
    return tuple(replace(each, label=f"{each.label}: {_name(nudge.key)}") for each in nudge.view.actions[:1])


def _later(key: str) -> Action:
    return Action(f"{_name(key)} later", ("remind", "snooze", key, "--for", "2h"))


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _keep(session: Session, nudge: Nudge, until: datetime) -> None:
    session.ledger.append(Snoozed(subject=nudge.key, who=session.actor.name, until=until.isoformat()))


def _put_off(session: Session) -> nudges.Snoozes:
    return nudges.snoozes(session.ledger.entries("snoozed"))


def _mine(session: Session, who: str) -> list[Nudge]:
    project, now = session.declared(), session.now()
    entries = session.ledger.entries(*sources.KINDS)
    mine = nudges.waiting(sources.nudges(project, entries, now), sources.reach(project, entries, now), who, now)
    return list({each.key: each for each in mine}.values())


def _known(session: Session, key: str) -> Nudge:
    """The one of that key, or of that name at its end (AL-1), of those that wait for who asks."""
    mine = {each.key: each for each in _mine(session, session.actor.name)}
    found = [each for name, each in mine.items() if name == key] or \
        [each for name, each in mine.items() if name.endswith(f"/{key}")]
    if len(found) != 1:
        raise NotFound(f"'{key}' is no reminder of yours." if not found else f"'{key}' is more than one reminder.",
                       next=nearest(key, mine) or "Try: mlops-tui remind list")
    return found[0]
