"""evaluate on files: the fixed ids, the groups, the warnings, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from sklearn import metrics as sk

from mlops_tui.commands import Outcome, perform
from mlops_tui.render.json import as_json
from mlops_tui.session import without_project
from mlops_tui.view import Text

rng = np.random.default_rng(1)
N = 2000
LATE = rng.random(N) < 0.3
SCORE = 1 / (1 + np.exp(1.2 - 1.5 * LATE - rng.normal(size=N)))
ORIGIN = rng.choice(["JFK", "LGA"], N, p=[0.3, 0.7]).astype(object)
ORIGIN[:5] = None


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scored") / "scored.parquet"
    connection = duckdb.connect()
    connection.register("rows", {"late": LATE, "score": SCORE, "logit": np.log(SCORE / (1 - SCORE)), "origin": ORIGIN,
                                 "id": np.arange(N) * 7, "flat": np.full(N, 0.25)})
    connection.execute(f"COPY rows TO '{path}'")
    return path


def run(file: Path, *options: str, score: str = "score") -> Outcome:
    return perform(without_project(file.parent, perform),
                   ["evaluate", str(file), "--label", "late", "--score", score, *options])


def document(outcome: Outcome) -> dict[str, Any]:
    assert outcome.exit == 0, outcome.error
    found: dict[str, Any] = json.loads(as_json(outcome.view, ()))
    return found


def metrics(outcome: Outcome) -> dict[str, dict[str, Any]]:
    return {row["metric"]: row for row in document(outcome)["tables"]["metrics"]["rows"]}


def test_every_metric_has_an_interval_and_its_n(file: Path) -> None:
    found = metrics(run(file, "--threshold", "0.4"))
    flagged = SCORE >= 0.4
    expected = {"roc_auc": sk.roc_auc_score(LATE, SCORE), "average_precision": sk.average_precision_score(LATE, SCORE),
                "accuracy": sk.accuracy_score(LATE, flagged), "precision": sk.precision_score(LATE, flagged),
                "recall": sk.recall_score(LATE, flagged), "f1": sk.f1_score(LATE, flagged),
                "mcc": sk.matthews_corrcoef(LATE, flagged), "brier": sk.brier_score_loss(LATE, SCORE),
                "balanced_accuracy": sk.balanced_accuracy_score(LATE, flagged), "log_loss": sk.log_loss(LATE, SCORE)}
    for name, value in expected.items():
        row = found[name]
        assert row["value"] == pytest.approx(value, abs=1e-12)
        assert row["low"] < value < row["high"]
    assert found["precision"]["n"] == flagged.sum()
    assert found["recall"]["n"] == LATE.sum()
    assert found["roc_auc"]["n"] == N


def test_the_facts_count_rows_and_decisions(file: Path) -> None:
    facts = document(run(file))["facts"]
    assert (facts["rows"], facts["positives"], facts["without_label"]) == (N, LATE.sum(), 0)
    assert facts["true_positives"] + facts["false_negatives"] == facts["positives"]
    assert facts["prevalence"] == pytest.approx(LATE.mean())


def test_groups_are_evaluated_one_by_one(file: Path) -> None:
    rows = document(run(file, "--group", "origin"))["tables"]["groups"]["rows"]
    assert {row["group"] for row in rows[:2]} == {"LGA", "JFK"}
    assert (rows[2]["group"], rows[2]["verdict"]) == ("(missing)", "not enough rows")
    lga, [found] = np.array([origin == "LGA" for origin in ORIGIN]), [row for row in rows if row["group"] == "LGA"]
    assert found["n"] == lga.sum()
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(LATE[lga], SCORE[lga]))
    assert found["roc_auc_low"] < found["roc_auc"] < found["roc_auc_high"]


def test_pictures_are_drawn(file: Path) -> None:
    series = document(run(file))["series"]
    assert series["roc"]["x"][0] == 0
    assert series["roc"]["y"][-1] == 1
    assert len(series["reliability"]["x"]) == len(series["reliability"]["low"]) <= 10


def test_a_model_that_loses_to_a_constant_answer_is_pointed_out(file: Path) -> None:
    outcome = run(file, "--threshold", "0.05")
    assert outcome.view.status == "warn"
    assert "A constant answer would be right in" in document(outcome)["text"][0]
    assert run(file).view.status == "done"


def test_constant_scores_are_evaluated_with_a_reason_for_what_is_missing(file: Path) -> None:
    found = metrics(run(file, score="flat"))
    assert found["roc_auc"]["value"] == 0.5
    assert (found["precision"]["value"], found["precision"]["reason"]) == (None, "no row is flagged at this threshold")


def test_three_rows_are_evaluated_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("late,score\n1,.9\n0,.2\n0,.4\n", encoding="utf-8")
    outcome = run(path)
    assert "Only 1 rows of one class" in document(outcome)["text"][0]
    assert metrics(outcome)["roc_auc"]["low"] < 0.7


def expect_refusal(outcome: Outcome, what: str, next: str) -> None:
    assert outcome.exit == 2
    assert outcome.error is not None
    assert what in outcome.error["what"]
    assert next in outcome.error["next"]


def test_what_cannot_be_evaluated_is_refused(file: Path) -> None:
    expect_refusal(run(file, score="logit"), "scores in 'logit' lie outside [0, 1], such as", "mlops-tui compare")
    expect_refusal(run(file, score="scor"), "No column 'scor'", "Did you mean 'score'?")
    expect_refusal(run(file, score="origin"), "'origin' is no number", "numeric column")
    expect_refusal(run(file, "--group", "id"), "'id' has more than", "few values")
    expect_refusal(run(file, "--group", "orgin"), "No column 'orgin'", "Did you mean 'origin'?")


@pytest.mark.parametrize(("labels", "said"), [
    (["3.5", "17.2", "8.1", "0.4"], "Of numbers: --prediction COLUMN"),
    (["0", "1", "2", "1"], "leave out the rows with 2"), (["late", "early", "late", "early"], "with the SQL y = ")])
def test_labels_that_are_not_yes_or_no_are_told_apart(tmp_path: Path, labels: list[str], said: str) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("y,guess\n" + "".join(f"{each},0.{n}\n" for n, each in enumerate(labels)))
    outcome = perform(without_project(tmp_path, perform), ("evaluate", str(file), "--label", "y", "--score", "guess"))
    expect_refusal(outcome, "must be 0 or 1", said)


def test_what_is_offered_next_can_be_called(file: Path) -> None:
    for action in run(file).view.actions:
        assert perform(without_project(file.parent, perform), action.argv).exit == 0


@pytest.mark.parametrize("option", ["--prediction", "--score"])
def test_decisions_are_counted_and_have_no_order(tmp_path: Path, option: str) -> None:
    path = tmp_path / "decided.csv"
    said = SCORE >= 0.4
    path.write_text("late,said\n" + "".join(f"{int(y)},{int(p)}\n" for y, p in zip(LATE, said, strict=True)))
    outcome = perform(without_project(tmp_path, perform), ["evaluate", str(path), "--label", "late", option, "said"])
    found = metrics(outcome)
    assert outcome.view.title.startswith(f"said: accuracy {(said == LATE).mean():.3f} [")
    assert {"accuracy", "precision", "recall", "f1", "mcc"} <= set(found)
    assert not {"roc_auc", "average_precision", "brier", "log_loss"} & set(found)
    assert all(found[name]["low"] < found[name]["value"] < found[name]["high"] for name in ("precision", "f1", "mcc"))
    yes, no = document(outcome)["tables"]["confusion"]["rows"]
    assert (yes["yes"], yes["no"]) == (int((LATE & said).sum()), int((LATE & ~said).sum()))
    assert (no["yes"], no["no"]) == (int((~LATE & said).sum()), int((~LATE & ~said).sum()))
    assert any(isinstance(part, Text) and "These are decisions" in part.body for part in outcome.view.parts)
    assert not outcome.view.actions, "decisions have no calibration"


def test_a_decision_that_is_none_is_refused_by_its_row(tmp_path: Path) -> None:
    path = tmp_path / "decided.csv"
    path.write_text("late,said\n1,1\n0,0\n1,0.7\n0,0\n")
    outcome = perform(without_project(tmp_path, perform), ["evaluate", str(path), "--label", "late", "--prediction",
                                                          "said", "--task", "binary"])
    expect_refusal(outcome, "no decision in 'said', the first is 0.7", "--score said")
