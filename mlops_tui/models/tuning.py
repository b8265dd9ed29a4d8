"""Every point of a search fitted and scored, fold within fold, on several processes; runs in the child process.

    {"kind": "tune", "work": JSON, "part": "plan"}                 one fit of a few points, timed
    {"kind": "tune", "work": JSON, "part": "run", "keep": FOLDER}  all that is not kept there, and what is said of it

The work is a file: `rows` and `splits` (Parquet; row numbers of each split), label, features, keys, task, classes,
metric, threshold, the candidate and its points, outer and inner folds, seed, `prepare`, `outside` (a function that is
run once over all rows), `raw`, processes and backend. A finished outer fold is kept as `fold-N.json` and not fitted
again.
"""

import importlib
import json
import random
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.metrics import METRICS, Family, linear, measured, metric_value
from mlops_tui.analysis.nested import Nested
from mlops_tui.analysis.permuted import above_chance
from mlops_tui.child import function_of
from mlops_tui.declarations.searchspace import SHARES, pointed, spelled
from mlops_tui.errors import BadInput
from mlops_tui.models import fitting
from mlops_tui.models.candidates import Rows, described, maker, piped, seeded, weighing

Report = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Timed:
    """What one fit came to: the score of its test rows, its CPU seconds, and what scikit-learn warned about."""

    value: float
    seconds: float
    notes: tuple[str, ...] = ()


class Work:
    """What is to be done, read once by each process."""

    def __init__(self, path: str) -> None:
        self.asked: Mapping[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        self.table = pq.read_table(self.asked["rows"])
        self.task, self.seed = Task(self.asked["task"]), int(self.asked["seed"])
        self.metric = replace(METRICS[self.asked["metric"]], threshold=self.asked["threshold"])
        self.splits = np.load(self.asked["splits"])
        self.points: Sequence[Mapping[str, Any]] = self.asked["points"]

    @cached_property
    def permuted(self) -> pa.Table:
        """The rows with each other's labels."""
        name = self.asked["label"]
        order = np.random.default_rng(self.seed).permutation(self.table.num_rows)
        return self.table.set_column(self.table.column_names.index(name), name,
                                     self.table.column(name).take(pa.array(order)))

    @lru_cache(maxsize=2)  # noqa: B019 - there is one work in a process
    def whole(self, permuted: bool) -> Rows:
        """All rows, after the preparation that is made outside of the folds where there is one."""
        table, features = self.permuted if permuted else self.table, self.asked["features"]
        rows = fitting.rows_of(table, features, self.asked)
        if not self.asked.get("outside"):
            return rows
        made = _function(self.asked["outside"])(rows.features, rows.label.copy())
        if not isinstance(made, pd.DataFrame) or len(made) != len(rows.label):
            raise BadInput(f"{self.asked['outside']} must return a frame with one row for each of {len(rows.label)}.")
        return replace(rows, features=made)

    @lru_cache(maxsize=2)  # noqa: B019
    def sides(self, split: str, permuted: bool = False, share: float = 1.0) -> tuple[Rows, Rows]:
        """Training and test rows of a split, prepared by what the training rows say."""
        train, test = self.splits[f"train {split}"], self.splits[f"test {split}"]
        if share < 1:
            train = np.sort(np.random.default_rng(self.seed).permutation(train)[:part_of(train.size, share)])
        if not (self.asked.get("prepare") or {}).get("steps"):
            rows = self.whole(permuted)
            return _taken(rows, train), _taken(rows, test)
        table = self.permuted if permuted else self.table
        one, other, _ = fitting.prepared_rows(self.asked, table.take(pa.array(train)), table.take(pa.array(test)))
        columns = fitting.features_of(one, self.asked)
        return fitting.rows_of(one, columns, self.asked), fitting.rows_of(other, columns, self.asked)


def part_of(rows: int, share: float) -> int:
    """So many rows are that share."""
    return max(2, round(share * rows))


def _taken(rows: Rows, at: npt.NDArray[np.intp]) -> Rows:
    weight = rows.weight[at] if rows.weight is not None else None
    return Rows(rows.features.iloc[at], rows.label[at], rows.task, weight)


@lru_cache(maxsize=1)
def _work(path: str) -> Work:
    return Work(path)


def _function(spelled: str) -> Callable[..., Any]:
    root = Path.cwd()
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    return function_of(spelled, root)


# -- one fit --------------------------------------------------------------------------------------------------------


def fitted(path: str, split: str, point: int, share: float = 1.0) -> Timed:
    """Fit that point to the training rows of a split, or a share of them, and score its test rows."""
    work = _work(path)
    train, test = work.sides(split, share=share)
    began = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answers = _answers(work, point, train, test)
    notes = dict.fromkeys(str(each.message).splitlines()[0] for each in caught
                          if not issubclass(each.category, DeprecationWarning | FutureWarning))
    return Timed(score(work, answers), time.process_time() - began, tuple(notes))


def _answers(work: Work, number: int, train: Rows, test: Rows) -> Answers:
    """What the point's model says of the test rows."""
    asked, point = work.asked, work.points[number]
    where = f"candidate {asked['name']}, {spelled(point)}"
    random.seed(work.seed)
    np.random.seed(work.seed)  # estimators without a random_state draw from here
    made = maker(asked["name"], pointed(asked["candidate"], point), _function)()
    known, unseen = (each.features.to_numpy() if asked["raw"] else each.features for each in (train, test))
    model = seeded(made if asked["raw"] else piped(made, known), work.seed)
    try:
        model.fit(known, train.label, **weighing(model, train.weight, where))
    except ValueError as problem:
        raise BadInput(str(problem).splitlines()[0], where=where) from problem
    classes = tuple(asked["classes"])
    label = np.array([classes.index(each) for each in test.label]) if classes else test.label
    return Answers(work.task, label, _said(model, unseen, work, where), classes, test.weight)


def _said(model: Any, features: Any, work: Work, where: str) -> npt.NDArray[Any]:
    """Scores of a yes, probabilities or numbers of classes, or numbers."""
    if work.task is Task.REGRESSION:
        return np.asarray(model.predict(features), dtype=np.float64)
    if hasattr(model, "predict_proba"):
        given = np.asarray(model.predict_proba(features), dtype=np.float64)
        return given[:, 1] if work.task is Task.BINARY else _every(given, list(model.classes_), work.asked["classes"])
    if work.metric.family is Family.LOSS or (work.metric.family is Family.RANKING and work.task is Task.MULTICLASS):
        raise BadInput(f"{described(model)} gives no probabilities, and {work.metric.id} is of them.", where=where,
                       next="Wrap it in sklearn.calibration.CalibratedClassifierCV, or choose another --metric.")
    if work.task is Task.MULTICLASS:
        return np.array([work.asked["classes"].index(each) for each in model.predict(features)])
    if work.metric.family is Family.RANKING and hasattr(model, "decision_function"):
        return np.asarray(model.decision_function(features), dtype=np.float64)
    return np.asarray(model.predict(features), dtype=np.float64)


def _every(given: npt.NDArray[np.float64], learnt: Sequence[str], classes: Sequence[str]) -> npt.NDArray[np.float64]:
    """The probability of each class; 0 of one that the training rows do not have."""
    every = np.zeros((len(given), len(classes)))
    every[:, [classes.index(each) for each in learnt]] = given
    return every


def score(work: Work, answers: Answers) -> float:
    """The metric of the answers; BadInput where it is not defined."""
    metric, found, why = work.metric, None, ""
    if answers.task is Task.BINARY and answers.weight is None:
        found, why = metric_value(metric, answers.label, answers.given)
    elif answers.task is Task.BINARY:
        estimate = measured(metric, answers)
        found, why = estimate.value, estimate.reason
    else:
        told = linear(metric, answers)
        found, why = (None, told) if isinstance(told, str) else (told.value, "")
    if found is None or not np.isfinite(found):
        raise BadInput(f"{metric.id} is undefined on the {answers.n} test rows of a fold: {why or 'not finite'}.",
                       next="Use fewer folds, or more rows.")
    return float(found)


# -- what is asked --------------------------------------------------------------------------------------------------


def tune(request: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """The part of the work that is asked for."""
    work = _work(str(request["work"]))
    if request["part"] == "plan":
        return plan(str(request["work"]), work)
    return run(str(request["work"]), work, Path(request["keep"]), report)


def outer(fold: int) -> str:
    """The name of an outer fold's split."""
    return f"{fold}"


def inner(fold: int, within: int) -> str:
    """The name of the split of an inner fold of an outer one."""
    return f"{fold}.{within}"


def plan(path: str, work: Work) -> dict[str, Any]:
    """The CPU seconds that all fits would take, by those of a few points fitted to the middle fold."""
    asked = work.asked
    split = outer(int(asked["outer"]) // 2)
    began = time.process_time()
    train, _ = work.sides(split)
    preparing = time.process_time() - began
    tried = sorted({0, len(work.points) // 2, len(work.points) - 1})
    each = float(np.mean([fitted(path, split, point).seconds for point in tried]))
    rows = {name: work.splits[name].size / len(train.label) for name in work.splits.files if name.startswith("train")}
    searched, folds = sum(rows.values()), sum(rows[f"train {outer(fold)}"] for fold in range(int(asked["outer"])))
    again = folds * (1 + sum(SHARES[:-1]))  # with permuted labels, and along the learning curve
    seconds = each * (len(work.points) * searched + again) + preparing * (searched + again)
    return {"pilot_fits": len(tried), "pilot_seconds": each, "cpu_seconds": seconds,
            "wall_seconds": seconds / int(asked["processes"])}


def run(path: str, work: Work, keep: Path, report: Report) -> dict[str, Any]:
    """The fits on permuted labels, every fit of the search that is not kept yet, and those along the learning curve."""
    asked = work.asked
    folds, points = int(asked["outer"]), len(work.points)
    each = points * (1 + int(asked["inner"]))
    total, count = folds * (each + len(SHARES)), _Count()
    keep.mkdir(parents=True, exist_ok=True)
    found, known = [], _permuted(work, _from(report, 0, total, "permuted labels"), count)
    with _backend(asked["backend"]), Parallel(**_how(asked, path)) as parallel:
        for fold in range(folds):
            kept = keep / f"fold-{fold}.json"
            if not kept.exists():
                splits = [*(inner(fold, within) for within in range(int(asked["inner"]))), outer(fold)]
                done = _all(parallel, path, [(split, point, 1.0) for split in splits for point in range(points)],
                            _from(report, folds + fold * each, total, f"fold {fold + 1} of {folds}"), count)
                _keep(kept, {"inner": np.reshape(done[:-points], (-1, points)).T.tolist(), "outer": done[-points:]})
            found.append(json.loads(kept.read_text(encoding="utf-8")))
        outer_, inner_ = np.array([each["outer"] for each in found]).T, np.array([each["inner"] for each in found])
        best = Nested(outer_, inner_.mean(axis=2).T, 1.0, asked["higher_is_better"]).best
        wanted = [(outer(fold), best, share) for share in SHARES[:-1] for fold in range(folds)]
        curve = _all(parallel, path, wanted, _from(report, folds * (each + 1), total, "learning curve"), count)
    if asked["backend"] == "loky" and int(asked["processes"]) > 1:
        get_reusable_executor().shutdown(wait=True)  # its semaphores would outlive this process, which is killed
    sizes = [[part_of(work.splits[f"train {outer(fold)}"].size, share) for fold in range(folds)] for share in SHARES]
    return {"best": best, "outer": outer_.tolist(), "inner": inner_.mean(axis=2).T.tolist(), "chance": known,
            "curve": [*np.reshape(curve, (-1, folds)).tolist(), outer_[best].tolist()], "sizes": sizes,
            "test_rows": [int(work.splits[f"test {outer(fold)}"].size) for fold in range(folds)],
            "fitted": count.fits, "cpu_seconds": count.seconds, "notes": list(count.notes)}


def _from(report: Report, begun: int, total: int, label: str) -> Callable[[int], None]:
    """A report of what is done of a part, to which so much came before."""
    return lambda done: report(begun + done, total, label)


class _Count:
    """What the fits of this run came to."""

    def __init__(self) -> None:
        self.fits, self.seconds, self.notes = 0, 0.0, dict[str, None]()

    def add(self, one: Timed) -> None:
        self.fits, self.seconds = self.fits + 1, self.seconds + one.seconds
        self.notes |= dict.fromkeys(one.notes)


def _all(parallel: Parallel, path: str, wanted: Sequence[tuple[str, int, float]], report: Callable[[int], None],
         count: _Count) -> list[float]:
    """The scores of those fits, in order."""
    found = []
    for one in parallel(delayed(fitted)(path, *each) for each in wanted):
        found.append(one.value)
        count.add(one)
        report(len(found))
    return found


def _permuted(work: Work, report: Callable[[int], None], count: _Count) -> dict[str, Any]:
    """What the first point's answers on test rows know of labels that were permuted before anything was fitted.

    In this process, before the search and the last fold first, so that what an estimator remembers of the labels of
    later folds shows in earlier ones.
    """
    answers = []
    for done, fold in enumerate(reversed(range(int(work.asked["outer"])))):
        began = time.process_time()
        train, test = work.sides(outer(fold), permuted=True)
        answers.append(_answers(work, 0, train, test))
        count.add(Timed(0.0, time.process_time() - began))
        report(done + 1)
    try:
        found = above_chance(answers)
    except ValueError as problem:
        return {"z": None, "p_value": None, "n": sum(each.n for each in answers), "above": False,
                "reason": str(problem)}
    return {"z": found.z, "p_value": found.p_value, "n": found.n, "above": found.above, "reason": ""}


def _how(asked: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Answers come one by one where the backend can do that; what is put aside goes with the work."""
    if asked["backend"] != "loky":
        return {"n_jobs": int(asked["processes"]), "return_as": "list"}
    return {"n_jobs": int(asked["processes"]), "return_as": "generator", "temp_folder": str(Path(path).parent)}


def _backend(name: str) -> Any:
    """Joblib's backend of that name; Ray's has to be made known first."""
    if name == "ray":
        importlib.import_module("ray.util.joblib").register_ray()
    if name == "dask":
        importlib.import_module("distributed").Client(processes=True)
    return parallel_config(backend=name)


def _keep(path: Path, document: Mapping[str, Any]) -> None:
    """Write it whole or not at all."""
    staged = path.with_suffix(".part")
    staged.write_text(json.dumps(document, sort_keys=True), encoding="utf-8")
    staged.replace(path)
