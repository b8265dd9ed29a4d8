"""One SELECT over datasets, features, quarantine and the history: a look, and nothing else."""

from pathlib import Path

import click

from mlops_tui.capability import TargetPath, look
from mlops_tui.core._relations import Relations
from mlops_tui.errors import Denied
from mlops_tui.roles import LOCAL_SOURCES
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Status, Table, Text, View, counted
from store.console import Answer, Console
from store.statement import asked

MOST = 25         # rows that are shown where many people read along
SECONDS = 15.0    # for which a query may run there


@look(fold=True)
@click.argument("query")
@click.option("--limit", default=40, show_default=True, type=click.IntRange(min=0), help="How many rows are shown.")
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(min=0.1),
              help="How long it may take; Ctrl-C ends it too.")
@click.option("--out", type=TargetPath(rows=True), help="Write all rows into this Parquet, CSV or JSON file.")
def sql(session: Session, query: str, limit: int, seconds: float, out: Path | None) -> View:
    """Answer one SELECT (or WITH, FROM, DESCRIBE, SUMMARIZE, EXPLAIN), as DuckDB reads it; nothing can be changed.

    Tables are datasets by their names ("flights@TAG" is an older state, x.quarantine what was set aside, m.features
    what a model is given), `ledger` with its JSON bodies, and `findings`, `alerts`, `runs` and every other kind of
    entry with its fields as columns.

    \b
    Example: mlops-tui sql "SELECT kind, count(*) FROM ledger GROUP BY ALL" --limit 10
             mlops-tui sql "SELECT * FROM alerts" --as-of 2013-09-14
             mlops-tui sql "SUMMARIZE flights" --out columns.csv
    """
    session.declared()
    local = session.actor.source in LOCAL_SOURCES
    with Console(session.data().root, seconds if local else min(seconds, SECONDS)) as console:
        statement = asked(query, console.connection)
        if statement.verb == "EXPLAIN" and not local:
            raise Denied(f"A plan names files of the machine and is not shown in {session.actor.source}.",
                         next="Ask in the terminal.")
        relations = Relations(session)
        for each in statement.tables:
            relations.add(each.name, console)
        relations.check(statement.sources)
        answer = console.answer(statement, limit if local else min(limit, MOST), out)
    return _view(session, query, answer, relations, out)


def _view(session: Session, query: str, answer: Answer, relations: Relations, out: Path | None) -> View:
    if answer.plan:
        return View("How it would be read", Status.DONE, (Text(answer.plan, "code"),))
    columns = [Column(id, label) for id, label in answer.columns.items()]
    rows: list[dict[str, Cell]] = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    facts: dict[str, Cell] = {**relations.states}
    if out is not None:
        facts["written_to"] = str(out)
    notes = [Text(note) for note in relations.notes]
    parts: list[Part] = [Table.of("rows", rows, *columns, total=answer.total), *notes]
    parts += [Facts(facts)] if facts else []
    more = (Action("All of them, into a file", ("sql", query, "--out", "rows.parquet")),) \
        if answer.total > len(rows) and out is None and session.actor.source in LOCAL_SOURCES else ()
    return View(counted(answer.total, "row"), Status.DONE, tuple(parts), more)
