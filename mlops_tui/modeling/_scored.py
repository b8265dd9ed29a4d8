"""Labels and scores read from a file, refused by column and row where they cannot be used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlops_tui.analysis.arrays import Bools, Floats
from mlops_tui.errors import BadInput
from store.columns import ReadFile, Texts, read_columns

YES, SPOKEN = ("1", "true"), ("0", "1", "false", "true")


@dataclass(frozen=True)
class Scored:
    """The labelled rows of a file: labels (n,), scores (n,) by column; `rows` counts those without a label too."""

    where: str
    labels: Bools
    scores: Mapping[str, Floats]
    texts: Mapping[str, Texts]
    rows: int

    @property
    def n(self) -> int:
        return int(self.labels.size)


def scored(path: Path, label: str, scores: Sequence[str], texts: Sequence[str] = ()) -> Scored:
    """Read a label column of 0 and 1, score columns, and others as text; rows without a label are left out.

    BadInput names column, row (from 0) and value: another label, one class, a score that is no number. NotFound for a
    column that is not there.
    """
    read = read_columns(path, list(dict.fromkeys([label, *scores])), texts)
    if not read.rows:
        raise BadInput(f"'{path.name}' has columns but no rows.", where=read.where, next="Name a file with data.")
    labelled = ~read.columns[label].missing
    if not labelled.any():
        raise BadInput(f"No row has a label: all {read.rows} values of '{label}' are null.", where=read.where,
                       next="Join the outcomes first.")
    labels = two_outcomes(read, label, labels_of(read, label)[labelled])
    return Scored(read.where, labels, {name: numbers_in(read, name, labelled) for name in scores},
                  {name: values[labelled] for name, values in read.texts.items()}, read.rows)


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
        return f"Mend or leave out the rows with {shown(odd)}; of several classes: --prediction P."
    if kind == "numeric" and len(seen) > 2:
        return "Of numbers: --prediction COLUMN in place of --score."
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
