"""Who did what with data, who was refused, what was granted and taken back: as the history has it."""

from collections.abc import Iterator
from datetime import datetime

import click

from mlops_tui.capability import look
from mlops_tui.governance.access import access
from mlops_tui.inputs.moments import span
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View, counted
from store.facts import Command, Granted, Revoked
from store.ledger import Entry

LOOKS = ("Looks leave an entry where they are refused, and where they read by a grant or a broken glass; other looks "
         "leave none. Who reads the lake's files without a command leaves none here either.")


@look(of=access)
@click.option("--who", default="", help="Only what this person did.")
@click.option("--last", default="30d", show_default=True, help="How far back.")
@click.option("--limit", default=40, show_default=True, type=click.IntRange(min=1), help="How many of the newest.")
def log(session: Session, who: str, last: str, limit: int) -> View:
    """What was done with data, refused, granted and taken back, the newest first.

    \b
    Example: mlops-tui access log --last 7d
             mlops-tui access log --who vera
    """
    session.declared()
    since = session.clock() - span(last)
    rows = [row for entry in reversed(session.ledger.entries("command", "granted", "revoked"))
            for row in _rows(entry, since) if not who or str(row["who"]).partition(" ")[0] == who]
    refused = sum(row["what"] == "refused" for row in rows)
    table = Table.of("log", rows[:limit], Column("at", "when"), "who", "what", "command", "why", "source",
                     total=len(rows))
    return View(f"{counted(len(rows), 'entry', 'entries')} about access, {refused} refused", Status.DONE,
                (Facts({"since": since, "entries": len(rows), "refused": refused}), table, Text(LOOKS)),
                (Action("What waits for a review", ("access", "review")),))


def _rows(entry: Entry, since: datetime) -> Iterator[Row]:
    if entry.recorded_at < since:
        return
    row: dict[str, Cell] = {"at": entry.recorded_at, "who": entry.actor, "entry": entry.seq, "source": ""}
    match entry.fact:
        case Command(phase="attempt"):
            return
        case Command() as fact:
            refused = fact.phase == "refused" and fact.error == "denied"
            if refused or fact.phase == "outcome":
                yield {**row, "what": "refused" if refused else "did",
                       "command": " ".join(fact.argv), "why": fact.reason or fact.error, "source": fact.source}
        case Granted() as fact:
            said = "broke the glass" if fact.event == "glass" else "granted"
            yield {**row, "what": said, "command": f"{fact.who} {fact.action} {fact.resource}",
                   "why": fact.reason}
        case Revoked() as fact:
            yield {**row, "what": fact.event, "command": entry.subject, "why": fact.reason}
