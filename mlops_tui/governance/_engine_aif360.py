"""The metrics of an audit as AIF360 computes them: each group as the unprivileged one beside the reference."""

import logging
import math
import warnings
from typing import Any

import numpy as np
import pandas as pd

from mlops_tui.analysis.fairness import Cells

logging.disable(logging.WARNING)  # it tells of every optional library that it misses
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from aif360.datasets import BinaryLabelDataset
    from aif360.metrics import BinaryLabelDatasetMetric, ClassificationMetric
logging.disable(logging.NOTSET)

RATES = {"selection_rate": "selection_rate", "tpr": "true_positive_rate", "fpr": "false_positive_rate",
         "fnr": "false_negative_rate", "ppv": "positive_predictive_value", "for": "false_omission_rate",
         "fdr": "false_discovery_rate", "error_rate": "error_rate", "accuracy": "accuracy"}
PAIRED = ("average_odds_difference", "average_abs_odds_difference", "average_predictive_value_difference")
INDICES = {"generalized_entropy_index": "generalized_entropy_index", "theil_index": "theil_index",
           "coefficient_of_variation": "coefficient_of_variation",
           "between_group_generalized_entropy_index": "between_all_groups_generalized_entropy_index",
           "between_group_theil_index": "between_all_groups_theil_index",
           "between_group_coefficient_of_variation": "between_all_groups_coefficient_of_variation"}


def values(cells: Cells, reference: int, *, overall: bool) -> dict[tuple[str, str], float]:
    """By metric and group. Weighted rows are given cell by cell; its indices of inequality know no weights, and
    nothing of it is held against all rows."""
    group, label, decision = np.argwhere(cells.sums > 0).T
    weight = cells.sums[cells.sums > 0]
    if cells.weights is None:
        group, label, decision = (np.repeat(each, weight.astype(np.int64)) for each in (group, label, decision))
        weight = np.ones(group.size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        truth, said = (_dataset(group, each, weight) for each in (label, decision))
        found = {} if overall else _pairs(cells, truth, said, reference)
        found["differential_fairness", ""] = float(
            BinaryLabelDatasetMetric(said).smoothed_empirical_differential_fairness())
        every: Any = _metric(truth, said, 1 - min(reference, 1), reference)
        found["bias_amplification", ""] = float(every.differential_fairness_bias_amplification())
        if cells.weights is None:
            found |= {(name, ""): float(getattr(every, method)()) for name, method in INDICES.items()}
    return {key: value for key, value in found.items() if math.isfinite(value)}


def _dataset(group: Any, answer: Any, weight: Any) -> Any:
    frame = pd.DataFrame({"group": group.astype(np.float64), "answer": answer.astype(np.float64), "weight": weight})
    return BinaryLabelDataset(df=frame, label_names=["answer"], protected_attribute_names=["group"],
                              instance_weights_name="weight", favorable_label=1.0, unfavorable_label=0.0)


def _metric(truth: Any, said: Any, place: int, reference: int) -> Any:
    return ClassificationMetric(truth, said, unprivileged_groups=[{"group": float(place)}],
                                privileged_groups=[{"group": float(reference)}])


def _pairs(cells: Cells, truth: Any, said: Any, reference: int) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for place, name in enumerate(cells.names):
        if place == reference:
            continue
        metric = _metric(truth, said, place, reference)
        for rate, method in RATES.items():
            found[f"{rate}_difference", name] = float(metric.difference(getattr(metric, method)))
            found[f"{rate}_ratio", name] = float(metric.ratio(getattr(metric, method)))
        found |= {(each, name): float(getattr(metric, each)()) for each in PAIRED}
        if len(cells.names) == 2:
            found["equalized_odds_difference", ""] = float(metric.equalized_odds_difference())
            found["demographic_parity_difference", ""] = abs(float(metric.statistical_parity_difference()))
            found["equal_opportunity_difference", ""] = abs(float(metric.equal_opportunity_difference()))
    return found
