"""A team's own MLflow server, unmodified, and its table of predictions: seen as they are, and not touched."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from mlops_tui.commands import Outcome, perform
from mlops_tui.monitoring._guessed import guessed
from mlops_tui.monitoring._proposed import _said, _word, slug
from mlops_tui.opening import open_project
from mlops_tui.render.json import as_json
from mlops_tui.session import ReplayClock, Session, without_project
from mlops_tui.view import Facts, Status, Table, Text
from store.aliases import aliases_of
from store.scan import engine, scan_file
from store.tracking import Input, Record, Tracking
from tests.monitoring.mlflow_server import Served, serving

INPUTS = (Input("amount", "double"), Input("age", "long"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Served]:
    """Three models: one in order, one without a file to read, and one that says nothing of itself."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(empty_store, folder / "mlflow.db")  # its tables are laid: two seconds less
    with serving(folder) as served:
        tracking = Tracking(served.url, folder / "client")
        x = np.random.default_rng(0).normal(size=(60, 2))
        for auc in (0.80, 0.82):
            fitted = LogisticRegression().fit(x, x[:, 0] > 0)
            tracking.log_version("credit-risk", fitted, Record(INPUTS, metrics={"roc_auc": auc}, tags={"owner": "ana"}))
        tracking.alias("credit-risk", "champion", 2)
        client = tracking._client
        client.create_registered_model("churn [bold]", tags={"team": "growth"})
        run = client.create_run("0")
        client.create_model_version("churn [bold]", "s3://elsewhere/model", run.info.run_id)
        client.create_registered_model("empty")
        yield served


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five weeks of predictions: in the last one `amount` moved and the answers were turned round."""
    folder = tmp_path_factory.mktemp("tables")
    duckdb.connect().execute(f"""
        SELECT setseed(0.5);
        CREATE TABLE p AS SELECT 'r' || i AS prediction_id, TIMESTAMPTZ '2026-01-05 00:00Z' + INTERVAL (i * 6) MINUTE
            AS timestamp, '2' AS model_version, sqrt(-2 * ln(1 - random())) * cos(6.2831853 * random())
            + CASE WHEN i > 6720 THEN 0.5 ELSE 0 END AS amount, CAST(18 + random() * 60 AS INTEGER) AS age,
            random() AS score, random() AS luck FROM range(8401) t(i);
        CREATE TABLE l AS SELECT prediction_id, CAST(luck < CASE WHEN timestamp > TIMESTAMPTZ '2026-02-02 00:00Z'
            THEN 1 - score ELSE score END AS INTEGER) AS defaulted FROM p;
        COPY (SELECT * EXCLUDE (luck) FROM p) TO '{folder}/predictions.parquet';
        COPY l TO '{folder}/labels.csv';
        COPY (SELECT p.* EXCLUDE (luck), defaulted AS label FROM p JOIN l USING (prediction_id) ORDER BY timestamp)
            TO '{folder}/both.jsonl' (FORMAT json);
    """)
    return folder


def connected(folder: Path, url: str, *more: str) -> Outcome:
    return perform(without_project(folder, perform), ("connect", "--mlflow", url, *more))


def rows(outcome: Outcome, table: str, key: str) -> dict[object, dict[str, object]]:
    return {each[key]: dict(each) for each in outcome.view.table(table).rows}


def digests(folder: Path) -> dict[str, str]:
    """Everything that lies in a folder, by content; of a database its rows, since reading may touch its header."""
    found = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
             for path in folder.rglob("*") if path.is_file() and not path.name.startswith(("mlflow.db", "server.log"))}
    for path in folder.glob("mlflow.db"):
        with sqlite3.connect(path) as connection:
            found["mlflow.db"] = hashlib.sha256("".join(connection.iterdump()).encode()).hexdigest()
    return found


def test_every_registered_model_is_listed_with_how_ready_it_is(server: Served, tmp_path: Path) -> None:
    outcome = connected(tmp_path, server.url)
    assert (outcome.exit, outcome.view.title) == (0, "3 models, 0 of them ready to be watched")
    found = rows(outcome, "models", "model")
    assert found["credit-risk"]["version"] == "2 champion"
    assert found["credit-risk"]["versions"] == 2
    assert found["credit-risk"]["evaluation"] == "roc_auc 0.82"
    assert found["credit-risk"]["flavour"] == "sklearn"
    assert found["credit-risk"]["inputs"] == 2
    assert found["churn [bold]"]["owner"] == "growth"
    assert "cannot be read" in str(found["churn [bold]"]["problem"])
    assert found["empty"]["version"] is None


def test_aliases_are_read_from_a_server_as_from_its_file(server: Served) -> None:
    names = [name for name, in _asked(server, "SELECT DISTINCT name FROM registered_models")]
    told = {name: aliases_of(server.url, name) for name in names}
    assert told == {name: aliases_of(f"sqlite:///{server.database}", name) for name in names}
    assert any(told.values())
    assert aliases_of(server.url, "nobody's model & co") == {}


def _asked(server: Served, query: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(server.database)) as database:
        return database.execute(query).fetchall()


def test_what_the_server_and_its_file_say_is_the_same_where_both_can_know_it(server: Served, tmp_path: Path) -> None:
    ours = ("model", "version", "versions", "owner", "evaluation", "trained")
    by_api, by_file = (rows(connected(tmp_path, uri), "models", "model")
                       for uri in (server.url, f"sqlite:///{server.database}"))
    assert {name: [each[key] for key in ours] for name, each in by_api.items()} == {
        name: [each[key] for key in ours] for name, each in by_file.items()}
    assert "name that with --mlflow" in str(by_file["credit-risk"]["problem"])
    odd = tmp_path / "store"
    shutil.copy(server.database, odd)
    steps = [each.argv for each in connected(tmp_path, f"sqlite:///{odd}", "--model", "credit-risk").view.actions]
    assert [argv[:2] for argv in steps] == [("connect", "--mlflow"), ("connect", "write")]
    assert all(f"sqlite:///{odd}" in argv for argv in steps)


def test_readiness_says_what_is_there_and_what_would_make_it_green(server: Served, tmp_path: Path) -> None:
    outcome = connected(tmp_path, server.url, "--model", "credit-risk")
    checks = rows(outcome, "readiness", "check")
    assert {name for name, each in checks.items() if each["status"] is Status.PASS} == {
        "owner", "rollback", "evaluation", "signature"}
    assert checks["labels"]["status"] is Status.UNKNOWN, "unknown is not a pass"
    assert all(each["next"] for each in checks.values() if each["status"] is not Status.PASS)
    assert outcome.view.title == "credit-risk is ready in 4 of 8"
    other = rows(connected(tmp_path, server.url, "--model", "churn [bold]"), "readiness", "check")
    assert [name for name, each in other.items() if each["status"] is Status.PASS] == ["owner"]
    assert other["rollback"]["status"] is Status.WARN


def test_the_one_minute_story(server: Served, tables: Path, tmp_path: Path) -> None:
    """Connect, and see: inputs that moved and a model that fell, found without a project, a line of YAML or a trace."""
    before = digests(server.folder), digests(tables), list(tmp_path.iterdir())
    outcome = connected(tmp_path, server.url, "--model", "credit-risk", "--predictions",
                        str(tables / "predictions.parquet"), "--labels", str(tables / "labels.csv"))
    assert (outcome.view.status, outcome.exit) == (Status.FAIL, 1)
    assert outcome.view.title.startswith("credit-risk: roc_auc 0.8")
    columns, metrics = rows(outcome, "columns", "column"), rows(outcome, "metrics", "metric")
    assert [name for name, each in columns.items() if each["drifted"]] == ["amount"]
    now, before_it = (float(str(metrics["roc_auc"][key])) for key in ("now", "before"))
    assert now < 0.3
    assert before_it > 0.7
    checks = rows(outcome, "readiness", "check")
    assert [name for name, each in checks.items() if each["status"] is not Status.PASS] == ["monitor"]
    facts = outcome.view.facts()
    assert facts["compared"] == "the last 7 days against the 4 weeks before"
    assert facts["columns"] == ("time: timestamp (guessed)", "score: score (guessed)", "label: none",
                                "id: prediction_id (guessed)", "version: model_version (guessed)")
    assert (digests(server.folder), digests(tables), list(tmp_path.iterdir())) == before, "nothing was written anywhere"


def test_labels_in_the_table_itself_are_found_and_a_json_file_will_do(server: Served, tables: Path,
                                                                      tmp_path: Path) -> None:
    outcome = connected(tmp_path, server.url, "--model", "credit-risk", "--predictions", str(tables / "both.jsonl"))
    assert [row["metric"] for row in outcome.view.table("metrics").rows if row["status"] is Status.FAIL] == [
        "roc_auc", "average_precision", "brier", "log_loss"]


def test_without_outcomes_performance_is_unknown_and_drift_is_judged(server: Served, tables: Path,
                                                                     tmp_path: Path) -> None:
    outcome = connected(tmp_path, server.url, "--model", "credit-risk", "--predictions",
                        str(tables / "predictions.parquet"))
    assert outcome.view.facts()["performance"] == "no outcome is known: name them with --labels FILE or --label COLUMN"
    assert rows(outcome, "readiness", "check")["labels"]["status"] is Status.WARN
    assert rows(outcome, "columns", "column")["amount"]["drifted"] is True


@pytest.mark.parametrize(("more", "what", "then"), [
    (("--model", "credit-rusk"), "No registered model 'credit-rusk'.", "Did you mean 'credit-risk'?"),
    (("--predictions", "predictions.parquet"), "Whose predictions are they?", "--model"),
    (("--model", "credit-risk", "--predictions", "predictions.parquet", "--time", "stamp"),
     "No column 'stamp' to be the time.", "Did you mean 'timestamp'?"),
    (("--model", "credit-risk", "--predictions", "predictions.parquet", "--time", "model_version"),
     "'model_version' is no time: the column is VARCHAR.", "--time COLUMN"),
    (("--model", "credit-risk", "--predictions", "two.csv"), "Which column is the score: 'score' or 'proba'?",
     "--score score"),
    (("--model", "credit-risk", "--predictions", "predictions.parquet", "--labels", "torn.csv"),
     "1 id has several different outcomes in 'label'.", "Keep one outcome for each id."),
    (("--model", "credit-risk", "--predictions", "none.parquet"), "No file 'none.parquet'.", ""),
])
def test_what_cannot_be_used_is_refused_with_what_to_do(server: Served, tables: Path, monkeypatch: pytest.MonkeyPatch,
                                                        more: tuple[str, ...], what: str, then: str) -> None:
    monkeypatch.chdir(tables)
    (tables / "two.csv").write_text("time,score,proba\n2026-01-01,0.1,0.2\n")
    (tables / "torn.csv").write_text("prediction_id,label\nr1,0\nr1,1\n")
    outcome = connected(tables, server.url, *more)
    assert outcome.error is not None
    assert (outcome.exit, outcome.error["what"]) == (2, what)
    assert then in outcome.error["next"]


def test_columns_are_guessed_by_what_names_begin_and_end_with_where_their_values_agree(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    for line, first, second, parts in (
            ("order_id,at,p_churn,churned,credit_score", "o1,2026-01-01,0.1,0,700", "o2,2026-01-02,0.7,1,640",
             ("p_churn", "churned", "order_id")),
            ("customer_id,at,credit_score,is_default", "c1,2026-01-01,700,0", "c1,2026-01-02,640,1",
             ("", "is_default", "")),
            ("at,home_score,away_score", "2026-01-01,0,1", "2026-01-02,1,0", ("", "", ""))):
        file.write_text(f"{line}\n{first}\n{second}")
        found = guessed(scan_file(file, engine()), {})
        assert (found.score, found.label, found.id) == parts


def test_a_word_that_is_neither_a_server_nor_a_file_is_refused_by_name(tmp_path: Path) -> None:
    outcome = connected(tmp_path, "nonsense")
    assert outcome.error is not None
    assert outcome.error["what"] == "'nonsense' is no MLflow server and no SQLite file."
    assert "http://" in outcome.error["next"]


def test_a_small_table_is_not_judged_as_if_it_were_a_large_one(server: Served, tmp_path: Path) -> None:
    few = tmp_path / "few.csv"
    lines = [f"2026-01-0{1 + i % 5}T10:00:00Z,{i / 20},{i % 2}" for i in range(20)]
    few.write_text("\n".join(["time,score,label", *lines]))
    outcome = connected(tmp_path, server.url, "--model", "credit-risk", "--predictions", str(few))
    assert outcome.view.status is Status.UNKNOWN
    assert outcome.view.facts()["compared"] == "the later half against the earlier one"
    assert {row["status"] for row in outcome.view.table("metrics").rows} <= {Status.DONE, Status.UNKNOWN}


def test_the_token_is_never_shown(server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "hunter2secret")
    with_password = server.url.replace("http://", "http://ana:hunter2secret@")
    for outcome in (connected(tmp_path, server.url), connected(tmp_path, with_password),
                    connected(tmp_path, with_password, "--model", "nope"),
                    connected(tmp_path, "http://ana:hunter2secret@127.0.0.1:1")):
        assert "hunter2secret" not in as_json(outcome.view, (), error=outcome.error)


def test_the_answer_is_one_document(server: Served, tmp_path: Path) -> None:
    outcome = connected(tmp_path, server.url)
    document = json.loads(as_json(outcome.view, ("connect",)))
    assert document["facts"]["versions"] == 3
    assert [type(part) for part in outcome.view.parts] == [Facts, Table]


# -- a project of it ----------------------------------------------------------------------------------------------

END = datetime(2026, 2, 9, 0, 5, tzinfo=UTC)  # of the predictions


def written(session: Session, folder: Path, url: str, *more: str) -> Outcome:
    argv = ("connect", "write", str(folder), "--mlflow", url, *more)
    return session.perform(argv, consent=session.perform(argv).plan)


def test_what_connect_writes_is_sound_and_its_monitors_find_what_was_planted(server: Served, tables: Path,
                                                                             tmp_path: Path) -> None:
    """From somebody's server and files to monitors that fail for the right reason, and nothing written by hand."""
    files = ("--model", "credit-risk", "--predictions", str(tables / "predictions.parquet"), "--labels",
             str(tables / "labels.csv"))
    done = written(without_project(tmp_path, perform), tmp_path / "credit", server.url, *files)
    assert done.view.status is Status.DONE
    session = open_project(tmp_path / "credit", clock=ReplayClock(END))
    checks = session.perform(("doctor",)).view
    assert [row for row in checks.table("checks").rows if row["status"] is not Status.PASS] == []
    assert session.declared().model("credit-risk").owner == "ana"
    assert session.perform(("log", "add", "credit-risk", str(tables / "predictions.parquet"))).exit == 0
    drift = session.perform(("drift", "credit-risk.predictions", "--monitor", "credit-risk-drift"))
    assert drift.exit == 1
    assert [row["column"] for row in drift.view.table("columns").rows if row["drifted"]] == ["amount"]
    assert session.perform(("log", "label", "credit-risk", str(tables / "labels.csv"), "--map", "id=prediction_id",
                            "--map", "label=defaulted")).exit == 0
    performance = session.perform(("performance", "credit-risk", "--monitor", "credit-risk-performance"))
    assert (performance.exit, performance.view.status) == (1, Status.FAIL)
    assert performance.view.title.startswith("roc_auc of credit-risk 0.1")
    why = session.perform(("why", "credit-risk")).view
    assert {row["input"] for row in why.table("inputs").rows} == {"amount", "age"}, "those that its log holds"
    assert [row["input"] for row in why.table("inputs").rows if row["over"]] == ["amount"]
    assert ("drift", "credit-risk") not in [each.argv for each in why.actions]
    ready = rows(session.perform(("connect", "--mlflow", server.url, *files)), "readiness", "check")
    assert {each["status"] for each in ready.values()} == {Status.PASS}, "now somebody watches it, and nothing is open"


def test_the_steps_that_it_names_are_the_ones_to_take(server: Served, tables: Path, tmp_path: Path) -> None:
    done = written(without_project(tmp_path, perform), tmp_path / "credit", server.url, "--model", "credit-risk",
                   "--predictions", str(tables / "predictions.parquet"), "--labels", str(tables / "labels.csv"))
    steps = next(part.body for part in done.view.parts if isinstance(part, Text))
    assert f"log label credit-risk {tables}/labels.csv --map id=prediction_id --map label=defaulted" in steps
    assert "monitor credit-risk-performance" in steps
    assert "`drift credit-risk.predictions` watches them" in str(done.view.parts)


def test_without_predictions_the_limit_is_that_of_the_evaluation_and_a_strange_name_is_made_plain(
        server: Served, tmp_path: Path) -> None:
    nowhere = without_project(tmp_path, perform)
    assert written(nowhere, tmp_path / "a", server.url, "--model", "credit-risk").exit == 0
    monitor = open_project(tmp_path / "a").declared().monitors["credit-risk-performance"]
    assert monitor.limits == {"roc_auc": 0.8}
    assert written(nowhere, tmp_path / "b", server.url, "--model", "churn [bold]").exit == 0
    session = open_project(tmp_path / "b")
    assert list(session.declared().models) == ["churn-bold"]
    assert session.perform(("doctor",)).view.status is Status.PASS


def test_who_is_not_at_this_machine_cannot_have_it_ask_a_server(project: Path) -> None:
    slack = open_project(project, person="ana", source="slack")
    for argv in (("connect", "--mlflow", "http://127.0.0.1:1"), ("connect", "show", "--mlflow", "mlops.db")):
        outcome = slack.perform(argv)
        assert outcome.exit == 4, outcome.view


@pytest.mark.parametrize("word", ["\x7f", "a\u2028b", "a\x85b", "\ufeff", '"', "a: b # c", "\U0001f600", "é",
                                  "\x1b[31m", "%", "'", "\\", "- x", "\xa0"])
def test_any_name_is_read_back_from_yaml_as_it_was(word: str) -> None:
    assert yaml.safe_load(f"a: {_word(word)}  # {_said(word)}") == {"a": word}
    assert slug(word * 300) == slug(slug(word * 300))
    assert len(slug(word * 300)) <= 100


def test_nothing_is_written_before_consent_nor_over_anything(server: Served, tmp_path: Path) -> None:
    nowhere, argv = without_project(tmp_path, perform), ("connect", "write", "new", "--mlflow", server.url)
    plan = nowhere.perform((*argv, "--model", "credit-risk"))
    assert (plan.view.status, list(tmp_path.iterdir())) == (Status.CONFIRM, [])
    assert "models/credit-risk.yaml" in {row["file"] for row in plan.view.table("files").rows}
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "team.yaml").write_text("mine")
    refused = nowhere.perform((*argv, "--model", "credit-risk"))
    assert refused.error is not None
    assert refused.error["what"] == "'team.yaml' is there already."
    assert (tmp_path / "new" / "team.yaml").read_text() == "mine"
    unsaid = nowhere.perform(argv)
    assert unsaid.error is not None
    assert unsaid.error["what"] == "Which model is it for?"


def test_in_a_project_the_files_are_proposed_and_adopt_writes_them(server: Served, project: Path) -> None:
    session = open_project(project, person="ana")
    done = written(session, project, server.url, "--model", "credit-risk")
    proposals = {row["file"]: row["proposal"] for row in done.view.table("files").rows}
    assert set(proposals) == {".gitignore", "datasets/credit-risk.labels.yaml", "datasets/credit-risk.predictions.yaml",
                              "models/credit-risk.yaml", "monitors/credit-risk-drift.yaml",
                              "monitors/credit-risk-performance.yaml", "checklists/by-risk.yaml"}
    assert not (project / "models/credit-risk.yaml").exists()
    for id in proposals.values():
        adopt = ("adopt", str(id))
        assert session.perform(adopt, consent=session.perform(adopt).plan).view.status is Status.DONE
    assert "credit-risk" in open_project(project, person="ana").declared().models
    again = session.perform(("connect", "write", str(project), "--mlflow", server.url, "--model", "credit-risk"))
    assert again.error is not None
    assert again.error["what"] == "All of it is there already."
