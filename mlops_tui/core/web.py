"""The dashboard in a browser on this machine: for whoever has the address, which only looks unless it may do more."""

import asyncio
import os
import secrets
import sys

import click

from mlops_tui.capability import look
from mlops_tui.core._visits import Visits
from mlops_tui.errors import BadInput, Denied
from mlops_tui.roles import LOCAL_SOURCES
from mlops_tui.session import Session
from mlops_tui.view import Facts, Status, View


@look
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Where it listens; a free port otherwise.")
@click.option("--write", is_flag=True, help="Let visitors do what you may do; otherwise they only look.")
def web(session: Session, port: int, write: bool) -> View:
    """Show the dashboard in a browser until Ctrl-C or a TERM signal.

    The address is told when it can be opened; it holds a secret that is made anew each time. Only this machine can
    reach it: from elsewhere, through ssh -L. Each visitor has a process of his own, which ends when he leaves.

    \b
    Example: mlops-tui web
    """
    if session.actor.source not in LOCAL_SOURCES:
        raise Denied(f"'web' cannot be begun from {session.actor.source}.", next="Run mlops-tui web in a terminal.")
    if write and session.read_only:
        raise BadInput("--write and --read-only exclude each other.", next="Drop one of them.")
    root, person = session.declared().root, session.actor.name if session.actor.simulated else ""
    visits = Visits([sys.executable, "-P", "-m", "mlops_tui.tui.served", str(root), person, *["locked"] * (not write)],
                    secrets.token_urlsafe(24))
    try:
        asyncio.run(visits.serve(port, _say))
    except OSError as problem:
        why = os.strerror(problem.errno) if problem.errno else problem
        raise BadInput(f"It cannot listen on 127.0.0.1:{port}: {why}.",
                       next="Name another --port, or none.") from problem
    return View("No dashboard is served any more", Status.DONE, (Facts({"visits": visits.count}),))


def _say(address: str) -> None:
    sys.stderr.write(f"The dashboard is at {address}\nCtrl-C ends it.\n")
    sys.stderr.flush()
