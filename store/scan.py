"""A file or a relation read column by column: numbers as numpy arrays, categories as exact counts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from operator import add
from os import cpu_count
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Literal
from uuid import uuid4

import duckdb
import numpy as np
import numpy.typing as npt

from store.files import csv_header, form_of, open_file, reading
from store.quoting import file_list, literal, quote
from store.refusal import NotFound, Unreadable, nearest

Kind = Literal["numeric", "category", "boolean", "time"]

BATCH = 1 << 16      # rows of one column held at once: half a MiB, which stays in cache
LEVELS = 100_000     # a category with more distinct values is counted in hash buckets
BUCKETS = 4096
MEMORY = "1GB"

NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
           "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "BIGNUM")
TIME = ("DATE", "TIME", "TIMESTAMP", "INTERVAL")


@dataclass(frozen=True)
class Field:
    """A column: its name, its DuckDB type, and how its values are compared."""

    name: str
    type: str
    kind: Kind


@dataclass(frozen=True)
class Batch:
    """Some rows of a numeric column: the (n,) float64 values that are not null, and how many rows are."""

    values: npt.NDArray[np.float64]
    nulls: int


@dataclass(frozen=True)
class Levels:
    """How often each value of a column occurs, null rows apart; by hash bucket where there are too many values."""

    counts: Mapping[str, int]
    nulls: int
    bucketed: bool = False


@dataclass(frozen=True)
class Times:
    """A column of dates or times: Python's own values, None where the column has none."""

    nulls: int
    distinct: int
    minimum: Any
    maximum: Any
    quantiles: tuple[Any, ...]
    top: Any
    top_rows: int


def kind_of(type: str) -> Kind:
    """How values of a DuckDB type are compared: what is neither number, truth value nor time is compared as text.

    >>> [kind_of(each) for each in ("DECIMAL(18,3)", "BOOLEAN", "TIMESTAMP WITH TIME ZONE", "VARCHAR", "INTEGER[]")]
    ['numeric', 'boolean', 'time', 'category', 'category']
    """
    if type == "BOOLEAN":
        return "boolean"
    if type.endswith("]"):
        return "category"
    name = type.partition("(")[0]
    if name in NUMERIC:
        return "numeric"
    return "time" if name.startswith(TIME) else "category"


class Scan:
    """One relation, read column by column; nothing is held in memory but the batch at hand.

    Numbers are compared as float64: whole numbers beyond 2⁵³ and long decimals are rounded to it, in their order.
    `relation` is what follows FROM. `part` names a column of whole numbers by which the rows are sorted, and which is
    no value.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, relation: str, where: str, part: str = "") -> None:
        self._connection, self.relation, self.where, self.part = connection, relation, where, part

    @cached_property
    def fields(self) -> dict[str, Field]:
        """The columns by name, in the order of the relation."""
        described = self._rows(f"DESCRIBE SELECT * FROM {self.relation}")
        return {name: Field(name, str(kind), kind_of(str(kind))) for name, kind, *_ in described if name != self.part}

    @cached_property
    def rows(self) -> int:
        return int(self._rows(f"SELECT count(*) FROM {self.relation}")[0][0])

    def field(self, name: str) -> Field:
        """The column of that name; NotFound with the nearest name."""
        if name not in self.fields:
            hint = nearest(name, self.fields) or f"Columns: {', '.join(list(self.fields)[:12])}."
            raise NotFound(f"No column '{name}'.", where=self.where, next=hint)
        return self.fields[name]

    def numbers(self, name: str) -> Iterator[Batch]:
        """The column as float64, in batches and in the order of the rows; NaN stays, nulls are left out and counted."""
        self.field(name)
        query = f"SELECT CAST({quote(name)} AS DOUBLE) AS x FROM {self.relation}"
        with self._reading():
            for record in self._connection.cursor().sql(query).to_arrow_reader(BATCH):
                yield batch_of(record.column(0))

    def levels(self, name: str, *, bucketed: bool = False) -> Levels:
        """Exact counts of each value as text; in hash buckets on request, or where there are more than 100,000 values.

        Buckets of two relations can be compared: equal values are in the same one.
        """
        self.field(name)
        text = f"CAST({quote(name)} AS VARCHAR)"
        key = f"CAST(hash({text}) % {BUCKETS} AS VARCHAR)" if bucketed else text
        column = f"CASE WHEN {quote(name)} IS NULL THEN NULL ELSE {key} END"
        most = max(LEVELS, BUCKETS) + 2
        found = self._rows(f"SELECT {column} AS x, count(*) FROM {self.relation} GROUP BY 1 LIMIT {most}")
        if not bucketed and len(found) > LEVELS + 1:
            return self.levels(name, bucketed=True)
        counts = dict(found)
        return Levels(counts, counts.pop(None, 0), bucketed)

    def times(self, name: str, at: Sequence[float] = (0.05, 0.5, 0.95)) -> Times:
        """A column of dates or times, whose quantiles are values that occur (type 1)."""
        self.field(name)
        x, places = quote(name), ", ".join(str(float(q)) for q in at)
        [(rows, known, distinct, low, high, quantiles)] = self._rows(
            f"SELECT count(*), count({x}), count(DISTINCT {x}), min({x}), max({x}), quantile_disc({x}, [{places}]) "
            f"FROM {self.relation}")
        often = self._rows(f"SELECT {x}, count(*) FROM {self.relation} WHERE {x} IS NOT NULL GROUP BY 1 "
                           "ORDER BY 2 DESC, 1 LIMIT 1")
        top, top_rows = often[0] if often and (often[0][1] > 1 or known == 1) else (None, 0)
        return Times(rows - known, distinct, low, high, tuple(quantiles or (None,) * len(at)), top, top_rows)

    def distinct(self, name: str, *, estimated: bool = False) -> int:
        """How many different values the column has; `estimated` (HyperLogLog) is within some percent, far cheaper."""
        self.field(name)
        count = f"approx_count_distinct({quote(name)})" if estimated else f"count(DISTINCT {quote(name)})"
        return int(self._rows(f"SELECT {count} FROM {self.relation}")[0][0])

    def arrow(self, expression: str) -> Any:
        """An SQL expression over the rows as one column of Arrow, in the order of the rows."""
        with self._reading():
            found = self._connection.cursor().sql(f"SELECT {expression} AS x FROM {self.relation}")
            return found.to_arrow_table().column(0)

    def table(self, expressions: Sequence[str]) -> Any:
        """SQL expressions over the rows as a table of Arrow: for as many rows as may be held at once."""
        with self._reading():
            found = self._connection.cursor().sql(f"SELECT {', '.join(expressions)} FROM {self.relation}")
            return found.to_arrow_table()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """For a question that is asked nowhere else."""
        return self._connection.cursor()

    def nulls(self, name: str) -> int:
        """How many rows of the column are null."""
        self.field(name)
        return int(self._rows(f"SELECT count(*) - count({quote(name)}) FROM {self.relation}")[0][0])

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with self._reading():
            return self._connection.cursor().execute(query).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, OSError) as problem:
            said = str(problem).splitlines()[0].partition("Error: ")[2] or type(problem).__name__
            raise Unreadable(f"The data cannot be read: {said[:300]}", where=self.where) from problem


def batch_of(column: Any) -> Batch:
    """A pyarrow array of doubles as a batch; its buffers are read in place, and copied only where nulls are dropped."""
    size, (validity, data) = len(column), column.buffers()
    values = np.frombuffer(data, np.float64, size, column.offset * 8)
    if not column.null_count:
        return Batch(values, 0)
    bits = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little", count=column.offset + size)
    return Batch(values[bits[column.offset:].view(np.bool_)], column.null_count)


def added(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """How often each value occurs in all parts together."""
    first, *others = sorted(parts, key=len, reverse=True)
    counts = dict(first)
    for levels in others:  # without a loop of Python's: a Counter takes three times as long
        counts.update(zip(levels, map(add, levels.values(), map(counts.get, levels, repeat(0))), strict=True))
    return counts


def buckets_of(counts: Mapping[str, int], connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Counted values in the hash buckets in which `levels(bucketed=True)` would count them."""
    found = connection.cursor().execute(
        f"SELECT CAST(hash(x) % {BUCKETS} AS VARCHAR), CAST(sum(n) AS BIGINT) "
        "FROM (SELECT unnest($x) AS x, unnest($n) AS n) GROUP BY 1", {"x": list(counts), "n": list(counts.values())})
    return dict(found.fetchall())


def engine() -> duckdb.DuckDBPyConnection:
    """A DuckDB of one's own in memory: bounded, spilling to disk, fetching nothing, keeping no file's bytes."""
    connection = duckdb.connect(":memory:", config={"threads": min(4, cpu_count() or 1), "memory_limit": MEMORY,
                                                    "temp_directory": gettempdir()})
    connection.execute("SET TimeZone = 'UTC'; SET autoinstall_known_extensions = false; "
                       "SET enable_external_file_cache = false; SET parquet_metadata_cache = true")
    return connection


def scan_file(path: Path, connection: duckdb.DuckDBPyConnection) -> Scan:
    """A Parquet, CSV or JSON file, ready to be read.

    CSV and JSON are parsed once, with types that all of their values have, into a table of the connection. Unreadable
    says what is wrong with the file, NotFound where there is none.
    """
    form = form_of(path)
    relation = f"read_{form}({literal(str(path))}{_options(path, form)})"
    try:
        with reading([path]):
            if form != "parquet":
                table = quote(f"{path} {uuid4()}")
                connection.execute(f"CREATE TABLE {table} AS SELECT * FROM {relation}")
                relation = table
            described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    except Unreadable:
        if form == "csv":
            open_file(connection.cursor(), path, "as texts")  # refuses with the line that is wrong
        raise
    if form == "json" and [(name, kind) for name, kind, *_ in described] == [("json", "JSON")]:
        raise Unreadable(f"'{path.name}' has no records.", where=str(path), next="JSON records have names: {...}.")
    return Scan(connection, relation, str(path))


def _options(path: Path, form: str) -> str:
    """What DuckDB is told of a text file; its own guesses would skip lines until they fit."""
    if form == "parquet":
        return ""
    if form == "json":
        return ", sample_size = -1"
    delimiter, names = csv_header(path)
    return (f", header = true, skip = 0, delim = {literal(delimiter)}, quote = '\"', escape = '\"', "
            f"names = {file_list(names)}, sample_size = -1")
