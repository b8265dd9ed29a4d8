"""When a model ought to be trained again: declared reasons that fire once, and are armed again when they are over."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from mlops_tui.declarations.declare import Mistake
from mlops_tui.declarations.limits import METRICS
from mlops_tui.errors import nearest


@dataclass(frozen=True)
class Trigger:
    """One reason: a metric surely beyond its limit, a change of the errors, an age, or so many new outcomes.

    `rearms` is the value that the metric must be back at before it may fire again; the limit where none is given.
    """

    metric: str = ""
    below: float | None = None
    above: float | None = None
    rearms: float | None = None
    change: Literal["", "adwin", "page_hinkley"] = ""
    every: timedelta | None = None
    labels: int = 0

    def __post_init__(self) -> None:
        if sum((bool(self.metric), bool(self.change), self.every is not None, bool(self.labels))) != 1:
            raise ValueError("a trigger needs one of metric, change, every or labels")

    @property
    def kind(self) -> str:
        """What it goes by: `performance`, `change`, `schedule` or `labels`."""
        return "performance" if self.metric else "change" if self.change else "schedule" if self.every else "labels"

    @property
    def limit(self) -> float | None:
        """What the metric must not be beyond; the number of outcomes."""
        return self.below if self.below is not None else self.above if self.above is not None else \
            float(self.labels) if self.labels else None

    def back(self, value: float) -> bool:
        """Whether the metric is back where it may fire again."""
        level = self.rearms if self.rearms is not None else self.limit
        return level is not None and (value >= level if self.below is not None else value <= level)

    def mistakes(self) -> Iterator[Mistake]:
        """A metric without a limit, or with two; a level of rearming on the wrong side; no time, no outcomes."""
        limits = (self.below is not None) + (self.above is not None)
        if self.metric and self.metric not in METRICS:
            yield Mistake(f"No metric '{self.metric}'.", ("metric",), nearest(self.metric, METRICS))
        if self.metric and limits != 1:
            yield Mistake("A metric fires below or above a limit.", ("metric",), "Write below: 0.74.")
        if not self.metric and (limits or self.rearms is not None):
            yield Mistake("below, above and rearms are of a metric.", ("below" if self.below is not None else "above"
                                                                       if self.above is not None else "rearms",))
        if self.rearms is not None and ((self.below is not None and self.rearms < self.below)
                                        or (self.above is not None and self.rearms > self.above)):
            yield Mistake("It would be armed again where it still fires.", ("rearms",))
        if self.every is not None and not self.every:
            yield Mistake("An age takes some time.", ("every",), "Write 90d.")
        if self.labels < 0:
            yield Mistake(f"labels is a number of outcomes, not {self.labels}.", ("labels",))


@dataclass(frozen=True)
class Retraining:
    """`retrain:` of a monitor. After one reason fired, or the model was trained, none fires for `cooldown`.

    What fires is a proposal; with `then: train` the model is trained. It is never promoted by that.
    """

    when: Mapping[str, Trigger]
    cooldown: timedelta = timedelta(days=14)
    then: Literal["propose", "train"] = "propose"

    def mistakes(self) -> Iterator[Mistake]:
        """No reason at all."""
        if not self.when:
            yield Mistake("Nothing would ever fire.", ("when",), "Write when: {old: {every: 90d}}.")


# -- rules: values in, values out -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evidence:
    """What speaks for training again now: `fires` None where nothing is known; `over` where the reason is gone."""

    fires: bool | None
    over: bool
    said: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    due: datetime | None = None


@dataclass(frozen=True)
class State:
    """How a trigger stood after a look: armed or not, and when it fired last."""

    armed: bool = True
    fired: datetime | None = None


@dataclass(frozen=True)
class Judged:
    """One trigger at one look: what it says, and how it stands after it."""

    name: str
    stands: Literal["fires", "fired", "cooling", "armed", "unknown"]
    evidence: Evidence
    state: State


def decided(retrain: Retraining, evidence: Mapping[str, Evidence], before: Mapping[str, State],
            trained: datetime | None, now: datetime) -> list[Judged]:
    """How each trigger stands: it fires where its reason holds, it is armed and nothing cools down.

    It is armed again once its reason is over. While the reason lasts after it fired, it is `fired`: it stays said,
    once. Two that hold at the same look fire together: that is one proposal.
    """
    until = cools_until(retrain, before.values(), trained)
    return [_judged(name, evidence[name], before.get(name, State()), until, now) for name in retrain.when]


def _judged(name: str, found: Evidence, state: State, until: datetime | None, now: datetime) -> Judged:
    if found.fires is None:
        return Judged(name, "fired" if not state.armed else "unknown", found, state)
    armed = State(True, state.fired) if found.over else state
    if not found.fires:
        return Judged(name, "armed" if armed.armed else "fired", found, armed)
    if not armed.armed:
        return Judged(name, "fired", found, armed)
    if until is not None and now < until:
        return Judged(name, "cooling", found, armed)
    return Judged(name, "fires", found, State(False, now))


def cools_until(retrain: Retraining, states: Iterable[State], trained: datetime | None) -> datetime | None:
    """Until when nothing fires; None where nothing fired and nothing was trained."""
    times = [each for each in (*(state.fired for state in states), trained) if each is not None]
    return max(times) + retrain.cooldown if times else None


@dataclass(frozen=True)
class Fired:
    """A proposal that would have been made: when, by which triggers."""

    at: datetime
    names: tuple[str, ...]


def replayed(retrain: Retraining, looks: Sequence[tuple[datetime, Mapping[str, Evidence]]],
             trained: datetime | None = None) -> list[Fired]:
    """When these looks, in order of time, would have proposed to train; nobody is taken to have done it."""
    states, found = dict[str, State](), list[Fired]()
    for at, evidence in looks:
        judged = decided(retrain, evidence, states, trained, at)
        states = {each.name: each.state for each in judged}
        names = tuple(each.name for each in judged if each.stands == "fires")
        found += [Fired(at, names)] if names else []
    return found
