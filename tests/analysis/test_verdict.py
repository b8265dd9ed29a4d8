"""What counts as drift: significant among all, larger than matters, and enough rows to have seen it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from mlops_tui.analysis import distance
from mlops_tui.analysis.distance import Bounds
from mlops_tui.analysis.verdict import Evidence, Limits, detectable_ks, detectable_v, judge

LIMITS = Limits()


def evidence(low: float, p: float, *, high: float | None = None, p_high: float | None = None, detectable: float = 0.01,
             column: str = "x") -> Evidence:
    effect = Bounds(low, low if high is None else high)
    return Evidence(column, "ks", effect, Bounds(p if p_high is None else p_high, p), effect, detectable, 0.02)


@pytest.mark.parametrize(("low", "p", "detectable", "drifted", "why"), [
    (0.05, 1e-9, 0.01, True, "KS 0.050, p = 1e-09"),
    (0.05, 0.0, 0.01, True, "KS 0.050, p < 1e-300"),
    (0.019, 1e-9, 0.01, False, "significant, but smaller than matters"),
    (0.02, 1e-9, 0.01, True, "KS 0.020"),
    (0.004, 0.3, 0.01, False, "no shift seen"),
    (0.04, 0.3, 0.08, None, "not enough data: this size sees a KS of 0.080"),
    (0.9, 0.3, 2.4, None, "not enough data: this size sees nothing"),
    (0.3, 1e-9, 0.08, True, "KS 0.300"),
])
def test_the_rule(low: float, p: float, detectable: float, drifted: bool | None, why: str) -> None:
    [found] = judge([evidence(low, p, detectable=detectable)], LIMITS)
    assert (found.drifted, found.open) == (drifted, False)
    assert why in found.reason


def test_one_of_many_must_be_more_significant_than_one_alone() -> None:
    alone = judge([evidence(0.05, 0.03)], LIMITS)[0]
    many = judge([evidence(0.05, 0.03), *(evidence(0.001, 0.9, column=f"x{place}") for place in range(19))], LIMITS)[0]
    assert (alone.drifted, many.drifted) == (True, False)
    assert many.p_adjusted == pytest.approx(0.6)


@pytest.mark.parametrize(("bounds", "open_"), [
    ((0.018, 0.019, 1e-9, 1e-9), False),  # too small at both ends
    ((0.021, 0.023, 1e-9, 1e-9), False),  # large enough at both ends
    ((0.019, 0.021, 1e-9, 1e-9), True),   # the limit lies inside
    ((0.021, 0.023, 0.06, 0.04), True),   # the level of significance lies inside
    ((0.001, 0.019, 0.9, 0.04), False),   # significant or not, it does not matter
])
def test_a_bound_is_open_only_where_it_leaves_two_answers(bounds: tuple[float, ...], open_: bool) -> None:
    low, high, p, p_high = bounds
    assert judge([evidence(low, p, high=high, p_high=p_high)], LIMITS)[0].open is open_


def test_columns_without_a_test_are_not_counted_and_say_why() -> None:
    untested = [Evidence("t", reason="time"), Evidence("e", reason="empty", same=True)]
    found = judge([evidence(0.05, 0.03), *untested], LIMITS)
    assert [each.drifted for each in found] == [True, None, False]
    assert [each.reason for each in found[1:]] == ["time", "empty"]
    assert found[0].p_adjusted == pytest.approx(0.03)
    assert [each.p_adjusted for each in found[1:]] == [None, None]
    assert judge([], LIMITS) == []


@pytest.mark.parametrize(("missing", "drifted"), [
    ((10, 1000, 340, 1000), True),      # one in a hundred, now a third
    ((10, 1000, 30, 1000), False),      # two points more: less than matters
    ((0, 10, 1, 10), False),            # ten points more of ten rows: chance
    ((0, 1000, 1000, 1000), True),
    ((1000, 1000, 1000, 1000), False),
    ((0, 0, 0, 0), False),
])
def test_values_that_are_gone_are_drift(missing: tuple[int, int, int, int], drifted: bool) -> None:
    [found] = judge([replace(evidence(0.004, 0.5), missing=missing)], LIMITS)
    assert found.drifted is drifted
    assert ("missing in" in found.reason) is drifted
    [both] = judge([replace(evidence(0.5, 1e-9), missing=missing)], LIMITS)
    assert both.reason.startswith("KS 0.500, p = 1e-09")
    assert ("; missing in" in both.reason) is drifted
    [untested] = judge([Evidence("x", missing=missing, reason="no values", same=not drifted)], LIMITS)
    assert untested.drifted is drifted


@pytest.mark.parametrize("n", [400, 3000])
def test_the_detectable_distance_is_detected_with_at_least_the_power(n: int) -> None:
    """A uniform whose half is moved by D has its distance at one point, the hardest case; 300 draws, ± 7 points."""
    size, draw, seen = detectable_ks(n, n, 1, LIMITS), np.random.default_rng(n), 0
    for _ in range(300):
        r, c = draw.random(n), np.where(draw.random(n) < 2 * size, draw.random(n) / 2, draw.random(n))
        points = np.sort(np.concatenate([r, c]))
        steps = [np.searchsorted(np.sort(side), points, "right") / n for side in (r, c)]
        seen += distance.ks_p_value(float(np.abs(steps[0] - steps[1]).max()), n, n) <= LIMITS.alpha
    assert seen / 300 >= LIMITS.power - 0.07
    assert seen / 300 <= 0.97, "and it is no gross understatement"


@pytest.mark.parametrize(("n", "m"), [(2000, 2000), (20_000, 1500)])
def test_the_detectable_association_is_detected_with_the_power(n: int, m: int) -> None:
    """400 draws at 80 %: standard error 2 points."""
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    size, draw, seen = detectable_v(n, m, 3, 1, LIMITS), np.random.default_rng(n), 0
    step, direction = 0.0, np.array([1, -1, 1, -1]) / 4
    while math.sqrt(((direction * step) ** 2 / (2 * shares + direction * step)).sum() / 2) < size:
        step += 1e-4
    for _ in range(400):
        found = distance.association(draw.multinomial(n, shares), draw.multinomial(m, shares + direction * step))
        seen += found is not None and found.p_value <= LIMITS.alpha
    assert seen / 400 == pytest.approx(LIMITS.power, abs=0.07)


def test_more_rows_see_less_and_more_columns_need_more() -> None:
    assert detectable_ks(10**6, 10**6, 20, LIMITS) < 0.0035 < detectable_ks(10**4, 10**6, 20, LIMITS)
    assert detectable_ks(1000, 1000, 50, LIMITS) > detectable_ks(1000, 1000, 1, LIMITS)
    assert detectable_ks(1, 1, 1, LIMITS) > 1
    assert detectable_v(1000, 1000, 50, 1, LIMITS) > detectable_v(1000, 1000, 1, 1, LIMITS)


@pytest.mark.parametrize("name", ["ks", "v", "missing", "alpha", "power"])
def test_limits_are_shares(name: str) -> None:
    for bad in (0.0, 1.0, -0.5, math.nan):
        with pytest.raises(ValueError, match=name):
            Limits(**{name: bad})
