"""What every statistic refuses, in words that name the row and the value."""

import numpy as np
import pytest

from mlops_tui.analysis.arrays import binary, finite, labelled, probabilities, two_classes


def test_labels_may_be_booleans_whole_numbers_or_floats() -> None:
    for labels in ([True, False], [1, 0], [1.0, 0.0]):
        assert binary(labels).tolist() == [True, False]


@pytest.mark.parametrize(("labels", "seen"), [
    ([0, 1, 2], "0, 1, 2"), ([0.5, 1.0], "0.5, 1.0"), (["yes", "no"], "'yes', 'no'"),
    ([1.0, float("nan")], "1.0, nan"), (list(range(9)), "0, 1, 2, 3, 4, …"),
])
def test_other_labels_are_refused_with_what_was_seen(labels: list[object], seen: str) -> None:
    with pytest.raises(ValueError, match="labels must be 0 or 1") as refused:
        binary(labels)  # type: ignore[arg-type]
    assert str(refused.value).endswith(f"seen: {seen}")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_no_number_is_named_by_its_row(bad: float) -> None:
    with pytest.raises(ValueError, match="1 scores are not finite, the first in row 2"):
        finite([0.1, 0.2, bad])


def test_scores_outside_the_unit_interval_are_named() -> None:
    with pytest.raises(ValueError, match=r"2 scores lie outside \[0, 1\], the first in row 1: 1.5"):
        probabilities([0, 1, 1], [0.5, 1.5, -0.1])


def test_rows_must_match_and_exist() -> None:
    with pytest.raises(ValueError, match="2 labels but 1 scores"):
        labelled([0, 1], [0.5])
    with pytest.raises(ValueError, match="no rows"):
        labelled([], [])
    with pytest.raises(ValueError, match="one column"):
        labelled([[0, 1]], [0.5, 0.5])
    with pytest.raises(ValueError, match="one column"):
        finite([[0.5]])


def test_one_class_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="only one class: all 3 labels are 1"):
        two_classes([1, 1, 1], [0.1, 0.2, 0.3])
