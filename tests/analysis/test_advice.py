"""Which metric is advised, in which situation."""

import pytest

from mlops_tui.analysis.advice import Situation, advised, of_classes, of_numbers


@pytest.mark.parametrize(("situation", "first"), [
    (Situation(0.3), "roc_auc"), (Situation(0.02), "average_precision"), (Situation(0.97), "average_precision"),
    (Situation(0.3, probabilities=True), "log_loss"), (Situation(0.02, capacity=True), "recall_at_capacity"),
    (Situation(0.02, costs=True, capacity=True, probabilities=True), "expected_cost")])
def test_the_first_metric_follows_from_what_is_known(situation: Situation, first: str) -> None:
    found = advised(situation)
    assert (found[0].metric, found[0].use) == (first, "judge by")
    assert len({each.metric for each in found}) == len(found)
    assert all(each.why for each in found)


def test_accuracy_is_never_what_to_judge_by_and_says_the_majority_share() -> None:
    last = advised(Situation(0.3, costs=True))[-1]
    assert (last.metric, last.use) == ("accuracy", "not by")
    assert "70.0%" in last.why


def test_a_rare_class_has_its_baseline_and_no_roc() -> None:
    found = {each.metric: each for each in advised(Situation(0.02))}
    assert "0.020" in found["average_precision"].why
    assert found["roc_auc"].use == "not by"


def test_several_classes_are_judged_by_how_even_they_are() -> None:
    assert of_classes([0.5, 0.5], False)[0].metric == "accuracy"
    uneven = of_classes([0.9, 0.06, 0.04], False)
    assert uneven[0].metric == "macro_f1"
    assert uneven[-1].why.endswith("90.0%")
    assert of_classes([0.9, 0.06, 0.04], True)[0].metric == "log_loss"


def test_numbers_are_judged_by_what_an_error_of_either_sign_costs() -> None:
    assert of_numbers(1, 1)[0].metric == "mae"
    newsvendor = of_numbers(too_low=9, too_high=1)[0]
    assert newsvendor.metric == "pinball"
    assert "quantile 0.9" in newsvendor.why
    with pytest.raises(ValueError, match="cost something"):
        of_numbers(0, 1)
