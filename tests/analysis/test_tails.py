"""Tail probabilities against scipy's."""

import math

import numpy as np
import pytest
from scipy import special, stats

from mlops_tui.analysis import tails


@pytest.mark.parametrize("x", [0.04, 0.2, 0.5, 0.8, 1.0, 1.17, 1.18, 1.36, 2.0, 5.0, 15.0])
def test_kolmogorov_is_scipys(x: float) -> None:
    assert tails.kolmogorov_sf(x) == pytest.approx(special.kolmogorov(x), rel=1e-12, abs=1e-300)


def test_kolmogorov_at_its_ends() -> None:
    assert tails.kolmogorov_sf(0.0) == 1.0
    assert tails.kolmogorov_sf(40.0) == 0.0
    with pytest.raises(ValueError, match="not a number"):
        tails.kolmogorov_sf(math.nan)


@pytest.mark.parametrize("p", [0.999, 0.5, 0.05, 0.0025, 1e-9, 1e-100])
def test_critical_values_are_scipys(p: float) -> None:
    assert tails.kolmogorov_isf(p) == pytest.approx(special.kolmogi(p), rel=1e-12)
    assert tails.normal_isf(p) == pytest.approx(stats.norm.isf(p), rel=1e-12, abs=1e-12)
    for df in (1, 7, 12_345):
        assert tails.chi2_isf(p, df) == pytest.approx(stats.chi2.isf(p, df), rel=1e-9)


@pytest.mark.parametrize("df", [0.5, 1, 2, 3, 10, 99, 1999, 20_000, 200_000])
def test_chi_square_is_scipys_in_the_bulk_and_in_the_tails(df: float) -> None:
    for deviations in (-6, -3, -0.1, 0, 0.1, 1, 3, 6, 20, 200):
        x = max(1e-12, df + deviations * math.sqrt(2 * df))
        assert tails.chi2_sf(x, df) == pytest.approx(special.chdtrc(df, x), rel=1e-8, abs=1e-300), deviations


def test_chi_square_at_its_ends() -> None:
    assert tails.chi2_sf(0, 3) == tails.chi2_sf(-1, 3) == 1.0
    assert tails.chi2_sf(math.inf, 3) == 0.0
    for df in (0, -1, math.nan):
        with pytest.raises(ValueError, match="degrees of freedom"):
            tails.chi2_sf(1, df)


@pytest.mark.parametrize("df", [1, 4, 100, 12_000])
def test_the_noncentral_tail_is_scipys(df: int) -> None:
    for shift in (0.0, 0.3, 8.0, 120.0, 3000.0):
        for x in np.linspace(0.3, 2.0, 7) * (df + shift):
            assert tails.noncentral_chi2_sf(float(x), df, shift) == pytest.approx(stats.ncx2.sf(x, df, shift) if shift
                                                                                   else stats.chi2.sf(x, df), abs=1e-8)


@pytest.mark.parametrize("df", [1, 49, 5000])
def test_the_shift_gives_the_power_that_was_asked_for(df: int) -> None:
    critical = tails.chi2_isf(0.0025, df)
    assert stats.ncx2.sf(critical, df, tails.noncentral_shift(critical, df, 0.8)) == pytest.approx(0.8, abs=1e-6)
    assert tails.noncentral_shift(0.0, df, 0.8) == 0.0


def test_a_probability_lies_inside_its_range() -> None:
    for p in (0.0, 1.0, -0.1, math.nan):
        for call in (tails.kolmogorov_isf, tails.normal_isf, lambda q: tails.chi2_isf(q, 1)):
            with pytest.raises(ValueError, match="between 0 and 1"):
                call(p)
