"""Sums without rounding against Python's fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlops_tui.analysis.exact import BLOCK, exact_sum

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(arrays(np.float64, st.integers(1, 60), elements=FINITE))
def test_any_finite_terms_sum_exactly(terms: np.ndarray) -> None:
    assert exact_sum(terms) == sum(map(Fraction, terms.tolist()))


@pytest.mark.parametrize("spread", [0, 5, 40, 300])
def test_large_columns_sum_exactly_whatever_their_range(spread: int) -> None:
    draw = np.random.default_rng(spread)
    terms = draw.normal(size=2 * BLOCK + 17) * 10.0 ** draw.integers(-spread, spread + 1, 2 * BLOCK + 17)
    assert exact_sum(terms) == sum(map(Fraction, terms.tolist()))


def test_the_order_of_the_terms_does_not_matter_where_a_plain_sum_differs() -> None:
    terms = np.random.default_rng(1).standard_cauchy(50_000)
    shuffled = np.random.default_rng(2).permutation(terms)
    assert terms.sum() != shuffled.sum()
    assert exact_sum(terms) == exact_sum(shuffled)


def test_nothing_sums_to_nothing() -> None:
    assert exact_sum(np.empty(0)) == 0
    assert exact_sum(np.array([-0.0, 0.0])) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_has_no_sum(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        exact_sum(np.array([1.0, bad, 2.0]))
