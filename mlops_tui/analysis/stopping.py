"""When training should end: patience, Prechelt's rules and divergence, decided epoch by epoch.

    stopper = Stopper(Rule(patience=5, min_delta=0.001))
    for batch in epochs:                                 # any loop: torch, JAX, a partial_fit of scikit-learn
        train_one_epoch(model)
        decision = stopper.update(validation_loss(model))
        if decision.improved:
            kept = copy.deepcopy(model.state_dict())     # what `restore` means in torch
        if decision.stop:
            model.load_state_dict(kept)
            break

Epochs count from 1. L. Prechelt, "Early Stopping — But When?", in: Neural Networks: Tricks of the Trade, LNCS 1524
(1998), section 2, names the rules GL, PQ and UP.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import repeat
from typing import Literal

Kind = Literal["patience", "gl", "pq", "up"]
KINDS: tuple[Kind, ...] = ("patience", "gl", "pq", "up")


class Why(StrEnum):
    """What a decision rests on."""

    GOES_ON = "goes on"
    PLATEAU = "plateau"
    DIVERGED = "diverged"
    WORSE = "worse than its best"
    NO_PROGRESS = "worse, and training progresses no more"
    RISES = "worse in strip after strip"


@dataclass(frozen=True)
class Rule:
    """When to stop. ValueError where its numbers make no sense.

    `patience`: stop once so many epochs in a row were not better than the reference by more than `min_delta` (a share
    of the reference where `relative`); such an epoch becomes the reference. Slow gains add up until they are one.
    `gl`: stop once GL(t) = 100 (E(t) / min E − 1) exceeds `alpha`. `pq`: at the end of a strip of `strip` epochs, once
    GL(t) / P(t) exceeds `alpha`, where P(t) = 1000 (mean / min of the training error in the strip − 1). `up`: once the
    value was worse at the end of `strips` strips in a row than at the end of the one before.
    During `warm_up` epochs nothing but divergence stops; their values count as best and as reference.
    A value that is not finite, or beyond `diverged_at`, stops at once.
    """

    kind: Kind = "patience"
    patience: int = 5
    min_delta: float = 0.0
    relative: bool = False
    warm_up: int = 0
    higher_is_better: bool = False
    alpha: float = 5.0
    strip: int = 5
    strips: int = 3
    diverged_at: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no rule '{self.kind}': {', '.join(KINDS)}")
        if self.patience < 1 or self.strip < 1 or self.strips < 1:
            raise ValueError("patience, strip and strips are at least 1")
        if self.warm_up < 0 or not (0 <= self.min_delta < math.inf) or not (0 < self.alpha < math.inf):
            raise ValueError("warm-up and min-delta are not negative, alpha is above 0")
        if self.higher_is_better and self.kind in ("gl", "pq"):
            raise ValueError(f"{self.kind.upper()} is of an error, which is better when it is lower")

    def __str__(self) -> str:
        by = f"{self.min_delta:g} of it" if self.relative else f"{self.min_delta:g}"
        more = f", by more than {by}" if self.min_delta else ""
        said = {"patience": f"patience {self.patience}{more}", "gl": f"GL above {self.alpha:g} %",
                "pq": f"PQ above {self.alpha:g} in strips of {self.strip}",
                "up": f"UP: {self.strips} strips of {self.strip}"}[self.kind]
        return said + (f", after {self.warm_up} epochs of warm-up" if self.warm_up else "")


@dataclass(frozen=True)
class Decision:
    """What is to be done after an epoch; `improved`: its value is the best so far, so that this stage is to be kept.

    The best is the best of all values seen, also where it is better by less than `min_delta`; the earliest of equals.
    `best_epoch` is 0, and `best` NaN, before the first finite value.
    """

    epoch: int
    stop: bool
    why: Why
    best_epoch: int
    best: float
    improved: bool
    waited: int


class Stopper:
    """A rule at work: `update` with the value of each epoch, in order, until a decision says stop."""

    def __init__(self, rule: Rule) -> None:
        self.rule, self.epoch, self.stopped = rule, 0, False
        self.best_epoch, self.best = 0, math.nan
        self._reference, self._reference_epoch = math.nan, 0
        self._training: deque[float] = deque(maxlen=rule.strip)
        self._strip_end, self._rises = math.nan, 0

    def update(self, value: float, training: float | None = None) -> Decision:
        """The decision after one more epoch; `training` is its training error, which PQ needs.

        ValueError after the stop, for a negative error under GL or PQ, and for PQ without a training error.
        """
        if self.stopped:
            raise ValueError(f"training was stopped at epoch {self.epoch}")
        self._check(value, training)
        self.epoch += 1
        if self._diverged(value) or (training is not None and not math.isfinite(training)):
            return self._decided(Why.DIVERGED, improved=False)
        improved = self.best_epoch == 0 or self._better(value, self.best, 0.0)
        if improved:
            self.best, self.best_epoch = value, self.epoch
        margin = self.rule.min_delta * (abs(self._reference) if self.rule.relative else 1.0)
        if self._reference_epoch == 0 or self._better(value, self._reference, margin):
            self._reference, self._reference_epoch = value, self.epoch
        if training is not None:
            self._training.append(training)
        why = self._judged(value)
        return self._decided(why if self.epoch > self.rule.warm_up else Why.GOES_ON, improved=improved)

    @property
    def waited(self) -> int:
        """Epochs after the warm-up since the reference was set."""
        return max(0, self.epoch - max(self._reference_epoch, self.rule.warm_up))

    def _check(self, value: float, training: float | None) -> None:
        if self.rule.kind == "pq" and training is None:
            raise ValueError("PQ needs the training error of each epoch")
        if self.rule.kind in ("gl", "pq") and (-math.inf < value < 0 or -math.inf < (training or 0.0) < 0):
            raise ValueError(f"{self.rule.kind.upper()} is of an error, which is never negative")

    def _diverged(self, value: float) -> bool:
        limit = self.rule.diverged_at
        return not math.isfinite(value) or (limit is not None and self._better(limit, value, 0.0))

    def _better(self, value: float, than: float, margin: float) -> bool:
        return value > than + margin if self.rule.higher_is_better else value < than - margin

    def _judged(self, value: float) -> Why:
        at_end = self.epoch % self.rule.strip == 0
        match self.rule.kind:
            case "patience":
                return Why.PLATEAU if self.waited >= self.rule.patience else Why.GOES_ON
            case "gl":
                return Why.WORSE if self._loss(value) > self.rule.alpha else Why.GOES_ON
            case "pq":
                over = at_end and _quotient(self._loss(value), self._progress()) > self.rule.alpha
                return Why.NO_PROGRESS if over else Why.GOES_ON
            case "up":
                if at_end:
                    rises = not math.isnan(self._strip_end) and self._better(self._strip_end, value, 0.0)
                    self._rises, self._strip_end = self._rises + 1 if rises else 0, value
                return Why.RISES if at_end and self._rises >= self.rule.strips else Why.GOES_ON

    def _loss(self, value: float) -> float:
        """GL: how far the error is above its lowest, in percent."""
        return 100.0 * (_quotient(value, self.best) - 1.0) if value > self.best else 0.0

    def _progress(self) -> float:
        """P: how far the mean training error of the strip is above its lowest, per mille."""
        mean, least = math.fsum(self._training) / len(self._training), min(self._training)
        return 1000.0 * (_quotient(mean, least) - 1.0) if mean > least else 0.0

    def _decided(self, why: Why, *, improved: bool) -> Decision:
        self.stopped = why is not Why.GOES_ON
        return Decision(self.epoch, self.stopped, why, self.best_epoch, self.best, improved, self.waited)


def _quotient(above: float, below: float) -> float:
    """The quotient of two numbers that are not negative; infinite over 0, and 0 where both are."""
    return above / below if below > 0 else (math.inf if above > 0 else 0.0)


@dataclass(frozen=True)
class Replay:
    """Where a recorded curve would have ended: the last decision, epochs recorded, and the best of all of them."""

    decision: Decision
    epochs: int
    best_epoch: int
    best: float

    @property
    def saved(self) -> int:
        """Epochs that were recorded after the stop."""
        return self.epochs - self.decision.epoch

    @property
    def missed(self) -> bool:
        """Whether a better value came after the stop."""
        return self.best_epoch > self.decision.epoch


def replay(rule: Rule, values: Iterable[float], training: Iterable[float] | None = None) -> Replay:
    """A recorded curve under a rule: what `Stopper` decides when it sees one value after the other.

    ValueError for an empty curve, and as `Stopper.update`.
    """
    stopper, last, epochs = Stopper(rule), None, 0
    best_epoch, best = 0, math.nan
    for epochs, (value, error) in enumerate(zip(values, repeat(None) if training is None else training,
                                                strict=training is not None), start=1):
        if last is None or not last.stop:
            last = stopper.update(value, error)
        better = value > best if rule.higher_is_better else value < best
        if math.isfinite(value) and (best_epoch == 0 or better):
            best_epoch, best = epochs, value
    if last is None:
        raise ValueError("the curve has no values")
    return Replay(last, epochs, best_epoch, best)
