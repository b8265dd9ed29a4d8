"""A fit stage by stage that ends early, judged on the last of its training rows in time; runs in the child process.

What can be fitted so: gradient boosting (by trees, of either kind) and whatever has `partial_fit` and `max_iter` (SGD,
multi-layer perceptrons: by passes over the rows). The best stage is what is kept.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.base import clone, is_classifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.pipeline import Pipeline

from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.split import Fold, Spans, holdout
from mlops_tui.analysis.stopping import Decision, Replay, Rule, Stopper, Why, replay
from mlops_tui.errors import BadInput
from mlops_tui.models.candidates import Rows, Stop

CHUNK = 10  # trees of gradient boosting between two looks at the validation rows; a stop is exact all the same
SMALLEST = 1e-15  # a probability is no smaller where its logarithm is taken
HIST, GRADIENT = (HistGradientBoostingClassifier, HistGradientBoostingRegressor), (
    GradientBoostingClassifier, GradientBoostingRegressor)
RULE = ("patience", "min_delta", "relative", "warm_up", "alpha", "strip", "strips")


@dataclass(frozen=True)
class Part:
    """Rows as the estimator itself reads them, with labels, and weights where there are some."""

    x: Any
    y: Any
    weight: Floats | None = None

    def fitted_with(self) -> dict[str, Any]:
        return {} if self.weight is None else {"sample_weight": self.weight}


@dataclass
class Course:
    """A fit under way: the errors of its stages so far, and what the rule says of them."""

    stopper: Stopper
    fit_rows: Part
    validation: Part
    needs_training: bool
    classes: Any = None
    values: list[float] = field(default_factory=list)
    training: list[float] = field(default_factory=list)

    def update(self, validation: Any, error: float | None = None) -> Decision:
        """Judge one more stage by its predictions of the validation rows; with its training error where that counts."""
        value = loss(self.validation, validation, self.classes)
        self.values.append(value)
        self.training += [error] if error is not None else []
        return self.stopper.update(value, error)

    def error(self, training: Any) -> float | None:
        """The training error of a stage by its predictions of the training rows."""
        return loss(self.fit_rows, training, self.classes) if self.needs_training else None

    def diverged(self) -> None:
        """A stage that could not be finished."""
        self.values.append(np.nan)
        self.training += [np.nan] if self.needs_training else []
        self.stopper.update(np.nan, np.nan if self.needs_training else None)


def stop_of(name: str, table: pa.Table, request: Mapping[str, Any]) -> Stop | None:
    """What fits that candidate of a request in stages; None where it declares no stopping."""
    asked = (request.get("stopping") or {}).get(name)
    if asked is None:
        return None
    start, end = (table.column(asked[each]).cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
                  for each in ("time", "known"))

    def stop(model: Pipeline, rows: Rows) -> tuple[Pipeline, dict[str, Any]]:
        return fit(model, Part(rows.features, rows.label, rows.weight), Spans(start, end), asked)

    return stop


def bounded(make: Callable[[], Any], told: Mapping[str, Any] | None) -> Callable[[], Any]:
    """What makes the candidate with as many stages as were kept; as it was where it did not stop early."""
    if told is None:
        return make

    def made() -> Any:
        found = make()
        last = found[-1] if isinstance(found, tuple | Pipeline) else found
        last.set_params(**_off(last) | {_stages_of(last): told["best_epoch"]})
        return found

    return made


def fit(model: Pipeline, rows: Part, spans: Spans, asked: Mapping[str, Any]) -> tuple[Pipeline, dict[str, Any]]:
    """The pipeline fitted up to its best stage, and its curve. `rows` come in order of time, with their `spans`.

    `asked`: the declared rule, and `validation` and `gap` in microseconds. BadInput where the estimator has no stages
    or the rows cannot be parted in time.
    """
    rule = Rule(kind=asked["rule"], **{name: asked[name] for name in RULE})
    _check(model[-1])
    try:
        fold = holdout(spans, int(asked["validation"]), int(asked["gap"]))
    except ValueError as problem:
        raise BadInput(f"The training rows have no room for a validation stretch: {problem}.", where="stopping",
                       next="Declare a shorter `stopping: validation:`, or train on a longer window.") from problem
    fitted, course = _one(model, _taken(rows, fold.train), _taken(rows, fold.test), rule)
    last = replay(rule, course.values, course.training or None)
    if not last.decision.best_epoch:
        raise BadInput(f"Training diverged at its first stage: the loss is {course.values[0]:g}.", where="stopping",
                       next="Choose a smaller learning rate, or scale the features.")
    if asked["refit"]:
        fitted = _again(model, rows, last.decision.best_epoch)
    return fitted, _told(course, rule, last, _Of(model[-1], fold, spans, bool(asked["refit"])))


def _taken(rows: Part, chosen: Any) -> Part:
    x = rows.x.iloc[chosen] if isinstance(rows.x, pd.DataFrame) else rows.x[chosen]
    return Part(x, rows.y[chosen], None if rows.weight is None else rows.weight[chosen])


def _one(model: Pipeline, fit_rows: Part, validation: Part, rule: Rule) -> tuple[Pipeline, Course]:
    """Preparation fitted on the rows of the fit alone, then stages until the rule says stop; the best one is kept."""
    classes = np.unique(fit_rows.y) if is_classifier(model[-1]) else None
    _check_rows(fit_rows, validation, classes)
    prepare, last = model[:-1], clone(model[-1])
    seen = Part(prepare.fit_transform(fit_rows.x, fit_rows.y) if len(prepare) else fit_rows.x, fit_rows.y,
                fit_rows.weight)
    unseen = Part(prepare.transform(validation.x) if len(prepare) else validation.x, validation.y, validation.weight)
    course = Course(Stopper(rule), seen, unseen, rule.kind == "pq", classes)
    fitted = _hist(last, course) if isinstance(last, HIST) else _gradient(last, course) if isinstance(
        last, GRADIENT) else _passes(last, course)
    return Pipeline([*prepare.steps, (model.steps[-1][0], fitted)]), course


def _check_rows(fit_rows: Part, validation: Part, classes: Any) -> None:
    shorter = "Declare a shorter `stopping: validation:`."
    if classes is not None and len(classes) < 2:
        raise BadInput(f"All {len(fit_rows.y)} rows before the validation stretch have the same label.",
                       where="stopping", next=shorter)
    unknown = [] if classes is None else sorted(set(np.unique(validation.y).tolist()) - set(classes.tolist()))
    if unknown:
        raise BadInput(f"No row before the validation stretch has the label {unknown[0]}.", where="stopping",
                       next=shorter)
    if validation.weight is not None and not validation.weight.sum() > 0:
        raise BadInput("No row of the validation stretch has a weight.", where="stopping",
                       next="Declare a longer `stopping: validation:`.")


def _again(model: Pipeline, rows: Part, stages: int) -> Pipeline:
    """So many stages, fitted on all rows."""
    prepare, last = clone(model[:-1]), clone(model[-1])
    seen = Part(prepare.fit_transform(rows.x, rows.y) if len(prepare) else rows.x, rows.y, rows.weight)
    last.set_params(**_off(last))
    if isinstance(last, (*HIST, *GRADIENT)):
        fitted = last.set_params(**{_stages_of(last): stages}).fit(seen.x, seen.y, **seen.fitted_with())
    else:
        *_, fitted = islice(_passed(last, seen), stages)
    return Pipeline([*prepare.steps, (model.steps[-1][0], fitted)])


# -- estimators -----------------------------------------------------------------------------------------------------


def _check(last: Any) -> None:
    if not isinstance(last, (*HIST, *GRADIENT)) and not (hasattr(last, "partial_fit") and "max_iter"
                                                         in last.get_params(deep=False)):
        raise BadInput(f"{type(last).__name__} is not fitted in stages, so it cannot stop early.", where="stopping",
                       next="Declare it for gradient boosting, SGDClassifier or MLPClassifier, or leave it out.")


def _stages_of(last: Any) -> str:
    """The parameter that bounds its stages."""
    return "n_estimators" if isinstance(last, GRADIENT) else "max_iter"


def _off(last: Any) -> dict[str, Any]:
    """Parameters under which scikit-learn's own early stopping, on a random share of the rows, is off."""
    known = last.get_params(deep=False)
    if isinstance(last, GRADIENT):
        return {"n_iter_no_change": None, "warm_start": False}
    return {name: False for name in ("early_stopping", "warm_start") if name in known}


def _hist(last: Any, course: Course) -> Any:
    """Histogram boosting: its scorer sees each tree come, and answers with a score that ends the fit or not.

    The scorer is asked about training rows (a sample, where they are more than 10,000) and then about the validation
    rows, first without a tree.
    """
    own = last.get_params(deep=False)
    turns, best, error = 0, 0, None

    def watch(estimator: Any, x: Any, y: Any, sample_weight: Any = None) -> float:  # scikit-learn names the weights
        nonlocal turns, best, error
        turns += 1
        if turns % 2 and course.needs_training:
            error = loss(Part(x, y, sample_weight), predictions(estimator, x), course.classes)
        if turns % 2 or turns == 2:
            return float(turns)
        decision = course.update(predictions(estimator, x), error)
        best = decision.best_epoch
        return -1.0 if decision.stop else float(turns)

    last.set_params(**_off(last) | {"early_stopping": True, "scoring": watch, "n_iter_no_change": 1, "tol": 0.0})
    last.fit(course.fit_rows.x, course.fit_rows.y, **course.fit_rows.fitted_with(), X_val=course.validation.x,
             y_val=course.validation.y, **({} if course.validation.weight is None else {
                 "sample_weight_val": course.validation.weight}))
    del last._predictors[best:]  # the trees after the best stage; tests hold it against a fit of so many
    last._scorer = None
    return last.set_params(**own | _off(last))


def _gradient(last: Any, course: Course) -> Any:
    """Gradient boosting, whose monitor looks at each `CHUNK` of new trees."""
    decision: Decision | None = None

    def look(stage: int, estimator: Any, _locals: Mapping[str, Any]) -> bool:
        nonlocal decision
        done, most = len(course.values), estimator.n_estimators
        if (stage + 1) % CHUNK and stage + 1 < most:
            return False
        staged = islice(_staged(estimator, course.validation.x), done, stage + 1)
        training = islice(_staged(estimator, course.fit_rows.x), done, stage + 1) if course.needs_training else None
        for found in staged:
            decision = course.update(found, None if training is None else course.error(next(training)))
            if decision.stop:
                return True
        return False

    last.set_params(**_off(last)).fit(course.fit_rows.x, course.fit_rows.y, **course.fit_rows.fitted_with(),
                                      monitor=look)
    assert decision is not None
    last.estimators_ = last.estimators_[:decision.best_epoch]
    last.n_estimators_, last.train_score_ = decision.best_epoch, last.train_score_[:decision.best_epoch]
    return last


def _staged(estimator: Any, x: Any) -> Iterator[Any]:
    """Predictions after each of the trees that are there; those to come are empty places."""
    staged: Iterator[Any] = estimator.staged_predict_proba(x) if is_classifier(estimator) else \
        estimator.staged_predict(x)
    return staged


def _passes(last: Any, course: Course) -> Any:
    """Passes over the rows until the rule says stop; a copy of the best is kept."""
    most, kept = last.get_params(deep=False)["max_iter"], last
    last.set_params(**_off(last))
    passes = _passed(last, course.fit_rows)
    for _ in range(most):
        try:
            fitted = next(passes)
        except ValueError as problem:  # so scikit-learn says that the weights have overflowed
            if not course.values:
                raise BadInput(f"The first pass over the rows failed: {problem}", where="stopping") from problem
            course.diverged()
            break
        error = course.error(predictions(fitted, course.fit_rows.x)) if course.needs_training else None
        decision = course.update(predictions(fitted, course.validation.x), error)
        if decision.improved:
            kept = copy.deepcopy(fitted)
        if decision.stop:
            break
    return kept


def _passed(last: Any, rows: Part) -> Iterator[Any]:
    """The estimator after each pass over the rows, each in an order of its own that follows from its seed."""
    first = {"classes": np.unique(rows.y)} if is_classifier(last) else {}
    seed = last.get_params(deep=False).get("random_state")
    order = np.random.default_rng(seed if isinstance(seed, int) else 0)
    while True:
        shuffled = _taken(rows, order.permutation(len(rows.y)))
        last.partial_fit(shuffled.x, shuffled.y, **first, **shuffled.fitted_with())
        first = {}
        yield last


# -- values ---------------------------------------------------------------------------------------------------------


def predictions(estimator: Any, x: Any) -> Any:
    """Probabilities (n, k) of a classifier, numbers (n,) of a regression."""
    return estimator.predict_proba(x) if is_classifier(estimator) else estimator.predict(x)


def loss(rows: Part, predicted: Any, classes: Any = None) -> float:
    """Mean log loss of probabilities (n, k) of the sorted `classes`; of numbers (n,) the root mean squared error.

    NaN where a prediction is none.
    """
    found = np.asarray(predicted, dtype=np.float64)
    if classes is None:
        with np.errstate(over="ignore"):  # what overflows is infinite, and that is a divergence
            return float(np.sqrt(np.average((found - rows.y) ** 2, weights=rows.weight)))
    right = found[np.arange(len(found)), np.searchsorted(classes, rows.y)]
    return float(np.average(-np.log(np.clip(right, SMALLEST, 1.0)), weights=rows.weight))


@dataclass(frozen=True)
class _Of:
    """What a curve was recorded on."""

    last: Any
    fold: Fold
    spans: Spans
    refit: bool


def _told(course: Course, rule: Rule, last: Replay, of: _Of) -> dict[str, Any]:
    """The curve and how it ended, as it is kept with the version."""
    decision = last.decision
    began = datetime.fromtimestamp(0, UTC) + int(of.spans.start[of.fold.test].min()) * timedelta(microseconds=1)
    values, training = ([value if np.isfinite(value) else None for value in each] for each in (
        course.values, course.training))
    return {"values": values, "training": training, "rule": str(rule),
            "metric": "log_loss" if is_classifier(of.last) else "rmse", "stopped": decision.stop,
            "reason": str(decision.why if decision.stop else Why.GOES_ON), "epochs_run": decision.epoch,
            "best_epoch": decision.best_epoch, "best": decision.best,
            "most": int(of.last.get_params(deep=False)[_stages_of(of.last)]), "validation_from": began.isoformat(),
            "validation_rows": int(of.fold.test.size), "fitted_rows": int(of.fold.train.size),
            "purged": int(of.fold.purged.size), "refitted": of.refit}
