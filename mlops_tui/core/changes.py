"""What changed between two moments: models, alerts, incidents, approvals, findings, data."""

from datetime import datetime

import click

from mlops_tui import health
from mlops_tui.capability import look
from mlops_tui.core import _between
from mlops_tui.errors import BadInput
from mlops_tui.inputs.moments import moment, past
from mlops_tui.oversight.digests import happened
from mlops_tui.render import cells
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Facts, Status, Table, View, counted

OFFERED = 3  # incidents and alerts that are offered to be opened


@look(fold=True)
@click.argument("start", metavar="FROM")
@click.argument("end", metavar="[UNTIL]", default="now")
def changes(session: Session, start: str, end: str) -> View:
    """What stands otherwise at UNTIL than at FROM, and what happened between; until now by default.

    A moment is a time, or the id of an incident, an alert, an approval or a run: when that began.

    \b
    Example: mlops-tui changes 2013-09-01 2013-09-14
    Example: mlops-tui changes INC-2
    """
    project, now = session.declared(), session.now()
    since, until = known_moment(session, start), now if end == "now" else known_moment(session, end)
    if since > until:
        raise BadInput(f"{_said(session, since)} is after {_said(session, until)}.", next="Name the earlier one first.")
    entries = [entry for entry in session.ledger.entries(*_between.KINDS) if entry.recorded_at <= until]
    before = [entry for entry in entries if entry.recorded_at <= since]
    sides = _between.Side(before, since), _between.Side(entries, until)
    tables = (_between.models(health.Declared.of(project), *sides), _between.incidents(*sides),
              _between.alerts(*sides), _between.approvals(*sides), _between.findings(*sides),
              _between.data(project.datasets, *sides))
    told = list(happened(entries, [entry for entry in entries if entry.recorded_at > since]))
    what = Table.of("happened", told, "at", Column("id", "what"), "event", "title", title="What happened", last=True)
    changed = [counted(len(table.rows), *words) for table, words in zip(tables, _between.NOUNS, strict=True)
               if table.rows]
    title = f"Changed: {', '.join(changed)}" if changed else "Nothing stands otherwise"
    facts = Facts({"from": since, "until": until, "entries": len(entries) - len(before)})
    shown = tuple(table for table in (*tables, what) if table.rows)
    return View(title, Status.DONE, (facts, *shown), _openers(tables[1:3]))


def known_moment(session: Session, text: str) -> datetime:
    """The time that a text means: as people or screens write it, or when the thing of that id began. BadInput where it
    is still to come."""
    zone, now = session.declared().zone, session.now()
    found = _began(session, text) or past(text, zone, now) or moment(text, zone, now)
    if found > session.now():
        raise BadInput(f"{_said(session, found)} is still to come.", next="Write a time that has been.")
    return found


def _began(session: Session, id: str) -> datetime | None:
    """When the first entry about an incident, an alert, an approval, a run or a proposal was made."""
    named = "-" in id and id[:1].isalpha()
    found = session.ledger.entries(*_between.NUMBERED, subject=id.upper()) if named else []
    return found[0].recorded_at if found else None


def _said(session: Session, at: datetime) -> str:
    return cells.moment(at, session.declared().zone)


def _openers(tables: tuple[Table, ...]) -> tuple[Action, ...]:
    found = [(str(row["id"]), row["argv"]) for table in tables for row in table.rows]
    return tuple(Action(f"Look at {id}", argv) for id, argv in found[:OFFERED] if isinstance(argv, tuple))
