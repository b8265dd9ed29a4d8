"""What a version's answers on its test rows look like, kept beside it in MLflow: the pictures and their points."""

import json
from dataclasses import asdict
from datetime import UTC

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.multiclass import cells
from mlops_tui.analysis.operating import operating_points
from mlops_tui.analysis.regression import by_prediction
from mlops_tui.render.image import images
from mlops_tui.view import Series


def curves(given: Answers, name: str) -> tuple[Series, ...]:
    """ROC and precision-recall curves of scores, confusions of classes, or outcomes by predicted number."""
    if given.task is Task.MULTICLASS:
        return (_confusions(given, name),)
    if given.task is Task.REGRESSION:
        return (_outcomes(given, name),)
    found = operating_points(given)
    recall, rate = tuple(found.recall.tolist()), tuple(found.false_positive_rate.tolist())
    return (Series("roc", "line", rate, recall, names=(name,), title=f"ROC curve of {name}",
                   x_label="false positive rate", y_label="true positive rate"),
            Series("precision_recall", "line", recall, tuple(found.precision.tolist()), names=(name,),
                   title=f"Precision by recall of {name}", x_label="recall", y_label="precision"))


def _confusions(given: Answers, name: str) -> Series:
    """The share of each class that was given each class."""
    counted = cells(given)
    shares = counted / counted.sum(axis=1, keepdims=True).clip(min=1e-300)
    return Series("confusions", "heat", given.classes, tuple(shares.ravel().tolist()), (0.0,), (1.0,),
                  names=given.classes, title=f"What {name} makes of each class", x_label="given", y_label="actual")


def _outcomes(given: Answers, name: str) -> Series:
    bins = by_prediction(given)
    predicted = tuple(each.predicted for each in bins)
    return Series("outcomes", "band", predicted, tuple(each.actual for each in bins), tuple(each.low for each in bins),
                  tuple(each.high for each in bins), predicted, ("mean outcome, 80 % of outcomes", "predicted"),
                  f"What came of the predictions of {name}", "predicted", "outcome")


def documents(given: Answers, name: str) -> dict[str, str]:
    """The curves as one JSON document, and each as an SVG picture."""
    found = curves(given, name)
    pictures = {f"pictures/{file}": made.decode() for file, made in images(found, UTC, "svg").items()}
    return {"curves.json": json.dumps([asdict(each) for each in found], indent=1), **pictures}
