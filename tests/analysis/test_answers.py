import numpy as np
import pytest

from mlops_tui.analysis.answers import Answers, Task


def test_a_row_that_weighs_nearly_all_leaves_one_effective_row() -> None:
    label = np.zeros(4)
    assert Answers(Task.REGRESSION, label, label).effective == 4
    assert Answers(Task.REGRESSION, label, label, weight=np.full(4, 1e12)).effective == pytest.approx(4)
    assert Answers(Task.REGRESSION, label, label, weight=np.array([1, 1, 1, 1e12])).effective == pytest.approx(1)


def test_a_class_is_the_most_probable_one_and_the_first_of_equal_ones() -> None:
    given = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])
    assert Answers(Task.MULTICLASS, np.array([1, 0]), given, ("a", "b", "c")).decided.tolist() == [1, 0]
    assert Answers(Task.MULTICLASS, np.array([1, 0]), np.array([2, 0]), ("a", "b", "c")).decided.tolist() == [2, 0]
    with pytest.raises(ValueError, match="gives no classes"):
        _ = Answers(Task.BINARY, np.array([True, False]), np.array([0.1, 0.2])).decided


def test_answers_and_weights_belong_to_the_same_rows() -> None:
    with pytest.raises(ValueError, match="2 labels but 3 answers"):
        Answers(Task.REGRESSION, np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="2 labels but 1 weights"):
        Answers(Task.REGRESSION, np.zeros(2), np.zeros(2), weight=np.ones(1))


def test_some_rows_keep_their_own_labels_answers_and_weights() -> None:
    whole = Answers(Task.REGRESSION, np.arange(4.0), np.arange(4.0) + 1, weight=np.arange(4.0) + 2)
    for rows in (np.array([False, True, False, True]), np.array([1, 3])):
        part = whole.of(rows)
        assert part.weight is not None
        assert (part.label.tolist(), part.given.tolist(), part.weight.tolist()) == ([1, 3], [2, 4], [3, 5])


def test_rows_are_counted_where_there_are_fewer_than_ten_groups() -> None:
    label = np.zeros(90)
    few, enough = (Answers(Task.REGRESSION, label, label, together=np.arange(90) % groups) for groups in (9, 10))
    assert (few.groups, few.clusters) == (9, None)
    assert enough.clusters is enough.together
    some = enough.of(np.arange(90) < 5)
    assert some.groups == 5
    with pytest.raises(ValueError, match="90 labels but 3 numbers of groups"):
        Answers(Task.REGRESSION, label, label, together=np.arange(3))
