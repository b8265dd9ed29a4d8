"""Candidates as estimators ready to fit: named in YAML or made by the project's Python, seeded, with what they need.

Runs in the child process, as everything that imports scikit-learn.
"""

import inspect
import random
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from mlops_tui.declarations.earlystopping import ended
from mlops_tui.errors import BadInput, NotFound, nearest

MOST_CATEGORIES = 100  # of one text column; rarer ones share a category
Functions = Callable[[str], Callable[..., Any]]
Floats = npt.NDArray[np.float64]
Stop = Callable[[Any, "Rows"], tuple[Any, Mapping[str, Any]]]
BINARY, MULTICLASS, REGRESSION = "binary", "multiclass", "regression"


@dataclass(frozen=True)
class Rows:
    """Features as a model reads them, and the label: 0/1, the names of classes, or numbers, by `task`.

    `weight` is what each row counts, 1 on average; None where all count the same.
    """

    features: pd.DataFrame
    label: npt.NDArray[Any]
    task: str = BINARY
    weight: Floats | None = None

    def rows(self, first: int, end: int) -> "Rows":
        weight = self.weight[first:end] if self.weight is not None else None
        return Rows(self.features.iloc[first:end], self.label[first:end], self.task, weight)

    def of(self, column: str) -> "Rows":
        """The same rows with one feature."""
        return Rows(self.features[[column]], self.label, self.task, self.weight)


@dataclass(frozen=True)
class Fitted:
    """A fitted model, what it is in words, how long it took and what scikit-learn warned about.

    `calibrator` tells of the recalibration inside it; nothing where none was asked for.
    """

    model: Any
    description: str
    seconds: float
    notes: tuple[str, ...]
    spelled: str
    stopping: Mapping[str, Any] | None = None
    calibrator: Mapping[str, Any] = field(default_factory=dict)


# -- as declared ----------------------------------------------------------------------------------------------------


def maker(name: str, spec: Mapping[str, Any], functions: Functions) -> Callable[[], Any]:
    """What makes the candidate: an estimator, or a tuple of the transformers and the estimator that are its steps."""
    params = dict(spec.get("params") or {})
    if spec.get("factory"):
        function = functions(spec["factory"])
        return lambda: function(params)
    if spec.get("steps"):
        return lambda: _steps(name, spec["steps"])
    return lambda: estimator(spec["estimator"], params, f"candidate {name}")


def _steps(name: str, declared: Sequence[Mapping[str, Any]]) -> tuple[Any, ...]:
    made = tuple(estimator(each["estimator"], each.get("params") or {}, f"candidate {name}, step {number}")
                 for number, each in enumerate(declared, start=1))
    for number, each in enumerate(made[:-1], start=1):
        if not hasattr(each, "transform"):
            raise BadInput(f"{type(each).__name__} transforms nothing, so it can only be the last step.",
                           where=f"candidate {name}, step {number}")
    return made


def estimator(path: str, params: Mapping[str, Any], where: str) -> Any:
    """`sklearn.linear_model.LogisticRegression` with its parameters; refusals name the nearest right word.

    A parameter may be an estimator itself: `{estimator: sklearn…, params: {…}}`, also in a list.
    """
    module_name, _, class_name = path.rpartition(".")
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
    return cls(**{name: _parameter(value, f"{where}, {name}") for name, value in params.items()})


def _parameter(value: Any, where: str) -> Any:
    if isinstance(value, Mapping) and "estimator" in value and set(value) <= {"estimator", "params"}:
        return estimator(str(value["estimator"]), value.get("params") or {}, where)
    return [_parameter(each, where) for each in value] if isinstance(value, list) else value


def _is_estimator(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, BaseEstimator)


# -- fitted ---------------------------------------------------------------------------------------------------------


def fitted(name: str, make: Callable[[], Any], train: Rows, seed: int, others: Iterable[Fitted] = (),
           stop: Stop | None = None) -> Fitted:
    """Build and fit one model, seeded, its warnings kept as notes; one of `others` that is the same stands for it.

    `stop` fits it in stages and ends early; it gives the model and how its training went.
    """
    random.seed(seed)
    np.random.seed(seed)  # estimators without a random_state draw from here
    began = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = make()
        _suits(made[-1] if isinstance(made, tuple) else made, train.task, f"candidate {name}")
        spelled = "" if stop else _spelled(made)  # before its seed is set
        same = [each for each in others if spelled and each.spelled == spelled]
        if same:
            return same[0]
        model, curve = seeded(piped(made, train.features), seed), None
        weight = weighing(model, train.weight, f"candidate {name}")
        if stop:
            model, curve = stop(model, train)
        else:
            model.fit(train.features, train.label, **weight)
        if train.task == BINARY and not hasattr(model, "predict_proba"):  # some know only once they are fitted
            raise _silent(model[-1] if isinstance(model, Pipeline) else model, f"candidate {name}")
    notes = tuple(dict.fromkeys(str(each.message).splitlines()[0] for each in caught
                                if not issubclass(each.category, DeprecationWarning | FutureWarning)))
    notes += (ended(curve),) if curve else ()
    return Fitted(model, described(model), time.perf_counter() - began, notes, spelled, curve)


def _suits(made: Any, task: str, where: str) -> None:
    """Refuse what cannot be fitted, answers another question, or gives no probabilities for a yes or no."""
    name = type(made).__name__
    if not hasattr(made, "fit") or not (hasattr(type(made), "predict") or hasattr(type(made), "predict_proba")):
        raise BadInput(f"{name} is nothing that can be fitted and asked.", where=where,
                       next="Give an estimator with fit and predict.")
    kind = get_tags(made).estimator_type if isinstance(made, BaseEstimator) else None
    wanted = "regressor" if task == REGRESSION else "classifier"
    if kind is not None and kind != wanted:
        raise BadInput(f"{name} is a {kind}; a {task} model needs a {wanted}.", where=where)
    if task == BINARY and not hasattr(type(made), "predict_proba"):
        raise _silent(made, where)


def _silent(made: Any, where: str) -> BadInput:
    return BadInput(f"{type(made).__name__} gives no probabilities.", where=where,
                    next="Wrap it in sklearn.calibration.CalibratedClassifierCV.")


def weighing(model: Any, weight: Floats | None, where: str) -> dict[str, Floats]:
    """The argument of `fit` that passes the weights on, to a pipeline's last step; refused where it takes none."""
    if weight is None:
        return {}
    last = model[-1] if isinstance(model, Pipeline) else model
    if not has_fit_parameter(last, "sample_weight"):
        raise BadInput(f"{type(last).__name__} cannot count rows by a weight: its fit takes no sample_weight.",
                       where=where, next="Take another estimator, or leave `weight:` out.")
    return {f"{model.steps[-1][0]}__sample_weight" if isinstance(model, Pipeline) else "sample_weight": weight}


def _spelled(made: Any) -> str:
    """What a fit depends on, where plain parameters of scikit-learn's own class are all of it; else nothing."""
    if isinstance(made, tuple):
        return ""
    cls = type(made)
    params = made.get_params(deep=False) if cls.__module__.startswith("sklearn.") else {"": made}
    plain = all(value is None or isinstance(value, bool | int | float | str) for value in params.values())
    return f"{cls.__module__}.{cls.__qualname__} {sorted(params.items())}" if plain else ""


def seeded(model: Any, seed: int) -> Any:
    """The estimator with every open `random_state` set."""
    open_states = [key for key, value in model.get_params().items()
                   if value is None and key.rpartition("__")[2] == "random_state"]
    return model.set_params(**dict.fromkeys(open_states, seed))


def piped(made: Any, features: pd.DataFrame) -> Any:
    """The estimator, or the steps, behind the preparation needed; a pipeline of the user's own, or a dummy, stays.

    Estimators that read missing values (trees, gradient boosting) get texts as ordinals and numbers as they are: as
    good there as native categories or one-hot columns, cheaper, and ONNX can express it. Any other gets missing numbers
    imputed, numbers scaled and texts one-hot; behind an imputer among its own steps numbers come as they are. All of it
    is fitted inside the pipeline, on training rows alone.
    """
    if isinstance(made, Pipeline | DummyClassifier | DummyRegressor):
        return made
    steps = made if isinstance(made, tuple) else (made,)
    texts = [name for name in features if not pd.api.types.is_numeric_dtype(features[name])]
    numbers = [name for name in features if name not in texts]
    last = get_tags(steps[-1]).input_tags
    prepare: Any = "passthrough" if _reads_missing(steps) else \
        make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    if last.allow_nan:
        encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2,
                                max_categories=MOST_CATEGORIES)
    else:
        encode = OneHotEncoder(handle_unknown="ignore", max_categories=MOST_CATEGORIES,
                               sparse_output=last.sparse and len(steps) == 1)
    parts = [("numbers", prepare, numbers), ("texts", encode, texts)]
    named = [(f"step_{number}", each) for number, each in enumerate(steps[:-1], start=1)]
    return Pipeline([("prepare", ColumnTransformer([part for part in parts if part[2]])), *named, ("model", steps[-1])])


def _reads_missing(steps: Sequence[Any]) -> bool:
    """Whether missing numbers may come in: each step bears them, up to one that fills them."""
    for each in steps:
        if not get_tags(each).input_tags.allow_nan:
            return False
        if type(each).__module__.startswith("sklearn.impute"):
            return True
    return True


def described(model: Any) -> str:
    """The estimator's name, and its feature where it has but one."""
    last, first = (model[-1], model[0]) if isinstance(model, Pipeline) else (model, None)
    parts = first.transformers if isinstance(first, ColumnTransformer) else []
    columns = [name for *_, names in parts for name in names]
    return type(last).__name__ + (f" of {columns[0]}" if len(columns) == 1 else "")
