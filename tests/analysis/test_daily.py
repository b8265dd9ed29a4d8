"""Windows of a monitor: intervals that count days hold the truth as often as they say, where few days vary together."""

from functools import cache

import numpy as np
import pytest
from scipy import special

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.clustered import by_days
from mlops_tui.analysis.daily import Off, expected_error, in_the_large
from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.metrics import METRICS, measured

DAYS, ROWS, DRAWS = (3, 5, 7, 9), 40, 250
LEVELS = (0.95, 0.8)  # a monitor may declare its `confidence`
NODES = np.linspace(-4, 4, 41)
WEIGHTS = np.exp(-NODES**2 / 2) / np.exp(-NODES**2 / 2).sum()


def drawn(random: np.random.Generator, days: int, rows: int = ROWS, shift: float = 0.0,
          spread: float = 0.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, scores and days: on each day more or less happens than usual, of which the score is the mean."""
    day, known = np.repeat(np.arange(days), rows), random.normal(size=days * rows) - 1
    grid = np.linspace(-6, 5, 111)
    score = np.interp(known, grid, special.expit(grid[:, None] + spread * NODES) @ WEIGHTS)
    happens = special.expit(known + shift + spread * random.normal(size=days)[day])
    return random.random(day.size) < happens, score, day


@cache
def truths(shift: float = 0.0, spread: float = 0.5) -> tuple[float, float]:
    """The Brier score and the expected calibration error of all days there are."""
    label, score, day = drawn(np.random.default_rng(1), 10_000, 25, shift, spread)
    brier = measured(METRICS["brier"], Answers(Task.BINARY, label, score)).value
    assert brier is not None
    return brier, expected_error(label, score, day).value


def holds(found: Estimate | Off, truth: float) -> bool:
    return found.low is not None and found.high is not None and found.low <= truth <= found.high


def test_a_metric_of_few_days_holds_the_truth_as_often_as_it_says() -> None:
    """A thousand windows tell 95 % to ± 0.7 points and 80 % to ± 1.3; four of these are allowed either way."""
    random, (truth, _) = np.random.default_rng(2), truths()
    held, rows = {level: 0 for level in LEVELS}, 0
    for days in DAYS:
        for _ in range(DRAWS):
            label, score, day = drawn(random, days)
            answers = Answers(Task.BINARY, label, score, together=day)
            for level in LEVELS:
                found = by_days(METRICS["brier"], answers, level)
                assert found.method.endswith(f"over {days} days")
                held[level] += holds(found, truth)
            rows += holds(measured(METRICS["brier"], answers), truth)
    n = DRAWS * len(DAYS)
    for level, share in held.items():
        assert share / n == pytest.approx(level, abs=4 * (level * (1 - level) / n)**0.5), level
    assert rows / n < 0.88, "rows alone do not"


def test_a_shift_of_few_days_is_held_as_often_as_it_says() -> None:
    random, held, n = np.random.default_rng(3), {level: 0 for level in LEVELS}, 100 * len(DAYS)
    for days in DAYS:
        for _ in range(100):
            label, score, day = drawn(random, days, spread=0.4)
            for level in LEVELS:
                held[level] += holds(in_the_large(label, score, day, level), 0.0)
    for level, share in held.items():
        assert share / n == pytest.approx(level, abs=4 * (level * (1 - level) / n)**0.5), level


@pytest.mark.parametrize(("days", "rows", "spread"), [(3, 40, 0.0), (7, 40, 0.0), (7, 100, 0.3)])
def test_honest_scores_are_surely_off_no_oftener_than_the_level_leaves(days: int, rows: int, spread: float) -> None:
    """Of 250 windows; four standard errors above 5 and 20 %. Their value is far from 0 by chance."""
    random = np.random.default_rng([4, days, rows])
    sure, value = np.zeros(len(LEVELS)), []
    for _ in range(DRAWS):
        found = [expected_error(*drawn(random, days, rows, spread=spread), level) for level in LEVELS]
        sure += [each.low is not None and each.low > 0 for each in found]
        value.append(found[0].value)
    for level, share in zip(LEVELS, sure / DRAWS, strict=True):
        assert share <= 1 - level + 4 * (level * (1 - level) / DRAWS)**0.5, level
    assert np.median(value) > 0.03


def test_scores_that_are_off_are_surely_so_and_the_interval_holds_by_how_much() -> None:
    random, (_, truth) = np.random.default_rng(5), truths(0.9, 0.3)
    found = [expected_error(*drawn(random, 7, 60, 0.9, 0.3)) for _ in range(DRAWS)]
    assert np.mean([each.low is not None and each.low > 0 for each in found]) > 0.85
    assert np.mean([holds(each, truth) for each in found]) > 0.93
    assert all(each.low is not None and each.low <= each.value for each in found)


def test_scores_that_are_too_extreme_are_surely_off_though_their_mean_is_right() -> None:
    random, sure = np.random.default_rng(6), 0
    for _ in range(100):
        odds, day = random.normal(size=700), np.repeat(np.arange(7), 100)
        found = expected_error(random.random(700) < special.expit(0.3 * odds), special.expit(1.5 * odds), day)
        sure += found.low is not None and found.low > 0.05
    assert sure >= 95


def test_two_days_give_no_bounds() -> None:
    label, score, day = drawn(np.random.default_rng(7), 2, 80)
    for found in (expected_error(label, score, day), in_the_large(label, score, day)):
        assert (found.low, found.high, found.reason) == (None, None, "2 days are known, 3 are needed for an interval")
