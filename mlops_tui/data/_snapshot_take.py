"""What lies at a dataset's source becomes its present state."""

import click

from mlops_tui.capability import measure
from mlops_tui.data._taking import taken
from mlops_tui.data.snapshot import snapshot
from mlops_tui.session import Session
from mlops_tui.view import View


@measure(of=snapshot)
@click.argument("dataset")
def take(session: Session, dataset: str) -> View:
    """Look where DATASET's data already are (`servers` of its contract) and make their present state a snapshot.

    Parquet files, Delta and Iceberg tables are read where they are and never copied; CSV, JSON and tables of a database
    are read into the lake. Rows that break the contract are set aside, as `ingest` does.

    \b
    Example: mlops-tui snapshot take flights
    """
    return taken(session, dataset)
