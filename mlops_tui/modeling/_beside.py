"""Several models' answers on the rows of a file, or of two files whose rows belong together by an id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.arrays import Bools
from mlops_tui.errors import BadInput
from mlops_tui.modeling._labelled import (
    SPOKEN,
    classes_in,
    labelled,
    labels_of,
    names_of,
    numbers_in,
    several_classes,
    two_outcomes,
)
from store.columns import ReadFile, Texts


@dataclass(frozen=True)
class Columns:
    """Which columns of a file hold what; `task` is empty where they are to say it."""

    label: str
    answers: tuple[str, ...]
    weight: str | None = None
    texts: tuple[str, ...] = ()
    task: Task | None = None


@dataclass(frozen=True)
class Beside:
    """Models by name on labelled rows, other columns as text (n,); `rows` counts those without a label too,
    `weightless` those that had one and the weight 0.

    `paired`: all models answered the same rows, in the same order. `kept` marks them among the rows of the first file.
    """

    where: str
    models: Mapping[str, Answers]
    texts: Mapping[str, Texts] = field(default_factory=dict)
    rows: int = 0
    paired: bool = True
    kept: Bools = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    weightless: int = 0

    @property
    def first(self) -> Answers:
        return next(iter(self.models.values()))

    @property
    def n(self) -> int:
        return self.first.n

    @property
    def task(self) -> Task:
        return self.first.task


def beside(path: Path, columns: Columns) -> Beside:
    """Read label, answers and what else is needed; rows without a label or of weight 0 are left out.

    BadInput names column, row (from 0) and value of what cannot be used; NotFound a column that is not there.
    """
    of = labelled(path, columns.label, columns.answers, columns.texts, columns.weight)
    made = _READERS[columns.task or _task(of.read, columns)](of.read, columns, of.rows)
    return Beside(of.where, {name: replace(each, weight=of.weight) for name, each in made.items()}, of.texts,
                  of.read.rows, kept=of.rows, weightless=of.weightless)


def _task(read: ReadFile, columns: Columns) -> Task:
    """Numbers with fractions as labels are a regression, other texts than true and false beside texts are classes."""
    label = read.columns[columns.label]
    known = label.values[~label.missing]
    if label.field.kind == "category":
        spoken = bool(np.isin(np.char.lower(known.astype(np.str_)), SPOKEN).all())
        texts = all(read.columns[name].field.kind == "category" for name in columns.answers)
        return Task.MULTICLASS if texts and not spoken else Task.BINARY
    if label.field.kind == "numeric":
        values = known.astype(np.float64)
        values = values[np.isfinite(values)]
        return Task.REGRESSION if (values != np.round(values)).any() else Task.BINARY
    return Task.BINARY


def _binary(read: ReadFile, columns: Columns, rows: Bools) -> dict[str, Answers]:
    labels = two_outcomes(read, columns.label, labels_of(read, columns.label)[rows])
    return {name: Answers(Task.BINARY, labels, numbers_in(read, name, rows)) for name in columns.answers}


def _regression(read: ReadFile, columns: Columns, rows: Bools) -> dict[str, Answers]:
    label = numbers_in(read, columns.label, rows, "label")
    return {name: Answers(Task.REGRESSION, label, numbers_in(read, name, rows, "prediction"))
            for name in columns.answers}


def _multiclass(read: ReadFile, columns: Columns, rows: Bools) -> dict[str, Answers]:
    given = {name: classes_in(read, name, rows) for name in columns.answers}
    label = several_classes(read, columns.label, names_of(read.columns[columns.label])[rows])
    classes, of = np.unique(np.concatenate([label, *given.values()]), return_inverse=True)
    numbers = of.reshape(-1, label.size)
    return {name: Answers(Task.MULTICLASS, numbers[0], numbers[place], tuple(classes.tolist()))
            for place, name in enumerate(given, 1)}


_READERS = {Task.BINARY: _binary, Task.MULTICLASS: _multiclass, Task.REGRESSION: _regression}


# -- two files ------------------------------------------------------------------------------------------------------


def joined(one: Beside, other: Beside, id: str, names: tuple[str, str]) -> Beside:
    """The models of two files on the same rows, brought together by an id; BadInput where ids or labels differ."""
    mine, theirs = one.texts[id], other.texts[id]
    for data, ids in ((one, mine), (other, theirs)):
        found, first, counts = np.unique(ids, return_index=True, return_counts=True)
        if (counts > 1).any():
            twice = found[np.argmax(counts > 1)]
            raise BadInput(f"{int((counts > 1).sum()):,} ids of '{id}' occur more than once, the first is '{twice}'.",
                           where=f"{data.where}, labelled row {int(first[np.argmax(counts > 1)])} (from 0)",
                           next="Name a column that is another one in every row.")
    for (data, ids), (against, others) in (((one, mine), (other, theirs)), ((other, theirs), (one, mine))):
        lost = ~np.isin(ids, others)
        if lost.any():
            raise BadInput(f"{int(lost.sum()):,} of {ids.size:,} ids of '{id}' are not in {against.where}, the first "
                           f"is '{ids[np.argmax(lost)]}'.", where=data.where,
                           next="Give both files the same labelled rows; of different ones: --unpaired.")
    order = np.argsort(theirs)[np.searchsorted(np.sort(theirs), mine)]
    a, b = one.first, other.first.of(order)
    a, b = _alike(a, b)
    if not np.array_equal(a.label, b.label):
        row = int(np.argmax(a.label != b.label))
        raise BadInput(f"The files give {int((a.label != b.label).sum()):,} rows different labels, the first has the "
                       f"id '{mine[row]}'.", where=f"{one.where} and {other.where}", next="Label both from one source.")
    return Beside(f"{one.where} and {other.where}", {names[0]: a, names[1]: replace(b, weight=a.weight)}, one.texts,
                  one.rows, kept=one.kept, weightless=one.weightless)


def apart(one: Beside, other: Beside, names: tuple[str, str]) -> Beside:
    """The models of two files with different rows."""
    a, b = _alike(one.first, other.first)
    return Beside(f"{one.where} and {other.where}", dict(zip(names, (a, b), strict=True)), {}, one.rows + other.rows,
                  paired=False)


def _alike(a: Answers, b: Answers) -> tuple[Answers, Answers]:
    """Both with the same classes in the same order."""
    if a.task is not b.task:
        raise BadInput(f"One file holds a {a.task} model's answers, the other one a {b.task} model's.",
                       next="Say the task: --task regression.")
    if a.task is not Task.MULTICLASS or a.classes == b.classes:
        return a, b
    classes = tuple(dict.fromkeys((*a.classes, *b.classes)))
    found = []
    for each in (a, b):
        number = np.array([classes.index(name) for name in each.classes])
        found.append(replace(each, label=number[each.label], given=number[each.given], classes=classes))
    return found[0], found[1]


def sorted_by(data: Beside, order: Sequence[int]) -> Beside:
    """The rows in another order."""
    places = np.asarray(order)
    return replace(data, models={name: each.of(places) for name, each in data.models.items()},
                   texts={name: values[places] for name, values in data.texts.items()})
