"""What endpoints promise: how much of each error budget is left, and how fast it goes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from mlops_tui.analysis.budget import Budget, Counted, budget, spans
from mlops_tui.declarations.endpoints import Endpoint, Objectives
from mlops_tui.logs.hourly import over_spans
from mlops_tui.logs.predictionlog import PredictionLog
from mlops_tui.monitoring._signals import Signal
from mlops_tui.session import Session
from mlops_tui.view import Row, Status, lasting

HOUR = timedelta(hours=1)
LOW = 0.1  # of a budget is little


@dataclass(frozen=True)
class Promise:
    """An objective of an endpoint: the share that must be good, and in SQL what counts and what of it is bad."""

    endpoint: str
    name: str
    target: float
    needs: str
    counts: str
    bad: str


@dataclass(frozen=True)
class Kept:
    """How an objective stands; `budget` is None where it is not known, and `said` tells why."""

    promise: Promise
    budget: Budget | None
    window: timedelta
    signal: Signal

    @property
    def row(self) -> Row:
        """Budget left and burn rates, as one line."""
        burn: Mapping[timedelta, float | None] = self.budget.burn if self.budget is not None else {}
        return {"endpoint": self.promise.endpoint, "objective": self.promise.name, "status": self.signal.status,
                "left": self.budget.left if self.budget is not None else None,
                "burn_1h": burn.get(HOUR), "burn_6h": burn.get(6 * HOUR), "burn_3d": burn.get(timedelta(days=3)),
                "target": self.promise.target, "said": self.signal.said}


def promises(name: str, objectives: Objectives) -> Iterator[Promise]:
    """The objectives of an endpoint, one by one."""
    if objectives.availability is not None:
        yield Promise(name, "availability", objectives.availability, "status", "status IS NOT NULL", "status >= 500")
    if objectives.latency is not None:
        below = objectives.latency.below / timedelta(milliseconds=1)
        yield Promise(name, f"p{objectives.latency.p * 100:g} below {below:g} ms", objectives.latency.p, "latency_ms",
                      "latency_ms IS NOT NULL AND NOT isnan(CAST(latency_ms AS DOUBLE))", f"latency_ms >= {below!r}")


def kept(session: Session, log: PredictionLog | None, endpoints: Mapping[str, Endpoint],
         limit: float | None = None) -> list[Kept]:
    """How each promise of the endpoints stands; `limit`: the most that the budget may burn over its window."""
    found = []
    for name, endpoint in endpoints.items():
        if endpoint.objectives is None:
            continue
        window, until = endpoint.objectives.window, session.now() - endpoint.delay
        for promise in promises(name, endpoint.objectives):
            if log is None or not log.has(promise.needs):
                why = log.lacks(promise.needs) if log is not None else "nothing was logged yet."
                said = f"{promise.name} is not known: {why}"
                found.append(Kept(promise, None, window, Signal(name, promise.name, Status.UNKNOWN, said)))
                continue
            counted = over_spans(session, log, spans(window), until, endpoint=name, bad=promise.bad,
                                 counts=promise.counts)
            found.append(_kept(promise, counted, window, limit))
    return found


def _kept(promise: Promise, counted: Mapping[timedelta, Counted], window: timedelta, limit: float | None) -> Kept:
    made, whole = budget(counted, promise.target, window), counted[window]
    status, said = told(promise, made, window, limit)
    bad = whole.bad / whole.total if whole.total else None
    return Kept(promise, made, window, Signal(promise.endpoint, promise.name, status, said, bad,
                                              limit=1 - promise.target, n=whole.total))


def told(promise: Promise, made: Budget, window: timedelta, limit: float | None = None) -> tuple[Status, str]:
    """How an objective stands, in words: worst first, what burns now before what is spent."""
    name, days = f"{promise.name} of {promise.endpoint}", f"{window / timedelta(days=1):g} d"
    if made.left is None:
        return Status.UNKNOWN, f"{name}: no request in {days}"
    left = f"{max(made.left, 0):.0%} of its {days} budget is left"
    if made.fired:
        worst = made.fired[0]
        gone = _gone(made, worst.long, window)
        said = f"{name} burns its budget {worst.long:.3g} times too fast for {lasting(worst.rule.long)}; {left}{gone}"
        return Status.FAIL if worst.rule.wakes else Status.WARN, said
    if made.left <= 0:
        return Status.FAIL, f"{name}: the budget of {days} is spent {1 - made.left:.2g} times over"
    whole = made.burn[window] or 0.0
    if limit is not None and whole > limit:
        return Status.FAIL, f"{name} burns at {whole:.3g} over {days}, limit {limit:g}; {left}"
    return Status.WARN if made.left < LOW else Status.PASS, f"{name}: {left}"


def _gone(made: Budget, rate: float, window: timedelta) -> str:
    """When the rest is spent at this rate, where there is a rest."""
    if made.left is None or made.left <= 0:
        return ""
    return f", for {lasting(window * (made.left / rate))} at this rate"


def unknown(name: str, said: str, limit: float) -> Kept:
    """A budget that a limit asks for and nothing declares."""
    return Kept(Promise(name, "burn", 0.0, "", "", ""), None, timedelta(0),
                Signal(name, "burn", Status.UNKNOWN, said, limit=limit))


def declared(session: Session, model: str, endpoint: str) -> dict[str, Endpoint]:
    """The declared endpoints of a model, or the one that is named."""
    every = session.declared().endpoints
    if endpoint:
        return {endpoint: every[endpoint]}
    return {name: each for name, each in every.items() if each.model.partition("@")[0] == model}
