"""The baselines that any candidate must beat, by task: from knowing nothing but the outcome's distribution upwards."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mlops_tui.analysis.ranking import roc_auc
from mlops_tui.models.candidates import BINARY, REGRESSION, Rows, piped, weighing

LEAF_SHARE = 0.005  # a baseline's leaf holds at least this share of the training rows
CHOOSING_ROWS = 50_000  # the single best feature is chosen on at most so many
PRIOR, MEAN, MEDIAN, QUANTILE = "baseline_prior", "baseline_mean", "baseline_median", "baseline_quantile"
SINGLE, LOGISTIC, LINEAR, TREE = "baseline_feature", "baseline_logistic", "baseline_linear", "baseline_tree"
NAMES = (PRIOR, MEAN, MEDIAN, QUANTILE, SINGLE, LOGISTIC, LINEAR, TREE)
BY_MEDIAN = ("mae", "median_ae", "mape", "mase")  # the best constant is (near) the median


def ladder(train: Rows, metric: str = "") -> dict[str, Callable[[], Any]]:
    """What makes each rung; the constant of a regression is the one that its deciding metric likes best."""
    leaf = max(20, int(LEAF_SHARE * len(train.label)))
    if train.task == REGRESSION:
        small = DecisionTreeRegressor(max_depth=3, min_samples_leaf=leaf, random_state=0)
        name, constant = _constant(metric)
        return {name: lambda: constant, SINGLE: lambda: _single(train, small), LINEAR: Ridge,
                TREE: lambda: DecisionTreeRegressor(max_depth=4, min_samples_leaf=leaf)}
    shallow = DecisionTreeClassifier(max_depth=3, min_samples_leaf=leaf, random_state=0)
    return {PRIOR: lambda: DummyClassifier(strategy="prior"), SINGLE: lambda: _single(train, shallow),
            LOGISTIC: lambda: LogisticRegression(max_iter=1000),
            TREE: lambda: DecisionTreeClassifier(max_depth=4, min_samples_leaf=leaf)}


def _constant(metric: str) -> tuple[str, DummyRegressor]:
    if metric in BY_MEDIAN:
        return MEDIAN, DummyRegressor(strategy="median")
    if metric.startswith("pinball_"):
        return QUANTILE, DummyRegressor(strategy="quantile", quantile=int(metric.rpartition("_")[2]) / 100)
    return MEAN, DummyRegressor(strategy="mean")


def _single(train: Rows, tree: Any) -> Pipeline:
    """A shallow tree on the one feature that foretells the last quarter of the training rows best."""
    n = min(len(train.label), CHOOSING_ROWS)
    earlier, later = train.rows(0, n * 3 // 4), train.rows(n * 3 // 4, n)

    def worth(name: str) -> float:
        if len(set(earlier.label.tolist())) < 2 or len(set(later.label.tolist())) < 2:
            return 0.5
        one = earlier.of(name)
        model = piped(clone(tree), one.features)
        return _worth(model.fit(one.features, one.label, **weighing(model, one.weight, name)), later.of(name))

    return piped(tree, train.features[[max(train.features, key=worth)]])


def _worth(model: Any, rows: Rows) -> float:
    """The AUC of a yes or no, else minus the mean squared error (of the probabilities: Brier); larger is better."""
    if rows.task == BINARY:
        return roc_auc(rows.label, model.predict_proba(rows.features)[:, 1])
    if rows.task == REGRESSION:
        return -float(np.average((model.predict(rows.features) - rows.label) ** 2, weights=rows.weight))
    seen = rows.label[:, None] == model.classes_[None, :]
    return -float(np.average(((model.predict_proba(rows.features) - seen) ** 2).sum(axis=1), weights=rows.weight))
