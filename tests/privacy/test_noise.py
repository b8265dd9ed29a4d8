"""OpenDP's noise: of the scale that theory says, and spending what we say it spends."""

from math import exp, log, sqrt

import pytest

from mlops_tui.analysis.privacy import laplace_tail
from mlops_tui.privacy import noise

DRAWS, FALSE_ALARM = 10_000, 1e-6
# Dvoretzky, Kiefer, Wolfowitz, Massart: P(sup |F_n − F| > t) ≤ 2 exp(−2 n t²), for any distribution
FARTHEST = sqrt(log(2 / FALSE_ALARM) / (2 * DRAWS))


def cumulative(scale: float, at: int) -> float:
    """P(noise ≤ at)."""
    return laplace_tail(scale, -at) / 2 + (1 - exp(-1 / scale)) / (1 + exp(-1 / scale)) / 2 if at == 0 else (
        1 - laplace_tail(scale, at + 1) / 2 if at > 0 else laplace_tail(scale, -at) / 2)


@pytest.mark.parametrize("scale", [0.5, 4.0, 60.0])
def test_ten_thousand_draws_follow_the_discrete_laplace_distribution(scale: float) -> None:
    """Both tolerances give a false alarm less than once in a million runs."""
    drawn = noise.laplace([0] * DRAWS, scale)
    farthest = max(abs(sum(each <= at for each in drawn) / DRAWS - cumulative(scale, at))
                   for at in range(int(-4 * scale) - 1, int(4 * scale) + 2, max(1, int(scale / 4))))
    assert farthest < FARTHEST
    q = exp(-1 / scale)
    mean, square = 2 * q / (1 - q * q), 2 * q / (1 - q) ** 2  # E|X| and E X²
    spread = sqrt((square - mean * mean) / DRAWS)
    assert abs(sum(map(abs, drawn)) / DRAWS - mean) < 5.5 * spread, "the scale is off"


def test_a_wrong_scale_would_be_seen() -> None:
    """The test above can fail: noise of a scale a tenth larger is beyond its tolerance in nearly every run."""
    scale, q = 4.0, exp(-1 / 4.0)
    mean, square = 2 * q / (1 - q * q), 2 * q / (1 - q) ** 2
    drawn = noise.laplace([0] * DRAWS, scale * 1.12)
    assert abs(sum(map(abs, drawn)) / DRAWS - mean) > 5.5 * sqrt((square - mean * mean) / DRAWS)


@pytest.mark.parametrize(("sensitivity", "epsilon"), [(1, 1.0), (5, 0.3), (1800, 0.07), (990, 2.0)])
def test_what_is_spent_is_what_was_asked(sensitivity: int, epsilon: float) -> None:
    assert noise.laplace_loss(sensitivity, sensitivity / epsilon) == pytest.approx(epsilon, rel=1e-9)
    assert noise.least_loss(sensitivity, 2 * sensitivity / epsilon) == pytest.approx(epsilon, rel=1e-9)
    threshold = noise.threshold_for(3, 3 / epsilon, 1e-6)
    spent, delta = noise.threshold_loss(3, 3 / epsilon, threshold)
    assert spent == pytest.approx(epsilon, rel=1e-9)
    assert delta <= 1e-6 < noise.threshold_loss(3, 3 / epsilon, threshold - 1)[1]


def test_the_interval_holds_as_often_as_it_says() -> None:
    """P(|noise| > off) ≤ 0.05 by the distribution itself; and no wider than it need be."""
    for scale in (0.8, 4.0, 33.0):
        off = noise.within(scale)
        assert laplace_tail(scale, int(off) + 1) <= 0.05 + 1e-9
        assert laplace_tail(scale, int(off) - 1) > 0.05


def test_a_key_with_few_rows_is_not_told_and_one_with_many_is() -> None:
    threshold = noise.threshold_for(1, 2.0, 1e-9)
    told = noise.thresholded({"few": 1, "many": threshold + 200}, 2.0, threshold)
    assert list(told) == ["many"]
    assert noise.thresholded({}, 2.0, threshold) == {}


def test_the_least_score_wins_where_it_is_far_ahead() -> None:
    assert noise.least([500, 0, 500], 1.0) == 1


def test_no_values_need_no_noise_and_none_is_too_large() -> None:
    assert noise.laplace([], 1.0) == []
    assert noise.laplace([10 ** 30], 1.0)[0] > 1 << 61
