"""What a runbook would do before anybody begins it."""

import click

from mlops_tui.capability import look
from mlops_tui.response import _running
from mlops_tui.response._beginning import said, start
from mlops_tui.response._planning import Trial, tried
from mlops_tui.response.runbook import runbook
from mlops_tui.session import Session
from mlops_tui.view import View


@look(of=runbook)
@click.argument("name")
@click.option("--incident", default="", help="The incident that it would be for.")
@click.option("--about", default="", help="The model or dataset; the incident's own by default.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="A value that the runbook asks for.")
def plan(session: Session, name: str, incident: str, about: str, given: tuple[str, ...]) -> View:
    """What a runbook would do: every command line with its own plan. Nothing is run.

    What depends on the effect of an earlier step is unknown, and said so.

    \b
    Example: mlops-tui runbook plan data-drift --about flights-delay
    """
    book, _, _, found = said(session, name, incident, about, given)
    return tried(Trial(_running.reading(session), book, found), start(name, incident, about))
