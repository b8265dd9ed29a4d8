"""Candidates and baselines fitted on the same rows, measured on the same test, each candidate against each rung."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.clustered import reckoned
from mlops_tui.analysis.interval import Contrast, Estimate
from mlops_tui.analysis.metrics import METRICS, Family, Metric
from mlops_tui.analysis.paired import contrast
from mlops_tui.analysis.significance import Verdict, verdict
from mlops_tui.declarations.kinds import Candidate, Model
from mlops_tui.declarations.limits import USUAL
from mlops_tui.errors import BadInput
from mlops_tui.modeling._reweighing import FIT
from mlops_tui.modeling._training import OUTCOME, WEIGHT, Job, Parts, Rows, preparation, split
from mlops_tui.running.phases import Phases, Use, mark
from mlops_tui.running.workers import Child, answers, lines
from mlops_tui.session import Session
from mlops_tui.view import finite
from store.quoting import literal

MOST_CELLS = 50_000_000  # of training rows: above, one process at a time holds them
MASE = Metric("mase", Family.ERROR, higher_is_better=False, tasks=(Task.REGRESSION,))
NEEDED = ("roc_auc_ovr", "log_loss", "brier", "top_2_accuracy", "top_3_accuracy", "top_5_accuracy")  # probabilities


@dataclass(frozen=True)
class Trial:
    """What came of one training: models, their features, what the estimators read once these were prepared and how,
    their scores' snapshot, answers on the test rows, measurements and contrasts."""

    job: Job
    rows: Rows
    parts: Parts
    models: Mapping[str, Mapping[str, Any]]
    inputs: Sequence[Mapping[str, Any]]
    reads: Sequence[Mapping[str, Any]]
    prepared: Mapping[str, Any] | None
    scores: str
    answers: Mapping[str, Answers]
    measured: Mapping[str, Mapping[str, Estimate]]
    contrasts: Mapping[str, Sequence[Mapping[str, Any]]]
    phases: Sequence[Sequence[Use]] = ()

    def ladder(self) -> list[str]:
        """The baselines, which are not stored as models."""
        return [name for name, model in self.models.items() if model["file"] is None]


def trial(session: Session, rows: Rows, folder: Path, job: Job, candidates: Mapping[str, Candidate]) -> Trial:
    """Split, fit and measure, with files in `folder`; errors of the user's code come back with file and line."""
    metrics, phases = metrics_of(job.model), Phases()
    parts, models, told, table = _fitted(session, rows, folder, job, candidates, phases)
    models |= _naive(parts)
    _check_probabilities(metrics[0], models, candidates)
    table = _with_naive(table, parts)
    file = folder.absolute() / "scores.parquet"
    pq.write_table(table, file, compression="zstd")
    stored = session.data().write(f"{job.name}.scores", f"SELECT * FROM read_parquet({literal(str(file))})",
                                  sort=(job.model.split.time, *job.keys))
    session.commit(stored, source=f"train {job.name}")
    scale = parts.recent.scale if parts.recent is not None else None
    together = spans_of(job.model, table, str(session.declared().zone))
    given = {name: replace(answers_of(job.model, table, name, parts.classes), together=together) for name in models}
    with phases("evaluate"), ThreadPoolExecutor(lines()) as beside:  # each draws from a generator of its own
        found = beside.map(lambda each: {metric.id: estimated(metric, each, scale) for metric in metrics},
                           given.values())
        values = dict(zip(given, found, strict=True))
    rungs = [name for name in models if name not in candidates]
    contrasts = {name: [_contrast(metrics[0], {each: (given[each], values[each]) for each in (name, rung)},
                                  scale, len(candidates))
                        for rung in rungs] for name in candidates}
    first = told[0]
    return Trial(job, rows, parts, models, first["inputs"], first["reads"], first["prepared"], stored.id, given,
                 values, contrasts, [phases.told(), *(each["phases"] for each in told)])


def _naive(parts: Parts) -> dict[str, Mapping[str, Any]]:
    """The rungs that are no estimators, told as the child tells of the others."""
    if parts.recent is None:
        return {}
    return {name: {"file": None, "seconds": 0.0, "notes": [], "description": said, "probabilities": False}
            for name, said in parts.recent.descriptions.items()}


def _with_naive(table: pa.Table, parts: Parts) -> pa.Table:
    for name, values in (parts.recent.forecasts if parts.recent is not None else {}).items():
        table = table.append_column(name, pa.array(values))
    return table


def _check_probabilities(metric: Metric, models: Mapping[str, Mapping[str, Any]],
                         candidates: Mapping[str, Candidate]) -> None:
    """Refuse a candidate that could not be judged by the deciding metric."""
    for name in candidates if metric.id in NEEDED else ():
        if not models[name]["probabilities"]:
            raise BadInput(f"{models[name]['description']} gives no probabilities, and {metric.id} needs them.",
                           where=f"candidate {name}",
                           next="Declare another first criterion, such as {metric: macro_f1, at_least: 0.5}, or wrap "
                                "it in sklearn.calibration.CalibratedClassifierCV.")


def _fitted(session: Session, rows: Rows, folder: Path, job: Job, candidates: Mapping[str, Candidate],
            phases: Phases) -> tuple[Parts, dict[str, Mapping[str, Any]], Sequence[Mapping[str, Any]], pa.Table]:
    """The split; candidates and ladder, fitted in as many child processes as there are cores; what these say of
    the rows; the scores of all."""
    few = rows.rows.rows * len(rows.rows.columns) <= MOST_CELLS
    shares = shared_out(list(candidates), lines() if few else 1)
    with ExitStack() as opened:
        children = [opened.enter_context(Child(session.declared().root, log=_log(session, job, number)))
                    for number in range(len(shares))]
        for child in children:
            child.start("fit")  # it gets ready while the rows are split
        with phases("read"):
            parts = split(session, job, rows, folder)
        requests = [_request(rows, parts, job, {name: candidates[name] for name in names}, number)
                    for number, names in enumerate(shares)]
        mark("fit")
        told = answers(list(zip(children, requests, strict=True)), session.progress)
    fitted = {name: model for each in told for name, model in each["models"].items()}
    order = [*candidates, *(name for name in fitted if name not in candidates)]
    tables = [pq.read_table(each["scores"]) for each in told]
    columns = {name: table[name] for table in tables for name in table.column_names}
    own = [*job.keys, job.model.split.time, job.model.label.column]
    weight = {"weight": columns[WEIGHT]} if job.model.weight else {}
    given = [f"{name}{each}" for name in order for each in ("", *(f":{each}" for each in parts.classes))]
    scores = pa.table({name: columns[name] for name in own} | weight |
                      {name: columns[name] for name in given if name in columns})
    return parts, {name: fitted[name] for name in order}, told, scores


def _log(session: Session, job: Job, number: int) -> Path:
    return session.declared().root / ".mlops" / "logs" / f"train-{job.name}{f'-{number}' if number else ''}.log"


def _request(rows: Rows, parts: Parts, job: Job, candidates: Mapping[str, Candidate], number: int) -> dict[str, Any]:
    """What one child is asked; the first fits the ladder too."""
    out = parts.train.with_name(f"line-{number}")
    out.mkdir()
    return {"kind": "fit", "train": parts.train, "test": parts.test, "label": job.model.label.column,
            "keys": list(dict.fromkeys([*job.keys, job.model.split.time])), "features": rows.columns(job),
            "candidates": {name: asdict(each) for name, each in candidates.items()}, "ladder": number == 0,
            "task": job.model.task, "classes": parts.classes, "weight": WEIGHT if job.model.weight else "",
            "fit_weight": FIT if job.model.mitigation else "",
            "metric": metrics_of(job.model)[0].id, "seed": job.model.seed, "out": out, "prepare": preparation(job),
            "stopping": {name: each.stopping.asked(job.model.split.gap, job.model.split.time, OUTCOME)
                         for name, each in candidates.items() if each.stopping}}


def shared_out(names: Sequence[str], most: int) -> list[list[str]]:
    """The candidates of each of at most so many lines; the ladder goes with the first, and counts as one of them."""
    shares: list[list[str]] = [[] for _ in range(max(1, min(most, len(names))))]
    for name in names:
        min(shares, key=lambda share: len(share) + (share is shares[0] and name != names[0])).append(name)
    return shares


def named(metric: str) -> Metric:
    """A metric that is measured in training by its id: one of all, or MASE, which needs the rows before the test."""
    return MASE if metric == MASE.id else METRICS[metric]


def metrics_of(model: Model) -> list[Metric]:
    """The metrics to measure: the first criterion's decides (one of which more or less is better), else the usual."""
    usual = (*USUAL[model.task], *((MASE.id,) if model.task == "regression" else ()))
    wanted = [named(name) for name in dict.fromkeys([*(each.metric for each in model.criteria if not each.slice),
                                                     *usual])]
    return [replace(each, threshold=model.threshold) for each in sorted(wanted, key=lambda each: each.signed)]


def answers_of(model: Model, table: pa.Table, name: str, classes: Sequence[str]) -> Answers:
    """One model's answers on the test rows, from the table of all scores."""
    task, label = Task(model.task), table[model.label.column]
    weight = table["weight"].to_numpy() if model.weight else None
    if task is not Task.MULTICLASS:
        outcome = label.to_numpy(zero_copy_only=False)
        return Answers(task, outcome == 1 if task is Task.BINARY else outcome, table[name].to_numpy(), (), weight)
    number = {each: place for place, each in enumerate(classes)}

    def numbers(column: pa.ChunkedArray) -> Any:
        return np.array([number[each] for each in column.to_pylist()], dtype=np.int64)

    columns = [f"{name}:{each}" for each in classes]
    given = np.column_stack([table[each].to_numpy() for each in columns]) if columns[0] in table.column_names else \
        numbers(table[name])
    return Answers(task, numbers(label), given, tuple(classes), weight)


def spans_of(model: Model, table: pa.Table, zone: str) -> npt.NDArray[np.int64] | None:
    """The number of each test row's local span of time, (n,), whose rows vary together; None where rows do not."""
    length = model.split.together // timedelta(microseconds=1)
    if not length:
        return None
    times = table[model.split.time]
    aware = times if times.type.tz else pc.assume_timezone(times, "UTC")
    local = pc.local_timestamp(aware.cast(pa.timestamp("us", zone)))
    return np.asarray(local.cast(pa.int64()).to_numpy() // length, dtype=np.int64)


def estimated(metric: Metric, given: Answers, scale: float | None) -> Estimate:
    """The metric with its interval; MASE is the mean absolute error in units of `scale`, which is taken as known."""
    if metric.id != MASE.id:
        return reckoned(metric, given)
    if scale is None:
        return Estimate(MASE.id, None, None, None, given.n, reason="no naive forecast of training rows was ever wrong")
    found = reckoned(METRICS["mae"], given)
    value, low, high = (each / scale if each is not None else None for each in (found.value, found.low, found.high))
    return replace(found, metric=MASE.id, value=value, low=low, high=high)


def _contrast(metric: Metric, pair: Mapping[str, tuple[Answers, Mapping[str, Estimate]]],
              scale: float | None, candidates: int = 1) -> dict[str, Any]:
    """The candidate's lead on one baseline over the same rows, and what the one judgement of differences says of it.

    Being better than every rung needs no correction for their number: a candidate passes only where each of the tests
    rejects, so that it passes wrongly no more often than one of them does (intersection-union: Berger 1982,
    Technometrics 24:295). Each of the `candidates` is a look at the same test rows, and its verdict pays for all.
    """
    (candidate, _), (baseline, _) = pair.values()
    rung = list(pair)[1]
    counted = {"groups": candidate.groups} if candidate.clusters is not None else {}
    about = {"baseline": rung, "metric": metric.id, **counted}
    unknown = next((found[metric.id].reason for _, found in pair.values() if found[metric.id].value is None), "")
    if unknown:
        return about | {"estimate": None, "low": None, "high": None, "p_value": None, "method": "",
                        "verdict": str(Verdict.INCONCLUSIVE), "reason": unknown}
    lead: Contrast = contrast(METRICS["mae"] if metric.id == MASE.id else metric, candidate, baseline)
    # `verdict` speaks about the second model: where the baseline is worse, the candidate is better
    said = verdict(lead, metric.higher_is_better, looks=candidates)
    turned = {Verdict.WORSE: Verdict.BETTER, Verdict.BETTER: Verdict.WORSE}.get(said, said)
    unit = scale if metric.id == MASE.id and scale else 1.0
    return about | {**{key: finite(value / unit if value is not None else None) for key, value in (
        ("estimate", lead.estimate), ("low", lead.low), ("high", lead.high))}, "p_value": finite(lead.p_value),
        "method": lead.method, "verdict": str(turned), "reason": lead.reason}


def as_json(measured: Mapping[str, Estimate]) -> dict[str, Any]:
    """Measurements as they enter the history."""
    return {name: {"value": finite(each.value), "low": finite(each.low), "high": finite(each.high), "n": each.n,
                   "method": each.method, "reason": each.reason} for name, each in measured.items()}


def standing(metric: Metric, measured: Mapping[str, Estimate]) -> float:
    """A number that is larger for the better model; what cannot be measured stands last."""
    return placed(metric, measured[metric.id].value)


def placed(metric: Metric, value: float | None) -> float:
    """A number that is larger for the better value of a metric, least for none."""
    if value is None:
        return float("-inf")
    return -abs(value) if metric.signed else value if metric.higher_is_better else -value


def dumped(trial: Trial, name: str) -> Path:
    """The file of a candidate's fitted model; it lives as long as the trial's folder."""
    return Path(trial.models[name]["file"])
