"""Where everything comes from and what followed from it: files, data, models, predictions, findings, decisions."""

import click

from mlops_tui.capability import look, noun
from mlops_tui.provenance.told import told
from mlops_tui.session import Session
from mlops_tui.view import View

provenance = noun("provenance", __doc__ or "", bare="list", subject="of", package="mlops_tui.governance")


@look(of=provenance, fold=True)
@click.argument("subject")
@click.option("--up", is_flag=True, help="Only what it comes from.")
@click.option("--down", is_flag=True, help="Only what it led to.")
@click.option("--depth", type=click.IntRange(1), default=None, help="No further than so many steps.")
@click.option("--all", "everything", is_flag=True, help="Name each file, state, version and finding.")
def of(session: Session, subject: str, up: bool, down: bool, depth: int | None, everything: bool) -> View:
    """Where SUBJECT comes from and what it led to, from source file to decision.

    \b
    SUBJECT is a model[@version], a dataset[@snapshot], a file that was taken in, prediction/ID by the key of its row in
    the log, finding/ENTRY, an endpoint, or the number of an alert, an incident, an approval or a proposal.

    \b
    Example: mlops-tui provenance of flights-delay@champion
             mlops-tui provenance of prediction/2013-09-14-UA-15-EWR
             mlops-tui provenance of INC-1 --up --depth 3
    """
    side = None if up == down else "up" if up else "down"
    return told(session, subject, side=side, depth=depth, everything=everything)
