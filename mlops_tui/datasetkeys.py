"""Our own keys of a dataset's contract, its `customProperties`: where events come from, what privacy is owed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from mlops_tui.declare import Mistake


@dataclass(frozen=True)
class StreamDecl:
    """A dataset's customProperties `stream`: where its events come from, and when one is late.

    One of `redis` (an address), `kafka` (bootstrap servers) or `server` (a name among the contract's `servers`).
    `event_id` is the column by which an event is known (the primary key by default), `event_time` the one that says
    when it happened (the contract's eventTime). `payload`: the field of a Redis entry that holds the event as JSON; an
    entry without it is the event itself. `claim`: after so long what a dead consumer held is taken over.
    """

    stream: str
    redis: str = ""
    kafka: str = ""
    server: str = ""
    group: str = "mlops"
    payload: str = "event"
    event_id: str = ""
    event_time: str = ""
    lateness: timedelta = timedelta(hours=1)
    late: Literal["accept", "dead"] = "accept"
    batch: int = 10_000
    every: timedelta = timedelta(seconds=5)
    claim: timedelta = timedelta(minutes=1)
    username: str = ""
    password_env: str = ""

    def mistakes(self) -> Iterator[Mistake]:
        """More than one place, or none; a batch of nothing."""
        if sum(map(bool, (self.redis, self.kafka, self.server))) != 1:
            yield Mistake("A stream comes from one of redis, kafka or server.", (),
                          "Write redis: redis://127.0.0.1:6379/0")
        if self.batch < 1:
            yield Mistake(f"A batch has at least one event, not {self.batch}.", ("batch",))
        if not self.claim:
            yield Mistake("What a live consumer holds would be taken from it.", ("claim",), "Write claim: 1m")


@dataclass(frozen=True)
class Budget:
    """What may be spent on a dataset's private answers: by everybody together, and by each role.

    With `period` only what was spent within it counts, so that answers over a longer time add up to more.
    """

    epsilon: float
    delta: float = 0.0
    per_role: Mapping[str, float] = field(default_factory=dict)
    period: timedelta | None = None

    def mistakes(self) -> Iterator[Mistake]:
        """Budgets that protect nobody or nothing."""
        if not self.epsilon > 0:
            yield Mistake(f"epsilon is more than 0, not {self.epsilon:g}.", ("epsilon",))
        if not 0 <= self.delta < 1e-3:
            yield Mistake(f"delta lies from 0 to 0.001, not at {self.delta:g}.", ("delta",),
                          "It is the chance of a breach; write less than one by the number of persons.")
        for role, epsilon in self.per_role.items():
            if not 0 < epsilon <= self.epsilon:
                yield Mistake(f"The budget of {role} lies above 0 and up to {self.epsilon:g}, not at {epsilon:g}.",
                              ("per_role", role))


@dataclass(frozen=True)
class Privacy:
    """A dataset's customProperties `privacy`: who is protected, how much of each person counts, what may be spent.

    `unit` is the column that names the person, `contributions` how many rows of one count, `bounds` what a column's
    values are clamped to, `groups` the values of a column that are known to everybody.
    """

    unit: str
    contributions: int
    budget: Budget | None = None
    bounds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def mistakes(self) -> Iterator[Mistake]:
        """Nobody's rows counted, or bounds between which there is nothing."""
        if self.contributions < 1:
            yield Mistake(f"Of each person at least one row counts, not {self.contributions}.", ("contributions",))
        for column, pair in self.bounds.items():
            if len(pair) != 2 or not pair[0] < pair[1]:
                yield Mistake(f"The bounds of {column} are no range: {', '.join(f'{each:g}' for each in pair)}.",
                              ("bounds", column), "Write two numbers, the lower one first.")
