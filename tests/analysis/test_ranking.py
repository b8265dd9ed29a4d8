"""Ranking statistics against brute force over all pairs, scikit-learn, and pROC's published values."""


import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score, roc_auc_score

from mlops_tui.analysis import histogram
from mlops_tui.analysis.ranking import (
    auc_influence,
    average_precision,
    average_precision_influence,
    delong,
    delong_contrast,
    delong_test,
    delong_variance,
    placements,
    resampled_auc,
    resampled_average_precision,
    roc_auc,
    roc_curve,
    score_bins,
    score_edges,
)

FEW_VALUES = st.sampled_from([-2.0, 0.0, 0.5, 0.5000001, 3.0])  # so that ties are common
Array = np.ndarray


@st.composite
def rows(draw: st.DrawFn, models: int = 1) -> tuple[Array, list[Array]]:
    """Labels of both classes, at least two rows of each, and scores with many ties."""
    n = draw(st.integers(4, 30))
    labels = draw(hnp.arrays(np.bool_, n))
    labels[:4] = [True, True, False, False]
    return labels, [draw(hnp.arrays(np.float64, n, elements=FEW_VALUES)) for _ in range(models)]


def pairwise(labels: Array, scores: Array) -> Array:
    """(positives, negatives) of 1 where the positive is above, ½ where tied: the definition, O(n²)."""
    positive, negative = scores[labels][:, None], scores[~labels][None, :]
    return (positive > negative) + 0.5 * (positive == negative)


def brute_covariance(labels: Array, columns: list[Array]) -> Array:
    """DeLong, DeLong & Clarke-Pearson 1988, from the pairs, no ranks and no sort."""
    psi = [pairwise(labels, column) for column in columns]
    rows, cols = np.array([p.mean(axis=1) for p in psi]), np.array([p.mean(axis=0) for p in psi])
    return np.atleast_2d(np.cov(rows) / rows.shape[1] + np.cov(cols) / cols.shape[1])


@given(rows())
@settings(max_examples=60, deadline=None)
def test_auc_and_placements_are_the_share_of_pairs(drawn: tuple[Array, list[Array]]) -> None:
    labels, (scores,) = drawn
    psi = pairwise(labels, scores)
    assert roc_auc(labels, scores) == pytest.approx(psi.mean(), abs=1e-12)
    assert roc_auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    placed = placements(labels, scores)
    assert placed[labels] == pytest.approx(psi.mean(axis=1), abs=1e-12)
    assert placed[~labels] == pytest.approx(psi.mean(axis=0), abs=1e-12)


@given(rows(models=3))
@settings(max_examples=60, deadline=None)
def test_delong_is_brute_force_over_all_pairs(drawn: tuple[Array, list[Array]]) -> None:
    labels, columns = drawn
    models = delong(labels, columns)
    assert models.auc == pytest.approx([pairwise(labels, c).mean() for c in columns], abs=1e-12)
    assert models.covariance == pytest.approx(brute_covariance(labels, columns), abs=1e-12)


def test_delong_is_brute_force_on_continuous_scores() -> None:
    rng = np.random.default_rng(5)
    labels = rng.random(400) < 0.2
    a = rng.normal(size=400) + labels
    columns = [a, np.round(a + rng.normal(size=400), 1), rng.normal(size=400)]
    models = delong(labels, columns)
    expected = brute_covariance(labels, columns)
    assert models.covariance == pytest.approx(expected, abs=1e-12)
    assert delong_variance(labels, a) == pytest.approx(expected[0, 0], abs=1e-12)
    test = delong_test(labels, columns[0], columns[1])
    variance = expected[0, 0] + expected[1, 1] - 2 * expected[0, 1]
    assert test.statistic == pytest.approx(test.estimate / np.sqrt(variance), abs=1e-9)
    assert (test.high or 0) - test.estimate == pytest.approx(1.959963984540054 * np.sqrt(variance), abs=1e-9)


def test_models_that_order_alike_do_not_differ() -> None:
    labels, scores = np.array([0, 1, 0, 1, 1]), np.array([0.1, 0.4, 0.5, 0.6, 0.7])
    same = delong_test(labels, scores, np.exp(scores))
    assert (same.estimate, same.low, same.high, same.statistic, same.p_value) == (0, 0, 0, 0, 1)


def test_two_perfect_models_on_six_rows_are_not_proven_equal() -> None:
    labels = [0, 0, 0, 1, 1, 1]
    test = delong_test(labels, [1, 2, 3, 4, 5, 6], [3, 2, 1, 4, 6, 5])
    assert (test.estimate, test.p_value) == (0, 1)
    assert test.low is not None
    assert test.low < -0.2
    opposite = delong_test(labels, [1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1])
    assert opposite.estimate == 1
    assert opposite.p_value is None
    assert opposite.low is not None
    assert opposite.low > 0
    assert "separated" in opposite.reason


def test_the_difference_is_antisymmetric() -> None:
    rng = np.random.default_rng(2)
    labels = rng.random(80) < 0.4
    models = delong(labels, [rng.normal(size=80), rng.normal(size=80)])
    one, other = delong_contrast(models, 0, 1), delong_contrast(models, 1, 0)
    assert (one.estimate, one.low, one.high, one.p_value) == pytest.approx(
        (-other.estimate, -(other.high or 0), -(other.low or 0), other.p_value))


def test_one_row_of_a_class_has_an_auc_and_no_variance() -> None:
    assert roc_auc([0, 0, 1], [1, 3, 2]) == 0.5
    with pytest.raises(ValueError, match="two rows of each class, here 1 positive and 2 negative"):
        delong([0, 0, 1], [[1, 3, 2]])


@pytest.mark.parametrize("statistic", [roc_auc, average_precision, delong_variance, roc_curve])
def test_bad_input_is_refused(statistic: object) -> None:
    assert callable(statistic)
    with pytest.raises(ValueError, match="only one class"):
        statistic([0, 0, 0], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="not finite, the first in row 1"):
        statistic([0, 1, 0], [0.1, np.nan, 0.3])
    with pytest.raises(ValueError, match="seen: 0, 2"):
        statistic([0, 2, 0], [0.1, 0.2, 0.3])


def test_constant_scores_are_worth_a_coin() -> None:
    labels, scores = [0, 1, 1, 0, 1], [0.3] * 5
    assert roc_auc(labels, scores) == 0.5
    assert average_precision(labels, scores) == pytest.approx(0.6)


@given(rows())
@settings(max_examples=60, deadline=None)
def test_average_precision_is_scikit_learns(drawn: tuple[Array, list[Array]]) -> None:
    labels, (scores,) = drawn
    assert average_precision(labels, scores) == pytest.approx(average_precision_score(labels, scores), abs=1e-12)


@given(rows(), st.integers(2, 12))
@settings(max_examples=60, deadline=None)
def test_score_bins_count_every_row(drawn: tuple[Array, list[Array]], bins: int) -> None:
    labels, (scores,) = drawn
    edges = score_edges(labels, scores, bins)
    assert edges.size <= bins + 1
    counts = score_bins(labels, scores, edges)
    assert counts.sum(axis=1).tolist() == [(~labels).sum(), labels.sum()]


@pytest.mark.parametrize(("prevalence", "tolerance"), [(0.3, 2e-6), (0.02, 1 / 4096), (0.002, 1e-12)])
def test_bins_lose_little_on_many_rows_however_rare_the_positives(prevalence: float, tolerance: float) -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(200_000) < prevalence
    scores = rng.normal(size=200_000) + labels
    binned = histogram.roc_auc(histogram.histogram(labels, scores, score_edges(labels, scores)))
    assert binned.error <= 1 / 4096
    assert binned.value == pytest.approx(roc_auc(labels, scores), abs=tolerance)


def test_windows_add_up() -> None:
    rng = np.random.default_rng(1)
    labels, scores, edges = rng.random(1000) < 0.5, rng.random(1000), np.linspace(0, 1, 65)[:-1]
    first, second = (score_bins(labels[part], scores[part], edges) for part in (slice(0, 400), slice(400, None)))
    assert np.array_equal(first + second, score_bins(labels, scores, edges))


@given(rows())
@settings(max_examples=40, deadline=None)
def test_resampled_statistics_of_the_rows_themselves_are_the_statistics(drawn: tuple[Array, list[Array]]) -> None:
    labels, (scores,) = drawn
    weights = score_bins(labels, scores, score_edges(labels, scores))[None].astype(np.float64)
    assert resampled_auc(weights)[0] == pytest.approx(roc_auc(labels, scores), abs=1e-12)
    assert resampled_average_precision(weights)[0] == pytest.approx(average_precision(labels, scores), abs=1e-12)


@given(rows())
@settings(max_examples=40, deadline=None)
def test_influence_is_the_derivative_by_weight(drawn: tuple[Array, list[Array]]) -> None:
    """Central differences of the weighted statistic, one row's weight at a time; their error goes with step²."""
    labels, (scores,) = drawn
    edges, step = np.unique(scores), 1e-4
    cells = np.searchsorted(edges, scores)
    both = (resampled_auc, auc_influence), (resampled_average_precision, average_precision_influence)
    for statistic, influence in both:
        found = influence(labels, scores)
        assert found.sum() == pytest.approx(0, abs=1e-12)
        weights = np.repeat(score_bins(labels, scores, edges)[None].astype(np.float64), 2 * labels.size, axis=0)
        for i, (positive, cell) in enumerate(zip(labels.astype(int), cells, strict=True)):
            weights[2 * i, positive, cell] += step
            weights[2 * i + 1, positive, cell] -= step
        moved = statistic(weights)
        assert found == pytest.approx((moved[::2] - moved[1::2]) / (2 * step), abs=1e-6)


def test_the_drawn_curve_is_a_part_of_the_true_one() -> None:
    rng = np.random.default_rng(3)
    labels = rng.random(5000) < 0.3
    scores = rng.normal(size=5000) + labels
    curve = roc_curve(labels, scores)
    assert len(curve.false_positive_rate) <= 200
    assert (curve.false_positive_rate[0], curve.true_positive_rate[-1]) == (0, 1)
    assert np.all(np.diff(curve.false_positive_rate) >= 0)
    area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    assert area == pytest.approx(roc_auc(labels, scores), abs=0.01)
