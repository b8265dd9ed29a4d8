"""The bot's signs of life, where `slack doctor`, `doctor` and `status` look; and old letters let go."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bots.door import Signs
from bots.sender import Say
from mlops_tui.daemon import ledger_of
from mlops_tui.session import Session
from store.pulses import BOT, Pulses
from store.queues import Inbox, Outbox

EVERY = 5.0                   # seconds between two signs of life
TIDY = 3600.0                 # and between two looks for old letters
KEPT = timedelta(days=30)     # that what came and what was said is kept to be looked at


@dataclass
class Pulse:
    """Says every few seconds that the bot lives, whether Slack is connected, and when something last came."""

    session: Session
    signs: Signs
    connected: Callable[[], bool]
    say: Say
    clock: Callable[[], float] = time.time
    _beaten: float = 0.0
    _tidied: float = 0.0

    def __post_init__(self) -> None:
        engine = ledger_of(self.session).engine
        self.pulses, self.inbox, self.outbox = Pulses(engine), Inbox(engine), Outbox(engine)

    def round(self) -> None:
        now = self.clock()
        if now - self._beaten >= EVERY:
            self._beaten = now
            self._beat(now, at_work=True)
        if now - self._tidied >= TIDY:
            self._tidied = now
            before = datetime.fromtimestamp(now, UTC) - KEPT
            self.inbox.prune(before)
            self.outbox.prune(before)

    def stop(self) -> None:
        """It was told to go: nobody has to wonder where it is."""
        self._beat(self.clock(), at_work=False)

    def _beat(self, now: float, *, at_work: bool) -> None:
        self.pulses.beat(BOT, now, at_work=at_work, connected=at_work and self.connected(), came=self.signs.came,
                         answered=self.signs.answered, took=self.signs.took)
