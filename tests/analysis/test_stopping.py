"""Stopping rules on curves worked out by hand, against their definitions, and in a loop that knows no future."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_tui.analysis.stopping import KINDS, Rule, Stopper, Why, replay

NAN = math.nan
# epoch:    1    2    3    4     5     6     7     8
CURVE = (1.0, 0.8, 0.7, 0.72, 0.69, 0.71, 0.75, 0.80)


@pytest.mark.parametrize(("rule", "stop", "best", "why"), [
    (Rule(patience=1), 4, 3, Why.PLATEAU),
    (Rule(patience=2), 7, 5, Why.PLATEAU),  # the dip at 4 costs one, epoch 5 starts anew
    (Rule(patience=2, min_delta=0.01), 5, 5, Why.PLATEAU),  # 0.69 is no improvement on 0.7 by more than 0.01
    (Rule(patience=3, min_delta=0.02, relative=True), 6, 5, Why.PLATEAU),  # 0.69 > 0.7 − 0.014
    (Rule(patience=1, warm_up=5), 6, 5, Why.PLATEAU),  # waits from epoch 6 on
    (Rule(patience=4), 8, 5, Why.GOES_ON),
    (Rule(kind="gl", alpha=2), 4, 3, Why.WORSE),  # 100 (0.72 / 0.70 − 1) = 2.86
    (Rule(kind="gl", alpha=5), 7, 5, Why.WORSE),  # 2.9 at 6, 8.7 at 7
    (Rule(kind="gl", alpha=2, warm_up=4), 6, 5, Why.WORSE),
    (Rule(kind="up", strip=2, strips=1), 8, 5, Why.RISES),  # ends of strips: 0.8 0.72 0.71 0.80
    (Rule(kind="up", strip=1, strips=2), 7, 5, Why.RISES),  # 0.69 < 0.71 < 0.75
    (Rule(patience=9, diverged_at=0.95), 1, 0, Why.DIVERGED),
])
def test_a_curve_worked_out_by_hand(rule: Rule, stop: int, best: int, why: Why) -> None:
    found = replay(rule, CURVE).decision
    assert (found.epoch, found.best_epoch, found.why) == (stop, best, why)
    assert found.stop == (why is not Why.GOES_ON)


def test_the_quotient_of_loss_and_progress_by_hand() -> None:
    """Strips of 2. At 4: GL = 100 (0.9/0.8 − 1) = 12.5, P = 1000 ((0.5 + 0.4)/2 / 0.4 − 1) = 125, PQ = 0.1.
    At 6: GL = 25, P = 1000 ((0.40 + 0.39)/2 / 0.39 − 1) = 12.82, PQ = 1.95."""
    values, training = (1.0, 0.8, 0.85, 0.9, 0.95, 1.0), (0.7, 0.6, 0.5, 0.4, 0.40, 0.39)
    found = replay(Rule(kind="pq", alpha=1.9, strip=2), values, training).decision
    assert (found.epoch, found.best_epoch, found.why) == (6, 2, Why.NO_PROGRESS)
    assert not replay(Rule(kind="pq", alpha=2.0, strip=2), values, training).decision.stop
    assert replay(Rule(kind="pq", alpha=0.05, strip=2), values, training).decision.epoch == 4
    flat = replay(Rule(kind="pq", alpha=1e9, strip=2), values, (0.5,) * 6).decision
    assert flat.epoch == 4, "training that stands still makes the quotient infinite"


def test_slow_gains_add_up_until_they_are_an_improvement() -> None:
    creeping = [1.0 - 0.004 * epoch for epoch in range(20)]
    assert not replay(Rule(patience=3, min_delta=0.01), creeping).decision.stop
    assert replay(Rule(patience=2, min_delta=0.01), creeping).decision.epoch == 3


def test_the_best_is_the_best_of_all_seen_and_the_earliest_of_equals() -> None:
    found = replay(Rule(patience=2, min_delta=0.1), (0.5, 0.45, 0.45)).decision
    assert (found.epoch, found.best_epoch, found.best) == (3, 2, 0.45)


@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
def test_a_value_that_is_none_stops_at_once_and_says_so(bad: float) -> None:
    found = replay(Rule(patience=50, warm_up=50), (1.0, 0.9, bad, 0.1)).decision
    assert (found.epoch, found.stop, found.why, found.best_epoch, found.best) == (3, True, Why.DIVERGED, 2, 0.9)
    assert not found.improved
    first = replay(Rule(), (bad,)).decision
    assert (first.why, first.best_epoch) == (Why.DIVERGED, 0)
    assert math.isnan(first.best)
    stopper = Stopper(Rule(kind="pq"))
    assert stopper.update(1.0, bad).why is Why.DIVERGED, "training that diverged, too"


def test_what_a_replay_saves_and_what_it_misses() -> None:
    found = replay(Rule(patience=2), (3.0, 2.0, 2.5, 2.4, 1.0, 1.5))
    assert (found.decision.epoch, found.epochs, found.saved) == (4, 6, 2)
    assert (found.missed, found.best_epoch, found.best) == (True, 5, 1.0)


@pytest.mark.parametrize("how", [
    {"patience": 0}, {"strip": 0}, {"strips": 0}, {"warm_up": -1}, {"min_delta": -0.1}, {"min_delta": NAN},
    {"alpha": 0.0}, {"kind": "never"}, {"kind": "gl", "higher_is_better": True}])
def test_a_rule_that_makes_no_sense_is_refused(how: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Rule(**how)


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        replay(Rule(), ())
    with pytest.raises(ValueError, match="training error"):
        replay(Rule(kind="pq"), (1.0,))
    with pytest.raises(ValueError, match="never negative"):
        replay(Rule(kind="gl"), (-1.0,))
    stopper = Stopper(Rule())
    stopper.update(NAN)
    with pytest.raises(ValueError, match="was stopped at epoch 1"):
        stopper.update(1.0)


# -- against the definitions, written down without any state --------------------------------------------------------


def defined_stop(rule: Rule, values: Sequence[float], training: Sequence[float]) -> int | None:
    """The first epoch at which the rule's definition holds, each looked at with nothing but the prefix up to it."""
    sign = -1.0 if rule.higher_is_better else 1.0
    for t in range(1, len(values) + 1):
        seen, errors = [sign * value for value in values[:t]], training[:t]
        if not math.isfinite(values[t - 1]):
            return t
        if t > rule.warm_up and holds(rule, seen, errors):
            return t
    return None


def holds(rule: Rule, seen: Sequence[float], errors: Sequence[float]) -> bool:
    t, k = len(seen), rule.strip
    if rule.kind == "patience":
        reference, last = seen[0], 1
        for epoch, value in enumerate(seen[1:], start=2):
            if value < reference - rule.min_delta * (abs(reference) if rule.relative else 1.0):
                reference, last = value, epoch
        return t - max(last, rule.warm_up) >= rule.patience
    low = min(seen)
    loss = 0.0 if seen[-1] == low else math.inf if low == 0 else 100 * (seen[-1] / low - 1)
    if rule.kind == "gl":
        return loss > rule.alpha
    if t % k:
        return False
    if rule.kind == "pq":
        strip = errors[-k:]
        mean, least = math.fsum(strip) / k, min(strip)
        progress = 0.0 if mean <= least else math.inf if least == 0 else 1000 * (mean / least - 1)
        return (math.inf if progress == 0 and loss > 0 else 0.0 if loss == 0 else loss / progress) > rule.alpha
    ends = seen[k - 1::k][-rule.strips - 1:]
    return len(ends) == rule.strips + 1 and all(b > a for a, b in pairwise(ends))


VALUES = st.lists(st.one_of(st.floats(0, 10), st.integers(0, 5).map(float), st.sampled_from([NAN, math.inf])),
                  min_size=1, max_size=40)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    kind = draw(st.sampled_from(KINDS))
    return Rule(kind, draw(st.integers(1, 6)), draw(st.sampled_from([0.0, 0.01, 0.5])), draw(st.booleans()),
                draw(st.integers(0, 8)), kind in ("patience", "up") and draw(st.booleans()),
                draw(st.sampled_from([0.5, 5.0, 50.0])), draw(st.integers(1, 5)), draw(st.integers(1, 3)))


@given(rules(), VALUES, st.randoms(use_true_random=False))
def test_replay_and_a_loop_that_knows_no_future_end_at_the_epoch_of_the_definition(
        rule: Rule, values: list[float], random: Any) -> None:
    training = [random.choice([0.0, 0.1, random.random()]) for _ in values]
    online, seen = Stopper(rule), list[float]()
    kept = 0
    for epoch, value in enumerate(values, start=1):  # the loop: it makes a value, asks, and may end
        seen.append(value)
        decision = online.update(value, training[epoch - 1])
        kept = epoch if decision.improved else kept
        if decision.stop:
            break
    recorded = replay(rule, values, training)
    assert recorded.decision == decision or (math.isnan(decision.best) and recorded.decision.epoch == decision.epoch)
    assert (len(seen) if decision.stop else None) == defined_stop(rule, values, training)
    finite = [value for value in seen if math.isfinite(value)]
    best = (max if rule.higher_is_better else min)(finite) if finite else NAN
    assert kept == recorded.decision.best_epoch == (seen.index(best) + 1 if finite else 0)


def test_the_loop_of_the_docstring_keeps_the_weights_of_the_best_epoch() -> None:
    """A linear model by gradient steps on few rows, in place of torch's: it overfits, stops, and is put back."""
    rng = np.random.default_rng(3)
    x, unseen = rng.normal(size=(30, 25)), rng.normal(size=(200, 25))
    truth = np.r_[np.ones(3), np.zeros(22)]
    y, y_unseen = x @ truth + rng.normal(size=30), unseen @ truth + rng.normal(size=200)
    weights, kept, losses = np.zeros(25), np.zeros(25), list[float]()
    stopper = Stopper(Rule(patience=10))
    for _ in range(2000):
        weights = weights - 0.01 * x.T @ (x @ weights - y) / 30
        losses.append(float(np.mean((unseen @ weights - y_unseen) ** 2)))
        decision = stopper.update(losses[-1])
        if decision.improved:
            kept = weights.copy()
        if decision.stop:
            break
    assert decision.why is Why.PLATEAU
    assert len(losses) == decision.best_epoch + 10
    assert np.mean((unseen @ kept - y_unseen) ** 2) == min(losses)
