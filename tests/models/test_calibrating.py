"""A recalibration inside a model: fitted on unseen rows of the training, stored and read back to the last bit."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from mlops_tui.analysis.calibration import ece, log_loss, logit, reliability
from mlops_tui.analysis.recalibration import RECALIBRATORS, fitted
from mlops_tui.errors import BadInput
from mlops_tui.models.calibrating import Moments, recalibrated, response, unseen, wrapped
from mlops_tui.models.candidates import Fitted, Rows
from mlops_tui.models.candidates import fitted as fitted_model
from mlops_tui.running.workers import Child, UserCodeFailed
from store import estimators
from store.tracking import Input, Record, Tracking

MODELS = """
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

class Certain(LogisticRegression):
    pass

def forest(params):
    return RandomForestClassifier(n_estimators=20, min_samples_leaf=1, max_features=None, n_jobs=1)
"""
OVERFIT = {"factory": "models.py:forest", "params": {}}
LINEAR = {"estimator": "sklearn.linear_model.LogisticRegression", "params": {}}
COLUMNS = ["wind", "queue"]


def flights(n: int, seed: int) -> pa.Table:
    """Rows in order of time whose outcome is known ten minutes later; one feature says something, one nothing."""
    rng = np.random.default_rng(seed)
    wind = rng.normal(size=n)
    late = rng.random(n) < 1 / (1 + np.exp(-1.2 * wind))
    at = np.arange(n) * 60_000_000
    return pa.table({"flight": np.arange(n), "at": pa.array(at, pa.timestamp("us", "UTC")), "wind": wind,
                     "queue": rng.normal(size=n), "late": late,
                     "known": pa.array(at + 600_000_000, pa.timestamp("us", "UTC"))})


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    root = tmp_path_factory.mktemp("project")
    (root / "models.py").write_text(MODELS)
    with Child(root) as child:
        yield child


def fit(child: Child, train: pa.Table, test: pa.Table, candidates: dict[str, Any]) -> dict[str, Any]:
    out = child.root / "out"
    out.mkdir(exist_ok=True)
    for name, table in (("train", train), ("test", test)):
        pq.write_table(table, out / f"{name}.parquet")
    training = {"label": "late", "time": "at", "known": "known", "key": ["flight"], "gap": 0, "seed": 7}
    return child.call({
        "kind": "fit", "train": out / "train.parquet", "test": out / "test.parquet", "label": "late",
        "keys": ["flight", "at"], "features": COLUMNS, "candidates": candidates, "ladder": False, "seed": 7,
        "out": out, "prepare": {"steps": [], "training": training}}, timeout=120)


def test_an_overfitted_forest_is_put_right_on_the_test_and_stored_to_the_last_bit(child: Child) -> None:
    """Trees grown to single rows say 0 and 1 far too often; the recalibration never saw the test. Maps on the log odds
    are pulled by the scores of exactly 0 and 1, and mend less of it; `auto` finds that out."""
    test = flights(4000, 2)
    methods = ("platt", "isotonic", "beta", "temperature", "auto")
    answer = fit(child, flights(4000, 1), test, {"raw": OVERFIT} | {each: OVERFIT | {"calibrate": each}
                                                                    for each in methods})
    scores, label = pq.read_table(answer["scores"]), test["late"].to_numpy()
    raw = scores["raw"].to_numpy()
    before = ece(reliability(label, raw))
    assert before > 0.08
    frame, order = test.select(COLUMNS).to_pandas(), np.argsort(raw)
    for name in methods:
        mended = scores[name].to_numpy()
        assert ece(reliability(label, mended)) < before * (0.35 if name in ("isotonic", "auto") else 0.75)
        assert log_loss(label, mended) < log_loss(label, raw) - 0.1
        assert (np.diff(mended[order]) >= -1e-12).all(), "the order of the scores is kept"
        stored = estimators.load(Path(answer["models"][name]["file"]))
        assert np.array_equal(stored.predict_proba(frame)[:, 1], mended)
        told = answer["models"][name]["calibrator"]
        assert answer["models"][name]["notes"] == [f"recalibrated by {told['method']}, {told['says']}"]
        assert told["method"] in RECALIBRATORS
        assert told["asked"] == name
        assert answer["models"][name]["description"] == f"RandomForestClassifier, recalibrated by {told['method']}"
    assert answer["models"]["raw"]["calibrator"] == {}


@pytest.mark.filterwarnings("ignore:.*type hint is inferred:UserWarning", "ignore::DeprecationWarning")
def test_mlflow_serves_the_numbers_of_the_training(child: Child, tmp_path: Path) -> None:
    """Through MLflow's own reader, which knows nothing of ours."""
    import mlflow

    test = flights(500, 2)
    answer = fit(child, flights(2000, 1), test, {"beta": OVERFIT | {"calibrate": "beta"}})
    tracking = Tracking(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "artifacts")
    made = tracking.log_version("late", Path(answer["models"]["beta"]["file"]),
                                Record(tuple(Input(name, "double") for name in COLUMNS)))
    served = mlflow.pyfunc.load_model(str(tracking.fetch("late", made.version)))
    frame = test.select(COLUMNS).to_pandas()
    assert np.array_equal(served.predict(frame)[:, 1], pq.read_table(answer["scores"])["beta"].to_numpy())


def test_a_calibrated_model_is_left_as_it_is_by_auto(child: Child) -> None:
    test = flights(800, 2)
    answer = fit(child, flights(3000, 1), test, {"plain": LINEAR, "auto": LINEAR | {"calibrate": "auto"}})
    scores = pq.read_table(answer["scores"])
    assert scores["auto"] == scores["plain"]
    told = answer["models"]["auto"]["calibrator"]
    assert (told["method"], told["says"]) == ("", "as it is: no recalibration is surely better")
    assert len(told["tried"]) == 5


def test_the_same_estimator_without_a_recalibration_is_another_model(child: Child) -> None:
    answer = fit(child, flights(2000, 1), flights(300, 2), {"platt": LINEAR | {"calibrate": "platt"}, "plain": LINEAR})
    scores = pq.read_table(answer["scores"])
    assert scores["platt"] != scores["plain"]
    assert answer["models"]["plain"]["description"] == "LogisticRegression"
    [note] = answer["models"]["platt"]["notes"]
    assert note.endswith("; on later rows of the training that is not surely better than as it is")


def test_a_named_recalibration_that_the_next_weeks_contradict_is_said_to_be_worse(child: Child) -> None:
    """Late in the training outcomes become rare: what earlier rows teach makes later scores worse."""
    rng, train = np.random.default_rng(5), flights(6000, 1)
    signal = 1.2 * train["wind"].to_numpy() - np.where(np.arange(6000) < 4800, 0.0, 1.5)
    late = rng.random(6000) < 1 / (1 + np.exp(-np.where(np.arange(6000) < 2400, signal - 1.5, signal)))
    moved = train.set_column(train.column_names.index("late"), "late", pa.array(late))
    answer = fit(child, moved, flights(300, 2), {"platt": LINEAR | {"calibrate": "platt"}})
    [note] = answer["models"]["platt"]["notes"]
    assert note.endswith("; on later rows of the training that is worse than as it is")


def test_what_cannot_be_recalibrated_is_refused_with_the_candidate(child: Child) -> None:
    few = flights(60, 1)
    with pytest.raises((BadInput, UserCodeFailed), match="too little to recalibrate on"):
        fit(child, few, flights(300, 2), {"platt": LINEAR | {"calibrate": "platt"}})
    rare = flights(2000, 1)
    late = np.arange(2000) % 67 == 0
    rare = rare.set_column(rare.column_names.index("late"), "late", pa.array(late))
    with pytest.raises((BadInput, UserCodeFailed), match="isotonic needs 50 rows of each class to fit, here 18"):
        fit(child, rare, flights(300, 2), {"iso": LINEAR | {"calibrate": "isotonic"}})


# -- the pieces -----------------------------------------------------------------------------------------------------


def learnt(n: int = 2000, seed: int = 3) -> tuple[Rows, Moments]:
    table = flights(n, seed)
    at = np.arange(n, dtype=np.int64) * 60_000_000
    return (Rows(table.select(COLUMNS).to_pandas(), table["late"].to_numpy().astype(np.int8)),
            Moments(at, at + 600_000_000))


def test_copies_see_only_rows_whose_outcome_was_known_before_the_ones_they_are_asked_of() -> None:
    rows, moments = learnt(1000)
    fitted_on: list[pd.Index] = []

    def refit(part: Rows) -> Fitted:
        fitted_on.append(part.features.index)
        return fitted_model("copy", LogisticRegression, part, 7)

    chosen, blocks = unseen(rows, refit, moments)
    assert chosen.tolist() == list(range(400, 1000))
    assert [score.size for _, score in blocks] == [200, 200, 200]
    assert [int(index.max()) for index in fitted_on] == [390, 590, 790], "ten minutes before the next begin"


def test_rows_of_one_moment_stay_together() -> None:
    rows, _ = learnt(1000)
    at = np.repeat(np.arange(4, dtype=np.int64), 250)
    chosen, blocks = unseen(rows, lambda part: fitted_model("copy", LogisticRegression, part, 7), Moments(at, at))
    assert chosen.min() == 250
    assert sum(score.size for _, score in blocks) == 750


MAKERS: dict[str, Callable[[], Any]] = {
    "decides": LogisticRegression, "gives probabilities alone": lambda: RandomForestClassifier(20, random_state=1)}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("name", RECALIBRATORS)
def test_the_estimator_gives_the_numbers_of_the_map(name: str, kind: str, tmp_path: Path) -> None:
    rows, _ = learnt()
    model = fitted_model("model", MAKERS[kind], rows, 7).model
    rng = np.random.default_rng(0)
    scores = rng.beta(2, 3, 3000)
    found = fitted(name, rng.random(3000) < scores**1.5, scores)
    frame = learnt(700, 9)[0].features
    whole = wrapped(model, found)
    given = whole.predict_proba(frame)
    tight = name != "isotonic" or kind != "decides"  # between its points a step map is a line of odds, not of chances
    assert given[:, 1] == pytest.approx(found(response(model, frame)), abs=1e-6 if tight else 0.02)
    assert given.sum(axis=1) == pytest.approx(1)
    estimators.dump(whole, tmp_path / "whole.skops")
    assert np.array_equal(estimators.load(tmp_path / "whole.skops").predict_proba(frame), given)
    assert (tmp_path / "whole.skops").stat().st_size < 1_500_000


def test_the_response_of_a_model_that_decides_is_its_probability() -> None:
    rows, _ = learnt()
    model = fitted_model("model", LogisticRegression, rows, 7).model
    assert response(model, rows.features) == pytest.approx(model.predict_proba(rows.features)[:, 1], abs=1e-12)
    assert logit(response(model, rows.features)) == pytest.approx(model.decision_function(rows.features), abs=1e-6)


def test_a_model_of_several_classes_is_not_recalibrated() -> None:
    rows, moments = learnt(300)
    several = Rows(rows.features, np.array(["a", "b", "c"] * 100), "multiclass")
    made = Fitted(None, "", 0.0, (), "")
    with pytest.raises(BadInput, match="for a yes or no"):
        recalibrated(made, lambda part: made, "auto", several, moments, "candidate one")
