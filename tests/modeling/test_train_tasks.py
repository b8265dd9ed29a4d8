"""Training of several classes and of numbers: real tables, series in time, weights, and what is refused."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_diabetes, load_wine

from mlops_tui.commands import Outcome
from mlops_tui.errors import Refusal
from mlops_tui.modeling import _training
from mlops_tui.modeling._training import Parts, rows, split
from mlops_tui.opening import open_project
from mlops_tui.render.json import as_json
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status
from store.facts import Promotion, Trained

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
DATASET = """
apiVersion: v3.1.0
kind: DataContract
id: NAME
version: 1.0.0
status: active
schema:
  - name: NAME
    properties:
COLUMNS
customProperties:
  - {property: eventTime, value: at}
  - {property: partitionBy, value: [day]}
"""
RIDGE = "{ridge: {estimator: sklearn.linear_model.Ridge}}"
LOGISTIC = "{logistic: {estimator: sklearn.linear_model.LogisticRegression, params: {max_iter: 500}}}"
Made = Callable[..., Session]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Made:
    """A project with one dataset `rows` of these columns, a row an hour from FIRST on, and one model `m` of it."""

    def project(model: str, columns: dict[str, Any], *, keys: tuple[str, ...] = ("id",), hours: Any = None,
                zone: str | None = "UTC") -> Session:
        root = tmp_path_factory.mktemp("project")
        n = len(next(iter(columns.values())))
        hours = np.arange(n) if hours is None else hours
        first = FIRST.replace(tzinfo=UTC if zone else None)
        at = pa.array([first + timedelta(hours=int(each)) for each in hours], pa.timestamp("us", zone))
        table = pa.table({"id": np.arange(n), "at": at, **columns})
        types = {name: "timestamp" if name == "at" else "string" if pa.types.is_string(table[name].type) else "number"
                 for name in table.column_names}
        listed = "\n".join(f"      - {{name: {name}, logicalType: {type}, primaryKey: {str(name in keys).lower()}}}"
                           for name, type in {**types, "day": "string"}.items())
        written = {"mlops.yaml": "project: tasks\ntimezone: UTC\nclock: replay\n",
                   "team.yaml": "people: {ana: {roles: [engineer], simulated: true}}\n",
                   "datasets/rows.yaml": DATASET.replace("NAME", "rows").replace("COLUMNS", listed),
                   "models/m.yaml": model}
        for name, text in written.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        (root / ".mlops").mkdir()
        shutil.copy(empty_store, root / ".mlops" / "mlflow.db")
        end = FIRST + timedelta(hours=int(max(hours)), days=3)
        session = open_project(root, person="ana", clock=ReplayClock(end), source="test")
        connection = session.data().connect()
        connection.register("raw", table)
        query = "SELECT *, strftime(\"at\", '%Y-%m-%d') AS day FROM raw"
        session.commit(session.data().write("rows", query, sort=("id",), partition_by=("day",), connection=connection))
        return session

    return project


def declared(task: str, candidates: str, *, columns: str = "[x]", test: str = "10d", more: str = "",
             split: str = "", label: str = "y") -> str:
    return (f"task: {task}\nlabel: {{dataset: rows, column: {label}}}\nfeatures: []\ncolumns: {columns}\n"
            f"candidates: {candidates}\nsplit: {{time: at, test: {test}{split}}}\nseed: 3\n{more}")


def ran(session: Session, *argv: str) -> Outcome:
    outcome = session.perform(argv or ("train", "m"))
    assert outcome.error is None, outcome.error
    return outcome


def refused(session: Session, *argv: str) -> dict[str, str]:
    outcome = session.perform(argv or ("train", "m"))
    assert outcome.error is not None
    assert outcome.exit == 2
    return {key: str(value) for key, value in outcome.error.items()}


def trained(session: Session) -> list[Trained]:
    return [entry.fact for entry in session.ledger.entries("trained") if isinstance(entry.fact, Trained)]


def scores(session: Session) -> pa.Table:
    fact = trained(session)[-1]
    lake = session.data()
    return lake.connect().sql(f"SELECT * FROM {lake.scan(lake.manifest('m.scores', fact.scores))} ORDER BY \"at\", id"
                              ).to_arrow_table()


# -- real tables ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def diabetes(made: Made) -> tuple[Session, Outcome]:
    """442 patients of scikit-learn's table, ten measurements and a number for the progress of the disease."""
    table = load_diabetes(as_frame=True)
    columns = {name: table.data[name].to_numpy() for name in table.data} | {"y": table.target.to_numpy()}
    names = f"[{', '.join(table.data)}]"
    candidates = ("{ridge: {estimator: sklearn.linear_model.Ridge, params: {alpha: 0.1}}, "
                  "boosted: {estimator: sklearn.ensemble.HistGradientBoostingRegressor, params: {max_iter: 40}}, "
                  "curved: {steps: [{estimator: sklearn.preprocessing.PolynomialFeatures, params: {degree: 2}}, "
                  "{estimator: sklearn.linear_model.RidgeCV}]}}")
    session = made(declared("regression", candidates, columns=names, test="6d"), columns)
    return session, ran(session)


def test_a_regression_of_a_real_table_is_trained_beside_its_baselines(diabetes: tuple[Session, Outcome]) -> None:
    session, outcome = diabetes
    facts = {fact.candidate: fact for fact in trained(session)}
    ridge = facts["ridge"]
    assert set(ridge.detail["baselines"]) == {"baseline_mean", "baseline_feature", "baseline_linear", "baseline_tree",
                                              "baseline_naive"}
    assert ridge.detail["descriptions"]["baseline_feature"] == "DecisionTreeRegressor of bmi"
    assert (ridge.detail["task"], ridge.detail["classes"], ridge.detail["weight"]) == ("regression", [], "")
    assert 50 < ridge.metrics["rmse"]["value"] < 65  # Efron et al. 2004 find a residual of about 54 on all rows
    assert 0.3 < ridge.metrics["r2"]["low"] < ridge.metrics["r2"]["value"] < 0.7
    better = {each["baseline"]: each["verdict"] for each in ridge.detail["contrasts"]}
    assert better["baseline_mean"] == better["baseline_naive"] == "better"
    assert better["baseline_linear"] != "better"  # which is the same model but for its penalty
    assert outcome.view.status is Status.WARN
    assert outcome.view.title.endswith("does not beat the baselines")


def test_scores_of_a_regression_are_one_column_a_model(diabetes: tuple[Session, Outcome]) -> None:
    table = scores(diabetes[0])
    assert table.column_names[:6] == ["id", "at", "y", "ridge", "boosted", "curved"]
    fact = next(each for each in trained(diabetes[0]) if each.candidate == "ridge")
    error = table["ridge"].to_numpy() - table["y"].to_numpy()
    assert fact.metrics["rmse"]["value"] == pytest.approx(np.sqrt((error**2).mean()))
    assert fact.metrics["mae"]["value"] == pytest.approx(np.abs(error).mean())
    naive = np.abs(np.diff(load_diabetes().target))[:fact.detail["train_rows"] - 1].mean()
    assert fact.detail["mase_scale"] == pytest.approx(naive)
    assert fact.metrics["mase"]["value"] == pytest.approx(np.abs(error).mean() / naive)


@pytest.fixture(scope="module")
def wine(made: Made) -> tuple[Session, Outcome]:
    """178 wines of three growers, shuffled, as scikit-learn has them; the grower is a text."""
    table = load_wine(as_frame=True)
    order = np.random.default_rng(5).permutation(178)
    columns = {name.replace("/", "_"): table.data[name].to_numpy()[order] for name in ("alcohol", "flavanoids", "hue",
                                                                                       "proline")}
    columns |= {"y": [f"grower {each}" for each in table.target.to_numpy()[order]],
                "seats": np.random.default_rng(6).integers(1, 9, 178).astype(float)}
    candidates = LOGISTIC.replace("}}}", "}}, trees: {estimator: sklearn.ensemble.RandomForestClassifier, "
                                         "params: {n_estimators: 30}}}")
    session = made(declared("multiclass", candidates, columns="[alcohol, flavanoids, hue, proline]", test="3d",
                            more="weight: seats\n"), columns)
    return session, ran(session)


def test_several_classes_of_a_real_table_are_told_apart(wine: tuple[Session, Outcome]) -> None:
    session, _ = wine
    fact = trained(session)[-1]
    assert (fact.detail["task"], fact.detail["classes"]) == ("multiclass", ["grower 0", "grower 1", "grower 2"])
    assert fact.detail["weight"] == "seats"
    assert fact.metrics["roc_auc_ovr"]["value"] > 0.95
    assert fact.metrics["macro_f1"]["value"] > 0.85
    prior = next(each for each in fact.detail["contrasts"] if each["baseline"] == "baseline_prior")
    assert (prior["verdict"], fact.detail["baselines"]["baseline_prior"]["roc_auc_ovr"]["value"]) == ("better", 0.5)


def test_scores_of_several_classes_are_the_class_and_each_probability(wine: tuple[Session, Outcome]) -> None:
    table = scores(wine[0])
    names = ["logistic", *(f"logistic:grower {each}" for each in range(3))]
    assert table.column_names[:8] == ["id", "at", "y", "weight", *names]
    given = np.column_stack([table[name].to_numpy() for name in names[1:]])
    assert np.allclose(given.sum(axis=1), 1)
    assert table["logistic"].to_pylist() == [f"grower {each}" for each in given.argmax(axis=1)]
    fact = next(each for each in trained(wine[0]) if each.candidate == "logistic")
    right = np.array(table["logistic"].to_pylist()) == np.array(table["y"].to_pylist())
    assert fact.metrics["accuracy"]["value"] == pytest.approx(np.average(right, weights=table["weight"].to_numpy()))


# -- what is kept ---------------------------------------------------------------------------------------------------


def artefacts(session: Session, fact: Trained, folder: Path) -> dict[str, str]:
    """The documents of a version's run, read by MLflow itself."""
    client = mlflow.MlflowClient(tracking_uri=session.tracking().uri)
    path = Path(client.download_artifacts(fact.run_id, "", str(folder)))
    return {file.relative_to(path).as_posix(): file.read_text() for file in path.rglob("*") if file.is_file()}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_mlflow_holds_how_a_regression_was_made_and_how_well_it_does(
        diabetes: tuple[Session, Outcome], tmp_path: Path) -> None:
    session = diabetes[0]
    fact = next(each for each in trained(session) if each.candidate == "curved")
    run = mlflow.MlflowClient(tracking_uri=session.tracking().uri).get_run(fact.run_id).data
    assert run.params == {"estimator": "sklearn.preprocessing.PolynomialFeatures > sklearn.linear_model.RidgeCV",
                          "step_1.degree": "2", "seed": "3", "task": "regression"}
    assert {f"rmse{end}" for end in ("", "_low", "_high")} <= set(run.metrics)
    assert run.metrics["mae"] == pytest.approx(fact.metrics["mae"]["value"])
    assert {"key", "training", "features", "labels", "code"} <= set(run.tags)
    kept = artefacts(session, fact, tmp_path)
    assert set(kept) == {"declaration.yaml", "training.json", "environment.json", "metrics.json", "baselines.json",
                         "curves.json", "pictures/outcomes.svg"}
    assert {"python", "scikit-learn", "numpy"} <= set(json.loads(kept["environment.json"]))
    assert json.loads(kept["metrics.json"])["rmse"]["low"] == fact.metrics["rmse"]["low"]
    [curve] = json.loads(kept["curves.json"])
    assert (curve["kind"], len(curve["x"])) == ("band", 10)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_mlflow_serves_numbers_and_the_probabilities_of_classes(
        diabetes: tuple[Session, Outcome], wine: tuple[Session, Outcome]) -> None:
    for (session, _), shape in ((diabetes, (-1,)), (wine, (-1, 3))):
        fact = trained(session)[-1]
        served = mlflow.pyfunc.load_model(str(session.tracking().fetch("m", fact.version)))
        assert served.metadata.get_output_schema().inputs[0].shape == shape
        lake = session.data()
        names = [each["name"] for each in fact.detail["inputs"]]
        rows = lake.connect().sql(f"SELECT * FROM {lake.scan(lake.manifest('m.training', fact.training))} "
                                  "ORDER BY \"at\", id").df().tail(fact.detail["test_rows"])
        answers, table = np.asarray(served.predict(rows[names])), scores(session)
        columns = [fact.candidate, *(f"{fact.candidate}:{each}" for each in fact.detail["classes"])]
        expected = np.column_stack([table[name].to_numpy() for name in columns[-max(shape[-1], 1):]])
        assert np.allclose(answers.reshape(expected.shape), expected)


# -- in service -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def serving(diabetes: tuple[Session, Outcome], wine: tuple[Session, Outcome],
            tmp_path_factory: pytest.TempPathFactory) -> dict[str, Session]:
    """Copies of both projects in which a version serves and its last day is scored."""
    found = {}
    for task, (session, _) in (("regression", diabetes), ("multiclass", wine)):
        root = tmp_path_factory.mktemp("serving") / "copy"
        shutil.copytree(session.declared().root, root)
        copy = open_project(root, person="ana", clock=session.clock, source="test")
        version = trained(copy)[-1].version
        copy.ledger.append(Promotion(subject="m", version=version, previous="", approval="", evidence=""))
        ran(copy, "score", "m", "--day", str(last_day(copy)))
        found[task] = copy
    return found


def last_day(session: Session) -> str:
    return max(file.partition["day"] for file in session.snapshot("m.features").files)


def logged(session: Session) -> pa.Table:
    log, lake = session.snapshot("m.predictions"), session.data()
    return lake.connect().sql(f"SELECT * FROM {lake.scan(log)} ORDER BY \"at\", id").to_arrow_table()


def test_logged_answers_are_what_training_scored(serving: dict[str, Session]) -> None:
    for task, session in serving.items():
        table, before, fact = logged(session), scores(session), trained(session)[-1]
        before = before.slice(before.num_rows - table.num_rows)
        if task == "regression":
            assert np.allclose(table["score"], before[fact.candidate])
            continue
        assert table["answer"].to_pylist() == before[fact.candidate].to_pylist()
        for each in fact.detail["classes"]:
            assert np.allclose(table[f"answer:{each}"], before[f"{fact.candidate}:{each}"])
        assert np.allclose(table["score"], np.max([table[f"answer:{each}"] for each in fact.detail["classes"]], axis=0))


def test_performance_in_service_is_measured_by_the_metrics_of_the_task(serving: dict[str, Session]) -> None:
    regression = serving["regression"]
    outcome = ran(regression, "performance", "m", "--window", "20d")
    rows = {row["metric"]: row for row in outcome.view.table("metrics").rows}
    log, before = logged(regression), scores(regression)
    came = before["y"].to_numpy()[-log.num_rows:]
    assert rows["mae"]["value"] == pytest.approx(np.abs(came - log["score"].to_numpy()).mean())
    assert set(rows) == {"rmse", "mae", "r2", "bias"}
    rows = {row["metric"]: row for row in
            ran(serving["multiclass"], "performance", "m", "--window", "20d").view.table("metrics").rows}
    log, before = logged(serving["multiclass"]), scores(serving["multiclass"])
    right = np.array(log["answer"].to_pylist()) == np.array(before["y"].to_pylist()[-log.num_rows:])
    assert rows["accuracy"]["value"] == pytest.approx(np.average(right, weights=before["weight"].to_numpy()[
        -log.num_rows:]))


@pytest.mark.parametrize("task", ["regression", "multiclass"])
@pytest.mark.parametrize("argv", [
    ("model", "list"), ("model", "show", "m"), ("status",), ("baseline", "m"), ("evaluate", "m"), ("compare", "m@1"),
    ("promote", "m@1"), ("drift", "m", "--window", "2d"), ("performance", "m@1", "--window", "20d"),
    ("performance", "m"), ("calibration", "m"), ("calibration", "m@1"), ("remedy", "m"), ("stability", "m"),
    ("windows", "m")])
def test_every_command_about_a_model_answers_or_says_why_not(
        serving: dict[str, Session], task: str, argv: tuple[str, ...]) -> None:
    outcome = serving[task].perform(argv)
    assert outcome.exit != 3, (outcome.view.title, outcome.error)
    if outcome.error is not None:
        assert outcome.error["next"] or outcome.error["where"]
        json.loads(as_json(outcome.view, argv))


# -- in time --------------------------------------------------------------------------------------------------------


def sales(made: Made, more: str, n: int = 60) -> tuple[Session, dict[str, Any]]:
    """Two shops' daily sales with a weekly pattern; an outcome is known 36 hours after its day begins."""
    rng = np.random.default_rng(4)
    day, shop = np.repeat(np.arange(n), 2), np.tile(["north", "south"], n)
    y = 50 + 20.0 * (day % 7) + 5 * (shop == "north") + rng.normal(0, 3, 2 * n)
    model = declared("regression", RIDGE, test="14d", split=more).replace("column: y", "column: y, delay: 36h")
    columns = {"shop": shop.tolist(), "x": rng.normal(size=2 * n), "y": y}
    return made(model, columns, keys=("shop", "at"), hours=day * 24), columns | {"day": day}


def parts_of(session: Session, tmp_path: Path) -> Parts:
    """The split as training makes it, without fitting anything."""
    job = _training.job_of(session, "m")
    return split(session, job, rows(session, job), tmp_path)


def test_the_naive_rung_says_the_last_outcome_that_was_known_of_its_series(made: Made, tmp_path: Path) -> None:
    session, columns = sales(made, "")
    recent = parts_of(session, tmp_path).recent
    assert recent is not None
    value = {(shop, day): y for shop, day, y in zip(columns["shop"], columns["day"], columns["y"], strict=True)}
    # after 36 hours, that is two days later at the same hour; test rows are sorted by day, then shop
    expected = [value[shop, day - 2] for day in range(46, 60) for shop in ("north", "south")]
    assert recent.forecasts["baseline_naive"].tolist() == expected
    assert recent.descriptions["baseline_naive"] == "the last outcome of each shop that was known"
    assert list(recent.forecasts) == ["baseline_naive"]
    steps = [abs(value[shop, day] - value[shop, day - 2]) for day in range(2, 45) for shop in ("north", "south")]
    assert recent.scale == pytest.approx(np.mean(steps), rel=0.02)  # the split leaves out rows not known by the test


def test_the_seasonal_rung_says_the_outcome_of_the_same_weekday(made: Made, tmp_path: Path) -> None:
    session, columns = sales(made, ", season: 7d")
    recent = parts_of(session, tmp_path).recent
    assert recent is not None
    value = {(shop, day): y for shop, day, y in zip(columns["shop"], columns["day"], columns["y"], strict=True)}
    expected = [value[shop, day - 7] for day in range(46, 60) for shop in ("north", "south")]
    assert recent.forecasts["baseline_seasonal"].tolist() == expected
    assert recent.descriptions["baseline_seasonal"] == "the outcome of each shop 1w before"
    outcome = ran(session)
    fact = trained(session)[-1]
    assert {each["baseline"] for each in fact.detail["contrasts"]} >= {"baseline_naive", "baseline_seasonal"}
    assert fact.detail["best_baseline"] == "baseline_seasonal"
    assert not fact.detail["beats_baseline"]  # a ridge of noise knows no weekday
    assert "rmse" in outcome.view.table("comparisons").title
    assert ran(session, "baseline", "m").view.status is Status.FAIL


def test_a_season_longer_than_the_series_is_left_out_and_said(made: Made, tmp_path: Path) -> None:
    recent = parts_of(sales(made, ", season: 90d")[0], tmp_path).recent
    assert recent is not None
    assert list(recent.forecasts) == ["baseline_naive"]
    assert recent.notes == ("baseline_seasonal is left out: no training row has one of each shop a season (90d) before "
                            "it",)


def test_an_outcome_of_the_test_changes_no_forecast_before_it_was_known(made: Made, tmp_path: Path) -> None:
    """The last day's outcomes are changed: nothing that is said of any test row knew them."""
    said = []
    for number, change in enumerate((0.0, 1e6)):
        session, columns = sales(made, ", season: 7d")
        late = columns["day"] >= 58
        other = {name: columns[name] for name in ("shop", "x")} | {"y": columns["y"] + change * late}
        session = made((session.declared().root / "models/m.yaml").read_text(), other, keys=("shop", "at"),
                       hours=columns["day"] * 24)
        (tmp_path / str(number)).mkdir()
        recent = parts_of(session, tmp_path / str(number)).recent
        assert recent is not None
        said.append({name: values.tolist() for name, values in recent.forecasts.items()})
    assert said[0] == said[1]


# -- what cannot be used --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "label", "more", "expected"), [
    ("regression", [1.0, 2.0, float("nan")], "", "The label 'y' is no finite number in 20 rows, the first is nan."),
    ("regression", [1.0, float("inf"), 3.0], "", "The label 'y' is no finite number in 20 rows, the first is inf."),
    ("regression", ["low", "high", "low"], "", "The label 'y' is VARCHAR; a regression predicts numbers."),
    ("binary", ["no", "yes", "no"], "", "The label 'y' is VARCHAR; a binary model predicts 0 or 1."),
    ("binary", [0.0, 1.0, float("nan")], "", "The label 'y' is neither 0 nor 1 in 20 rows, such as nan."),
    ("binary", [0, 1, 300], "", "The label 'y' is neither 0 nor 1 in 20 rows, such as 300."),
    ("regression", [1.0, 2.0, 3.0], "weight: z", "'rows' has no column 'z'."),
    ("regression", [1.0, 2.0, 3.0], "weight: name", "The weight 'name' is VARCHAR, no number."),
    ("regression", [1.0, 2.0, 3.0], "weight: minus", "The weight 'minus' is no number from 0 up in 30 rows, the first "
                                                     "is -1.0."),
    ("regression", [1.0, 2.0, 3.0], "weight: hole", "The weight 'hole' is no number from 0 up in 1 rows, the first is "
                                                    "nan."),
    ("regression", [1.0, 2.0, 3.0], "weight: zero", "The weight 'zero' of all 30 training rows is 0."),
    ("multiclass", np.arange(60.0) + 0.5, "", "The label 'y' has 60 values; classes are at most 50.")])
def test_labels_and_weights_that_cannot_be_used_are_refused(
        made: Made, tmp_path: Path, task: str, label: Any, more: str, expected: str) -> None:
    n = 60
    weights = {"minus": np.repeat([1.0, -1.0], 30), "hole": np.where(np.arange(n) == 7, np.nan, 1.0),
               "zero": np.repeat([0.0, 1.0], 30), "name": ["a"] * n}
    y = label if len(label) == n else (list(label) * n)[:n]
    session = made(declared(task, RIDGE, test="30h", more=more), {"x": np.arange(n) / n, "y": y, **weights})
    with pytest.raises(Refusal) as caught:
        parts_of(session, tmp_path)
    assert caught.value.what == expected
    assert caught.value.where or caught.value.next


def test_a_class_that_is_not_declared_is_refused_with_its_row(made: Made, tmp_path: Path) -> None:
    model = declared("multiclass", LOGISTIC, test="20h").replace("column: y", "column: y, classes: [a, b]")
    session = made(model, {"x": np.arange(60.0), "y": ["a", "b", "c"] * 20})
    with pytest.raises(Refusal) as caught:
        parts_of(session, tmp_path)
    assert (caught.value.what, caught.value.where) == (
        "The label 'y' is no declared class in 20 rows, the first is c.", "rows, row of id 2")


@pytest.mark.parametrize(("label", "classes"), [
    (np.tile([10, 9, 2], 20), ("2", "9", "10")), (np.tile([1.0, 0.0, -1.0], 20), ("-1", "0", "1")),
    (["b", "10", "a"] * 20, ("10", "a", "b"))])
def test_classes_are_in_order_whatever_holds_them(made: Made, tmp_path: Path, label: Any,
                                                  classes: tuple[str, ...]) -> None:
    session = made(declared("multiclass", LOGISTIC, test="20h"), {"x": np.arange(60.0), "y": label})
    assert parts_of(session, tmp_path).classes == classes


def test_three_rows_are_too_few_and_say_so(made: Made, tmp_path: Path) -> None:
    session = made(declared("regression", RIDGE, test="1h"), {"x": np.arange(3.0), "y": np.array([1.0, 2.0, 4.0])})
    with pytest.raises(Refusal) as caught:
        parts_of(session, tmp_path)
    assert caught.value.what == "m has 2 training rows; of fewer than 10 nothing can be said."


def test_naive_times_are_read_as_utc(made: Made, tmp_path: Path) -> None:
    columns = {"x": np.arange(60.0), "y": np.arange(60.0) % 7}
    model = declared("regression", RIDGE, test="20h")
    one, two = (parts_of(made(model, columns, zone=zone), tmp_path).detail for zone in ("UTC", None))
    assert {name: str(each).removesuffix("+00:00") for name, each in one.items()} == {
        name: str(each) for name, each in two.items()}
