"""The labelled rows of a file: labels, scores, classes and weights, refused by column and row if unusable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlops_tui.analysis.arrays import Bools, Floats
from mlops_tui.errors import BadInput
from mlops_tui.view import counted
from store.columns import ReadColumn, ReadFile, Texts, read_columns

YES, SPOKEN = ("1", "true"), ("0", "1", "false", "true")


@dataclass(frozen=True)
class Labelled:
    """A file's columns, and which of its rows count, (rows,): those with a label, and a weight that is not 0.

    `weight` is what each of these counts, (n,); None where they all count the same.
    """

    read: ReadFile
    labelled: Bools
    rows: Bools
    weight: Floats | None

    @property
    def where(self) -> str:
        return self.read.where

    @property
    def texts(self) -> dict[str, Texts]:
        return {name: values[self.rows] for name, values in self.read.texts.items()}

    @property
    def unlabelled(self) -> int:
        return int((~self.labelled).sum())

    @property
    def weightless(self) -> int:
        return int((self.labelled & ~self.rows).sum())


def labelled(path: Path, label: str, others: Sequence[str], texts: Sequence[str] = (),
             weight: str | None = None) -> Labelled:
    """Read a label, other columns and columns of text; BadInput for no rows, no label, or weights that are none.

    NotFound for a column that is not there.
    """
    read = read_columns(path, list(dict.fromkeys([label, *others, *([weight] if weight else [])])), texts)
    if not read.rows:
        raise BadInput(f"'{path.name}' has columns but no rows.", where=read.where, next="Name a file with data.")
    known = ~read.columns[label].missing
    if not known.any():
        raise BadInput(f"No row has a label: all {read.rows} values of '{label}' are null.", where=read.where,
                       next="Join the outcomes first.")
    if weight is None:
        return Labelled(read, known, known, None)
    counts = _weights(read, weight, known)
    rows = known & (counts > 0)
    return Labelled(read, known, rows, None if np.ptp(counts[rows]) == 0 else counts[rows])


def _weights(read: ReadFile, name: str, rows: Bools) -> Floats:
    """What each row counts, (rows,); refused with the row where it is no number, negative, or 0 everywhere."""
    weight = numbers_in(read, name, rows, "weight", whole=True)
    negative = rows & (weight < 0)
    if negative.any():
        first = int(np.argmax(negative))
        raise BadInput(f"The weight '{name}' is negative in {counted(int(negative.sum()), 'row')}, the first "
                       f"is {weight[first]:g}.", where=f"{read.where}, row {first} (from 0)",
                       next="A weight says how much a row counts: 0 or more.")
    if not (weight[rows] > 0).any():
        raise BadInput(f"The weight '{name}' is 0 in every labelled row.", where=read.where,
                       next="Leave out --weight, or name another column.")
    return weight


def uneven(weights: Floats | None) -> Floats | None:
    """Weights as shares of the largest; None where all rows count the same."""
    return None if weights is None or weights.min() == weights.max() else weights / weights.max()


@dataclass(frozen=True)
class Scored:
    """Rows with a yes or no and scores by column: all (n,); `weight` in shares of the largest."""

    of: Labelled
    labels: Bools
    scores: Mapping[str, Floats]
    weight: Floats | None

    @property
    def n(self) -> int:
        return int(self.labels.size)


def scored(path: Path, label: str, scores: Sequence[str], texts: Sequence[str] = (),
           weight: str | None = None) -> Scored:
    """Read a label column of 0 and 1, score columns, and others as text; rows that do not count are left out.

    BadInput names column, row (from 0) and value: another label, one class, a score that is no number. NotFound for a
    column that is not there.
    """
    of = labelled(path, label, scores, texts, weight)
    labels = two_outcomes(of.read, label, labels_of(of.read, label)[of.rows])
    return Scored(of, labels, {name: numbers_in(of.read, name, of.rows) for name in scores}, uneven(of.weight))


def two_outcomes(read: ReadFile, name: str, labels: Bools) -> Bools:
    """The labels, refused where all of them are the same."""
    if labels.all() or not labels.any():
        raise BadInput(f"Only one class: all {labels.size} labels in '{name}' are {int(labels[0])}.", where=read.where,
                       next="Choose rows in which both outcomes occur.")
    return labels


def labels_of(read: ReadFile, name: str) -> Bools:
    """A column of 0 and 1, or true and false, as truth values (n,); refused with the first row that is neither."""
    column = read.columns[name]
    if column.field.kind == "category":
        lower = np.char.lower(column.values.astype(np.str_))
        good, positive = column.missing | np.isin(lower, SPOKEN), np.isin(lower, YES)
    else:
        numeric = column.values.astype(np.float64)
        good, positive = column.missing | np.isin(numeric, [0, 1]), numeric == 1
    if not good.all():
        row = int(np.argmin(good))
        seen = [shown(value) for value in dict.fromkeys(column.values[~column.missing][:10_000].tolist())]
        raise BadInput(f"The label '{name}' must be 0 or 1, or true or false; seen: {', '.join(seen[:5])}"
                       f"{', …' if len(seen) > 5 else ''}.", where=f"{read.where}, row {row} (from 0)",
                       next=_mended(name, column.field.kind, seen, column.values[~good][0]))
    return np.asarray(positive, dtype=np.bool_)


def _mended(name: str, kind: str, seen: Sequence[str], odd: object) -> str:
    """What to do about such labels: a stray value is mended, numbers are predicted, words are spelled out."""
    if kind == "numeric" and len(seen) > 2 and {"0", "1"} <= set(seen) and len(seen) <= 4:
        return f"Mend or leave out the rows with {shown(odd)}."
    if kind == "numeric" and len(seen) > 2:
        return "Of numbers: --prediction COLUMN (evaluate), or --task regression (compare)."
    return f"Make it so, for example with the SQL {name} = {seen[-1]}."


def shown(value: object) -> str:
    """A value as it is named in a message."""
    return f"'{value}'" if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)


def numbers_in(read: ReadFile, name: str, rows: Bools, what: str = "score", *, whole: bool = False) -> Floats:
    """A numeric column on some rows, or on all where `whole`; refused with the first of these rows without a number."""
    column = read.columns[name]
    if column.field.kind == "category":
        raise _no_numbers(read, name, what)
    if column.field.kind == "time":
        raise BadInput(f"The {what} '{name}' is no number: the column is {column.field.type}.", where=read.where,
                       next="Name a numeric column.")
    values = column.values.astype(np.float64)
    bad = rows & (column.missing | ~np.isfinite(values))
    if bad.any():
        first = int(np.argmax(bad))
        seen = "null" if column.missing[first] else f"{values[first]}"
        advice = {"score": "Score every row, or leave out those without a score."}
        raise BadInput(f"{int(bad.sum())} labelled rows have no usable {what} in '{name}', the first is {seen}.",
                       where=f"{read.where}, row {first} (from 0)",
                       next=advice.get(what, f"Give every row a finite {what}, or leave these out."))
    return values if whole else values[rows]


def _no_numbers(read: ReadFile, name: str, what: str) -> BadInput:
    """Which texts of a column are no numbers; one alone makes a reader take the whole column for texts."""
    column = read.columns[name]
    odd = ~column.missing & ~np.array([_reads_as_number(str(value)) for value in column.values], dtype=np.bool_)
    if not odd.any():
        return BadInput(f"The {what} '{name}' is no number: the column is {column.field.type}.", where=read.where,
                        next="Write it as numbers.")
    first = int(np.argmax(odd))
    return BadInput(f"The {what} '{name}' is no number in {int(odd.sum()):,} of {read.rows:,} rows, the first is "
                    f"'{column.values[first]}'.", where=f"{read.where}, row {first} (from 0)",
                    next="Name a numeric column." if odd.sum() == (~column.missing).sum() else
                    "Mend these rows, or leave them out.")


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def need_probabilities(where: str, name: str, scores: Floats, instead: str) -> None:
    """Refuse scores outside [0, 1], saying which, and what to do instead."""
    outside = (scores < 0) | (scores > 1)
    if outside.any():
        value = scores[int(np.argmax(outside))]
        raise BadInput(f"{int(outside.sum())} scores in '{name}' lie outside [0, 1], such as {value:g}.", where=where,
                       next=instead)


def names_of(column: ReadColumn) -> Texts:
    """The values of a column as names of classes, (n,): whole numbers without a point, truth as true and false."""
    if column.field.kind == "boolean":
        return np.where(column.values.astype(np.bool_), "true", "false")
    if column.field.kind == "category":
        return column.values.astype(np.str_)
    distinct, of = np.unique(column.values, return_inverse=True)
    named = [f"{each:.0f}" if each == round(each) else str(each) for each in np.nan_to_num(distinct).tolist()]
    return np.array(named, dtype=np.str_)[of]


def several_classes(read: ReadFile, name: str, label: Texts) -> Texts:
    """The labels, refused where all of them are the same."""
    if np.all(label == label[0]):
        raise BadInput(f"Only one class: all {label.size} labels in '{name}' are {label[0]}.", where=read.where,
                       next="Choose rows in which several classes occur.")
    return label


def classes_in(read: ReadFile, name: str, rows: Bools) -> Texts:
    """The class that was given to each of these rows, (n,); refused with the first that has none."""
    column = read.columns[name]
    empty = rows & column.missing
    if empty.any():
        raise BadInput(f"{int(empty.sum()):,} labelled rows have no class in '{name}'.",
                       where=f"{read.where}, row {int(np.argmax(empty))} (from 0)",
                       next="Answer every row, or leave out those without an answer.")
    return names_of(column)[rows]
