"""The metrics that are advised, with their values on the rows at hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlops_tui.analysis.advice import Advice
from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.arrays import Bools, Floats
from mlops_tui.analysis.capacity import at_capacity
from mlops_tui.analysis.interval import Estimate, mean_interval
from mlops_tui.analysis.metrics import METRICS, measured
from mlops_tui.analysis.threshold import RowCosts, beta_of, f_beta
from mlops_tui.view import Column, Row, Table, finite


@dataclass(frozen=True)
class Asked:
    """What is to be judged: labels and scores (n,), the threshold in use, costs by answer, capacity."""

    name: str
    labels: Bools
    scores: Floats
    now: float | None
    costs: Mapping[str, Floats]
    unit: str = "units"
    capacity: int | None = None
    probabilities: bool = False
    weight: Floats | None = None

    @property
    def prevalence(self) -> float:
        return float(np.average(self.labels, weights=self.weight))

    @property
    def decided(self) -> Bools:
        """What is said at the threshold in use; no to all where there is none."""
        return self.scores >= (np.inf if self.now is None else self.now)

    @property
    def probable(self) -> bool:
        return bool(self.scores.min() >= 0 and self.scores.max() <= 1)

    def mean_costs(self) -> tuple[float, float]:
        """Mean extra cost of a wrong answer: of a false alarm where the label is no, of a miss where it is yes."""
        none = np.zeros(self.labels.size)
        harm = self.costs["false_positive"] - self.costs.get("true_negative", none)
        miss = self.costs["false_negative"] - self.costs.get("true_positive", none)
        return float(harm[~self.labels].mean()), float(miss[self.labels].mean())


def advice_table(advice: Sequence[Advice], asked: Asked, costs: RowCosts | None) -> Table:
    """Each metric with its use, its value here, and why."""
    rows = [_row(each, asked, costs) for each in advice]
    return Table.of("advice", rows, "use", "metric", Column("value", digits=3), Column("low", digits=3),
                    Column("high", digits=3), "why", title="Metrics")


def _row(each: Advice, asked: Asked, costs: RowCosts | None) -> Row:
    found, baseline = _measured(each.metric, asked, costs)
    return {"use": each.use, "metric": each.metric, "value": finite(found.value), "low": finite(found.low),
            "high": finite(found.high), "baseline": baseline, "n": found.n, "method": found.method, "why": each.why,
            "reason": found.reason}


def _measured(name: str, asked: Asked, costs: RowCosts | None) -> tuple[Estimate, float | None]:
    """A metric with its interval, and what it would be without any skill."""
    n, base = asked.labels.size, asked.prevalence
    if name in ("recall_at_capacity", "precision_at_capacity"):
        top = at_capacity(asked.labels, asked.scores, asked.capacity or 1)
        return (top.recall, top.capacity / n) if name.startswith("recall") else (top.precision, base)
    if name in ("brier", "log_loss") and not asked.probable:
        return Estimate(name, None, None, None, n, reason="the scores are no probabilities"), None
    if asked.now is None and name not in ("brier", "log_loss", "roc_auc", "average_precision"):
        return Estimate(name, None, None, None, n,
                        reason="no threshold is given for scores that are no probabilities"), None
    if costs is not None and name in ("expected_cost", "f_beta"):
        return _cost(asked, costs) if name == "expected_cost" else (_f_beta(asked), None)
    rule = replace(METRICS[name], threshold=0.5 if asked.now is None else asked.now)
    unskilled = {"average_precision": base, "roc_auc": 0.5, "mcc": 0.0, "balanced_accuracy": 0.5,
                 "accuracy": max(base, 1 - base), "brier": base * (1 - base)}
    return measured(rule, Answers(Task.BINARY, asked.labels, asked.scores, weight=asked.weight)), unskilled.get(name)


def _cost(asked: Asked, costs: RowCosts) -> tuple[Estimate, float]:
    each = costs.of(asked.decided)
    bounds, constant = mean_interval(each), min(float(costs.yes.mean()), float(costs.no.mean()))
    return Estimate("expected_cost", float(each.mean()), bounds.low if bounds else None,
                    bounds.high if bounds else None, each.size, "t"), constant


def _f_beta(asked: Asked) -> Estimate:
    harm, miss = asked.mean_costs()
    if not (harm > 0 and miss > 0):
        return Estimate("f_beta", None, None, None, asked.labels.size, reason="one of the errors costs nothing")
    return f_beta(asked.labels, asked.decided, beta_of(harm, miss), weight=asked.weight)
