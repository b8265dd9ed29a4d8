"""What goes wrong on the way to Slack and back: outages, limits, lost answers, duplicates; told, or drawn by a seed."""

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

Clock = Callable[[], float]
ANY = "*"


@dataclass
class Fault:
    """One planned mishap of a method's calls; `times` None means until cleared."""

    kind: str
    method: str = ANY
    times: int | None = 1
    seconds: float = 0.0
    code: str = ""
    status: int = 200

    def meets(self, method: str) -> bool:
        return self.method in (ANY, method) and self.times != 0

    def spend(self) -> None:
        if self.times is not None:
            self.times -= 1


# A share of calls (or of envelopes, for duplicate; of either, for rotate) that meets each mishap.
RATES: Mapping[str, float] = {"limit": 0.05, "error": 0.03, "lose_answer": 0.05, "lose_request": 0.05,
                              "duplicate": 0.05, "rotate": 0.01}
SAID = {"limit": "429, again after {:g} s", "error": "internal_error", "lose_answer": "done, its answer lost",
        "lose_request": "lost on its way", "late": "its line went dead; done {:g} s later", "slow": "{:g} s slow"}
CALLS = ("limit", "error", "lose_answer", "lose_request", "late", "slow")


class Chaos:
    """Mishaps drawn at random from one seed: the same draws in the same order for the same seed."""

    def __init__(self, seed: int, rates: Mapping[str, float] | None = None, seconds: float = 0.05,
                 retry_after: int = 1, late: float = 4.0) -> None:
        self.random = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self.rates = dict(RATES if rates is None else rates)
        unknown = set(self.rates) - {*CALLS, "duplicate", "rotate"}
        if unknown:
            raise ValueError(f"no such mishap: {', '.join(sorted(unknown))}; there are {', '.join(CALLS)}, duplicate, "
                             "rotate")
        self.seconds = {"limit": float(retry_after), "late": late}
        self.otherwise = seconds

    def call(self, method: str) -> Fault | None:
        """The mishap of this call, or none; the rates of the kinds add up."""
        drawn = self.random.random()
        for kind in CALLS:
            drawn -= self.rates.get(kind, 0.0)
            if drawn < 0:
                seconds = self.seconds.get(kind, self.otherwise)
                return Fault(kind, method, 1, seconds, "internal_error" if kind == "error" else "")
        return None

    def hits(self, kind: str) -> bool:
        rate = self.rates.get(kind, 0.0)
        return rate > 0 and self.random.random() < rate


@dataclass
class Faults:
    """Everything that is arranged to go wrong; the server asks here before and after it acts."""

    clock: Clock
    plans: list[Fault] = field(default_factory=list)
    chaos: Chaos | None = None
    mishaps: list[str] = field(default_factory=list)  # what went wrong so far, in words
    told: Callable[[str], None] = lambda text: None
    dark_until: float | None = None
    refusing: bool = False
    went_dark: Callable[[], None] = lambda: None
    came_back: Callable[[], None] = lambda: None
    rotate: Callable[[], None] = lambda: None
    drop: Callable[[], None] = lambda: None
    guard: threading.RLock = field(default_factory=threading.RLock)

    def tell(self, text: str) -> None:
        """Something goes wrong, or is well again: kept, and said to whoever listens."""
        self.mishaps.append(f"{datetime.fromtimestamp(self.clock(), UTC):%H:%M:%S} {text}")
        self.told(self.mishaps[-1])

    def down(self, seconds: float | None = None, *, refuse: bool = False) -> None:
        """Slack is unreachable for some seconds of its clock, or until `up()`.

        Sockets die; requests get 503, or with `refuse` no connection at all.
        """
        self.refusing = refuse
        self.dark_until = float("inf") if seconds is None else self.clock() + seconds
        self.tell("Slack is away" + ("" if seconds is None else f" for {seconds:g} s"))
        self.went_dark()

    def up(self) -> None:
        """Slack is back."""
        with self.guard:
            was, self.dark_until = self.dark_until, None
        if was is not None:
            self.tell("Slack is back")
            self.came_back()

    @property
    def dark(self) -> bool:
        return self.dark_until is not None and self.clock() < self.dark_until

    def rotate_sockets(self) -> None:
        """Slack asks every socket to refresh, as it does every few hours, and closes it a moment later."""
        self.rotate()

    def drop_sockets(self) -> None:
        """Every socket dies without a word."""
        self.drop()

    def limit(self, method: str = ANY, times: int | None = 1, retry_after: int = 1) -> None:
        """Answer 429 with Retry-After."""
        self.plan(Fault("limit", method, times, float(retry_after)))

    def lose_answer(self, method: str = ANY, times: int | None = 1) -> None:
        """The write happens, the connection dies before the answer."""
        self.plan(Fault("lose_answer", method, times))

    def lose_request(self, method: str = ANY, times: int | None = 1) -> None:
        """The connection dies before anything happened: to the app it looks like a lost answer."""
        self.plan(Fault("lose_request", method, times))

    def late(self, method: str = ANY, seconds: float = 4.0, times: int | None = 1) -> None:
        """The connection dies at once, and the write happens so many seconds later."""
        self.plan(Fault("late", method, times, seconds))

    def error(self, method: str = ANY, code: str = "internal_error", times: int | None = 1, status: int = 200) -> None:
        """Answer `ok: false` with this code, and do nothing."""
        self.plan(Fault("error", method, times, code=code, status=status))

    def slow(self, method: str = ANY, seconds: float = 1.0, times: int | None = None) -> None:
        """Take this many real seconds before anything happens."""
        self.plan(Fault("slow", method, times, seconds))

    def duplicate(self, kind: str = ANY, times: int | None = 1) -> None:
        """Deliver envelopes of a kind (slash_commands, interactive, events_api) twice, with the same ids."""
        self.plan(Fault("duplicate", kind, times))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self.guard:
            self.plans.clear()
            self.chaos = None
        self.up()

    def plan(self, fault: Fault) -> None:
        with self.guard:
            self.plans.append(fault)

    def take(self, method: str, kinds: tuple[str, ...]) -> Fault | None:
        with self.guard:
            for each in self.plans:
                if each.kind in kinds and each.meets(method):
                    each.spend()
                    return each
        return None

    def of_call(self, method: str) -> list[Fault]:
        """The mishaps of this call: slowness, and at most one other."""
        slow = self.take(method, ("slow",))
        other = self.take(method, ("limit", "error", "lose_answer", "lose_request", "late"))
        if other is None and self.chaos:
            with self.guard:
                other = self.chaos.call(method)
            if other:
                self.tell(f"{method}: {SAID[other.kind].format(other.seconds)}")
            self.turn()
        return [each for each in (slow, other) if each]

    def twice(self, kind: str) -> bool:
        """Whether this envelope is to be delivered twice."""
        if self.take(kind, ("duplicate",)):
            return True
        if not self.chaos:
            return False
        self.turn()
        with self.guard:
            hit = self.chaos.hits("duplicate")
        if hit:
            self.tell(f"{kind} delivered twice")
        return hit

    def turn(self) -> None:
        with self.guard:
            due = self.chaos is not None and self.chaos.hits("rotate")
        if due:
            self.tell("sockets asked to refresh")
            self.rotate()
