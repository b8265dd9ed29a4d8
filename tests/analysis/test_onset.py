"""The day on which a series changed is found where there is one, and not where there is none."""

import numpy as np
import pytest

from mlops_tui.analysis.onset import onset


def series(change: float, seed: int, days: int = 40, at: int = 25) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return draw.normal(size=days) + change * (np.arange(days) >= at)


def test_a_large_change_is_found_on_its_day() -> None:
    found = onset(series(8.0, 1), np.full(40, 500.0))
    assert found is not None
    assert (found.place, found.low, found.high) == (25, 25, 25)
    assert found.after - found.before == pytest.approx(8.0, abs=1.0)
    assert found.seen


def test_the_interval_holds_the_day_as_often_as_it_says() -> None:
    """95 % of 60: 51 or fewer come in 1 of 2,000 runs."""
    each = [onset(series(1.5, seed), np.ones(40)) for seed in range(60)]
    assert sum(one is not None and one.low <= 25 <= one.high for one in each) >= 52


def test_no_change_is_rarely_seen() -> None:
    """5 % of 60: 9 or more come in 1 of 300 runs."""
    each = [onset(series(0.0, seed), np.ones(40)) for seed in range(200, 260)]
    assert sum(one is not None and one.seen for one in each) <= 8


def test_heavier_days_count_more() -> None:
    values, weights = np.zeros(20), np.ones(20)
    values[3], values[10:] = 5.0, 1.0
    weights[3] = 1e-6
    found = onset(values, weights)
    assert found is not None
    assert found.place == 10


@pytest.mark.parametrize("values", [np.arange(10.0), np.ones(30)])
def test_too_few_days_or_equal_ones_say_nothing(values: np.ndarray) -> None:
    assert onset(values, np.ones(values.size)) is None
