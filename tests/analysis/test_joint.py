"""What two columns say together: an interaction is kept, a main effect is not, however the columns are correlated."""

import numpy as np
import pytest

from mlops_tui.analysis.joint import bins_for, quantile_bins, term

N = 4000
ALL = np.ones(N, dtype=np.bool_)


def test_a_product_is_found_and_its_main_effects_left_out() -> None:
    draw = np.random.default_rng(0)
    a, b = draw.integers(0, 4, (2, N))
    pure = (a - 1.5) * (b - 1.5)
    found = term(a, b, pure + 3.0 * a - 2.0 * b + draw.normal(size=N), ALL)
    centred = pure - pure.mean()
    assert np.corrcoef(found, centred)[0, 1] > 0.98
    assert np.mean(found * centred) / np.mean(centred ** 2) == pytest.approx(1, abs=0.08)


def test_an_additive_truth_of_correlated_columns_leaves_nothing() -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=N)
    y = 0.9 * x + 0.4 * draw.normal(size=N)
    codes = [quantile_bins(each, ALL, 8) for each in (x, y)]
    outcome = np.sin(codes[0] * 1.0) + codes[1] ** 2 / 10
    found = term(codes[0], codes[1], outcome, ALL)
    assert np.abs(found).max() < 0.02 * outcome.std()


def test_noise_is_shrunk_to_almost_nothing() -> None:
    draw = np.random.default_rng(2)
    a, b = draw.integers(0, 10, (2, N))
    assert term(a, b, draw.normal(size=N), ALL).std() < 0.06, "unshrunk cell means would have 0.16"


def test_rows_that_are_held_out_do_not_enter_their_own_term() -> None:
    draw = np.random.default_rng(3)
    a, b = draw.integers(0, 3, (2, N))
    outcome, fitting = (a * b) + draw.normal(size=N), np.arange(N) < 3000
    before = term(a, b, outcome, fitting)
    outcome[~fitting] = 1e6
    assert np.array_equal(term(a, b, outcome, fitting), before)


def test_bins_by_quantiles_with_one_for_no_value() -> None:
    values = np.array([0.0, 1.0, 0.0, 1.0, np.nan])
    assert quantile_bins(values, np.ones(5, dtype=np.bool_), 2).tolist() in ([0, 1, 0, 1, 2], [1, 1, 1, 1, 2])
    binary = np.tile([0.0, 1.0], 50)
    assert len(set(quantile_bins(binary, np.ones(100, dtype=np.bool_), 10).tolist())) == 2
    assert bins_for(10) == 2
    assert bins_for(10**9) == 16
