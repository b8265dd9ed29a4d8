"""What is wrong with the runbooks as they are written."""

import click

from mlops_tui.capability import look
from mlops_tui.response import _linting
from mlops_tui.response.runbook import runbook
from mlops_tui.session import Session
from mlops_tui.view import Status, Table, View, counted


@look(of=runbook)
@click.argument("name", required=False)
def lint(session: Session, name: str | None) -> View:
    """What is wrong with a runbook, or with all of them: every mistake at once, with file and line.

    \b
    Example: mlops-tui runbook lint
    Example: mlops-tui runbook lint data-drift
    """
    project = session.declared()
    documents = {name: project.one("runbook", name)} if name else project.runbooks
    rows = [row for _, each in sorted(documents.items()) for row in _linting.problems(session, each)]
    table = Table.of("problems", rows, "where", "problem", "next", "status")
    bad = sum(row["status"] is Status.FAIL for row in rows)
    among = counted(len(documents), "runbook")
    if not rows:
        return View(f"{among}: nothing is wrong", Status.PASS, (table,))
    return View(f"{counted(bad, 'mistake')} and {counted(len(rows) - bad, 'hint')} in {among}",
                Status.FAIL if bad else Status.WARN, (table,))
