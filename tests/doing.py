"""A command line as one types it, done in a session."""

import shlex
from typing import Any

from mlops_tui.commands import Outcome
from mlops_tui.session import Session


def do(session: Session, line: str, yes: bool = False, **how: Any) -> Outcome:
    """What comes of it; with `yes`, consented to as soon as there is a plan."""
    argv = shlex.split(line)
    outcome = session.perform(argv, **how)
    return session.perform(argv, consent=outcome.plan, **how) if yes and outcome.plan else outcome
