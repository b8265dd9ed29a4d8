"""evaluate and compare on a declared model: on rows that no version was fitted on, as on a file with the same rows."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_tui.analysis import answers
from mlops_tui.commands import Outcome
from mlops_tui.governance._evidence import case_of, evidence
from mlops_tui.render.json import as_json
from mlops_tui.session import Session
from mlops_tui.view import Status, Text
from store.facts import Finding, Looked, Promotion, Trained
from store.lake import Manifest

ROWS, MODEL = 3000, "flights-delay"


def document(outcome: Outcome) -> dict[str, Any]:
    assert outcome.error is None, outcome.error
    found: dict[str, Any] = json.loads(as_json(outcome.view, ()))
    return found


def refusal(outcome: Outcome) -> tuple[str, str]:
    assert outcome.exit == 2
    assert outcome.error is not None
    return outcome.error["what"], outcome.error["next"]


def kept(session: Session, seed: int, skill: float, first: int = 0, share: float = 0.25) -> Manifest:
    """Scores on test rows as training keeps them: key, time, label, one column a candidate; the label is the row's."""
    draw, ids = np.random.default_rng(seed), np.arange(first, first + ROWS)
    label = np.random.default_rng(0).random(10 * ROWS)[ids] < share
    score = np.clip(0.25 + skill * (label - 0.25) + draw.normal(0, 0.1, ROWS), 0, 1)
    lake = session.data()
    connection = lake.connect()
    connection.register("scores", {"id": ids, "late": label, "logistic": score})
    query = "SELECT *, TIMESTAMPTZ '2013-05-01' + to_minutes(CAST(id AS INT)) AS sched_dep FROM scores"
    return lake.write(f"{MODEL}.scores", query, sort=("sched_dep", "id"), connection=connection)


def training(session: Session) -> Manifest:
    """Training rows, test rows among them, with a feature of few values and one of many."""
    return session.data().write(f"{MODEL}.training", (
        "SELECT CAST(i AS BIGINT) AS id, TIMESTAMPTZ '2013-05-01' AS sched_dep, true AS late, "
        "TIMESTAMPTZ '2013-09-01' AS outcome_known_at, CASE WHEN i % 10 = 0 THEN NULL "
        "WHEN i % 3 = 0 THEN 'UA' ELSE 'AA' END AS carrier, i / 7.0 AS wind "
        f"FROM range({2 * ROWS}) t(i)"), sort=("id",))


@pytest.fixture
def ana(session: Callable[..., Session], made: Any) -> Session:
    """Version 1 serves, version 2 is better; both were tested on the same rows."""
    opened = session("ana")
    rows = training(opened).id
    detail = {"metric": "roc_auc", "trained_to": "2013-04-30T00:00:00+00:00", "test_from": "2013-05-01T00:00:00+00:00"}
    opened.ledger.append(
        made.trained("1", scores=kept(opened, 1, 0.12).id, training=rows, detail=detail),
        Promotion(subject=MODEL, version="1", previous="", approval="", evidence=""),
        made.trained("2", scores=kept(opened, 2, 0.2).id, training=rows, detail=detail))
    return opened


def declare(session: Session, old: str, new: str) -> Path:
    path = session.declared().path_of("model", MODEL)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return path.parent.parent


def exported(session: Session, path: Path) -> Path:
    """The test rows and what both versions scored, as a file that somebody might have been sent."""
    lake = session.data()
    first, second = (lake.scan(lake.manifest(f"{MODEL}.scores", entry.fact.scores))
                     for entry in session.ledger.entries("trained") if isinstance(entry.fact, Trained))
    lake.connect().execute(
        "COPY (SELECT id, a.late, carrier, a.logistic AS v1, b.logistic AS v2 "
        f"FROM {first} a JOIN {second} b USING (id) JOIN {lake.scan(training(session))} USING (id) ORDER BY id) "
        f"TO '{path}'")
    return path


def at_the_terminal(session: Session) -> Session:
    """The session, at the one door where a file may be named."""
    return replace(session, actor=replace(session.actor, source="terminal"))


def test_a_version_is_evaluated_as_a_file_of_its_test_rows_would_be(ana: Session, tmp_path: Path) -> None:
    file, ana = exported(ana, tmp_path / "rows.parquet"), at_the_terminal(ana)
    mine = document(ana.perform(("evaluate", f"{MODEL}@2", "--group", "carrier")))
    theirs = document(ana.perform(("evaluate", str(file), "--label", "late", "--score", "v2", "--group", "carrier")))
    assert mine["tables"]["metrics"] == theirs["tables"]["metrics"]
    assert mine["tables"]["groups"] == theirs["tables"]["groups"]
    assert {row["group"] for row in mine["tables"]["groups"]["rows"]} == {"AA", "UA", "(missing)"}
    assert mine["series"] == theirs["series"]
    same = ("rows", "positives", "ece", "true_positives", "false_positives", "false_negatives", "true_negatives")
    assert {key: mine["facts"][key] for key in same} == {key: theirs["facts"][key] for key in same}


def test_the_version_is_beside_the_champion_as_two_columns_of_a_file_would_be(ana: Session, tmp_path: Path) -> None:
    file, ana = exported(ana, tmp_path / "rows.parquet"), at_the_terminal(ana)
    for more in ((), ("--metric", "brier"), ("--method", "mcnemar", "--margin", "0")):
        mine = document(ana.perform(("compare", MODEL, *more)))
        theirs = document(ana.perform(("compare", str(file), "--label", "late", "--scores", "v1,v2", *more)))
        told = json.loads(json.dumps(mine["tables"]).replace(f"{MODEL}@", "v"))
        assert told["models"] == theirs["tables"]["models"]
        [paid], [plain] = told["pairs"]["rows"], theirs["tables"]["pairs"]["rows"]
        known = mine["facts"]["looks"]  # version 1 and 2 by ROC AUC, and what was asked since
        assert paid["p_adjusted"] == pytest.approx(min(plain["p_adjusted"] * known, 1))
        assert paid["margin_level"] == pytest.approx(1 - 0.1 / known)
        own = {"p_adjusted", "margin_level", "margin_low", "margin_high"}
        assert {key: paid[key] for key in paid.keys() - own} == {key: plain[key] for key in plain.keys() - own}
    assert (mine["facts"]["champion"], mine["facts"]["version"], mine["facts"]["rows"]) == ("1", "2", ROWS)


def test_another_version_is_named_by_its_number(ana: Session) -> None:
    by_number, by_name = (ana.perform(("compare", f"{MODEL}@2", "--against", each)) for each in ("1", f"{MODEL}@1"))
    assert by_number.error is None, by_number.error
    assert by_number.view.table("pairs") == by_name.view.table("pairs")


def test_the_comparison_is_the_one_that_the_gate_is_judged_by(ana: Session) -> None:
    [pair] = document(ana.perform(("compare", MODEL)))["tables"]["pairs"]["rows"]
    assert pair["verdict"] == "better"
    rows = ana.perform(("promote", MODEL)).view.table("gate").rows
    [detail] = [str(row["detail"]) for row in rows if row["item"] == "no_worse_than_champion"]
    assert detail.startswith(f"lead on 1: {-pair['estimate']:+.4f} [{-pair['margin_high']:+.4f}, "
                             f"{-pair['margin_low']:+.4f}] at 95 % after 2 looks")


def test_where_days_are_enough_the_gate_and_the_comparison_count_by_day(
        ana: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows here are of three days, and for once three are taken to be enough."""
    monkeypatch.setattr(answers, "FEWEST_GROUPS", 3)
    said = json.dumps(document(ana.perform(("compare", MODEL, "--method", "delong"))))
    assert "Rows of one day are taken for independent here" in said
    found = document(ana.perform(("compare", MODEL)))
    [pair] = found["tables"]["pairs"]["rows"]
    assert pair["method"] == "t"
    assert "Rows of one span of time vary together and count as one: 3 of them" in json.dumps(found)
    rows = ana.perform(("promote", MODEL)).view.table("gate").rows
    [detail] = [str(row["detail"]) for row in rows if row["item"] == "no_worse_than_champion"]
    assert detail.startswith(f"lead on 1: {-pair['estimate']:+.4f} [{-pair['margin_high']:+.4f}, "
                             f"{-pair['margin_low']:+.4f}] at 95 % after 2 looks")


def test_the_challenger_is_judged_by_the_criteria_and_the_finding_is_kept(ana: Session) -> None:
    outcome = ana.perform(("evaluate", MODEL))
    [row] = document(outcome)["tables"]["criteria"]["rows"]
    assert (row["metric"], row["limit"], row["verdict"]) == ("roc_auc", 0.7, "met")
    assert 0.7 < row["low"] < row["value"] < row["high"]
    assert (outcome.view.status, outcome.exit, outcome.view.facts()["version"]) == (Status.PASS, 0, "2")
    [entry] = ana.ledger.entries("finding")
    fact = entry.fact
    assert isinstance(fact, Finding)
    assert (fact.check, fact.subject, fact.version, fact.status, fact.limit) == ("evaluate", MODEL, "2", "pass", 0.7)
    assert (fact.value, fact.low, fact.high, fact.n) == (row["value"], row["low"], row["high"], ROWS)
    assert fact.declaration == ana.declared().fingerprint("model", MODEL)
    assert fact.data[0] == outcome.view.facts()["scores"]
    assert [action.argv for action in outcome.view.actions] == [
        ("compare", f"{MODEL}@2"), ("calibration", f"{MODEL}@2"), ("promote", f"{MODEL}@2"),
        ("evaluate", f"{MODEL}@2", "--picture", "all")]


def test_a_checklist_can_ask_for_the_evaluation(ana: Session, session: Callable[..., Session]) -> None:
    path = ana.declared().path_of("checklist", "standard")
    path.write_text("items: [{id: evaluated, finding: evaluate}]\n", encoding="utf-8")
    opened = session("ana")

    def item() -> Any:
        view = opened.perform(("promote", f"{MODEL}@2")).view
        [status] = [row["status"] for row in view.table("gate").rows if row["item"] == "evaluated"]
        return status, [action.argv for action in view.actions if action.argv[0] == "evaluate"]

    assert item() == (Status.UNKNOWN, [("evaluate", f"{MODEL}@2")])
    opened.perform(("evaluate", f"{MODEL}@1"))
    assert item()[0] is Status.UNKNOWN, "what was found about another version says nothing about this one"
    opened.perform(("evaluate", f"{MODEL}@2"))
    assert item() == (Status.PASS, [])


@pytest.mark.parametrize(("limit", "status", "verdict"), [
    ("at_least: 0.999, min_rows: 1000", Status.FAIL, "not met"),
    ("at_least: 0.70, min_rows: 9000", Status.UNKNOWN, "too few rows"),
    ("at_least: 0.70, slice: carrier=AA", Status.PASS, "met"),
    ("at_least: 0.999, slice: carrier=AA", Status.FAIL, "not met"),
    ("at_least: 0.70, min_rows: 2900, slice: carrier=AA", Status.UNKNOWN, "too few rows"),
    ("at_least: 0.70, slice: carrier=DL", Status.UNKNOWN, "unknown"),
    ("at_least: 0.70, slice: carier=AA", Status.UNKNOWN, "unknown"),
])
def test_only_what_surely_meets_its_criterion_passes_on_all_rows_and_on_a_slice(
        ana: Session, session: Callable[..., Session], limit: str, status: Status, verdict: str) -> None:
    declare(ana, "at_least: 0.70, min_rows: 1000", limit)
    outcome = session("ana").perform(("evaluate", MODEL))
    assert (outcome.view.status, outcome.exit) == (status, 0 if status is Status.PASS else 1)
    assert outcome.view.table("criteria").rows[0]["verdict"] == verdict


def test_the_gate_judges_a_criterion_on_a_slice_as_evaluate_does(
        ana: Session, session: Callable[..., Session]) -> None:
    limit = "criteria: [{metric: roc_auc, at_least: 0.70, slice: carrier=AA}, {metric: roc_auc, at_least: 0.7, "
    declare(ana, "criteria: [{metric: roc_auc, at_least: 0.70, min_rows: 1000}]", f"{limit}slice: carrier=DL}}]")
    opened = session("ana")
    rows = {str(row["metric"]): row for row in opened.perform(("evaluate", f"{MODEL}@2")).view.table("criteria").rows}
    gate = {str(row["item"]): row for row in opened.perform(("promote", f"{MODEL}@2")).view.table("gate").rows}
    for name, status in (("roc_auc:carrier=AA", Status.PASS), ("roc_auc:carrier=DL", Status.UNKNOWN)):
        assert rows[name]["status"] == gate[f"criterion {name}"]["status"] == status
    known, unknown = gate["criterion roc_auc:carrier=AA"], gate["criterion roc_auc:carrier=DL"]
    assert known["detail"] == f"{rows['roc_auc:carrier=AA']['reason']}, n = {rows['roc_auc:carrier=AA']['n']:,}"
    assert str(unknown["detail"]) == "No test row has carrier=DL. carrier is (missing), AA, UA."


def test_declared_slices_are_shown_without_being_asked_for(ana: Session, session: Callable[..., Session]) -> None:
    declare(ana, "task: binary", "task: binary\nslices: [carrier, wing]")
    found = document(session("ana").perform(("evaluate", MODEL)))
    assert {row["column"] for row in found["tables"]["groups"]["rows"]} == {"carrier"}
    assert any("not among the training rows" in text and "wing" in text for text in found["text"])


def test_classified_values_of_a_slice_are_not_shown_where_others_read_along(
        ana: Session, session: Callable[..., Session]) -> None:
    declare(ana, "task: binary", "task: binary\nslices: [carrier]")
    path = ana.declared().path_of("dataset", "flights")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("    properties:\n", "    properties:\n      - {name: carrier, logicalType: string, "
                                 "classification: restricted}\n", 1), encoding="utf-8")
    opened = session("ana")
    shown = opened.perform(("evaluate", MODEL)).view
    assert "AA" not in as_json(shown, ())
    assert "classified" in document(opened.perform(("evaluate", MODEL)))["text"][-1]
    assert "classified" in refusal(opened.perform(("evaluate", MODEL, "--group", "carrier")))[0]
    assert "AA" in as_json(at_the_terminal(opened).perform(("evaluate", MODEL)).view, ())


def test_test_rows_that_were_looked_at_before_are_said_so(ana: Session) -> None:
    told = [text for text in document(ana.perform(("evaluate", MODEL)))["text"] if "have been looked at" in text]
    assert len(told) == 1
    assert "twice: versions 1, 2 by roc_auc" in told[0]


def test_the_threshold_is_the_declared_one(ana: Session, session: Callable[..., Session]) -> None:
    declare(ana, "task: binary", "task: binary\nthreshold: 0.3")
    opened = session("ana")
    assert opened.perform(("evaluate", MODEL)).view.facts()["threshold"] == 0.3
    assert "0.3" in refusal(opened.perform(("evaluate", MODEL, "--threshold", "0.2")))[0]


def test_without_criteria_it_is_done_and_without_challenger_it_is_the_champion(
        ana: Session, session: Callable[..., Session]) -> None:
    declare(ana, "criteria: [{metric: roc_auc, at_least: 0.70, min_rows: 1000}]", "")
    ana.ledger.append(Promotion(subject=MODEL, version="2", previous="1", approval="", evidence=""))
    outcome = session("ana").perform(("evaluate", MODEL))
    assert (outcome.view.status, outcome.view.facts()["version"]) == (Status.DONE, "2")
    assert "criteria" not in document(outcome)["tables"]
    assert [action.argv[0] for action in outcome.view.actions] == ["calibration", "evaluate"]


def test_a_version_that_is_not_there_is_refused_with_the_way_to_one(
        ana: Session, session: Callable[..., Session]) -> None:
    assert refusal(ana.perform(("evaluate", f"{MODEL}@9"))) == (
        f"'{MODEL}' has no version 9.", f"Try: mlops-tui evaluate {MODEL}@2")
    assert "Did you mean" in refusal(ana.perform(("compare", "flights-dela")))[1]
    assert refusal(ana.perform(("evaluate", MODEL, "--group", "carier")))[1] == "Did you mean 'carrier'?"
    assert "more than 1000 values" in refusal(ana.perform(("evaluate", MODEL, "--group", "wind")))[0]
    assert refusal(ana.perform(("evaluate", MODEL, "--group", "late")))[1] == "Columns: id, carrier, wind."
    assert refusal(ana.perform(("evaluate", "rows.csv")))[0].startswith("A file needs --label, and what the model answ")
    assert refusal(ana.perform(("compare", MODEL, "--label", "late")))[0] == "A file needs --label and --scores."
    assert "not in folds" in refusal(ana.perform(("compare", MODEL, "--method", "corrected-t")))[0]
    assert ana.ledger.entries("finding") == []


def test_what_was_never_trained_or_promoted_says_what_to_run(session: Callable[..., Session], made: Any) -> None:
    opened = session("ana")
    for command in ("evaluate", "compare"):
        assert refusal(opened.perform((command, MODEL)))[1] == f"Try: mlops-tui train {MODEL}"
    opened.ledger.append(made.trained("1", scores=kept(opened, 1, 0.12).id))
    assert refusal(opened.perform(("evaluate", f"{MODEL}@champion")))[1] == f"Try: mlops-tui promote {MODEL}@1"
    what, step = refusal(opened.perform(("compare", MODEL)))
    assert "no champion" in what
    assert step == f"Try: mlops-tui evaluate {MODEL}@1"
    opened.ledger.append(Promotion(subject=MODEL, version="1", previous="", approval="", evidence=""))
    assert "is the champion" in refusal(opened.perform(("compare", MODEL)))[0]


def test_scores_that_were_erased_or_never_kept_are_named(ana: Session, made: Any) -> None:
    for path in ana.data().root.glob(f"{MODEL}.scores/**/*.parquet"):
        path.unlink()
    for command in ("evaluate", "compare"):
        what, step = refusal(ana.perform((command, MODEL)))
        assert "were erased" in what
        assert step == f"Try: mlops-tui performance {MODEL}@2"
    gate = {row["item"]: row for row in ana.perform(("promote", MODEL)).view.table("gate").rows}
    assert (gate["no_worse_than_champion"]["status"], gate["no_worse_than_champion"]["detail"]) == (
        Status.UNKNOWN, "its scores on the test rows were erased")
    ana.ledger.append(made.trained("3"))
    assert "were not kept" in refusal(ana.perform(("evaluate", MODEL)))[0]


def test_a_label_that_is_declared_since_is_not_looked_for_in_older_scores(
        ana: Session, session: Callable[..., Session]) -> None:
    declare(ana, "column: late", "column: day")
    assert "no column 'day'" in refusal(session("ana").perform(("evaluate", MODEL)))[0]


def test_one_class_in_the_test_rows_is_refused(ana: Session, made: Any) -> None:
    ana.ledger.append(made.trained("3", scores=kept(ana, 3, 0.2, share=-1).id))
    what, step = refusal(ana.perform(("evaluate", MODEL)))
    assert what == f"All {ROWS} test rows of {MODEL}@3 have the label 0."
    assert "split: test:" in step
    assert "have the label 0" in refusal(ana.perform(("compare", MODEL)))[0]


def test_rows_that_only_one_scored_wait_for_the_log(ana: Session, made: Any) -> None:
    detail = {"metric": "roc_auc", "test_from": "2013-06-02T05:00:00+00:00"}
    later = kept(ana, 3, 0.2, first=5 * ROWS)
    ana.ledger.append(made.trained("3", scores=later.id, detail=detail))
    what, step = refusal(ana.perform(("compare", MODEL)))
    assert what == f"{MODEL}@1 has scored none of the test rows of {MODEL}@3 unseen."
    assert f"mlops-tui score {MODEL} --day 2013-05-11" in step
    lake = ana.data()
    ana.commit(lake.write(f"{MODEL}.predictions", (
        "SELECT id, sched_dep, '1' AS version, logistic / 2 AS score, '2013-06-02' AS day "
        f"FROM {lake.scan(later)}"), sort=("id",), partition_by=("day",)))
    facts = ana.perform(("compare", MODEL)).view.facts()
    assert (facts["source"], facts["rows"]) == ("the prediction log", ROWS)


def test_a_version_that_does_not_serve_is_calibrated_on_its_test_rows(ana: Session, tmp_path: Path) -> None:
    file, ana = exported(ana, tmp_path / "rows.parquet"), at_the_terminal(ana)
    mine = document(ana.perform(("calibration", f"{MODEL}@2", "--group", "carrier")))
    theirs = document(ana.perform(("calibration", str(file), "--label", "late", "--score", "v2", "--group", "carrier")))
    for table in ("bins", "groups", "tests"):
        assert mine["tables"][table] == theirs["tables"][table]
    assert mine["series"]["reliability"] == theirs["series"]["reliability"]
    assert (mine["facts"]["version"], mine["facts"]["fitted_on"]) == ("2", "earlier rows")
    [fact] = [entry.fact for entry in ana.ledger.entries("finding") if isinstance(entry.fact, Finding)]
    assert (fact.check, fact.version, fact.limit, fact.window) == ("calibration", "2", 0.05, ("", ""))
    assert (fact.value, fact.low, fact.high) == tuple(mine["facts"][name] for name in ("ece", "ece_low", "ece_high"))
    assert fact.status == "fail"
    assert "predicted" not in fact.detail, "that is for what was seen in service"


def test_the_champion_is_calibrated_in_service_unless_its_test_rows_are_asked_for(ana: Session) -> None:
    assert "has no data yet" in refusal(ana.perform(("calibration", MODEL)))[0]
    assert "has no data yet" in refusal(ana.perform(("calibration", f"{MODEL}@1")))[0]
    assert document(ana.perform(("calibration", f"{MODEL}@1", "--test")))["facts"]["version"] == "1"
    assert document(ana.perform(("calibration", MODEL, "--test")))["facts"]["version"] == "2", "the challenger"
    assert refusal(ana.perform(("calibration", MODEL, "--test", "--window", "7d")))[1] == (
        "Leave out --window and --monitor.")
    assert refusal(ana.perform(("calibration", MODEL, "--group", "carrier")))[1] == "Add --test."
    assert "declares `weight:`" in refusal(ana.perform(("calibration", MODEL, "--weight", "w")))[1]


def test_what_would_mend_a_version_is_a_key_of_its_candidate_and_a_command(ana: Session) -> None:
    view = ana.perform(("calibration", f"{MODEL}@2")).view
    words = "\n".join(str(getattr(part, "body", "")) for part in view.parts)
    assert f"under logistic in models/{MODEL}.yaml, and train it." in words
    assert view.actions[0].argv == ("train", MODEL, "--candidate", "logistic")


def other_task(session: Session, made: Any, task: str, query: str, **detail: Any) -> None:
    """A version of another task in the history, with these scores on its test rows."""
    lake = session.data()
    stored = lake.write(f"{MODEL}.scores", (
        f"SELECT CAST(i AS BIGINT) AS id, TIMESTAMPTZ '2013-05-01' + to_minutes(CAST(i AS INT)) AS sched_dep, {query} "
        f"FROM (SELECT i, hash(i) % 1000 / 1000.0 AS u, hash(i + 1) % 1000 / 1000.0 AS v FROM range({ROWS}) t(i))"),
        sort=("sched_dep", "id"))
    session.ledger.append(made.trained("9", scores=stored.id, training=training(session).id,
                                       detail={"task": task, "test_from": "2013-05-01T00:00:00+00:00", **detail}))


def exported_scores(session: Session, path: Path) -> Path:
    lake, fact = session.data(), session.ledger.entries("trained")[-1].fact
    assert isinstance(fact, Trained)
    lake.connect().execute(f"COPY (SELECT * FROM {lake.scan(lake.manifest(f'{MODEL}.scores', fact.scores))} "
                           f"JOIN (SELECT id, carrier FROM {lake.scan(training(session))}) USING (id)) TO '{path}'")
    return path


def test_a_weighted_regression_is_evaluated_as_a_file_of_its_test_rows_would_be(
        ana: Session, session: Callable[..., Session], made: Any, tmp_path: Path) -> None:
    other_task(ana, made, "regression", "100 * u AS late, 100 * u + 20 * v - 9 AS logistic, 1 + i % 3 AS weight",
               metric="mae", weight="passengers")
    declare(ana, "task: binary", "task: regression")
    declare(ana, "calibrated, ", "")
    declare(ana, "{metric: roc_auc, at_least: 0.70, min_rows: 1000}", "{metric: mae, at_most: 9, slice: carrier=AA}")
    opened = session("ana")
    file = exported_scores(opened, tmp_path / "rows.parquet")
    outcome = opened.perform(("evaluate", f"{MODEL}@9", "--group", "carrier"))
    mine = document(outcome)
    theirs = document(at_the_terminal(opened).perform((
        "evaluate", str(file), "--label", "late", "--prediction", "logistic", "--weight", "weight",
        "--group", "carrier")))
    values = {row["metric"]: row["value"] for row in theirs["tables"]["metrics"]["rows"]}
    assert {row["metric"]: row["value"] for row in mine["tables"]["metrics"]["rows"]} == pytest.approx(values)
    slice_ = next(row for row in theirs["tables"]["groups"]["rows"] if row["group"] == "AA")
    [row] = mine["tables"]["criteria"]["rows"]
    assert (row["metric"], row["verdict"], row["value"]) == ("mae:carrier=AA", "met", pytest.approx(slice_["mae"]))
    assert mine["facts"]["effective_rows"] == theirs["facts"]["effective_rows"] < ROWS
    assert (outcome.view.status, mine["facts"]["task"]) == (Status.PASS, "regression")
    assert outcome.view.title.startswith(f"{MODEL}@9: MAE 4.9")


def test_the_calibration_of_weighted_rows_is_weighted_at_the_gate_and_in_an_evaluation(
        ana: Session, session: Callable[..., Session], made: Any) -> None:
    """Rows that count 10 are late in u² of the cases where u is said, the others in u: off by 10/11 · ∫u − u², 0.15."""
    other_task(ana, made, "binary", "v < CASE i % 2 WHEN 0 THEN u ELSE u * u END AS late, u AS logistic, "
               "1 + 9 * (i % 2) AS weight", metric="roc_auc", weight="passengers")
    fact = ana.ledger.entries("trained")[-1].fact
    assert isinstance(fact, Trained)
    ana.ledger.append(replace(fact, version="10", metrics={}))
    opened = session("ana")
    at_the_gate = evidence(opened, *case_of(opened, f"{MODEL}@10")).ece
    assert at_the_gate is not None
    assert at_the_gate.value == pytest.approx(0.15, abs=0.02)
    assert document(opened.perform(("evaluate", f"{MODEL}@10")))["facts"]["ece"] == pytest.approx(at_the_gate.value)


def test_several_classes_are_evaluated_as_a_file_of_the_test_rows_would_be(
        ana: Session, session: Callable[..., Session], made: Any, tmp_path: Path) -> None:
    other_task(ana, made, "multiclass", (
        "CASE WHEN u < 0.5 THEN 'on [time]' WHEN u < 0.9 THEN 'late' ELSE 'lost' END AS late, 'late' AS logistic, "
        "CASE WHEN u + v < 1 THEN 0.7 ELSE 0.2 END AS \"logistic:on [time]\", "
        "CASE WHEN u + v < 1 THEN 0.2 ELSE 0.5 END AS \"logistic:late\", "
        "CASE WHEN u + v < 1 THEN 0.1 ELSE 0.3 END AS \"logistic:lost\""),
        metric="macro_f1", classes=["on [time]", "late", "lost"])
    declare(ana, "task: binary", "task: multiclass")
    declare(ana, "{metric: roc_auc, at_least: 0.70, min_rows: 1000}", "{metric: macro_f1, at_least: 0.99}")
    opened = session("ana")
    file = exported_scores(opened, tmp_path / "rows.parquet")
    outcome = opened.perform(("evaluate", f"{MODEL}@9", "--group", "carrier"))
    mine = document(outcome)
    given = [word for name in ("on [time]", "late", "lost") for word in ("--probability", f"{name}=logistic:{name}")]
    theirs = document(at_the_terminal(opened).perform(
        ("evaluate", str(file), "--label", "late", *given, "--group", "carrier")))
    values = {row["metric"]: row["value"] for row in theirs["tables"]["metrics"]["rows"]}
    assert {row["metric"]: row["value"] for row in mine["tables"]["metrics"]["rows"]} == values
    for name in ("classes", "groups"):
        assert mine["tables"][name]["rows"] == theirs["tables"][name]["rows"]
    assert mine["series"]["confusion"] == theirs["series"]["confusion"]
    assert (outcome.view.status, mine["tables"]["criteria"]["rows"][0]["verdict"]) == (Status.FAIL, "not met")
    assert "accuracy" in mine["tables"]["groups"]["rows"][0], "means over classes are no fair comparison of slices"


# -- looks at the test days -------------------------------------------------------------------------------------------


def looks_of(session: Session, *argv: str) -> int:
    found = document(session.perform(("compare", *argv)))["facts"]["looks"]
    return int(found)


def test_every_question_asked_of_the_same_test_days_is_a_look_and_the_same_one_again_is_not(ana: Session) -> None:
    assert looks_of(ana, MODEL) == 2  # versions 1 and 2 by the metric of their training
    assert looks_of(ana, MODEL) == 2
    assert ana.perform(("evaluate", f"{MODEL}@2")).error is None
    assert looks_of(ana, f"{MODEL}@1", "--against", f"{MODEL}@2") == 2  # the same question, turned about
    assert looks_of(ana, MODEL, "--metric", "f1") == 3
    assert looks_of(ana, MODEL, "--metric", "f1") == 3
    assert looks_of(ana, MODEL, "--metric", "f1", "--threshold", "0.4") == 4
    assert looks_of(ana, MODEL) == 4
    kept_once = [entry.fact for entry in ana.ledger.entries("looked")]
    assert [(each.question, each.n) for each in kept_once if isinstance(each, Looked)] == [
        ("roc_auc", ROWS), ("roc_auc", ROWS), ("f1", ROWS), ("f1 at 0.4", ROWS)]


def test_looks_are_told_and_paid_for(ana: Session) -> None:
    for metric in ("f1", "brier", "accuracy"):
        ana.perform(("compare", MODEL, "--metric", metric))
    found = ana.perform(("compare", MODEL))
    [said] = [part.body for part in found.view.parts if isinstance(part, Text) and "looked at" in part.body]
    assert said.startswith("The test days 2013-05-01 to 2013-05-31 have been looked at 5 times: versions 1, 2 by "
                           "roc_auc; version 2 by f1; version 2 by brier; version 2 by accuracy.")
    assert "p × 5" in said
    [pair] = document(found)["tables"]["pairs"]["rows"]
    assert pair["p_adjusted"] == pytest.approx(5 * pair["p_value"])
    rows = ana.perform(("promote", MODEL)).view.table("gate").rows
    [detail] = [str(row["detail"]) for row in rows if row["item"] == "no_worse_than_champion"]
    assert "at 98 % after 5 looks" in detail


def test_a_version_that_is_tested_on_later_days_starts_anew(ana: Session, made: Any) -> None:
    ana.perform(("compare", MODEL, "--metric", "f1"))
    assert looks_of(ana, MODEL) == 3
    detail = {"metric": "roc_auc", "trained_to": "2013-05-31T00:00:00+00:00", "test_from": "2013-06-01T00:00:00+00:00",
              "test_to": "2013-06-09T00:00:00+00:00"}
    ana.ledger.append(made.trained("3", scores=kept(ana, 3, 0.2).id, window=("2013-01-01", "2013-06-10"),
                                   detail=detail))
    assert looks_of(ana, f"{MODEL}@3") == 1


def test_who_only_reads_leaves_no_look(ana: Session, session: Callable[..., Session]) -> None:
    before = len(ana.ledger.entries())
    assert session("vera").perform(("compare", MODEL)).exit == 4  # a viewer looks at nothing new
    assert not ana.ledger.entries("looked")
    assert len(ana.ledger.entries()) == before + 1  # that she tried


def test_the_calibration_of_a_regression_is_refused(ana: Session, session: Callable[..., Session]) -> None:
    declare(ana, "task: binary", "task: regression")
    declare(ana, " calibrated,", "")
    declare(ana, "criteria: [{metric: roc_auc, at_least: 0.70, min_rows: 1000}]", "")
    what, step = refusal(session("ana").perform(("calibration", f"{MODEL}@2")))
    assert what == f"Calibration is of probabilities; {MODEL} is a regression."
    assert step == f"Try: mlops-tui evaluate {MODEL}"


def test_a_version_of_several_classes_is_calibrated_class_by_class(
        ana: Session, session: Callable[..., Session], made: Any) -> None:
    draw = np.random.default_rng(4)
    chances = draw.dirichlet([2, 1, 1], ROWS)
    names = np.array(["early", "late", "never"])
    label = names[(draw.random((ROWS, 1)) > chances.cumsum(axis=1)).sum(axis=1)]
    lake = ana.data()
    connection = lake.connect()
    connection.register("scores", {
        "id": np.arange(ROWS), "late": label.astype(object), "logistic": names[chances.argmax(axis=1)].astype(object),
        **{f"logistic:{name}": chances[:, place] for place, name in enumerate(names)}})
    query = "SELECT *, TIMESTAMPTZ '2013-05-01' + to_minutes(CAST(id AS INT)) AS sched_dep FROM scores"
    scores = lake.write(f"{MODEL}.scores", query, sort=("sched_dep", "id"), connection=connection)
    ana.ledger.append(made.trained("3", scores=scores.id, detail={
        "metric": "log_loss", "task": "multiclass", "classes": names.tolist(), "test_from": "2013-05-01T00:00:00Z"}))
    declare(ana, "task: binary", "task: multiclass")
    declare(ana, "criteria: [{metric: roc_auc, at_least: 0.70, min_rows: 1000}]", "")
    found = document(session("ana").perform(("calibration", f"{MODEL}@3")))
    assert [row["class"] for row in found["tables"]["classes"]["rows"]] == names.tolist()
    for row, share in zip(found["tables"]["classes"]["rows"], chances.mean(axis=0), strict=True):
        assert row["predicted"] == pytest.approx(share)
        assert row["observed"] == pytest.approx((label == row["class"]).mean())
    assert "calibrated as far as these rows can tell" in found["title"]


# -- rows of a day vary together ------------------------------------------------------------------------------------


def of_days(session: Session, seed: int, skill: float) -> Manifest:
    """Scores on 30 days of test rows, on each of which more or less happens than scores know."""
    ids = np.arange(ROWS)
    day = np.random.default_rng(7).normal(size=30)[ids % 30]
    label = np.random.default_rng(8).random(ROWS) < 1 / (1 + np.exp(1 - day))
    score = np.clip(0.25 + skill * (label - 0.25) + np.random.default_rng(seed).normal(0, 0.1, ROWS), 0, 1)
    connection = session.data().connect()
    connection.register("scores", {"id": ids, "late": label, "logistic": score})
    query = "SELECT *, TIMESTAMPTZ '2013-05-01 12:00-04' + to_days(CAST(id % 30 AS INT)) AS sched_dep FROM scores"
    return session.data().write(f"{MODEL}.scores", query, sort=("sched_dep", "id"), connection=connection)


@pytest.fixture
def month(session: Callable[..., Session], made: Any) -> Session:
    opened = session("ana")
    rows, detail = training(opened).id, {"metric": "roc_auc", "trained_to": "2013-04-30T00:00:00+00:00",
                                         "test_from": "2013-05-01T00:00:00+00:00"}
    opened.ledger.append(
        made.trained("1", scores=of_days(opened, 1, 0.12).id, training=rows, detail=detail),
        Promotion(subject=MODEL, version="1", previous="", approval="", evidence=""),
        made.trained("2", scores=of_days(opened, 2, 0.2).id, training=rows, detail=detail))
    return opened


def with_days(session: Session, path: Path) -> Path:
    """As `exported`, with the local day of each row."""
    lake = session.data()
    first, second = (lake.scan(lake.manifest(f"{MODEL}.scores", entry.fact.scores))
                     for entry in session.ledger.entries("trained") if isinstance(entry.fact, Trained))
    lake.connect().execute(
        "COPY (SELECT id, a.late, a.logistic AS v1, b.logistic AS v2, strftime(timezone('America/New_York', "
        f"a.sched_dep), '%Y-%m-%d') AS day FROM {first} a JOIN {second} b USING (id) ORDER BY id) TO '{path}'")
    return path


def test_intervals_and_verdicts_of_a_version_count_days_as_those_of_a_file_count_clusters(month: Session,
                                                                                          tmp_path: Path) -> None:
    file, ana = with_days(month, tmp_path / "rows.parquet"), at_the_terminal(month)
    mine = document(ana.perform(("evaluate", f"{MODEL}@2", "--preview")))
    asked = ("evaluate", str(file), "--label", "late", "--score", "v2")
    theirs, plain = document(ana.perform((*asked, "--cluster", "day"))), document(ana.perform(asked))
    assert mine["tables"]["metrics"] == theirs["tables"]["metrics"]
    assert "on 3,000 rows of 30 days" in mine["title"]
    assert "on 3,000 rows of 30 values of day" in theirs["title"]
    wide, narrow = ({row["metric"]: row["high"] - row["low"] for row in each["tables"]["metrics"]["rows"]}
                    for each in (mine, plain))
    assert wide["brier"] > 2 * narrow["brier"], "days differ more than their rows do"
    [pair] = document(ana.perform(("compare", MODEL)))["tables"]["pairs"]["rows"]
    [other] = document(ana.perform(("compare", str(file), "--label", "late", "--scores", "v1,v2", "--cluster", "day")))[
        "tables"]["pairs"]["rows"]
    assert {key: pair[key] for key in ("estimate", "low", "high", "p_value")} == {
        key: other[key] for key in ("estimate", "low", "high", "p_value")}


def test_calibration_says_how_far_off_it_is_where_days_count(month: Session) -> None:
    view = month.perform(("calibration", f"{MODEL}@2", "--preview")).view
    said = next(part.body for part in view.parts if isinstance(part, Text) and "counted by its 30 spans" in part.body)
    facts = view.facts()
    assert f"{float(str(facts['gap'])) * 100:+.1f} points" in said, "seen over said, as the gap is"
    assert "not surely off" in said
    assert float(str(facts["gap_high"])) < 0 or float(str(facts["gap_low"])) > 0, "by rows it would be sure"


def test_rows_that_are_declared_independent_are_counted(month: Session, tmp_path: Path) -> None:
    file = with_days(month, tmp_path / "rows.parquet")
    declare(month, "split: {", "split: {together: 0s, ")
    ana = at_the_terminal(month)
    mine = document(ana.perform(("evaluate", f"{MODEL}@2", "--preview")))
    theirs = document(ana.perform(("evaluate", str(file), "--label", "late", "--score", "v2")))
    assert mine["tables"]["metrics"] == theirs["tables"]["metrics"]
    assert "days" not in mine["title"]


def test_of_a_few_days_rows_are_counted_and_it_says_so(ana: Session) -> None:
    shown = ana.perform(("evaluate", f"{MODEL}@2", "--preview")).view
    assert "Only 3 days: too few to tell how much they vary" in " ".join(
        part.body for part in shown.parts if isinstance(part, Text))
    assert "of 3 days" not in shown.title
