"""What every function on labels and scores says to unusable and to odd ones: a refusal that names it, or an answer."""

import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

from mlops_tui.analysis import (
    calibration,
    capacity,
    confusion,
    cost,
    evaluation,
    groups,
    histogram,
    metrics,
    paired,
    ranking,
    recalibration,
    weighted,
)
from mlops_tui.analysis.interval import Estimate, Resampling

Function = Callable[[np.ndarray, np.ndarray], object]
FEW = Resampling(resamples=50)
COSTS = cost.Costs(1, 5)
LINE = np.linspace(0.05, 0.95, 40)
MIXED = np.arange(40) % 3 == 0

CASES = {  # labels and scores, and what is said of them by whoever cannot use them
    "one class": (np.zeros(40), LINE, "only one class"),
    "outside": (MIXED, 4 * LINE - 1, r"outside \[0, 1\]"),
    "not a number": (MIXED, np.where(LINE > 0.5, np.nan, LINE), "not finite, the first in row"),
    "infinite": (MIXED, np.where(LINE > 0.5, np.inf, LINE), "not finite, the first in row"),
    "unequal": (MIXED[:39], LINE, "39 labels"),
    "empty": (np.array([]), np.array([]), "no rows|0 labels"),
    "no labels": (np.arange(40), LINE, "labels must be 0 or 1, seen: 0, 1, 2"),
    "texts": (np.array(["yes"] * 40), LINE, "labels must be 0 or 1, seen: 'yes'"),
    "a table": (MIXED, np.column_stack([LINE, LINE]), "scores must be one column"),
    "constant": (MIXED, np.full(40, 0.3), ""),
    "all tied in two": (MIXED, np.where(np.arange(40) % 2, 0.3, 0.6), ""),
    "certain": (MIXED, MIXED.astype(float), ""),
    "certainly wrong": (MIXED, 1.0 - MIXED, ""),
    "three rows": (np.array([0, 1, 1]), np.array([0.2, 0.9, 0.4]), "two rows of each class"),
    "tiny": (MIXED, LINE * 1e-300, ""),
}
ALWAYS = {"not a number", "infinite", "unequal", "empty", "no labels", "texts", "a table"}  # are refused by all
ORDER, CHANCES, EITHER = {"one class"}, {"one class", "outside"}, {"outside"}
FLAT = {"constant", "all tied in two", "certainly wrong", "tiny"}  # do not rise with the outcomes, which a map must


def _of(name: str) -> Function:
    return lambda y, s: metrics.estimate(metrics.METRICS[name], y, s, FEW)


def _weighted(name: str, weights: Callable[[int], np.ndarray]) -> Function:
    return lambda y, s: weighted.estimate(metrics.METRICS[name], y, s, weights(np.asarray(y).size))


def _first_heavy(rows: int) -> np.ndarray:
    return np.where(np.arange(rows) == 0, 1e12, 1.0)


BINARY = ("roc_auc", "average_precision", *confusion.DECISIONS)
FUNCTIONS: dict[str, tuple[Function, set[str]]] = {
    "confusion": (confusion.confusion, set()),
    "placements": (ranking.placements, ORDER), "roc_auc": (ranking.roc_auc, ORDER),
    "average_precision": (ranking.average_precision, ORDER),
    "average_precision_interval": (ranking.average_precision_interval, ORDER),
    "auc_influence": (ranking.auc_influence, ORDER),
    "average_precision_influence": (ranking.average_precision_influence, ORDER),
    "roc_curve": (ranking.roc_curve, ORDER), "precision_curve": (ranking.precision_curve, ORDER),
    "score_edges": (ranking.score_edges, ORDER),
    "reliability": (calibration.reliability, EITHER), "brier": (calibration.brier, EITHER),
    "log_loss": (calibration.log_loss, EITHER), "calibration_line": (calibration.calibration_line, CHANCES),
    "histogram": (histogram.histogram, EITHER),
    "groups": (lambda y, s: groups.by_group(y, s, np.zeros(len(s), int)).cells, set()),
    "capacity": (lambda y, s: capacity.at_capacity(y, s, 2), set()),
    "evaluation": (lambda y, s: evaluation.evaluation(y, s, resampling=FEW), CHANCES),
    "cost_curve": (lambda y, s: cost.cost_curve(y, s, COSTS).cost, ORDER),
    "cheapest_threshold": (lambda y, s: cost.cheapest_threshold(y, s, COSTS, FEW).cost, ORDER),
    "recalibration": (lambda y, s: recalibration.fitted("platt", y, s)(s), CHANCES | FLAT),
    "delong_test": (lambda y, s: ranking.delong_test(y, s, s), ORDER | {"three rows"}),
    "paired_bootstrap": (
        lambda y, s: paired.paired_bootstrap(metrics.METRICS["brier"], y, s, np.sqrt(np.abs(s)), FEW), CHANCES),
    **{f"estimate {name}": (_of(name), set()) for name in BINARY},
    **{f"estimate {name}": (_of(name), EITHER) for name in metrics.LOSSES},
    **{f"weighted {name}": (_weighted(name, _first_heavy), set()) for name in BINARY},
    **{f"weighted {name}": (_weighted(name, _first_heavy), EITHER) for name in metrics.LOSSES},
}


def sound(value: object) -> bool:
    """Whether an answer holds no NaN, keeps bounds in order, and gives a reason for what it lacks."""
    if isinstance(value, Estimate):
        lacks = value.value is None or value.low is None
        ordered = value.low is None or value.high is None or value.value is None or \
            value.low <= value.value <= value.high
        return ordered and (not lacks or bool(value.reason))
    if is_dataclass(value) and not isinstance(value, type):
        return all(sound(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, np.ndarray):
        return value.dtype.kind not in "fc" or not bool(np.isnan(value).any())
    if isinstance(value, tuple | list):
        return all(map(sound, value))
    return not (isinstance(value, float) and math.isnan(value))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_unusable_rows_are_refused_and_odd_ones_answered(name: str) -> None:
    function, refuses = FUNCTIONS[name]
    for case, (labels, scores, said) in CASES.items():
        if case in refuses | ALWAYS:
            with pytest.raises(ValueError, match=said or "equal|rise|determine"):
                function(labels, scores)
        else:
            assert sound(function(labels, scores)), case


@pytest.mark.parametrize("name", [*BINARY, *metrics.LOSSES])
def test_a_million_millions_on_every_row_is_no_weight(name: str) -> None:
    metric = replace(metrics.METRICS[name], threshold=0.5)
    plain, heavy = metrics.estimate(metric, MIXED, LINE), weighted.estimate(metric, MIXED, LINE, np.full(40, 1e12))
    assert (heavy.value, heavy.low, heavy.high) == pytest.approx((plain.value, plain.low, plain.high), abs=1e-12)


@pytest.mark.parametrize("name", [*BINARY, *metrics.LOSSES])
def test_a_million_millions_on_one_row_leave_a_value_and_no_interval(name: str) -> None:
    found = weighted.estimate(metrics.METRICS[name], MIXED, LINE, _first_heavy(40))
    if found.value is not None and found.low is not None:
        assert name in {"precision", "specificity"}  # the heavy row is a positive below the threshold: not read there
    else:
        assert found.reason


def test_an_answer_that_is_not_sound_is_seen() -> None:
    assert not sound(Estimate("brier", 0.2, None, None, 3))
    assert not sound(Estimate("brier", 0.2, 0.3, 0.4, 3))
    assert not sound((1.0, np.array([np.nan])))
    assert sound(Estimate("brier", None, None, None, 0, reason="no rows"))
