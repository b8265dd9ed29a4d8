"""A criterion is judged on the confidence bound, and unknown is never met."""

import pytest

from mlops_tui.analysis.criteria import Criterion, Verdict, judge
from mlops_tui.analysis.interval import Estimate


def measured(value: float | None, low: float | None, high: float | None, n: int = 1000) -> Estimate:
    return Estimate("roc_auc", value, low, high, n)


@pytest.mark.parametrize(("low", "high", "verdict"), [
    (0.70, 0.80, Verdict.MET), (0.69, 0.80, Verdict.UNDECIDED), (0.60, 0.70, Verdict.UNDECIDED),
    (0.60, 0.69, Verdict.NOT_MET),
])
def test_at_least_is_judged_on_the_lower_bound(low: float, high: float, verdict: Verdict) -> None:
    assert judge(Criterion("roc_auc", at_least=0.70), measured(0.69, low, high)).verdict == verdict


@pytest.mark.parametrize(("low", "high", "verdict"), [
    (0.01, 0.05, Verdict.MET), (0.01, 0.06, Verdict.UNDECIDED), (0.06, 0.07, Verdict.NOT_MET),
])
def test_at_most_is_judged_on_the_upper_bound(low: float, high: float, verdict: Verdict) -> None:
    assert judge(Criterion("ece", at_most=0.05), measured(0.05, low, high)).verdict == verdict


def test_both_limits_must_be_kept() -> None:
    between = Criterion("slope", at_least=0.8, at_most=1.2)
    assert judge(between, measured(1.0, 0.9, 1.1)).verdict == Verdict.MET
    assert judge(between, measured(1.0, 0.7, 1.1)).verdict == Verdict.UNDECIDED
    assert judge(between, measured(1.4, 1.3, 1.5)).verdict == Verdict.NOT_MET
    assert judge(between, measured(1.4, 1.3, 1.5)).reason == "1.4 [1.3, 1.5] is above 1.2"


def test_too_few_rows_is_said_before_any_value() -> None:
    judged = judge(Criterion("roc_auc", at_least=0.7, min_rows=1000), measured(0.99, 0.98, 1.0, n=999))
    assert (judged.verdict, judged.reason) == (Verdict.TOO_FEW, "999 rows, needs 1000")


@pytest.mark.parametrize("gap", [(None, None, None), (0.9, None, None), (0.9, 0.8, None)])
def test_what_was_not_measured_is_undecided(gap: tuple[float | None, float | None, float | None]) -> None:
    assert judge(Criterion("roc_auc", at_least=0.1), measured(*gap)).verdict == Verdict.UNDECIDED


def test_a_criterion_without_or_with_contradicting_limits_is_refused() -> None:
    with pytest.raises(ValueError, match="neither at_least nor at_most"):
        judge(Criterion("roc_auc"), measured(0.9, 0.8, 1.0))
    with pytest.raises(ValueError, match=r"at least 0\.9 and at most 0\.1"):
        judge(Criterion("roc_auc", at_least=0.9, at_most=0.1), measured(0.9, 0.8, 1.0))
