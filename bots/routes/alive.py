"""Whether somebody still looks: a ping goes out as long as that is true, and whoever misses it wakes people."""

import time
from collections.abc import Callable
from datetime import timedelta

from mlops_tui import daemon, timetable
from mlops_tui.session import Session
from store.lease import Lease
from store.ledger import Ledger
from store.periods import Periods

GRACE = timedelta(minutes=5)  # that a period may have come without being begun


def stands_still(session: Session, ledger: Ledger, clock: Callable[[], float] = time.time) -> str:
    """Why the project is not looked after; empty where it is: the daemon holds its lease, and begins what is due."""
    seen = Lease(ledger.engine, daemon.NAME, "").seen()
    if seen is None or seen[1] <= clock():
        return "mlops-tui up no longer holds its lease"
    planned, now = timetable.schedules(session.declared()), session.now()
    claimed = Periods(ledger.engine).newest(schedule.name for schedule in planned)
    late = [each for each in timetable.due(planned, claimed, now) if now - each.at > GRACE]
    return f"{late[0].schedule.name} of {late[0].period} was not begun" if late else ""
