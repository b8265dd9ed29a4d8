"""Training: rows whose outcome is known, split in time, beside baselines; the same again costs nothing."""

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlops_tui.commands import Outcome, perform
from mlops_tui.declarations import declare
from mlops_tui.declarations.kinds import Model
from mlops_tui.modeling import _training
from mlops_tui.modeling._trial import metrics_of, shared_out
from mlops_tui.models.predicting import predicted
from mlops_tui.opening import open_project
from mlops_tui.render.json import as_json
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status
from store.facts import Finding, Kept, Promotion, Trained
from store.refusal import Unreadable
from store.tracking import Tracking

FIRST, DAYS = datetime(2013, 3, 1, 5, tzinfo=UTC), 40
FILES = {
    "mlops.yaml": "project: flights\ntimezone: America/New_York\nclock: replay\n",
    "team.yaml": "people: {ana: {roles: [engineer], simulated: true}, dee: {roles: [operator], simulated: true}}\n",
    "datasets/flights.yaml": """
apiVersion: v3.1.0
kind: DataContract
id: flights
version: 1.0.0
status: active
schema:
  - name: flights
    properties:
      - {name: id, logicalType: integer, primaryKey: true, required: true}
      - {name: sched_dep, logicalType: timestamp}
      - {name: known_at, logicalType: timestamp}
      - {name: wind, logicalType: number}
      - {name: carrier, logicalType: string}
      - {name: late, logicalType: boolean}
      - {name: day, logicalType: string}
customProperties:
  - {property: eventTime, value: sched_dep}
  - {property: partitionBy, value: [day]}
""",
    "models/delay.yaml": """
task: binary
label: {dataset: flights, column: late, delay: 2h, known_at: known_at}
features: []
columns: [wind, carrier]
candidates:
  linear: {estimator: sklearn.linear_model.LogisticRegression, params: {C: 0.5}}
  boosted: {factory: "models.py:boosted", params: {max_iter: 40}}
split: {time: sched_dep, gap: 6h, test: 8d}
seed: 7
""",
    "models.py": """
from sklearn.ensemble import HistGradientBoostingClassifier

def boosted(params):
    return HistGradientBoostingClassifier(**params)
""",
}


Opened = Callable[..., Session]


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Opened:
    """A project with forty days of flights; `strength` says how much their wind and carrier foretell."""

    def made(strength: float = 1.0, **files: str) -> Session:
        root = tmp_path_factory.mktemp("project")
        for name, text in (FILES | files).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        (root / ".mlops").mkdir()
        shutil.copy(empty_store, root / ".mlops" / "mlflow.db")
        session = entered(root)
        land(session, strength)
        return session

    return made


def entered(root: Path) -> Session:
    return open_project(root, person="ana", clock=ReplayClock(FIRST + timedelta(days=DAYS)), source="test")


@pytest.fixture(scope="session")
def first(opened: Opened) -> tuple[Session, Outcome]:
    """A project whose candidates were trained, and what was said then; for tests that only read."""
    session = opened()
    return session, ran(session)


@pytest.fixture
def copied(first: tuple[Session, Outcome], tmp_path: Path) -> Session:
    """A copy of that project."""
    shutil.copytree(first[0].declared().root, tmp_path / "copy")
    return entered(tmp_path / "copy")


def land(session: Session, strength: float, n: int = 4000) -> None:
    """Random flights; some outcomes never come, all others three hours after departure."""
    rng = np.random.default_rng(1)
    starts = np.sort(rng.integers(0, DAYS * 24 * 60, n))
    wind, carrier = rng.normal(size=n), rng.choice(["AA", "B6", "UA"], n)
    foretold = np.where(carrier == "AA", 2.5 * wind, -1.5 * wind) + wind**2 - 1.5  # no line and no shallow tree says it
    late = rng.random(n) < 1 / (1 + np.exp(-strength * foretold))
    never = rng.random(n) < 0.03
    at = [FIRST + timedelta(minutes=int(minute)) for minute in starts]
    table = pa.table({
        "id": np.arange(n), "sched_dep": pa.array(at, pa.timestamp("us", "UTC")),
        "known_at": pa.array([each + timedelta(hours=3) for each in at], pa.timestamp("us", "UTC"), mask=never),
        "wind": wind, "carrier": carrier.tolist(), "late": pa.array(late, mask=never)})
    lake = session.data()
    connection = lake.connect()
    connection.register("raw", table)
    query = "SELECT *, strftime(timezone('America/New_York', sched_dep), '%Y-%m-%d') AS day FROM raw"
    session.commit(lake.write("flights", query, sort=("id",), partition_by=("day",), connection=connection))


def trained(session: Session) -> list[Trained]:
    return [entry.fact for entry in session.ledger.entries("trained") if isinstance(entry.fact, Trained)]


def ran(session: Session, *more: str) -> Outcome:
    outcome = session.perform(("train", "delay", *more))
    assert outcome.error is None, outcome.error
    return outcome


def test_every_candidate_becomes_a_version_and_the_best_is_the_newest(first: tuple[Session, Outcome]) -> None:
    session, view = first[0], first[1].view
    facts, found = view.facts(), trained(session)
    assert view.status is Status.DONE
    assert [fact.version for fact in found] == ["1", "2"]
    assert (facts["version"], facts["candidate"], found[1].candidate) == ("2", "boosted", "boosted")
    assert found[0].metrics["roc_auc"]["value"] < found[1].metrics["roc_auc"]["value"]
    assert session.tracking().version("delay", 2).digest == found[1].artifact
    assert (facts["beats_baseline"], facts["best_baseline"], facts["overlap"]) == (True, "baseline_tree", 0)
    assert not found[0].detail["beats_baseline"]
    models = {str(row["model"]) for row in view.table("candidates").rows}
    assert models == {"linear", "boosted", "baseline_prior", "baseline_feature", "baseline_logistic", "baseline_tree"}
    assert all(row["low"] is None or row["low"] <= row["value"] <= row["high"]  # type: ignore[operator]
               for row in view.table("candidates").rows)
    json.loads(as_json(view, ("train", "delay")))


def test_the_same_again_is_already_trained_and_starts_nothing(
        first: tuple[Session, Outcome], copied: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_tui.modeling._trial.Child", None)
    monkeypatch.setattr(Tracking, "open", None)
    entries = len(copied.ledger.entries("trained", "snapshot"))
    again = ran(copied).view
    assert again.facts() == first[1].view.facts() | {"trained": "already trained"}
    assert again.table("candidates") == first[1].view.table("candidates")
    assert again.table("comparisons") == first[1].view.table("comparisons")
    assert len(copied.ledger.entries("trained", "snapshot")) == entries


def test_only_what_is_missing_is_trained(copied: Session) -> None:
    root = copied.declared().root
    (root / "models/delay.yaml").write_text(FILES["models/delay.yaml"].replace("C: 0.5", "C: 0.1"))
    session = entered(root)
    ran(session)
    assert [fact.candidate for fact in trained(session)] == ["linear", "boosted", "linear"]


def test_the_same_rows_declaration_and_seed_give_the_same_metrics_elsewhere(
        first: tuple[Session, Outcome], opened: Opened) -> None:
    other = opened()
    ran(other)
    for one, two in zip(trained(first[0]), trained(other), strict=True):
        assert (one.candidate, one.metrics) == (two.candidate, two.metrics)
        assert one.detail["baselines"] == two.detail["baselines"]
        assert (one.key, one.training, one.scores) == (two.key, two.training, two.scores)


@pytest.mark.parametrize("most", [1, 2])
def test_one_line_after_the_other_or_side_by_side_the_result_is_the_same(
        first: tuple[Session, Outcome], opened: Opened, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr("mlops_tui.modeling._trial.lines", lambda: most)
    session, seen = opened(), list[tuple[int, int, str]]()
    session.progress = lambda done, total, label: seen.append((done, total, label))
    ran(session)
    logs = {path.name for path in (session.declared().root / ".mlops" / "logs").iterdir()}
    assert logs == {"train-delay.log", "train-delay-1.log"} if most == 2 else logs == {"train-delay.log"}
    assert seen[-1] == (6, 6, "scores")
    for one, two in zip(trained(first[0]), trained(session), strict=True):
        assert (one.candidate, one.training, one.scores, one.metrics) == (
            two.candidate, two.training, two.scores, two.metrics)
        assert [one.detail[key] for key in ("contrasts", "baselines", "descriptions", "inputs")] == [
            two.detail[key] for key in ("contrasts", "baselines", "descriptions", "inputs")]


def test_rows_that_are_many_are_held_by_one_process_at_a_time(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_tui.modeling._trial.lines", lambda: 2)
    monkeypatch.setattr("mlops_tui.modeling._trial.MOST_CELLS", 1000)
    session = opened()
    ran(session)
    assert not (session.declared().root / ".mlops" / "logs" / "train-delay-1.log").exists()


@pytest.mark.parametrize(("names", "most", "shares"), [
    (["logistic", "boosted"], 2, [["logistic"], ["boosted"]]),
    (["logistic", "boosted"], 1, [["logistic", "boosted"]]),
    (["a", "b", "c", "d"], 2, [["a", "d"], ["b", "c"]]),
    (["only"], 4, [["only"]]),
])
def test_candidates_are_shared_out_and_the_ladder_counts_as_one(
        names: list[str], most: int, shares: list[list[str]]) -> None:
    assert shared_out(names, most) == shares


def keys(session: Session) -> dict[str, str]:
    """What each candidate's version would be known by, without training it."""
    job = _training.job_of(session, "delay")
    made, code = _training.rows(session, job), _training.code_digest(session.declared().root)
    return {name: _training.candidate_key(job, made, each, code) for name, each in job.model.candidates.items()}


@pytest.mark.parametrize(("file", "text", "changed"), [
    ("models.py", FILES["models.py"] + "\n# another day\n", ["boosted"]),
    ("lib/more.py", "", ["boosted"]),
    ("models/delay.yaml", FILES["models/delay.yaml"].replace("C: 0.5", "C: 0.1"), ["linear"]),
    ("models/delay.yaml", FILES["models/delay.yaml"].replace("seed: 7", "seed: 8"), ["boosted", "linear"]),
    ("models/delay.yaml", FILES["models/delay.yaml"].replace("test: 8d", "test: 9d"), ["boosted", "linear"]),
    ("models/delay.yaml", FILES["models/delay.yaml"].replace("[wind, carrier]", "[wind]"), ["boosted", "linear"]),
    ("models/delay.yaml", FILES["models/delay.yaml"] + "owner: ana\n", []),
])
def test_a_change_retrains_what_depends_on_it(copied: Session, file: str, text: str, changed: list[str]) -> None:
    before, path = keys(copied), copied.declared().root / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    after = keys(entered(copied.declared().root))
    assert sorted(name for name in after if after[name] != before[name]) == changed


def test_an_outcome_that_is_not_known_yet_trains_nothing(opened: Opened) -> None:
    """Ten days before the end of the data, rows whose outcome comes later are left out; later they are in."""
    session = opened()
    now = FIRST + timedelta(days=30)
    session.clock = ReplayClock(now)
    ran(session, "--candidate", "linear", "--to", "2013-04-10")
    lake = session.data()
    [fact] = trained(session)
    rows = lake.connect().sql(
        f"SELECT max(outcome_known_at) AS latest, count(*) FILTER (late IS NULL) AS empty, count(*) AS n "
        f"FROM {lake.scan(lake.manifest('delay.training', fact.training))}").fetchall()[0]
    assert rows[0] <= now
    assert rows[1] == 0
    assert rows[2] == fact.detail["train_rows"] + fact.detail["test_rows"] + fact.detail["purged"]
    session.clock = ReplayClock(now + timedelta(days=1))
    ran(session, "--candidate", "linear", "--to", "2013-04-10")
    assert trained(session)[1].training != fact.training


def test_train_and_test_lie_apart_by_gap_and_outcome(first: tuple[Session, Outcome]) -> None:
    detail = trained(first[0])[0].detail
    trained_to, test_from = (datetime.fromisoformat(detail[key]) for key in ("trained_to", "test_from"))
    assert test_from - trained_to > timedelta(hours=6)
    assert detail["purged"] > 0
    assert timedelta(days=8) <= FIRST + timedelta(days=DAYS) - test_from < timedelta(days=8, hours=8)


def test_the_registered_model_gives_the_scores_that_were_measured(first: tuple[Session, Outcome]) -> None:
    """What serves is what was evaluated: the version scores the test rows, features read from the lake, alike."""
    session, fact = first[0], trained(first[0])[1]
    lake = session.data()
    live = predicted(session, fact, session.snapshot("delay.features"))
    kept = lake.connect().sql(f"SELECT id, boosted FROM {lake.scan(lake.manifest('delay.scores', fact.scores))}")
    stored: dict[Any, Any] = dict(kept.fetchall())
    scored = dict(zip(live["id"].to_pylist(), live["score"].to_pylist(), strict=True))
    assert len(stored) == fact.detail["test_rows"]
    assert all(abs(scored[id] - score) < 1e-12 for id, score in stored.items())


def test_evaluation_measures_on_the_test_rows_what_training_measured(copied: Session) -> None:
    outcome = copied.perform(("evaluate", "delay", "--group", "carrier"))
    assert (outcome.error, outcome.view.facts()["candidate"]) == (None, "boosted")
    measured = {row["metric"]: row for row in outcome.view.table("metrics").rows}
    for name, before in trained(copied)[1].metrics.items():
        assert measured[name]["value"] == pytest.approx(before["value"], abs=1e-12)
        assert (measured[name]["low"], measured[name]["high"]) == pytest.approx((before["low"], before["high"]))
    assert {row["group"] for row in outcome.view.table("groups").rows} == {"AA", "B6", "UA"}
    copied.ledger.append(Promotion(subject="delay", version="1", previous="", approval="", evidence=""))
    [pair] = copied.perform(("compare", "delay")).view.table("pairs").rows
    assert (pair["a"], pair["b"], pair["verdict"]) == ("delay@1", "delay@2", "better")


def test_on_pure_noise_no_candidate_beats_the_baselines(opened: Opened) -> None:
    """Many seeds are tried in tests/models/test_fitting.py; here, that the answer says so."""
    session = opened(strength=0.0)
    view = ran(session).view
    assert view.status is Status.WARN
    assert [fact.detail["beats_baseline"] for fact in trained(session)] == [False, False]
    assert "does not beat the baselines" in view.title
    assert [action.argv for action in view.actions] == [("evaluate", "delay@2")], "nothing to promote"


def test_a_version_that_was_registered_before_a_crash_is_taken_up_again(opened: Opened,
                                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    session = opened()
    with monkeypatch.context() as broken:
        broken.setattr("mlops_tui.modeling.train._fact", lambda *_: 1 / 0)
        assert session.perform(("train", "delay", "--candidate", "linear")).exit == 3
    ran(session, "--candidate", "linear")
    assert [fact.version for fact in trained(session)] == ["1"]
    assert len(session.tracking().versions("delay")) == 1


def test_an_error_in_the_users_factory_comes_back_with_its_line(opened: Opened) -> None:
    session = opened(**{"models.py": "def boosted(params):\n    return 1 / 0\n"})
    outcome = session.perform(("train", "delay"))
    assert outcome.exit == 2
    assert outcome.error is not None
    assert (outcome.error["code"], outcome.error["where"]) == ("user_code", "models.py:2")
    assert trained(session) == []


def test_what_cannot_be_trained_is_refused_with_the_way_out(opened: Opened) -> None:
    session = opened()

    def refusal(*argv: str) -> dict[str, str]:
        outcome = session.perform(("train", *argv))
        assert outcome.exit == 2
        assert outcome.error is not None
        return outcome.error

    assert "Did you mean 'delay'?" in refusal("dealy")["next"]
    assert "Did you mean 'linear'?" in refusal("delay", "--candidate", "lineal")["next"]
    assert "no rows from" in refusal("delay", "--from", "2013-04-01", "--to", "2013-03-01")["what"]
    assert "cannot be split in time" in refusal("delay", "--from", "2013-03-01", "--to", "2013-03-05")["what"]
    assert refusal("delay", "--from", "2014-03-01", "--to", "2014-03-05")["what"]
    assert trained(session) == []


def test_the_first_criterion_decides_what_the_candidates_are_ranked_by(opened: Opened) -> None:
    criteria = FILES["models/delay.yaml"] + "criteria: [{metric: brier, at_most: 0.2}]\n"
    session = opened(**{"models/delay.yaml": criteria})
    view = ran(session).view
    best = trained(session)[-1]
    assert metrics_of(session.declared().model("delay"))[0].id == best.detail["metric"] == "brier"
    assert trained(session)[0].metrics["brier"]["value"] >= best.metrics["brier"]["value"]
    assert {row["metric"] for row in view.table("comparisons").rows} == {"brier"}


def test_criteria_are_shown_and_a_version_that_misses_one_is_not_offered_for_promotion(opened: Opened) -> None:
    met = FILES["models/delay.yaml"] + "criteria: [{metric: roc_auc, at_least: 0.55, min_rows: 10}]\n"
    session = opened(**{"models/delay.yaml": met})
    view = ran(session).view
    assert [row["status"] for row in view.table("criteria").rows] == [Status.PASS]
    best = f"delay@{view.facts()['version']}"
    assert [action.argv for action in view.actions] == [("evaluate", best), ("promote", best)]
    for missed in ("at_least: 0.99, min_rows: 10", "at_least: 0.55, min_rows: 100000"):
        session.declared().path_of("model", "delay").write_text(met.replace("at_least: 0.55, min_rows: 10", missed))
        again = entered(session.declared().root)
        assert [action.argv for action in ran(again).view.actions] == [("evaluate", best)]
        assert ("promote", best) not in [action.argv for action in again.perform(("evaluate", best)).view.actions]


def test_an_operator_may_not_train(copied: Session) -> None:
    other = open_project(copied.declared().root, person="dee", clock=copied.clock, source="test")
    assert other.perform(("train", "delay")).exit == 4


LINEAR = "  linear: {estimator: sklearn.linear_model.LogisticRegression, params: {C: 0.5}}\n"
PREPARED = FILES["models/delay.yaml"].replace(LINEAR, "") + """
interactions: [{columns: [wind, carrier], reason: a light aircraft feels the wind}]
prepare:
  - cardinality: {columns: [carrier], top: 2, keep: true}
  - encode: {columns: [carrier], smoothing: 20, keep: true}
  - scaling: {columns: [wind], method: robust}
"""


@pytest.fixture(scope="module")
def prepared(opened: Opened) -> Session:
    """A trained model whose features are prepared, whose champion is its version 1."""
    settings = FILES["mlops.yaml"] + "vault: {models: encrypted, signatures: required}\n"
    session = opened(**{"models/delay.yaml": PREPARED, "mlops.yaml": settings})
    outcome = ran(session)
    assert outcome.exit == 0, outcome.error
    session.ledger.append(Promotion(subject="delay", version="1", previous="", approval="", evidence=""))
    return session


def test_a_project_with_a_vault_keeps_what_it_trains_sealed_and_signed(prepared: Session) -> None:
    made = next(entry.fact for entry in prepared.ledger.entries("trained") if isinstance(entry.fact, Trained))
    tracking = prepared.tracking()
    assert {path.name for path in tracking.place("delay", "1").iterdir()} == {"model.sealed", "model.seal", "model.sig"}
    assert tracking.hashes("delay", "1", digest=made.artifact).keys() > {"MLmodel", "model.skops", "prepare.json"}
    root = prepared.declared().root
    assert [path for path in root.rglob("*.skops") if not path.is_relative_to(tracking.vault.work)] == []
    told = [entry.fact for entry in prepared.ledger.entries("vault", "finding")
            if isinstance(entry.fact, Kept | Finding)]
    assert [(each.subject, getattr(each, "event", getattr(each, "status", ""))) for each in told] == [
        (tracking.vault.keys.active(), "created"), ("delay", "sealed"), ("delay", "pass")]


def test_prepared_features_are_fitted_on_training_rows_and_kept_with_the_version(prepared: Session) -> None:
    made = next(entry.fact for entry in prepared.ledger.entries("trained") if isinstance(entry.fact, Trained))
    _, text = prepared.tracking().load_prepared("delay", "1", digest=made.artifact)
    assert hashlib.sha256(text.encode()).hexdigest() == made.detail["prepare"]["digest"]
    document = json.loads(text)
    assert [each["kind"] for each in document["steps"]] == ["interactions", "cardinality", "encode", "scaling"]
    assert document["steps"][2]["rows"] == made.detail["train_rows"], "no test row is among them"
    assert [each["name"] for each in made.detail["inputs"]] == ["wind", "carrier"], "what the features are stays"
    folder = prepared.tracking().fetch("delay", "1")
    signature = (folder / "MLmodel").read_text()
    assert "carrier_encoded" in signature
    assert "wind_scaled" in signature


def test_a_model_shows_what_is_done_to_its_features(prepared: Session) -> None:
    view = perform(prepared, ("model", "show", "delay@1")).view
    rows = view.table("preparation").rows
    assert [row["step"] for row in rows] == ["interactions", "cardinality", "encode", "scaling"]
    assert rows[2]["makes"] == ("carrier_encoded",)


def test_the_test_rows_scored_again_get_the_scores_of_the_training(prepared: Session) -> None:
    """The frozen parameters give the same row the same features in the child and wherever it is scored."""
    made = next(entry.fact for entry in prepared.ledger.entries("trained") if isinstance(entry.fact, Trained))
    stored = prepared.data().manifest("delay.scores", made.scores)
    then = prepared.data().connect().execute(
        f"SELECT id, boosted FROM {prepared.data().scan(stored)} ORDER BY id").fetchnumpy()
    now = predicted(prepared, made, prepared.snapshot("delay.features"))
    scores = dict(zip(now["id"].to_pylist(), now["score"].to_pylist(), strict=True))
    assert [scores[each] for each in then["id"].tolist()] == then["boosted"].tolist()


def test_another_preparation_is_another_model_and_the_same_is_not_trained_again(prepared: Session) -> None:
    again = perform(prepared, ("train", "delay"))
    assert again.view.facts()["trained"] == "already trained"
    path = prepared.declared().root / "models" / "delay.yaml"
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace("smoothing: 20", "smoothing: 30"), encoding="utf-8")
    try:
        assert perform(entered(path.parents[1]), ("train", "delay")).view.facts()["trained"] == "now"
    finally:
        path.write_text(before, encoding="utf-8")


@pytest.mark.parametrize(("text", "said"), [
    ("prepare: [{encode: {columns: [carrier], smooth: 3}}]", "Unknown key 'smooth'"),
    ("prepare: [{encode: {columns: [carrier]}, scaling: {columns: [wind]}}]", "is one of encode, scaling, cardinality"),
    ("prepare: [{encode: {columns: [carrier], smoothing: lots}}]", "smoothing is a number"),
    ("interactions: [{columns: [wind, carrier], reason: ' '}]", "needs its reason"),
    ("interactions: [{columns: [wind], reason: because}]", "of two columns")])
def test_a_preparation_that_makes_no_sense_is_refused_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=said):
        declare.parse(Model, FILES["models/delay.yaml"] + text, "models/delay.yaml")


def test_a_recalibration_is_a_part_of_the_version_and_serves_with_it(opened: Opened) -> None:
    """What `calibrate:` asked for is fitted inside the training, told of, and in every score that is given later."""
    recalibrated = "boosted: {factory: \"models.py:boosted\", params: {max_iter: 300, learning_rate: 0.5}"
    candidates = FILES["models/delay.yaml"].replace(
        'boosted: {factory: "models.py:boosted", params: {max_iter: 40}}',
        f"{recalibrated}}}\n  mended: {recalibrated.partition(': ')[2]}, calibrate: platt}}")
    session = opened(**{"models/delay.yaml": candidates})
    ran(session)
    found = {fact.candidate: fact for fact in trained(session)}
    told = found["mended"].detail["calibrator"]
    assert (told["asked"], told["method"]) == ("platt", "platt")
    assert told["rows"] > 1000
    assert "calibrator" not in found["boosted"].detail
    assert found["mended"].metrics["log_loss"]["value"] < found["boosted"].metrics["log_loss"]["value"] - 0.05
    lake = session.data()
    stored = lake.manifest("delay.scores", found["mended"].scores)
    kept = lake.connect().sql(f"SELECT id, mended FROM {lake.scan(stored)}")
    live = predicted(session, found["mended"], session.snapshot("delay.features"))
    scored = dict(zip(live["id"].to_pylist(), live["score"].to_pylist(), strict=True))
    assert all(scored[id] == score for id, score in kept.fetchall())
    facts = session.perform(("calibration", f"delay@{found['mended'].version}")).view.facts()
    assert str(facts["calibrator"]).startswith("platt, slope 0.")
    plain = session.perform(("calibration", f"delay@{found['boosted'].version}", "--test")).view.facts()
    assert "calibrator" not in plain
    assert float(str(facts["log_loss"])) < float(str(plain["log_loss"]))


LEAN = FILES["models/delay.yaml"].replace("[wind, carrier]", "[wind]").replace(
    '  boosted: {factory: "models.py:boosted", params: {max_iter: 40}}\n', "")
KEPT_BACK = """\
rules:
  - {{effect: allow, who: ["*"], actions: ["*"], resources: [dataset/*, model/*]}}
  - {{effect: {effect}, who: [ana], actions: [read], resources: [dataset/flights/column/{column}]}}
"""


def test_a_column_that_is_kept_from_who_trains_and_that_no_model_uses_changes_no_prediction(copied: Session) -> None:
    root = copied.declared().root
    (root / "models/delay.yaml").write_text(LEAN)
    ran(before := entered(root))
    last = trained(before)[-1]
    scores = predicted(before, last, before.snapshot("delay.features"))
    (root / "access").mkdir()
    (root / "access/all.yaml").write_text(KEPT_BACK.format(effect="deny", column="carrier"))
    after = entered(root)
    assert after.bounds().columns == {"carrier"}
    assert ran(after).exit == 0
    again = trained(after)[-1]
    assert (again.training, again.artifact, again.metrics) == (last.training, last.artifact, last.metrics)
    assert predicted(after, again, after.snapshot("delay.features")).drop(["version"]).equals(scores.drop(["version"]))


@pytest.mark.parametrize("effect", ["deny", "mask"])
def test_who_may_not_see_a_column_trains_nothing_that_uses_it(copied: Session, effect: str) -> None:
    root = copied.declared().root
    (root / "models/delay.yaml").write_text(LEAN.replace("seed: 7", "seed: 8"))
    (root / "access").mkdir()
    (root / "access/all.yaml").write_text(KEPT_BACK.format(effect=effect, column="wind"))
    session = entered(root)
    outcome = session.perform(("train", "delay"))
    assert outcome.exit in (2, 4)
    assert "is kept from ana" in outcome.view.title or "ana does not see 'flights' whole" in outcome.view.title
    assert len(trained(session)) == 2, "of before"
