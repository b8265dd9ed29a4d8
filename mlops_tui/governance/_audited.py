"""Decisions of a file or dataset counted by group and label, refused by column and row where they say nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from mlops_tui.analysis.arrays import Counts
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

    @property
    def group(self) -> str:
        return " · ".join(self.groups)


@dataclass(frozen=True)
class Audited:
    """Cells by group; rows by stratum, group and decision where a condition is given; scores by group where these are
    probabilities."""

    cells: Cells
    strata: Counts | None
    scores: tuple[GroupScores, ...]
    unlabelled: int
    note: str = ""


def word(value: str) -> str:
    """A value as it is compared: true is 1, 1.0 is 1.

    >>> [word(each) for each in ("True", "1.0", "0", "denied")]
    ['1', '1', '0', 'denied']
    """
    text = value.strip()
    try:
        return f"{float(text):g}"
    except ValueError:
        return TRUTH.get(text.lower(), text)


def of_table(table: Tabular, asked: Asked) -> Audited:
    """Count the rows of a table in one pass; those without a label are left out."""
    scan = table.scan
    for name in filter(None, (asked.label, *asked.groups, asked.prediction, asked.score, asked.condition)):
        scan.field(name)
    if asked.score and scan.field(asked.score).kind != "numeric":
        raise BadInput(f"The score '{asked.score}' is no number: the column is {scan.field(asked.score).type}.",
                       where=scan.where, next="Name a numeric column, or say --prediction instead of --score.")
    cursor = scan.cursor()
    _refuse_gaps(cursor, scan.relation, scan.where, asked)
    group = " || ' · ' || ".join(_text(name) for name in asked.groups)
    decided = f"CAST({quote(asked.score)} >= ? AS VARCHAR)" if asked.score else _text(asked.prediction)
    stratum = _text(asked.condition) if asked.condition else "''"
    rows = _fetched(cursor, scan.where, (
        f"SELECT {group} AS g, {stratum} AS s, {_text(asked.label)} AS l, {decided} AS d, count(*) AS n "
        f"FROM {scan.relation} WHERE {quote(asked.label)} IS NOT NULL GROUP BY ALL"),
        [asked.threshold] if asked.score else [])
    unlabelled = scan.rows - sum(row[4] for row in rows)
    if not rows:
        raise BadInput(f"No row has a label: all {scan.rows} values of '{asked.label}' are null.", where=scan.where,
                       next="Join the outcomes first.")
    names = _names([row[0] for row in rows], asked, scan.where)
    yes, note = _yes(rows, asked)
    of_labels, of_decisions = _meanings(rows, asked, yes, scan.where)
    counts = np.zeros((len(names), 2, 2), dtype=np.int64)
    strata_names = sorted({row[1] for row in rows})
    strata = np.zeros((len(strata_names), len(names), 2), dtype=np.int64)
    place = {name: at for at, name in enumerate(names)}
    at_stratum = {name: at for at, name in enumerate(strata_names)}
    for name, stratum_name, label, decision, n in rows:
        favoured = int(of_decisions[decision])
        counts[place[name], int(of_labels[label]), favoured] += n
        strata[at_stratum[stratum_name], place[name], favoured] += n
    scores = _scores(cursor, scan, asked, group, names, yes) if asked.score else ()
    return Audited(Cells(names, counts), strata if asked.condition else None, scores, int(unlabelled), note)


def _text(name: str) -> str:
    return f"coalesce(CAST({quote(name)} AS VARCHAR), '{NULL}')"


def _fetched(cursor: duckdb.DuckDBPyConnection, where: str, query: str, values: Sequence[object] = ()) -> list[Any]:
    try:
        return cursor.execute(query, list(values)).fetchall()
    except duckdb.Error as problem:
        raise Unreadable(f"The data cannot be read: {str(problem).splitlines()[0]}", where=where) from problem


def _refuse_gaps(cursor: duckdb.DuckDBPyConnection, relation: str, where: str, asked: Asked) -> None:
    """BadInput with the first labelled row that nothing decides."""
    name = asked.score or asked.prediction
    gap = f"({quote(name)} IS NULL OR NOT isfinite(CAST({quote(name)} AS DOUBLE)))" if asked.score else \
        f"{quote(name)} IS NULL"
    bad = f"{quote(asked.label)} IS NOT NULL AND {gap}"
    [(count,)] = _fetched(cursor, where, f"SELECT count(*) FROM {relation} WHERE {bad}")
    if count:
        numbered = f"SELECT row_number() OVER () - 1 AS row, {bad} AS bad FROM {relation}"
        [(row,)] = _fetched(cursor, where, f"SELECT min(row) FROM ({numbered}) WHERE bad")
        kind = "score" if asked.score else "decision"
        raise BadInput(f"{counted(count, 'labelled row has', 'labelled rows have')} no usable {kind} in '{name}'.",
                       where=f"{where}, row {row} (from 0)", next="Leave them out, or decide every row.")


def _names(found: Sequence[str], asked: Asked, where: str) -> tuple[str, ...]:
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
    foreign = [] if asked.score else [value for value in decisions if word(value) not in known]
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


def _scores(cursor: duckdb.DuckDBPyConnection, scan: Any, asked: Asked, group: str, names: Sequence[str],
            yes: str) -> tuple[GroupScores, ...]:
    """Scores by group in bins; nothing where they are no probabilities."""
    score = f"CAST({quote(asked.score)} AS DOUBLE)"
    [(low, high)] = _fetched(cursor, scan.where, f"SELECT min({score}), max({score}) FROM {scan.relation} "
                                                 f"WHERE {quote(asked.label)} IS NOT NULL")
    if low < 0 or high > 1:
        return ()
    words = [value for (value,) in _fetched(cursor, scan.where, f"SELECT DISTINCT {_text(asked.label)} FROM "
                                            f"{scan.relation} WHERE {quote(asked.label)} IS NOT NULL")
             if word(value) == yes]
    said = f"CAST(list_contains(?, {_text(asked.label)}) AS INTEGER)"
    found = _fetched(cursor, scan.where, (
        f"SELECT g, b, count(*), sum(p), sum(y), sum((y - p) * (y - p)) FROM (SELECT {group} AS g, {score} AS p, "
        f"least(CAST(floor({score} * {FINE}) AS INTEGER), {FINE - 1}) AS b, {said} AS y FROM {scan.relation} "
        f"WHERE {quote(asked.label)} IS NOT NULL) GROUP BY ALL ORDER BY ALL"), [words])
    made = []
    for name in names:
        own = [row for row in found if row[0] == name]
        n, scores, yeses = np.zeros(FINE, dtype=np.int64), np.zeros(FINE), np.zeros(FINE)
        for _, at, rows, total, positives, _ in own:
            n[at], scores[at], yeses[at] = rows, total, positives
        made.append(GroupScores(n, scores, yeses, float(sum(row[5] for row in own))))
    return tuple(made)
