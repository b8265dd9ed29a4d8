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
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from joblib import Parallel, delayed, parallel_config

from mlops_tui import fitting
from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.permuted import above_chance
from mlops_tui.analysis.metrics import METRICS, Family, metric_value
from mlops_tui.analysis.nested import Nested
from mlops_tui.child import function_of
from mlops_tui.errors import BadInput
from mlops_tui.frames import frame_of
from mlops_tui.searchspace import pointed, spelled

SHARES = (0.1, 0.18, 0.32, 0.56, 1.0)  # of a fold's training rows, along the learning curve
Report = Callable[[int, int, str], None]
Labels = npt.NDArray[Any]


@dataclass(frozen=True)
class Timed:
    """What one fit came to: the score of its test rows, its CPU seconds, and what scikit-learn warned about."""

    value: float
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """Rows of one side of a split, as an estimator reads them."""

    features: pd.DataFrame
    label: Labels


class Work:
    """What is to be done, read once by each process."""

    def __init__(self, path: str) -> None:
        self.asked: Mapping[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        self.table = pq.read_table(self.asked["rows"])
        self.task, self.metric, self.seed = Task(self.asked["task"]), str(self.asked["metric"]), int(self.asked["seed"])
        self.splits = np.load(self.asked["splits"])
        self.points: Sequence[Mapping[str, Any]] = self.asked["points"]

    @cached_property
    def label(self) -> Labels:
        """0 or 1, the number of a class, or a number, of each row."""
        column = self.table.column(self.asked["label"])
        if self.task is Task.MULTICLASS:
            place = {name: number for number, name in enumerate(self.asked["classes"])}
            return np.array([place[str(value)] for value in column.to_pylist()])
        values = column.cast(pa.float64()).to_numpy()
        return np.asarray(values.astype(np.int8) if self.task is Task.BINARY else values)

    @cached_property
    def shuffled(self) -> npt.NDArray[np.intp]:
        """The rows whose labels the permuted ones are."""
        return np.random.default_rng(self.seed).permutation(self.table.num_rows)

    @lru_cache(maxsize=2)  # noqa: B019 - there is one work in a process
    def outside(self, permuted: bool) -> tuple[pd.DataFrame, Labels]:
        """All rows after the preparation that is made outside of the folds."""
        label = self.label[self.shuffled] if permuted else self.label
        made = frame_of(self.table, self.asked["features"])
        if self.asked.get("outside"):
            made = _function(self.asked["outside"])(made, label.copy())
            if not isinstance(made, pd.DataFrame) or len(made) != len(label):
                raise BadInput(f"{self.asked['outside']} must return a frame with a row for each of the {len(label)}.")
        return made, label

    @lru_cache(maxsize=2)  # noqa: B019
    def sides(self, split: str, permuted: bool = False, share: float = 1.0) -> tuple[Part, Part]:
        """Training and test rows of a split, prepared by what the training rows say."""
        train, test = self.splits[f"train {split}"], self.splits[f"test {split}"]
        if share < 1:
            order = np.random.default_rng(self.seed).permutation(train.size)
            train = np.sort(train[order[:max(2, round(share * train.size))]])
        if not (self.asked.get("prepare") or {}).get("steps"):
            made, label = self.outside(permuted)
            return Part(made.iloc[train], label[train]), Part(made.iloc[test], label[test])
        return self._prepared(train, test, permuted)

    def _prepared(self, train: Labels, test: Labels, permuted: bool) -> tuple[Part, Part]:
        table, name = self.table, self.asked["label"]
        if permuted:
            at = table.column_names.index(name)
            table = table.set_column(at, name, table.column(name).take(pa.array(self.shuffled)))
        label = self.label[self.shuffled] if permuted else self.label
        one, other, _ = fitting._prepared(self.asked, table.take(pa.array(train)), table.take(pa.array(test)))
        columns = fitting.features_of(one, self.asked)
        return Part(frame_of(one, columns), label[train]), Part(frame_of(other, columns), label[test])


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


def _answers(work: Work, number: int, train: Part, test: Part) -> Answers:
    """What the point's model says of the test rows."""
    point = work.points[number]
    where = f"candidate {work.asked['name']}, {spelled(point)}"
    random.seed(work.seed)
    np.random.seed(work.seed)  # estimators without a random_state draw from here
    made = fitting._candidate(work.asked["name"], pointed(work.asked["candidate"], point), _function)()
    model = fitting.seeded(made if work.asked["raw"] else fitting.piped(made, train.features), work.seed)
    try:
        model.fit(train.features, train.label)
    except ValueError as problem:
        raise BadInput(str(problem).splitlines()[0], where=where) from problem
    return Answers(work.task, test.label, _said(model, test.features, work, where), tuple(work.asked["classes"]))


def _said(model: Any, features: pd.DataFrame, work: Work, where: str) -> npt.NDArray[Any]:
    """Scores of a yes, numbers of classes or their probabilities, or numbers."""
    if work.task is Task.REGRESSION:
        return np.asarray(model.predict(features), dtype=np.float64)
    if hasattr(model, "predict_proba"):
        given = np.asarray(model.predict_proba(features), dtype=np.float64)
        if work.task is Task.BINARY:
            return np.asarray(given[:, 1])
        if len(model.classes_) == len(work.asked["classes"]):
            return given
    if work.task is Task.MULTICLASS:
        return np.asarray(model.predict(features), dtype=np.int64)
    family = METRICS[work.metric].family
    if family is Family.LOSS:
        raise BadInput(f"{type(model).__name__} gives no probabilities, and {work.metric} is of them.", where=where,
                       next="Wrap it in sklearn.calibration.CalibratedClassifierCV, or choose another --metric.")
    if family is Family.RANKING and hasattr(model, "decision_function"):
        return np.asarray(model.decision_function(features), dtype=np.float64)
    return np.asarray(model.predict(features), dtype=np.float64)


def score(work: Work, answers: Answers) -> float:
    """The metric of the answers; BadInput where it is not defined."""
    found, why = value_of(work, answers)
    if found is None or not np.isfinite(found):
        raise BadInput(f"{work.metric} is undefined on the {answers.n} test rows of a fold: {why or 'not finite'}.",
                       next="Use fewer folds, or more rows.")
    return found


def value_of(work: Work, answers: Answers) -> tuple[float | None, str]:
    """The metric of the answers, or None and why it is undefined."""
    if answers.task is Task.BINARY:
        chosen = METRICS[work.metric]
        return metric_value(type(chosen)(chosen.id, chosen.family, chosen.higher_is_better, work.asked["threshold"]),
                            answers.label, answers.given)
    return VALUES[work.metric](answers), ""


VALUES: Mapping[str, Callable[[Answers], float]] = {
    "accuracy": lambda answers: float((answers.decided == answers.label).mean()),
    "rmse": lambda answers: float(np.sqrt(((answers.given - answers.label) ** 2).mean())),
    "mae": lambda answers: float(np.abs(answers.given - answers.label).mean())}


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
    """How many fits there are, and the CPU seconds that they would take by a few points fitted to the middle fold."""
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
    fits = len(work.points) * len(rows) + len(SHARES) * int(asked["outer"])
    seconds = each * (len(work.points) * searched + again) + preparing * (searched + again)
    return {"fits": fits, "pilot_fits": len(tried), "pilot_seconds": each, "cpu_seconds": seconds,
            "wall_seconds": seconds / int(asked["processes"])}


def run(path: str, work: Work, keep: Path, report: Report) -> dict[str, Any]:
    """Every fit that is not kept yet, then the fits on permuted labels and along the learning curve."""
    asked = work.asked
    folds, points = int(asked["outer"]), len(work.points)
    each = points * (1 + int(asked["inner"]))
    total, count = folds * (each + len(SHARES)), _Count()
    keep.mkdir(parents=True, exist_ok=True)
    found = []
    with _backend(asked["backend"]), Parallel(**_how(asked)) as parallel:
        for fold in range(folds):
            kept = keep / f"fold-{fold}.json"
            if not kept.exists():
                splits = [*(inner(fold, within) for within in range(int(asked["inner"]))), outer(fold)]
                label = f"fold {fold + 1} of {folds}"
                done = _all(parallel, path, [(split, point, 1.0) for split in splits for point in range(points)],
                            lambda done, at=fold * each, label=label: report(at + done, total, label), count)
                _keep(kept, {"inner": np.reshape(done[:-points], (-1, points)).T.tolist(), "outer": done[-points:]})
            found.append(json.loads(kept.read_text(encoding="utf-8")))
        outer_, inner_ = np.array([each["outer"] for each in found]).T, np.array([each["inner"] for each in found])
        best = Nested(outer_, inner_.mean(axis=2).T, 1.0, asked["higher_is_better"]).best
        known = _permuted(work, best, lambda done: report(folds * each + done, total, "permuted labels"), count)
        wanted = [(outer(fold), best, share) for share in SHARES[:-1] for fold in range(folds)]
        curve = _all(parallel, path, wanted, lambda done: report(folds * (each + 1) + done, total, "learning curve"),
                     count)
    sizes = [[max(2, round(share * work.splits[f"train {outer(fold)}"].size)) for fold in range(folds)]
             for share in SHARES]
    return {"outer": outer_.tolist(), "inner": inner_.mean(axis=2).T.tolist(), "chance": known,
            "curve": [*np.reshape(curve, (-1, folds)).tolist(), outer_[best].tolist()], "sizes": sizes,
            "test_rows": [int(work.splits[f"test {outer(fold)}"].size) for fold in range(folds)],
            "fitted": count.fits, "cpu_seconds": count.seconds, "notes": list(count.notes)}


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


def _permuted(work: Work, point: int, report: Callable[[int], None], count: _Count) -> dict[str, Any]:
    """What that point's answers on test rows know of labels that were permuted before anything was fitted.

    In this process and the last fold first, so that what an estimator remembers of later folds shows in earlier ones.
    """
    answers = []
    for done, fold in enumerate(reversed(range(int(work.asked["outer"])))):
        began = time.process_time()
        train, test = work.sides(outer(fold), permuted=True)
        answers.append(_answers(work, point, train, test))
        count.add(Timed(0.0, time.process_time() - began))
        report(done + 1)
    try:
        found = above_chance(answers)
    except ValueError as problem:
        return {"z": None, "p_value": None, "n": sum(each.n for each in answers), "above": False,
                "reason": str(problem)}
    return {"z": found.z, "p_value": found.p_value, "n": found.n, "above": found.above, "reason": ""}


def _how(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Answers come one by one where the backend can do that."""
    own = asked["backend"] == "loky"
    return {"n_jobs": int(asked["processes"]), "return_as": "generator"} if own else {"return_as": "list"}


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
