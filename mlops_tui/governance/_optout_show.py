"""One request of a person: how far it is, what was found and erased, and what is left to do."""

import click

from mlops_tui.capability import look
from mlops_tui.governance.optout import facts_of, optout, request_of
from mlops_tui.privacy.requests import Request
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Part, Row, Status, Table, View
from store.facts import OptOut


@look(of=optout, fold=True)
@click.argument("request")
def show(session: Session, request: str) -> View:
    """How far REQUEST is, what was found and erased, which models were trained on the person, and what is left to do.

    \b
    Example: mlops-tui optout show OO-1
    """
    found = request_of(session, request)
    today = session.now().astimezone(session.declared().zone).date()
    steps: list[Row] = [{"step": fact.event, "at": entry.recorded_at, "who": entry.actor, "reason": fact.reason}
                        for entry in found.history if isinstance(fact := entry.fact, OptOut)]
    detail = found.detail
    where: list[Row] = [{"dataset": name, "rows": rows} for name, rows in detail.get("rows", {}).items()]
    parts: list[Part] = [facts_of(found), Table.of("steps", steps, "step", "at", "who", "reason")]
    parts += [Table.of("located", where, "dataset", "rows")] if where else []
    models: list[Row] = [{"model": each, "to_do": "train it again"} for each in detail.get("models", ())]
    parts += [Table.of("models", models, "model", Column("to_do", "to do"), title="Trained on the person")] if models \
        else []
    by_hand: list[Row] = [{"place": each} for each in detail.get("by_hand", ())]
    parts += [Table.of("by_hand", by_hand, "place", title="To be deleted by hand")] if by_hand else []
    late = found.overdue(today)
    left = f"{(found.due - today).days} days left" if found.open and not late else "overdue" if late else _why(found)
    return View(f"{found.id}: {found.right} is {found.state}{f', {left}' if left else ''}",
                Status.FAIL if late else Status.WARN if found.state == "held" else Status.DONE, tuple(parts),
                _next(found))


def _why(request: Request) -> str:
    """The reason of the step that it stands at, where that gave one; no earlier step's."""
    fact = request.history[-1].fact
    return fact.reason if isinstance(fact, OptOut) else ""


def _next(request: Request) -> tuple[Action, ...]:
    id, erases = request.id, request.right == "erasure"
    if request.state == "received":
        return (Action("The person is who he says", ("optout", "verify", id), asks=("reason",)),)
    if request.state == "actioned":
        return (Action("Prove that it is gone", ("optout", "attest", id)),)
    if request.state in ("verified", "located", "began", "held"):
        last = Action("Erase", ("optout", "erase", id)) if erases else \
            Action("It is answered", ("optout", "answer", id), asks=("reason",))
        return (*([Action("Find the rows", ("optout", "locate", id))] if request.state == "verified" else []), last)
    return ()
