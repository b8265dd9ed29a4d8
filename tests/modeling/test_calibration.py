"""calibration on files: the fixed ids, the recalibrations, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from mlops_tui.commands import Outcome, perform
from mlops_tui.render.json import as_json
from mlops_tui.session import without_project

rng = np.random.default_rng(2)
N = 4000
HONEST = 1 / (1 + np.exp(-rng.normal(size=N)))
LATE = rng.random(N) < HONEST
EXTREME = 1 / (1 + np.exp(-3 * np.log(HONEST / (1 - HONEST))))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scored") / "scored.parquet"
    connection = duckdb.connect()
    connection.register("rows", {"late": LATE, "honest": HONEST, "extreme": EXTREME, "flat": np.full(N, 0.5),
                                 "rare": LATE & (np.cumsum(LATE) <= 40), "wide": EXTREME * 2})
    connection.execute(f"COPY rows TO '{path}'")
    return path


def run(file: Path, score: str, *options: str, label: str = "late") -> Outcome:
    return perform(without_project(file.parent, perform),
                   ["calibration", str(file), "--label", label, "--score", score, *options])


def document(outcome: Outcome) -> dict[str, Any]:
    assert outcome.exit == 0, outcome.error
    found: dict[str, Any] = json.loads(as_json(outcome.view, ()))
    return found


def test_the_facts_are_there_and_right(file: Path) -> None:
    facts = document(run(file, "honest"))["facts"]
    assert {"ece", "mce", "brier", "slope", "intercept"} <= set(facts)
    assert facts["brier"] == pytest.approx(brier_score_loss(LATE, HONEST))
    assert facts["slope_low"] < 1 < facts["slope_high"]
    assert facts["ece"] <= facts["mce"]


def test_the_bins_are_the_ones_asked_for(file: Path) -> None:
    for strategy in ("uniform", "quantile"):
        rows = document(run(file, "honest", "--bins", "7", "--strategy", strategy))["tables"]["bins"]["rows"]
        assert len(rows) == 7
        assert sum(row["n"] for row in rows) == N
        assert all(row["observed_low"] <= row["observed"] <= row["observed_high"] for row in rows)
    assert {row["n"] for row in rows} <= {571, 572}


def test_a_recalibration_is_offered_where_it_helps(file: Path) -> None:
    outcome = run(file, "extreme")
    rows = {row["recalibrator"]: row for row in document(outcome)["tables"]["recalibrators"]["rows"]}
    assert set(rows) == {"as it is", "platt", "temperature", "beta", "isotonic"}
    assert rows["platt"]["better"]
    assert rows["platt"]["log_loss"] < rows["as it is"]["log_loss"]
    assert "too extreme" in outcome.view.title
    assert document(outcome)["facts"]["slope"] == pytest.approx(1 / 3, abs=0.05)


def test_calibrated_scores_are_left_alone(file: Path) -> None:
    assert "no recalibration is clearly better" in run(file, "honest").view.title


def test_scores_that_are_all_too_high_are_said_to_be(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    odds = rng.normal(size=6000)
    late = rng.random(6000) < 1 / (1 + np.exp(1 - odds))
    path = tmp_path / "level.csv"
    path.write_text("late,high,low\n" + "".join(
        f"{int(y)},{1 / (1 + np.exp(-x))},{1 / (1 + np.exp(2 - x))}\n" for y, x in zip(late, odds, strict=True)))
    for score, said in (("high", "too high"), ("low", "too low")):
        outcome = run(path, score)
        low, high = (document(outcome)["facts"][f"intercept_{edge}"] for edge in ("low", "high"))
        assert low > 0 or high < 0
        assert f"is {said}:" in outcome.view.title
        assert "reason" not in outcome.view.facts()


def test_few_positives_refuse_isotonic(file: Path) -> None:
    rows = {row["recalibrator"]: row for row in
            document(run(file, "honest", label="rare"))["tables"]["recalibrators"]["rows"]}
    assert rows["isotonic"]["log_loss"] is None
    assert "isotonic needs 50 rows of each class" in rows["isotonic"]["reason"]
    assert rows["platt"]["log_loss"] is not None


def test_constant_scores_have_no_slope_and_say_why(file: Path) -> None:
    facts = document(run(file, "flat"))["facts"]
    assert (facts["slope"], facts["reason"]) == (None, "all scores are equal")


def test_what_cannot_be_calibrated_is_refused(file: Path, tmp_path: Path) -> None:
    for outcome, what in ((run(file, "wide"), "lie outside [0, 1]"), (run(file, "honst"), "No column 'honst'")):
        assert outcome.exit == 2
        assert outcome.error is not None
        assert what in outcome.error["what"]
    few = tmp_path / "few.csv"
    few.write_text("late,p\n1,.9\n0,.2\n0,.4\n", encoding="utf-8")
    outcome = run(few, "p")
    assert outcome.error is not None
    assert "3 labelled rows are too few" in outcome.error["what"]
