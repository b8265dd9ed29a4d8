"""Every metric by name: its value against scikit-learn, its interval against a plain bootstrap, its gaps."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as sk

from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.interval import Resampling
from mlops_tui.analysis.metrics import METRICS, Family, estimate, metric_value, metrics_of

rng = np.random.default_rng(0)
LABELS = rng.random(600) < 0.25
SCORES = 1 / (1 + np.exp(1.2 - 1.3 * LABELS - rng.normal(size=600)))
REFEREES = {"roc_auc": sk.roc_auc_score, "average_precision": sk.average_precision_score, "brier": sk.brier_score_loss,
            "log_loss": sk.log_loss}


@pytest.mark.parametrize("name", REFEREES)
def test_values_are_scikit_learns(name: str) -> None:
    assert metric_value(METRICS[name], LABELS, SCORES)[0] == pytest.approx(REFEREES[name](LABELS, SCORES), abs=1e-12)


def test_decisions_are_read_at_the_metrics_threshold() -> None:
    strict = replace(METRICS["precision"], threshold=0.8)
    assert metric_value(strict, LABELS, SCORES)[0] == pytest.approx(sk.precision_score(LABELS, SCORES >= 0.8))


@pytest.mark.parametrize("name", metrics_of(Task.BINARY))
def test_an_interval_holds_its_value_and_is_as_wide_as_a_bootstrap_of_rows(name: str) -> None:
    """Bounds from 400 resampled tables: their spread is known within 1/√800 = 3.5 %, so 20 % is five of them wide."""
    found = estimate(METRICS[name], LABELS, SCORES)
    assert None not in (found.low, found.value, found.high)
    assert found.low < found.value < found.high  # type: ignore[operator]
    assert found.method
    draw, samples = np.random.default_rng(1), []
    for _ in range(400):
        rows = draw.integers(0, 600, 600)
        value, _ = metric_value(METRICS[name], LABELS[rows], SCORES[rows])
        samples.append(value)
    width = 2 * 1.96 * np.std(samples)  # type: ignore[arg-type]
    assert found.high - found.low == pytest.approx(width, rel=0.2)  # type: ignore[operator]


def test_the_seed_decides_what_is_random() -> None:
    for name in ("mcc", "f1"):
        one, two, other = (estimate(METRICS[name], LABELS, SCORES, Resampling(seed=s)) for s in (1, 1, 2))
        assert one == two
        assert one.low != other.low


def test_one_class_has_losses_and_decisions_but_no_ranking() -> None:
    labels, scores = np.zeros(5), np.linspace(0.1, 0.5, 5)
    for metric in metrics_of(Task.BINARY).values():
        found = estimate(metric, labels, scores)
        assert found.value == metric_value(metric, labels, scores)[0]
        if metric.family is Family.RANKING:
            assert (found.value, found.reason) == (None, "all 5 labels are 0")
    assert estimate(METRICS["accuracy"], labels, scores).value == 0.8


def test_three_rows_get_wide_intervals_or_none_never_false_certainty() -> None:
    for metric in metrics_of(Task.BINARY).values():
        found = estimate(metric, [0, 1, 1], [0.2, 0.9, 0.7])
        assert found.value is not None
        if found.low is None:
            assert found.reason
        else:
            assert found.high is not None
            assert found.high - found.low > 0.02


def test_rows_of_equal_loss_have_no_interval() -> None:
    found = estimate(METRICS["brier"], [0, 1, 0, 1], [0.5] * 4)
    assert (found.value, found.low, found.reason) == (0.25, None, "all rows have the same loss")


def test_losses_need_probabilities_and_rankings_do_not() -> None:
    assert estimate(METRICS["roc_auc"], [0, 1, 0, 1], [-3, 5, 2, 9]).value == 1
    with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
        estimate(METRICS["brier"], [0, 1, 0, 1], [-3, 5, 2, 9])
