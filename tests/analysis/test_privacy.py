"""The arithmetic of private answers against brute force."""

from fractions import Fraction
from random import Random

import pytest

from mlops_tui.analysis.privacy import (
    in_steps,
    laplace_tail,
    mean_interval,
    quantile_scores,
    rank_error,
    score_sensitivity,
    summed,
)


@pytest.mark.parametrize(("low", "high", "whole", "steps"), [
    (-60, 600, True, (-60, 600, 0)), (0.5, 3.5, True, (1, 3, 0)), (0, 1, False, (0, 10_000, 4)),
    (-60, 600, False, (-6000, 60_000, 2)), (0.05, 0.06, False, (50_000, 60_000, 6))])
def test_bounds_become_whole_steps_within_them(low: float, high: float, whole: bool,
                                               steps: tuple[int, int, int]) -> None:
    found = in_steps(low, high, whole=whole)
    assert (found.low, found.high, found.digits) == steps
    assert low <= found.low / found.scale < found.high / found.scale <= high


def test_the_best_score_is_at_the_quantile() -> None:
    chance = Random(5)
    for _ in range(50):
        rows = sorted(chance.randrange(20) for _ in range(chance.randrange(1, 60)))
        cells = [rows.count(value) for value in range(20)]
        at = Fraction(chance.randrange(1, 20), 20)
        scores = quantile_scores(cells, at)
        sides = [(sum(row < edge for row in rows), sum(row >= edge for row in rows)) for edge in range(21)]
        wanted = [abs((1 - at) * below - at * above) * at.denominator for below, above in sides]
        assert scores == wanted


def test_a_row_more_changes_no_score_by_more_than_is_said() -> None:
    chance = Random(6)
    for _ in range(50):
        cells = [chance.randrange(5) for _ in range(12)]
        at = Fraction(chance.randrange(1, 20), 20)
        before = quantile_scores(cells, at)
        cells[chance.randrange(12)] += 1
        most = max(abs(a - b) for a, b in zip(before, quantile_scores(cells, at), strict=True))
        assert most <= score_sensitivity(at, 1)


def test_the_interval_of_a_mean_holds_every_mean_within_the_parts_intervals() -> None:
    low, high = mean_interval(-100, 40, 30, 10)
    assert low is not None
    assert high is not None
    for total in range(-130, -69):
        for count in range(30, 51):
            assert low <= total / count <= high
    assert mean_interval(5, 3, 1, 3) == (None, None)


def test_ten_times_a_tenth_is_one() -> None:
    assert summed([0.1] * 10) == 1


def test_the_rank_is_off_by_more_where_there_are_more_candidates_or_less_epsilon() -> None:
    assert rank_error(2, 10, Fraction(1, 2)) < rank_error(2, 100, Fraction(1, 2)) < rank_error(4, 100, Fraction(1, 2))


def test_the_tail_is_the_sum_of_the_distribution() -> None:
    scale, total = 3.0, sum(2.718281828459045 ** (-abs(k) / 3.0) for k in range(-400, 401))
    for beyond in range(10):
        wanted = sum(2.718281828459045 ** (-abs(k) / 3.0) for k in range(-400, 401) if abs(k) >= beyond) / total
        assert laplace_tail(scale, beyond) == pytest.approx(wanted)
