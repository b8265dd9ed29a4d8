"""Recorded curves of files replayed, and the curve that a trained version keeps."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_tui.analysis.stopping import Rule, Stopper
from mlops_tui.commands import Outcome, perform
from mlops_tui.declarations import declare
from mlops_tui.declarations.kinds import Model
from mlops_tui.modeling import _training
from mlops_tui.render.json import as_json
from mlops_tui.roles import ROLES, Actor
from mlops_tui.session import Session, without_project
from mlops_tui.view import Status
from store.facts import Trained
from store.refusal import Unreadable
from tests.modeling.test_train import FILES, Opened, entered, opened, ran, trained

__all__ = ["opened"]  # a fixture
CURVE = (1.0, 0.8, 0.7, 0.72, 0.69, 0.71, 0.75, 0.80, 0.6)
Ask = Callable[..., Outcome]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    session = without_project(tmp_path, perform)

    def asked(*argv: object) -> Outcome:
        return session.perform(("stopping", *map(str, argv)))

    return asked


def csv(path: Path, **columns: Sequence[object]) -> Path:
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_recorded_curve_says_where_it_should_have_ended(ask: Ask, tmp_path: Path) -> None:
    path = csv(tmp_path / "curve.csv", epoch=range(10, 100, 10), val=CURVE, took=[2.0] * 9)
    outcome = ask(path, "--value", "val", "--epoch", "epoch", "--seconds", "took", "--patience", 2)
    facts = outcome.view.facts()
    assert (facts["stop_epoch"], facts["best_epoch"], facts["best"], facts["reason"]) == (70, 50, 0.69, "plateau")
    assert (facts["epochs_run"], facts["saved_epochs"], facts["saved_seconds"]) == (7, 2, 4.0)
    assert (facts["best_of_all_epoch"], outcome.view.status, outcome.exit) == (90, Status.WARN, 0)
    document = json.loads(as_json(outcome.view, ()))
    curve = document["series"]["curve"]
    assert (curve["x"][0], curve["y"], curve["other"]) == (10, list(CURVE), [1.0, 0.8, 0.7, 0.7, 0.69, 0.69, 0.69])
    assert any("would have missed it" in text for text in document["text"])


def test_rows_in_any_order_are_put_in_that_of_their_epochs(ask: Ask, tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(9)
    path = csv(tmp_path / "curve.csv", epoch=(order + 1).tolist(), val=[CURVE[at] for at in order])
    assert ask(path, "--value", "val", "--epoch", "epoch", "--patience", 2).view.facts()["stop_epoch"] == 7


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_a_stored_curve_ends_at_the_epoch_of_the_loop_that_wrote_it(ask: Ask, tmp_path: Path, ending: str) -> None:
    """Whatever the format, to the last bit: the loop stops by itself, the recorded curve goes on for 20 epochs."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        values = (np.exp(-np.arange(60) / 10) + np.cumsum(rng.normal(scale=0.02, size=60)) + 1).tolist()
        online = Stopper(Rule(patience=4, min_delta=0.01))
        decision = next(found for value in values if (found := online.update(value)).stop)
        path = tmp_path / f"curve-{seed}.{ending}"
        if ending == "parquet":
            pq.write_table(pa.table({"val": values}), path)
        elif ending == "csv":
            csv(path, val=values)
        else:
            path.write_text(json.dumps([{"val": value} for value in values]), encoding="utf-8")
        facts = ask(path, "--value", "val", "--patience", 4, "--min-delta", 0.01).view.facts()
        assert (facts["stop_epoch"], facts["best_epoch"], facts["best"]) == (
            decision.epoch, decision.best_epoch, decision.best)


@pytest.mark.parametrize("bad", ["nan", "inf"])
def test_a_curve_that_diverged_says_so(ask: Ask, tmp_path: Path, bad: str) -> None:
    outcome = ask(csv(tmp_path / "curve.csv", val=[1, 0.5, bad, 0.1]), "--value", "val", "--warm-up", 50)
    assert f"Diverged at epoch 3 of 4: val is {bad}" in outcome.view.title
    assert outcome.view.facts()["best_epoch"] == 2
    assert "NaN" not in as_json(outcome.view, ())


def test_a_curve_that_never_stops_and_one_that_is_constant(ask: Ask, tmp_path: Path) -> None:
    assert ask(csv(tmp_path / "a.csv", val=[3, 2, 1]), "--value", "val").view.facts()["stop_epoch"] is None
    assert ask(csv(tmp_path / "b.csv", val=[1] * 9), "--value", "val").view.facts()["stop_epoch"] == 6
    up = ask(csv(tmp_path / "c.csv", auc=[0.5, 0.7, 0.6, 0.6]), "--value", "auc", "--higher", "--patience", 2)
    assert (up.view.facts()["stop_epoch"], up.view.facts()["best_epoch"]) == (4, 2)


@pytest.mark.parametrize(("columns", "argv", "said"), [
    ({"val": [1, 2]}, ("--value", "vall"), "Did you mean 'val'?"),
    ({"val": [1, 2]}, (), "Add: --value COLUMN"),
    ({"val": ["a", "b"]}, ("--value", "val"), "holds no numbers"),
    ({"val": [1, "", 3]}, ("--value", "val"), "row 1 (from 0)"),
    ({"val": [1, 2], "epoch": [4, 4]}, ("--value", "val", "--epoch", "epoch"), "4 is there twice"),
    ({"val": []}, ("--value", "val"), "has columns but no rows"),
    ({"val": [1, 2]}, ("--value", "val", "--patience", "0"), "at least 1"),
    ({"val": [1, 2]}, ("--value", "val", "--rule", "pq"), "--training"),
    ({"val": [1, 2]}, ("--value", "val", "--rule", "gl", "--higher"), "better when it is lower"),
    ({"val": [1, -2]}, ("--value", "val", "--rule", "gl"), "never negative"),
    ({"val": [1, 2]}, ("--value", "val", "--rule", "glue"), "'glue' is not one of"),
])
def test_what_is_no_curve_is_refused(ask: Ask, tmp_path: Path, columns: dict[str, list[object]], argv: tuple[str, ...],
                                     said: str) -> None:
    outcome = ask(csv(tmp_path / "curve.csv", **columns), *argv)
    assert outcome.exit == 2
    assert outcome.error is not None
    assert said in " ".join(outcome.error.values())


def test_a_file_is_named_from_the_terminal_alone(tmp_path: Path) -> None:
    path = csv(tmp_path / "curve.csv", val=CURVE)
    session = without_project(tmp_path, perform, actor=Actor("ana", frozenset(ROLES), "slack"))
    assert session.perform(("stopping", str(path), "--value", "val")).exit == 4


# -- a version ------------------------------------------------------------------------------------------------------

LINEAR = "  linear: {estimator: sklearn.linear_model.LogisticRegression, params: {C: 0.5}}\n"
STOPPED = FILES["models/delay.yaml"].replace(LINEAR, "").replace(
    "params: {max_iter: 40}}", "params: {max_iter: 300}, stopping: {validation: 6d, patience: 6}}")


@pytest.fixture(scope="module")
def stopped(opened: Opened) -> Session:
    session = opened(**{"models/delay.yaml": STOPPED})
    ran(session)
    return session


def test_a_candidate_that_declares_it_stops_early_and_keeps_its_curve(stopped: Session) -> None:
    [fact] = trained(stopped)
    kept = fact.detail["stopping"]
    assert 0 < kept["best_epoch"] == kept["epochs_run"] - 6 < 294
    assert min(kept["values"]) == kept["values"][kept["best_epoch"] - 1]
    assert kept["validation_from"] < fact.detail["trained_to"] < fact.detail["test_from"], "never the test"
    assert kept["fitted_rows"] + kept["validation_rows"] + kept["purged"] == fact.detail["train_rows"]
    assert kept["purged"] > 0
    assert any("stopped early" in note for note in fact.detail["notes"])
    model = stopped.tracking().load("delay", 1, digest=fact.artifact)
    assert model[-1].n_iter_ == kept["best_epoch"], "the stored model has the trees of its best stage"


def test_a_version_shows_its_curve(stopped: Session) -> None:
    view = stopped.perform(("stopping", "delay@1")).view
    kept = trained(stopped)[0].detail["stopping"]
    assert view.facts()["stop_epoch"] == kept["epochs_run"]
    assert f"Stopped at stage {kept['epochs_run']} of 300" in view.title
    document = json.loads(as_json(view, ()))
    assert document["series"]["curve"]["y"] == kept["values"]
    assert document["series"]["curve"]["other"][-1] == kept["best"]


def test_a_recalibrated_candidate_stops_early_too(opened: Opened) -> None:
    session = opened(**{"models/delay.yaml": STOPPED.replace("patience: 6}}", "patience: 6}, calibrate: platt}")})
    ran(session)
    [fact] = trained(session)
    assert fact.detail["calibrator"]["method"] == "platt"
    assert 0 < fact.detail["stopping"]["best_epoch"] < 300


def test_another_rule_is_another_model(stopped: Session) -> None:
    session = entered(stopped.declared().root)
    job = _training.job_of(session, "delay")
    made = _training.rows(session, job)

    def key(text: str) -> str:
        model = declare.parse(Model, text, "delay.yaml")
        return _training.candidate_key(job, made, model.candidates["boosted"], "code")

    bare = STOPPED.replace(", stopping: {validation: 6d, patience: 6}", "")
    assert len({key(STOPPED), key(STOPPED.replace("patience: 6", "patience: 7")), key(bare)}) == 3


def test_a_version_without_early_stopping_says_how_to_declare_it(opened: Opened) -> None:
    session = opened()
    assert session.perform(("stopping", "delay")).view.status is Status.UNKNOWN
    ran(session, "--candidate", "linear")
    view = session.perform(("stopping", "delay@1")).view
    assert "without early stopping" in view.title
    assert session.perform(("stopping", "delay@9")).exit == 2


def test_a_model_that_has_no_stages_is_refused_when_it_is_trained(opened: Opened) -> None:
    linear = FILES["models/delay.yaml"].replace("{C: 0.5}", "{C: 0.5}, stopping: {validation: 6d}")
    outcome = opened(**{"models/delay.yaml": linear}).perform(("train", "delay", "--candidate", "linear"))
    assert outcome.exit == 2
    assert outcome.error is not None
    assert "LogisticRegression is not fitted in stages" in outcome.error["what"]


@pytest.mark.parametrize(("declared", "said"), [
    ("{patience: 5}", "'validation' is missing"), ("{validation: 0d}", "no rows"),
    ("{validation: 6d, patience: 0}", "patience is 1 or more"), ("{validation: 6d, patince: 3}", "patience"),
    ("{validation: 6d, min_delta: -1}", "min_delta is 0 or more"), ("{validation: 6d, alpha: 0}", "alpha is above 0")])
def test_a_rule_that_makes_no_sense_is_a_mistake_of_the_declaration(declared: str, said: str) -> None:
    text = STOPPED.replace("{validation: 6d, patience: 6}", declared)
    with pytest.raises(Unreadable) as found:
        declare.parse(Model, text, "delay.yaml")
    problem = found.value
    assert said in " ".join([problem.what, problem.next, *(each.what for each in problem.also)])


def test_a_version_whose_training_diverged_shows_its_curve_up_to_there(stopped: Session) -> None:
    fact = trained(stopped)[0]
    values = [*fact.detail["stopping"]["values"][:3], None]
    broken = fact.detail["stopping"] | {"values": values, "reason": "diverged", "epochs_run": 4, "best_epoch": 3}
    stopped.ledger.append(Trained(**{**vars(fact), "version": "2", "detail": {**fact.detail, "stopping": broken}}))
    view = stopped.perform(("stopping", "delay@2")).view
    assert (view.title, view.status) == ("delay 2: Diverged at stage 4 of 300 stages, kept 3", Status.WARN)
    assert json.loads(as_json(view, ()))["series"]["curve"]["y"] == values
