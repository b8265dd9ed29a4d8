"""The best parameters of a candidate, and honestly what choosing them is worth: nested cross-validation."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_tui import folds as history
from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.metrics import Metric, metrics_of
from mlops_tui.analysis.split import Fold, Spans
from mlops_tui.capability import local_path, measure
from mlops_tui.declarations import searchspace
from mlops_tui.declarations.declare import duration, parse
from mlops_tui.declarations.kinds import Candidate
from mlops_tui.declarations.searchspace import Point
from mlops_tui.errors import BadInput, NotDeclared, nearest, need_extra
from mlops_tui.modeling import _searchfile, _searching
from mlops_tui.modeling._modelfile import proposed, with_params
from mlops_tui.modeling._reweighing import FIT
from mlops_tui.modeling._searching import EDITION, Asked, Material
from mlops_tui.modeling._training import LIBRARIES, OUTCOME, Job, code_digest, job_of, preparation, split
from mlops_tui.modeling._training import rows as training_rows
from mlops_tui.modeling._tuned import shown, why, worth_writing
from mlops_tui.running.workers import Child, lines
from mlops_tui.session import Session
from mlops_tui.transforms.frozen import digest_of
from mlops_tui.view import Cell, Facts, Status, View, counted, lasting
from store.facts import Tuned
from store.ledger import Entry

USUAL: Mapping[Task, str] = {Task.BINARY: "roc_auc", Task.MULTICLASS: "accuracy", Task.REGRESSION: "rmse"}
BACKENDS = {"loky": "", "threading": "", "ray": "ray", "dask": "distributed"}
FEWER = "Try fewer: --points 10, --rows 20000, --folds 3."
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class How:
    """What was asked beside the subject."""

    metric: str | None
    points: int | None
    outer: int
    inner: int
    rows: int | None
    seed: int | None
    processes: int
    backend: str
    most_fits: int
    budget: timedelta
    plan: bool
    propose: bool = False


@measure
@click.argument("what")
@click.option("--candidate", default=None, help="Which of MODEL's candidates; needed where several have a search.")
@click.option("--metric", default=None, help="What decides; MODEL's first criterion, or the usual one of the task.")
@click.option("--points", type=click.IntRange(min=2), default=None,
              help="Try so many combinations, drawn at random; else all, or 20 where there are ranges.")
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True, help="Outer folds: they judge.")
@click.option("--inner", type=click.IntRange(min=2), default=3, show_default=True, help="Inner folds: they choose.")
@click.option("--rows", type=click.IntRange(min=20), default=None, help="Tune on so many of the rows, drawn evenly.")
@click.option("--most-fits", type=click.IntRange(min=1), default=2000, show_default=True, help="Refuse more fits.")
@click.option("--budget", default="1h", show_default=True, help="Refuse to use more CPU time, such as 30m.")
@click.option("--plan", is_flag=True, help="Only say how many fits there are and what they would cost.")
@click.option("--propose", is_flag=True, help="Put the parameters forward though they are not surely better.")
@click.option("--processes", type=click.IntRange(min=1), default=None, help="As many as there are cores by default.")
@click.option("--backend", type=click.Choice(list(BACKENDS)), default="loky", show_default=True,
              help="Joblib's backend; ray and dask where they are installed.")
@click.option("--seed", type=int, default=None, help="MODEL declares its own; 0 for a file.")
@click.option("--label", default=None, help="File: column with what came, which is predicted.")
@click.option("--features", default=None, help="File: columns it is predicted from, separated by commas.")
@click.option("--estimator", default=None, help="File: an estimator of scikit-learn, such as sklearn.svm.SVC.")
@click.option("--params", default=None, help="File: its parameters that stay, such as '{kernel: rbf}'.")
@click.option("--search", default=None, help="File: what is tried, '{C: [1, 10], gamma: {low: 0.01, high: 1}}'.")
@click.option("--task", type=click.Choice(["auto", *(each.value for each in Task)]), default="auto",
              show_default=True, help="File: what is predicted; auto: told by the columns.")
@click.option("--time", default=None, help="File: column with the time of each row; folds then walk forward.")
@click.option("--label-end", default=None, help="File: column with the time at which a row's label is known.")
@click.option("--gap", default="0s", show_default=True,
              help="File: training rows end this long before a test, such as 12h.")
@click.option("--group", default=None, help="File: column whose values are never on both sides.")
@click.option("--raw", is_flag=True, help="File: give the estimator the numbers as they are, not scaled or imputed.")
@click.option("--prepare", "outside", default=None,
              help="File: what you do to all rows before, FILE.py:FUNCTION(features, label); is it a leak?")
def tune(session: Session, what: str, *, candidate: str | None, metric: str | None, points: int | None, folds: int,
         inner: int, rows: int | None, most_fits: int, budget: str, plan: bool, processes: int | None, backend: str,
         seed: int | None, propose: bool, **file: Any) -> View:
    """Tune a candidate of MODEL over its declared search, or an estimator on the rows of a FILE.

    Inner folds choose the parameters, outer folds judge the choice on rows that took no part in it: that is the score
    to expect. The best score of the search itself is shown beside it, with the optimism between them. The test rows of
    MODEL are not looked at. Finished outer folds are kept: run it again, and it goes on where it was stopped.

    \b
    Example: mlops-tui tune flights-delay --candidate boosted --plan
             mlops-tui tune flights-delay --candidate boosted --rows 20000
             mlops-tui tune iris.csv --label species --features sepal,petal --estimator sklearn.svm.SVC
             --search '{C: [1, 10, 100], gamma: [0.01, 0.1]}'
    """
    how = How(metric, points, folds, inner, rows, seed, processes or lines(), backend, most_fits, _budget(budget), plan,
              propose)
    if BACKENDS[backend]:
        need_extra(BACKENDS[backend], backend)
    if _searchfile.is_file(what, file):
        return _of_file(session, local_path(session, what), file, how)
    return _of_model(session, what, candidate, how)


def _budget(text: str) -> timedelta:
    try:
        return duration(text)
    except ValueError as problem:
        raise BadInput(f"{problem}.", where="--budget", next="Try: --budget 30m") from problem


# -- a declared model -----------------------------------------------------------------------------------------------


def _of_model(session: Session, text: str, only: str | None, how: How) -> View:
    job = job_of(session, text)
    where = str(session.declared().path_of("model", job.name))
    name, candidate = _candidate(job, only, where)
    if how.seed is not None:
        raise BadInput(f"The seed of {job.name} is declared: {job.model.seed}.", where=where, next="Leave out --seed.")
    found, kind = searchspace.points(candidate.search, how.points, job.model.seed)
    tried = _with_declared(found, candidate)
    asked = Asked(name, candidate, tried, _metric(job, how.metric), how.outer, how.inner, job.model.seed, how.processes,
                  how.backend)
    with session.data().staging() as folder:
        material = _material(session, job, folder).sampled(how.rows, job.model.seed)
        key = _key(session, job, material, asked)
        kept = _made_before(session, job.name, key)
        if kept is not None and not how.plan:
            return shown(kept, proposal=_put_forward(session, kept, candidate, asked=True) if how.propose else
                         _waiting(session, kept))
        keep = session.declared().root / ".mlops" / "tune" / key[:32]
        log = session.declared().root / ".mlops" / "logs" / f"tune-{job.name}.log"
        done = _done(session, material, asked, how, (folder, keep, log))
    if isinstance(done, View):
        return done
    detail, spent = done
    best = tried[detail.pop("best")]
    fact = Tuned(subject=job.name, candidate=name, key=key, training=material.data, seed=job.model.seed,
                 declaration=session.declaration("model", job.name), window=(str(job.days[0]), str(job.days[1])),
                 metric=asked.metric.id, params=dict(best), detail={**detail, "how": kind, "rows": material.n})
    session.ledger.transact(lambda entries: () if _known(entries, key) else (fact,))
    shutil.rmtree(keep, ignore_errors=True)
    proposal = _put_forward(session, fact, candidate, asked=how.propose)
    return shown(fact, spent, proposal)


def _candidate(job: Job, only: str | None, where: str) -> tuple[str, Candidate]:
    known = job.model.candidates
    if only is not None and only not in known:
        raise NotDeclared(f"'{job.name}' has no candidate '{only}'.", where=where,
                          next=nearest(only, known) or f"Declared: {', '.join(known)}.")
    able = [name for name in known if known[name].search]
    if only is None and len(able) > 1:
        raise BadInput(f"Several candidates have a search: {', '.join(able)}.", where=where,
                       next=f"Try: mlops-tui tune {job.name} --candidate {able[0]}")
    name = only or (able[0] if able else next(iter(known)))
    searchspace.need_search(known[name].search, f"{where}, candidate {name}")
    return name, known[name]


def _with_declared(points: Sequence[Point], candidate: Candidate) -> list[Point]:
    """The points, after the one that is declared now: what tuning is held against."""
    now = searchspace.declared(asdict(candidate), candidate.search)
    others = [point for point in points if point != now]
    return [now if len(now) == len(candidate.search) else {}, *others]


def _metric(job: Job, asked: str | None) -> Metric:
    task = Task(job.model.task)
    criteria = [each.metric for each in job.model.criteria if not each.slice]
    return _named(asked or next(iter(criteria), USUAL[task]), task, job.model.threshold)


def _named(name: str, task: Task, threshold: float) -> Metric:
    known = {each: metric for each, metric in metrics_of(task).items() if not metric.signed}
    if name not in known:
        raise BadInput(f"No metric '{name}' to tune a {task} model by.", where="--metric",
                       next=nearest(name, known) or f"Metrics: {', '.join(known)}.")
    return replace(known[name], threshold=threshold)


def _material(session: Session, job: Job, folder: Path) -> Material:
    """The rows that `train` trains on; those it tests on are left out, so that they stay unseen."""
    made = training_rows(session, job)
    table = pq.read_table(split(session, job, made, folder).train)
    table = table.drop_columns([FIT]) if FIT in table.column_names else table  # scores are compared on rows as they are
    model = job.model
    start, end = (table.column(name).cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
                  for name in (model.split.time, OUTCOME))
    classes: tuple[str, ...] = ()
    if model.task == "multiclass":
        classes = model.label.classes or tuple(sorted(set(map(str, table.column(model.label.column).to_pylist()))))
    return Material(table, model.label.column, tuple(made.columns(job)), made.rows.id,
                    (*job.keys, model.split.time), Task(model.task), classes, model.weight, Spans(start, end),
                    gap=model.split.gap // MICROSECOND, prepare=preparation(job), where=job.name)


def _key(session: Session, job: Job, material: Material, asked: Asked) -> str:
    """What the result depends on: rows, declaration, code, folds, seed, libraries."""
    candidate = asked.candidate
    return digest_of({
        "rows": material.data, "n": material.n, "candidate": {**asdict(candidate), "search": None, "stopping": None},
        "points": [dict(each) for each in asked.points], "metric": [asked.metric.id, asked.metric.threshold],
        "code": code_digest(session.declared().root) if candidate.factory else "", "outer": asked.outer,
        "inner": asked.inner, "seed": asked.seed, "gap": material.gap, "prepare": preparation(job)["steps"],
        "test": job.model.split.test // MICROSECOND, "weight": material.weight, "classes": list(material.classes),
        "libraries": [version(library) for library in LIBRARIES], "edition": EDITION})


def _made_before(session: Session, name: str, key: str) -> Tuned | None:
    return _known(session.ledger.entries("tuned", subject=name), key)


def _known(entries: Sequence[Entry], key: str) -> Tuned | None:
    return next((entry.fact for entry in entries if isinstance(entry.fact, Tuned) and entry.fact.key == key), None)


def _waiting(session: Session, fact: Tuned) -> str:
    """The number of the proposal that was made of it, where it is still open."""
    return next((each.id for each in history.proposals(session.ledger.entries("proposal")).values()
                 if each.state == "open" and each.why == why(fact)), "")


def _put_forward(session: Session, fact: Tuned, candidate: Candidate, *, asked: bool) -> str:
    """The number of a proposal to write the parameters where they are surely better, or where somebody asked for it."""
    where = str(session.declared().path_of("model", fact.subject))
    if asked and not worth_writing(fact, asked=True):
        what = "Something leaks, so no score says that other parameters are better." \
            if fact.detail["chance"]["above"] else "What is declared is the best that was tried."
        raise BadInput(what, where=where, next="Leave out --propose.")
    if not (asked or worth_writing(fact)) or searchspace.pointed(asdict(candidate), fact.params) == asdict(candidate):
        return ""
    return proposed(session, fact.subject, lambda text, path: with_params(text, fact.candidate, fact.params, path),
                    why(fact), f"tune {fact.subject} {fact.candidate}").subject


# -- a file ---------------------------------------------------------------------------------------------------------


def _of_file(session: Session, path: Path, file: Mapping[str, Any], how: How) -> View:
    """Nothing is recorded, and nothing kept: an interrupted search begins anew."""
    if how.propose:
        raise BadInput("Only a declared model has parameters to change.", next="Leave out --propose.")
    seed = how.seed or 0
    material = _searchfile.material(path, file).sampled(how.rows, seed)
    text = f"{{estimator: {file['estimator']}, params: {file['params'] or '{}'}, search: {file['search']}}}"
    candidate = parse(Candidate, text, "--search")
    searchspace.need_search(candidate.search, "--search")
    tried, kind = searchspace.points(candidate.search, how.points, seed)
    name = str(file["estimator"]).rpartition(".")[2]
    asked = Asked(name, candidate, tried, _named(how.metric or USUAL[material.task], material.task, 0.5), how.outer,
                  how.inner, seed, how.processes, how.backend, file["raw"], file["outside"] or "")
    with TemporaryDirectory() as folder:
        done = _done(session, material, asked, how, (Path(folder), Path(folder) / "keep", None))
    if isinstance(done, View):
        return done
    detail, spent = done
    fact = Tuned(subject=path.name, candidate=name, key="", training=material.data, declaration="", seed=seed,
                 window=("", ""), metric=asked.metric.id, params=dict(tried[detail.pop("best")]),
                 detail={**detail, "how": kind, "rows": material.n})
    return shown(fact, spent)


# -- the work -------------------------------------------------------------------------------------------------------


def _done(session: Session, material: Material, asked: Asked, how: How,
          places: tuple[Path, Path, Path | None]) -> View | tuple[dict[str, Any], dict[str, Cell]]:
    """What the search finds, and what it cost; or its plan, where that is asked. BadInput beyond the budget."""
    folder, keep, log = places
    outer, splits = _searching.folds(material, asked)
    work = _searching.write(folder, material, asked, splits)
    left = 1 - len(list(keep.glob("fold-*.json"))) / asked.outer if keep.is_dir() else 1.0
    fits = _searching.fits(asked)
    if fits * left > how.most_fits and not how.plan:
        raise BadInput(f"That would be {fits:,} fits, and at most {how.most_fits:,} are allowed.", where="--most-fits",
                       next=FEWER)
    with ExitStack() as opened:
        child = opened.enter_context(Child(_root(session), log=log, progress=session.progress))
        session.progress(0, 0, "one fit of a few points, to see what it costs")
        cost = {"fits": fits, **child.call({"kind": "tune", "work": work, "part": "plan"})}
        if how.plan:
            return _planned(asked, material, cost)
        _affordable(cost, left, how)
        session.progress(0, int(cost["fits"]), _told(cost, left, asked.processes))
        found = child.call({"kind": "tune", "work": work, "part": "run", "keep": keep})
    spent: dict[str, Cell] = {"fitted_now": found.pop("fitted"), "cpu_seconds": found.pop("cpu_seconds"),
                              "estimated_cpu_seconds": cost["cpu_seconds"], "processes": asked.processes}
    return {**found, **_described(material, asked, outer), "fits": cost["fits"]}, spent


def _root(session: Session) -> Path:
    return session.project.root if session.project is not None else session.directory


def _affordable(cost: Mapping[str, Any], left: float, how: How) -> None:
    if cost["cpu_seconds"] * left > how.budget.total_seconds():
        raise BadInput(f"{counted(cost['fits'], 'fit')} would take about {lasting(cost['cpu_seconds'] * left)} of CPU, "
                       f"and {lasting(how.budget)} is allowed.", where="--budget", next=FEWER)


def _told(cost: Mapping[str, Any], left: float, processes: int) -> str:
    return ", ".join((counted(cost["fits"], "fit"), f"about {lasting(cost['cpu_seconds'] * left)} of CPU",
                      f"{lasting(cost['wall_seconds'] * left)} on {counted(processes, 'process', 'processes')}"))


def _planned(asked: Asked, material: Material, cost: Mapping[str, Any]) -> View:
    facts: dict[str, Cell] = {"candidate": asked.name, "points": len(asked.points), "outer_folds": asked.outer,
                              "inner_folds": asked.inner, "rows": material.n, "fits": cost["fits"],
                              "cpu_seconds": cost["cpu_seconds"], "wall_seconds": cost["wall_seconds"],
                              "processes": asked.processes, "pilot_fits": cost["pilot_fits"],
                              "pilot_seconds": cost["pilot_seconds"]}
    return View(f"{asked.name} would need {_told(cost, 1.0, asked.processes)}", Status.DONE, (Facts(facts),))


def _described(material: Material, asked: Asked, outer: Sequence[Fold]) -> dict[str, Any]:
    """What the history keeps of how it was done."""
    declared = searchspace.declared(asdict(asked.candidate), asked.candidate.search)
    return {"task": material.task.value, "points": [dict(each) for each in asked.points], "inner_folds": asked.inner,
            "calibrate": asked.candidate.calibrate, "stopping": asked.candidate.stopping is not None,
            "higher_is_better": asked.metric.higher_is_better, "declared": declared,
            "scheme": "walk-forward" if material.spans is not None else "shuffled",
            "purged": [int(each.purged.size) for each in outer], "train_rows": [int(each.train.size) for each in outer],
            "test_share": float(np.mean([each.test.size / each.train.size for each in outer]))}
