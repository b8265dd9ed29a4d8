"""Rows that vary together count as groups: the interval is that of sums, and holds the truth where rows do not."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.clustered import clustered
from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.metrics import METRICS, measured, metrics_of
from mlops_tui.analysis.ranking import precision_curve, roc_curve

DAYS, ROWS, DRAWS = 40, 25, 4000
WHOLE = ("roc_auc", "accuracy", "recall", "brier", "log_loss", "average_precision", "mcc")


def days(generator: np.random.Generator, number: int, rows: int, spread: float = 0.8) -> tuple[Answers, np.ndarray]:
    """Rows of days on each of which more or less happens than the score knows."""
    day = np.repeat(np.arange(number), rows)
    known = generator.normal(size=day.size)
    label = generator.random(day.size) < special.expit(known - 1 + spread * generator.normal(size=number)[day])
    return Answers(Task.BINARY, label, special.expit(known - 1)), day


def test_where_each_row_is_a_group_of_its_own_nothing_changes_but_the_degrees_of_freedom() -> None:
    answers, _ = days(np.random.default_rng(1), 40, 25, 0)
    for name in ("brier", "log_loss"):
        plain, own = measured(METRICS[name], answers), clustered(METRICS[name], answers, np.arange(answers.n))
        assert (own.value, own.low, own.high) == pytest.approx((plain.value, plain.low, plain.high), rel=1e-3)


def test_the_interval_of_a_mean_is_that_of_cluster_robust_least_squares() -> None:
    generator = np.random.default_rng(2)
    day = np.repeat(np.arange(12), generator.integers(1, 9, 12))
    error = generator.normal(size=12)[day] + generator.normal(size=day.size)
    found = clustered(METRICS["bias"], Answers(Task.REGRESSION, np.zeros(day.size), error), day)
    fit = sm.OLS(error, np.ones(day.size)).fit(cov_type="cluster", cov_kwds={"groups": day, "df_correction": True},
                                               use_t=True)
    low, high = fit.conf_int()[0]
    assert (found.value, found.low, found.high) == pytest.approx((fit.params[0], low, high), rel=2e-2)
    assert found.method == "t over 12 groups"


@pytest.mark.parametrize("name", ["roc_auc", "accuracy", "brier"])
def test_it_holds_the_truth_where_the_interval_of_rows_does_not(name: str) -> None:
    generator = np.random.default_rng(3)
    truth = measured(METRICS[name], days(generator, 40_000, ROWS)[0]).value
    assert truth is not None
    drawn = [days(generator, DAYS, ROWS) for _ in range(DRAWS)]
    by_day = np.mean([_holds(clustered(METRICS[name], *each), truth) for each in drawn])
    by_row = np.mean([_holds(measured(METRICS[name], answers), truth) for answers, _ in drawn[:400]])
    assert 0.93 <= by_day <= 0.97
    assert by_row < by_day - (0.06 if name != "roc_auc" else 0), "an order varies less with the day than a share does"


def test_bands_of_curves_hold_the_truth_at_their_points_where_rows_vary_with_the_day() -> None:
    """At false positive rates of 5, 20 and 50 %; of the precision, at recalls of 20, 50 and 80 %."""
    generator = np.random.default_rng(6)
    large = days(generator, 40_000, ROWS)[0]
    roc, pr = roc_curve(large.label, large.given, 2000), precision_curve(large.label, large.given, 2000)
    false, recall = np.array([0.05, 0.2, 0.5]), np.array([0.2, 0.5, 0.8])
    true = np.interp(false, roc.false_positive_rate, roc.true_positive_rate)
    precise = np.interp(recall, pr.recall, pr.precision)
    held, rows = np.zeros((2, 3)), np.zeros((2, 3))
    for draw in range(DRAWS):
        answers, day = days(generator, DAYS, ROWS)
        for seen, groups in ((held, day), (rows, None)):
            if groups is None and draw >= 400:
                continue
            one = roc_curve(answers.label, answers.given, 60, groups=groups)
            two = precision_curve(answers.label, answers.given, 60, groups=groups)
            for place, x, at, curve in ((0, one.false_positive_rate, false, (one.low, one.high, true)),
                                        (1, two.recall, recall, (two.low, two.high, precise))):
                low, high, truth = curve
                seen[place] += (np.interp(at, x, low) <= truth) & (truth <= np.interp(at, x, high))
    assert ((held / DRAWS > 0.925) & (held / DRAWS < 0.98)).all(), held / DRAWS
    assert rows[1, 2] / 400 < held[1, 2] / DRAWS - 0.05, rows / 400


def _holds(found: Estimate, truth: float) -> bool:
    return found.low is not None and found.high is not None and found.low <= truth <= found.high


def test_every_metric_of_every_task_has_one() -> None:
    generator = np.random.default_rng(4)
    day = np.repeat(np.arange(20), 30)
    code = generator.integers(0, 6, day.size)
    chance = generator.dirichlet(np.ones(6), day.size)
    number = generator.normal(10, 2, day.size)
    given = {Task.BINARY: days(generator, 20, 30)[0],
             Task.MULTICLASS: Answers(Task.MULTICLASS, code, chance, tuple("abcdef")),
             Task.REGRESSION: Answers(Task.REGRESSION, number, number + generator.normal(size=day.size))}
    for task, answers in given.items():
        for name, metric in metrics_of(task).items():
            found = clustered(metric, answers, day)
            assert found.value == pytest.approx(measured(metric, answers).value), name
            assert found.low is not None, name
            assert found.high is not None, name
            assert found.low < found.high, name


def test_where_it_cannot_be_told_it_says_why() -> None:
    answers, day = days(np.random.default_rng(5), 4, 25)
    auc = METRICS["roc_auc"]
    assert "only 4 groups" in clustered(auc, answers, day).reason
    alone = clustered(auc, answers, np.zeros(answers.n))
    assert (alone.low, alone.reason) == (None, "all rows are of one group, 0.0")
    one_class = clustered(auc, Answers(Task.BINARY, np.ones(10, bool), np.linspace(0, 1, 10)), np.arange(10))
    assert one_class.value is None
    assert "one class" in one_class.reason
    heavy = Answers(Task.BINARY, answers.label, answers.given, weight=np.r_[1e12, np.ones(answers.n - 1)])
    assert "of the weight" in clustered(auc, heavy, day).reason
    with pytest.raises(ValueError, match="100 rows but 3 names"):
        clustered(auc, answers, [1, 2, 3])
