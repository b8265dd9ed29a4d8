"""Candidates and baselines fitted on the same rows, measured on the same test, each candidate against each rung."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_tui.analysis.interval import Contrast, Estimate
from mlops_tui.analysis.metrics import METRICS, Metric, estimate
from mlops_tui.analysis.paired import Verdict, paired_bootstrap, verdict
from mlops_tui.analysis.ranking import delong_test
from mlops_tui.errors import BadInput, nearest
from mlops_tui.kinds import Candidate, Model
from mlops_tui.modeling._training import OUTCOME, Job, Parts, Rows, preparation, split
from mlops_tui.session import Session
from mlops_tui.view import finite
from mlops_tui.workers import Child, answers, lines
from store.quoting import literal

MOST_CELLS = 50_000_000  # of training rows: above, one process at a time holds them
SHOWN = ("roc_auc", "average_precision", "brier", "log_loss")


@dataclass(frozen=True)
class Trial:
    """What came of one training: models, their features, what the estimators read once these were prepared and how,
    their scores' snapshot, measurements and contrasts."""

    job: Job
    rows: Rows
    parts: Parts
    models: Mapping[str, Mapping[str, Any]]
    inputs: Sequence[Mapping[str, Any]]
    reads: Sequence[Mapping[str, Any]]
    prepared: Mapping[str, Any] | None
    scores: str
    measured: Mapping[str, Mapping[str, Estimate]]
    contrasts: Mapping[str, Sequence[Mapping[str, Any]]]

    def ladder(self) -> list[str]:
        """The baselines, which are not stored as models."""
        return [name for name, model in self.models.items() if model["file"] is None]


def trial(session: Session, rows: Rows, folder: Path, job: Job, candidates: Mapping[str, Candidate]) -> Trial:
    """Split, fit and measure, with files in `folder`; errors of the user's code come back with file and line."""
    metrics, label = metrics_of(job.model), job.model.label.column
    parts, models, told, table = _fitted(session, rows, folder, job, candidates)
    outcome, scores = table[label].to_numpy(), {name: table[name].to_numpy() for name in models}
    file = folder.absolute() / "scores.parquet"
    pq.write_table(table, file, compression="zstd")
    stored = session.data().write(f"{job.name}.scores", f"SELECT * FROM read_parquet({literal(str(file))})",
                                  sort=(job.model.split.time, *job.keys))
    session.commit(stored, source=f"train {job.name}")
    with ThreadPoolExecutor(lines()) as beside:  # each draws from a generator of its own
        found = beside.map(lambda column: {each.id: estimate(each, outcome, column) for each in metrics},
                           scores.values())
    measured = dict(zip(scores, found, strict=True))
    rungs = [name for name in scores if name not in candidates]
    contrasts = {name: [_contrast(metrics[0], outcome, (name, scores[name]), (rung, scores[rung])) for rung in rungs]
                 for name in candidates}
    return Trial(job, rows, parts, models, told["inputs"], told["reads"], told["prepared"], stored.id, measured,
                 contrasts)


def _fitted(session: Session, rows: Rows, folder: Path, job: Job, candidates: Mapping[str, Candidate]) -> tuple[
        Parts, dict[str, Mapping[str, Any]], Mapping[str, Any], pa.Table]:
    """The split; candidates and ladder, fitted in as many child processes as there are cores; what the first says of
    the rows; the scores of all."""
    few = rows.rows.rows * len(rows.rows.columns) <= MOST_CELLS
    shares = shared_out(list(candidates), lines() if few else 1)
    with ExitStack() as opened:
        children = [opened.enter_context(Child(session.declared().root, log=_log(session, job, number)))
                    for number in range(len(shares))]
        for child in children:
            child.start("fit")  # it gets ready while the rows are split
        parts = split(session, job, rows, folder)
        requests = [_request(rows, parts, job, {name: candidates[name] for name in names}, number)
                    for number, names in enumerate(shares)]
        told = answers(list(zip(children, requests, strict=True)), session.progress)
    fitted = {name: model for each in told for name, model in each["models"].items()}
    order = [*candidates, *(name for name in fitted if name not in candidates)]
    tables = [pq.read_table(each["scores"]) for each in told]
    columns = {name: table[name] for table in tables for name in table.column_names}
    own = [*job.keys, job.model.split.time, job.model.label.column]
    scores = pa.table({name: columns[name] for name in [*own, *order]})
    return parts, {name: fitted[name] for name in order}, told[0], scores


def _log(session: Session, job: Job, number: int) -> Path:
    return session.declared().root / ".mlops" / "logs" / f"train-{job.name}{f'-{number}' if number else ''}.log"


def _request(rows: Rows, parts: Parts, job: Job, candidates: Mapping[str, Candidate], number: int) -> dict[str, Any]:
    """What one child is asked; the first fits the ladder too."""
    out = parts.train.with_name(f"line-{number}")
    out.mkdir()
    return {"kind": "fit", "train": parts.train, "test": parts.test, "label": job.model.label.column,
            "keys": [*job.keys, job.model.split.time], "features": rows.columns(job),
            "candidates": {name: asdict(each) for name, each in candidates.items()}, "ladder": number == 0,
            "seed": job.model.seed, "out": out, "prepare": preparation(job),
            "stopping": {name: each.stopping.asked(job.model.split.gap, job.model.split.time, OUTCOME)
                         for name, each in candidates.items() if each.stopping}}


def shared_out(names: Sequence[str], most: int) -> list[list[str]]:
    """The candidates of each of at most so many lines; the ladder goes with the first, and counts as one of them."""
    shares: list[list[str]] = [[] for _ in range(max(1, min(most, len(names))))]
    for name in names:
        min(shares, key=lambda share: len(share) + (share is shares[0] and name != names[0])).append(name)
    return shares


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
