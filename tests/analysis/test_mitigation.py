"""Weights and thresholds that would part label, decision and group; their price counted row by row."""

import numpy as np
import pytest

from mlops_tui.analysis.fairness import Cells
from mlops_tui.analysis.mitigation import FINE, GroupScores, own_thresholds, price, reweighing


def scores_of(seed: int, n: int, power: float) -> tuple[GroupScores, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    at = np.floor(draw.random(n) ** power * FINE)
    score, label = at / FINE, draw.random(n) < at / FINE
    counted = (np.bincount(at.astype(int), weights, FINE) for weights in (None, score, label.astype(float)))
    rows, sums, yes = counted
    return GroupScores(rows.astype(np.int64), sums, yes, float(((label - score) ** 2).sum())), score, label


def test_a_group_is_said_yes_as_often_as_asked_and_every_change_is_counted() -> None:
    made = [scores_of(1, 3000, 1), scores_of(2, 2000, 2)]
    target = float((made[0][1] >= 0.5).mean())
    found = own_thresholds([each for each, _, _ in made], 0.5, target)
    assert found[0].threshold == 0.5
    assert (found[0].better, found[0].worse) == (0, 0)
    for own, (_, score, label) in zip(found, made, strict=True):
        before, after = score >= 0.5, score >= own.threshold
        assert (own.before, own.after) == (before.mean(), after.mean())
        assert own.after == pytest.approx(target, abs=0.002)
        assert own.better == ((before != label) & (after == label)).sum()
        assert own.worse == ((before == label) & (after != label)).sum()
    change, low, high = price(found, 5000)
    right = sum(((s >= own.threshold) == y).sum() for own, (_, s, y) in zip(found, made, strict=True))
    was = sum(((s >= 0.5) == y).sum() for _, s, y in made)
    assert change == pytest.approx((int(right) - int(was)) / 5000)
    assert low < change < high


def test_a_higher_threshold_takes_yeses_away() -> None:
    group, score, label = scores_of(3, 1000, 1)
    found = own_thresholds([group], 0.3, 0.2)[0]
    between = (score >= 0.3) & (score < found.threshold)
    assert (found.better, found.worse) == ((between & ~label).sum(), (between & label).sum())


def test_reweighed_rows_have_the_same_share_of_labels_in_every_group() -> None:
    """Kamiran & Calders (2012): P(g)·P(y)/P(g, y)."""
    cells = Cells(("a", "b"), np.array([[[20, 10], [5, 15]], [[30, 20], [60, 40]]]))
    weights, worth = reweighing(cells)
    assert weights[0, 0] == pytest.approx(50 * 80 / 200 / 30)
    weighted = cells.counts.sum(axis=2) * weights
    assert weighted[0, 1] / weighted[0].sum() == pytest.approx(weighted[1, 1] / weighted[1].sum())
    assert weighted.sum() == pytest.approx(200)
    assert 0 < worth < 1
    empty = reweighing(Cells(("a", "b"), np.array([[[5, 0], [0, 0]], [[2, 1], [3, 1]]])))
    assert np.isnan(empty[0][0, 1])
