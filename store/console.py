"""A DuckDB that answers one question about relations it is given: it reaches nothing else and ends in time."""

import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from store.lake import STAGING
from store.quoting import file_list, literal, quote
from store.refusal import NotFound, Refusal, Unreadable, nearest
from store.statement import Asked
from store.written import copy_options, whole

MEMORY, SPILL = "1GB", "8GB"
Cell = None | bool | int | float | str | datetime


@dataclass(frozen=True)
class Answer:
    """The first rows of a result, its columns (id and name), and how many rows it has; or a plan as text."""

    columns: Mapping[str, str]
    rows: tuple[tuple[Cell, ...], ...]
    total: int
    plan: str = ""


class Console:
    """One connection of its own: views and tables are added, then one statement is answered."""

    def __init__(self, root: Path, seconds: float) -> None:
        self.root, self.seconds = root, seconds
        self.connection = duckdb.connect(":memory:", config={
            "threads": min(4, os.cpu_count() or 1), "memory_limit": MEMORY, "max_temp_directory_size": SPILL,
            "temp_directory": str(root / STAGING / f"spill-{os.getpid()}-sql"), "autoinstall_known_extensions": "false",
            "python_enable_replacements": "false"})
        self.connection.execute("SET TimeZone = 'UTC'")
        self.reach = {str(root.absolute()), str(root.resolve())}
        self.columns: list[str] = []

    def __enter__(self) -> "Console":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def view(self, name: str, query: str, reach: Sequence[str]) -> None:
        """Let a query be known by a name, and the folders be read that it reads."""
        self.reach |= set(reach)
        for place in _names(name, self.connection):
            self.connection.execute(f"CREATE OR REPLACE VIEW {place} AS {query}")
        self._known(name)

    def table(self, name: str, rows: pa.Table, as_json: Sequence[str] = ()) -> None:
        """Let rows be known by a name; columns of JSON text are JSON."""
        self.connection.register("=rows", rows)
        kept = f" REPLACE ({', '.join(f'CAST({quote(each)} AS JSON) AS {quote(each)}' for each in as_json)})" \
            if as_json else ""
        self.connection.execute(f'CREATE TABLE {quote(name)} AS SELECT *{kept} FROM "=rows"')
        self.connection.unregister("=rows")
        self._known(name)

    def _known(self, name: str) -> None:
        self.columns += [str(each[0]) for each in
                         self.connection.execute(f"SELECT * FROM {quote(name)} LIMIT 0").description or ()]

    def answer(self, statement: Asked, limit: int, out: Path | None = None) -> Answer:
        """The answer to the statement; with `out`, all of it in a file that then appears whole."""
        if out is None:
            return self._answered(statement, limit)
        options = copy_options(out)
        with whole(out) as staged:
            return self._answered(statement, limit, staged, options)

    def _answered(self, statement: Asked, limit: int, staged: Path | None = None, options: str = "") -> Answer:
        places = file_list([f"{place}{os.sep}" for place in sorted(self.reach)])
        allowed = f"SET allowed_paths = {file_list([str(staged)])}; " if staged is not None else ""
        self.connection.execute(f"SET allowed_directories = {places}; {allowed}SET enable_external_access = false; "
                                "SET lock_configuration = true")
        def answered() -> Answer:
            if staged is not None:
                query = statement.text if statement.verb == "SELECT" else f"FROM ({statement.text})"
                self.connection.execute(f"COPY ({query}\n) TO {literal(str(staged))} ({options})")
            return self._plan(statement) if statement.verb == "EXPLAIN" else self._rows(statement, limit)

        try:
            return self._in_time(answered)
        except duckdb.OutOfMemoryException as problem:
            raise Refusal(f"It needs more than {MEMORY} of memory.", next="Ask for less at once.") from problem
        except duckdb.Error as problem:
            raise self._wrong(problem, statement) from problem

    def _in_time(self, work: Callable[[], Answer]) -> Answer:
        """Work done in another thread, since DuckDB hears no Ctrl-C; it is stopped then, and when its time is up."""
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(work)
            try:
                done, _ = wait([future], self.seconds)
                if done:
                    return future.result()
            finally:
                while not future.done():  # one that has not begun does not hear it
                    self.connection.interrupt()
                    wait([future], 0.05)
        raise Refusal(f"It took longer than {self.seconds:g} s and was stopped.",
                      next="Ask for less, or give it more: --seconds 600")

    def _rows(self, statement: Asked, limit: int) -> Answer:
        """The first rows; the others are only counted."""
        found = self.connection.execute(statement.text)
        names = [str(each[0]) for each in found.description or ()]
        first = found.fetchmany(limit + 1)
        total = len(first)
        if total > limit:
            asked = statement.text if statement.verb == "SELECT" else f"FROM ({statement.text})"
            total = int(self.connection.execute(f"SELECT count(*) FROM ({asked}\n)").fetchall()[0][0])
        return Answer(_ids(names), tuple(tuple(map(cell, row)) for row in first[:limit]), total)

    def _plan(self, statement: Asked) -> Answer:
        found = self.connection.execute(statement.text).fetchall()
        return Answer({}, (), len(found), "\n".join(str(row[-1]) for row in found))

    def _wrong(self, problem: duckdb.Error, statement: Asked) -> Refusal:
        """What DuckDB says, with the nearest column or function."""
        text = str(problem)
        said = text.splitlines()[0].partition("Error: ")[2] or text.splitlines()[0]
        line = re.search(r"^LINE (\d+):", text, re.MULTILINE)
        where = f"line {line[1]} of the query" if line else "the query"
        column = re.search(r'column "?([^"!\s]+)"? (?:not found|does not exist)', said) or \
            re.search(r'does not have a column named "([^"]+)"', said)
        if column is not None:
            known = ", ".join(dict.fromkeys(self.columns))
            return NotFound(f"No column '{column[1]}'.", where=where,
                            next=nearest(column[1], self.columns) or f"Columns: {known}.")
        return Unreadable(said[:300], where=where, next=f"See what there is: DESCRIBE {statement.tables[0].name}"
                          if statement.tables else "Write it as DuckDB reads it.")


def _names(name: str, connection: duckdb.DuckDBPyConnection) -> list[str]:
    """How a query may write the name: in quotes as one, and `x.quarantine` without them."""
    first, dot, rest = name.partition(".")
    if not dot or "." in rest or first.lower() in ("main", "temp", "system", "information_schema", "pg_catalog"):
        return [quote(name)]
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(first)}")
    return [quote(name), f"{quote(first)}.{quote(rest)}"]


def _ids(names: Sequence[str]) -> dict[str, str]:
    """An id for each column, also where two have one name."""
    found: dict[str, str] = {}
    for name in names:
        id, number = name, 2
        while id in found:
            id, number = f"{name}_{number}", number + 1
        found[id] = name
    return found


def cell(value: Any) -> Cell:
    """A value as it is shown: times as ISO 8601 text unless they are moments, decimals as numbers if nothing is lost.

    >>> [cell(each) for each in (Decimal("1.50"), Decimal("12345678901234567890.5"), float("nan"), date(2013, 6, 1))]
    [1.5, '12345678901234567890.5', None, '2013-06-01']
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return float(value) if Decimal(repr(float(value))) == value else str(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, date | time):
        return value.isoformat()
    return json.dumps(value, default=str, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
