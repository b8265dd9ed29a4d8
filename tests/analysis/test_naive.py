"""Naive forecasts know what was known at each row's time, and not a moment more."""

import numpy as np
import pytest

from mlops_tui.analysis.arrays import Counts
from mlops_tui.analysis.naive import forecast, last_known, mase_scale, season_before


def counts(*values: int) -> Counts:
    return np.array(values, dtype=np.int64)


def slowly_last(start: Counts, known: Counts, series: Counts) -> list[int]:
    """Row by row: among rows of the series that started before and are known by now, the newest, the last of equals."""
    found = []
    for row in range(start.size):
        rows = [other for other in range(start.size) if series[other] == series[row] and start[other] < start[row]
                and known[other] <= start[row]]
        found.append(max(rows, key=lambda other: (start[other], other), default=-1))
    return found


def slowly_before(start: Counts, known: Counts, series: Counts, season: int) -> list[int]:
    found = []
    for row in range(start.size):
        chosen = -1
        for back in range(1, int((known - start).max()) // season + 3):
            asked = start[row] - back * season
            rows = [other for other in range(start.size) if series[other] == series[row]
                    and asked - season < start[other] <= asked]
            newest = max(rows, key=lambda other: (start[other], other), default=-1)
            if chosen == -1 and newest != -1 and known[newest] <= start[row]:
                chosen = newest
        found.append(chosen)
    return found


@pytest.mark.parametrize("seed", range(20))
def test_both_equal_a_search_row_by_row(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    start, series = rng.integers(0, 80, n), rng.integers(0, 3, n)
    known = start + rng.integers(0, 25, n)
    assert last_known(start, known, series).tolist() == slowly_last(start, known, series)
    season = int(rng.integers(1, 30))
    assert season_before(start, known, series, season).tolist() == slowly_before(start, known, series, season)


def test_an_outcome_that_comes_late_is_not_known_early() -> None:
    start, known = counts(0, 1, 2, 3), counts(3, 3, 9, 9)
    assert last_known(start, known, counts(0, 0, 0, 0)).tolist() == [-1, -1, -1, 1]


def test_an_outcome_that_is_known_at_once_is_not_known_to_its_own_row_or_those_beside_it() -> None:
    start = counts(5, 5, 6)
    assert last_known(start, start, counts(0, 0, 0)).tolist() == [-1, -1, 1]


def test_a_season_whose_outcome_is_still_to_come_gives_way_to_the_one_before() -> None:
    start = counts(0, 7, 14, 21)
    assert season_before(start, start + 1, counts(0, 0, 0, 0), 7).tolist() == [-1, 0, 1, 2]
    assert season_before(start, start + 8, counts(0, 0, 0, 0), 7).tolist() == [-1, -1, 0, 1]


def test_noon_stays_noon_by_the_local_clock() -> None:
    """A day of 23 hours between the second and the third row: the clock knows, the instants do not."""
    hours = counts(12, 36, 59)
    assert season_before(hours, hours + 1, counts(0, 0, 0), 24, counts(12, 36, 60)).tolist() == [-1, 0, 1]
    assert season_before(hours, hours + 1, counts(0, 0, 0), 24).tolist() == [-1, 0, 0]


def test_where_nothing_was_known_something_else_is_said() -> None:
    values = np.array([3.0, 5.0, 8.0])
    assert forecast(values, counts(-1, 0, 1), 4.0).tolist() == [4.0, 3.0, 5.0]


def test_the_scale_of_mase_is_the_mean_absolute_difference_in_training() -> None:
    """Hyndman & Koehler 2006: of a series 1, 3, 2, 6 the naive errors are 2, 1, 4; the last row is no training row."""
    values, found = np.array([1.0, 3.0, 2.0, 6.0]), counts(-1, 0, 1, 2)
    assert mase_scale(values, found, np.array([True, True, True, True])) == pytest.approx(7 / 3)
    assert mase_scale(values, found, np.array([True, True, True, False])) == 1.5
    assert mase_scale(values, found, np.ones(4, dtype=bool), np.array([9.0, 1.0, 3.0, 0.0])) == 1.25
    assert mase_scale(np.ones(4), found, np.ones(4, dtype=bool)) is None
    assert mase_scale(values, counts(-1, -1, -1, -1), np.ones(4, dtype=bool)) is None


def test_a_season_of_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="takes some time"):
        season_before(counts(1), counts(1), counts(0), 0)
