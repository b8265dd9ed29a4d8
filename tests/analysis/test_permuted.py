"""The test against chance: its moments by brute force over all permutations, its size, and what it sees."""

from itertools import permutations

import numpy as np
import pytest

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.permuted import _moments, above_chance

RNG = np.random.default_rng(8)


def made(task: Task, label: np.ndarray, given: np.ndarray) -> Answers:
    return Answers(task, label, given, ("a", "b", "c") if task is Task.MULTICLASS else ())


CASES = [
    (Task.BINARY, np.array([0, 1, 1, 0, 1, 0]), np.array([0.1, 0.9, 0.4, 0.4, 0.8, 0.2])),
    (Task.REGRESSION, np.array([1.0, 5.0, 2.0, 2.0, 9.0, 3.0]), np.array([2.0, 4.0, 2.0, 1.0, 7.0, 0.0])),
    (Task.MULTICLASS, np.array([0, 1, 2, 1, 0, 2]), RNG.dirichlet(np.ones(3), 6)),
    (Task.MULTICLASS, np.array([0, 1, 2, 1, 0, 2]), np.array([0, 1, 1, 1, 2, 2])),
]


@pytest.mark.parametrize(("task", "label", "given"), CASES)
def test_mean_and_variance_are_those_of_all_permutations(task: Task, label: np.ndarray, given: np.ndarray) -> None:
    """Whatever the order of the labels, T less its mean; over all orders its mean is 0 and its variance the stated."""
    every = [_moments(made(task, label[list(order)], given)) for order in permutations(range(6))]
    found = np.array([each[0] for each in every])
    assert found.mean() == pytest.approx(0, abs=1e-12)
    assert {round(each[1], 12) for each in every} == {round(float(found.var()), 12)}


def test_labels_that_nobody_saw_are_called_a_leak_once_in_a_thousand() -> None:
    """20,000 seeded tests of three folds of 40 rows: at level 0.01, 1 % ± four standard errors."""
    rng = np.random.default_rng(3)
    found = [above_chance([made(Task.BINARY, rng.integers(0, 2, 40), rng.normal(size=40)) for _ in range(3)]).p_value
             for _ in range(5000)]
    assert np.mean(np.array(found) < 0.01) == pytest.approx(0.01, abs=4 * np.sqrt(0.01 * 0.99 / 5000))
    assert np.mean(found) == pytest.approx(0.5, abs=4 / np.sqrt(12 * 5000))


def test_answers_that_know_some_of_the_labels_are_above_chance() -> None:
    rng = np.random.default_rng(3)
    label = rng.integers(0, 2, 300)
    assert above_chance([made(Task.BINARY, label, label * 0.8 + rng.normal(size=300))]).above
    against = above_chance([made(Task.BINARY, label, -label + rng.normal(size=300))])
    assert not against.above  # worse than chance is odd, and no leak
    assert against.p_value > 0.999


def test_answers_that_are_all_the_same_say_nothing() -> None:
    with pytest.raises(ValueError, match="do not vary"):
        above_chance([made(Task.BINARY, np.array([0, 1]), np.array([0.5, 0.5]))])
    with pytest.raises(ValueError, match="do not vary"):
        above_chance([])
