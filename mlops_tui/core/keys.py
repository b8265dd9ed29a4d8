"""Which key does what in the dashboard, as it is shipped and as your own file has it."""

import click

from mlops_tui.capability import look
from mlops_tui.declarations.keymap import SETS, Bound, Keymap, mine, place, shipped
from mlops_tui.declarations.keynames import canonical, shown
from mlops_tui.declarations.known import is_there
from mlops_tui.errors import Refusal
from mlops_tui.session import Session
from mlops_tui.view import Column, Facts, Row, Status, Table, Text, View, counted

EXAMPLE = """\
set: vim  # or plain: no letters that move
keys:
  app.refresh: f5
  app.quit: [f10, ctrl+q]
"""
SAID = {"app": "everywhere", "framed": "everywhere", "rows": "in a list", "body": "in a text"}


@look
@click.argument("word", required=False)
def keys(session: Session, word: str | None) -> View:
    """Which key does what in the dashboard, or those that are, or do, or are called WORD.

    They are changed in a file of your own, by the id that stands beside each; what is wrong with it is told here.

    \b
    Example: mlops-tui keys
    Example: mlops-tui keys filter
    """
    wrong: list[Row] = []
    try:
        own, written = mine(), is_there(place())
    except Refusal as problem:
        wrong = [{"what": each.what, "where": each.where, "next": each.next}
                 for each in (problem, *getattr(problem, "also", ()))]
        own, written = Keymap(), True
    changed = own.changed()
    rows = [_row(each, changed) for each in own.bound().values() if not word or _tells(each, word)]
    path = place()
    file = f"{path}" if written else f"{path}: not there, so all are as shipped"
    parts = (Facts({"file": file, "set": own.set, "sets": tuple(SETS), "changed": len(changed)}),
             *((Table.of("mistakes", wrong, "what", "where", "next", title="What is wrong with it"),) if wrong else ()),
             Table.of("keys", rows, Column("keys"), Column("does"), "where", "id", Column("shipped", "as shipped")),
             *(() if written else (Text(EXAMPLE, "code"),)))
    title = f"{path.name} is not used: {counted(len(wrong), 'mistake')}" if wrong else \
        f"{counted(len(rows), 'key')} of the dashboard"
    return View(title, Status.FAIL if wrong else Status.DONE, parts)


def _row(each: Bound, changed: dict[str, tuple[str, ...]]) -> Row:
    before = tuple(map(shown, shipped()[each.id].keys)) if each.id in changed else None
    return {"keys": tuple(map(shown, each.keys)), "does": each.does, "where": SAID.get(each.where, f"in {each.where}"),
            "id": each.id, "shipped": before}


def _tells(each: Bound, word: str) -> bool:
    return canonical(word) in each.keys or word.lower() in f"{each.id} {each.does}".lower()
