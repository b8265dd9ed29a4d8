"""The judgement of two models: the verdict, non-inferiority, what looks cost, and how often it may be wrong."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.folds import five_by_two_f, five_by_two_t
from mlops_tui.analysis.interval import Contrast, Resampling
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.analysis.paired import contrast as compared
from mlops_tui.analysis.paired import mcnemar
from mlops_tui.analysis.ranking import wald_of
from mlops_tui.analysis.ranks import wilcoxon
from mlops_tui.analysis.significance import Verdict, detectable, judged, rows_needed, turned, verdict
from mlops_tui.analysis.unpaired import unpaired


def contrast(estimate: float, low: float | None, high: float | None, p: float | None) -> Contrast:
    return Contrast(estimate, low, high, None, p, "delong")


@pytest.mark.parametrize(("difference", "margin", "expected"), [
    (contrast(-0.02, -0.03, -0.01, 0.001), 0.0, Verdict.BETTER),
    (contrast(0.02, 0.01, 0.03, 0.001), 0.0, Verdict.WORSE),
    (contrast(-0.02, -0.05, 0.01, 0.2), 0.0, Verdict.INCONCLUSIVE),
    (contrast(-0.02, -0.03, -0.01, 0.001), 0.05, Verdict.EQUIVALENT),
    (contrast(-0.02, -0.06, -0.01, 0.001), 0.05, Verdict.BETTER),
    (contrast(0.0, 0.0, 0.0, 1.0), 0.0, Verdict.EQUIVALENT),
    (contrast(-0.02, None, None, None), 0.05, Verdict.INCONCLUSIVE),
    (contrast(-1.0, -1.2, -0.4, None), 0.0, Verdict.BETTER),
    (contrast(-0.02, -0.03, -0.01, 0.06), 0.0, Verdict.INCONCLUSIVE),  # p is adjusted for several pairs
    (contrast(0.0, -0.0058, 0.0058, 1.0), 0.005, Verdict.EQUIVALENT),  # at 90 %, ±0.00487; at 95 % it is not inside
    (contrast(0.0, -0.0061, 0.0061, 1.0), 0.005, Verdict.INCONCLUSIVE),
])
def test_the_verdict_is_about_b_against_a(difference: Contrast, margin: float, expected: Verdict) -> None:
    assert verdict(difference, higher_is_better=True, margin=margin) == expected
    mirrored = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}.get(expected, expected)
    assert verdict(difference, higher_is_better=False, margin=margin) == mirrored


def test_a_negative_margin_is_refused() -> None:
    with pytest.raises(ValueError, match="margin"):
        verdict(contrast(0, -1, 1, 1), higher_is_better=True, margin=-0.1)


def normal(estimate: float, error: float = 1.0) -> Contrast:
    """A difference whose standard error is known."""
    bounds = wald_of(estimate, error**2)
    return Contrast(estimate, *bounds(0.95), estimate / error, 2 * stats.norm.sf(abs(estimate) / error), "z", "", error,
                    bounds)


# -- equivalence and non-inferiority ----------------------------------------------------------------------------------


@pytest.mark.parametrize("estimate", np.linspace(-4, 4, 17))
def test_equivalence_is_two_one_sided_tests_and_no_worse_is_one_of_them(estimate: float) -> None:
    """Against both tests written out, at 5 % each."""
    margin, found = 2.5, judged(normal(estimate), True, 2.5)
    below, above = stats.norm.sf(estimate + margin), stats.norm.sf(margin - estimate)  # H0: a − b ≤ −margin, ≥ margin
    assert (found.verdict is Verdict.EQUIVALENT) == (max(below, above) <= 0.05)
    assert found.no_worse is (True if above <= 0.05 else False if stats.norm.sf(estimate - margin) < 0.05 else None)
    assert judged(normal(estimate), False, margin).no_worse is judged(turned(normal(estimate)), True, margin).no_worse
    assert found.level == pytest.approx(0.9)


def test_what_is_equivalent_or_better_is_no_worse() -> None:
    for estimate in np.linspace(-6, 6, 49):
        for margin in (0.0, 0.5, 2.0, 3.0):
            found = judged(normal(estimate), True, margin)
            assert found.verdict not in (Verdict.EQUIVALENT, Verdict.BETTER) or found.no_worse is True


@pytest.mark.parametrize("truth", [-4.0, -3.0, -1.5, 0.0, 1.5, 3.0, 4.0])
def test_whatever_the_truth_a_verdict_is_false_at_most_one_time_in_twenty(truth: float) -> None:
    """4,000 differences a − b of known error around a truth, margin 3: false statements at most 5 %, and 3.3 deviations
    of a binomial (1.1 %). At −3, 0 and 3, the edges, it is reached; elsewhere far from it."""
    false = 0
    for estimate in np.random.default_rng(1).normal(truth, 1, 4000):
        found = judged(normal(estimate), True, 3.0)
        said = {Verdict.BETTER: truth < 0, Verdict.WORSE: truth > 0, Verdict.EQUIVALENT: abs(truth) < 3}
        false += not said.get(found.verdict, True) or (found.no_worse is True and truth >= 3)
    assert false / 4000 <= 0.061
    assert truth not in (0.0, 3.0) or false / 4000 > 0.03


# -- what looks cost --------------------------------------------------------------------------------------------------


def test_a_further_look_multiplies_p_and_widens_the_margins_interval() -> None:
    once, six = (judged(normal(2.5), True, 1.0, looks=looks) for looks in (1, 6))
    assert (once.verdict, six.verdict) == (Verdict.WORSE, Verdict.INCONCLUSIVE)
    assert six.p_value == pytest.approx(6 * once.p_value)  # type: ignore[operator]
    assert (once.level, six.level) == (pytest.approx(0.9), pytest.approx(1 - 0.1 / 6))
    assert six.low < once.low  # type: ignore[operator]
    assert judged(normal(0.0, 0.3), True, 1.0, looks=6).verdict is Verdict.EQUIVALENT
    assert judged(normal(0.0, 0.5), True, 1.0, looks=6).verdict is Verdict.INCONCLUSIVE
    assert judged(normal(0.0, 0.5), True, 1.0).verdict is Verdict.EQUIVALENT
    assert judged(normal(0.0, 0.5), True, 1.0, pairs=3, looks=2).level == pytest.approx(1 - 0.1 / 6)


def test_who_looks_six_times_at_equal_models_is_told_yes_no_more_often_than_who_looks_once() -> None:
    """2,000 holdouts of six equal challengers that share rows: unpaid, one is called better too often."""
    rng, paid, unpaid = np.random.default_rng(2), 0, 0
    for _ in range(2000):
        leads = 0.5 * rng.normal() + np.sqrt(0.75) * rng.normal(size=6)
        verdicts = [[judged(normal(lead), True, looks=looks).verdict for lead in leads] for looks in (6, 1)]
        paid += any(each is not Verdict.INCONCLUSIVE for each in verdicts[0])
        unpaid += any(each is not Verdict.INCONCLUSIVE for each in verdicts[1])
    assert paid / 2000 <= 0.05
    assert unpaid / 2000 > 0.15


def test_no_look_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        judged(normal(1), True, looks=0)


# -- every method: size where models are equal, power where they are not ----------------------------------------------


def drawn(rng: np.random.Generator, n: int, better: float = 0.0, weight: bool = False) -> tuple[Answers, Answers]:
    """Two scores that share half their noise, on rows of which 40 % are yes; b sees more of them by `better`."""
    label, shared = rng.random(n) < 0.4, rng.normal(size=n)
    given = [1 / (1 + np.exp(-(shared + rng.normal(size=n) + signal * label - 0.6))) for signal in (1.0, 1.0 + better)]
    heavy = rng.exponential(size=n) if weight else None
    one, other = (Answers(Task.BINARY, label, each, weight=heavy) for each in given)
    return one, other


def by(name: str, n: int = 120, **how: object) -> Callable[[np.random.Generator], Contrast]:
    weight = bool(how.pop("weight", False))
    return lambda rng: compared(METRICS[name], *drawn(rng, n, weight=weight), **how)  # type: ignore[arg-type]


def clustered(rng: np.random.Generator) -> Contrast:
    """40 clusters of five rows that are wrong alike."""
    of, label = np.repeat(np.arange(40), 5), rng.normal(size=200)
    a, b = (Answers(Task.REGRESSION, label, label + np.repeat(rng.normal(size=40), 5) + rng.normal(size=200))
            for _ in range(2))
    return compared(METRICS["mae"], a, b, cluster=of)


def halves(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(5, 2))


METHODS: dict[str, Callable[[np.random.Generator], Contrast]] = {
    "delong": by("roc_auc"), "mcnemar": by("accuracy"), "mcnemar of few": by("accuracy", 40),
    "mcnemar-exact": by("accuracy", method="mcnemar-exact"), "t": by("brier"),
    "t with weights": by("roc_auc", weight=True),
    "f1 with weights": by("f1", weight=True), "bootstrap": by("f1", 150, resampling=Resampling(resamples=200)),
    "clusters": clustered, "unpaired": lambda rng: unpaired(METRICS["roc_auc"], drawn(rng, 80)[0], drawn(rng, 100)[1]),
    "wilcoxon": lambda rng: wilcoxon(rng.standard_t(3, 12)), "5x2cv-t": lambda rng: five_by_two_t(halves(rng)),
    "5x2cv-f": lambda rng: five_by_two_f(halves(rng))}


@pytest.mark.parametrize("name", METHODS)
def test_of_two_equal_models_one_is_called_better_at_most_as_often_as_promised(name: str) -> None:
    """2,000 draws: any verdict in at most 5 % and 3.3 deviations of a binomial (1.6 %), `better` in half of that."""
    rng = np.random.default_rng(7)
    found = [verdict(METHODS[name](rng), True) for _ in range(2000)]
    better, worse = (sum(each is wanted for each in found) / 2000 for wanted in (Verdict.BETTER, Verdict.WORSE))
    assert better + worse <= 0.066
    assert better <= 0.04


def test_delong_finds_a_planted_difference_as_often_as_theory_says() -> None:
    """Binormal scores: AUC is Φ(signal/2) for noise of variance 2; power of a z of the true spread, within 3 points."""
    rng, n, better = np.random.default_rng(3), 300, 0.45
    found = [compared(METRICS["roc_auc"], *drawn(rng, n, better)) for _ in range(2000)]
    truth = stats.norm.cdf(1.0 / 2) - stats.norm.cdf((1.0 + better) / 2)
    estimates = np.array([each.estimate for each in found])
    assert estimates.mean() == pytest.approx(truth, abs=0.002)
    z = abs(truth) / estimates.std()
    theory = stats.norm.sf(1.96 - z) + stats.norm.cdf(-1.96 - z)
    power = np.mean([verdict(each, True) is Verdict.BETTER for each in found])
    assert 0.5 < theory < 0.95
    assert power == pytest.approx(theory, abs=0.03)


def test_mcnemar_finds_a_planted_difference_as_often_as_the_binomial_says() -> None:
    """Exactly, by summing over all tables: 300 rows, of which 8 % are right by a alone and 16 % by b alone."""
    n, only_a, only_b = 300, 0.08, 0.16
    theory = 0.0
    for discordant in range(25, 140):
        chance = stats.binom.pmf(discordant, n, only_a + only_b)
        seen = np.arange(discordant + 1)
        rejected = np.array([mcnemar(int(b), int(discordant - b))[1] <= 0.05 and b < discordant - b for b in seen])
        theory += chance * float(stats.binom.pmf(seen, discordant, only_a / (only_a + only_b))[rejected].sum())
    rng, hits = np.random.default_rng(4), 0
    for _ in range(2000):
        kind = rng.choice(3, n, p=[only_a, only_b, 1 - only_a - only_b])
        label = np.ones(n, dtype=bool)
        a, b = (Answers(Task.BINARY, np.append(label, False), np.append(kind != wrong, 0).astype(float))
                for wrong in (1, 0))
        hits += verdict(compared(METRICS["accuracy"], a, b), True) is Verdict.BETTER
    assert 0.6 < theory < 0.95
    assert hits / 2000 == pytest.approx(theory, abs=0.03)


def test_the_rows_that_are_said_to_be_needed_are_enough_four_times_in_five() -> None:
    rng, margin = np.random.default_rng(5), 0.02
    first = compared(METRICS["brier"], *drawn(rng, 4000))
    n = rows_needed(first, 4000, margin) or 0
    assert detectable(first) == pytest.approx(first.error * (1.959964 + 0.841621), rel=1e-5)
    hits = 0
    for _ in range(2000):
        a, b = drawn(rng, n)
        loss = (a.given - a.label) ** 2 - (b.given - b.label) ** 2 + margin
        t = loss.mean() / (loss.std(ddof=1) / np.sqrt(n))
        hits += t > 1.96
    assert hits / 2000 == pytest.approx(0.8, abs=0.03)
    assert rows_needed(first, 4000, 0.0) is None
    assert detectable(contrast(0.0, 0.0, 0.0, 1.0)) is None


def test_a_difference_turned_about_is_the_other_models() -> None:
    found = turned(turned(normal(1.2)))
    assert found == normal(1.2)
    assert found.at(0.9) == pytest.approx(normal(1.2).at(0.9))
    assert judged(turned(normal(-4)), True).verdict is Verdict.WORSE
