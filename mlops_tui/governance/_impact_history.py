"""What the impact of a model was assessed to be, each time that changed."""

import click

from mlops_tui.assurance.tier import LEVELS
from mlops_tui.capability import look
from mlops_tui.governance.impact import impact
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Row, Status, Table, View, counted
from store.facts import Assessed


@look(of=impact, fold=True)
@click.argument("model")
def history(session: Session, model: str) -> View:
    """Every assessment of MODEL that said something new, the newest first.

    \b
    Example: mlops-tui impact history flights-delay
    """
    name = session.declared().subject(model, "model").name
    rows: list[Row] = []
    for entry in session.ledger.entries("assessed", subject=name):
        if not isinstance(fact := entry.fact, Assessed):
            continue
        row: Row = {"level": " to ".join(dict.fromkeys(LEVELS[each - 1] for each in fact.levels)),
                    "eu": " to ".join(dict.fromkeys(fact.classes)), "left": fact.detail.get("left"),
                    "of": fact.detail.get("risk_most"), "open": fact.detail.get("open"), "questions": fact.questions}
        if not rows or any(rows[-1][key] != row[key] for key in row):
            rows.append({**row, "at": entry.recorded_at, "by": entry.actor, "entry": entry.seq})
    table = Table.of("assessments", rows[::-1], "at", "level", Column("eu", "EU"), Column("left", digits=0),
                     Column("of", digits=0), Column("open", digits=0), "questions", "by")
    return View(f"{name} was assessed anew {counted(len(rows), 'time')}" if rows else f"{name} was never assessed",
                Status.DONE if rows else Status.UNKNOWN, (table,), (Action("Assess it", ("impact", "assess", name)),))
