"""A log of decisions read as a grid of cases and deciders, refused by row where it says two things."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from mlops_tui.analysis.arrays import Counts, Floats
from mlops_tui.errors import BadInput, Unreadable, nearest
from mlops_tui.inputs.tabular import Tabular
from mlops_tui.view import counted
from store.quoting import quote

MOST_DECIDERS, MOST_KINDS, MOST_CELLS = 1000, 1000, 100_000_000


@dataclass(frozen=True)
class Decided:
    """Who decided what: codes (cases, deciders), −1 where nothing was; kinds in order, with their numbers if they are
    numbers; rows read, and how many of them hold no decision."""

    codes: Counts
    deciders: tuple[str, ...]
    kinds: tuple[str, ...]
    numbers: Floats | None
    rows: int
    empty: int


def decided(table: Tabular, case: str, decider: str, decision: str, order: Sequence[str] = ()) -> Decided:
    """Read three columns; `order` names the decisions from the least to the greatest, else numbers are in theirs.

    BadInput with the row (from 0) for a row without a case or a decider, and for a second decision of one decider on
    one case; for a decision that `order` does not name.
    """
    scan = table.scan
    for name in dict.fromkeys((case, decider, decision)):
        scan.field(name)
    cursor = scan.cursor()
    kind = f"nullif(trim(CAST({quote(decision)} AS VARCHAR)), '')"
    try:
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE decided AS SELECT row_number() OVER () - 1 AS row, "
                       f"CAST({quote(case)} AS VARCHAR) AS of_case, CAST({quote(decider)} AS VARCHAR) AS decider, "
                       f"{kind} AS kind FROM {scan.relation}")
    except duckdb.Error as problem:
        raise Unreadable(f"The data cannot be read: {str(problem).splitlines()[0]}", where=scan.where) from problem
    _refuse(cursor, scan.where, case, decider)
    deciders = _distinct(cursor, "decider", MOST_DECIDERS, f"'{decider}' names", scan.where)
    kinds = _distinct(cursor, "kind", MOST_KINDS, f"'{decision}' holds", scan.where)
    numbers = _numbers(kinds)
    if order:
        kinds = _ordered(kinds, order, decision, scan.where)
        numbers = None
    elif numbers is not None:
        kinds, numbers = [kinds[place] for place in np.argsort(numbers)], np.sort(numbers)
    return _grid(cursor, scan.where, deciders, kinds, numbers)


def _refuse(cursor: duckdb.DuckDBPyConnection, where: str, case: str, decider: str) -> None:
    for column, name in (("of_case", case), ("decider", decider)):
        found = cursor.execute(f"SELECT min(row), count(*) FROM decided WHERE {column} IS NULL").fetchone()
        if found and found[1]:
            raise BadInput(f"{counted(found[1], 'row has', 'rows have')} no {name}.",
                           where=f"{where}, row {found[0]} (from 0)", next="Leave them out, or say whose they are.")
    twice = cursor.execute(
        "SELECT min(row), min_by(of_case, row), min_by(decider, row), count(*) FROM (SELECT *, row_number() OVER "
        "(PARTITION BY of_case, decider ORDER BY row) AS nth FROM decided) WHERE nth > 1").fetchone()
    if twice and twice[3]:
        raise BadInput(f"{twice[2]} decided case {twice[1]} twice{_more(twice[3])}.",
                       where=f"{where}, row {twice[0]} (from 0)",
                       next="Keep one decision for each case and decider, such as the last.")


def _more(count: int) -> str:
    return f", and so in {count - 1:,} more rows" if count > 1 else ""


def _distinct(cursor: duckdb.DuckDBPyConnection, column: str, most: int, said: str, where: str) -> list[str]:
    found = cursor.execute(f"SELECT DISTINCT {column} FROM decided WHERE kind IS NOT NULL ORDER BY 1 "
                           f"LIMIT {most + 1}").fetchall()
    if len(found) > most:
        raise BadInput(f"{said} more than {most:,} different values.", where=where,
                       next="Name a column of deciders, and one of decisions that are comparable.")
    return [value for (value,) in found]


def _numbers(kinds: Sequence[str]) -> Floats | None:
    """The decisions as numbers; None where one of them is none."""
    try:
        found = np.array([float(kind) for kind in kinds])
    except ValueError:
        return None
    return found if kinds and np.isfinite(found).all() else None


def _ordered(kinds: Sequence[str], order: Sequence[str], decision: str, where: str) -> list[str]:
    lacks = [kind for kind in kinds if kind not in order]
    if lacks:
        raise BadInput(f"--order does not name '{lacks[0]}', which '{decision}' holds.", where=where,
                       next=nearest(lacks[0], order) or f"Name all of: {', '.join(kinds[:12])}.")
    if len(set(order)) < len(order):
        raise BadInput("--order names a decision twice.", next="Name each once, from the least to the greatest.")
    return list(order)


def _grid(cursor: duckdb.DuckDBPyConnection, where: str, deciders: list[str], kinds: list[str],
          numbers: Floats | None) -> Decided:
    sizes = cursor.execute("SELECT count(DISTINCT of_case) FILTER (kind IS NOT NULL), count(*), "
                             "count(*) FILTER (kind IS NULL) FROM decided").fetchone()
    cases, rows, empty = (int(value) for value in sizes or (0, 0, 0))
    if cases * len(deciders) > MOST_CELLS:
        raise BadInput(f"{cases:,} cases of {len(deciders):,} deciders are more than can be compared at once.",
                       where=where, next="Keep the deciders in question.")
    found = cursor.execute(
        "SELECT dense_rank() OVER (ORDER BY of_case) - 1 AS of_case, list_position(?, decider) - 1 AS decider, "
        "list_position(?, kind) - 1 AS kind FROM decided WHERE kind IS NOT NULL", [deciders, kinds]).fetchnumpy()
    codes = np.full((cases, len(deciders)), -1, dtype=np.int64)
    codes[found["of_case"], found["decider"]] = found["kind"]
    return Decided(codes, tuple(deciders), tuple(kinds), numbers, rows, empty)
