"""Columns of a file as numpy arrays, whole and in the order of its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from store.quoting import quote
from store.refusal import Unreadable
from store.scan import Field, engine, scan_file
from store.written import copied

READ = {"numeric": "CAST({} AS DOUBLE)", "boolean": "{}", "time": "epoch_us(CAST({} AS TIMESTAMP))",
        "category": "CAST({} AS VARCHAR)"}
NULL = "(missing)"  # how a null reads as text

Texts = npt.NDArray[np.str_]


@dataclass(frozen=True)
class ReadColumn:
    """A column (n,): numbers as float64, truth values as bool, times as int64 microseconds since 1970 UTC, text as str.

    `missing` marks nulls, whose value means nothing. NaN is a value.
    """

    field: Field
    values: npt.NDArray[np.generic]
    missing: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ReadFile:
    """Columns of a file by name, and columns read as text; they all have `rows` values."""

    where: str
    rows: int
    columns: Mapping[str, ReadColumn]
    texts: Mapping[str, Texts]


def read_columns(path: Path, names: Sequence[str], texts: Sequence[str] = ()) -> ReadFile:
    """Read columns of a Parquet, CSV or JSON file, and others as text whatever they hold.

    NotFound names the nearest column, Unreadable says what is wrong with the file.
    """
    connection = engine()
    scan = scan_file(path, connection)
    fields = [scan.field(name) for name in names]
    wanted = [READ[field.kind].format(quote(field.name)) for field in fields]
    wanted += [f"coalesce(CAST({quote(scan.field(name).name)} AS VARCHAR), '{NULL}')" for name in texts]
    query = ", ".join(f"{expression} AS c{i}" for i, expression in enumerate(wanted))
    try:
        found = list(connection.execute(f"SELECT {query} FROM {scan.relation}").fetchnumpy().values())
    except duckdb.Error as problem:
        raise Unreadable(f"The data cannot be read: {str(problem).splitlines()[0]}", where=scan.where) from problem
    columns = {field.name: _column(field, values) for field, values in zip(fields, found, strict=False)}
    return ReadFile(scan.where, found[0].size, columns,
                    {name: values.astype(np.str_) for name, values in zip(texts, found[len(fields):], strict=True)})


def _column(field: Field, found: npt.NDArray[np.generic]) -> ReadColumn:
    values: npt.NDArray[np.generic] = np.ma.getdata(found)
    missing = np.array(np.ma.getmaskarray(found), dtype=np.bool_)
    if field.kind == "category":
        values = np.where(missing, "", values).astype(np.str_)
    return ReadColumn(field, values, missing)


def write_columns(path: Path, columns: Mapping[str, npt.NDArray[np.generic]]) -> None:
    """Write arrays (n,) as the columns of a Parquet, CSV or JSON file, by its ending; whole or not at all."""
    connection = engine()
    connection.register("rows_to_write", {name: _plain(values) for name, values in columns.items()})
    write_rows(path, "SELECT * FROM rows_to_write", connection)


def write_rows(path: Path, query: str, connection: duckdb.DuckDBPyConnection) -> int:
    """Write the rows of a query as a Parquet, CSV or JSON file, by its ending, whole or not at all; how many."""
    try:
        return copied(path, query, connection)
    except duckdb.Error as problem:
        said = str(problem).splitlines()[0]
        raise Unreadable(f"'{path.name}' cannot be written: {said}", where=str(path)) from problem


def _plain(values: npt.NDArray[np.generic]) -> npt.NDArray[Any]:
    """DuckDB reads text from arrays of objects only."""
    return values.astype(np.object_) if values.dtype.kind == "U" else values
