"""Which recalibration is chosen: never on rows it was fitted on, nor on later ones, and only where it surely helps."""

import numpy as np
import pytest

from mlops_tui.analysis.calibration import ece, log_losses, logit, reliability
from mlops_tui.analysis.interval import mean_interval
from mlops_tui.analysis.mending import AS_IS, FOLDS, Rows, at_random, best, in_time, recalibrations
from mlops_tui.analysis.recalibration import RECALIBRATORS, fitted

rng = np.random.default_rng(0)
HONEST = 1 / (1 + np.exp(-rng.normal(size=4000)))
LABELS = rng.random(4000) < HONEST
EXTREME = 1 / (1 + np.exp(-3 * logit(HONEST)))
DAY = 86_400_000_000


@pytest.mark.parametrize("name", RECALIBRATORS)
def test_what_is_reported_is_the_loss_of_rows_the_map_was_not_fitted_on(name: str) -> None:
    rows = at_random(LABELS, EXTREME)
    found = {each.name: each for each in recalibrations(rows, names=[name])}
    mended = np.empty(4000)
    for fold in range(FOLDS):
        held_out = rows.fold == fold
        mended[held_out] = fitted(name, LABELS[~held_out], EXTREME[~held_out])(EXTREME[held_out])
    change = log_losses(LABELS, mended) - log_losses(LABELS, EXTREME)
    bounds = mean_interval(change)
    assert bounds is not None
    assert found[AS_IS].log_loss == pytest.approx(log_losses(LABELS, EXTREME).mean(), rel=1e-9)
    assert found[name].change == pytest.approx(change.mean(), rel=1e-9)
    assert (found[name].low, found[name].high) == pytest.approx((bounds.low, bounds.high), rel=1e-6)
    assert found[name].ece == pytest.approx(ece(reliability(LABELS, mended)), abs=1e-9)
    assert found[name].method == "t over rows"


def test_many_rows_are_judged_as_near_as_their_cells_allow() -> None:
    labels, scores = np.tile(LABELS, 8), np.clip(np.tile(EXTREME, 8) + rng.normal(0, 1e-4, 32_000), 0, 1)
    rows = at_random(labels, scores)
    found = {each.name: each for each in recalibrations(rows)}
    exact = -np.log(np.where(labels, np.clip(scores, 1e-15, 1), np.clip(1 - scores, 1e-15, 1))).mean()
    assert found[AS_IS].log_loss == pytest.approx(exact, abs=1e-5)


def test_in_time_a_map_is_fitted_on_earlier_rows_alone() -> None:
    times = np.arange(4000, dtype=np.int64) * DAY // 100
    rows = in_time(LABELS, EXTREME, times)
    assert np.bincount(rows.fold).tolist() == [800] * FOLDS or abs(np.bincount(rows.fold) - 800).max() <= 1
    found = {each.name: each for each in recalibrations(rows, names=["platt"])}
    losses = []
    for fold in range(1, FOLDS):
        earlier, judged = rows.fold < fold, rows.fold == fold
        losses.append(log_losses(LABELS[judged], fitted("platt", LABELS[earlier], EXTREME[earlier])(EXTREME[judged])))
    assert found["platt"].log_loss == pytest.approx(np.concatenate(losses).mean(), rel=1e-9)
    assert found["platt"].n == int((rows.fold > 0).sum())
    assert found["platt"].method == "t over 32 days"
    later = LABELS.copy()
    later[rows.fold == FOLDS - 1] ^= True
    other = {each.name: each for each in recalibrations(in_time(later, EXTREME, times), names=["platt"])}
    assert other["platt"].log_loss != found["platt"].log_loss


def test_days_that_depend_on_each_other_widen_the_interval() -> None:
    draw = np.random.default_rng(1)
    day = np.repeat(np.arange(40), 200)
    labels = draw.random(8000) < np.repeat(draw.beta(1, 2, 40), 200)
    scores = np.clip(draw.normal(0.6 + 0.05 * labels, 0.1), 0.01, 0.99)
    rows = Rows(labels, scores, np.arange(8000) % 5, cluster=day)
    [by_day] = [each for each in recalibrations(rows, names=["platt"]) if each.name != AS_IS]
    [by_row] = [each for each in recalibrations(Rows(labels, scores, np.arange(8000) % 5), names=["platt"])
                if each.name != AS_IS]
    assert None not in (by_day.high, by_day.low, by_row.high, by_row.low)
    assert by_day.high - by_day.low > 2 * (by_row.high - by_row.low)  # type: ignore[operator]


def test_equal_times_stay_together_and_one_moment_judges_nothing() -> None:
    times = np.repeat(np.arange(3, dtype=np.int64), [1000, 1000, 2000])
    assert [np.unique(in_time(LABELS, EXTREME, times).fold[times == each]).size for each in range(3)] == [1, 1, 1]
    found = recalibrations(in_time(LABELS, EXTREME, np.zeros(4000, dtype=np.int64)))
    assert {each.reason for each in found[1:]} == {"there is one moment only"}
    assert best(found).name == AS_IS


def test_calibrated_scores_stay_as_they_are_in_nearly_every_draw() -> None:
    """Four are tried at once and one of 200 draws may be better by chance in 2.5 %, at most 10."""
    changed = 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        scores = draw.beta(2, 3, 300)
        changed += best(recalibrations(at_random(draw.random(300) < scores, scores))).name != AS_IS
    assert changed <= 10


def test_extreme_scores_are_mended_and_the_best_comes_first() -> None:
    found = recalibrations(at_random(LABELS, EXTREME))
    assert found[0] == best(found)
    assert found[0].better
    assert found[-1].name == AS_IS
    assert [each.log_loss for each in found] == sorted(each.log_loss for each in found)  # type: ignore[type-var]


def test_weights_that_one_row_holds_have_no_interval() -> None:
    weights = np.ones(4000)
    weights[0] = 1e5
    found = {each.name: each for each in recalibrations(at_random(LABELS, EXTREME, weights))}
    assert found["platt"].low is None
    assert "a few rows hold the weight" in found["platt"].reason
    assert not found["platt"].better


def test_a_weight_of_two_is_two_rows() -> None:
    doubled = np.concatenate([np.arange(4000), np.arange(400)])
    weights = np.where(np.arange(4000) < 400, 2.0, 1.0)
    fold = np.arange(4000) % 5
    once = {each.name: each for each in recalibrations(Rows(LABELS, EXTREME, fold, weights=weights))}
    twice = {each.name: each for each in recalibrations(Rows(LABELS[doubled], EXTREME[doubled], fold[doubled]))}
    for name in ("platt", "beta", "temperature"):
        assert once[name].log_loss == pytest.approx(twice[name].log_loss, rel=1e-9)
        assert once[name].ece == pytest.approx(twice[name].ece, rel=1e-9)


@pytest.mark.parametrize(("labels", "scores"), [
    ([1, 0, 1], [0.9, 0.2, 0.4]), ([1, 0] * 20, [0.5] * 40), ([0, 1] * 20, [0.0, 1.0] * 20),
    ([1, 0] * 20, [0.9, 0.95] * 20)])
def test_rows_that_teach_nothing_leave_the_scores_as_they_are(labels: list[int], scores: list[float]) -> None:
    found = recalibrations(at_random(np.array(labels), np.array(scores)))
    assert best(found).name == AS_IS
    assert len(found) == 5
    assert all(each.reason or each.log_loss is not None for each in found)
