"""Costs of decisions: Elkan's threshold, the curve against a loop over thresholds, and what cannot be priced."""

import numpy as np
import pytest

from mlops_tui.analysis.confusion import confusion
from mlops_tui.analysis.cost import Costs, cheapest_threshold, cost_curve, elkan_threshold, expected_cost
from mlops_tui.analysis.interval import Resampling

COSTS = Costs(false_positive=1, false_negative=5)


def test_elkans_threshold_on_german_credit_costs_is_a_sixth() -> None:
    assert elkan_threshold(COSTS) == pytest.approx(1 / 6)
    assert elkan_threshold(Costs(1, 1)) == 0.5
    assert elkan_threshold(Costs(false_positive=2, false_negative=1, true_positive=-5)) == pytest.approx(2 / 8)


@pytest.mark.parametrize("costs", [Costs(0, 1), Costs(1, 1, true_positive=1), Costs(1, float("inf"))])
def test_costs_that_make_one_answer_always_best_are_refused(costs: Costs) -> None:
    with pytest.raises(ValueError, match="must cost more"):
        elkan_threshold(costs)


def test_the_curve_is_the_cost_at_every_threshold() -> None:
    rng = np.random.default_rng(0)
    labels, scores = rng.random(200) < 0.3, np.round(rng.random(200), 2)
    costs = Costs(2, 7, true_positive=-3, true_negative=0.5)
    curve = cost_curve(labels, scores, costs)
    expected = [expected_cost(confusion(labels, scores, t), costs) for t in curve.threshold]
    assert curve.cost == pytest.approx(expected, abs=1e-12)
    assert curve.threshold[-1] == np.inf
    assert curve.threshold[:-1].tolist() == np.unique(scores).tolist()


def test_the_cheapest_threshold_of_calibrated_scores_is_near_elkans() -> None:
    rng = np.random.default_rng(1)
    scores = rng.beta(1, 3, size=40_000)
    labels = rng.random(40_000) < scores
    found = cheapest_threshold(labels, scores, COSTS, Resampling(resamples=300))
    assert found.threshold_low <= 1 / 6 <= found.threshold_high
    assert found.threshold == pytest.approx(1 / 6, abs=0.04)
    assert found.cost == pytest.approx(cost_curve(labels, scores, COSTS, 20_000).cost.min(), rel=1e-2)
    assert found.cost_low < found.cost < found.cost_high
    assert found == cheapest_threshold(labels, scores, COSTS, Resampling(resamples=300))


def test_worthless_scores_are_cheapest_when_nothing_is_flagged() -> None:
    rng = np.random.default_rng(2)
    found = cheapest_threshold(rng.random(2000) < 0.05, rng.random(2000), Costs(10, 1), Resampling(resamples=200))
    assert found.threshold_high == np.inf
    assert found.cost == pytest.approx(0.05, abs=0.02)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="only one class"):
        cheapest_threshold([0, 0], [0.1, 0.2], COSTS)
    with pytest.raises(ValueError, match="must cost more"):
        cheapest_threshold([0, 1], [0.1, 0.2], Costs(0, 0))
    with pytest.raises(ValueError, match="no rows"):
        expected_cost(confusion([0], [0.1]).__class__(0, 0, 0, 0), COSTS)
