"""Where the data come from, and what came of them."""

import click

from mlops_tui.capability import look
from mlops_tui.data.snapshot import snapshot
from mlops_tui.provenance.told import told
from mlops_tui.session import Session
from mlops_tui.view import View


@look(of=snapshot)
@click.argument("subject")
@click.option("--all", "everything", is_flag=True, help="Name each file, state, step and version.")
def lineage(session: Session, subject: str, everything: bool) -> View:
    """Where SUBJECT comes from and what came of it, as `provenance of` tells it.

    \b
    Example: mlops-tui snapshot lineage flights-delay@champion
             mlops-tui snapshot lineage 2013-06-01.parquet
    """
    return told(session, subject, everything=everything)
