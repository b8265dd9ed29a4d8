"""Fold within fold in the child: scikit-learn's own example, what is kept, what a leak looks like."""

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_iris

from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.analysis.nested import Nested
from mlops_tui.analysis.split import Spans
from mlops_tui.declarations.kinds import Candidate
from mlops_tui.errors import BadInput
from mlops_tui.modeling import _searching
from mlops_tui.modeling._searching import Asked, Material
from mlops_tui.models import tuning

IRIS = load_iris(as_frame=True).frame
SVC = Candidate(estimator="sklearn.svm.SVC", params={"kernel": "rbf"})
GRID = [{"C": C, "gamma": gamma} for C in (1, 10, 100) for gamma in (0.01, 0.1)]


def iris() -> Material:
    table = pa.table({str(name): pa.array(IRIS[name]) for name in IRIS.columns})
    table = table.set_column(4, "target", table.column("target").cast(pa.string()))
    return Material(table, "target", tuple(table.column_names[:4]), "iris", task=Task.MULTICLASS,
                    classes=("0", "1", "2"))


def written(folder: Path, material: Material, asked: Asked) -> Path:
    return _searching.write(Path(mkdtemp(dir=folder)), material, asked, _searching.folds(material, asked)[1])


def told(folder: Path, material: Material, asked: Asked) -> dict[str, Any]:
    work = written(folder, material, asked)
    return tuning.tune({"work": work, "part": "run", "keep": folder / "keep"}, lambda *_: None)


def searched(folder: Path, material: Material, asked: Asked) -> Nested:
    found = told(folder, material, asked)
    return Nested(np.array(found["outer"]), np.array(found["inner"]), 1 / 3)


def test_the_documented_difference_of_the_iris_example_is_reproduced(tmp_path: Path) -> None:
    """scikit-learn's example "Nested versus non-nested cross-validation": thirty trials of 4-fold within 4-fold.

    Its documentation prints "Average difference of 0.007581 with std. dev. of 0.007833."
    """
    differences = []
    for trial in range(30):
        folder = tmp_path / str(trial)
        folder.mkdir()
        asked = Asked("svc", SVC, GRID, METRICS["accuracy"], 4, 4, trial, 1, raw=True)
        differences.append(searched(folder, iris(), asked).optimism().estimate)
    assert (f"{np.mean(differences):.6f}", f"{np.std(differences):.6f}") == ("0.007581", "0.007833")


LEAKING = """
import numpy as np
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier


def chosen(features, label):
    return features.loc[:, SelectKBest(k=10).fit(features, label).get_support()]


def as_is(features, label):
    return features


class Remembering(KNeighborsClassifier):
    seen = []

    def fit(self, features, label):
        self.seen.append((features, label))
        return super().fit(*map(np.concatenate, zip(*self.seen)))


def remembering(params):
    return Remembering(**params)


def fair(params):
    return KNeighborsClassifier(**params)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "steps.py").write_text(LEAKING, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def noise(rows: int = 60, columns: int = 300) -> Material:
    """Columns that know nothing of the label, at times one after the other."""
    rng = np.random.default_rng(4)
    table = pa.table({"y": rng.integers(0, 2, rows), **{f"x{at}": rng.normal(size=rows) for at in range(columns)}})
    return Material(table, "y", tuple(table.column_names[1:]), "noise")


LOGISTIC = Asked("logistic", Candidate(estimator="sklearn.linear_model.LogisticRegression"), [{"C": 0.1}, {"C": 1}],
                 METRICS["roc_auc"], 3, 2, 0, 1, raw=True)


def test_a_preparation_outside_of_the_pipeline_is_found_by_permuted_labels(project: Path) -> None:
    """The wrong way of cross-validation (Hastie et al. 2009, §7.10.2): ten columns of noise chosen by all labels."""
    leaking = told(project, noise(), replace(LOGISTIC, outside="steps.py:chosen"))
    assert np.mean(leaking["outer"]) > 0.7  # of labels that nothing foretells
    assert leaking["chance"]["above"]
    shutil.rmtree(project / "keep")
    honest = told(project, noise(), replace(LOGISTIC, outside="steps.py:as_is"))
    assert not honest["chance"]["above"]


def test_an_estimator_that_remembers_other_folds_is_found_where_time_orders_them(project: Path) -> None:
    material = replace(noise(200, 3), spans=Spans(np.arange(200), np.arange(200)))
    for factory, above in (("remembering", True), ("fair", False)):
        asked = replace(LOGISTIC, candidate=Candidate(factory=f"steps.py:{factory}"), raw=True,
                        points=[{"n_neighbors": 1}, {"n_neighbors": 3}])
        assert told(project, material, asked)["chance"]["above"] is above
        shutil.rmtree(project / "keep")


def test_permuted_labels_are_called_a_leak_no_more_often_than_the_level(project: Path) -> None:
    """The p-values of twenty honest tunings of noise are spread evenly: the least of them is not below 0.001."""
    found = []
    for seed in range(20):
        work = tuning.Work(str(written(project, replace(noise(60, 4), data=str(seed)), replace(LOGISTIC, seed=seed))))
        found.append(tuning._permuted(work, lambda _: None, tuning._Count())["p_value"])
    assert min(found) > 0.001
    assert 0.24 < np.mean(found) < 0.76  # 0.5 ± 4 standard errors of 1/√(12·20)


def test_a_fold_that_is_kept_is_not_fitted_again(project: Path) -> None:
    first = told(project, noise(60, 4), LOGISTIC)
    (project / "keep" / "fold-1.json").unlink()
    again = told(project, noise(60, 4), LOGISTIC)
    assert (first["fitted"], again["fitted"]) == (3 * 2 * 3 + 15, 2 * 3 + 15)
    assert {name: value for name, value in first.items() if name not in ("fitted", "cpu_seconds")} == {
        name: value for name, value in again.items() if name not in ("fitted", "cpu_seconds")}


@pytest.mark.parametrize(("points", "metric", "what"), [
    ([{"C": 1, "gama": 1}], "accuracy", "SVC has no parameter 'gama'"),
    ([{"C": 1}, {"C": -1}], "accuracy", "The 'C' parameter of SVC must be"),
    ([{"C": 1}], "log_loss", "SVC gives no probabilities, and log_loss is of them"),
])
def test_a_point_that_cannot_be_fitted_or_scored_is_refused(tmp_path: Path, points: list[dict[str, Any]], metric: str,
                                                            what: str) -> None:
    with pytest.raises(BadInput, match=what):
        told(tmp_path, iris(), Asked("svc", SVC, points, METRICS[metric], 2, 2, 0, 1))


@pytest.mark.parametrize(("task", "metric"), [(Task.REGRESSION, "rmse"), (Task.BINARY, "brier")])
def test_other_tasks_and_weights_are_tuned_too(tmp_path: Path, task: Task, metric: str) -> None:
    """Rows that count nothing have no say: the scores are those of the others alone."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 2))
    y = x[:, 0] + rng.normal(size=400)
    label, weight = (y > 0).astype(float) if task is Task.BINARY else y, np.ones(400)
    wrong = np.arange(400) % 4 == 0
    label[wrong], weight[wrong] = (1 - label if task is Task.BINARY else -20 * label)[wrong], 1e-12
    table = pa.table({"a": x[:, 0], "b": x[:, 1], "y": label, "w": weight})
    candidate = Candidate(estimator="sklearn.linear_model." + ("Ridge" if task is Task.REGRESSION else
                                                               "LogisticRegression"))
    points = [{"alpha": 1e-3}, {"alpha": 1e5}] if task is Task.REGRESSION else [{"C": 1}, {"C": 1e-5}]
    spans = Spans(np.arange(400), np.arange(400))
    material = Material(table, "y", ("a", "b"), "made", task=task, weight="w", spans=spans)
    found = told(tmp_path, material, Asked("it", candidate, points, METRICS[metric], 3, 2, 0, 1))
    assert found["best"] == 0 or METRICS[metric].higher_is_better
    assert np.mean(found["outer"][0]) < (1.3 if task is Task.REGRESSION else 0.25)
