"""Models keep their identity in MLflow: what was registered is what is loaded, or nothing is."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from store import estimators
from store.refusal import NotFound, Refusal, Unreadable
from store.tracking import Input, Record, Tracking

ROOT = Path(__file__).parents[2]
RECORD = Record(
    inputs=(Input("wind", "double", required=False), Input("carrier", "string")), params={"max_iter": 5},
    metrics={"roc_auc": 0.75}, tags={"candidate": "boosted"}, documents={"declaration.yaml": "task: binary\n"})


def at(root: Path) -> Tracking:
    return Tracking(f"sqlite:///{root}/mlflow.db", root / "artifacts")


@pytest.fixture
def tracking(tmp_path: Path, empty_store: Path) -> Tracking:
    root = tmp_path / "a project"
    root.mkdir()
    shutil.copy(empty_store, root / "mlflow.db")
    return at(root)


def flights(n: int = 400) -> tuple[pd.DataFrame, Any]:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame({"wind": rng.normal(size=n), "carrier": rng.choice(["AA", "UA", "B6"], n)})
    return frame, (frame.wind + (frame.carrier == "AA") + rng.normal(size=n) > 0.5).astype(int)


def fitted(kind: str) -> Any:
    frame, late = flights()
    if kind == "logistic":
        before = make_column_transformer((StandardScaler(), ["wind"]), (OneHotEncoder(), ["carrier"]))
        return make_pipeline(before, LogisticRegression()).fit(frame, late)
    before = make_column_transformer((OrdinalEncoder(), ["carrier"]), remainder="passthrough")
    return make_pipeline(before, HistGradientBoostingClassifier(max_iter=5, categorical_features=[0])).fit(frame, late)


def files_of(tracking: Tracking, version: int) -> Path:
    return tracking.fetch("delay", version)


@pytest.mark.parametrize("kind", ["logistic", "boosted"])
def test_a_version_predicts_exactly_what_was_registered(tracking: Tracking, kind: str) -> None:
    model, (frame, _) = fitted(kind), flights()
    made = tracking.log_version("delay", model, RECORD)
    loaded = tracking.load("delay", made.version, digest=made.digest)
    assert np.array_equal(loaded.predict_proba(frame), model.predict_proba(frame))


def test_a_file_that_was_dumped_elsewhere_registers_like_an_estimator(tracking: Tracking, tmp_path: Path) -> None:
    model, (frame, _) = fitted("boosted"), flights()
    estimators.dump(model, tmp_path / "fitted.skops")
    made = tracking.log_version("delay", tmp_path / "fitted.skops", RECORD)
    assert np.array_equal(tracking.load("delay", made.version).predict_proba(frame), model.predict_proba(frame))


@pytest.mark.filterwarnings("ignore:.*type hint is inferred:UserWarning", "ignore::DeprecationWarning")
def test_mlflow_itself_reads_what_we_wrote(tracking: Tracking) -> None:
    """The referee: MLflow's own loaders, its signature and its list of requirements."""
    import mlflow

    model, (frame, _) = fitted("logistic"), flights()
    folder = tracking.fetch("delay", tracking.log_version("delay", model, RECORD).version)
    assert np.array_equal(mlflow.sklearn.load_model(str(folder)).predict_proba(frame), model.predict_proba(frame))
    served = mlflow.pyfunc.load_model(str(folder))
    assert np.array_equal(served.predict(frame), model.predict_proba(frame))
    assert served.metadata.get_input_schema().input_names() == ["wind", "carrier"]
    assert served.metadata.get_output_schema().inputs[0].shape == (-1, 2)
    assert "scikit-learn==" in (folder / "requirements.txt").read_text()


@pytest.mark.filterwarnings("ignore:.*type hint is inferred:UserWarning")
def test_mlflow_lays_out_the_same_flavours_as_we_do(tracking: Tracking, tmp_path: Path) -> None:
    import mlflow
    import yaml

    ours = yaml.safe_load((tracking.fetch("delay", tracking.log_version("delay", fitted("logistic"), RECORD).version)
                           / "MLmodel").read_text())["flavors"]
    mlflow.sklearn.save_model(
        fitted("logistic"), tmp_path / "theirs", serialization_format="skops", pip_requirements=["scikit-learn"],
        pyfunc_predict_fn="predict_proba", skops_trusted_types=ours["sklearn"]["skops_trusted_types"])
    theirs = yaml.safe_load((tmp_path / "theirs" / "MLmodel").read_text())["flavors"]
    assert ours["sklearn"] == theirs["sklearn"]
    del ours["python_function"]["env"], theirs["python_function"]["env"]
    assert ours["python_function"] == theirs["python_function"]


def test_nothing_is_pickled_and_no_row_of_data_is_kept(tracking: Tracking) -> None:
    folder = tracking.fetch("delay", tracking.log_version("delay", fitted("logistic"), RECORD).version)
    assert {path.name for path in folder.iterdir()} == {"MLmodel", "model.skops", "python_env.yaml", "requirements.txt"}
    members = zipfile.ZipFile(folder / "model.skops").namelist()
    assert {Path(member).suffix for member in members} <= {".json", ".npy"}


@pytest.mark.parametrize("name", ["model.skops", "MLmodel", "requirements.txt"])
def test_a_tampered_file_is_refused(tracking: Tracking, name: str) -> None:
    made = tracking.log_version("delay", fitted("logistic"), RECORD)
    path = tracking.fetch("delay", made.version) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(Unreadable, match="not the ones that were registered"):
        tracking.load("delay", made.version)


def test_an_added_file_and_a_missing_model_are_refused(tracking: Tracking) -> None:
    made = tracking.log_version("delay", fitted("logistic"), RECORD)
    folder = tracking.fetch("delay", made.version)
    (folder / "extra.py").write_text("")
    with pytest.raises(Unreadable):
        tracking.load("delay", made.version)
    shutil.rmtree(folder)
    with pytest.raises(NotFound, match="archive restore delay@1"):
        tracking.load("delay", made.version)


def test_a_swapped_model_is_refused_even_where_the_registry_agrees_with_it(tracking: Tracking) -> None:
    """Whoever can write MLflow's tables cannot make up for the digest in our ledger."""
    made = tracking.log_version("delay", fitted("logistic"), RECORD)
    other = tracking.log_version("delay", fitted("boosted"), RECORD)
    with sqlite3.connect(tracking.uri.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE model_versions SET source = (SELECT source FROM model_versions WHERE version = 2)")
        connection.execute("UPDATE model_version_tags SET value = ? WHERE key = 'digest'", (other.digest,))
    connection.close()
    assert tracking.load("delay", made.version) is not None
    with pytest.raises(Unreadable):
        tracking.load("delay", made.version, digest=made.digest)


class Homemade(BaseEstimator):  # type: ignore[misc]
    """A class that only this project has."""


def test_a_type_of_ones_own_is_refused_by_name_when_it_is_written(tracking: Tracking, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="Homemade"):
        estimators.dump(Homemade(), tmp_path / "m.skops")
    assert not (tmp_path / "m.skops").exists()
    with pytest.raises(Refusal, match="Homemade"):
        tracking.log_version("delay", Homemade(), RECORD)
    assert tracking.versions("delay") == []


def test_a_partial_is_trusted_no_further_than_its_function(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="system"):
        estimators.dump(FunctionTransformer(partial(os.system, "true")), tmp_path / "m.skops")


def test_a_forged_type_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.skops"
    estimators.dump(fitted("logistic"), path)
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(content["schema.json"])
    schema["__module__"], schema["__class__"] = "os", "_wrap_close"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, json.dumps(schema) if name == "schema.json" else data)
    with pytest.raises(Refusal):
        estimators.load(path)
    path.write_bytes(b"not a zip")
    with pytest.raises(Unreadable):
        estimators.load(path)


def test_versions_count_up_and_carry_tags(tracking: Tracking) -> None:
    made = [tracking.log_version("delay", fitted("logistic"), RECORD) for _ in range(2)]
    assert [each.version for each in tracking.versions("delay")] == [1, 2]
    assert tracking.version("delay", "2") == made[1]
    assert made[1].tags["candidate"] == "boosted"
    assert tracking.versions("nothing") == []


def test_an_alias_moves_and_setting_it_again_writes_nothing(tracking: Tracking) -> None:
    for _ in range(2):
        tracking.log_version("delay", fitted("logistic"), RECORD)
    assert tracking.aliases("delay") == {}
    tracking.alias("delay", "champion", 1)
    tracking.alias("delay", "champion", "2")
    assert tracking.aliases("delay") == {"champion": 2}
    before = Path(tracking.uri.removeprefix("sqlite:///")).read_bytes()
    tracking.alias("delay", "champion", 2)
    assert Path(tracking.uri.removeprefix("sqlite:///")).read_bytes() == before


def test_what_does_not_exist_is_named(tracking: Tracking) -> None:
    assert tracking.aliases("delay") == {}
    with pytest.raises(NotFound, match="No version 3 of 'delay'"):
        tracking.load("delay", 3)
    tracking.log_version("delay", fitted("logistic"), RECORD)
    with pytest.raises(NotFound, match="No version 9 of 'delay'"):
        tracking.alias("delay", "champion", 9)
    with pytest.raises(NotFound):
        tracking.versions("it's")


def test_a_moved_project_reads_its_own_files_and_writes_beside_them(tracking: Tracking, tmp_path: Path) -> None:
    made = tracking.log_version("delay", fitted("logistic"), RECORD)
    shutil.copytree(tracking.artifacts.parent, tmp_path / "moved")
    shutil.rmtree(tracking.artifacts.parent)
    moved = at(tmp_path / "moved")
    assert moved.fetch("delay", made.version).is_relative_to(tmp_path / "moved")
    again = moved.log_version("delay", fitted("logistic"), RECORD)
    assert (again.version, moved.fetch("delay", 2).is_relative_to(tmp_path / "moved")) == (2, True)
    assert not tracking.artifacts.parent.exists()


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_nothing_heavy_is_imported_before_the_first_question() -> None:
    code = ("import sys, store.tracking as t; t.Tracking('sqlite:///x.db', __import__('pathlib').Path('a')); "
            "print([m for m in ('mlflow', 'sklearn', 'skops', 'pandas', 'numpy') if m in sys.modules])")
    assert python(code).communicate()[0].strip() == "[]"


WRITER = """
import socket, sys
from pathlib import Path
real = socket.socket.connect
def connect(self, address):
    if self.family != socket.AF_UNIX:
        print("network", address)
    return real(self, address)
socket.socket.connect = connect
from sklearn.linear_model import LogisticRegression
from store.tracking import Input, Record, Tracking
root = Path(sys.argv[1])
tracking = Tracking(f"sqlite:///{root}/mlflow.db", root / "artifacts")
model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
for _ in range(2):
    made = tracking.log_version("delay", model, Record(inputs=(Input("x", "double"),)))
    tracking.alias("delay", "challenger", made.version)
    tracking.alias("delay", "champion", 1)
"""


@pytest.mark.slow
def test_two_processes_share_a_new_store_in_silence_and_without_network(tmp_path: Path) -> None:
    """Both find no store, both lay it, both register two versions; nobody prints or calls home."""
    writers = [python(WRITER, str(tmp_path)) for _ in range(2)]
    said = [writer.communicate(timeout=120) for writer in writers]
    assert said == [("", ""), ("", "")]
    tracking = at(tmp_path)
    assert [each.version for each in tracking.versions("delay")] == [1, 2, 3, 4]
    assert tracking.aliases("delay")["champion"] == 1
    assert tracking.aliases("delay")["challenger"] in (2, 3, 4)
    for version in range(1, 5):
        tracking.load("delay", version)
