"""calibration on files: the fixed ids, the recalibrations, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from mlops_tui.analysis.recalibration import fitted
from mlops_tui.commands import Outcome, perform
from mlops_tui.render.json import as_json
from mlops_tui.session import without_project
from mlops_tui.view import Series, Status, Text

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


def written(path: Path, **columns: Any) -> Path:
    connection = duckdb.connect()
    connection.register("rows", columns)
    connection.execute(f"COPY rows TO '{path}'")
    return path


def test_the_answer_is_a_sentence_and_a_picture_before_it_is_a_table(file: Path) -> None:
    outcome = run(file, "extreme")
    assert outcome.view.status is Status.WARN
    picture, words = outcome.view.parts[:2]
    assert isinstance(picture, Series)
    assert picture.id == "reliability"
    assert isinstance(words, Text)
    assert "On the whole it says" in words.body
    assert "happened (" in words.body
    assert "lowers the log loss by" in words.body
    assert "write `calibrate: " in words.body
    honest = run(file, "honest").view
    assert honest.status is Status.DONE
    assert "calibrated as far as these rows can tell" in honest.title
    assert "calibrate:" not in honest.parts[1].body  # type: ignore[union-attr]


def test_the_three_tests_agree_about_scores_that_are_right_and_wrong(file: Path) -> None:
    for score, wrong in (("honest", False), ("extreme", True)):
        rows = document(run(file, score))["tables"]["tests"]["rows"]
        assert [row["test"] for row in rows] == ["spiegelhalter", "cox", "ece"]
        assert all((row["p_adjusted"] < 0.05) is wrong for row in rows)
        assert all(row["p_adjusted"] >= row["p_value"] for row in rows)


def test_the_ece_has_a_range_and_what_chance_gives(file: Path) -> None:
    facts = document(run(file, "extreme"))["facts"]
    assert facts["ece_low"] < facts["ece_debiased"] < facts["ece_high"]
    assert facts["ece_by_chance"] < facts["ece_by_chance_high"] < facts["ece_low"]
    assert document(run(file, "honest"))["facts"]["ece_low"] == 0
    parts = facts["reliability"] - facts["resolution"] + facts["uncertainty"] + facts["within_bins"]
    assert parts == pytest.approx(facts["brier"], abs=1e-12)


def test_scores_recalibrated_on_their_own_rows_are_found_out(tmp_path: Path) -> None:
    own = fitted("isotonic", LATE, EXTREME)(EXTREME)
    body = run(written(tmp_path / "own.parquet", late=LATE, own=own), "own").view.parts[1].body  # type: ignore[union-attr]
    assert "were they fitted on these very rows?" in body


def test_groups_have_a_line_each_and_the_wrong_one_is_named(tmp_path: Path) -> None:
    group = np.array(["north", "south", "tiny"])[np.where(np.arange(N) < 15, 2, np.arange(N) % 2)]
    score = np.where(group == "south", 1 / (1 + (1 - HONEST) / HONEST * np.e), HONEST)
    path = written(tmp_path / "groups.parquet", late=LATE, p=score, region=group.astype(object))
    found = document(run(path, "p", "--group", "region"))
    rows = {row["group"]: row for row in found["tables"]["groups"]["rows"]}
    assert rows["south"]["verdict"] == "too low"
    assert rows["north"]["verdict"] == ""
    assert (rows["tiny"]["verdict"], rows["tiny"]["low_n"]) == ("15 rows are few", True)
    assert rows["south"]["low"] < LATE[group == "south"].mean() - score[group == "south"].mean() < rows["south"]["high"]
    assert found["series"]["groups"]["kind"] == "interval"


def test_equal_weights_of_any_size_change_nothing_and_others_do(tmp_path: Path) -> None:
    path = written(tmp_path / "weights.parquet", late=LATE, p=EXTREME, same=np.full(N, 1e12),
                   some=np.where(LATE, 3.0, 1.0), bad=np.where(np.arange(N) == 7, -1.0, 1.0),
                   one=np.where(np.arange(N) == 7, 1e9, 1.0), never=np.where(LATE, 0.0, 1.0))
    plain = document(run(path, "p"))
    assert document(run(path, "p", "--weight", "same"))["facts"] == plain["facts"]
    weighted = document(run(path, "p", "--weight", "some"))["facts"]
    assert weighted["brier"] == pytest.approx(brier_score_loss(LATE, EXTREME, sample_weight=np.where(LATE, 3.0, 1.0)))
    assert weighted["effective_rows"] < N
    heavy = document(run(path, "p", "--weight", "one"))["facts"]
    assert (heavy["ece_low"], heavy["ece_high"]) == (None, None)
    for column, said in (("bad", "'bad' is negative in 1 row, the first is -1"), ("never", "Only one class")):
        outcome = run(path, "p", "--weight", column)
        assert outcome.exit == 2
        assert outcome.error is not None
        assert said in outcome.error["what"]


def test_with_times_recalibrations_are_fitted_on_earlier_rows(tmp_path: Path) -> None:
    hours = np.datetime64("2013-01-01T00", "us") + np.arange(N) * np.timedelta64(1, "h")
    path = written(tmp_path / "times.parquet", late=LATE, p=EXTREME, at=hours, text=np.array(["x"] * N, dtype=object),
                   gap=np.where(np.arange(N) == 3, np.datetime64("NaT"), hours))
    facts = document(run(path, "p", "--time", "at"))["facts"]
    assert (facts["fitted_on"], facts["judged_rows"]) == ("earlier rows", N * 4 // 5)
    rows = document(run(path, "p", "--time", "at"))["tables"]["recalibrators"]["rows"]
    assert rows[0]["method"].startswith("t over ")
    for column, said in (("text", "is no time"), ("gap", "1 labelled rows have no 'gap'")):
        outcome = run(path, "p", "--time", column)
        assert outcome.error is not None
        assert said in outcome.error["what"]


@pytest.mark.parametrize(("label", "score"), [
    ([0, 1, 0, 1, 1], [0.0, 1.0, 0.0, 1.0, 1.0]), ([0, 1, 0, 1, 1], [1.0, 0.0, 0.0, 1.0, 1.0]),
    ([0, 1, 0, 1, 1], [0.5] * 5), ([0, 1] * 10, [0.2, 0.9] * 10), ([0, 0, 0, 0, 1], [0.0] * 5)])
def test_strange_scores_have_an_answer_without_infinities(tmp_path: Path, label: list[int], score: list[float]) -> None:
    found = document(run(written(tmp_path / "odd.parquet", late=np.array(label), p=np.array(score)), "p"))
    assert found["facts"]["ece"] is not None
    assert "Infinity" not in json.dumps(found)
    assert "NaN" not in json.dumps(found)


def test_several_classes_are_judged_by_what_is_said_and_class_by_class(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    chances = draw.dirichlet([2, 1, 1], N)
    classes = np.array(["a", "b", "c"])
    label = classes[(draw.random((N, 1)) > chances.cumsum(axis=1)).sum(axis=1)]
    sure = chances**2 / (chances**2).sum(axis=1, keepdims=True)
    columns = {f"p{name}": chances[:, i] for i, name in enumerate(classes)} | {
        f"s{name}": sure[:, i] for i, name in enumerate(classes)}
    path = written(tmp_path / "classes.parquet", kind=label.astype(object), **columns)

    def asked(prefix: str, *names: str) -> Outcome:
        more = [word for name in names or "abc" for word in ("--probability", f"{name}={prefix}{name}")]
        return perform(without_project(tmp_path, perform), ["calibration", str(path), "--label", "kind", *more])

    right, wrong = document(asked("p")), document(asked("s"))
    assert right["facts"]["p_value"] > 0.01
    assert "too sure of itself" in wrong["title"]
    top = sure.max(axis=1)
    bins = np.searchsorted(np.linspace(0, 1, 11)[1:-1], top)
    gaps = np.bincount(bins, (classes[sure.argmax(axis=1)] == label) - top)
    assert wrong["facts"]["top_label_ece"] == pytest.approx(np.abs(gaps).sum() / N)
    assert [row["class"] for row in wrong["tables"]["classes"]["rows"]] == ["a", "b", "c"]
    for outcome, said in ((asked("p", "a", "b"), "The label 'c' in 'kind' has no probability"),
                          (asked("x"), "No column 'xa'")):
        assert outcome.error is not None
        assert said in outcome.error["what"]
    outcome = perform(without_project(tmp_path, perform), ["calibration", str(path), "--label", "kind",
                                                           "--probability", "a=pa", "--probability", "b=pa",
                                                           "--probability", "c=pc"])
    assert outcome.error is not None
    assert "'pa' is given as the probability of two classes" in outcome.error["what"]


@pytest.mark.parametrize(("text", "said"), [
    ("late,p\n1,.9\n1,.2\n1,.4\n1,.4\n1,.3\n", "Only one class"), ("late,p\n1,.9\n0,nan\n0,.4\n1,.4\n1,.3\n", "'p'"),
    ("late,p\n2,.9\n0,.1\n0,.4\n1,.4\n1,.3\n", "must be 0 or 1"), ("late,p\n", "no rows")])
def test_rows_that_cannot_be_judged_are_refused_by_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    outcome = run(path, "p")
    assert outcome.exit == 2
    assert outcome.error is not None
    assert said in outcome.error["what"]


def test_within_the_limit_is_not_said_to_be_right(tmp_path: Path) -> None:
    draw = np.random.default_rng(11)
    share = draw.uniform(0.2, 0.8, 60_000)
    late = draw.random(share.size) < share
    near = written(tmp_path / "near.parquet", late=late, p=share - 0.02)
    outcome = run(near, "p")
    assert outcome.view.status is Status.DONE
    assert "points on average, within the 5 points that are allowed, though more than chance alone gives (up to " in (
        outcome.view.title)
    far = run(written(tmp_path / "far.parquet", late=late, p=share - 0.15), "p")
    assert far.view.status is Status.WARN
    assert "more than the 5 points that are allowed, and more than chance alone gives" in far.view.title
    assert "perhaps" not in far.view.title
