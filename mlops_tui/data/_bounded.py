"""Exact aggregates in which no person counts more than declared: rows limited and values clamped, before any noise."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from mlops_tui.analysis.privacy import Range
from store.quoting import literal, quote

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
    """Rows and sums by key; a key without rows is not there. With cells the last text of a key is the cell's number."""
    keys = [f"k{number}" for number in range(len(kept.by))]
    value = "sum(x)" if kept.range is not None and not kept.cells else "0"
    centre = kept.range.centre if kept.range is not None else 0
    cells = ["CAST(x AS VARCHAR)"] if kept.cells else []
    asked = ", ".join([*keys, *cells, "count(*)", value])
    grouped = " GROUP BY ALL" if keys or cells else ""
    found = cursor.execute(f"WITH {_limited(kept, relation, keys)} SELECT {asked} FROM kept{grouped}").fetchall()
    return {tuple(row[:-2]): Sums(int(row[-2]), int(row[-1] or 0), int(row[-1] or 0) - centre * int(row[-2]))
            for row in found}


def _limited(kept: Bounded, relation: str, keys: Sequence[str]) -> str:
    """Tables of which `kept` has at most so many rows of each person; who has no more is not sorted."""
    columns = [f"{quote(kept.unit)} AS u", *(f"CAST({quote(name)} AS VARCHAR) AS {key}"
                                             for name, key in zip(kept.by, keys, strict=True)), f"{_value(kept)} AS x"]
    choice = [f"{quote(name)} AS c{number}" for number, name in enumerate(kept.choice)]
    order = ", ".join(["u", *keys, "x", *(f"c{number}" for number in range(len(choice)))])
    names = ", ".join(["u", *keys, "x"])
    return f"""bounded AS MATERIALIZED (SELECT {', '.join([*columns, *choice])} FROM {relation} WHERE {_chosen(kept)}),
        crowded AS MATERIALIZED (SELECT u FROM bounded GROUP BY u HAVING count(*) > {kept.contributions}),
        kept AS (
            SELECT {names} FROM bounded
            WHERE NOT EXISTS (SELECT 1 FROM crowded c WHERE c.u IS NOT DISTINCT FROM bounded.u)
            UNION ALL
            SELECT {names} FROM (
                SELECT *, row_number() OVER (PARTITION BY u ORDER BY hash({order}), {order}) AS place FROM bounded
                WHERE EXISTS (SELECT 1 FROM crowded c WHERE c.u IS NOT DISTINCT FROM bounded.u))
            WHERE place <= {kept.contributions})"""


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


def _chosen(kept: Bounded) -> str:
    """Rows with a value, and with keys that are known where those are given."""
    terms = ["true"]
    if kept.column:
        terms.append(f"{quote(kept.column)} IS NOT NULL AND NOT isnan(CAST({quote(kept.column)} AS DOUBLE))")
    for name, values in (kept.known or {}).items():
        listed = ", ".join(literal(value) for value in values) or "NULL"
        terms.append(f"CAST({quote(name)} AS VARCHAR) IN ({listed})")
    return " AND ".join(terms)


def text_of(key: Key) -> str:
    """A key as one text, for a map of keys."""
    return json.dumps(key, ensure_ascii=False)


def key_of(text: str) -> Key:
    """The key that a text stands for."""
    return tuple(json.loads(text))
