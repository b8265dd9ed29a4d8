"""Latencies by bucket: the error is the one stated, sums are exact, intervals cover as they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlops_tui.analysis.latency import BUCKETS, ERROR, LEAST, bucket, middle, quantile, ranks


def counted(values: np.ndarray) -> np.ndarray:
    return np.bincount(bucket(values), minlength=BUCKETS)


@given(st.lists(st.floats(LEAST, 1e8), min_size=1, max_size=60), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_is_within_one_percent_of_the_exact_one(values: list[float], p: float) -> None:
    exact = np.sort(values)[max(int(np.ceil(p * len(values) - 1e-9)), 1) - 1]
    found = quantile(counted(np.array(values)), p)
    assert found is not None
    assert found.value == pytest.approx(exact, rel=ERROR * 1.001)


def test_buckets_add_up_to_those_of_all_rows_in_any_order() -> None:
    random = np.random.default_rng(1)
    values = random.lognormal(3, 1, 5000)
    parts = [counted(part) for part in np.split(random.permutation(values), 10)]
    assert np.array_equal(sum(parts), counted(values))


def test_the_edges_of_a_bucket_are_within_its_error_of_its_middle() -> None:
    number = np.arange(1, BUCKETS - 1)
    values = middle(number)
    assert bucket(values).tolist() == number.tolist()
    assert bucket(values / (1 + ERROR * 0.999)).tolist() == number.tolist()
    assert bucket(values / (1 - ERROR * 0.999)).tolist() == number.tolist()


@pytest.mark.parametrize("p", [0.5, 0.95, 0.99])
def test_ranks_are_those_of_the_binomial_distribution(p: float) -> None:
    for n in (1, 2, 10, 59, 299, 1000, 20_000):
        law, (low, high) = stats.binom(n, p), ranks(n, p)
        rank = np.arange(1, n + 1)
        lows, highs = rank[law.cdf(rank - 1) <= 0.025], rank[law.sf(rank - 1) <= 0.025]
        assert low == max(lows, default=None)
        assert high == min(highs, default=None)


def test_intervals_cover_the_true_quantile_as_stated() -> None:
    """400 samples: at a coverage of 95 % or more, at least 369 of them (2.5 deviations below 380) hold the truth."""
    random, truth = np.random.default_rng(2), float(np.exp(3 + stats.norm.ppf(0.95)))
    found = [quantile(counted(random.lognormal(3, 1, 400)), 0.95) for _ in range(400)]
    inside = [each is not None and (each.low or 0) * (1 - ERROR) <= truth <= (each.high or np.inf) * (1 + ERROR)
              for each in found]
    assert sum(inside) >= 369


def test_of_nothing_there_is_no_quantile_and_of_few_answers_no_upper_bound() -> None:
    assert quantile(np.zeros(BUCKETS, dtype=int), 0.5) is None
    few = quantile(counted(np.arange(1.0, 51.0)), 0.99)
    assert few is not None
    assert few.high is None
    assert few.low is not None
    with pytest.raises(ValueError, match="not negative"):
        bucket([float("nan")])
