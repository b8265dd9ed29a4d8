"""Files that people bring: how DuckDB reads their rows in order, and what is wrong with a file it cannot read."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from store.quoting import literal, quote
from store.refusal import NotFound, Unreadable, nearest

ENDINGS = {"parquet": "parquet", "pq": "parquet", "csv": "csv", "tsv": "csv", "json": "json", "jsonl": "json",
           "ndjson": "json"}
PACKED = (".gz", ".zst")
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
        raise Unreadable(f"'{path.name}' is a folder.", where=str(path), next="Name one Parquet, CSV or JSON file.")
    if not path.stat().st_size:
        raise Unreadable(f"'{path.name}' is empty (0 bytes).", where=str(path), next="Was it written completely?")
    return written_form(path)


def written_form(path: Path) -> str:
    """The form that a file's name asks for; Unreadable where it is none that we know."""
    name = path.name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    ending = name.rpartition(".")[2]
    if ending not in ENDINGS:
        raise Unreadable(f"'{path.name}' is not known to be Parquet, CSV or JSON.", where=str(path),
                         next=f"Known endings: {', '.join(ENDINGS)}.")
    return ENDINGS[ending]


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
    _refuse_ragged(path, form, columns)
    return Opened(path, form, relation, row, {} if _nothing(form, columns, rows) else columns, int(rows))


def _columns(cursor: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    described = cursor.execute(f"SELECT * FROM {relation} LIMIT 0").description or ()
    return {str(name): str(kind) for name, kind, *_ in described}


def _nothing(form: str, columns: Mapping[str, str], rows: int) -> bool:
    """Whether it is JSON without a record: that names no columns."""
    return form == "json" and not rows and list(columns) == ["json"]


def _csv(path: Path) -> str:
    delimiter = ", delim = '\t'" if ".tsv" in path.name.lower() else ""
    return f"read_csv({literal(str(path))}, header = true, all_varchar = true, sample_size = -1{delimiter})"


def _json(cursor: duckdb.DuckDBPyConnection, path: Path) -> str:
    read = f"read_json({literal(str(path))}, sample_size = -1"
    columns = _columns(cursor, f"{read})")
    if list(columns) == ["json"]:
        return f"{read})"
    kinds = {name: "VARCHAR" if kind.startswith(SPOKEN) else kind for name, kind in columns.items()}
    return f"{read}, columns = {{{', '.join(f'{quote(name)}: {literal(kind)}' for name, kind in kinds.items())}}})"


def _refuse_ragged(path: Path, form: str, columns: Mapping[str, str]) -> None:
    """A CSV whose rows differ in length is taken for one column that is named like the whole header line."""
    name = next(iter(columns), "") if form == "csv" and len(columns) == 1 else ""
    mark = next((mark for mark in ",;\t|" if mark in name), "")
    if mark:
        fields = name.count(mark) + 1
        line = _first_ragged(path, mark, fields)
        raise Unreadable(f"Not every line of '{path.name}' has {fields} fields, as the header has.",
                         where=f"{path}:{line}" if line else str(path),
                         next=f"Look for a missing quote or a stray '{mark}'.")


def _first_ragged(path: Path, mark: str, fields: int) -> int | None:
    """The line on which the first record of another length ends; None where it cannot be told."""
    if path.name.endswith(PACKED):
        return None
    with path.open(encoding="utf-8", errors="replace", newline="") as stream:
        records = csv.reader(stream, delimiter=mark)
        return next((records.line_num for record in records if len(record) != fields), None)


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
    said = [line.strip() for line in str(problem).splitlines() if line.strip()]
    first = (said[0].partition("Error: ")[2] or said[0]).rstrip(".") if said else type(problem).__name__
    if "magic bytes" in first or "too small" in first:
        return Unreadable(f"'{path.name}' is no whole Parquet file: its end is missing.", where=str(path),
                          next="Was it written completely? Copy or export it again.")
    more = next((line for line in said[1:] if line.startswith(("Expected", "Invalid"))), "")
    return Unreadable(f"'{path.name}' cannot be read: {f'{first}. {more}'.strip()[:300]}", where=str(path),
                      next="Was it written completely? Copy or export it again.")
