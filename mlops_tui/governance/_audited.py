"""Decisions of a file or dataset counted by group and label, refused by column and row where they say nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from mlops_tui.analysis.arrays import Counts, Floats
from mlops_tui.analysis.fairness import Cells
from mlops_tui.analysis.mitigation import FINE, GroupScores
from mlops_tui.errors import BadInput, Unreadable
from mlops_tui.inputs.tabular import Tabular
from mlops_tui.view import counted
from store.columns import NULL
from store.quoting import quote

MOST_GROUPS, MOST_WORDS = 100, 100
TRUTH = {"true": "1", "false": "0"}


@dataclass(frozen=True)
class Asked:
    """What is audited: the label, what decided, whose groups, and which value of label and decision is favourable."""

    label: str
    groups: tuple[str, ...]
    favourable: str
    prediction: str = ""
    score: str = ""
    threshold: float | None = None
    condition: str = ""
    weight: str = ""
    alike: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        return " · ".join(self.groups)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read."""
        return tuple(filter(None, (self.label, *self.groups, self.prediction, self.score, self.condition, self.weight,
                                   *self.alike)))


@dataclass(frozen=True)
class Strata:
    """Rows by stratum, group and decision (1: favourable), (s, g, 2); their weights and the squares of these."""

    counts: Counts
    weights: Floats | None = None
    squares: Floats | None = None


@dataclass(frozen=True)
class Audited:
    """Cells by group; strata where a condition is given; scores by group where these are probabilities, `turned` where
    a high one speaks against the favourable answer."""

    cells: Cells
    strata: Strata | None
    scores: tuple[GroupScores, ...]
    unlabelled: int
    note: str = ""
    turned: bool = False


def word(value: str) -> str:
    """A value as it is compared: true is 1, 1.0 is 1; of numbers every digit counts, since codes are numbers too.

    >>> [word(each) for each in ("True", "1.0", "0", "denied", "30000001", "0.5")]
    ['1', '1', '0', 'denied', '30000001', '0.5']
    """
    text = value.strip()
    if text.removeprefix("-").isdecimal():
        return str(int(text))
    try:
        number = float(text)
    except ValueError:
        return TRUTH.get(text.lower(), text)
    return str(int(number)) if number.is_integer() else repr(number)


def of_table(table: Tabular, asked: Asked) -> Audited:
    """Count the rows of a table in one pass; those without a label are left out, and those of weight 0."""
    scan = table.scan
    for name in asked.columns:
        scan.field(name)
    for name, what in ((asked.score, "score"), (asked.weight, "weight")):
        if name and scan.field(name).kind != "numeric":
            raise BadInput(f"The {what} '{name}' is no number: the column is {scan.field(name).type}.",
                           where=scan.where, next="Name a numeric column" +
                           (", or say --prediction instead of --score." if what == "score" else "."))
    cursor = scan.cursor()
    refuse_gaps(cursor, scan.relation, scan.where, asked)
    decided = f"CAST({quote(asked.score)} >= ? AS VARCHAR)" if asked.score else text(asked.prediction)
    stratum = text(asked.condition) if asked.condition else "''"
    weighed = f", sum({weight_of(asked)}), sum({weight_of(asked)} ** 2)" if asked.weight else ""
    rows = fetched(cursor, scan.where, (
        f"SELECT {grouped(asked)} AS g, {stratum} AS s, {text(asked.label)} AS l, {decided} AS d, count(*) AS n"
        f"{weighed} FROM {scan.relation} WHERE {used(asked)} GROUP BY ALL"), [asked.threshold] if asked.score else [])
    if not rows:
        raise BadInput(f"No row has a label: all {scan.rows} values of '{asked.label}' are null.", where=scan.where,
                       next="Join the outcomes first.")
    names = named([row[0] for row in rows], asked, scan.where)
    yes, note = _yes(rows, asked)
    of_labels, of_decisions = _meanings(rows, asked, yes, scan.where)
    strata_names = sorted({row[1] for row in rows})
    place = {name: at for at, name in enumerate(names)}
    at_stratum = {name: at for at, name in enumerate(strata_names)}
    sums = 3 if asked.weight else 1
    counts = np.zeros((sums, len(names), 2, 2))
    strata = np.zeros((sums, len(strata_names), len(names), 2))
    for name, stratum_name, label, decision, *n in rows:
        favoured = int(of_decisions[decision])
        counts[:, place[name], int(of_labels[label]), favoured] += n
        strata[:, at_stratum[stratum_name], place[name], favoured] += n
    scores = _scores(cursor, scan, asked, names, yes) if asked.score else ()
    return Audited(Cells(names, counts[0].astype(np.int64), *counts[1:]),
                   Strata(strata[0].astype(np.int64), *strata[1:]) if asked.condition else None, scores,
                   int(scan.rows - counts[0].sum()), note, yes != word(asked.favourable))


def grouped(asked: Asked) -> str:
    """SQL: the group of a row."""
    return " || ' · ' || ".join(text(name) for name in asked.groups)


def weight_of(asked: Asked) -> str:
    """SQL: what a row counts."""
    return f"CAST({quote(asked.weight)} AS DOUBLE)"


def used(asked: Asked) -> str:
    """SQL: whether a row is looked at."""
    return f"{quote(asked.label)} IS NOT NULL" + (f" AND {weight_of(asked)} > 0" if asked.weight else "")


def text(name: str) -> str:
    return f"coalesce(CAST({quote(name)} AS VARCHAR), '{NULL}')"


def fetched(cursor: duckdb.DuckDBPyConnection, where: str, query: str, values: Sequence[object] = ()) -> list[Any]:
    try:
        return cursor.execute(query, list(values)).fetchall()
    except duckdb.Error as problem:
        raise Unreadable(f"The data cannot be read: {str(problem).splitlines()[0]}", where=where) from problem


def refuse_gaps(cursor: duckdb.DuckDBPyConnection, relation: str, where: str, asked: Asked) -> None:
    """BadInput with the first labelled row that nothing decides, or that has no weight."""
    name = asked.score or asked.prediction
    number = f"CAST({quote(name)} AS DOUBLE)"
    gaps = [("score" if asked.score else "decision", name, f"{quote(name)} IS NULL" +
             (f" OR NOT isfinite({number})" if asked.score else ""), "Leave them out, or decide every row.")]
    if asked.weight:
        own = weight_of(asked)
        gaps.append(("weight", asked.weight, f"{own} IS NULL OR NOT isfinite({own}) OR {own} < 0",
                     "A weight is a number from 0 up."))
    for kind, column, gap, hint in gaps:
        bad = f"{quote(asked.label)} IS NOT NULL AND ({gap})"
        [(count,)] = fetched(cursor, where, f"SELECT count(*) FROM {relation} WHERE {bad}")
        if count:
            numbered = f"SELECT row_number() OVER () - 1 AS row, {bad} AS bad FROM {relation}"
            [(row,)] = fetched(cursor, where, f"SELECT min(row) FROM ({numbered}) WHERE bad")
            rows = counted(count, "labelled row has", "labelled rows have")
            raise BadInput(f"{rows} no usable {kind} in '{column}'.", where=f"{where}, row {row} (from 0)", next=hint)


def named(found: Sequence[str], asked: Asked, where: str) -> tuple[str, ...]:
    names = sorted(set(found))
    if len(names) > MOST_GROUPS:
        raise BadInput(f"'{asked.group}' has more than {MOST_GROUPS} values.", where=where,
                       next="Name a column with few values, or group it first.")
    return tuple(names)


def _yes(rows: Sequence[Any], asked: Asked) -> tuple[str, str]:
    """Which label a high score speaks for: 1 (or true) where labels are such, else the favourable one; that is said."""
    if not asked.score or {word(row[2]) for row in rows} <= {"0", "1"}:
        return "1", ""
    return word(asked.favourable), f"A high '{asked.score}' is taken to speak for {asked.favourable}."


def _meanings(rows: Sequence[Any], asked: Asked, yes: str, where: str) -> tuple[dict[str, bool], dict[str, bool]]:
    """Which values of label and decision are the favourable one; BadInput for none, and for words of another kind."""
    favourable = word(asked.favourable)
    labels, decisions = sorted({row[2] for row in rows}), sorted({row[3] for row in rows})
    for name, values in ((asked.label, labels), (asked.prediction, [] if asked.score else decisions)):
        if len(values) > MOST_WORDS:
            raise BadInput(f"'{name}' has {len(values):,} different values: it is a number, not a decision.",
                           where=where, next="Cut it at a threshold, as 0 and 1; a score: --score S --threshold T.")
    known = {word(value) for value in labels}
    said = known if asked.score else known | {word(value) for value in decisions}
    if favourable not in said:
        raise BadInput(f"No label in '{asked.label}' is {asked.favourable}.", where=where,
                       next=f"It holds: {_some(labels)}.")
    foreign = [] if asked.score or said <= {"0", "1"} else [value for value in decisions if word(value) not in known]
    if foreign and len(foreign) == len(decisions):
        raise BadInput(f"'{asked.prediction}' says {_some(decisions)}, '{asked.label}' holds {_some(labels)}: no "
                       "decision can be compared with a label.", where=where, next="Use the same words in both.")
    if asked.score:
        return ({value: word(value) == favourable for value in labels},
                {"true": yes == favourable, "false": yes != favourable})
    return ({value: word(value) == favourable for value in labels},
            {value: word(value) == favourable for value in decisions})


def _some(values: Sequence[str]) -> str:
    return ", ".join(values[:5]) + (", …" if len(values) > 5 else "")


def _scores(cursor: duckdb.DuckDBPyConnection, scan: Any, asked: Asked, names: Sequence[str],
            yes: str) -> tuple[GroupScores, ...]:
    """Scores by group in bins; nothing where they are no probabilities."""
    score = f"CAST({quote(asked.score)} AS DOUBLE)"
    [(low, high)] = fetched(cursor, scan.where, f"SELECT min({score}), max({score}) FROM {scan.relation} "
                                                f"WHERE {used(asked)}")
    if low < 0 or high > 1:
        return ()
    words = [value for (value,) in fetched(cursor, scan.where, f"SELECT DISTINCT {text(asked.label)} FROM "
                                           f"{scan.relation} WHERE {used(asked)}") if word(value) == yes]
    said = f"CAST(list_contains(?, {text(asked.label)}) AS INTEGER)"
    weight = weight_of(asked) if asked.weight else "1e0"
    found = fetched(cursor, scan.where, (
        f"SELECT g, b, sum(w), sum(w * p), sum(w * y), sum(w * (y - p) * (y - p)), sum(w * w), count(*) FROM "
        f"(SELECT {grouped(asked)} AS g, {score} AS p, {weight} AS w, "
        f"least(CAST(floor({score} * {FINE}) AS INTEGER), {FINE - 1}) AS b, {said} AS y FROM {scan.relation} "
        f"WHERE {used(asked)}) GROUP BY ALL ORDER BY ALL"), [words])
    unit = sum(row[7] for row in found) / sum(row[2] for row in found)
    return tuple(_binned([row for row in found if row[0] == name], unit, weighted=bool(asked.weight)) for name in names)


def _binned(rows: Sequence[Any], unit: float, *, weighted: bool) -> GroupScores:
    sums = np.zeros((3, FINE))
    for _, at, *values in rows:
        sums[:, at] = np.array(values[:3]) * unit
    total, squares = (sum(row[place] for row in rows) for place in (2, 6))
    return GroupScores(sums[0], sums[1], sums[2], float(sum(row[5] for row in rows)) * unit,
                       total**2 / squares if weighted else None)
