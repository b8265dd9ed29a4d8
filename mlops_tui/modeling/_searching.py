"""The rows of a search, its folds within folds, and the file that tells the child process what is to be done."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.metrics import Metric
from mlops_tui.analysis.split import Fold, Layout, Spans, overlap_count, shuffled_folds, time_folds
from mlops_tui.declarations.kinds import Candidate
from mlops_tui.declarations.searchspace import SHARES, Point
from mlops_tui.errors import BadInput

EDITION = 1  # counts up when the same rows and declaration give another result


@dataclass(frozen=True)
class Material:
    """The rows to tune on, and what an estimator must know of them.

    `spans` (n,) where they have times, else `group` (n,) may hold what is never on both sides; `gap` in the unit of the
    times. `data` is the digest of the rows' snapshot or file.
    """

    table: pa.Table
    label: str
    features: tuple[str, ...]
    data: str
    keys: tuple[str, ...] = ()
    task: Task = Task.BINARY
    classes: tuple[str, ...] = ()
    weight: str = ""
    spans: Spans | None = None
    group: npt.NDArray[np.int64] | None = None
    gap: int = 0
    prepare: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""

    @property
    def n(self) -> int:
        return int(self.table.num_rows)

    def sampled(self, most: int | None, seed: int) -> "Material":
        """At most so many of the rows, drawn evenly, in their order."""
        if most is None or most >= self.n:
            return self
        at = np.sort(np.random.default_rng(seed).permutation(self.n)[:most])
        spans = part(self.spans, at) if self.spans is not None else None
        return Material(**{**vars(self), "table": self.table.take(pa.array(at)), "spans": spans,
                           "group": self.group[at] if self.group is not None else None})


@dataclass(frozen=True)
class Asked:
    """What is to be searched, and how: the candidate, its points, folds within folds, and where it is computed."""

    name: str
    candidate: Candidate
    points: Sequence[Point]
    metric: Metric
    outer: int
    inner: int
    seed: int
    processes: int
    backend: str = "loky"
    raw: bool = False
    outside: str = ""
    rolling: bool = False


def part(spans: Spans, at: npt.NDArray[Any]) -> Spans:
    """The spans of some rows."""
    return Spans(spans.start[at], spans.end[at], spans.group[at] if spans.group is not None else None)


def folds(material: Material, asked: Asked) -> tuple[tuple[Fold, ...], dict[str, npt.NDArray[Any]]]:
    """The outer folds, and the training and test rows of every split by name; each is audited.

    Rows with times are split walking forward, also within the training rows of an outer fold; others at random.
    """
    every = np.arange(material.n)
    outer = _split(material, every, asked.outer, asked)
    splits: dict[str, npt.NDArray[Any]] = {}
    for fold in outer:
        inner = _split(material, fold.train, asked.inner, asked)
        for name, one, at in [(f"{fold.number - 1}", fold, every),
                              *((f"{fold.number - 1}.{each.number - 1}", each, fold.train) for each in inner)]:
            splits[f"train {name}"], splits[f"test {name}"] = at[one.train], at[one.test]
    return outer, splits


def _split(material: Material, at: npt.NDArray[Any], number: int, asked: Asked) -> tuple[Fold, ...]:
    try:
        if material.spans is None:
            group = material.group[at] if material.group is not None else None
            return shuffled_folds(at.size, number, asked.seed, group)
        spans = part(material.spans, at)
        made = time_folds(spans, Layout(number, gap=material.gap, rolling=asked.rolling))
    except ValueError as problem:
        raise BadInput(f"{at.size} rows cannot be split into {number} folds: {problem}.", where=material.where,
                       next="Use fewer folds, more rows or a shorter gap.") from problem
    leaks = sum(overlap_count(spans, fold) for fold in made)
    if leaks:
        raise BadInput(f"{leaks} training rows know something of the test rows of their fold.", where=material.where)
    return made


def fits(asked: Asked) -> int:
    """How many fits there are: of every point, and of the best with permuted labels and along the learning curve."""
    return asked.outer * (len(asked.points) * (1 + asked.inner) + len(SHARES))


def write(folder: Path, material: Material, asked: Asked, splits: Mapping[str, npt.NDArray[Any]]) -> Path:
    """The work as files in the folder; where it is told."""
    rows, split, work = folder.absolute() / "rows.parquet", folder.absolute() / "splits.npz", folder.absolute() / "work"
    pq.write_table(material.table, rows)
    np.savez(split, allow_pickle=False, **splits)
    work.write_text(json.dumps({
        "rows": str(rows), "splits": str(split), "label": material.label, "features": list(material.features),
        "keys": list(material.keys), "task": material.task.value, "classes": list(material.classes),
        "weight": material.weight, "prepare": dict(material.prepare), "metric": asked.metric.id,
        "threshold": asked.metric.threshold, "higher_is_better": asked.metric.higher_is_better, "name": asked.name,
        "candidate": {**asdict(asked.candidate), "stopping": None}, "points": list(asked.points), "outer": asked.outer,
        "inner": asked.inner, "seed": asked.seed, "raw": asked.raw, "outside": asked.outside,
        "processes": asked.processes, "backend": asked.backend}), encoding="utf-8")
    return work
