"""Files that people bring: how DuckDB reads their rows in order, and what is wrong with a file it cannot read."""

import csv
import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from store.quoting import literal, quote
from store.refusal import NotFound, Unreadable, nearest
from store.written import written_form

AGAIN = "Was it written completely? Copy or export it again."
LONGEST = 1 << 24  # bytes in one line of a CSV file
_LINE, _FIELDS = re.compile(r"CSV Error on Line: (\d+)"), re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
SPOKEN = ("DATE", "TIME", "UUID", "JSON", "INTERVAL")  # what JSON writes as a text, and DuckDB guesses a type of


@dataclass(frozen=True)
class Opened:
    """A file whose rows can be read: `relation` follows FROM, `row` is the SQL of the row's number from 0."""

    path: Path
    form: str
    relation: str
    row: str
    columns: Mapping[str, str]
    rows: int


def form_of(path: Path) -> str:
    """parquet, csv or json by the ending; NotFound or Unreadable where the path is no such file."""
    if not path.exists():
        known = [each.name for each in path.parent.iterdir() if each.is_file()] if path.parent.is_dir() else []
        raise NotFound(f"No file '{path.name}'.", where=str(path.parent), next=nearest(path.name, known))
    if path.is_dir():
        raise Unreadable(f"'{path.name or path}' is a folder.", where=str(path),
                         next="Name one Parquet, CSV or JSON file.")
    if not path.stat().st_size:
        raise Unreadable(f"'{path.name}' is empty (0 bytes).", where=str(path), next=AGAIN)
    return written_form(path)


def open_file(cursor: duckdb.DuckDBPyConnection, path: Path, table: str) -> Opened:
    """A file, ready to be read several times. CSV and JSON are parsed once, into a temporary table of that name.

    The values of CSV stay texts, and so do the times in JSON: what they should be is for a contract to say.
    """
    form = form_of(path)
    with reading([path]):
        if form == "parquet":
            relation = f"read_parquet({literal(str(path))})"
            columns = _columns(cursor, relation)
            row = "file_row_number" if "file_row_number" not in columns else "row_number() OVER () - 1"
        else:
            read = _csv(path) if form == "csv" else _json(cursor, path)
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE {quote(table)} AS SELECT * FROM {read}")
            relation, row = quote(table), "rowid"
            columns = _columns(cursor, relation)
        rows = cursor.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0]
    return Opened(path, form, relation, row, {} if _nothing(form, columns, rows) else columns, int(rows))


def _columns(cursor: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    described = cursor.execute(f"SELECT * FROM {relation} LIMIT 0").description or ()
    return {str(name): str(kind) for name, kind, *_ in described}


def _nothing(form: str, columns: Mapping[str, str], rows: int) -> bool:
    """Whether it is JSON without a record: that names no columns."""
    return form == "json" and not rows and list(columns) == ["json"]


def _csv(path: Path) -> str:
    """The file as its header says. DuckDB's own guess would skip the lines before the first that it likes."""
    delimiter, names = csv_header(path)
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    return (f"read_csv({literal(str(path))}, auto_detect = false, header = true, delim = {literal(delimiter)}, "
            f"quote = '\"', escape = '\"', columns = {{{columns}}}, max_line_size = {LONGEST})")


def csv_header(path: Path) -> tuple[str, list[str]]:
    """The delimiter of a CSV file and the names in its first line; Unreadable where a name is there twice."""
    open_text = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with open_text(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as stream:
            first = stream.readline(LONGEST)
            while first.count('"') % 2 and (more := stream.readline(LONGEST)):
                first += more
    except (gzip.BadGzipFile, EOFError) as problem:
        raise Unreadable(f"'{path.name}' is no whole gzip file.", where=str(path), next=AGAIN) from problem
    if not first.strip() or "\ufffd" in first:
        raise Unreadable(f"The first line of '{path.name}' names no columns in UTF-8.", where=f"{path}:1", next=AGAIN)
    bare = re.sub(r'"[^"]*"', "", first)
    delimiter = max(",;\t|", key=bare.count)
    names = next(csv.reader([first.rstrip("\r\n")], delimiter=delimiter), [])
    names = [name.strip() or f"column{number}" for number, name in enumerate(names)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Unreadable(f"Two columns of '{path.name}' are named '{twice}'.", where=f"{path}:1",
                         next="Rename one of them.")
    return delimiter, names


def _json(cursor: duckdb.DuckDBPyConnection, path: Path) -> str:
    read = f"read_json({literal(str(path))}, sample_size = -1"
    columns = _columns(cursor, f"{read})")
    if list(columns) == ["json"]:
        return f"{read})"
    kinds = {name: "VARCHAR" if kind.startswith(SPOKEN) else kind for name, kind in columns.items()}
    return f"{read}, columns = {{{', '.join(f'{quote(name)}: {literal(kind)}' for name, kind in kinds.items())}}})"


@contextmanager
def reading(paths: Sequence[Path]) -> Iterator[None]:
    """What DuckDB says of a file that it cannot read, as one sentence; what it spills stays its own affair."""
    try:
        yield
    except (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException,
            duckdb.SerializationException, duckdb.InternalException) as problem:
        path = next((path for path in paths if str(path) in str(problem)), paths[0])
        raise _damaged(path, problem) from problem


def _damaged(path: Path, problem: duckdb.Error) -> Unreadable:
    text = str(problem)
    said = [line.strip() for line in text.splitlines() if line.strip()]
    first = (said[0].partition("Error: ")[2] or said[0]).rstrip(".") if said else type(problem).__name__
    if "magic bytes" in first or "too small" in first:
        return Unreadable(f"'{path.name}' is no whole Parquet file: its end is missing.", where=str(path), next=AGAIN)
    line, fields = _LINE.search(text), _FIELDS.search(text)
    where = f"{path}:{line[1]}" if line else str(path)
    if fields:
        return Unreadable(f"A line of '{path.name}' has {fields[2]} fields; the header has {fields[1]}.", where=where,
                          next="Look for a missing quote or a stray delimiter.")
    more = next((each for each in said[1:] if each.startswith(("Expected", "Invalid", "Value with"))), "")
    return Unreadable(f"'{path.name}' cannot be read: {f'{first}. {more}'.strip()[:300]}", where=where, next=AGAIN)
