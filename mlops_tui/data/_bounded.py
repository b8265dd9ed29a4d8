"""Exact aggregates in which no person counts more than declared: rows limited and values clamped, before any noise."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import duckdb

from mlops_tui.analysis.privacy import Range
from store.quoting import literal, quote

CROWDED, HELD = quote("=crowded"), quote("=held")  # the persons who have more rows than count, and their rows
Key = tuple[str | None, ...]


@dataclass(frozen=True)
class Bounded:
    """What is counted: of each person (`unit`) so many rows, by the texts of `by`, and by cells of `column`'s range.

    `known` are the values of a key that are known to everybody; rows with others are left out. `cells`: into how many
    the range is cut, none of them where the column is summed. `choice` are the columns that say which rows of a person
    count, where there are too many: those with the least hash.
    """

    unit: str
    contributions: int
    by: tuple[str, ...] = ()
    known: Mapping[str, tuple[str, ...]] | None = None
    column: str = ""
    range: Range | None = None
    cells: int = 0
    choice: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sums:
    """Of one key: rows, the sum of their values in steps, and the same from the centre of the range."""

    rows: int = 0
    total: int = 0
    centred: int = 0


def sums(cursor: duckdb.DuckDBPyConnection, relation: str, kept: Bounded) -> dict[Key, Sums]:
    """Rows and sums by key; a key without rows is not there. With cells the last text of a key is the cell's number.

    All rows, less those of persons who have more than count, and so many of theirs again: whole numbers, so nothing is
    lost by it, and few rows are sorted.
    """
    keys = [f"k{number}" for number in range(len(kept.by))]
    crowded = (f"SELECT {quote(kept.unit)} AS u FROM {relation} WHERE {_valued(kept)} GROUP BY u "
               f"HAVING count(*) > {kept.contributions}")
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {CROWDED} AS {crowded}")
    try:
        found = _summed(cursor, _rows(kept, relation, keys), kept, keys)
        if cursor.execute(f"SELECT 1 FROM {CROWDED} LIMIT 1").fetchall():
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE {HELD} AS {_held(kept, relation, keys)}")
            less = _summed(cursor, f"SELECT * FROM {HELD}", kept, keys)
            more = _summed(cursor, _limited(kept, keys), kept, keys)
            found = {key: Sums(*(a - b + c for a, b, c in zip(astuple(each), astuple(less.get(key, Sums())),
                                                             astuple(more.get(key, Sums())), strict=True)))
                     for key, each in found.items()}
    finally:
        cursor.execute(f"DROP TABLE IF EXISTS {CROWDED}; DROP TABLE IF EXISTS {HELD}")
    known = [(kept.by.index(name), frozenset(values)) for name, values in (kept.known or {}).items()]
    return {key: each for key, each in found.items()
            if each.rows and all(key[place] in values for place, values in known)}


def _summed(cursor: duckdb.DuckDBPyConnection, rows: str, kept: Bounded, keys: Sequence[str]) -> dict[Key, Sums]:
    value = "sum(x)" if kept.range is not None and not kept.cells else "0"
    centre = kept.range.centre if kept.range is not None else 0
    by = [*keys, *(["CAST(x AS VARCHAR)"] if kept.cells else [])]
    found = cursor.execute(f"SELECT {', '.join([*by, 'count(*)', value])} FROM ({rows})"
                           f"{' GROUP BY ALL' if by else ''}").fetchall()
    return {tuple(row[:-2]): Sums(int(row[-2]), int(row[-1] or 0), int(row[-1] or 0) - centre * int(row[-2]))
            for row in found}


def _rows(kept: Bounded, relation: str, keys: Sequence[str], *more: str) -> str:
    """The rows with a value: keys as texts, and the value in steps."""
    columns = [f"CAST({quote(name)} AS VARCHAR) AS {key}" for name, key in zip(kept.by, keys, strict=True)]
    return f"SELECT {', '.join([*columns, f'{_value(kept)} AS x', *more])} FROM {relation} WHERE {_valued(kept)}"


def _held(kept: Bounded, relation: str, keys: Sequence[str]) -> str:
    """All rows of the persons who have more than count."""
    unit = quote(kept.unit)
    choice = [f"{quote(name)} AS c{number}" for number, name in enumerate(kept.choice)]
    return (f"{_rows(kept, relation, keys, f'{unit} AS u', *choice)} AND EXISTS "
            f"(SELECT 1 FROM {CROWDED} c WHERE c.u IS NOT DISTINCT FROM {unit})")


def _limited(kept: Bounded, keys: Sequence[str]) -> str:
    """So many of these rows as count of each person: those with known keys that have the least hash."""
    order = ", ".join(["u", *keys, "x", *(f"c{number}" for number in range(len(kept.choice)))])
    known = [f"{key} IN ({', '.join(map(literal, kept.known[name])) or 'NULL'})"
             for name, key in zip(kept.by, keys, strict=True) if kept.known and name in kept.known]
    return (f"SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY u ORDER BY hash({order}), {order}) AS place "
            f"FROM {HELD} WHERE {' AND '.join(['true', *known])}) WHERE place <= {kept.contributions}")


def _value(kept: Bounded) -> str:
    """The column's value in whole steps of its range, or the number of its cell."""
    if kept.range is None:
        return "0"
    edges = kept.range
    steps = f"CAST(round(CAST({quote(kept.column)} AS DOUBLE) * {edges.scale}) AS DOUBLE)"
    clamped = f"CAST(greatest({edges.low}, least({edges.high}, {steps})) AS BIGINT)"
    if not kept.cells:
        return clamped
    width = edges.high - edges.low
    return f"least({kept.cells - 1}, ({clamped} - ({edges.low})) * {kept.cells} // {width})"


def _valued(kept: Bounded) -> str:
    """Which rows have a value."""
    column = quote(kept.column)
    return f"{column} IS NOT NULL AND NOT isnan(CAST({column} AS DOUBLE))" if kept.column else "true"


def text_of(key: Key) -> str:
    """A key as one text, for a map of keys."""
    return json.dumps(key, ensure_ascii=False)


def key_of(text: str) -> Key:
    """The key that a text stands for."""
    return tuple(json.loads(text))
