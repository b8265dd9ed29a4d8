"""Which declared monitor a measurement judges as, and over which window."""

from dataclasses import replace
from datetime import timedelta

from mlops_tui.declare import duration
from mlops_tui.errors import BadInput
from mlops_tui.kinds import Check, Monitor
from mlops_tui.session import Session


def watching(session: Session, check: Check, subject: str, name: str | None = None,
             length: str | None = None) -> Monitor:
    """The monitor named, or the only one of that check and subject, or the defaults; `length` overrides its window."""
    known = session.declared().monitors
    if name is not None:
        found: Monitor = session.declared().one("monitor", name)
        if (found.check, found.subject) != (check, subject):
            raise BadInput(f"Monitor '{name}' checks {found.check} of {found.subject}, not {check} of {subject}.")
    else:
        same = [each for each in known.values() if (each.check, each.subject) == (check, subject)]
        found = same[0] if len(same) == 1 else Monitor(check=check, subject=subject)
    return replace(found, window=span(length)) if length else found


def span(text: str) -> timedelta:
    """A duration given on the command line; BadInput says how one is written."""
    try:
        return duration(text)
    except ValueError as problem:
        raise BadInput(f"{problem}.", next="Write 12h, 7d or 4w.") from problem
