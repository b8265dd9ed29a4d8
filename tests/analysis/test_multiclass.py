"""Several classes against scikit-learn, weights as repeated rows, and influence by the definition of it."""

import numpy as np
import pytest
from sklearn import metrics as sk
from statsmodels.stats.inter_rater import cohens_kappa

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.metrics import METRICS, linear, measured, metrics_of
from mlops_tui.analysis.multiclass import by_class, cells

rng = np.random.default_rng(5)
N, K = 400, 4
CLASSES = ("a", "b", "c", "d")
LABEL = rng.choice(K, N, p=[0.5, 0.3, 0.15, 0.05])
DRAWN = rng.dirichlet(np.ones(K), N)
DRAWN[np.arange(N), LABEL] += 0.1
GIVEN = DRAWN / DRAWN.sum(axis=1, keepdims=True)
WEIGHT = rng.integers(1, 5, N).astype(np.float64)
DECIDED = GIVEN.argmax(axis=1)


def _auc(y: np.ndarray, p: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    return float(np.mean([sk.roc_auc_score(y == k, p[:, k], sample_weight=sample_weight) for k in range(K)]))


OF_DECISIONS = {
    "accuracy": sk.accuracy_score, "balanced_accuracy": sk.balanced_accuracy_score, "mcc": sk.matthews_corrcoef,
    "kappa": sk.cohen_kappa_score, "macro_f1": lambda y, d, **w: sk.f1_score(y, d, average="macro", **w),
    "weighted_f1": lambda y, d, **w: sk.f1_score(y, d, average="weighted", **w)}
OF_PROBABILITIES = {
    "log_loss": sk.log_loss, "brier": sk.brier_score_loss, "roc_auc_ovr": _auc,
    "top_2_accuracy": lambda y, p, **w: sk.top_k_accuracy_score(y, p, k=2, **w),
    "top_3_accuracy": lambda y, p, **w: sk.top_k_accuracy_score(y, p, k=3, **w)}


def answers(weight: np.ndarray | None = None, rows: slice = slice(None)) -> Answers:
    return Answers(Task.MULTICLASS, LABEL[rows], GIVEN[rows], CLASSES, None if weight is None else weight[rows])


@pytest.mark.parametrize("name", [*OF_DECISIONS, *OF_PROBABILITIES])
def test_a_metric_is_what_scikit_learn_says_with_and_without_weights(name: str) -> None:
    for weight in (None, WEIGHT):
        expected = OF_DECISIONS[name](LABEL, DECIDED, sample_weight=weight) if name in OF_DECISIONS else \
            OF_PROBABILITIES[name](LABEL, GIVEN, sample_weight=weight)
        found = measured(METRICS[name], answers(weight))
        assert found.value == pytest.approx(expected, abs=1e-12)
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.value < found.high
    assert sk.roc_auc_score(LABEL, GIVEN, multi_class="ovr", average="macro") == pytest.approx(_auc(LABEL, GIVEN))


@pytest.mark.parametrize("name", [*OF_DECISIONS, *OF_PROBABILITIES])
def test_influence_is_how_fast_the_metric_grows_with_a_rows_weight(name: str) -> None:
    weight, step = WEIGHT[:60], 1e-7
    found = linear(METRICS[name], answers(weight, slice(60)))
    assert not isinstance(found, str)
    assert weight @ found.influence == pytest.approx(0, abs=1e-9)
    for row in range(0, 60, 7):
        more = weight.copy()
        more[row] += step * weight.sum()
        moved = measured(METRICS[name], answers(more, slice(60))).value
        assert moved is not None
        assert (moved - found.value) / step == pytest.approx(found.influence[row], rel=1e-3, abs=1e-4)


def test_every_metric_of_classes_is_held_against_scikit_learn() -> None:
    assert set(metrics_of(Task.MULTICLASS)) == {*OF_DECISIONS, *OF_PROBABILITIES, "top_5_accuracy"}
    assert measured(METRICS["top_5_accuracy"], answers()).reason == "there are only 4 classes"


def test_the_variance_of_kappa_is_that_of_statsmodels() -> None:
    found = linear(METRICS["kappa"], answers())
    assert not isinstance(found, str)
    referee = cohens_kappa(sk.confusion_matrix(LABEL, DECIDED))
    assert found.value == pytest.approx(referee.kappa)
    assert np.sqrt(np.square(found.influence).mean() / N) == pytest.approx(referee.std_kappa)


def test_where_every_row_is_right_there_is_still_an_interval() -> None:
    right = Answers(Task.MULTICLASS, LABEL, LABEL, CLASSES)
    for name in OF_DECISIONS:
        found = measured(METRICS[name], right)
        assert found.value == pytest.approx(1)
        assert found.low is not None
        assert 0.8 < found.low < 1
        assert found.high == pytest.approx(1)


def test_a_class_without_rows_is_left_out_and_its_own_recall_is_none() -> None:
    rows = LABEL != 3
    some = Answers(Task.MULTICLASS, LABEL[rows], GIVEN[rows], CLASSES)
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        referee = sk.balanced_accuracy_score(LABEL[rows], DECIDED[rows])
    assert measured(METRICS["balanced_accuracy"], some).value == pytest.approx(referee)
    assert measured(METRICS["macro_f1"], some).value == pytest.approx(
        sk.f1_score(LABEL[rows], DECIDED[rows], average="macro"))
    auc = np.mean([sk.roc_auc_score(LABEL[rows] == k, GIVEN[rows, k]) for k in range(3)])
    assert measured(METRICS["roc_auc_ovr"], some).value == pytest.approx(auc)
    owl = by_class(some)[3]
    assert (owl.n, owl.recall) == (0, None)
    assert owl.precision is not None
    assert owl.precision[0] == 0


def test_each_class_has_the_precision_recall_and_f1_of_scikit_learn() -> None:
    for weight in (None, WEIGHT):
        precision, recall, f1, _ = sk.precision_recall_fscore_support(LABEL, DECIDED, sample_weight=weight)
        for number, each in enumerate(by_class(answers(weight))):
            for part, referee in ((each.precision, precision), (each.recall, recall), (each.f1, f1)):
                assert part is not None
                assert part[0] == pytest.approx(referee[number])
                assert part[1].low < part[0] < part[1].high


def test_what_is_no_class_or_no_probability_is_refused() -> None:
    for label, given, said in (([0, 4], GIVEN[:2], "number of one of 4 classes"), ([0, 1], GIVEN[:2, :3], "3 probab"),
                               ([0, 1], GIVEN[:2] * 2, r"lie in \[0, 1\]"),
                               ([0, 1], GIVEN[:2] * [[1.0], [0.5]], "row 1 add up to 0.5, not to 1"),
                               ([0, 1], [0, -1], "a class is the number")):
        with pytest.raises(ValueError, match=said):
            measured(METRICS["log_loss"], Answers(Task.MULTICLASS, np.array(label), np.array(given), CLASSES))


def test_cells_of_weighted_rows_are_scikit_learns() -> None:
    weight = np.random.default_rng(3).random(LABEL.size)
    found = cells(Answers(Task.MULTICLASS, LABEL, DECIDED, CLASSES, weight))
    assert found == pytest.approx(sk.confusion_matrix(LABEL, DECIDED, sample_weight=weight / weight.sum()))
