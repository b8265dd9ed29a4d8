"""Performance without outcomes: the expectation over all outcomes, its spread, and how often it was right before."""

from itertools import product

import numpy as np
import pytest
from scipy import special
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss, precision_score, recall_score
from sklearn.metrics import roc_auc_score as roc_auc

from mlops_tui.analysis.cbpe import (
    METRICS,
    Days,
    Expected,
    Past,
    Plan,
    backtested,
    before,
    by_day,
    calibration_error,
    calibrator,
    confusion,
    counted,
    covered,
    estimated,
    expected,
    leaning,
    realised,
    widened,
)

T = 0.3333
HONEST = np.asarray


def referees(y: np.ndarray, s: np.ndarray) -> dict[str, float]:
    """scikit-learn's metrics."""
    said = s >= T
    return {"roc_auc": roc_auc(y, s), "accuracy": accuracy_score(y, said), "precision": precision_score(y, said),
            "recall": recall_score(y, said), "f1": f1_score(y, said), "brier": brier_score_loss(y, s),
            "log_loss": log_loss(y, s), "share": y.mean()}


def test_what_is_linear_in_the_outcomes_is_the_mean_over_every_way_they_may_come() -> None:
    p = np.array([0.05, 0.2, 0.4, 0.7, 0.9])
    found, mean = expected(counted(p, T), HONEST, T), dict.fromkeys(("accuracy", "precision", "brier", "share"), 0.0)
    squares = dict(mean)
    for y in product([0, 1], repeat=5):
        chance = float(np.prod(np.where(y, p, 1 - p)))
        values = {"accuracy": accuracy_score(y, p >= T), "precision": precision_score(y, p >= T),
                  "brier": float(np.square(np.array(y) - p).mean()), "share": float(np.mean(y))}
        for name, value in values.items():
            mean[name] += chance * value
            squares[name] += chance * value**2
    for name, value in mean.items():
        assert found[name].value == pytest.approx(value, abs=1e-12), name
        assert found[name].spread == pytest.approx(np.sqrt(squares[name] - value**2), abs=1e-9), name


def test_values_and_spreads_are_those_of_outcomes_drawn_from_the_scores() -> None:
    generator = np.random.default_rng(1)
    s = special.expit(generator.normal(-1.3, 1, 1500))
    found = expected(counted(s, T), HONEST, T)
    drawn = [referees(generator.random(s.size) < s, s) for _ in range(60)]
    assert tuple(found) == METRICS
    for name in METRICS:
        values = np.array([each[name] for each in drawn])
        error = values.std(ddof=1)
        assert found[name].value == pytest.approx(values.mean(), abs=4 * error / np.sqrt(60)), name
        assert found[name].spread == pytest.approx(error, rel=0.25), name
    cells = confusion(counted(s, T), HONEST, T)
    assert sum(cells.values()) == pytest.approx(s.size)
    assert cells["tp"] / (cells["tp"] + cells["fp"]) == pytest.approx(found["precision"].value)


def lived(generator: np.random.Generator, number: int, spread: float = 0.3, rows: int = 300, turn: int = 10**6,
          slope: float = 1.0) -> Days:
    """Days on each of which more or less happens than the scores say; from `turn` on they say less of it."""
    day = np.repeat(np.arange(number), rows)
    odds = generator.normal(-1.3, 1, day.size)
    truth = special.expit(np.where(day < turn, odds, slope * odds) + spread * generator.normal(size=number)[day])
    return by_day(special.expit(odds + 0.5), generator.random(day.size) < truth, np.ones(day.size, np.bool_), day, T)


def test_the_interval_holds_what_came_as_often_as_it_says_and_chance_alone_does_not() -> None:
    """95 % of 3 × 101 days of each metric: the error of a rate is 0.013, days of one history share their intervals."""
    generator = np.random.default_rng(2)
    plan = Plan(1, threshold=T)
    held, chance, total = np.zeros(len(METRICS)), np.zeros(len(METRICS)), 0
    for _ in range(3):
        past = backtested(lived(generator, 130), plan, 130)
        for place, name in enumerate(METRICS):
            inside, windows = covered(past[name])
            held[place] += inside
            chance[place] += sum(abs(each.error) <= 1.96 * each.spread for each in past[name][-windows:])
        total += windows
    assert (held / total > 0.91).all(), held / total
    assert (held / total < 0.99).all(), held / total
    assert chance[METRICS.index("share")] / total < 0.75


def test_no_estimate_sees_an_outcome_of_its_own_window_or_one_that_was_not_in() -> None:
    assert before(Plan(7, 28, 1), 60) == (26, 54)
    assert before(Plan(1, 28, 10), 60) == (23, 51)
    days, plan = lived(np.random.default_rng(3), 60), Plan(5, threshold=T)
    changed = Days(days.edges, days.mean, days.all, days.outcome.copy())
    changed.outcome[45:] = 0
    assert estimated(days, plan, 49) == estimated(changed, plan, 49)


def test_the_metrics_that_came_are_those_of_the_rows() -> None:
    generator = np.random.default_rng(4)
    s = special.expit(generator.normal(-1, 1, 4000))
    y = generator.random(4000) < s
    day = np.repeat(np.arange(2), 2000)
    found = realised(by_day(s, y, np.ones(4000, np.bool_), day, T), 1, 2, T)
    for name, value in referees(y[2000:], s[2000:]).items():
        assert found[name] == pytest.approx(value, abs=2e-4), name


def test_scores_that_stop_meaning_what_they_meant_are_not_seen_beforehand_but_told_after() -> None:
    """Concept drift: the scores are spread as before, so the estimate is what it was. Its errors tell."""
    days, plan = lived(np.random.default_rng(5), 90, 0.1, turn=75, slope=0.2), Plan(1, threshold=T)
    past = backtested(days, plan, 90)["roc_auc"]
    day = {each.last: each for each in past}
    assert abs(day[76].expected - day[73].expected) < 0.05
    assert day[76].error > 0.1
    found = leaning(past)
    assert found is not None
    assert found.low > 0.03
    assert leaning(past[:-15]) is None or abs(leaning(past[:-15]).low) < 0.02  # type: ignore[union-attr]


def test_few_past_windows_widen_it_and_fewer_give_no_bounds() -> None:
    past = [Past(k, 0.7 + 0.01 * (-1) ** k, 0.7, 0.005) for k in range(30)]
    said = Expected(0.7, 0.005)
    many, some, few = (widened(said, past[:n]) for n in (30, 8, 3))
    assert many.low == pytest.approx(0.69)
    assert some.low is not None
    assert some.low < 0.68
    assert (few.low, few.high, few.windows) == (None, None, 3)
    assert "5 are needed" in few.reason
    sharp = widened(said, [Past(k, 0.7, 0.7, 0.005) for k in range(30)])
    assert sharp.low == pytest.approx(0.7 - 1.96 * 0.005, abs=1e-5), "never narrower than chance"


def test_how_far_calibration_holds_out_of_time() -> None:
    honest, plan = lived(np.random.default_rng(6), 70, 0.1), Plan(1, threshold=T)
    assert calibration_error(honest, plan, 70) < 0.02
    turned = lived(np.random.default_rng(6), 70, 0.1, turn=42, slope=-1)
    assert calibration_error(turned, plan, 70) > 0.1


def test_what_cannot_be_estimated_says_why() -> None:
    days = lived(np.random.default_rng(7), 12)
    with pytest.raises(ValueError, match="0 days before are known, 7 are needed"):
        estimated(days, Plan(1, threshold=T), 0)
    turned = Days(days.edges, days.mean, days.all, days.outcome[:, ::-1])
    with pytest.raises(ValueError, match="do not rise"):
        calibrator(turned, 0, 12)
    with pytest.raises(ValueError, match="scores from 0 to 1"):
        counted([1.2], T)
    with pytest.raises(ValueError, match="at least one"):
        by_day([], [], [], np.zeros(0, np.int64), T)
