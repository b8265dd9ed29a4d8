"""Our own keys of a dataset's contract, its `customProperties`: where events come from, what privacy is owed, how a
model's predictions are logged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from mlops_tui.declarations.declare import Mistake
from mlops_tui.errors import nearest


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


@dataclass(frozen=True)
class LogColumns:
    """The customProperties `predictionLog` of MODEL.predictions: what its server calls the columns of the log.

    `features` names the inputs of a server that sends them without names, in order. `tolerance`: an outcome belongs to
    the prediction of the same entity that is nearest in time, at most so far away; without it, to the one with the
    same id or key.
    """

    id: str = ""
    time: str = ""
    output: str = ""
    answer: str = ""
    version: str = ""
    latency: str = ""
    status: str = ""
    caller: str = ""
    endpoint: str = ""
    label: str = ""
    features: tuple[str, ...] = ()
    tolerance: timedelta | None = None

    @property
    def columns(self) -> Mapping[str, str]:
        """The server's name by role, of those that are declared."""
        return {role: name for role in ROLES_OF_LOG if (name := str(getattr(self, role)))}

    def mistakes(self) -> Iterator[Mistake]:
        """One column for two roles; a feature named twice."""
        seen: dict[str, str] = {}
        for role, name in self.columns.items():
            if name in seen:
                yield Mistake(f"'{name}' cannot be both {seen[name]} and {role}.", (role,))
            seen.setdefault(name, role)
        for place, name in enumerate(self.features):
            if name in self.features[:place]:
                yield Mistake(f"The feature '{name}' is named twice.", ("features", place))


ROLES_OF_LOG = ("id", "time", "output", "answer", "version", "latency", "status", "caller", "endpoint", "label")


@dataclass(frozen=True)
class Samples:
    """The customProperties `samples` of MODEL.predictions: which requests are kept whole, and for how long.

    `share` of all, `errors` of those that failed, and by value of a column (`answer`, `carrier`, `outcome`) what `by`
    says: the largest that applies counts. `keep`: they are gone after that.
    """

    share: float = 0.01
    errors: float = 1.0
    by: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    keep: timedelta = timedelta(days=30)

    def mistakes(self) -> Iterator[Mistake]:
        """Shares of more than all."""
        for key in ("share", "errors"):
            if not 0 <= getattr(self, key) <= 1:
                yield Mistake(f"{key} lies from 0 to 1, not at {getattr(self, key):g}.", (key,))
        for column, shares in self.by.items():
            for value, share in shares.items():
                if not 0 <= share <= 1:
                    yield Mistake(f"A share lies from 0 to 1, not at {share:g}.", ("by", column, value))
        if not self.keep:
            yield Mistake("Samples that are kept for no time are none.", ("keep",), "Write keep: 30d")


@dataclass(frozen=True)
class Payloads:
    """The customProperties `payloads` of MODEL.predictions: what becomes of a request that breaks the contract.

    `policy` for every rule, or for one of `rules` (missing, type, range, category, length, pattern, unknown);
    `defaults` are the values by which a feature is repaired.
    """

    policy: Literal["reject", "repair", "flag"] = "flag"
    rules: Mapping[str, Literal["reject", "repair", "flag"]] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def mistakes(self) -> Iterator[Mistake]:
        """Rules that there are not."""
        for rule in self.rules:
            if rule not in PAYLOAD_RULES:
                yield Mistake(f"No rule '{rule}'.", ("rules", rule),
                              nearest(rule, PAYLOAD_RULES) or f"Rules: {', '.join(PAYLOAD_RULES)}.")


PAYLOAD_RULES = ("missing", "type", "range", "category", "length", "pattern", "unknown")
LOG_KEYS: Mapping[str, type[Any]] = {"predictionLog": LogColumns, "samples": Samples, "payloads": Payloads}
