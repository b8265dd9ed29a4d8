"""What decides between candidates and rungs, and by what a version is known."""

from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.metrics import METRICS, measured
from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.kinds import Model
from mlops_tui.modeling import _training
from mlops_tui.modeling._trial import MASE, _contrast, estimated, metrics_of, placed

PLAIN = """
task: TASK
label: {dataset: rows, column: y}
features: []
candidates: {a: {estimator: sklearn.linear_model.Ridge, params: {alpha: 2}}}
split: {time: at, gap: 6h, test: 8d}
seed: 7
"""


def model(task: str, more: str = "") -> Model:
    return parse(Model, PLAIN.replace("TASK", task) + more, "m.yaml")


def key_of(declared: Model, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the key of candidate `a` is a digest of."""
    job = _training.Job("m", declared, (date(2024, 1, 1), date(2024, 2, 1)), ("id",))
    made = cast("_training.Rows", SimpleNamespace(rows=SimpleNamespace(id="abc")))
    found: list[Any] = []
    monkeypatch.setattr(_training, "_digest", lambda content: found.extend(content) or "")
    _training.candidate_key(job, made, declared.candidates["a"], "code")
    return found


def test_the_key_of_what_could_be_declared_before_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, rows, estimator, factory, params, code, test, gap, seed, ladder, threshold, criteria, libraries: versions
    that were trained then are not trained again, unless the verdict on the ladder is another one now."""
    declared = model("binary", "criteria: [{metric: roc_auc, at_least: 0.7}]\nowner: ana\nslices: [z]\n")
    found = key_of(declared, monkeypatch)
    assert found[:5] == ["m", "abc", "sklearn.linear_model.Ridge", "", {"alpha": 2}]
    assert found[5:12] == ["", declared.split.test, declared.split.gap, 7, _training.LADDER_EDITION, 0.5, ["roc_auc"]]
    assert len(found) == 13


@pytest.mark.parametrize(("task", "more", "expected"), [
    ("regression", "", {"task": "regression"}),
    ("binary", "weight: w\n", {"weight": "w"})])
def test_what_is_new_in_a_declaration_is_part_of_its_key(
        monkeypatch: pytest.MonkeyPatch, task: str, more: str, expected: dict[str, str]) -> None:
    assert key_of(model(task, more), monkeypatch)[13:] == [expected]


def test_the_first_criterion_of_which_more_or_less_is_better_decides() -> None:
    assert [each.id for each in metrics_of(model("regression"))] == ["rmse", "mae", "r2", "mase", "bias"]
    assert metrics_of(model("regression", "criteria: [{metric: bias, at_most: 5}, {metric: mase, at_most: 1}]\n"))[
        0].id == "mase"
    assert metrics_of(model("multiclass"))[0].id == "roc_auc_ovr"
    assert metrics_of(model("binary", "threshold: 0.3\n"))[0].threshold == 0.3


def test_a_lead_in_mase_is_that_in_mean_absolute_error_in_units_of_the_naive_forecast() -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(size=200)
    good, bad = (Answers(Task.REGRESSION, y, y + rng.normal(0, spread, 200)) for spread in (0.5, 1.5))
    pair = {name: (given, {metric.id: estimated(metric, given, 4.0) for metric in (MASE, METRICS["mae"])})
            for name, given in (("candidate", good), ("rung", bad))}
    mase, mae = _contrast(MASE, pair, 4.0), _contrast(METRICS["mae"], pair, 4.0)
    assert (mase["verdict"], mae["verdict"]) == ("better", "better")
    for end in ("estimate", "low", "high"):
        assert mase[end] == pytest.approx(mae[end] / 4)
    assert mase["p_value"] == mae["p_value"]
    assert pair["rung"][1]["mase"].value == pytest.approx(np.abs(bad.given - y).mean() / 4)


def test_without_a_naive_forecast_there_is_no_mase_and_nothing_is_decided_by_it() -> None:
    given = Answers(Task.REGRESSION, np.arange(5.0), np.arange(5.0) + 1)
    found = estimated(MASE, given, None)
    assert (found.value, found.reason) == (None, "no naive forecast of training rows was ever wrong")
    said = _contrast(MASE, {name: (given, {"mase": found}) for name in ("candidate", "rung")}, None)
    assert (said["verdict"], said["estimate"], said["reason"]) == ("inconclusive", None, found.reason)


def test_the_better_value_stands_higher_whichever_way_is_better() -> None:
    assert placed(METRICS["rmse"], 1.0) > placed(METRICS["rmse"], 2.0) > placed(METRICS["rmse"], None)
    assert placed(METRICS["r2"], 0.5) > placed(METRICS["r2"], 0.1)
    assert placed(METRICS["bias"], -0.1) > placed(METRICS["bias"], 0.5)


def test_a_lead_on_a_baseline_is_paid_for_every_candidate_that_was_tried() -> None:
    """p is about 0.02: better where it was tried alone, not where it is one of five on the same test rows."""
    draw = np.random.default_rng(1)
    label, shared = draw.normal(10, 3, 200), draw.normal(size=200)
    gap = draw.normal(size=200)
    gap += 2.35 / np.sqrt(200) * gap.std(ddof=1) - gap.mean()  # a paired t of 2.35
    metric = METRICS["mae"]
    given = {"candidate": Answers(Task.REGRESSION, label, label + 5 + np.abs(shared)),
             "rung": Answers(Task.REGRESSION, label, label + 5 + np.abs(shared) + gap)}
    pair = {name: (each, {"mae": measured(metric, each)}) for name, each in given.items()}
    alone, fifth = _contrast(metric, pair, None), _contrast(metric, pair, None, 5)
    assert 0.015 < alone["p_value"] < 0.025
    assert alone["p_value"] == fifth["p_value"], "the history keeps what was found; whoever judges pays"
    assert (alone["verdict"], fifth["verdict"]) == ("better", "inconclusive")


def beaten(days: int, rng: np.random.Generator) -> tuple[str, str]:
    """The verdicts on a rung that is as good, on rows that share each day's luck: each row for itself, and by day."""
    day = np.repeat(np.arange(days), 40)
    label, luck = rng.normal(size=day.size), rng.normal(size=(2, days))
    given = [label + luck[number][day] + rng.normal(size=day.size) for number in range(2)]
    said = []
    for together in (None, day):
        answers = [Answers(Task.REGRESSION, label, each, together=together) for each in given]
        pair = {name: (each, {"rmse": measured(METRICS["rmse"], each)})
                for name, each in zip(("mine", "rung"), answers, strict=True)}
        said.append(str(_contrast(METRICS["rmse"], pair, None)["verdict"]))
    return said[0], said[1]


def test_the_rows_of_a_day_are_no_independent_witnesses() -> None:
    """Two models alike: by day they are told apart in 5 % of 400 draws (7.2 %: two of its deviations), by row far more.
    """
    rng = np.random.default_rng(0)
    found = np.array([beaten(30, rng) for _ in range(400)]) != "inconclusive"
    alone, by_day = found.mean(axis=0)
    assert alone > 0.4
    assert by_day <= 0.072
