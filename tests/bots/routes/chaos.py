"""A life of alerts with everything that can go wrong on the way out, by a seed.

The faults: PagerDuty answers 408, 429, 500 or 503; it does what it is told and its answer is lost; it is down; the
process is killed before or after any write to the queue, by which the next one has to go on.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tests.bots.routes.conftest import Outside
from tests.bots.routes.doubles import PagerDuty

FAULTS = (408, 429, 500, 503, "lost")
WRITES = ("put", "sending", "sent", "later")
PAGER = "kind: pagerduty\nurl: {url}/v2/enqueue\nkey_env: PD_KEY\n"


class Killed(BaseException):
    """The process is gone at this point."""


@dataclass(frozen=True)
class Verdict:
    """What stands on the other side when all has come to rest: incidents open twice, open for nothing, missing."""

    twice: int
    left_open: int
    missing: int
    kills: int
    requests: int

    @property
    def clean(self) -> bool:
        return not (self.twice or self.left_open or self.missing)


def dying(outside: Outside, write: str, *, after: bool) -> None:
    """The process is killed at its next write of that kind."""
    real: Callable[..., object] = getattr(outside.routes.outbox, write)

    def last(*given: object, **more: object) -> None:
        if after:
            real(*given, **more)
        raise Killed

    setattr(outside.routes.outbox, write, last)


def lived(outside: Outside, pager: PagerDuty, seed: int, steps: int = 25) -> Verdict:
    """Alerts fire, are taken up, given back, recover and fire again, while what can fail does."""
    rng, state, kills = random.Random(seed), dict.fromkeys(("AL-1", "AL-2", "AL-3"), ""), 0
    follows = {"": ["fired"], "recovered": ["refired"], "fired": ["acked", "recovered"],
               "refired": ["acked", "recovered"], "acked": ["recovered", "unacked"], "unacked": ["acked", "recovered"]}
    for _ in range(steps):
        outside.passes(minutes=rng.randint(1, 50))
        name = rng.choice(list(state))
        state[name] = rng.choice(follows[state[name]])
        outside.fires(name, event=state[name])
        pager.faults = list(rng.choices(FAULTS, k=rng.randint(0, 3)))
        if rng.random() < 0.1:
            pager.down()
        if rng.random() < 0.4:
            dying(outside, rng.choice(WRITES), after=rng.random() < 0.5)
        with suppress(Killed):
            outside.turn(rng.randint(0, 2), seconds=rng.choice([1, 40, 90]))
        if rng.random() < 0.3 or any(name in vars(outside.routes.outbox) for name in WRITES):
            outside.born()
            kills += 1
        pager.up()
    pager.faults = []
    outside.rests()
    found = [each.about for each in pager.open]
    going = {f"flights/{name}" for name, each in state.items() if each not in ("", "recovered")}
    wake = {f"flights/{name}" for name, each in state.items() if each in ("fired", "refired", "unacked")}
    paging = {each.about for each in pager.open if each.status == "triggered"}
    return Verdict(len(found) - len(set(found)), len(set(found) - going), len(wake - paging), kills,
                   len(pager.requests))
