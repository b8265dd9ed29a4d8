"""Slices that are worse are told from chance: Newcombe's interval, Holm's error rate, and too few rows are said so."""

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.analysis.slices import Standing, apart, slices

MAE, ACCURACY, AUC, BIAS = (METRICS[name] for name in ("mae", "accuracy", "roc_auc", "bias"))


def numbers(error: np.ndarray) -> Answers:
    label = np.linspace(0, 10, error.size)
    return Answers(Task.REGRESSION, label, label + error)


def test_the_difference_of_two_accuracies_has_newcombes_interval() -> None:
    label, given = np.repeat([0, 1], 150), np.zeros(300, dtype=np.int64)
    given[:35], given[250:] = 1, 1
    found = slices(ACCURACY, Answers(Task.MULTICLASS, label, given, ("a", "b")), {"half": np.repeat(["x", "y"], 150)})
    x = next(each for each in found if each.name == "x")
    assert x.difference is not None
    referee = confint_proportions_2indep(115, 150, 50, 150, method="newcomb")
    assert (x.difference.low, x.difference.high) == pytest.approx(referee)
    assert (x.difference.estimate, x.standing) == (pytest.approx(65 / 150), Standing.BETTER)


def test_p_is_below_alpha_exactly_where_the_interval_leaves_out_0() -> None:
    for value in np.linspace(-1, 1, 81):
        found = apart(Estimate("m", value, value - 0.1, value + 0.3, 9), Estimate("m", 0.0, -0.2, 0.1, 9))
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        assert found.p_value is not None
        assert (found.p_value < 0.05) == (found.low > 0 or found.high < 0)


def test_the_level_of_the_intervals_moves_no_verdict() -> None:
    """Nearly so: Student's quantiles are not quite the normal ones."""
    rng = np.random.default_rng(3)
    rows, columns = numbers(rng.normal(size=600)), {"g": rng.choice(list("abc"), 600)}
    wide, usual = ({each.name: each for each in slices(MAE, rows, columns, level)} for level in (0.99, 0.95))
    for name, each in wide.items():
        other = usual[name].difference
        assert each.difference is not None
        assert other is not None
        assert each.difference.p_value == pytest.approx(other.p_value, abs=0.005)
        assert (each.difference.low or 0) < (other.low or 0)


def test_where_no_slice_differs_one_is_called_worse_or_better_in_at_most_5_per_cent_of_samples() -> None:
    rng, wrong, draws = np.random.default_rng(0), 0, 400
    for _ in range(draws):
        found = slices(MAE, numbers(rng.normal(size=300)), {"g": rng.choice(list("abcde"), 300)})
        wrong += any(each.standing in (Standing.WORSE, Standing.BETTER) for each in found)
    assert wrong / draws <= 0.05 + 3 * (0.05 * 0.95 / draws) ** 0.5


def test_a_slice_that_is_worse_is_found_and_comes_first() -> None:
    rng = np.random.default_rng(1)
    group = rng.choice(["a", "b", "c"], 2000)
    score = np.clip(rng.random(2000), 0.001, 0.999)
    label = rng.random(2000) < np.where(group == "b", 0.5, score)
    [first, *others] = slices(AUC, Answers(Task.BINARY, label, score), {"g": group})
    assert (first.name, first.standing) == ("b", Standing.WORSE)
    assert first.p_adjusted is not None
    assert first.p_adjusted < 1e-6
    assert all(each.standing is Standing.BETTER for each in others)


def test_of_a_bias_nearer_to_0_is_better() -> None:
    rng = np.random.default_rng(2)
    group = np.repeat(["low", "none"], 500)
    [first, second] = slices(BIAS, numbers(rng.normal(np.where(group == "low", -1, 0.0))), {"g": group})
    assert [(each.name, each.standing) for each in (first, second)] == [
        ("low", Standing.WORSE), ("none", Standing.BETTER)]


def test_a_slice_of_few_rows_or_one_class_is_not_judged_and_stands_last() -> None:
    rng = np.random.default_rng(3)
    few = slices(MAE, numbers(rng.normal(size=200)), {"g": np.repeat(["few", "many"], [29, 171])})
    assert [(each.name, each.standing, each.reason) for each in few] == [
        ("many", Standing.TOO_FEW, "the rest has 29 rows, 30 are needed"),
        ("few", Standing.TOO_FEW, "it has 29 rows, 30 are needed")]
    label = np.arange(200) % 2 == 0
    group = np.where(label & (np.arange(200) > 20), "yes", "both")
    one = next(each for each in slices(AUC, Answers(Task.BINARY, label, rng.random(200)), {"g": group})
               if each.name == "yes")
    assert (one.standing, one.reason, one.estimate.value) == (
        Standing.TOO_FEW, "it has 0 rows of one class, 10 are needed", None)


def test_weights_of_a_slice_count_by_their_effective_rows() -> None:
    rng = np.random.default_rng(4)
    answers = numbers(rng.normal(size=400))
    heavy = Answers(answers.task, answers.label, answers.given, weight=np.where(np.arange(400) < 10, 1e6, 1.0))
    [first, second] = slices(MAE, heavy, {"g": np.repeat(["a", "b"], 200)})
    reasons = {each.name: each.reason for each in (first, second)}
    assert reasons["a"] == "it has 10 rows, 30 are needed"
