"""Late outcomes: the curve is Kaplan and Meier's, the bounds of what is missing are those of every way it may end."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import CensoredData, ecdf
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, precision_score, recall_score, roc_auc_score

from mlops_tui.analysis.maturity import curve, extremes, lean

# Weeks in remission on 6-MP; + is censored. Freireich et al. 1963, Blood 21:699; the table of Kalbfleisch & Prentice.
WEEKS = ["6", "6", "6", "6+", "7", "9+", "10", "10+", "11+", "13", "16", "17+", "19+", "20+", "22", "23", "25+", "32+",
         "32+", "34+", "35+"]
REMISSION = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}


def test_the_curve_of_remissions_is_the_published_one() -> None:
    found = curve([float(each.rstrip("+")) for each in WEEKS], [not each.endswith("+") for each in WEEKS])
    assert found.age.tolist() == list(REMISSION)
    assert (1 - found.share) == pytest.approx(list(REMISSION.values()), abs=5e-4)
    assert (found.n, found.waiting) == (21, 12)
    assert found.at([0, 6, 9.9, 50]) == pytest.approx([0, 0.143, 0.193, 0.552], abs=5e-4)
    assert (found.age_of(0.5), found.age_of(0.6)) == (23, None)


def test_shares_and_bounds_are_those_of_scipy() -> None:
    generator = np.random.default_rng(1)
    delay, cut = generator.gamma(2, 5, 300).round(), generator.uniform(1, 30, 300).round()
    arrived = delay <= cut
    age = np.minimum(delay, cut)
    found = curve(age, arrived)
    referee = ecdf(CensoredData(uncensored=age[arrived], right=age[~arrived])).cdf
    bounds = referee.confidence_interval(method="log-log")
    kept = np.isin(referee.quantiles, found.age)
    assert found.share == pytest.approx(referee.probabilities[kept], abs=1e-12)
    inside = np.isfinite(found.low)
    assert inside.sum() > 15
    assert found.low[inside] == pytest.approx(bounds.low.probabilities[kept][inside], abs=1e-9)
    assert found.high[inside] == pytest.approx(bounds.high.probabilities[kept][inside], abs=1e-9)


def test_the_newest_days_do_not_bend_the_curve() -> None:
    """Counting what is in of all rows would say that few ever come: the newest are not old enough."""
    generator = np.random.default_rng(2)
    made, delay = generator.uniform(0, 10, 20_000), generator.gamma(2, 1.5, 20_000)
    delay[generator.random(20_000) < 0.1] = np.inf
    now = 10 - made
    found = curve(np.minimum(delay, now), delay <= now)
    truth = [(delay <= age).mean() for age in (1, 3, 6)]
    assert found.at([1, 3, 6]) == pytest.approx(truth, abs=0.015)
    assert (delay <= now).mean() < 0.7 < found.at(9.0)


@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_no_way_the_missing_may_end_lies_beyond_the_bounds_and_some_lies_on_them(threshold: float) -> None:
    generator = np.random.default_rng(3)
    for _ in range(3):
        labels = np.concatenate([[True, False], generator.random(7) < 0.4])
        scores, missing = generator.integers(0, 8, 9) / 7, generator.integers(0, 8, 5) / 7
        found = extremes(labels, scores, missing, threshold)
        every = np.concatenate([scores, missing])
        said = every >= threshold
        ends: dict[str, list[float]] = {}
        for rest in product([False, True], repeat=5):
            y = np.concatenate([labels, rest])
            for name, value in (("share", y.mean()), ("roc_auc", roc_auc_score(y, every)),
                                ("accuracy", accuracy_score(y, said)), ("brier", brier_score_loss(y, every)),
                                ("precision", precision_score(y, said, zero_division=np.nan)),
                                ("recall", recall_score(y, said)), ("f1", f1_score(y, said))):
                ends.setdefault(name, []).append(value)
        assert set(found) == set(ends)
        for name, each in found.items():
            assert (each.low, each.high) == pytest.approx((min(ends[name]), max(ends[name])), abs=1e-12), name


def test_what_is_undefined_has_no_bounds() -> None:
    found = extremes(np.zeros(3, np.bool_), np.array([0.1, 0.2, 0.3]), np.array([0.9]), 0.5)
    assert "recall" not in found
    assert "roc_auc" not in found
    assert extremes(np.zeros(0, np.bool_), np.zeros(0), np.zeros(0), 0.5) == {}


def test_early_outcomes_that_differ_from_late_ones_are_told() -> None:
    """What happens is known later: a look at the early ones sees too little of it, by as much as was planted."""
    generator = np.random.default_rng(4)
    day = np.repeat(np.arange(30), 400)
    value = (generator.random(day.size) < 0.3).astype(float)
    early = generator.random(day.size) < np.where(value == 1, 0.6, 0.9)
    found = lean(value, early, day)
    assert found is not None
    assert found.surely
    assert found.low < 0.18 / 0.81 - 0.3 < found.high
    fair = lean(value, generator.random(day.size) < 0.8, day)
    assert fair is not None
    assert not fair.surely
    assert lean(value[:400], early[:400], day[:400]) is None


@pytest.mark.parametrize(("age", "arrived"), [([], []), ([1.0, np.nan], [1, 1]), ([1.0], [1, 0])])
def test_rows_without_an_age_are_refused(age: list[float], arrived: list[int]) -> None:
    with pytest.raises(ValueError, match="age"):
        curve(age, arrived)
