"""Rows that repeat a key which an earlier row has."""

import duckdb

from mlops_tui.quality.rowrules import AT, key_alias
from store.quoting import quote

FEW = 20_000  # rows that show whether a column may be in order


def repeated(names: tuple[str, ...]) -> str:
    """SQL of how many rows repeat a key: all that have one, less those that are the first."""
    columns = [quote(name) for name in names]
    there = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    key = columns[0] if len(columns) == 1 else f"({', '.join(columns)})"
    return f"count_if({there}) - count(DISTINCT {key}) FILTER ({there})"


def repeats(cursor: duckdb.DuckDBPyConnection, rows: str, names: tuple[str, ...], count: int) -> bool:
    """Keep the numbers of the rows whose key an earlier row has in a table of that key; whether there are any.

    A key with a null repeats nothing. Where a column is in order, as ids mostly are, each row is compared with the one
    before it: a tenth of the work of grouping all values. `rows` follows FROM and has `count` rows.
    """
    columns = [quote(name) for name in names]
    there = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    if len(names) == 1 and count > FEW:
        first = f"(SELECT * FROM {rows} LIMIT {FEW})"
        if all(_in_order(cursor, some, columns[0]) for some in (first, rows)):
            return _kept(cursor, names, f"SELECT {AT} FROM {_beside(rows, columns[0])} WHERE this = before")
    key = ", ".join(columns)
    if count > FEW:
        twice = quote(f"#twice {','.join(names)}")
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE {twice} AS SELECT {key} FROM {rows} WHERE {there} "
                       f"GROUP BY {key} HAVING count(*) > 1")
        if not _filled(cursor, twice):
            return False
        rows = f"(SELECT t.* FROM {rows} t SEMI JOIN {twice} USING ({key}))"
    numbered = f"SELECT {AT}, row_number() OVER (PARTITION BY {key} ORDER BY {AT}) AS place FROM {rows} WHERE {there}"
    return _kept(cursor, names, f"SELECT {AT} FROM ({numbered}) WHERE place > 1")


def _beside(rows: str, column: str) -> str:
    """Each value beside the one before it."""
    return (f"(SELECT {AT}, this, lag(this) OVER () AS before, lag({AT}) OVER () AS place FROM "
            f"(SELECT {AT}, {column} AS this FROM {rows} WHERE {column} IS NOT NULL))")


def _in_order(cursor: duckdb.DuckDBPyConnection, rows: str, column: str) -> bool:
    """Whether no value is less than the one before it, in the order of the rows' numbers."""
    query = f"SELECT count_if(this < before OR {AT} < place) FROM {_beside(rows, column)}"
    return not cursor.execute(query).fetchall()[0][0]


def _kept(cursor: duckdb.DuckDBPyConnection, names: tuple[str, ...], numbers: str) -> bool:
    table = key_alias(names)
    cursor.execute(f'CREATE OR REPLACE TEMP TABLE {table} AS SELECT {AT} AS "#again" FROM ({numbers})')
    return _filled(cursor, table)


def _filled(cursor: duckdb.DuckDBPyConnection, table: str) -> bool:
    return bool(cursor.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])
