"""Tail probabilities against scipy's."""

import math
from fractions import Fraction

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


@pytest.mark.parametrize("df", [0.5, 1, 2, 3, 4.7, 10, 29, 30.5, 99.5, 1000, 1001, 2e4, 1e6, 1e9])
def test_students_tail_and_quantile_are_scipys(df: float) -> None:
    for t in (0.0, 0.01, 0.5, 1.96, 3.0, 8.0):
        assert tails.student_sf(t, df) == pytest.approx(special.stdtr(df, -t), rel=1e-12, abs=1e-300)
        assert tails.student_sf(-t, df) == pytest.approx(special.stdtr(df, t), rel=1e-12)
    for p in (0.4999, 0.3, 0.1, 0.025, 0.005, 1e-4, 1e-8, 1e-12):
        assert tails.student_isf(p, df) == pytest.approx(-special.stdtrit(df, p), rel=2e-12)
        assert tails.student_isf(1 - p, df) == -tails.student_isf(1 - (1 - p), df)


def test_student_at_its_ends() -> None:
    assert tails.student_sf(2.0, math.inf) == pytest.approx(special.ndtr(-2.0), rel=1e-14)
    assert (tails.student_sf(math.inf, 3), tails.student_sf(-math.inf, 3), tails.student_isf(0.5, 3)) == (0, 1, 0)
    assert tails.student_isf(0.025, math.inf) == tails.normal_isf(0.025)
    for nothing in (tails.student_sf(math.nan, 3), tails.student_sf(1, 0), tails.student_isf(0.1, math.nan)):
        assert math.isnan(nothing)


@pytest.mark.parametrize(("top", "bottom"), [(1, 1), (3, 10), (10, 5), (9, 900), (300, 2000)])
def test_the_tail_of_f_is_scipys(top: float, bottom: float) -> None:
    for f in (1e-9, 0.1, 0.9, 1.0, 1.1, 3.0, 10.0, 200.0):
        assert tails.f_sf(f, top, bottom) == pytest.approx(special.fdtrc(top, bottom, f), rel=2e-12, abs=1e-300)
    assert (tails.f_sf(0, top, bottom), tails.f_sf(math.inf, top, bottom)) == (1, 0)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (0, 5), (3, 9), (12, 24), (100, 500), (4990, 10_000), (9, 9)])
def test_the_binomial_tail_is_the_exact_sum(k: int, n: int) -> None:
    exact = Fraction(sum(math.comb(n, i) for i in range(k + 1)), 2**n)
    assert tails.binomial_cdf(k, n, 0.5) == pytest.approx(float(exact), rel=1e-13)


def test_the_incomplete_beta_function_is_scipys() -> None:
    for a, b in ((0.5, 0.5), (1, 3), (2.5, 40), (300, 200)):
        for x in (0.0, 1e-6, 0.1, 0.5, 0.9, 1.0):
            assert tails.beta_cdf(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-12, abs=1e-300)
    with pytest.raises(ValueError, match="shapes must be positive"):
        tails.beta_cdf(0, 1, 0.5)


def test_functions_of_arrays_are_scipys() -> None:
    x = np.array([[-800.0, -40, -1.5, -1e-9], [0, 0.3, 36, 800]])
    assert tails.expit(x) == pytest.approx(special.expit(x), rel=1e-14, abs=1e-300)
    assert tails.normal_cdf(x / 20) == pytest.approx(special.ndtr(x / 20), rel=1e-13)
    assert tails.erf(x) == pytest.approx(special.erf(x), rel=1e-14)
