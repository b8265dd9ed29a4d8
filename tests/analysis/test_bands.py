"""Curves against scikit-learn's, and their bands by simulation: which points they cover, and which they do not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import norm
from sklearn import metrics as sk

from mlops_tui.analysis.interval import wilson
from mlops_tui.analysis.ranking import precision_curve, roc_curve

AT = np.array([0.02, 0.1, 0.3, 0.5, 0.8, 0.95])  # false positive rates, and recalls
FEWEST = 15  # expected rows of either class on either side of a point: with fewer the band is only a rough guide


@given(hnp.arrays(np.bool_, 25), hnp.arrays(np.float64, 25, elements=st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9])))
@settings(max_examples=60, deadline=None)
def test_points_are_scikit_learns_and_lie_in_their_band(labels: np.ndarray, scores: np.ndarray) -> None:
    labels[:2] = [True, False]
    curve, (false, true, _) = roc_curve(labels, scores), sk.roc_curve(labels, scores, drop_intermediate=False)
    assert curve.false_positive_rate == pytest.approx(false, abs=1e-12)
    assert curve.true_positive_rate == pytest.approx(true, abs=1e-12)
    assert np.all((curve.low <= curve.true_positive_rate) & (curve.true_positive_rate <= curve.high))
    falling = precision_curve(labels, scores)
    precision, recall, _ = sk.precision_recall_curve(labels, scores)
    found = recall[:-1][::-1] > 0
    assert falling.recall == pytest.approx(recall[:-1][::-1][found], abs=1e-12)
    assert falling.precision == pytest.approx(precision[:-1][::-1][found], abs=1e-12)
    assert np.all((falling.low <= falling.precision + 1e-12) & (falling.precision <= falling.high + 1e-12))
    assert falling.prevalence == labels.mean()


def test_many_points_are_thinned_to_true_ones_evenly_in_both_rates() -> None:
    rng = np.random.default_rng(3)
    labels = rng.random(50_000) < 0.02
    scores = rng.normal(size=50_000) + 2 * labels
    curve, falling = roc_curve(labels, scores, 100), precision_curve(labels, scores, 100)
    for one, other in ((curve.false_positive_rate, curve.true_positive_rate), (falling.recall, falling.precision)):
        assert 50 < len(one) <= 100
        assert np.diff(one).max() < 0.021
        assert other.max() <= 1
    false, true, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    whole = set(zip(false.tolist(), true.tolist(), strict=True))
    assert set(zip(curve.false_positive_rate.tolist(), curve.true_positive_rate.tolist(), strict=True)) <= whole


def test_where_nothing_varies_the_band_is_wilsons() -> None:
    """Ten positives above all others: a recall of 1 before the first false positive, no certainty."""
    labels, scores = np.arange(40) >= 30, np.arange(40.0)
    curve, falling, bounds = roc_curve(labels, scores), precision_curve(labels, scores), wilson(10, 10)
    at = int(np.flatnonzero(curve.true_positive_rate == 1)[0])
    assert (curve.low[at], curve.high[at]) == (bounds.low, 1)
    assert (falling.low[9], falling.high[9]) == (bounds.low, 1)


@pytest.mark.parametrize(("rows", "prevalence", "signal"), [(400, 0.3, 1.0), (1000, 0.3, 1.5)])
def test_bands_cover_point_by_point(rows: int, prevalence: float, signal: float) -> None:
    """4,000 draws: 95 % ± 0.35 by chance, so 92.5 to 98 for each of the points is beyond seven of these.

    Left out are points with fewer than FEWEST rows of a class expected on either side: there coverage falls to 86 %.
    """
    false = norm.sf(norm.isf(AT) + signal)  # at these recalls
    truths = norm.sf(norm.isf(AT) - signal), prevalence * AT / (prevalence * AT + (1 - prevalence) * false)
    positives, negatives = rows * prevalence, rows * (1 - prevalence)
    solid = [np.minimum.reduce([negatives * f, negatives * (1 - f), positives * t, positives * (1 - t)]) >= FEWEST
             for f, t in ((AT, truths[0]), (false, AT))]
    assert sum(map(np.sum, solid)) >= 4
    draw, covered, draws = np.random.default_rng(rows), np.zeros((2, AT.size)), 4000
    for _ in range(draws):
        labels = draw.random(rows) < prevalence
        scores = draw.normal(size=rows) + signal * labels
        curve, falling = roc_curve(labels, scores, 3 * rows), precision_curve(labels, scores, 3 * rows)
        at = np.searchsorted(curve.false_positive_rate, AT, side="right") - 1
        covered[0] += (curve.low[at] <= truths[0]) & (truths[0] <= curve.high[at])
        at = np.searchsorted(falling.recall, AT)
        covered[1] += (falling.low[at] <= truths[1]) & (truths[1] <= falling.high[at])
    for shares, enough in zip(covered / draws, solid, strict=True):
        assert shares[enough].min() >= 0.925, shares
        assert shares[enough].max() <= 0.98, shares
