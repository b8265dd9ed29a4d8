"""A whole evaluation: every metric, the groups, and the warning that a model is no better than a constant answer."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.evaluation import GROUP_METRICS, evaluation
from mlops_tui.analysis.metrics import metrics_of

rng = np.random.default_rng(0)
LABELS = rng.random(3000) < 0.25
SCORES = 1 / (1 + np.exp(1.3 - 1.5 * LABELS - rng.normal(size=3000)))
GROUPS = rng.choice(["LGA", "EWR", "JFK"], 3000, p=[0.5, 0.3, 0.2])


def test_every_metric_is_measured_once() -> None:
    found = evaluation(LABELS, SCORES, 0.4)
    assert [e.metric for e in found.metrics] == list(metrics_of(Task.BINARY))
    assert (found.n, found.positives) == (3000, LABELS.sum())
    assert found.confusion.tp == (LABELS & (SCORES >= 0.4)).sum()
    assert found.metric("accuracy").value == pytest.approx(((SCORES >= 0.4) == LABELS).mean())
    assert sum(b.n for b in found.bins) == 3000
    assert found.ece >= 0
    assert not found.no_better_than_majority


def test_the_curves_are_drawn_with_bands_and_the_prevalence() -> None:
    found = evaluation(LABELS, SCORES)
    assert len(found.curve.high) == len(found.curve.false_positive_rate) > 100
    assert found.precision_curve.prevalence == found.prevalence == found.precision_curve.precision[-1]


def test_groups_are_evaluated_as_if_alone() -> None:
    found = evaluation(LABELS, SCORES, groups=GROUPS).groups
    assert [g.name for g in found] == ["LGA", "EWR", "JFK"]
    assert sum(g.n for g in found) == 3000
    for group in found:
        rows = group.name == GROUPS
        assert (group.n, group.positives) == (rows.sum(), LABELS[rows].sum())
        assert group.mean_score == pytest.approx(SCORES[rows].mean())
        assert [e.metric for e in group.metrics] == list(GROUP_METRICS)
        assert group.metrics[0].value == pytest.approx(roc_auc_score(LABELS[rows], SCORES[rows]), abs=1e-12)


def test_a_group_of_one_class_says_so() -> None:
    groups = np.where(LABELS, "late", "on time")
    auc = evaluation(LABELS, SCORES, groups=groups).groups[0].metrics[0]
    assert auc.value is None
    assert "all" in auc.reason


def test_a_model_worse_than_a_constant_answer_is_seen() -> None:
    assert evaluation(LABELS, SCORES, 0.05).no_better_than_majority


def test_constant_scores_are_evaluated() -> None:
    found = evaluation(LABELS, np.full(3000, 0.25))
    assert found.metric("roc_auc").value == 0.5
    assert found.metric("precision").value is None
    assert len(found.bins) == 1


def test_bad_input_is_refused() -> None:
    for labels, scores, message in (([0, 0], [0.1, 0.2], "only one class"), ([0, 1], [0.1, 1.2], "outside"),
                                    ([0, 1], [0.1, np.nan], "not finite"), ([], [], "no rows")):
        with pytest.raises(ValueError, match=message):
            evaluation(labels, scores)
    with pytest.raises(ValueError, match="2 labels but 1 groups"):
        evaluation([0, 1], [0.1, 0.2], groups=np.array(["a"]))
