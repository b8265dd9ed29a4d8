"""Precision and recall of the k highest scores: every way of breaking ties, and intervals that cover."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlops_tui.analysis.capacity import at_capacity


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.5, 0.9])), min_size=1, max_size=9),
       st.integers(1, 12))
@settings(max_examples=80, deadline=None)
def test_ties_at_the_cut_count_as_the_mean_over_all_ways_of_breaking_them(
    rows: list[tuple[bool, float]], capacity: int
) -> None:
    labels, scores = np.array([y for y, _ in rows]), np.array([s for _, s in rows])
    found, taken = at_capacity(labels, scores, capacity), min(capacity, len(rows))
    order = np.sort(scores)[::-1]
    sure = np.flatnonzero(scores > order[taken - 1])
    tied = np.flatnonzero(scores == order[taken - 1])
    hits = [labels[[*sure, *chosen]].sum() for chosen in combinations(tied, taken - sure.size)]
    assert found.precision.value == pytest.approx(np.mean(hits) / taken)
    assert (found.threshold, found.tied, found.flagged) == (order[taken - 1], tied.size, taken - sure.size)
    if labels.any():
        assert found.recall.value == pytest.approx(np.mean(hits) / labels.sum())
    else:
        assert (found.recall.value, found.recall.reason) == (None, "no row is positive")


def test_all_rows_hold_every_positive_for_certain() -> None:
    found = at_capacity([0, 1, 1], [0.2, 0.9, 0.7], 10)
    assert (found.recall.value, found.recall.low, found.recall.reason) == (1, None, "all rows are taken")
    assert found.precision.value == pytest.approx(2 / 3)


def test_ten_hits_of_ten_do_not_prove_perfection() -> None:
    found = at_capacity(np.arange(100) >= 80, np.arange(100), 10).precision
    assert (found.value, found.high) == (1, 1)
    assert found.low is not None
    assert found.low < 0.75


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row, not 0"):
        at_capacity([0, 1], [0.1, 0.2], 0)
    with pytest.raises(ValueError, match="not finite"):
        at_capacity([0, 1], [0.1, np.nan], 1)


@pytest.mark.parametrize(("rows", "capacity"), [(1000, 100), (400, 40), (1000, 500)])
def test_intervals_cover_what_the_same_share_of_all_rows_would_give(rows: int, capacity: int) -> None:
    """4,000 draws of two normal classes, 20 % positive: 95 % ± 0.35 by chance, so 93 to 97 is five of these away."""
    share, signal, prevalence = capacity / rows, 1.5, 0.2
    grid = np.linspace(-8, 10, 200_001)
    flagged = prevalence * stats.norm.sf(grid - signal) + (1 - prevalence) * stats.norm.sf(grid)
    cut = float(np.interp(share, flagged[::-1], grid[::-1]))
    recall = float(stats.norm.sf(cut - signal))
    draw, covered = np.random.default_rng(rows + capacity), np.zeros(2)
    for _ in range(4000):
        labels = draw.random(rows) < prevalence
        found = at_capacity(labels, draw.normal(size=rows) + signal * labels, capacity)
        for i, (each, truth) in enumerate(((found.precision, recall * prevalence / share), (found.recall, recall))):
            assert each.low is not None
            assert each.high is not None
            covered[i] += each.low <= truth <= each.high
    assert covered.min() >= 0.93 * 4000
    assert covered.max() <= 0.97 * 4000
