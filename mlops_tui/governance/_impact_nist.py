"""Where the evidence for each category of the NIST AI Risk Management Framework is."""

import click

from mlops_tui.capability import look
from mlops_tui.governance import _papers
from mlops_tui.governance.impact import impact
from mlops_tui.session import Session
from mlops_tui.view import Action, Row, Status, Table, View, counted


@look(of=impact)
@click.argument("model", metavar="MODEL[@VERSION]")
def nist(session: Session, model: str) -> View:
    """Each category of the NIST AI RMF 1.0, and what is recorded about MODEL that answers it.

    \b
    Example: mlops-tui impact nist flights-delay
    """
    known = _papers.known_of(session, model)
    items = _papers.filled(_papers.form("nist-ai-rmf"), known, {})
    rows: list[Row] = [{"status": Status.PASS if each.told else Status.UNKNOWN, "category": each.item.id,
                        "asks": each.item.asks, "evidence": each.told or None} for each in items]
    there = sum(bool(each.told) for each in items)
    return View(f"{there} of {counted(len(items), 'category', 'categories')} of the NIST AI RMF have evidence about "
                f"{known.card.title}", Status.PASS if there == len(items) else Status.UNKNOWN,
                (Table.of("categories", rows, "status", "category", "asks", "evidence"),),
                (Action("Its model card", ("card", "show", f"{known.name}@{known.card.version}")),))
