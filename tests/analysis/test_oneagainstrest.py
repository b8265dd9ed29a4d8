"""Classes predicted for groups: against scikit-learn by group, weighted and not, and class by class by hand."""

import numpy as np
import pytest
from sklearn import metrics as sk

from mlops_tui.analysis.oneagainstrest import Classes, balanced_accuracy, counted, macro_f1


def made(*, weighted: bool = False, n: int = 800) -> tuple[Classes, dict[str, np.ndarray]]:
    draw = np.random.default_rng(5)
    group, label = draw.integers(3, size=n), draw.integers(4, size=n)
    said = np.where(draw.random(n) < 0.5 + 0.15 * group, label, draw.integers(4, size=n))
    weight = draw.exponential(size=n) if weighted else None
    rows = {"group": group, "label": label, "said": said, "weight": np.ones(n) if weight is None else weight}
    return counted("abc", "wxyz", (group, label, said), weight), rows


@pytest.mark.parametrize("weighted", [False, True])
def test_each_group_is_measured_as_scikit_learn_does(weighted: bool) -> None:
    classes, rows = made(weighted=weighted)
    recalls, f1, right = balanced_accuracy(classes), macro_f1(classes), classes.right.rate("selection_rate")
    for place in range(3):
        own = rows["group"] == place
        given = (rows["label"][own], rows["said"][own])
        weight = rows["weight"][own]
        assert right[place] == pytest.approx(sk.accuracy_score(*given, sample_weight=weight))
        assert recalls[place].value == pytest.approx(sk.balanced_accuracy_score(*given, sample_weight=weight))
        assert f1[place].value == pytest.approx(sk.f1_score(*given, average="macro", sample_weight=weight))
        for each in (recalls[place], f1[place]):
            assert each.low < each.value < each.high


def test_a_class_against_the_rest_is_a_yes_or_no() -> None:
    classes, rows = made()
    cells = classes.against_rest(2)
    for place in range(3):
        own = rows["group"] == place
        label, said = rows["label"][own] == 2, rows["said"][own] == 2
        assert cells.counts[place].tolist() == [[int((~label & ~said).sum()), int((~label & said).sum())],
                                                [int((label & ~said).sum()), int((label & said).sum())]]


def test_classes_that_did_not_come_are_left_out_of_the_mean() -> None:
    table = np.zeros((1, 3, 3), dtype=np.int64)
    table[0, 0, 0], table[0, 1, 1], table[0, 1, 0] = 8, 4, 4
    assert balanced_accuracy(Classes(("a",), ("x", "y", "z"), table))[0].value == pytest.approx(0.75)


def test_the_mean_recall_is_covered() -> None:
    """300 samples of 120 rows; three deviations are 3.8 %."""
    draw, held = np.random.default_rng(1), 0
    for _ in range(300):
        table = np.zeros((1, 2, 2), dtype=np.int64)
        hits = draw.binomial(60, [0.9, 0.6])
        table[0, [0, 1], [0, 1]], table[0, 0, 1], table[0, 1, 0] = hits, 60 - hits[0], 60 - hits[1]
        found = balanced_accuracy(Classes(("a",), ("x", "y"), table))[0]
        held += found.low <= 0.75 <= found.high
    assert held / 300 >= 0.912
