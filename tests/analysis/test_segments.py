"""Where the second model is worse: held against scipy's paired t, statsmodels' Holm, and every row counted by hand."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.cost import Costs, cost_contrast
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.analysis.segments import segments, worse
from mlops_tui.analysis.significance import Verdict


def answers(label, given, task=Task.BINARY, **more):
    return Answers(task, label, given, **more)


def two(seed, n=3000, hurt=0.0, noise=0.05):
    """Two models' scores on the same rows of five places; on place 0 the second one's are blurred by `hurt`."""
    draw = np.random.default_rng(seed)
    place, label = draw.integers(0, 5, n), draw.random(n) < 0.3
    before = np.clip(0.3 + 0.3 * (label - 0.3) + draw.normal(0, 0.15, n), 0, 1)
    after = np.clip(before + draw.normal(0, noise, n) + draw.normal(0, 1, n) * hurt * (place == 0), 0, 1)
    return label, before, after, np.char.add("p", place.astype(np.str_))


@pytest.mark.parametrize(("metric", "seed"), [("brier", 0), ("accuracy", 1), ("log_loss", 2)])
def test_means_over_rows_are_scipys_paired_t_with_statsmodels_holm(metric, seed):
    label, before, after, place = two(seed)
    before, after = (np.clip(each, 0.01, 0.99) for each in (before, after))
    rule = {"brier": lambda s: (s - label) ** 2, "accuracy": lambda s: ((s >= 0.5) == label).astype(float),
            "log_loss": lambda s: -np.log(np.where(label, s, 1 - s))}[metric]
    found = segments(METRICS[metric], answers(label, before), answers(label, after), {"place": place})
    sign = 1 if METRICS[metric].higher_is_better else -1
    mine = {each.name: each for each in found}
    names = sorted(mine)
    referee = {name: stats.ttest_rel(rule(after)[place == name], rule(before)[place == name]) for name in names}
    adjusted = multipletests([referee[name].pvalue for name in names], method="holm")[1]
    for name, p in zip(names, adjusted, strict=True):
        inside = place == name
        lead = mine[name].lead
        assert lead.estimate == pytest.approx(sign * (rule(after)[inside] - rule(before)[inside]).mean(), abs=1e-12)
        low, high = sorted(sign * bound for bound in referee[name].confidence_interval(0.95))
        assert (lead.low, lead.high) == pytest.approx((low, high), abs=1e-10)
        assert lead.p_value == pytest.approx(referee[name].pvalue, rel=1e-8)
        assert mine[name].p_adjusted == pytest.approx(p, rel=1e-8)
        assert mine[name].verdict is (Verdict.INCONCLUSIVE if p > 0.05 else
                                      Verdict.BETTER if lead.estimate > 0 else Verdict.WORSE)


@pytest.mark.parametrize("seed", range(3))
def test_auc_in_a_segment_is_the_share_of_pairs_in_order_counted_one_by_one(seed):
    label, before, after, place = two(seed, n=600)
    found = segments(METRICS["roc_auc"], answers(label, before), answers(label, after), {"place": place})
    for each in found:
        inside = place == each.name
        y = label[inside]

        def auc(score, inside=inside, y=y):
            gaps = score[inside][y][:, None] - score[inside][~y][None, :]
            return ((gaps > 0) + 0.5 * (gaps == 0)).mean()

        assert each.before.value == pytest.approx(auc(before))
        assert each.after.value == pytest.approx(auc(after))
        assert each.lead.estimate == pytest.approx(auc(after) - auc(before))


def test_the_one_that_got_worse_is_found_and_comes_first():
    label, before, after, place = two(7, n=6000, hurt=0.5, noise=0.002)
    found = segments(METRICS["roc_auc"], answers(label, before), answers(label, after), {"place": place})
    assert [each.name for each in worse(found)] == ["p0"]
    assert found[0].name == "p0"
    assert found[0].lead.high < 0


def test_alike_models_are_called_worse_somewhere_in_no_more_than_5_percent():
    """Of 200 pairs, 5 % are 10; Binomial(200, 0.05) is above 20 with probability 0.001."""
    false = sum(bool(worse(segments(METRICS["brier"], answers(label, before), answers(label, after), {"place": place})))
                for label, before, after, place in (_alike(seed) for seed in range(200)))
    assert false <= 20


def _alike(seed):
    draw = np.random.default_rng(1000 + seed)
    label, place = draw.random(800) < 0.4, draw.integers(0, 6, 800).astype(np.str_)
    truth = np.where(label, 0.6, 0.3)
    return label, truth + draw.normal(0, 0.1, 800), truth + draw.normal(0, 0.1, 800), place


def test_few_rows_or_one_class_are_not_tested_and_say_so():
    label, before, after, _ = two(1, n=200)
    place = np.where(np.arange(200) < 20, "few", np.where(label, "all late", "none late"))
    found = {each.name: each for each in segments(METRICS["roc_auc"], answers(label, before), answers(label, after),
                                                  {"place": place})}
    assert found["few"].reason == "20 rows, 30 are needed"
    assert found["none late"].reason == "0 rows of one class, 10 are needed"
    assert not any(each.tested for each in found.values())


def test_the_same_answers_are_neither_better_nor_worse():
    label, before, _, place = two(2)
    found = segments(METRICS["roc_auc"], answers(label, before), answers(label, before), {"place": place})
    assert {each.verdict for each in found} == {Verdict.INCONCLUSIVE}
    assert {each.lead.estimate for each in found} == {0.0}


def test_rows_that_vary_together_are_counted_by_group():
    """All rows of a day are moved alike: days are then all that counts, and a t over them says the same."""
    draw = np.random.default_rng(5)
    day, label = np.repeat(np.arange(40), 25), np.zeros(1000)
    gap = draw.normal(0.02, 0.1, 40)[day]
    one = answers(label, np.full(1000, 1.0), Task.REGRESSION, together=day)
    other = answers(label, 1.0 + gap, Task.REGRESSION, together=day)
    [found] = segments(METRICS["mae"], one, other, {"all": np.full(1000, "x")})
    referee = stats.ttest_1samp(gap[::25], 0)
    assert found.lead.p_value == pytest.approx(referee.pvalue, rel=1e-6)


def test_other_rows_are_refused():
    label, before, after, place = two(3, n=100)
    with pytest.raises(ValueError, match="different rows"):
        segments(METRICS["brier"], answers(label, before), answers(~label, after), {"place": place})


@pytest.mark.parametrize("seed", range(3))
def test_what_decisions_save_is_the_mean_difference_of_their_costs(seed):
    label, before, after, _ = two(seed, hurt=0.2)
    costs = Costs(false_positive=20, false_negative=40, true_positive=-5)

    def spent(score):
        yes = score >= 0.4
        return np.where(label, np.where(yes, -5, 40), np.where(yes, 20, 0))

    found = cost_contrast(answers(label, before), answers(label, after), costs, 0.4)
    referee = stats.ttest_rel(spent(before), spent(after))
    assert found.estimate == pytest.approx((spent(before) - spent(after)).mean())
    assert found.p_value == pytest.approx(referee.pvalue, rel=1e-8)
    assert (found.low, found.high) == pytest.approx(tuple(referee.confidence_interval(0.95)))
