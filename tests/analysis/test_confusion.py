"""Threshold metrics against scikit-learn, their gaps named, and their intervals' coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from mlops_tui.analysis.confusion import DECISIONS, Confusion, confusion, decision_estimate, decision_value
from mlops_tui.analysis.interval import Resampling, wilson

REFEREES = {
    "accuracy": sk.accuracy_score, "balanced_accuracy": sk.balanced_accuracy_score, "precision": sk.precision_score,
    "recall": sk.recall_score, "f1": sk.f1_score, "mcc": sk.matthews_corrcoef,
    "specificity": lambda y, p: sk.recall_score(1 - y, 1 - p),
}


def test_a_score_on_the_threshold_is_flagged() -> None:
    assert confusion([1, 0, 1, 0], [0.5, 0.5, 0.49, 0.49], 0.5) == Confusion(tp=1, fp=1, fn=1, tn=1)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.3, 0.5, 0.9])), min_size=1, max_size=30))
@settings(max_examples=80, deadline=None)
def test_every_metric_is_scikit_learns_or_has_a_reason(rows: list[tuple[bool, float]]) -> None:
    labels, scores = np.array([int(y) for y, _ in rows]), np.array([s for _, s in rows])
    flagged = (scores >= 0.5).astype(int)
    cells = confusion(labels, scores, 0.5)
    table = sk.confusion_matrix(labels, flagged, labels=[0, 1])
    assert (cells.tn, cells.fp, cells.fn, cells.tp) == tuple(table.ravel())
    for name, referee in REFEREES.items():
        value, reason = decision_value(name, cells)
        if value is None:
            assert reason
        else:
            assert value == pytest.approx(referee(labels, flagged), abs=1e-12)


@pytest.mark.parametrize(("cells", "undefined"), [
    (Confusion(tp=0, fp=0, fn=3, tn=7), {"precision", "mcc"}),
    (Confusion(tp=0, fp=2, fn=0, tn=7), {"recall", "balanced_accuracy", "mcc"}),
    (Confusion(tp=2, fp=0, fn=1, tn=0), {"specificity", "balanced_accuracy", "mcc"}),
    (Confusion(tp=0, fp=0, fn=0, tn=7), {"precision", "recall", "balanced_accuracy", "f1", "mcc"}),
    (Confusion(tp=0, fp=0, fn=0, tn=0), set(DECISIONS)),
])
def test_a_zero_denominator_is_no_zero(cells: Confusion, undefined: set[str]) -> None:
    assert {name for name in DECISIONS if decision_value(name, cells)[0] is None} == undefined
    for name in undefined:
        estimate = decision_estimate(name, cells)
        assert (estimate.value, estimate.low, estimate.high) == (None, None, None)
        assert estimate.reason


def test_mcc_of_many_rows_does_not_overflow() -> None:
    assert decision_value("mcc", Confusion(10**9, 10**9, 10**9, 10**9))[0] == 0


def test_a_proportion_has_wilsons_interval_over_its_own_denominator() -> None:
    cells = Confusion(tp=30, fp=10, fn=5, tn=55)
    shares = {"accuracy": (85, 100), "precision": (30, 40), "recall": (30, 35), "specificity": (55, 65)}
    for name, (top, n) in shares.items():
        estimate, bounds = decision_estimate(name, cells), wilson(top, n)
        assert (estimate.value, estimate.low, estimate.high, estimate.n) == (top / n, bounds.low, bounds.high, n)


def test_ten_right_answers_do_not_prove_perfection() -> None:
    for name in ("f1", "mcc", "balanced_accuracy"):
        estimate = decision_estimate(name, Confusion(tp=4, fp=0, fn=0, tn=6))
        assert (estimate.value, estimate.high) == (1, 1)
        assert estimate.low is not None
        assert estimate.low < 0.9


@pytest.mark.parametrize("name", ["f1", "mcc", "balanced_accuracy"])
def test_the_posterior_interval_covers_the_truth(name: str) -> None:
    """Nominal 95 % over 400 tables of 80 rows: a binomial of 400 at 0.93 falls below 0.89 once in 500 times."""
    shares = np.array([0.2, 0.1, 0.08, 0.62])
    truth = float(DECISIONS[name].value(shares[:, None])[0])
    draws = np.random.default_rng(3).multinomial(80, shares, size=400)
    covered = 0
    for seed, row in enumerate(draws):
        estimate = decision_estimate(name, Confusion(*map(int, row)), Resampling(resamples=250, seed=seed))
        assert estimate.low is not None
        assert estimate.high is not None
        covered += estimate.low <= truth <= estimate.high
    assert covered / 400 >= 0.89
