"""The digest goes out when its hour has come: once a period, whichever daemon is at work."""

from dataclasses import dataclass
from datetime import UTC

from bots import blocks
from bots.sender import LOOKED_UP, Say
from mlops_tui.daemon import fresh, ledger_of
from mlops_tui.running.cronlines import cron
from mlops_tui.session import Session
from store.periods import Periods
from store.queues import Outbox


@dataclass
class Digests:
    """Puts a digest into the outbox for each period that has come since the first one was seen."""

    session: Session
    channel: str
    say: Say
    charts: bool = True

    def __post_init__(self) -> None:
        engine = ledger_of(self.session).engine
        self.outbox, self.periods = Outbox(engine), Periods(engine)

    def round(self) -> None:
        session = fresh(self.session)
        slack = session.declared().settings.slack
        for name, line, argv in (("day", slack.digest, ("digest",)),
                                 ("week", slack.weekly, ("digest", "--period", "week"))) if slack else ():
            at = cron(line, session.declared().zone).newest(session.now()) if line else None
            if at is None:
                continue
            schedule, period = f"digest/{name}", at.astimezone(UTC).isoformat(timespec="minutes")
            newest = self.periods.newest([schedule]).get(schedule, "")
            if newest and period > newest:
                view = session.perform(argv).view
                message = blocks.message(view, zone=session.declared().zone, command=argv, charts=self.charts)
                self.outbox.put(f"{schedule}/{period}", LOOKED_UP, self.channel, message)
            if period > newest:  # the first one that is seen only begins the row of them
                self.periods.claim(schedule, period, session.now())
