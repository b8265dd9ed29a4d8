"""Group metrics against ProPublica's tables, Fairlearn, AIF360's definitions by hand, and the UCB admissions."""

import math

import numpy as np
import pytest
from fairlearn import metrics as fl
from scipy import stats

from mlops_tui.analysis.consistency import consistency
from mlops_tui.analysis.disparities import average_odds, average_predictive_value, differential_fairness, widest
from mlops_tui.analysis.fairness import SAME, Cells, gaps, overall_gaps
from mlops_tui.analysis.inequality import disparity, inequality
from mlops_tui.analysis.interval import Resampling
from mlops_tui.analysis.proportions import difference_bounds

# Larson, Mattu, Kirchner & Angwin (ProPublica 2016), How We Analyzed the COMPAS Recidivism Algorithm: two-year
# recidivism by low against medium or high risk; (low, high) of those who survived, then of those who recidivated.
COMPAS = {"Black": ((990, 805), (532, 1369)), "White": ((1139, 349), (461, 505))}
FEW = Resampling(200, 1)


def compas(favourable: int) -> Cells:
    """Index 1 is the favourable value of label and decision."""
    tables = np.array([COMPAS[name] for name in ("Black", "White")])
    return Cells(("Black", "White"), tables if favourable else tables[:, ::-1, ::-1])


def rows(cells: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label, decision and group of each row."""
    where = np.argwhere(cells.counts >= 0)
    group, label, decision = np.repeat(where, cells.counts.ravel(), axis=0).T
    return label, decision, group


def drawn(seed: int, groups: int, n: int = 2000) -> Cells:
    draw = np.random.default_rng(seed)
    counts = draw.multinomial(n, draw.dirichlet(np.ones(groups * 4) * 3)).reshape(groups, 2, 2)
    return Cells(tuple("abcdef"[:groups]), counts)


def test_the_error_rates_of_compas_are_as_published() -> None:
    flagged = compas(favourable=1)
    assert flagged.rate("fpr") == pytest.approx([0.4485, 0.2345], abs=5e-5)
    assert flagged.rate("fnr") == pytest.approx([0.2799, 0.4772], abs=5e-5)
    assert flagged.rate("ppv") == pytest.approx([0.6297, 0.5913], abs=5e-5)


def test_the_ratio_of_compas_depends_on_which_answer_is_favourable() -> None:
    assert widest(compas(favourable=1), ("selection_rate",))[1].value == pytest.approx(0.5916, abs=5e-5)
    assert gaps(compas(favourable=0), 1)[0].ratio.value == pytest.approx(0.6316, abs=5e-5)
    assert compas(favourable=0).rate("fnr") == pytest.approx(compas(favourable=1).rate("fpr"))


@pytest.mark.parametrize("seed", range(6))
def test_aggregates_are_fairlearns(seed: int) -> None:
    cells = drawn(seed, 2 + seed % 4)
    label, decision, group = rows(cells)
    given = {"y_true": label, "y_pred": decision, "sensitive_features": group}
    selection, odds, tpr = (widest(cells, rates) for rates in (("selection_rate",), ("tpr", "fpr"), ("tpr",)))
    assert selection[0].value == pytest.approx(fl.demographic_parity_difference(**given))
    assert selection[1].value == pytest.approx(fl.demographic_parity_ratio(**given))
    assert odds[0].value == pytest.approx(fl.equalized_odds_difference(**given))
    assert odds[1].value == pytest.approx(fl.equalized_odds_ratio(**given))
    assert tpr[0].value == pytest.approx(fl.equal_opportunity_difference(**given))
    assert tpr[1].value == pytest.approx(fl.equal_opportunity_ratio(**given))
    for each in (*selection, *odds, *tpr):
        assert each.low <= each.value <= each.high


@pytest.mark.parametrize("seed", range(3))
def test_inequality_and_odds_are_as_aif360_defines_them_row_by_row(seed: int) -> None:
    cells = drawn(seed, 3)
    label, decision, group = rows(cells)
    benefit = decision - label + 1.0
    mean = {g: benefit[group == g].mean() for g in range(3)}
    between = np.array([mean[g] for g in group])

    def entropy(b: np.ndarray) -> float:
        return float(((b / b.mean()) ** 2 - 1).sum() / (2 * b.size))

    def theil(b: np.ndarray) -> float:
        share = b / b.mean()
        return sum(x * math.log(x) for x in share if x > 0) / b.size

    found = {name: each.value for name, each in inequality(cells, FEW).items() if "variation" not in name}
    assert found == pytest.approx({
        "generalized_entropy_index": entropy(benefit), "theil_index": theil(benefit),
        "between_group_generalized_entropy_index": entropy(between), "between_group_theil_index": theil(between)})
    apart = [decision[(group == 0) & (label == y)].mean() - decision[(group == 2) & (label == y)].mean()
             for y in (0, 1)]
    found_mean, found_size = average_odds(cells, 0, 2)
    assert found_mean.value == pytest.approx(sum(apart) / 2)
    assert found_size.value == pytest.approx(sum(map(abs, apart)) / 2)


# Bickel, Hammel & O'Connell (1975), Science 187:398; Freedman, Pisani & Purves: the six largest departments of
# Berkeley, (rejected, admitted) of men, then of women.
UCB = np.array([[[313, 512], [19, 89]], [[207, 353], [8, 17]], [[205, 120], [391, 202]], [[279, 138], [244, 131]],
                [[138, 53], [299, 94]], [[351, 22], [317, 24]]])


def test_the_disparity_of_berkeley_goes_when_departments_are_compared() -> None:
    whole, within = disparity(UCB, FEW)
    assert whole[1].low > 0, "women are a larger share of the rejected than of the admitted"
    assert within[1].value < 0 < whole[1].value
    by_hand = [(d[1, 0] / d[:, 0].sum() - d[1, 1] / d[:, 1].sum(), d.sum()) for d in UCB]
    assert within[1].value == pytest.approx(sum(gap * n for gap, n in by_hand) / UCB.sum())
    assert whole[0].value == pytest.approx(-whole[1].value), "two groups share the whole"


def test_strata_in_which_all_are_decided_alike_compare_nobody() -> None:
    strata = np.array([[[10, 20], [20, 10]], [[0, 50], [0, 7]]])
    assert disparity(strata, FEW)[1][0].value == pytest.approx(10 / 30 - 20 / 30)
    alike = disparity(np.array([[[0, 5], [0, 5]]]), FEW)
    assert alike[0][0].reason == "all are decided alike"
    only = disparity(np.array([[[5, 0], [5, 0]], [[0, 5], [0, 5]]]), FEW)
    assert (only[0][0].value, only[1][0].reason) == (0, "within each stratum all are decided alike")


def test_what_is_undefined_is_none_with_its_reason() -> None:
    cells = Cells(("a", "b", "c"), np.array([[[40, 0], [0, 0]], [[20, 5], [5, 20]], [[0, 0], [10, 30]]]))
    found = {(gap.rate, gap.group): gap for gap in gaps(cells, 1)}
    assert found["tpr", "a"].difference.reason == "no row of a has the favourable label"
    assert found["fpr", "c"].ratio.reason == "every row of c has the favourable label"
    assert found["selection_rate", "a"].ratio.value == 0
    assert found["selection_rate", "a"].ratio.low == 0 < found["selection_rate", "a"].ratio.high < 0.2
    assert {gap.ratio.reason for gap in gaps(cells, 0) if gap.rate == "selection_rate"} == {"the rate of a is 0"}
    alone = Cells(("a", "b"), np.array([[[40, 5], [0, 0]], [[20, 5], [5, 20]]]))
    assert widest(alone, ("tpr",))[0].reason == "the rate is defined for fewer than two groups"


def test_small_groups_are_marked_and_are_no_reference() -> None:
    cells = Cells(("few", "rare", "many"), np.array([[[0, 0], [0, 9]], [[29, 1], [1, 1]], [[900, 50], [20, 30]]]))
    assert cells.few == ("only 9 rows", "2.8 favourable decisions expected", "")
    assert cells.names[cells.most_selected] == "many"


def test_holm_counts_a_question_once() -> None:
    found = gaps(drawn(4, 3), 0)
    by_rate = {(gap.rate, gap.group): gap for gap in found}
    assert by_rate["fnr", "b"].p_adjusted == by_rate["tpr", "b"].p_adjusted
    assert by_rate["accuracy", "c"].p_adjusted == by_rate["error_rate", "c"].p_adjusted
    asked = sorted((gap for gap in found if gap.rate not in SAME), key=lambda gap: gap.p_value)
    assert asked[0].p_adjusted == pytest.approx(min(asked[0].p_value * 12, 1))


def test_the_widest_gap_is_held_at_least_as_often_as_stated() -> None:
    draw, n, rates = np.random.default_rng(3), 150, np.array([0.4, 0.5, 0.55])
    held = [0, 0]
    for _ in range(400):
        counts = np.zeros((3, 2, 2), dtype=np.int64)
        counts[:, 1, 1] = draw.binomial(n, rates)
        counts[:, 1, 0] = n - counts[:, 1, 1]
        difference, ratio = widest(Cells(("a", "b", "c"), counts), ("selection_rate",))
        held[0] += difference.low <= 0.15 <= difference.high
        held[1] += ratio.low <= 0.4 / 0.55 <= ratio.high
    assert min(held) / 400 >= 0.94, held


def test_average_odds_and_inequality_are_covered() -> None:
    """600 samples; three deviations are 2.7 %. More of them, and of more metrics, in tests/bench/bias_coverage.py."""
    draw, shares = np.random.default_rng(6), np.array([[[0.15, 0.10], [0.05, 0.2]], [[0.2, 0.05], [0.1, 0.15]]])
    truth_odds = ((0.1 / 0.25 - 0.05 / 0.25) + (0.2 / 0.25 - 0.15 / 0.25)) / 2
    held = {"odds": 0, "generalized_entropy_index": 0, "theil_index": 0}
    exact = inequality(Cells(("a", "b"), (shares * 10_000).astype(np.int64)), FEW)
    for seed in range(600):
        cells = Cells(("a", "b"), draw.multinomial(400, shares.ravel()).reshape(2, 2, 2))
        odds = average_odds(cells, 0, 1)[0]
        held["odds"] += odds.low <= truth_odds <= odds.high
        for name, each in inequality(cells, Resampling(200, seed)).items():
            if name in held:
                held[name] += each.low <= exact[name].value <= each.high
    assert all(0.923 <= count / 600 <= 0.977 for count in held.values()), held


def weighed(seed: int, groups: int, n: int = 600) -> tuple[Cells, dict[str, np.ndarray]]:
    """Rows of uneven weight, as cells and as they are."""
    draw = np.random.default_rng(seed)
    group, label = draw.integers(groups, size=n), draw.integers(2, size=n)
    decision = (draw.random(n) < 0.2 + 0.1 * group + 0.3 * label).astype(np.int64)
    weight = draw.exponential(size=n)
    at, size = (group * 2 + label) * 2 + decision, groups * 4
    sums = [np.bincount(at, values, size).reshape(-1, 2, 2) for values in (None, weight, weight**2)]
    return Cells(tuple("abcdef"[:groups]), *sums), {"group": group, "y_true": label, "y_pred": decision,
                                                   "sample_weight": weight}


@pytest.mark.parametrize("overall", [False, True])
def test_weighted_rates_and_aggregates_are_fairlearns(overall: bool) -> None:
    cells, rows = weighed(1, 3)
    group, how = rows.pop("group"), "to_overall" if overall else "between_groups"
    given = {**rows, "sensitive_features": group, "method": how}
    difference, ratio = widest(cells, ("selection_rate",), overall=overall)
    assert difference.value == pytest.approx(fl.demographic_parity_difference(**given), abs=1e-12)
    assert ratio.value == pytest.approx(fl.demographic_parity_ratio(**given), abs=1e-12)
    for agg in ("worst", "mean"):
        found = widest(cells, ("tpr", "fpr"), overall=overall, agg=agg)
        theirs = {"agg": "worst_case" if agg == "worst" else agg}
        assert found[0].value == pytest.approx(fl.equalized_odds_difference(**given, **theirs), abs=1e-12)
        assert found[1].value == pytest.approx(fl.equalized_odds_ratio(**given, **theirs), abs=1e-12)
        assert found[0].low <= found[0].value <= found[0].high
    frame = fl.MetricFrame(metrics=fl.true_positive_rate, y_true=rows["y_true"], y_pred=rows["y_pred"],
                           sensitive_features=group, sample_params={"sample_weight": rows["sample_weight"]})
    own = {gap.group: gap for gap in overall_gaps(cells) if gap.rate == "tpr"}
    for place, name in enumerate(cells.names):
        assert own[name].difference.value == pytest.approx(frame.by_group[place] - frame.overall, abs=1e-12)
        assert own[name].ratio.value == pytest.approx(frame.by_group[place] / frame.overall, abs=1e-12)
        assert own[name].ratio.low <= own[name].ratio.value <= own[name].ratio.high


def test_a_weight_of_two_is_two_rows_and_less_is_known_by_it() -> None:
    counts = np.array([[[40, 10], [20, 30]], [[50, 20], [10, 40]]])
    plain, twice = Cells(("a", "b"), counts), Cells(("a", "b"), counts, counts * 2.0, counts * 4.0)
    for one, other in zip(gaps(plain, 0), gaps(twice, 0), strict=True):
        for each, same in ((one.difference, other.difference), (one.ratio, other.ratio)):
            assert (each.value, each.low, each.high) == pytest.approx((same.value, same.low, same.high))
    uneven = Cells(("a", "b"), counts, counts * 2.0, counts * 12.0)
    assert uneven.effective.tolist() == pytest.approx([100 / 3, 120 / 3])
    assert gaps(uneven, 0)[0].difference.high > gaps(plain, 0)[0].difference.high
    assert uneven.few == ("", "")
    assert Cells(("a", "b"), counts, counts * 2.0, counts * 16.0).few == ("only 25 rows' worth", "")


def test_weighted_shares_are_covered_where_weights_vary() -> None:
    """The linearised variance: weights that go with the outcome, 400 samples, 95 % ± three deviations (3.3 %)."""
    draw, held = np.random.default_rng(7), 0
    for _ in range(400):
        yes = draw.random((2, 250)) < np.array([[0.3], [0.5]])
        weight = np.where(yes, draw.exponential(1.0, yes.shape), draw.exponential(2.0, yes.shape))
        sums = [np.zeros((2, 2, 2)) for _ in range(3)]
        for power, values in enumerate(sums):
            values[:, 1, 1] = (weight**power * yes).sum(axis=1)
            values[:, 1, 0] = (weight**power * ~yes).sum(axis=1)
        x, n = Cells(("a", "b"), sums[0].astype(np.int64), sums[1], sums[2]).of("selection_rate")
        low, high = difference_bounds(x[0], n[0], x[1], n[1])
        held += low[0] <= 0.3 / (0.3 + 1.4) - 0.5 / (0.5 + 1.0) <= high[0]
    assert 0.917 <= held / 400 <= 0.983


def test_every_combination_of_groups_is_as_counted_by_hand() -> None:
    cells = drawn(8, 5)
    label, decision, group = rows(cells)
    for rate, top, bottom in (("for", (label == 1) & (decision == 0), decision == 0),
                              ("fdr", (label == 0) & (decision == 1), decision == 1),
                              ("accuracy", label == decision, label >= 0)):
        by_hand = [(top & (group == g)).sum() / (bottom & (group == g)).sum() for g in range(5)]
        assert cells.rate(rate) == pytest.approx(by_hand)
    mean = average_predictive_value(cells, 3, 1)
    ppv, omitted = cells.rate("ppv"), cells.rate("for")
    assert mean.value == pytest.approx((ppv[3] - ppv[1] + omitted[3] - omitted[1]) / 2)
    assert mean.low < mean.value < mean.high


def test_fairness_in_log_ratios_is_smoothed_and_covered() -> None:
    """ln of the widest ratio of either answer; its bounds hold for all pairs at once."""
    counts = np.zeros((3, 2, 2), dtype=np.int64)
    counts[:, 1, 1], counts[:, 1, 0] = (0, 30, 60), (100, 70, 40)
    found = differential_fairness(Cells(("a", "b", "c"), counts))
    assert found.value == pytest.approx(math.log(60.5 / 0.5))
    assert found.low < found.value < found.high
    draw, held, rates = np.random.default_rng(3), 0, np.array([0.3, 0.45])
    truth = max(math.log(0.45 / 0.3), math.log(0.7 / 0.55))
    for _ in range(150):
        counts = np.zeros((2, 2, 2), dtype=np.int64)
        counts[:, 1, 1] = draw.binomial(200, rates)
        counts[:, 1, 0] = 200 - counts[:, 1, 1]
        each = differential_fairness(Cells(("a", "b"), counts))
        held += each.low <= truth <= each.high
    assert held / 150 >= 0.93
    assert differential_fairness(Cells(("a",), counts[:1])).reason == "there is one group only"


def test_alike_rows_that_are_decided_alike_are_consistent() -> None:
    near, decided = np.arange(60.0)[:, None], (np.arange(60) >= 30).astype(np.float64)
    assert consistency(near, decided).value > 0.95
    draw = np.random.default_rng(0)
    at, lots = draw.normal(size=(80, 2)), draw.integers(2, size=80).astype(np.float64)
    by_hand = []
    for row in range(80):
        nearest = np.argsort(np.hypot(*(at - at[row]).T))[:5]
        by_hand.append(abs(lots[row] - lots[nearest].mean()))
    found = consistency(at, lots)
    assert found.value == pytest.approx(1 - np.mean(by_hand))
    assert found.low < found.value < found.high
    assert consistency(at, lots, most=50).n == 50
    assert consistency(at[:3], lots[:3]).reason == "fewer than 5 rows"


def test_fisher_is_scipys_for_the_groups_of_compas() -> None:
    found = {gap.rate: gap for gap in gaps(compas(favourable=1), 1)}
    assert found["selection_rate"].p_value == pytest.approx(
        stats.fisher_exact([[805 + 1369, 990 + 532], [349 + 505, 1139 + 461]]).pvalue, rel=1e-9)
    assert found["ppv"].p_value == pytest.approx(stats.fisher_exact([[1369, 805], [505, 349]]).pvalue, rel=1e-9)


def test_rows_are_as_consistent_wherever_the_zero_of_their_columns_lies() -> None:
    near = np.sort(np.random.default_rng(0).uniform(0, 1000, (500, 1)), axis=0)
    decided = (np.sin(near[:, 0] / 50) > 0).astype(float)
    nearest = np.argsort(np.abs(near - near.T), axis=1, kind="stable")[:, :5]
    by_hand = 1 - np.abs(decided - decided[nearest].mean(axis=1)).mean()
    for zero in (0, 1.7e9):  # the second as seconds since 1970
        assert consistency(near + zero, decided).value == pytest.approx(by_hand)


def test_a_group_that_alone_is_decided_for_has_its_ratio_to_all_rows() -> None:
    cells = Cells(("a", "b"), np.array([[[20, 5], [10, 15]], [[40, 0], [60, 0]]]))
    of = {(gap.rate, gap.group): gap for gap in overall_gaps(cells)}
    ratio = of["selection_rate", "a"].ratio
    assert ratio.value == pytest.approx((20 / 50) / (20 / 150))
    assert ratio.low is not None
    assert 1 < ratio.low < ratio.high == pytest.approx(3)
    assert of["selection_rate", "b"].ratio.value == 0


@pytest.mark.parametrize("step", [0, 0.02])
def test_inequality_between_many_groups_that_are_alike_or_nearly_so_is_covered(step: float) -> None:
    """100 samples of five groups; of at least 95 % that are to be held three deviations are 6.5 %."""
    draw, held = np.random.default_rng(4), dict.fromkeys(("generalized_entropy_index", "theil_index",
                                                         "coefficient_of_variation"), 0)
    favoured = 0.5 + step * np.arange(-2, 3)
    shares = np.stack([np.stack([1 - favoured, favoured], axis=1)] * 2, axis=1)
    shares = shares / shares.sum()
    exact = inequality(Cells(tuple("abcde"), (shares * 1e6).round().astype(np.int64)), FEW)
    for seed in range(100):
        cells = Cells(tuple("abcde"), draw.multinomial(1000, shares.ravel()).reshape(5, 2, 2))
        found = inequality(cells, Resampling(200, seed))
        for name in held:
            each = found[f"between_group_{name}"]
            held[name] += each.low <= (exact[f"between_group_{name}"].value or 0) + 1e-9 and (
                each.high >= exact[f"between_group_{name}"].value)
    assert min(held.values()) >= 89, held
