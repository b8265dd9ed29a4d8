"""What to know in the morning: what waits for somebody, what is red and since when, and what happened."""

import click

from mlops_tui import health
from mlops_tui.capability import look
from mlops_tui.oversight import digests
from mlops_tui.session import Session
from mlops_tui.view import View


@look(fold=True)
@click.option("--period", type=click.Choice(tuple(digests.PERIODS)), default="day", show_default=True,
              help="How far back.")
def digest(session: Session, period: str) -> View:
    """What waits, what is red, and what happened in the last day or week.

    \b
    Example: mlops-tui digest
    Example: mlops-tui digest --period week --html
    """
    declared = health.Declared.of(session.declared())
    entries = session.ledger.entries()
    head = entries[-1].hash if entries else session.ledger.head()
    return digests.digest(declared, entries, session.now(), digests.PERIODS[period], head)
