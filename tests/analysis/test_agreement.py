"""κ and α against published tables and the referees, what is undefined, and how often the intervals hold the truth."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import inter_rater

from mlops_tui.analysis.agreement import Decisions, agreements, decisions, kappa, of_decider
from mlops_tui.analysis.interval import Resampling

FEW = Resampling(200, 1)

# Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, sections C to E: 4 observers, 12 units; 0: none
KRIPPENDORFF = np.array([[1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0], [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
                         [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0], [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0]]).T - 1
# Fleiss (1971), Psychol. Bull. 76:378, table 1: 30 patients, 6 psychiatrists, five diagnoses, κ = 0.430
FLEISS = ("444444 222555 233335 555555 222444 113333 333355 113334 114444 555555 144444 124444 222333 144444 224445 "
          "333335 111455 111112 224444 133555 555555 244444 224555 114444 144445 222224 111155 224444 133333 555555")


def of(codes: np.ndarray, kinds: int) -> Decisions:
    return decisions(np.asarray(codes, dtype=np.int64), np.arange(1.0, kinds + 1))


def drawn(seed: int, cases: int, deciders: int, kinds: int, alike: float, missing: float = 0.0) -> np.ndarray:
    """Deciders who see the truth with a probability, and otherwise guess."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(kinds, size=(cases, 1))
    codes = np.where(draw.random((cases, deciders)) < alike, truth, draw.integers(kinds, size=(cases, deciders)))
    return np.where(draw.random((cases, deciders)) < missing, -1, codes)


def test_alpha_is_as_published_on_every_scale() -> None:
    found = agreements(of(KRIPPENDORFF, 5), "interval", FEW)
    assert [round(found[f"alpha_{scale}"].value, 3) for scale in ("nominal", "ordinal", "interval")] == [
        0.743, 0.815, 0.849]
    assert found["alpha_nominal"].n == 11, "a unit of one observer says nothing of agreement"


def test_alpha_of_two_observers_is_as_published() -> None:
    """Krippendorff (2011), section A: two observers, ten units, binary."""
    codes = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]).T
    assert agreements(of(codes, 2), "nominal", FEW)["alpha_nominal"].value == pytest.approx(0.095, abs=5e-4)


def test_fleiss_kappa_of_psychiatric_diagnoses_is_as_published() -> None:
    codes = np.array([[int(digit) - 1 for digit in patient] for patient in FLEISS.split()])
    assert agreements(of(codes, 5), "nominal", FEW)["fleiss_kappa"].value == pytest.approx(0.430, abs=5e-4)


@pytest.mark.parametrize("seed", range(4))
def test_kappas_are_those_of_the_referees(seed: int) -> None:
    codes = drawn(seed, 200, 3, 4, 0.5)
    found = agreements(of(codes, 4), "ordinal", FEW)
    tables, _ = inter_rater.aggregate_raters(codes, n_cat=4)
    assert found["fleiss_kappa"].value == pytest.approx(inter_rater.fleiss_kappa(tables), abs=1e-12)
    for name, weights in (("cohen_kappa", None), ("cohen_kappa_linear", "linear"),
                          ("cohen_kappa_quadratic", "quadratic")):
        pairs = [cohen_kappa_score(codes[:, a], codes[:, b], weights=weights) for a, b in combinations(range(3), 2)]
        assert found[name].value == pytest.approx(np.mean(pairs), abs=1e-12)
    same = np.mean([codes[:, a] == codes[:, b] for a, b in combinations(range(3), 2)])
    assert found["agreement"].value == pytest.approx(same)


@pytest.mark.parametrize("weights", ["nominal", "linear", "quadratic"])
def test_the_standard_error_of_kappa_is_the_referees(weights: str) -> None:
    table = of(drawn(5, 150, 2, 4, 0.6), 4).table(0, 1)
    found = kappa(table, weights)
    referee = inter_rater.cohens_kappa(table, wt=None if weights == "nominal" else weights)
    assert found.value == pytest.approx(referee.kappa)
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * referee.std_kappa, rel=1e-6)


def test_alpha_with_gaps_is_that_of_every_pair_of_decisions_counted_one_by_one() -> None:
    codes = drawn(7, 40, 4, 5, 0.4, missing=0.3)
    values = np.array([1.0, 2.0, 5.0, 6.0, 10.0])
    found = agreements(decisions(codes, values), "interval", FEW)
    units = [row[row >= 0] for row in codes if (row >= 0).sum() > 1]
    n = np.bincount(np.concatenate(units), minlength=5)
    ranks = n.cumsum() - n / 2
    for scale, apart in (("nominal", lambda a, b: float(a != b)), ("interval", lambda a, b: (values[a] - values[b])**2),
                         ("ordinal", lambda a, b: (ranks[a] - ranks[b]) ** 2)):
        seen = sum(apart(a, b) / (len(unit) - 1) for unit in units for i, a in enumerate(unit)
                   for j, b in enumerate(unit) if i != j)
        chance = sum(n[a] * n[b] * apart(a, b) for a in range(5) for b in range(5))
        assert found[f"alpha_{scale}"].value == pytest.approx(1 - (n.sum() - 1) * seen / chance, abs=1e-12)


def test_numbers_of_kinds_and_deciders_do_not_change_what_equal_rows_are() -> None:
    codes = np.random.default_rng(3).integers(-1, 40, size=(50, 20))  # too many for one number to stand for a row
    twice = decisions(np.concatenate([codes, codes]), np.arange(40.0))
    assert (twice.counts == 2).all()
    assert agreements(twice, "nominal", FEW)["agreement"].value == pytest.approx(
        agreements(decisions(codes, np.arange(40.0)), "nominal", FEW)["agreement"].value)


def test_a_decider_is_held_against_the_others() -> None:
    codes = np.array([[0, 0, 1], [1, 1, 0], [0, 0, 0], [1, -1, 1], [1, 1, -1]])
    assert of_decider(of(codes, 2), 2, FEW).value == pytest.approx(3 / 7)
    assert of_decider(of(codes, 2), 0, FEW).value == pytest.approx(6 / 8)


def test_what_is_undefined_has_a_reason_and_what_is_unbounded_no_interval() -> None:
    alike = agreements(of([[0, 0]] * 20, 2), "nominal", FEW)
    assert alike["cohen_kappa"].value is None
    assert "chance agrees as well" in alike["alpha_nominal"].reason
    assert alike["agreement"].value == 1
    perfect = agreements(of([[0, 0], [1, 1]] * 20, 2), "nominal", FEW)["cohen_kappa"]
    assert (perfect.value, perfect.low, perfect.reason) == (1, None, "no spread between these cases")
    nobody = agreements(of([[0, -1], [-1, 1]], 2), "nominal", FEW)
    assert {each.reason for each in nobody.values()} == {"no case has two decisions"}
    assert kappa(np.zeros((2, 2), dtype=np.int64)).reason == "they share no case"
    assert kappa(np.array([[5, 0], [0, 0]])).value is None
    assert kappa(np.array([[5, 0], [0, 5]])).low is None


def test_many_patterns_are_drawn_from_the_limit_of_their_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    found = decisions(drawn(11, 2000, 4, 3, 0.5), np.arange(3.0))
    drawn_by_row = agreements(found, "ordinal", Resampling(2000, 2))
    monkeypatch.setattr("mlops_tui.analysis.agreement.PATTERNS", 50)
    monkeypatch.setattr("mlops_tui.analysis.agreement.LIMIT_TERMS", 500)
    for name, limit in agreements(found, "ordinal", Resampling(2000, 3)).items():
        assert limit.value == drawn_by_row[name].value
        assert limit.high - limit.low == pytest.approx(drawn_by_row[name].high - drawn_by_row[name].low, rel=0.08)
        assert limit != drawn_by_row[name]


def test_intervals_hold_the_true_value_as_often_as_they_say() -> None:
    """Few cases and three deciders, where it is hardest; tests/bench/coverage_agreement.py does two, and more cases."""
    cases, deciders, alike, draws = 30, 3, 0.6, 4000
    held = dict.fromkeys(("fleiss_kappa", "alpha_nominal", "cohen_kappa"), 0)
    for seed in range(draws):
        found = agreements(of(drawn(seed, cases, deciders, 3, alike), 3), "nominal", Resampling(200, seed))
        for name in held:
            held[name] += found[name].low <= alike**2 <= found[name].high
    assert all(0.93 <= count / draws <= 0.97 for count in held.values()), held


@pytest.mark.parametrize(("cases", "alike"), [(50, 0.5), (100, 0.7), (300, 0.8)])
def test_the_large_sample_interval_of_kappa_covers(cases: int, alike: float) -> None:
    draw, draws = np.random.default_rng(6), 4000
    share = (alike**2 * np.eye(3) + (1 - alike**2) / 3) / 3
    tables = draw.multinomial(cases, share.ravel(), size=draws).reshape(-1, 3, 3)
    held = [found.low <= alike**2 <= found.high for found in map(kappa, tables) if found.low is not None]
    assert 0.93 <= np.mean(held) <= 0.97
