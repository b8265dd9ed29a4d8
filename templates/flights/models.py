"""The candidates that flights-delay.yaml names: a factory takes the declared parameters and returns an estimator."""

from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier


def boosted(params: dict[str, Any]) -> HistGradientBoostingClassifier:
    """Gradient-boosted trees that read missing values as they are.

    Leaves of at least 200 flights, because the flights of one bad evening are hardly independent of each other; no
    early stopping, because a random validation share would hold flights of the very hours that were trained on.
    """
    return HistGradientBoostingClassifier(min_samples_leaf=200, l2_regularization=5.0, early_stopping=False, **params)
