"""Early stopping inside a fit: the stages kept are those of a fit of exactly so many, judged on later rows alone."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from mlops_tui.analysis.split import Spans, holdout
from mlops_tui.analysis.stopping import Why
from mlops_tui.errors import BadInput
from mlops_tui.models import stagewise

ROWS, SPAN, GAP = 600, 150, 10
TIMES = np.arange(ROWS, dtype=np.int64)
SPANS = Spans(TIMES, TIMES + 5)
FOLD = holdout(SPANS, SPAN, GAP)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other on a busy machine cost more than the fits."""
    with threadpool_limits(1):
        yield


def asked(**more: Any) -> dict[str, Any]:
    return {"rule": "patience", "patience": 8, "min_delta": 0.0, "relative": False, "warm_up": 0, "alpha": 5.0,
            "strip": 5, "strips": 2, "refit": False, "validation": SPAN, "gap": GAP} | more


def rows(task: str, weight: bool = False) -> stagewise.Part:
    rng = np.random.default_rng(5)
    x = pd.DataFrame(rng.normal(size=(ROWS, 4)), columns=list("abcd"))
    signal = x["a"] + x["b"] * x["c"] + rng.normal(size=ROWS)
    y = {"binary": (signal > 0).to_numpy().astype(int), "regression": signal.to_numpy(),
         "multiclass": np.array(["low", "mid", "top"])[np.digitize(signal, [-0.7, 0.7])]}[task]
    return stagewise.Part(x, y, rng.uniform(0.5, 2, ROWS) if weight else None)


def piped(estimator: Any) -> Pipeline:
    return Pipeline([("prepare", StandardScaler()), ("model", estimator)])


BOOSTED = [
    ("binary", HistGradientBoostingClassifier(max_iter=200, random_state=1)),
    ("multiclass", HistGradientBoostingClassifier(max_iter=200, max_features=0.5, random_state=1)),
    ("regression", HistGradientBoostingRegressor(max_iter=200, learning_rate=0.2, random_state=1)),
    ("binary", GradientBoostingClassifier(n_estimators=150, subsample=0.7, random_state=1, learning_rate=0.3)),
    ("multiclass", GradientBoostingClassifier(n_estimators=150, random_state=1, learning_rate=0.3)),
    ("regression", GradientBoostingRegressor(n_estimators=150, max_features=2, random_state=1, learning_rate=0.3)),
]


@pytest.mark.parametrize("weight", [False, True])
@pytest.mark.parametrize(("task", "estimator"), BOOSTED)
def test_the_boosting_kept_is_the_one_of_so_many_trees(task: str, estimator: Any, weight: bool) -> None:
    data = rows(task, weight)
    model, told = stagewise.fit(piped(estimator), data, SPANS, asked())
    stages = "n_estimators" if "n_estimators" in estimator.get_params() else "max_iter"
    off = {} if stages == "n_estimators" else {"early_stopping": False}
    seen, unseen = (stagewise._taken(data, each) for each in (FOLD.train, FOLD.test))
    plain = piped(type(estimator)(**estimator.get_params() | {stages: told["best_epoch"]} | off))
    more = {"model__sample_weight": seen.weight} if weight else {}
    plain.fit(seen.x, seen.y, **more)
    assert 0 < told["best_epoch"] < told["epochs_run"] < told["most"]
    assert told["epochs_run"] == told["best_epoch"] + 8
    assert np.array_equal(stagewise.predictions(model, unseen.x), stagewise.predictions(plain, unseen.x))
    if task == "regression":
        by_hand = root_mean_squared_error(unseen.y, plain.predict(unseen.x), sample_weight=unseen.weight)
    else:
        by_hand = log_loss(unseen.y, plain.predict_proba(unseen.x), sample_weight=unseen.weight)
    assert told["best"] == pytest.approx(by_hand, rel=1e-9)
    assert told["values"][told["best_epoch"] - 1] == told["best"] == min(told["values"])


@pytest.mark.parametrize(("task", "estimator"), [
    ("binary", SGDClassifier(loss="log_loss", learning_rate="constant", eta0=0.3, max_iter=60, random_state=2)),
    ("binary", MLPClassifier((30,), learning_rate_init=0.05, max_iter=80, random_state=2)),
    ("multiclass", MLPClassifier((30,), learning_rate_init=0.05, max_iter=80, random_state=2)),
    ("regression", SGDRegressor(learning_rate="constant", eta0=0.05, max_iter=60, random_state=2)),
])
def test_passes_over_the_rows_end_and_the_best_is_put_back(task: str, estimator: Any) -> None:
    data = rows(task)
    model, told = stagewise.fit(piped(estimator), data, SPANS, asked())
    unseen = stagewise._taken(data, FOLD.test)
    classes = None if task == "regression" else np.unique(data.y)
    assert told["stopped"]
    assert stagewise.loss(unseen, stagewise.predictions(model, unseen.x), classes) == told["best"] == min(
        told["values"])
    again, same = stagewise.fit(piped(estimator), data, SPANS, asked())
    assert same == told
    assert np.array_equal(stagewise.predictions(again, unseen.x), stagewise.predictions(model, unseen.x))


def test_the_validation_rows_are_the_last_in_time_and_what_knows_of_them_is_purged() -> None:
    _, told = stagewise.fit(piped(HistGradientBoostingClassifier(max_iter=20)), rows("binary"), SPANS, asked())
    assert told["validation_rows"] == SPAN
    assert (told["fitted_rows"], told["purged"]) == (ROWS - SPAN - GAP, GAP)
    assert told["validation_from"] == "1970-01-01T00:00:00.000450+00:00"


def test_neither_stages_nor_preparation_know_the_validation_rows() -> None:
    """Validation features changed beyond recognition change the curve, and not one tree of the same stage."""
    data, changed = rows("binary"), rows("binary")
    changed.x.iloc[FOLD.test] *= 1e6
    fixed = asked(patience=1000)
    kept = [stagewise._one(piped(HistGradientBoostingClassifier(max_iter=5, random_state=0)),
                           stagewise._taken(each, FOLD.train), stagewise._taken(each, FOLD.test),
                           stagewise.Rule(patience=fixed["patience"], higher_is_better=True)) for each in
            (data, changed)]
    assert kept[0][1].values != kept[1][1].values
    means = [each[0]["prepare"].mean_ for each in kept]
    assert np.array_equal(*means)


@pytest.mark.parametrize("estimator", [
    HistGradientBoostingClassifier(max_iter=100, random_state=0),
    SGDClassifier(loss="log_loss", learning_rate="constant", eta0=0.3, max_iter=60, random_state=2)])
def test_a_refit_takes_so_many_stages_of_all_rows(estimator: Any) -> None:
    data = rows("binary")
    kept, told = stagewise.fit(piped(estimator), data, SPANS, asked())
    model, again = stagewise.fit(piped(estimator), data, SPANS, asked(refit=True))
    assert (again["best_epoch"], again["refitted"], told["refitted"]) == (told["best_epoch"], True, False)
    assert np.allclose(model["prepare"].mean_, data.x.mean())
    assert not np.allclose(kept["prepare"].mean_, data.x.mean())
    if isinstance(estimator, HistGradientBoostingClassifier):
        assert model["model"].n_iter_ == kept["model"].n_iter_ == told["best_epoch"]


def test_what_is_kept_carries_no_trace_of_the_watching() -> None:
    model, _ = stagewise.fit(piped(HistGradientBoostingClassifier(max_iter=30)), rows("binary"), SPANS, asked())
    params = model["model"].get_params()
    assert (params["scoring"], params["early_stopping"], params["max_iter"]) == ("loss", False, 30)
    assert not [value for value in vars(model["model"]).values() if callable(value) and "watch" in repr(value)]


def test_prechelts_quotient_reads_the_training_error_of_each_stage() -> None:
    for estimator in (HistGradientBoostingClassifier(max_iter=60), GradientBoostingClassifier(
            n_estimators=60, learning_rate=0.3), SGDClassifier(loss="log_loss", eta0=0.1, max_iter=60)):
        _, told = stagewise.fit(piped(estimator), rows("binary"), SPANS, asked(rule="pq", alpha=0.1))
        assert len(told["training"]) == len(told["values"]) == told["epochs_run"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_weights_that_overflow_are_a_divergence_and_the_best_before_it_is_kept() -> None:
    wild = MLPRegressor(hidden_layer_sizes=(8,), activation="identity", solver="sgd", learning_rate_init=1.2,
                        momentum=0, max_iter=500, random_state=0, batch_size=440, alpha=0)
    data = rows("regression")
    model, told = stagewise.fit(Pipeline([("model", wild)]), data, SPANS, asked(patience=400))
    assert told["reason"] == Why.DIVERGED
    assert told["values"][-1] is None
    assert np.isfinite(model.predict(data.x)).all()


@pytest.mark.parametrize("wrap", [lambda each: each, piped, lambda each: (StandardScaler(), each)])
def test_copies_for_recalibration_have_as_many_stages_as_were_kept(wrap: Callable[[Any], Any]) -> None:
    boosted = HistGradientBoostingClassifier(max_iter=200, early_stopping=True)
    make = stagewise.bounded(lambda: wrap(clone(boosted)), {"best_epoch": 7})
    made = make()
    last = made[-1] if isinstance(made, tuple | Pipeline) else made
    assert (last.max_iter, last.early_stopping) == (7, False)
    assert stagewise.bounded(make, None) is make


def test_what_cannot_stop_early_is_refused_with_the_way_out() -> None:
    def refused(estimator: Any, data: stagewise.Part = rows("binary"), **more: Any) -> BadInput:  # noqa: B008
        with pytest.raises(BadInput) as found:
            stagewise.fit(piped(estimator), data, SPANS, asked(**more))
        assert found.value.where == "stopping"
        return found.value

    assert "not fitted in stages" in refused(LogisticRegression()).what
    boosted = HistGradientBoostingClassifier()
    assert "no room for a validation stretch" in refused(boosted, validation=10 * ROWS).what
    one = rows("binary")
    one.y[:450] = 0
    assert "have the same label" in refused(boosted, one).what
    three = rows("multiclass")
    three.y[:450] = np.where(three.y[:450] == "top", "mid", three.y[:450])
    assert "has the label top" in refused(boosted, three).what
    nothing = rows("binary", weight=True)
    assert nothing.weight is not None
    nothing.weight[450:] = 0
    assert "has a weight" in refused(boosted, nothing).what
