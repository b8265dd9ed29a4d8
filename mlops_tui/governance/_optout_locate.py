"""Where a person's rows are: every dataset, every snapshot, every file, and the models trained on them."""

import click

from mlops_tui.capability import measure
from mlops_tui.errors import Conflict
from mlops_tui.governance import _reach as reach
from mlops_tui.governance._erasing import flagged, people_of
from mlops_tui.governance.optout import moved, optout, request_of
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Row, Status, Table, Text, View, counted


@measure(of=optout)
@click.argument("request")
def locate(session: Session, request: str) -> View:
    """Find the rows of whoever made REQUEST in every file of every snapshot, and the models trained on them.

    \b
    Example: mlops-tui optout locate OO-1
    """
    asked = request_of(session, request)
    if asked.state not in ("verified", "located"):
        raise Conflict(f"{request} is {asked.state}.", next=f"Try: mlops-tui optout show {request}")
    people = people_of(session, [asked])
    found = reach.found(session, reach.whole(session).connect(), people)
    models = flagged(session, found)
    by_hand = [path for paths in found.outside.values() for path in paths]
    moved(session, asked.id, "located", ("verified", "located"),
          detail={"rows": found.rows, "models": models, "by_hand": by_hand})
    rows: list[Row] = [{"dataset": name, "files": len(files), "rows": found.rows[name],
                        "elsewhere": sum(each.elsewhere for each in files)} for name, files in found.held.items()]
    total = sum(found.rows.values())
    unnamed = [] if reach.of_people(session) else [Text(
        "No contract says whose its rows are. Name the column: customProperties: [{property: dataSubject, value: …}]")]
    action = Action("Erase them", ("optout", "erase", asked.id)) if asked.right == "erasure" else \
        Action("It is answered", ("optout", "answer", asked.id), asks=("reason",))
    return View(f"{asked.id}: {counted(total, 'row')} in {counted(len(rows), 'dataset')}, counted in every file",
                Status.DONE if reach.of_people(session) else Status.UNKNOWN,
                (Facts({"rows": total, "datasets": len(rows), "models": tuple(models), "by_hand": len(by_hand)}),
                 Table.of("located", rows, "dataset", "rows", "files", "elsewhere"), *unnamed), (action,))
