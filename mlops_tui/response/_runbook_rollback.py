"""A run taken back: what it did is undone, the last step first."""

import click

from mlops_tui.capability import Plan, act
from mlops_tui.errors import BadInput, Conflict
from mlops_tui.response import _rollback, _running
from mlops_tui.response._running import Case
from mlops_tui.response._standing import standing
from mlops_tui.response.runbook import runbook
from mlops_tui.session import Session
from mlops_tui.view import Cell, Facts, Row, Status, Table, View, counted


@act(of=runbook)
@click.argument("run")
@click.option("--by-hand", "number", type=int, default=None, help="This step was taken back by hand, or may stay.")
@click.option("--again", type=int, default=None, help="Taking this step back was interrupted and did not happen.")
@click.option("--note", default="", help="What was done by hand.")
def rollback(session: Session, run: str, number: int | None, again: int | None, note: str) -> Plan:
    """Take back what RUN did, the last step first, each once; what has no way back is named.

    Where one fails it stops there and says so; run it again to go on.

    \b
    Example: mlops-tui runbook rollback RUN-1
    Example: mlops-tui runbook rollback RUN-1 --by-hand 4 --note "the table was restored"
    """
    case = _running.opened(session, run)
    found = _rollback.undos(case)
    if number is not None and not note.strip():
        raise BadInput("What was done by hand?", next="Add: --note 'what'")
    if case.run.state == _rollback.OVER or not found:
        what = "is rolled back already" if found else "has done nothing that could be taken back"
        raise Conflict(f"{case.id} {what}.", next=f"Try: mlops-tui runbook show {case.id}")
    rows = [_undo_row(session, each) for each in found if number in (None, each.step.number)]
    left = [each for each in found if each.argv and not each.done]
    title = f"{case.id}: {counted(len(left), 'step')} would be taken back, in this order" if number is None else \
        f"{case.id}: step {number} counts as taken back"
    table = Table.of("undo", rows, "step", "title", "status", "command", "plan")
    return Plan(View(title, Status.CONFIRM, (table, Facts({"run": case.id, "note": note}))),
                lambda: _taken_back(case, number, again, note))


def _undo_row(session: Session, undo: _rollback.Undo) -> Row:
    """How a step would be taken back; what its undoing would do now, which a later one may change."""
    row: dict[str, Cell] = {"step": undo.step.number, "title": undo.step.title, "command": " ".join(undo.argv),
                            "status": undo.before.status if undo.before else "to do" if undo.argv else "stays"}
    if not undo.argv or undo.done:
        return {**row, "plan": undo.why_not or (undo.before.note if undo.before else "")}
    try:
        return {**row, "plan": _running.prepared(session, undo.argv).view.title}
    except (BadInput, Conflict) as problem:
        return {**row, "plan": f"would be refused by now: {problem.what}"}


def _taken_back(case: Case, number: int | None, again: int | None, note: str) -> View:
    _rollback.begin(case)
    if again is not None:
        _rollback.anew(case, again, note)
    if number is not None:
        _rollback.by_hand(case, number, note)
    stands = _rollback.take_back(case)
    view = standing(case)
    return View(f"{case.id} is not rolled back: {stands}", Status.FAIL, view.parts, view.actions) if stands else view
