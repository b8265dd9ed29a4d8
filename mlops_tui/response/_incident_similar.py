"""Earlier incidents that look like one, and what ended them."""

from collections.abc import Sequence

import click

from mlops_tui import folds
from mlops_tui.capability import look
from mlops_tui.incidents.alike import LIKE, earlier
from mlops_tui.response import _case, _similar
from mlops_tui.response.incident import incident
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Part, Status, Text, View

RULE = ("Alike is the weighted agreement of subject, check, columns that moved, which way it went, and the words "
        "people used; below {limit:.0%} unrelated incidents look as alike by chance, and none is named.")


@look(of=incident, fold=True)
@click.argument("incident")
def similar(session: Session, incident: str) -> View:
    """Which earlier incidents it looks like, why, and what ended them.

    \b
    Example: mlops-tui incident similar INC-2
    """
    session.declared()
    entries = session.ledger.entries(*_case.SEEN)
    known = folds.incidents(entries)
    found = folds.known(known, incident, "incident")
    before = earlier(known, found)
    likes = _similar.ranked(session, found, entries)
    title = _title(found.id, [each.incident.id for each in likes], [each.id for each in before])
    parts: tuple[Part, ...] = (
        Facts({"incident": found.id, "compared": len(before), **_similar.fact(likes)}), *_similar.tables(likes),
             Text(RULE.format(limit=LIKE)))
    return View(title, Status.PASS, parts,
                tuple(Action(f"Look at {each.incident.id}", ("incident", "show", each.incident.id)) for each in likes))


def _title(name: str, likes: Sequence[str], before: Sequence[str]) -> str:
    if likes:
        return f"{name} looks like {likes[0]}"
    if not before:
        return f"{name} is the first incident"
    return f"{name} does not look like {before[0]}" if len(before) == 1 else \
        f"{name} looks like none of the {len(before):,} earlier ones"
