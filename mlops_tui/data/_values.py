"""A rule that is slow to judge, judged once for each value of a column that has few."""

import duckdb

from mlops_tui.quality.rowrules import Rule
from store.quoting import literal, quote

SEEN, FEW_OF_THEM = 20_000, 2_000  # the first rows, and how many values may be among them
MOST, BROKEN = 10_000, 100         # values of a column, and of those that break the rule


def by_value(cursor: duckdb.DuckDBPyConnection, rows: str, rule: Rule) -> str:
    """SQL that is true where a row breaks the rule: one of the values that do, or the rule itself where many are there.

    A pattern over millions of texts costs more than all other rules together. `rows` follows FROM.
    """
    column, table = quote(rule.column), quote(f"#values {rule.column}")
    first = f"SELECT count(DISTINCT {column}) FROM (SELECT {column} FROM {rows} LIMIT {SEEN})"
    if cursor.execute(first).fetchall()[0][0] > FEW_OF_THEM:
        return str(rule.broken)
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT DISTINCT {column} FROM {rows} LIMIT {MOST + 1}")
    broken = cursor.execute(f"SELECT {column} FROM {table} WHERE {rule.broken} LIMIT {BROKEN + 1}").fetchall()
    if len(broken) > BROKEN or cursor.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] > MOST:
        return str(rule.broken)
    return f"{column} IN ({', '.join(literal(value) for value, in broken)})" if broken else "false"
