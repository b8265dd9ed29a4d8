"""Rates by group against Fairlearn's MetricFrame and scikit-learn, and names numbered as numpy.unique does."""

import numpy as np
import pytest
from fairlearn import metrics as fair
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from mlops_tui.analysis import groups
from mlops_tui.analysis.confusion import DECISIONS, RATES, confusion, decision_value
from mlops_tui.analysis.groups import Grouped, by_group, coded

rng = np.random.default_rng(0)
LABELS = rng.random(2000) < 0.3
SCORES = rng.random(2000) * 0.7 + 0.3 * LABELS
NAMES = rng.choice(["Ärger", "", "b", "bb", "EWR"], 2000)
REFEREES = {
    "accuracy": sk.accuracy_score, "balanced_accuracy": sk.balanced_accuracy_score, "precision": sk.precision_score,
    "recall": sk.recall_score, "f1": sk.f1_score, "mcc": sk.matthews_corrcoef,
    "specificity": fair.true_negative_rate, "selection_rate": fair.selection_rate,
    "false_positive_rate": fair.false_positive_rate, "false_negative_rate": fair.false_negative_rate,
    "negative_predictive_value": lambda y, p: sk.precision_score(1 - y, 1 - p),
}


def test_every_rate_is_fairlearns() -> None:
    frame = fair.MetricFrame(metrics={**REFEREES, "count": fair.count}, y_true=LABELS.astype(int),
                             y_pred=(SCORES >= 0.6).astype(int), sensitive_features=NAMES).by_group
    found = by_group(LABELS, SCORES, NAMES, 0.6)
    assert found.names.tolist() == frame.index.tolist()
    assert found.rows.tolist() == frame["count"].tolist()
    assert set(REFEREES) == {*DECISIONS, *RATES}
    for name in REFEREES:
        assert found.rate(name) == pytest.approx(frame[name].to_numpy(), abs=1e-12)


def test_the_cells_of_a_group_are_its_confusion_matrix() -> None:
    found = by_group(LABELS, SCORES, NAMES)
    for number, name in enumerate(found.names):
        rows = name == NAMES
        assert found.confusion(number) == confusion(LABELS[rows], SCORES[rows])
        assert found.positives[number] == LABELS[rows].sum()


def test_a_rate_without_a_denominator_is_not_a_number_in_that_group_alone() -> None:
    found = by_group([0, 0, 1, 1], [0.1, 0.2, 0.9, 0.1], [1, 1, 2, 2])
    assert np.isnan(found.rate("recall")).tolist() == [True, False]
    assert found.rate("recall")[1] == 0.5
    assert decision_value("negative_predictive_value", confusion([1, 0], [0.9, 0.9]))[1].startswith("every row")


@given(st.one_of(st.lists(st.text(max_size=6), min_size=1), st.lists(st.integers(-300, 300), min_size=1),
                 st.lists(st.integers(-2**62, 2**62), min_size=1), st.lists(st.booleans(), min_size=1)))
@settings(max_examples=200, deadline=None)
def test_names_are_numbered_as_by_numpy(names: list[str] | list[int]) -> None:
    column = np.array(names)
    distinct, codes = np.unique(column, return_inverse=True)
    found, numbered = coded(column)
    assert found.dtype == column.dtype
    assert found.tolist() == distinct.tolist()
    assert numbered.tolist() == codes.tolist()


def test_texts_that_share_a_hash_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash of the first letter alone takes b and bb for one name: the comparison must see it."""
    monkeypatch.setattr(groups, "_hash", lambda letters: letters[:, 0].astype(np.uint64))
    assert groups._hashed(NAMES) is None
    found, codes = coded(NAMES)
    assert found.tolist() == sorted(set(NAMES.tolist()))
    assert np.array_equal(found[codes], NAMES)


def test_bad_input_is_refused() -> None:
    for labels, scores, names, message in (
        ([0, 1], [0.1, 0.2], ["a"], "2 labels, 2 scores and 1 groups"), ([], [], [], "0 labels"),
        ([0, 2], [0.1, 0.2], ["a", "b"], "seen: 0, 2"), ([0, 1], [0.1, np.nan], ["a", "b"], "row 1"),
    ):
        with pytest.raises(ValueError, match=message):
            by_group(labels, scores, names)
    with pytest.raises(KeyError):
        Grouped(np.array(["a"]), np.ones((4, 1), np.int64)).rate("auc")
