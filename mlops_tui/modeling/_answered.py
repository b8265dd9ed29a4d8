"""What a model answered, read from a file with its labels: scores, classes with probabilities, or numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.arrays import Bools, Floats
from mlops_tui.analysis.groups import coded
from mlops_tui.errors import BadInput, nearest
from mlops_tui.modeling._labelled import (
    classes_in,
    labelled,
    labels_of,
    names_of,
    need_probabilities,
    numbers_in,
    several_classes,
    two_outcomes,
)
from store.columns import ReadFile, Texts

FEW_CLASSES = 20     # so many whole numbers or fewer could be classes as well
LARGEST_GAP = 1e-3   # by which probabilities may miss a sum of 1
MOST_CLASSES = 200


@dataclass(frozen=True)
class Asked:
    """Which columns of a file hold what; `task` is empty where the columns are to say it."""

    label: str
    score: str | None = None
    prediction: str | None = None
    probability: Mapping[str, str] = field(default_factory=dict)
    weight: str | None = None
    task: Task | None = None


@dataclass(frozen=True)
class Answered:
    """The labelled rows of a file: what was answered, other columns as text (n,), what is to be said of them.

    `rows` counts those without a label too; `weightless` rows had a label and the weight 0.
    """

    where: str
    answers: Answers
    texts: Mapping[str, Texts]
    rows: int
    unlabelled: int
    weightless: int = 0
    notes: tuple[str, ...] = ()


def answered(path: Path, asked: Asked, texts: Sequence[str] = ()) -> Answered:
    """Read the answers; BadInput names column, row (from 0) and value of what cannot be used, NotFound a column."""
    _consistent(asked)
    wanted = [name for name in (asked.score, asked.prediction, *asked.probability.values()) if name]
    of = labelled(path, asked.label, wanted, texts, asked.weight)
    made, notes = _READERS[_task(of.read, asked)](of.read, asked, of.rows)
    return Answered(of.where, replace(made, weight=of.weight), of.texts, of.read.rows, of.unlabelled, of.weightless,
                    notes)


def by_class(probability: Sequence[str]) -> Mapping[str, str]:
    """Column by class of `CLASS=COLUMN`; the last = divides, for a class may hold one."""
    found: dict[str, str] = {}
    for each in probability:
        name, separator, column = each.rpartition("=")
        if not separator or not name or not column:
            raise BadInput(f"'{each}' is no CLASS=COLUMN.", where="--probability",
                           next="Write --probability cat=p_cat.")
        if name in found:
            raise BadInput(f"The class '{name}' is given twice.", where="--probability", next="Give each class once.")
        found[name] = column
    return found


# -- which task -----------------------------------------------------------------------------------------------------


_GIVEN = {Task.BINARY: "--score S, or --prediction P",
          Task.MULTICLASS: "--prediction P, or --probability CLASS=COLUMN for each class",
          Task.REGRESSION: "--prediction P"}


def _consistent(asked: Asked) -> None:
    """Refuse options that do not go together."""
    given = [name for name, value in (("--score", asked.score), ("--prediction", asked.prediction),
                                      ("--probability", asked.probability)) if value]
    if len(given) != 1:
        raise BadInput(f"{' and '.join(given)} say different things." if given else "What did the model answer?",
                       next="One of --score S (yes or no), --prediction P (a class or a number), "
                            "--probability CLASS=COLUMN (each class).")
    fits = {Task.BINARY: ["--score", "--prediction"], Task.MULTICLASS: ["--prediction", "--probability"],
            Task.REGRESSION: ["--prediction"]}
    if asked.task is not None and given[0] not in fits[asked.task]:
        raise BadInput(f"A {asked.task} model is not read from {given[0]}.", next=f"Give {_GIVEN[asked.task]}.")


def _task(read: ReadFile, asked: Asked) -> Task:
    """The task asked for, else what options and values tell; refused where whole numbers could be classes as well."""
    if asked.task is not None:
        return asked.task
    if asked.score:
        return Task.BINARY
    if asked.probability:
        return Task.MULTICLASS
    columns = [read.columns[asked.label], read.columns[str(asked.prediction)]]
    if any(each.field.kind == "category" for each in columns):
        return Task.MULTICLASS
    values = np.concatenate([each.values[~each.missing].astype(np.float64) for each in columns])
    values = values[np.isfinite(values)]
    if np.isin(values, [0, 1]).all():
        return Task.BINARY
    if any(each.field.kind == "boolean" for each in columns):
        return Task.MULTICLASS
    if np.all(values == np.round(values)) and np.unique(values).size <= FEW_CLASSES:
        raise BadInput(f"'{asked.label}' and '{asked.prediction}' hold a few whole numbers: they may be classes or "
                       "amounts.", where=read.where, next="Say which: --task multiclass or --task regression.")
    return Task.REGRESSION


# -- the three kinds of answers -------------------------------------------------------------------------------------


def _binary(read: ReadFile, asked: Asked, rows: Bools) -> tuple[Answers, tuple[str, ...]]:
    labels = two_outcomes(read, asked.label, labels_of(read, asked.label)[rows])
    if asked.prediction:
        return Answers(Task.BINARY, labels, _decisions(read, asked.prediction, rows)), ()
    scores = numbers_in(read, str(asked.score), rows)
    need_probabilities(read.where, str(asked.score), scores,
                       "To judge the order alone: mlops-tui compare. Else turn them into probabilities first.")
    return Answers(Task.BINARY, labels, scores), ()


def _decisions(read: ReadFile, name: str, rows: Bools) -> Floats:
    """A column of 0 and 1, or true and false, as the scores of decisions."""
    column = read.columns[name]
    if column.field.kind == "category":
        values = labels_of(read, name).astype(np.float64)
        odd = rows & column.missing
    else:
        values = column.values.astype(np.float64)
        odd = rows & (column.missing | ~np.isin(values, [0, 1]))
    if odd.any():
        first = int(np.argmax(odd))
        seen = "null" if column.missing[first] else f"{values[first]:g}"
        raise BadInput(f"{int(odd.sum()):,} labelled rows have no decision in '{name}', the first is {seen}.",
                       where=f"{read.where}, row {first} (from 0)",
                       next=f"A decision is 0 or 1; of probabilities: --score {name}.")
    return values[rows]


def _regression(read: ReadFile, asked: Asked, rows: Bools) -> tuple[Answers, tuple[str, ...]]:
    label = numbers_in(read, asked.label, rows, "label")
    given = numbers_in(read, str(asked.prediction), rows, "prediction")
    return Answers(Task.REGRESSION, label, given), ()


def _multiclass(read: ReadFile, asked: Asked, rows: Bools) -> tuple[Answers, tuple[str, ...]]:
    for name in filter(None, (asked.label, asked.prediction)):
        if read.columns[name].field.kind == "time":
            raise BadInput(f"'{name}' holds times, which are no classes.", where=read.where,
                           next="Name another column.")
    label = several_classes(read, asked.label, names_of(read.columns[asked.label])[rows])
    if asked.prediction:
        classes, numbers = coded(np.concatenate([label, classes_in(read, asked.prediction, rows)]))
        _few_enough(read, asked, classes.size)
        half = numbers.size // 2
        return Answers(Task.MULTICLASS, numbers[:half], numbers[half:], tuple(classes.tolist())), ()
    names = tuple(asked.probability)
    place = {name: number for number, name in enumerate(names)}
    distinct, of = coded(label)
    missing = [name for name in distinct.tolist() if name not in place]
    if missing:
        row = int(np.flatnonzero(rows)[int(np.argmax(of == distinct.tolist().index(missing[0])))])
        raise BadInput(f"The label '{missing[0]}' in '{asked.label}' has no probability; given: {', '.join(names)}.",
                       where=f"{read.where}, row {row} (from 0)",
                       next=nearest(missing[0], names) or f"Add --probability '{missing[0]}=COLUMN'.")
    _few_enough(read, asked, len(names))
    given, notes = _probabilities(read, asked, rows)
    numbers = np.array([place[name] for name in distinct.tolist()])[of]
    absent = [name for name in names if name not in distinct.tolist()]
    if absent:
        notes = (*notes, f"No row is of class {', '.join(absent)}: it counts only where it was answered.")
    return Answers(Task.MULTICLASS, numbers, given, names), notes


def _few_enough(read: ReadFile, asked: Asked, classes: int) -> None:
    if classes > MOST_CLASSES:
        raise BadInput(f"'{asked.label}' and the answers have {classes:,} values, which is no classification.",
                       where=read.where, next="Of numbers: --task regression.")


def _probabilities(read: ReadFile, asked: Asked, rows: Bools) -> tuple[Floats, tuple[str, ...]]:
    """Probabilities (n, k); refused outside [0, 1] and where a row's sum misses 1 by more than 0.001."""
    columns = list(asked.probability.values())
    for name in columns:
        if columns.count(name) > 1:
            raise BadInput(f"'{name}' is given as the probability of two classes.", next="Name a column for each.")
    given = np.column_stack([numbers_in(read, name, rows, "probability") for name in columns])
    for place, name in enumerate(columns):
        need_probabilities(read.where, name, given[:, place], "Turn them into probabilities first.")
    gap = np.abs(given.sum(axis=1) - 1)
    worst = int(np.argmax(gap))
    if gap[worst] > LARGEST_GAP:
        row = int(np.flatnonzero(rows)[worst])
        raise BadInput(f"The probabilities of {int((gap > LARGEST_GAP).sum()):,} rows do not add up to 1; the furthest "
                       f"add up to {given[worst].sum():.4g}.", where=f"{read.where}, row {row} (from 0)",
                       next="Give --probability for every class, or divide each row by its sum.")
    said = (f"Probabilities add up to 1 within {gap[worst]:.1g}.",) if gap[worst] > 1e-6 else ()
    return given, said


_READERS = {Task.BINARY: _binary, Task.MULTICLASS: _multiclass, Task.REGRESSION: _regression}
