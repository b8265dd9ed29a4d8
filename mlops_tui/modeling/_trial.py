"""Candidates and baselines fitted on the same rows, measured on the same test, each candidate against each rung."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pyarrow.parquet as pq

from mlops_tui.analysis.interval import Contrast, Estimate
from mlops_tui.analysis.metrics import METRICS, Metric, estimate
from mlops_tui.analysis.paired import Verdict, paired_bootstrap, verdict
from mlops_tui.analysis.ranking import delong_test
from mlops_tui.errors import BadInput, nearest
from mlops_tui.kinds import Candidate, Model
from mlops_tui.modeling._training import Job, Parts, Rows
from mlops_tui.session import Session
from mlops_tui.view import finite
from mlops_tui.workers import Child
from store.quoting import literal

SHOWN = ("roc_auc", "average_precision", "brier", "log_loss")


@dataclass(frozen=True)
class Trial:
    """What came of one training: models, the columns they read, their scores' snapshot, measurements and contrasts."""

    job: Job
    rows: Rows
    parts: Parts
    models: Mapping[str, Mapping[str, Any]]
    inputs: Sequence[Mapping[str, Any]]
    scores: str
    measured: Mapping[str, Mapping[str, Estimate]]
    contrasts: Mapping[str, Sequence[Mapping[str, Any]]]

    def ladder(self) -> list[str]:
        """The baselines, which are not stored as models."""
        return [name for name, model in self.models.items() if model["file"] is None]


def trial(session: Session, rows: Rows, parts: Parts, job: Job, candidates: Mapping[str, Candidate]) -> Trial:
    """Fit and measure; errors of the user's code come back with file and line."""
    metrics, folder = metrics_of(job.model), parts.train.parent
    root, label = session.declared().root, job.model.label.column
    keys = [*job.keys, job.model.split.time]
    request = {"kind": "fit", "train": parts.train, "test": parts.test, "label": label, "keys": keys,
               "features": rows.columns(job), "candidates": {name: asdict(each) for name, each in candidates.items()},
               "seed": job.model.seed, "out": folder}
    with Child(root, log=root / ".mlops" / "logs" / f"train-{job.name}.log", progress=session.progress) as child:
        answer = child.call(request)
    table = pq.read_table(answer["scores"])
    outcome, scores = table[label].to_numpy(), {name: table[name].to_numpy() for name in answer["models"]}
    stored = session.data().write(f"{job.name}.scores", f"SELECT * FROM read_parquet({literal(answer['scores'])})",
                                  sort=(job.model.split.time, *job.keys))
    session.commit(stored, source=f"train {job.name}")
    measured = {name: {metric.id: estimate(metric, outcome, column) for metric in metrics}
                for name, column in scores.items()}
    rungs = [name for name in scores if name not in candidates]
    contrasts = {name: [_contrast(metrics[0], outcome, (name, scores[name]), (rung, scores[rung])) for rung in rungs]
                 for name in candidates}
    return Trial(job, rows, parts, answer["models"], answer["inputs"], stored.id, measured, contrasts)


def metrics_of(model: Model) -> list[Metric]:
    """The metrics to measure: the first criterion's decides, ROC AUC where none is declared."""
    wanted = dict.fromkeys([*(each.metric for each in model.criteria if not each.slice), *SHOWN])
    for name in wanted:
        if name not in METRICS:
            raise BadInput(f"No metric '{name}'.", where="criteria",
                           next=nearest(name, METRICS) or f"Metrics: {', '.join(METRICS)}.")
    return [replace(METRICS[name], threshold=model.threshold) for name in wanted]


def _contrast(metric: Metric, label: npt.ArrayLike, candidate: tuple[str, npt.ArrayLike],
              baseline: tuple[str, npt.ArrayLike]) -> dict[str, Any]:
    """The candidate's lead on one baseline over the same rows: DeLong for ROC AUC, else a paired bootstrap."""
    test = delong_test if metric.id == "roc_auc" else lambda y, a, b: paired_bootstrap(metric, y, a, b)
    lead: Contrast = test(label, candidate[1], baseline[1])
    # `verdict` speaks about the second model: where the baseline is worse, the candidate is better
    about = verdict(lead, metric.higher_is_better)
    turned = {Verdict.WORSE: Verdict.BETTER, Verdict.BETTER: Verdict.WORSE}.get(about, about)
    return {"baseline": baseline[0], "metric": metric.id, "estimate": finite(lead.estimate), "low": finite(lead.low),
            "high": finite(lead.high), "p_value": finite(lead.p_value), "method": lead.method,
            "verdict": str(turned), "reason": lead.reason}


def as_json(measured: Mapping[str, Estimate]) -> dict[str, Any]:
    """Measurements as they enter the history."""
    return {name: {"value": finite(each.value), "low": finite(each.low), "high": finite(each.high), "n": each.n,
                   "method": each.method, "reason": each.reason} for name, each in measured.items()}


def standing(metric: Metric, measured: Mapping[str, Estimate]) -> float:
    """A number that is larger for the better model; what cannot be measured stands last."""
    value = measured[metric.id].value
    if value is None:
        return float("-inf")
    return value if metric.higher_is_better else -value


def dumped(trial: Trial, name: str) -> Path:
    """The file of a candidate's fitted model; it lives as long as the trial's folder."""
    return Path(trial.models[name]["file"])
