"""The metrics of an audit as Fairlearn computes them."""

from functools import partial
from typing import Any

import numpy as np
from fairlearn import metrics as fl
from sklearn.metrics import accuracy_score, precision_score, zero_one_loss

from mlops_tui.analysis.fairness import Cells


def _without(label: Any, decision: Any, positive: int = 1, sample_weight: Any = None) -> float:
    """1 − precision: the false discovery rate, of the other answer the false omission rate."""
    return 1 - float(precision_score(label, decision, pos_label=positive, zero_division=0, sample_weight=sample_weight))


METRICS = {"selection_rate": fl.selection_rate, "tpr": fl.true_positive_rate, "fpr": fl.false_positive_rate,
           "fnr": fl.false_negative_rate, "ppv": partial(precision_score, zero_division=0),
           "for": partial(_without, positive=0), "fdr": _without, "error_rate": zero_one_loss,
           "accuracy": accuracy_score}
ACROSS = {"demographic_parity": ("selection_rate",), "equal_opportunity": ("tpr",), "equalized_odds": ("tpr", "fpr"),
          "predictive_parity": ("ppv",), "accuracy": ("accuracy",)}


def values(cells: Cells, reference: int, *, overall: bool) -> dict[tuple[str, str], float]:
    """By metric and group. A cell is one row that counts as often as there are rows, which Fairlearn's weights mean."""
    places = np.argwhere(cells.sums > 0)
    group, label, decision = places.T
    weight = cells.sums[cells.sums > 0]
    frame = fl.MetricFrame(metrics=METRICS, y_true=label, y_pred=decision, sensitive_features=group,
                           sample_params={name: {"sample_weight": weight} for name in METRICS})
    found = {}
    for rate in METRICS:
        by_group = frame.by_group[rate]
        against = float(frame.overall[rate] if overall else by_group[reference])
        for place, name in enumerate(cells.names):
            own = float(by_group[place])
            found[f"{rate}_difference", name] = own - against
            if against:
                found[f"{rate}_ratio", name] = own / against
    method = "to_overall" if overall else "between_groups"
    differences, ratios = frame.difference(method=method), frame.ratio(method=method)
    for name, rates in ACROSS.items():
        if all((cells.of(rate)[1] > 0).all() for rate in rates):
            found[f"{name}_difference", ""] = max(float(differences[rate]) for rate in rates)
            found[f"{name}_ratio", ""] = min(float(ratios[rate]) for rate in rates)
            if name == "equalized_odds":
                found[f"{name}_difference_mean", ""] = float(np.mean([differences[rate] for rate in rates]))
                found[f"{name}_ratio_mean", ""] = float(np.mean([ratios[rate] for rate in rates]))
    return found
