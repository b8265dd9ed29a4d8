"""Weighted metrics against scikit-learn, their intervals against a bootstrap, and weights that are too extreme."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as sk

from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.analysis.metrics import estimate as unweighted
from mlops_tui.analysis.weighted import estimate

rng = np.random.default_rng(0)
LABELS = rng.random(600) < 0.25
SCORES = np.round(1 / (1 + np.exp(1.2 - 1.3 * LABELS - rng.normal(size=600))), 2)  # rounded: with ties
WEIGHTS = rng.exponential(size=600) * (rng.random(600) < 0.9)  # and some rows of weight 0
FLAGGED = SCORES >= 0.4

REFEREES = {
    "roc_auc": lambda y, w: sk.roc_auc_score(y, SCORES, sample_weight=w),
    "average_precision": lambda y, w: sk.average_precision_score(y, SCORES, sample_weight=w),
    "accuracy": lambda y, w: sk.accuracy_score(y, FLAGGED, sample_weight=w),
    "balanced_accuracy": lambda y, w: sk.balanced_accuracy_score(y, FLAGGED, sample_weight=w),
    "precision": lambda y, w: sk.precision_score(y, FLAGGED, sample_weight=w),
    "recall": lambda y, w: sk.recall_score(y, FLAGGED, sample_weight=w),
    "specificity": lambda y, w: sk.recall_score(~y, ~FLAGGED, sample_weight=w),
    "f1": lambda y, w: sk.f1_score(y, FLAGGED, sample_weight=w),
    "mcc": lambda y, w: sk.matthews_corrcoef(y, FLAGGED, sample_weight=w),
    "brier": lambda y, w: sk.brier_score_loss(y, np.clip(SCORES, 0, 1), sample_weight=w),
    "log_loss": lambda y, w: sk.log_loss(y, SCORES, sample_weight=w),
}


def at(name: str, weights: object = WEIGHTS, labels: object = LABELS, scores: object = SCORES) -> Estimate:
    return estimate(replace(METRICS[name], threshold=0.4), labels, scores, weights)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", REFEREES)
def test_values_are_scikit_learns(name: str) -> None:
    assert at(name).value == pytest.approx(REFEREES[name](LABELS, WEIGHTS), abs=1e-12)


@pytest.mark.parametrize("unit", [1.0, 1e12, 1e-300, 1e308])
@pytest.mark.parametrize("name", REFEREES)
def test_a_weight_that_all_rows_have_is_no_weight(name: str, unit: float) -> None:
    found, plain = at(name, np.full(600, unit)), unweighted(replace(METRICS[name], threshold=0.4), LABELS, SCORES)
    assert found.value == pytest.approx(plain.value, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=1e-9)
    assert found.n == plain.n


@pytest.mark.parametrize("name", REFEREES)
def test_an_interval_is_as_wide_as_a_bootstrap_of_weighted_rows(name: str) -> None:
    """Spread of 200 resamples is known within 1/√400 = 5 %: 25 % is five of them wide."""
    found, draw = at(name), np.random.default_rng(1)
    samples = [REFEREES[name](LABELS, WEIGHTS * draw.poisson(1, 600)) for _ in range(200)]
    assert found.low is not None
    assert found.high is not None
    assert found.low < float(found.value or 0) < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.std(samples), rel=0.25)
    assert "effective n" in found.method


def test_rows_of_weight_nothing_are_not_there() -> None:
    kept = WEIGHTS > 0
    for name in REFEREES:
        alone = at(name, WEIGHTS[kept], LABELS[kept], SCORES[kept])
        whole = at(name)
        assert (whole.value, whole.low, whole.high, whole.n) == pytest.approx(
            (alone.value, alone.low, alone.high, alone.n), abs=1e-12)


def test_one_row_that_weighs_more_than_all_others_gets_a_value_and_no_interval() -> None:
    weights = np.ones(600)
    weights[7] = 1e12
    for name in ("roc_auc", "accuracy", "f1", "brier", "log_loss"):
        found = at(name, weights)
        assert found.value is not None
        assert (found.low, found.high) == (None, None)
        assert found.reason == "one row holds 100.0% of the weight"


def test_one_row_that_is_most_of_its_class_leaves_a_ranking_without_interval() -> None:
    labels, weights = np.arange(600) < 20, np.ones(600)
    weights[7] = 40  # a fifteenth of all weight, two thirds of its class's
    found = at("roc_auc", weights, labels)
    assert (found.low, found.reason) == (None, "one row holds 67.8% of the weight of the positive ones")
    assert at("brier", weights, labels).low is not None


def test_an_effective_n_below_ten_has_no_interval() -> None:
    weights = np.full(600, 1e-9)
    weights[:9] = 1.0
    assert at("brier", weights).reason == "the weights leave an effective n of 9.0, below 10"


def test_one_class_left_by_the_weights_has_a_reason() -> None:
    found = at("roc_auc", np.where(LABELS, 1.0, 0.0))
    assert (found.value, found.reason) == (None, f"all {LABELS.sum()} labels are 1")
    assert at("precision", np.where(FLAGGED, 0.0, 1.0)).reason == "no row is flagged at this threshold"


@pytest.mark.parametrize(("weights", "message"), [
    ([1, -1, 1], "not negative, in row 1: -1"), ([1, 1, np.nan], "finite and not negative, in row 2: nan"),
    ([1, np.inf, 1], "in row 1: inf"), ([0, 0, 0], "no row has a positive weight"), ([1, 1], "3 rows but weights"),
])
def test_unusable_weights_are_refused_by_row(weights: list[float], message: str) -> None:
    for name in METRICS:
        with pytest.raises(ValueError, match=message):
            at(name, weights, [0, 1, 1], [0.2, 0.9, 0.7])


def test_a_metric_of_another_task_is_unknown() -> None:
    with pytest.raises(KeyError):
        estimate(replace(METRICS["roc_auc"], id="rmse"), LABELS, SCORES, WEIGHTS)
