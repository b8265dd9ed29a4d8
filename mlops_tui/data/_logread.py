"""A file of predictions, opened: its shape, its rows by column, and the lines that are none."""

import csv
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import duckdb

from mlops_tui.data._logshapes import DATABRICKS, PLAIN, Reader, Row, recognised
from mlops_tui.errors import BadInput, Unreadable
from mlops_tui.logs.logguard import Guard
from mlops_tui.logs.payloadshapes import MOST_FEATURES, Malformed, document
from store.files import AGAIN, LONGEST, Opened, csv_header, form_of, open_file
from store.quoting import quote

WHOLE = 1 << 28  # bytes of a JSON file that is one document


@dataclass(frozen=True)
class Read:
    """A file as it was read: what follows FROM, its columns, and how many rows."""

    path: Path
    shape: str
    relation: str
    columns: dict[str, str]
    rows: int


def read_log(cursor: duckdb.DuckDBPyConnection, path: Path, reader: Reader, folder: Path, table: str,
             guard: Guard) -> Read:
    """The file's predictions; what is written of them into the folder is as the guard lets it be.

    Unreadable where it is no file of rows at all, or ends in the middle.
    """
    form = form_of(path)
    if form == "json":
        return _rewritten(cursor, path, (reader, guard), folder, table, *_documents(path, reader))
    try:
        opened = open_file(cursor, path, table)
    except Unreadable:
        if form != "csv":
            raise
        return _rewritten(cursor, path, (reader, guard), folder, table, PLAIN, _careful(path, reader))
    if recognised(opened.columns) == DATABRICKS:
        return _rewritten(cursor, path, (reader, guard), folder, table, DATABRICKS, _of_table(cursor, opened))
    kinds = {name: "VARCHAR" if _nested(kind) else kind for name, kind in opened.columns.items()}
    return Read(path, PLAIN, _numbered(opened), kinds, opened.rows)


def _numbered(opened: Opened) -> str:
    listed = ", ".join(f"CAST(to_json({quote(name)}) AS VARCHAR) AS {quote(name)}" if _nested(kind) else quote(name)
                       for name, kind in opened.columns.items())
    return f"(SELECT {listed}, {opened.row} + 1 AS \"#line\" FROM {opened.relation})"


def _nested(kind: str) -> bool:
    return kind.startswith(("STRUCT", "MAP", "UNION")) or kind.endswith("]") or kind == "JSON"


def _of_table(cursor: duckdb.DuckDBPyConnection, opened: Opened) -> Iterator[tuple[int, Any]]:
    """The rows as documents, in order."""
    found = cursor.execute(f"SELECT * FROM {opened.relation}")
    names, line = list(opened.columns), 0
    while rows := found.fetchmany(10_000):
        for row in rows:
            line += 1
            yield line, {name: value for name, value in zip(names, row, strict=True) if value is not None}


def _rewritten(cursor: duckdb.DuckDBPyConnection, path: Path, by: tuple[Reader, Guard], folder: Path, table: str,
               shape: str, documents: Iterable[tuple[int, Any]]) -> Read:
    """The rows, one flat object a line, in a file that DuckDB reads."""
    reader, guard = by
    staged, spelled, written = folder / f"{table.strip('#').replace(' ', '-')}.ndjson", dict[str, str](), 0
    with staged.open("wb") as stream:
        for row in reader.rows(shape, documents):
            try:
                text = json.dumps(guard.row(_spelled(row, spelled)), ensure_ascii=False).encode()
            except Malformed as problem:
                reader.put_aside(int(row["#line"]), str(problem), row)
                continue
            except UnicodeEncodeError:
                reader.put_aside(int(row["#line"]), "it holds half a character, which is no text", "")
                continue
            stream.write(text + b"\n")
            written += 1
    if not written:
        return Read(path, shape, "", {}, 0)
    opened = open_file(cursor, staged, table)
    return Read(path, shape, opened.relation, dict(opened.columns), opened.rows)


def _spelled(row: Row, spelled: dict[str, str]) -> Row:
    """The row with one spelling for names that differ in case only: to DuckDB they are one column."""
    found: Row = {}
    for name, value in row.items():
        known = spelled.setdefault(name.lower(), name or "column")
        if known in found:
            raise Malformed(f"it has '{known[:40]}' and '{name[:40]}', which are one column")
        found[known] = value
    if len(spelled) > MOST_FEATURES:
        raise BadInput(f"There are more than {MOST_FEATURES:,} different columns.", next="Is it a file of predictions?")
    return found


# -- documents --------------------------------------------------------------------------------------------------


def _documents(path: Path, reader: Reader) -> tuple[str, Iterator[tuple[int, Any]]]:
    """The shape of a JSON file, and its documents: one a line, the elements of a list, or one alone."""
    found = _parsed(path, reader)
    ahead: list[tuple[int, Any]] = []
    for each in found:
        ahead.append(each)
        if isinstance(each[1], dict):
            break
    first = ahead[-1][1] if ahead else None
    shape = recognised(first if isinstance(first, dict) else (), first)
    return shape, _chained(ahead, found)


def _chained(ahead: list[tuple[int, Any]], found: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    yield from ahead
    yield from found


def _parsed(path: Path, reader: Reader) -> Iterator[tuple[int, Any]]:
    whole = _one_document(path)
    if whole is not None:
        yield from enumerate(whole if isinstance(whole, list) else [whole], start=1)
        return
    for line, text in _lines(path, reader):
        if text.strip():
            try:
                yield line, document(text)
            except Malformed as problem:
                reader.put_aside(line, str(problem), text)


def _one_document(path: Path) -> Any:
    """What the file holds where it is one JSON document over several lines; None where it is one a line."""
    with _open(path) as stream:
        first = stream.readline(LONGEST)
    if first.lstrip()[:1] not in (b"[", b"{") or path.stat().st_size > WHOLE:
        return None
    try:
        document(first.decode(errors="replace"))
        alone = first.lstrip()[:1] == b"["
    except Malformed:
        alone = True
    if not alone:
        return None
    try:
        with _open(path) as stream:
            return document(stream.read(WHOLE).decode())
    except (Malformed, UnicodeDecodeError):
        return None


def _lines(path: Path, reader: Reader) -> Iterator[tuple[int, str]]:
    with _open(path) as stream:
        line = 0
        while text := stream.readline(LONGEST):
            line += 1
            if len(text) == LONGEST and not text.endswith(b"\n"):
                while (rest := stream.readline(LONGEST)) and not rest.endswith(b"\n"):
                    pass
                reader.put_aside(line, f"it is longer than {LONGEST >> 20} MiB", text[:1000].decode(errors="replace"))
                continue
            try:
                yield line, text.decode("utf-8-sig" if line == 1 else "utf-8")
            except UnicodeDecodeError as problem:
                reader.put_aside(line, f"it is no UTF-8: {problem.reason} at byte {problem.start}",
                                 text.decode(errors="backslashreplace"))


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    """A file of bytes, unpacked where it is gzip; Unreadable where that ends in the middle."""
    packed = path.name.lower().endswith(".gz")
    try:
        with cast("IO[bytes]", gzip.open(path, "rb")) if packed else path.open("rb") as stream:
            yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
        raise Unreadable(f"'{path.name}' is no whole gzip file.", where=str(path), next=AGAIN) from problem


def _careful(path: Path, reader: Reader) -> Iterator[tuple[int, Any]]:
    """The rows of a CSV file of which some lines have other fields than its header says."""
    delimiter, names = csv_header(path)
    lines = (text for _, text in _lines(path, reader))
    rows = csv.reader(lines, delimiter=delimiter)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as problem:
            reader.put_aside(rows.line_num, f"it is no CSV: {problem}", "")
            continue
        if rows.line_num == 1 or not row:
            continue
        if len(row) != len(names):
            reader.put_aside(rows.line_num, f"it has {len(row)} fields, the header {len(names)}", delimiter.join(row))
            continue
        yield rows.line_num, {name: value or None for name, value in zip(names, row, strict=True)}


