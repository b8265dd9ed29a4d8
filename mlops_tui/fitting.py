"""Candidates and the baseline ladder, fitted on the same rows and scored on the same test; runs in the child process.

    {"kind": "fit", "train": PARQUET, "test": PARQUET, "label": "late", "features": [...], "keys": [...],
     "candidates": {"boosted": {"factory": "models.py:boosted", "params": {...}}, "plain": {"estimator": "sklearn…"}},
     "ladder": true, "seed": 7, "out": FOLDER, "prepare": {"steps": [["encode", {...}]], "training": {...}},
     "stopping": {"boosted": {...}}}

Train rows come in order of time. The answer: `models` (file, seconds, notes, description of each), `inputs` (name,
type, required of each feature), `reads` (the same of what the estimators read, after the preparation), `prepared` (its
frozen parameters, or null) and `scores`, a Parquet of the test rows' keys, label and one score column a model.
"""

import inspect
import random
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags

from mlops_tui import preparing, stagewise
from mlops_tui.analysis.ranking import roc_auc
from mlops_tui.analysis.split import Spans
from mlops_tui.errors import BadInput, NotFound, nearest
from mlops_tui.frames import frame_of, inputs_of
from store import estimators
from store.scan import engine

LADDER = PRIOR, SINGLE, LOGISTIC, TREE = ("baseline_prior", "baseline_feature", "baseline_logistic", "baseline_tree")
MOST_CATEGORIES = 100  # of one text column; rarer ones share a category
LEAF_SHARE = 0.005  # a baseline's leaf holds at least this share of the training rows
CHOOSING_ROWS = 50_000  # the single best feature is chosen on at most so many
Functions = Callable[[str], Callable[..., Any]]
Report = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Rows:
    """Features as a model reads them, and the label as 0/1."""

    features: pd.DataFrame
    label: np.ndarray[Any, np.dtype[np.int8]]

    def rows(self, first: int, end: int) -> "Rows":
        return Rows(self.features.iloc[first:end], self.label[first:end])


@dataclass(frozen=True)
class Fitted:
    """A fitted model, what it is in words, how long it took and what scikit-learn warned about."""

    model: Any
    description: str
    seconds: float
    notes: tuple[str, ...]
    spelled: str
    stopping: dict[str, Any] | None = None


def fit(request: Mapping[str, Any], functions: Functions, report: Report) -> dict[str, Any]:
    """Fit every candidate, and the ladder where asked; BadInput where the data or a candidate cannot be used."""
    folder, seed = Path(request["out"]), int(request["seed"])
    table, test = pq.read_table(request["train"]), pq.read_table(request["test"])
    inputs = inputs_of(table, request["features"])
    table, test, prepared = _prepared(request, table, test)
    columns = features_of(table, request)
    train, unseen = rows_of(table, columns, request["label"]), rows_of(test, columns, request["label"])
    _check(train, unseen)
    _check_names(request["candidates"], [*request["keys"], request["label"], *LADDER])
    makers = {name: _candidate(name, spec, functions) for name, spec in request["candidates"].items()}
    makers |= _ladder(train) if request["ladder"] else {}
    fitted: dict[str, Fitted] = {}
    for done, (name, make) in enumerate(makers.items()):
        report(done, len(makers), name)
        asked = (request.get("stopping") or {}).get(name)
        stop = None if asked is None else partial(stagewise.fit, spans=_spans(table, asked), asked=asked)
        fitted[name] = _fitted(name, make, train, seed, fitted.values(), stop)
    report(len(makers), len(makers), "scores")
    scores = {name: _scores(name, each.model, unseen.features) for name, each in fitted.items()}
    kept = test.select([*request["keys"], request["label"]])
    for name, column in scores.items():
        kept = kept.append_column(name, pa.array(column))
    pq.write_table(kept, folder / "scores.parquet", compression="zstd")
    files = {name: _stored(fitted[name].model, folder / f"{number}.skops")
             for number, name in enumerate(request["candidates"])}
    models = {name: {"file": files.get(name), "seconds": each.seconds, "notes": each.notes,
                     "description": each.description, "stopping": each.stopping} for name, each in fitted.items()}
    return {"models": models, "inputs": inputs, "reads": inputs_of(table, columns), "prepared": prepared,
            "scores": str(folder / "scores.parquet")}


# -- rows -----------------------------------------------------------------------------------------------------------


def _prepared(request: Mapping[str, Any], table: pa.Table, test: pa.Table) -> tuple[pa.Table, pa.Table, Any]:
    """Training rows encoded out of fold, test rows by the frozen parameters, and these; as they are without steps."""
    asked = request.get("prepare") or {}
    if not asked.get("steps"):
        return table, test, None
    connection = engine()
    training = preparing.Training(**{**asked["training"], "key": tuple(asked["training"]["key"])})
    made, document = preparing.fitted(connection, table, [(name, params) for name, params in asked["steps"]], training)
    return made, preparing.applied(connection, test, document), document


def features_of(table: pa.Table, request: Mapping[str, Any]) -> list[str]:
    """What of the prepared rows the estimators read: the features that are left, and what was made of the others."""
    training = (request.get("prepare") or {}).get("training") or {}
    own = {*request["keys"], request["label"], training.get("known")}
    return [name for name in table.column_names if name not in own]


def rows_of(table: pa.Table, columns: Sequence[str], label: str) -> Rows:
    """Features and label of a table; BadInput for a label that is not 0/1 in every row."""
    values = table.column(label).cast(pa.float64()).to_numpy()
    if not np.isin(values, (0.0, 1.0)).all():
        raise BadInput(f"The label '{label}' is not 0 or 1 in every row.")
    return Rows(frame_of(table, columns), values.astype(np.int8))


def _check(train: Rows, test: Rows) -> None:
    for name, rows in (("training", train), ("test", test)):
        if len(set(rows.label.tolist())) < 2:
            raise BadInput(f"All {len(rows.label)} {name} rows have the same label.", next="Choose a longer window.")


def _check_names(candidates: Sequence[str], taken: Sequence[str]) -> None:
    for name in candidates:
        if name in taken:
            raise BadInput(f"A candidate cannot be called '{name}': a column of the scores has that name.")


def _spans(table: pa.Table, asked: Mapping[str, Any]) -> Spans:
    """When each row's features and its outcome are known, in microseconds."""
    start, end = (table.column(asked[name]).cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
                  for name in ("time", "known"))
    return Spans(start, end)


# -- candidates -----------------------------------------------------------------------------------------------------


def _candidate(name: str, spec: Mapping[str, Any], functions: Functions) -> Callable[[], Any]:
    params = dict(spec.get("params") or {})
    if spec.get("factory"):
        function = functions(spec["factory"])
        return lambda: function(params)
    return lambda: _estimator(name, spec["estimator"], params)


def _estimator(name: str, path: str, params: Mapping[str, Any]) -> Any:
    """`sklearn.linear_model.LogisticRegression` with its parameters; refusals name the nearest right word."""
    module_name, _, class_name = path.rpartition(".")
    where = f"candidate {name}"
    if path.split(".")[0] != "sklearn":
        raise BadInput(f"'{path}' is not an estimator of scikit-learn.", where=where,
                       next="Write a factory for it: `factory: \"models.py:mine\"`.")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as problem:
        raise NotFound(f"scikit-learn has no module '{module_name}'.", where=where) from problem
    cls: Any = getattr(module, class_name, None)
    if not _is_estimator(cls):
        raise NotFound(f"'{module_name}' has no estimator '{class_name}'.", where=where,
                       next=nearest(class_name, [key for key, value in vars(module).items() if _is_estimator(value)]))
    known = list(inspect.signature(cls).parameters)
    for param in params:
        if param not in known:
            raise BadInput(f"{class_name} has no parameter '{param}'.", where=where, next=nearest(param, known))
    return cls(**params)


def _is_estimator(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, BaseEstimator)


def _fitted(name: str, make: Callable[[], Any], train: Rows, seed: int, others: Iterable[Fitted],
            stop: Callable[..., tuple[Any, dict[str, Any]]] | None = None) -> Fitted:
    """Build and fit one model, seeded, its warnings kept as notes; one of `others` that is the same stands for it."""
    random.seed(seed)
    np.random.seed(seed)  # estimators without a random_state draw from here
    began = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = make()
        if not hasattr(made, "fit") or not hasattr(made, "predict_proba"):
            raise BadInput(f"{type(made).__name__} gives no probabilities.", where=f"candidate {name}",
                           next="Wrap it in sklearn.calibration.CalibratedClassifierCV.")
        spelled = "" if stop else _spelled(made)  # before its seed is set
        same = [each for each in others if spelled and each.spelled == spelled]
        if same:
            return same[0]
        model, curve = seeded(piped(made, train.features), seed), None
        if stop:
            model, curve = stop(model, stagewise.Part(train.features, train.label))
        else:
            model.fit(train.features, train.label)
    notes = tuple(dict.fromkeys(str(each.message).splitlines()[0] for each in caught
                                if not issubclass(each.category, DeprecationWarning | FutureWarning)))
    notes += (stagewise.ended(curve),) if curve else ()
    return Fitted(model, _described(model), time.perf_counter() - began, notes, spelled, curve)


def _spelled(estimator: Any) -> str:
    """What a fit depends on, where plain parameters of scikit-learn's own class are all of it; else nothing."""
    cls = type(estimator)
    params = estimator.get_params(deep=False) if cls.__module__.startswith("sklearn.") else {"": estimator}
    plain = all(value is None or isinstance(value, bool | int | float | str) for value in params.values())
    return f"{cls.__module__}.{cls.__qualname__} {sorted(params.items())}" if plain else ""


def seeded(model: Any, seed: int) -> Any:
    """The estimator with every open `random_state` set."""
    open_states = [key for key, value in model.get_params().items()
                   if value is None and key.rpartition("__")[2] == "random_state"]
    return model.set_params(**dict.fromkeys(open_states, seed))


def piped(estimator: Any, features: pd.DataFrame) -> Any:
    """The estimator behind the preparation it needs; a pipeline of the user's own, or one that asks nothing, stays.

    One that reads missing values (trees, gradient boosting) gets texts as ordinals and numbers as they are: as good
    there as native categories or one-hot columns, cheaper, and ONNX can express it. Any other gets missing numbers
    imputed, numbers scaled and texts one-hot. All of it is fitted inside the pipeline, on training rows alone.
    """
    if isinstance(estimator, Pipeline | DummyClassifier):
        return estimator
    texts = [name for name in features if not pd.api.types.is_numeric_dtype(features[name])]
    numbers = [name for name in features if name not in texts]
    tags = get_tags(estimator).input_tags
    if tags.allow_nan:
        encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2,
                                max_categories=MOST_CATEGORIES)
        prepare: Any = "passthrough"
    else:
        encode = OneHotEncoder(handle_unknown="ignore", max_categories=MOST_CATEGORIES, sparse_output=tags.sparse)
        prepare = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    parts = [("numbers", prepare, numbers), ("texts", encode, texts)]
    return Pipeline([("prepare", ColumnTransformer([part for part in parts if part[2]])), ("model", estimator)])


def _scores(name: str, model: Any, features: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    scores = np.asarray(model.predict_proba(features), dtype=np.float64)[:, 1]
    if not np.isfinite(scores).all():
        raise BadInput(f"{int((~np.isfinite(scores)).sum())} of {scores.size} scores are not finite.",
                       where=f"candidate {name}")
    return scores


def _stored(model: Any, path: Path) -> str:
    estimators.dump(model, path)
    return str(path)


# -- the ladder -----------------------------------------------------------------------------------------------------


def _ladder(train: Rows) -> dict[str, Callable[[], Any]]:
    """What any candidate must beat, from knowing nothing but the prevalence upwards."""
    leaf = max(20, int(LEAF_SHARE * len(train.label)))
    return {PRIOR: lambda: DummyClassifier(strategy="prior"),
            SINGLE: lambda: _single(train, DecisionTreeClassifier(max_depth=3, min_samples_leaf=leaf, random_state=0)),
            LOGISTIC: lambda: LogisticRegression(max_iter=1000),
            TREE: lambda: DecisionTreeClassifier(max_depth=4, min_samples_leaf=leaf)}


def _single(train: Rows, tree: DecisionTreeClassifier) -> Pipeline:
    """A shallow tree on the one feature that foretells the last quarter of the training rows best."""
    n = min(len(train.label), CHOOSING_ROWS)
    earlier, later = train.rows(0, n * 3 // 4), train.rows(n * 3 // 4, n)

    def worth(name: str) -> float:
        if len(set(earlier.label.tolist())) < 2 or len(set(later.label.tolist())) < 2:
            return 0.5
        one = piped(clone(tree), train.features[[name]]).fit(earlier.features, earlier.label)
        return roc_auc(later.label, one.predict_proba(later.features)[:, 1])

    return piped(tree, train.features[[max(train.features, key=worth)]])


def _described(model: Any) -> str:
    """The estimator's name, and its feature where it has but one."""
    last, first = (model[-1], model[0]) if isinstance(model, Pipeline) else (model, None)
    parts = first.transformers if isinstance(first, ColumnTransformer) else []
    columns = [name for *_, names in parts for name in names]
    return type(last).__name__ + (f" of {columns[0]}" if len(columns) == 1 else "")
