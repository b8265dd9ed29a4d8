"""Weights and thresholds that would part label, decision and group: against Fairlearn's optimizer, and row by row."""

import numpy as np
import pandas as pd
import pytest
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.base import BaseEstimator, ClassifierMixin

from mlops_tui.analysis.fairness import Cells
from mlops_tui.analysis.mitigation import (
    CONSTRAINTS,
    FINE,
    GroupScores,
    Rule,
    effects,
    own_rules,
    price,
    reweighing,
    width,
)


def drawn(seed: int, n: int, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Bins of scores, and labels that come as often as these say."""
    draw = np.random.default_rng(seed)
    at = np.minimum(np.floor(draw.random(n) ** power * 100) * 10, FINE - 1).astype(np.int64)
    return at, (draw.random(n) < at / FINE).astype(np.int64)


def binned(at: np.ndarray, label: np.ndarray) -> GroupScores:
    rows, sums, yes = (np.bincount(at, weights, FINE) for weights in (None, at / FINE, label.astype(float)))
    return GroupScores(rows.astype(np.float64), sums, yes, float(((label - at / FINE) ** 2).sum()))


class Said(ClassifierMixin, BaseEstimator):
    """A classifier whose score is its first column."""

    def fit(self, x: object, y: object) -> "Said":
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, x: pd.DataFrame) -> np.ndarray:
        score = np.asarray(x)[:, 0]
        return np.stack([1 - score, score], axis=1)


GROUPS = {"a": drawn(1, 1500, 1.0), "b": drawn(2, 1000, 2.0), "c": drawn(3, 500, 0.6)}


@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_thresholds_of_each_group_are_fairlearns(constraint: str) -> None:
    """The same rates by group, and the same share of right decisions, to the width of its grid."""
    named = {"demographic_parity": "demographic_parity", "equal_opportunity": "true_positive_rate_parity",
             "equalized_odds": "equalized_odds"}
    at = np.concatenate([each for each, _ in GROUPS.values()])
    label = np.concatenate([each for _, each in GROUPS.values()])
    group = np.repeat(list(GROUPS), [each.size for each, _ in GROUPS.values()])
    table = pd.DataFrame({"score": at / FINE})
    peer = ThresholdOptimizer(estimator=Said().fit(table, label), constraints=named[constraint], prefit=True,
                              objective="accuracy_score", grid_size=FINE, predict_method="predict_proba")
    peer.fit(table, label, sensitive_features=group)
    theirs = peer._pmf_predict(table, sensitive_features=group)[:, 1]
    rules = own_rules([binned(*each) for each in GROUPS.values()], constraint)
    assert not isinstance(rules, str)
    ours = np.concatenate([rule.chances()[each] for rule, (each, _) in zip(rules, GROUPS.values(), strict=True)])
    right = [float(np.mean(np.where(label == 1, chance, 1 - chance))) for chance in (ours, theirs)]
    assert right[0] == pytest.approx(right[1], abs=2e-3)
    for name in GROUPS:
        for chosen in (group == name, (group == name) & (label == 1)):
            assert ours[chosen].mean() == pytest.approx(theirs[chosen].mean(), abs=2e-3)


def test_the_constraint_holds_on_the_rows_it_was_found_on_and_every_change_is_counted() -> None:
    scores = [binned(*each) for each in GROUPS.values()]
    for constraint in CONSTRAINTS:
        rules = own_rules(scores, constraint)
        assert not isinstance(rules, str)
        found = effects(scores, rules, FINE // 2)
        assert width(found, constraint, lambda each: each.after) < 1e-3
        assert width(found, constraint, lambda each: each.before) > 0.05
        better = worse = 0.0
        for effect, rule, (at, label) in zip(found, rules, GROUPS.values(), strict=True):
            chance, before = rule.chances()[at], at >= FINE // 2
            turns = np.where(before, 1 - chance, chance)
            right = before == (label == 1)
            assert effect.better == pytest.approx(turns[~right].sum())
            assert effect.worse == pytest.approx(turns[right].sum())
            assert effect.gains == pytest.approx(chance[~before].sum())
            assert effect.loses == pytest.approx((1 - chance)[before].sum())
            better, worse = better + effect.better, worse + effect.worse
        change, low, high = price(found)
        assert change == pytest.approx((better - worse) / 3000)
        assert low < change < high


def test_no_price_is_put_on_another_taste() -> None:
    """Where scores are calibrated alike and groups are alike, today's threshold is kept, wherever it lies."""
    scores = [binned(*drawn(seed, 200_000, 1.0)) for seed in (5, 6)]
    for now in (300, 700):
        rules = own_rules(scores, "equal_opportunity", now)
        assert not isinstance(rules, str)
        found = effects(scores, rules, now)
        assert all(abs(rule.low - now) <= 30 for rule in rules)
        assert abs(sum(each.better - each.worse for each in found)) / 400_000 < 0.01


def test_turned_scores_speak_for_the_other_answer() -> None:
    one = binned(*GROUPS["a"])
    turned = one.turned
    assert turned.yes.sum() == one.n.sum() - one.yes.sum()
    now = 300
    assert turned.n[FINE - now:].sum() == one.n[:now].sum(), "favoured below the threshold"
    assert turned.turned.yes.tolist() == one.yes.tolist()


def test_halves_share_the_rows() -> None:
    whole = binned(*GROUPS["a"])
    one, other = whole.halved(np.random.default_rng(0))
    assert (one.n + other.n).tolist() == whole.n.tolist()
    assert (one.yes + other.yes).tolist() == whole.yes.tolist()
    assert abs(one.n.sum() - other.n.sum()) < 200


def test_a_group_of_one_kind_has_no_rule() -> None:
    none = binned(np.arange(100), np.zeros(100, dtype=np.int64))
    assert own_rules([none, binned(*GROUPS["a"])], "equalized_odds") == "a group has labels of one kind only"
    assert not isinstance(own_rules([none, binned(*GROUPS["a"])], "demographic_parity"), str)


def test_two_thresholds_and_a_lot_make_one_chance() -> None:
    chances = Rule(400, 600, 0.25, 0.2, 0.5).chances()
    assert [chances[each] for each in (0, 500, 700)] == pytest.approx([0.1, 0.1 + 0.8 * 0.25, 0.9])


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
