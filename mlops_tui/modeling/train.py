"""Candidates of a model, trained beside a ladder of baselines on rows split in time."""

import json
import platform
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import click

from mlops_tui import folds, gates
from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.capability import measure
from mlops_tui.declarations.kinds import Candidate
from mlops_tui.errors import NotDeclared, nearest
from mlops_tui.inputs.moments import told
from mlops_tui.modeling._curves import documents
from mlops_tui.modeling._training import LIBRARIES, Job, Rows, candidate_key, code_digest, job_of
from mlops_tui.modeling._training import rows as training_rows
from mlops_tui.modeling._trial import MASE, Trial, as_json, dumped, metrics_of, named, placed, standing, trial
from mlops_tui.models import preparing, rivals, sealing, slices
from mlops_tui.running.phases import Phases, of_training
from mlops_tui.session import Session
from mlops_tui.transforms.frozen import canonical, digest_of
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted
from store.facts import Trained
from store.tracking import Input, Record, Version

NUMBERS = (Column("value", digits=4), Column("low", digits=4), Column("high", digits=4))
LEAD = (Column("estimate", "lead", digits=4), *NUMBERS[1:], Column("p_value", "p", digits=4))


@measure
@click.argument("model")
@click.option("--candidate", default=None, help="Only this one of the declared candidates.")
@click.option("--from", "start", default=None, help="First local day of the rows; else as declared, else the first.")
@click.option("--to", "end", default=None, help="The local day after the last one; else as declared, else today.")
def train(session: Session, model: str, candidate: str | None, start: str | None, end: str | None) -> View:
    """Train MODEL's candidates and register each as a version, the best one last.

    Models of yes or no, of several classes and of numbers alike: each candidate is fitted beside a ladder of baselines
    (the constant, the best feature, a linear model, a shallow tree; of numbers in time also the last outcome known) and
    measured on the last days of the window, which it has not seen.
    What was trained before from the same rows, declaration and code is not trained again.

    \b
    Example: mlops-tui train flights-delay
             mlops-tui train flights-delay --candidate boosted --from 2013-03-01 --to 2013-08-01
    """
    job = job_of(session, model, (start, end))
    wanted = _candidates(session, job, candidate)
    phases = Phases()
    with phases("read"):
        made = training_rows(session, job)
    code = code_digest(session.declared().root)
    keys = {name: candidate_key(job, made, each, code) for name, each in wanted.items()}
    before = _by_key(session, job)
    missing = {name: each for name, each in wanted.items() if keys[name] not in before}
    if missing:
        _train(session, job, made, missing, keys, phases)
    now = _by_key(session, job)
    view = _view(session, job, [now[key] for key in keys.values()], len(missing))
    if not made.left_out:
        return view
    said = f"{counted(made.left_out, 'row was', 'rows were')} left out: their people opted out of training."
    return replace(view, parts=(*view.parts, Text(said)))


def _candidates(session: Session, job: Job, only: str | None) -> dict[str, Candidate]:
    known = dict(job.model.candidates)
    if only is not None and only not in known:
        raise NotDeclared(f"'{job.name}' has no candidate '{only}'.",
                          where=str(session.declared().path_of("model", job.name)),
                          next=nearest(only, known) or f"Declared: {', '.join(known)}.")
    return {only: known[only]} if only is not None else known


def _by_key(session: Session, job: Job) -> dict[str, Trained]:
    return {entry.fact.key: entry.fact for entry in session.ledger.entries("trained", subject=job.name)
            if isinstance(entry.fact, Trained)}


# -- training -------------------------------------------------------------------------------------------------------


def _train(session: Session, job: Job, made: Rows, missing: Mapping[str, Candidate], keys: Mapping[str, str],
           phases: Phases) -> None:
    """Fit, measure, register and record; the registry opens while the child fits."""
    with session.data().staging() as folder, ThreadPoolExecutor(1) as beside:
        sealing.ready(session)
        opened = beside.submit(session.tracking().open)
        tried = trial(session, made, folder, job, missing)
        opened.result()
        metric = metrics_of(job.model)[0]
        for name in sorted(missing, key=lambda name: standing(metric, tried.measured[name])):
            with phases(f"log:{name}"):
                version = _registered(session, tried, name, keys[name])
            fact = _fact(session, tried, name, version, keys[name])
            fact = replace(fact, detail={**fact.detail, "footprint": of_training(
                [phases.told(), *tried.phases], name, keys[name], tried.rows.rows.rows)})
            session.ledger.transact(lambda entries, fact=fact: () if any(  # type: ignore[misc]
                isinstance(entry.fact, Trained) and entry.fact.key == fact.key for entry in entries) else (fact,))
            session.ledger.append(*sealing.kept(session, fact))


def _registered(session: Session, tried: Trial, name: str, key: str) -> Version:
    """The candidate's version in MLflow; one that was registered before we could record it is taken up again."""
    tracking, job = session.tracking(), tried.job
    found = [each for each in tracking.versions(job.name) if each.tags.get("key") == key]
    if found:
        return found[0]
    model, declared, task = job.model, job.model.candidates[name], tasked(tried)
    made = {"training": tried.rows.rows.id, "features": tried.rows.features.id, "labels": tried.rows.labels.id,
            "scores": tried.scores, "window": [str(day) for day in job.days], **tried.parts.detail, **task}
    return tracking.log_version(job.name, dumped(tried, name), Record(
        inputs=tuple(Input(**each) for each in tried.reads), prepare=_prepared(tried), **_answers(tried, name),
        params={**_params(declared), "seed": model.seed, "task": model.task,
                **({"classes": ", ".join(tried.parts.classes)} if tried.parts.classes else {}),
                **({"weight": model.weight} if model.weight else {})},
        metrics=_logged(tried.measured[name]),
        tags={"candidate": name, "key": key, "training": tried.rows.rows.id, "features": tried.rows.features.id,
              "labels": tried.rows.labels.id, "code": code_digest(session.declared().root), "task": model.task},
        documents={"declaration.yaml": session.declared().declaration("model", job.name).decode(),
                   "training.json": json.dumps(made, indent=1), "environment.json": json.dumps(environment(), indent=1),
                   "metrics.json": json.dumps(as_json(tried.measured[name]), indent=1),
                   "baselines.json": json.dumps(list(tried.contrasts[name]), indent=1),
                   **documents(tried.answers[name], name)}))


def _params(declared: Candidate) -> dict[str, object]:
    """A candidate's estimator and parameters, those of its steps by their number."""
    if not declared.steps:
        return {"estimator": declared.estimator or declared.factory, **declared.params}
    return {"estimator": " > ".join(each.estimator for each in declared.steps),
            **{f"step_{number}.{key}": value for number, each in enumerate(declared.steps, start=1)
               for key, value in each.params.items()}}


def _answers(tried: Trial, name: str) -> dict[str, Any]:
    """What MLflow's `predict` gives: probabilities, a number, or a class where there are no probabilities."""
    if tried.job.model.task == "regression":
        return {"predict": "predict", "answers": 0}
    if not tried.models[name]["probabilities"]:
        return {"predict": "predict", "answers": -1}
    return {"answers": len(tried.parts.classes) or 2}


def _logged(measured: Mapping[str, Estimate]) -> dict[str, float]:
    """Each metric, and the ends of its interval where it has one."""
    found = {(metric, end): getattr(each, end) for metric, each in measured.items() for end in ("value", "low", "high")}
    return {metric if end == "value" else f"{metric}_{end}": value for (metric, end), value in found.items()
            if value is not None}


def environment() -> dict[str, str]:
    """Python and the libraries that a fit depends on, with their versions."""
    return {"python": platform.python_version(), **{library: version(library) for library in (*LIBRARIES, "duckdb")}}


def _prepared(tried: Trial) -> str:
    """The frozen parameters of the steps before the estimator, as they are kept beside it; nothing without steps."""
    return canonical(tried.prepared).decode() if tried.prepared else ""


def _fact(session: Session, tried: Trial, name: str, version: Version, key: str) -> Trained:
    job, model, contrasts = tried.job, tried.models[name], list(tried.contrasts[name])
    metric = metrics_of(job.model)[0]
    best = max(tried.ladder(), key=lambda rung: standing(metric, tried.measured[rung]))
    return Trained(
        subject=job.name, version=str(version.version), candidate=name, key=key, run_id=version.run_id,
        artifact=version.digest, training=tried.rows.rows.id, declaration=session.declaration("model", job.name),
        seed=job.model.seed, window=(str(job.days[0]), str(job.days[1])), metrics=as_json(tried.measured[name]),
        scores=tried.scores, detail={
            **tried.parts.detail, **tasked(tried), "metric": metric.id, "best_baseline": best,
            "beats_baseline": all(each["verdict"] == "better" for each in contrasts), "contrasts": contrasts,
            "baselines": {rung: as_json(tried.measured[rung]) for rung in tried.ladder()},
            "descriptions": {each: tried.models[each]["description"] for each in (name, *tried.ladder())},
            "features": tried.rows.features.id, "labels": tried.rows.labels.id, "inputs": list(tried.inputs),
            **_steps(tried), "seconds": model["seconds"], "notes": list(model["notes"]),
            **{key: model[key] for key in ("stopping", "calibrator") if model.get(key)}})


def tasked(tried: Trial) -> dict[str, Any]:
    """What a version answers: its task, classes in order and weight; and how its naive baselines came about."""
    model, recent = tried.job.model, tried.parts.recent
    found: dict[str, Any] = {"task": model.task, "classes": list(tried.parts.classes), "weight": model.weight}
    notes = list(recent.notes) if recent is not None else []
    if model.weight and any(each.encode is not None for each in model.prepare):
        notes.append("`prepare: encode` counts every row once, whatever its weight")
    if (mended := tried.parts.detail.get("mitigation")) is not None:
        by = ", ".join(mended["reweigh"])
        notes.append(f"training rows are reweighed by {by}, and worth {mended['worth']:.1%} of their number")
    if recent is not None:
        found["mase_scale"] = recent.scale
    if notes:
        found["remarks"] = notes
    return found


def _steps(tried: Trial) -> dict[str, Any]:
    """What was done to the features, with the digest of the parameters; nothing where they are read as they are."""
    if not tried.prepared:
        return {}
    return {"prepare": {"digest": digest_of(tried.prepared), "steps": preparing.told(tried.prepared)}}


# -- view -----------------------------------------------------------------------------------------------------------


def _view(session: Session, job: Job, versions: Sequence[Trained], new: int) -> View:
    """What is known of the versions, whether they were trained now or before; the best one gives the facts."""
    metric = versions[0].detail["metric"]
    best = max(versions, key=lambda fact: placed(named(metric), fact.metrics[metric]["value"]))
    beats, measured = bool(best.detail["beats_baseline"]), best.metrics[metric]
    range_ = f" [{measured['low']:.3f}, {measured['high']:.3f}]" if measured["low"] is not None else ""
    value = "is not known" if measured["value"] is None else f"{measured['value']:.3f}"
    title = (f"{job.name} {best.version} ({best.candidate}): {metric} {value}{range_}, "
             f"{'beats every baseline' if beats else 'does not beat the baselines'}")
    notes = [f"{fact.candidate}: {note}" for fact in versions for note in fact.detail["notes"]]
    notes += best.detail.get("remarks", [])
    criteria = _criteria(session, job, best)
    parts: list[Part] = [Facts(_facts(best, new)), *_criteria_table(criteria), _candidates_table(versions),
                         _comparisons(versions)]
    parts += [Text("\n".join(notes))] if notes else []
    good = beats and all(each.status is Status.PASS for each in criteria)
    return View(title, Status.DONE if beats else Status.WARN, tuple(parts), _next(session, best, promote=good))


def _next(session: Session, best: Trained, *, promote: bool) -> tuple[Action, ...]:
    """Evaluate, compare, promote: the last only where nothing is known to be against it."""
    this = f"{best.subject}@{best.version}"
    champion = folds.model_state(session.ledger.entries("trained", "promotion"), best.subject).champion
    return (Action("Evaluate it", ("evaluate", this)),
            *([Action("Beside the champion", ("compare", this))] if champion not in ("", best.version) else []),
            *([Action("Promote it", ("promote", this))] if promote and champion != best.version else []))


def _criteria(session: Session, job: Job, best: Trained) -> list[gates.Requirement]:
    """How the declared criteria stand for the best version, as its gate will judge them."""
    scores, _ = rivals.scores_of(session, job.model, best)
    found = slices.criteria(session, job.model, best, scores)
    measured = {name: Estimate(name, each["value"], each["low"], each["high"], int(each["n"] or 0),
                               each.get("method", ""), each.get("reason", "")) for name, each in best.metrics.items()}
    evidence = gates.Evidence({**measured, **found.estimates}, reasons=found.reasons)
    return [gates.criterion(each, evidence) for each in job.model.criteria]


def _criteria_table(criteria: Sequence[gates.Requirement]) -> list[Table]:
    rows: list[Row] = [{"criterion": each.title, "status": each.status, "detail": each.detail} for each in criteria]
    return [Table.of("criteria", rows, "status", "criterion", "detail", title="Criteria")] if rows else []


def _facts(best: Trained, new: int) -> dict[str, Cell]:
    detail = best.detail
    return {"version": best.version, "candidate": best.candidate, "beats_baseline": bool(detail["beats_baseline"]),
            "best_baseline": detail["best_baseline"], "trained": "now" if new else "already trained",
            "from": best.window[0], "to": best.window[1], "test_from": told(detail["test_from"]),
            "train_rows": detail["train_rows"], "test_rows": detail["test_rows"], "purged": detail["purged"],
            "overlap": detail["overlap"], "run_id": best.run_id, "training": best.training, "scores": best.scores,
            "seed": best.seed, "declaration": best.declaration}


def _candidates_table(versions: Sequence[Trained]) -> Table:
    """Each candidate metric by metric, then each baseline by the one that decides, all on the same test rows."""
    detail, first = versions[0].detail, versions[0].detail["metric"]
    places = {name: place for place, name in enumerate((*METRICS, MASE.id))}
    order = sorted(versions[0].metrics, key=lambda name: (name != first, places[name]))
    rows: list[Row] = [{"model": fact.candidate, "version": fact.version, "metric": metric,
                        **_numbers(fact.metrics[metric])} for fact in versions for metric in order]
    rows += [{"model": each["baseline"], "version": None, "metric": first,
              **_numbers(detail["baselines"][each["baseline"]][first])} for each in detail["contrasts"]]
    return Table.of("candidates", rows, "model", "version", "metric", *NUMBERS, "n", title="On the test rows")


def _numbers(measured: Mapping[str, Cell]) -> dict[str, Cell]:
    return {key: measured[key] for key in ("value", "low", "high", "n", "reason")}


def _comparisons(versions: Sequence[Trained]) -> Table:
    rows: list[Row] = [{"candidate": fact.candidate, **each} for fact in versions for each in fact.detail["contrasts"]]
    return Table.of("comparisons", rows, "candidate", "baseline", "verdict", *LEAD, title=leads(versions[0]))


def leads(fact: Trained) -> str:
    """What the differences from each baseline are in, and which way they are better."""
    metric = named(fact.detail["metric"])
    return f"Lead on each baseline in {metric.id}, same rows" if metric.higher_is_better else \
        f"Difference from each baseline in {metric.id}, same rows: below 0 is better"
