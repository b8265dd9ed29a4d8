"""Weights that are none are refused, equal ones are no weights, and one heavy row leaves no interval."""

import numpy as np
import pytest

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.metrics import METRICS, measured, metrics_of

rng = np.random.default_rng(7)
LABEL = rng.normal(size=50)
GIVEN = LABEL + rng.normal(size=50)


def of(weight: np.ndarray | None) -> Answers:
    return Answers(Task.REGRESSION, LABEL, GIVEN, weight=weight)


def test_a_trillion_on_every_row_is_no_weight_at_all() -> None:
    for metric in metrics_of(Task.REGRESSION).values():
        assert measured(metric, of(np.full(50, 1e12))) == measured(metric, of(None))


def test_rows_of_no_weight_are_not_there() -> None:
    weight = np.repeat([1.0, 0.0], 25)
    kept = Answers(Task.REGRESSION, LABEL[:25], GIVEN[:25])
    for metric in metrics_of(Task.REGRESSION).values():
        assert measured(metric, of(weight)) == measured(metric, kept)


def test_where_one_row_outweighs_all_others_there_is_a_value_but_no_interval() -> None:
    weight = np.ones(50)
    weight[3] = 60
    found = measured(METRICS["mae"], of(weight))
    assert found.value == pytest.approx(np.average(np.abs(GIVEN - LABEL), weights=weight))
    assert (found.low, found.high, found.reason) == (None, None, "one row holds 55.0% of the weight")
    few = measured(METRICS["mae"], of(np.repeat([1e6, 1.0], [5, 45])))
    assert (few.low, few.reason) == (None, "the weights leave an effective n of 5.0, below 10")


@pytest.mark.parametrize(("bad", "said"), [(-1.0, "not -1 in row 4"), (np.nan, "not nan in row 4"),
                                           (np.inf, "not inf in row 4")])
def test_what_is_no_weight_is_refused_with_its_row(bad: float, said: str) -> None:
    weight = np.ones(50)
    weight[4] = bad
    with pytest.raises(ValueError, match=said):
        measured(METRICS["mae"], of(weight))
    with pytest.raises(ValueError, match="all weights are 0"):
        measured(METRICS["mae"], of(np.zeros(50)))
