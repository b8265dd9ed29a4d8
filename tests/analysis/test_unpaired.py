"""Models on different rows against scipy and pROC's own data."""

import numpy as np
import pytest
from scipy import stats

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.analysis.unpaired import unpaired
from tests.analysis.asah import OUTCOME, S100B, WFNS

rng = np.random.default_rng(3)


def numbers(n: int, noise: float, weight: np.ndarray | None = None) -> Answers:
    label = rng.normal(10, 3, n)
    return Answers(Task.REGRESSION, label, label + rng.normal(0, noise, n), weight=weight)


@pytest.mark.parametrize("name", ["mae", "bias"])
def test_means_over_different_rows_are_compared_by_welchs_t(name: str) -> None:
    a, b = numbers(60, 1.0), numbers(35, 2.0)
    loss = np.abs if name == "mae" else lambda e: e
    theirs = stats.ttest_ind(*(loss(each.given - each.label) for each in (a, b)), equal_var=False)
    ours, bounds = unpaired(METRICS[name], a, b), theirs.confidence_interval(0.9)
    assert (ours.statistic, ours.p_value) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)
    assert ours.at(0.9) == pytest.approx(tuple(bounds), rel=1e-9)


def test_auc_is_procs_unpaired_test() -> None:
    a, b = (Answers(Task.BINARY, OUTCOME == 1, score.astype(float)) for score in (WFNS, S100B))
    found = unpaired(METRICS["roc_auc"], a, b)
    assert (found.statistic, found.p_value) == pytest.approx((1.43490640926908, 0.152825378808796), rel=1e-12)


def test_weights_tasks_and_too_few_rows() -> None:
    uneven = np.ones(40)
    uneven[0] = 1e6
    assert "one row holds" in unpaired(METRICS["mae"], numbers(40, 1.0, uneven), numbers(40, 1.0)).reason
    with pytest.raises(ValueError, match="no metric in common"):
        unpaired(METRICS["mae"], numbers(40, 1.0), Answers(Task.BINARY, OUTCOME == 1, S100B))
    with pytest.raises(ValueError, match="one row has no variance"):
        unpaired(METRICS["mae"], numbers(1, 1.0), numbers(40, 1.0))
