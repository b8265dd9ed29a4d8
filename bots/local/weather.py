"""Chaos for whoever tries the bot: outages and mishaps of every call, drawn from a seed and told as they come."""

import random
from collections.abc import Collection, Iterator
from threading import Event, Thread

from bots.local.faults import CALLS, RATES, Chaos, Faults
from mlops_tui.errors import BadInput

KINDS = ("down", *CALLS, "duplicate", "rotate")
CALM, AWAY = (30.0, 90.0), (10.0, 60.0)  # seconds between outages, and that one lasts
SLOW, RETRY_AFTER = 1.5, 5
SHARES = {**RATES, "late": 0.03, "slow": 0.05, "rotate": 0.02}


def outages(seed: int) -> Iterator[tuple[float, float]]:
    """Seconds of calm, then seconds away, again and again; the same for the same seed."""
    drawn = random.Random(seed)  # noqa: S311 - reproducible, not secret
    while True:
        yield round(drawn.uniform(*CALM)), round(drawn.uniform(*AWAY))


def wanted(text: str) -> tuple[str, ...]:
    """The kinds that somebody named, with commas between; all where nothing was. BadInput names those there are."""
    found = tuple(each.strip() for each in text.split(",") if each.strip()) or KINDS
    unknown = [each for each in found if each not in KINDS]
    if unknown:
        raise BadInput(f"There is no fault {', '.join(unknown)}.", where="--faults",
                       next=f"There are {', '.join(KINDS)}.")
    return found


class Weather:
    """Outages come and go from `start()` to `stop()`; calls meet their mishaps meanwhile."""

    def __init__(self, faults: Faults, seed: int, kinds: Collection[str] = KINDS) -> None:
        self.faults, self.kinds = faults, kinds
        self.outages = outages(seed)
        rates = {name: share for name, share in SHARES.items() if name in kinds}
        self.chaos = Chaos(seed, rates, SLOW, RETRY_AFTER)
        self.over = Event()
        self.thread = Thread(target=self.blow, name="local-slack-weather", daemon=True)

    def start(self) -> None:
        self.faults.chaos = self.chaos
        self.thread.start()

    def stop(self) -> None:
        self.over.set()
        self.thread.join()
        self.faults.clear()

    def blow(self) -> None:
        for calm, away in self.outages if "down" in self.kinds else ():
            if self.over.wait(calm):
                return
            self.faults.down(away)
            if self.over.wait(away):
                return
