"""Keeps the project going while nobody looks: timetable, background jobs, Slack; runs until it is stopped."""

import signal
import sys
from datetime import datetime
from threading import Event

from mlops_tui import daemon
from mlops_tui.capability import act
from mlops_tui.errors import Denied
from mlops_tui.oversight import scrape
from mlops_tui.roles import LOCAL_SOURCES
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Status, View


@act(confirm=False)
def up(session: Session) -> View:
    """Keep the project going until Ctrl-C or a TERM signal.

    Due monitors and pipelines are begun as jobs, jobs that waited for a process get one, Slack is listened to where
    its tokens are set, and alerts go out by routes/. GET /metrics is answered where mlops.yaml declares `metrics`. A
    second one stands by and takes over when the first is gone; beside `slack local` none begins. Jobs outlive it.

    \b
    Example: mlops-tui up
    """
    if session.actor.source not in LOCAL_SOURCES:
        raise Denied(f"'up' cannot be begun from {session.actor.source}.", next="Run mlops-tui up in a terminal.")
    daemon.alone(session, local=False)
    stop, began = Event(), datetime.now().astimezone()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        daemon.Daemon(session, _say, [scrape.start, *daemon.surfaces()], stop).run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return View("Stopped; jobs that run go on", Status.DONE, (Facts({"began": began}),),
                (Action("What still runs", ("job", "list")),))


def _say(text: str) -> None:
    """A line of the log, on the error stream."""
    sys.stderr.write(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {text}\n")
    sys.stderr.flush()
