"""Candidates and baselines of several classes and of numbers: fitted in the child, weighted, honest on noise."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.analysis.paired import contrast
from mlops_tui.analysis.significance import Verdict, verdict
from mlops_tui.declarations.limits import USUAL
from mlops_tui.running.workers import Child, UserCodeFailed
from store import estimators

MODELS = """
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

def piped(params):
    return make_pipeline(StandardScaler(), Ridge(**params))

def near(params):
    return make_pipeline(StandardScaler(), KNeighborsRegressor(**params))

def raising(params):
    raise RuntimeError("no such thing")

def nothing(params):
    return {"no": "estimator"}
"""
RIDGE = {"estimator": "sklearn.linear_model.Ridge"}
LOGISTIC = {"estimator": "sklearn.linear_model.LogisticRegression", "params": {"max_iter": 300}}
BOOSTED = "sklearn.ensemble.HistGradientBoosting"
CLASSES = ["calm", "fresh", "storm"]


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    root = tmp_path_factory.mktemp("project")
    (root / "models.py").write_text(MODELS)
    with Child(root) as child:
        yield child


def rows(n: int, seed: int, task: str, strength: float = 1.0, classes: list[str] = CLASSES) -> pa.Table:
    """Three numbers of which the first says something of the outcome, and a weight."""
    rng = np.random.default_rng(seed)
    numbers = {name: rng.normal(size=n) for name in ("a", "b", "c")}
    told = strength * numbers["a"] + rng.normal(size=n)
    label: Any = told if task == "regression" else told > 0 if task == "binary" else \
        np.array(classes)[np.digitize(told, np.linspace(-0.5, 0.5, len(classes) - 1))].tolist()
    return pa.table({"id": np.arange(n), **numbers, "y": pa.array(label), "w": rng.integers(1, 5, n).astype(float)})


def fit(child: Child, tables: tuple[pa.Table, pa.Table], task: str, candidates: dict[str, Any],
        **more: Any) -> dict[str, Any]:
    out = child.root / "out"
    out.mkdir(exist_ok=True)
    for name, table in zip(("train", "test"), tables, strict=True):
        weighted = more.get("weight", "w")
        pq.write_table(table if weighted else table.drop_columns(["w"]), out / f"{name}.parquet")
    return child.call({
        "kind": "fit", "train": out / "train.parquet", "test": out / "test.parquet", "label": "y", "keys": ["id"],
        "features": ["a", "b", "c"], "candidates": candidates, "ladder": False, "seed": 7, "out": out, "task": task,
        "classes": CLASSES if task == "multiclass" else [], "weight": "w", "metric": USUAL[task][0], **more},
        timeout=120)


def refused(child: Child, *args: Any, **more: Any) -> tuple[str, str]:
    with pytest.raises(UserCodeFailed) as caught:
        fit(child, *args, **more)
    return caught.value.what, caught.value.where


def both(task: str, **more: Any) -> tuple[pa.Table, pa.Table]:
    return rows(400, 1, task, **more), rows(150, 2, task, **more)


# -- fitted as declared ---------------------------------------------------------------------------------------------


def test_weights_reach_the_last_step_and_are_one_on_average(child: Child) -> None:
    """The referee: scikit-learn itself, given weights that are 1 on average."""
    train, test = both("regression")
    answer = fit(child, (train, test), "regression", {"plain": RIDGE, "piped": {"factory": "models.py:piped"}})
    weight = train["w"].to_numpy() / train["w"].to_numpy().mean()
    x, z = (table.select(["a", "b", "c"]).to_pandas() for table in (train, test))
    expected = make_pipeline(StandardScaler(), Ridge()).fit(x, train["y"].to_numpy(), ridge__sample_weight=weight)
    table = pq.read_table(answer["scores"])
    assert table["plain"].to_numpy() == pytest.approx(expected.predict(z))
    assert table["piped"].to_numpy() == pytest.approx(expected.predict(z))
    assert table.column_names[:3] == ["id", "y", "w"]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_same_weight_on_every_row_is_no_weight(child: Child, task: str) -> None:
    tables = both(task)
    candidates = {"one": RIDGE if task == "regression" else LOGISTIC}
    plain = pq.read_table(fit(child, tables, task, candidates, weight="", ladder=True)["scores"])
    large = tuple(table.set_column(5, "w", pa.array(np.full(len(table), 1e12))) for table in tables)
    heavy = pq.read_table(fit(child, large, task, candidates, ladder=True)["scores"])  # type: ignore[arg-type]
    assert heavy.drop_columns(["w"]).equals(plain)


def test_a_row_of_weight_zero_is_as_if_it_were_not_there(child: Child) -> None:
    train, test = both("regression")
    rng = np.random.default_rng(5)
    keep = rng.random(len(train)) < 0.5
    zero = train.set_column(5, "w", pa.array(keep.astype(float)))
    some = pq.read_table(fit(child, (train.filter(pa.array(keep)), test), "regression", {"r": {"estimator":
        "sklearn.linear_model.LinearRegression"}}, weight="")["scores"])
    all_ = pq.read_table(fit(child, (zero, test), "regression", {"r": {"estimator":
        "sklearn.linear_model.LinearRegression"}})["scores"])
    assert all_["r"].to_numpy() == pytest.approx(some["r"].to_numpy())


def test_classes_come_in_the_order_asked_for_and_are_stored_with_the_model(child: Child) -> None:
    train, test = both("multiclass")
    answer = fit(child, (train, test), "multiclass", {"l": LOGISTIC}, classes=["storm", "calm", "fresh"])
    table = pq.read_table(answer["scores"])
    assert table.column_names[3:] == ["l", "l:storm", "l:calm", "l:fresh"]
    model = estimators.load(Path(answer["models"]["l"]["file"]))
    frame = test.select(["a", "b", "c"]).to_pandas()
    assert model.predict(frame).tolist() == table["l"].to_pylist()
    weight = train["w"].to_numpy() / train["w"].to_numpy().mean()
    x = train.select(["a", "b", "c"]).to_pandas()
    expected = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(
        x, train["y"].to_pylist(), logisticregression__sample_weight=weight).predict_proba(frame)
    assert table["l:storm"].to_numpy() == pytest.approx(expected[:, 2], abs=1e-6)


def test_steps_declared_in_yaml_are_a_pipeline_behind_what_they_need(child: Child) -> None:
    train, test = both("regression")
    hole = train.set_column(1, "a", pa.array(train["a"].to_pylist(), mask=np.arange(400) % 10 == 0))
    steps = {"poly": {"steps": [{"estimator": "sklearn.preprocessing.PolynomialFeatures", "params": {"degree": 2}},
                                RIDGE]},
             "own": {"steps": [{"estimator": "sklearn.impute.SimpleImputer", "params": {"strategy": "mean"}}, RIDGE]}}
    answer = fit(child, (hole, test), "regression", steps)
    made = {name: estimators.load(Path(answer["models"][name]["file"])) for name in steps}
    assert [type(each).__name__ for _, each in made["poly"].steps] == ["ColumnTransformer", "PolynomialFeatures",
                                                                        "Ridge"]
    first = made["own"][0]
    assert isinstance(first, ColumnTransformer)
    assert type(first.named_transformers_["numbers"]).__name__ == "FunctionTransformer"  # as they are: they impute
    assert np.isnan(first.transform(hole.select(["a", "b", "c"]).to_pandas())).any()


def test_a_parameter_may_be_an_estimator(child: Child) -> None:
    bagged = {"estimator": "sklearn.ensemble.BaggingRegressor", "params": {"n_estimators": 3, "estimator": {
        "estimator": "sklearn.tree.DecisionTreeRegressor", "params": {"max_depth": 2}}}}
    answer = fit(child, both("regression"), "regression", {"b": bagged})
    assert estimators.load(Path(answer["models"]["b"]["file"]))[-1].estimator.max_depth == 2


def test_estimators_may_be_stacked_and_are_stored(child: Child) -> None:
    parts = [["ridge", RIDGE], ["tree", {"estimator": "sklearn.tree.DecisionTreeRegressor", "params": {
        "max_depth": 2}}]]
    stacked = {"estimator": "sklearn.ensemble.StackingRegressor", "params": {"estimators": parts}}
    tables = both("regression")
    answer = fit(child, tables, "regression", {"s": stacked}, weight="")
    model = estimators.load(Path(answer["models"]["s"]["file"]))
    assert model.predict(tables[1].select(["a", "b", "c"]).to_pandas()) == pytest.approx(
        pq.read_table(answer["scores"])["s"].to_numpy())


def test_classes_without_probabilities_are_given_alone(child: Child) -> None:
    answer = fit(child, both("multiclass"), "multiclass", {"svm": {"estimator": "sklearn.svm.LinearSVC"}})
    assert answer["models"]["svm"]["probabilities"] is False
    assert pq.read_table(answer["scores"]).column_names == ["id", "y", "w", "svm"]


# -- the ladder -----------------------------------------------------------------------------------------------------


def test_the_constant_of_a_regression_is_what_its_metric_likes_best(child: Child) -> None:
    train, test = both("regression")
    for metric, rung, value in (("rmse", "baseline_mean", np.average(train["y"], weights=train["w"])),
                                ("pinball_10", "baseline_quantile", None), ("mae", "baseline_median", None)):
        table = pq.read_table(fit(child, (train, test), "regression", {}, ladder=True, metric=metric)["scores"])
        assert rung in table.column_names
        if value is not None:
            assert table[rung].to_numpy() == pytest.approx(value)
    below = train["y"].to_numpy() < table["baseline_median"][0].as_py()
    assert train["w"].to_numpy()[below].sum() / train["w"].to_numpy().sum() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_the_ladder_finds_the_feature_that_says_something(child: Child, task: str) -> None:
    answer = fit(child, both(task), task, {}, ladder=True)
    assert answer["models"]["baseline_feature"]["description"].endswith(" of a")


def test_baselines_do_not_see_the_outcomes_of_the_test(child: Child) -> None:
    for task in ("multiclass", "regression"):
        train, test = both(task)
        other = test.set_column(4, "y", test["y"].take(pa.array(np.random.default_rng(1).permutation(len(test)))))
        one, two = (pq.read_table(fit(child, (train, each), task, {}, ladder=True)["scores"]) for each in (test, other))
        assert one.drop_columns(["y"]).equals(two.drop_columns(["y"]))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_on_noise_no_candidate_beats_every_baseline(child: Child, task: str) -> None:
    """Passing wrongly needs a wrong rejection of every rung, each at 2.5 % to that side: of 10 seeds × 2 candidates
    fewer than one is expected to pass even if one rung alone were the ladder."""
    boosted = {"estimator": BOOSTED + ("Regressor" if task == "regression" else "Classifier"),
               "params": {"max_iter": 10}}
    passed, tried = 0, 0
    for seed in range(10):
        tables = rows(400, 100 + seed, task, 0.0), rows(200, 200 + seed, task, 0.0)
        answer = fit(child, tables, task, {"plain": RIDGE if task == "regression" else LOGISTIC | {"params": {
            "C": 0.1}}, "boosted": boosted}, ladder=True, weight="")
        table = pq.read_table(answer["scores"])
        rungs = [name for name in answer["models"] if name.startswith("baseline")]
        given = {name: answers(table, name, task) for name in answer["models"]}
        metric = METRICS[USUAL[task][0]]
        for name in ("plain", "boosted"):
            said = [verdict(contrast(metric, given[rung], given[name]), metric.higher_is_better) for rung in rungs]
            passed += all(each is Verdict.BETTER for each in said)
            tried += 1
    assert (passed, tried) == (0, 20)


def answers(table: pa.Table, name: str, task: str) -> Answers:
    label = table["y"].to_numpy(zero_copy_only=False)
    if task != "multiclass":
        return Answers(Task(task), label, table[name].to_numpy())
    given = np.column_stack([table[f"{name}:{each}"].to_numpy() for each in CLASSES])
    return Answers(Task.MULTICLASS, np.array([CLASSES.index(each) for each in label]), given, tuple(CLASSES))


# -- refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "candidate", "expected"), [
    ("regression", LOGISTIC, ("LogisticRegression is a classifier; a regression model needs a regressor.",
                              "candidate x")),
    ("multiclass", RIDGE, ("Ridge is a regressor; a multiclass model needs a classifier.", "candidate x")),
    ("binary", {"estimator": "sklearn.svm.LinearSVC"}, ("LinearSVC gives no probabilities.", "candidate x")),
    ("binary", {"estimator": "sklearn.svm.SVC"}, ("SVC gives no probabilities.", "candidate x")),
    ("regression", {"factory": "models.py:near"},
     ("KNeighborsRegressor cannot count rows by a weight: its fit takes no sample_weight.", "candidate x")),
    ("regression", {"factory": "models.py:raising"}, ("RuntimeError: no such thing", "models.py:14")),
    ("regression", {"factory": "models.py:nothing"}, ("dict is nothing that can be fitted and asked.", "candidate x")),
    ("regression", RIDGE | {"params": {"alpha": -1}},
     ("The 'alpha' parameter of Ridge must be a float in the range [0.0, inf) or an array-like. Got -1 instead.",
      "candidate x")),
    ("regression", {"steps": [RIDGE, RIDGE]},
     ("Ridge transforms nothing, so it can only be the last step.", "candidate x, step 1")),
    ("regression", {"steps": [{"estimator": "sklearn.preprocessing.StandardScalar"}, RIDGE]},
     ("'sklearn.preprocessing' has no estimator 'StandardScalar'.", "candidate x, step 1")),
    ("regression", {"steps": [{"estimator": "os.system", "params": {"command": "true"}}, RIDGE]},
     ("'os.system' is not an estimator of scikit-learn.", "candidate x, step 1")),
    ("regression", {"estimator": "sklearn.ensemble.BaggingRegressor", "params": {"estimator": {"estimator": "os.x"}}},
     ("'os.x' is not an estimator of scikit-learn.", "candidate x, estimator"))])
def test_a_candidate_that_cannot_be_is_refused_by_name(
        child: Child, task: str, candidate: dict[str, Any], expected: tuple[str, str]) -> None:
    assert refused(child, both(task), task, {"x": candidate}) == expected


def test_classes_that_no_training_row_has_are_refused(child: Child) -> None:
    train, test = rows(400, 1, "multiclass", classes=CLASSES[:2]), rows(150, 2, "multiclass")
    unlearnt = test["y"].to_pylist().count("storm")
    assert refused(child, (train, test), "multiclass", {"l": LOGISTIC})[0] == (
        f"No training row has the class 'storm', but {unlearnt} test rows have it.")
    short = test.filter(pa.compute.not_equal(test["y"], "storm"))
    assert refused(child, (train, short), "multiclass", {"l": LOGISTIC})[0] == "No training row has the class 'storm'."


def test_a_name_that_the_scores_have_is_refused(child: Child) -> None:
    assert "a column of the scores" in refused(child, both("regression"), "regression", {"w": RIDGE})[0]
    assert "the colon is for" in refused(child, both("multiclass"), "multiclass", {"a:b": LOGISTIC})[0]
