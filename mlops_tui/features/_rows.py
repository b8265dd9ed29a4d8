"""The rows that a transform is fitted on or applied to: those of a declared dataset or of a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from mlops_tui.capability import local_path
from mlops_tui.errors import BadInput, Unreadable
from mlops_tui.session import Session
from mlops_tui.transforms import frozen, rows
from store.facts import Finding
from store.files import form_of, reading
from store.quoting import literal, quote
from store.scan import engine, scan_file
from store.written import copied


@dataclass(frozen=True)
class Source:
    """A relation (it follows FROM) on a cursor of its own; `key` are the declared columns that identify a row."""

    cursor: duckdb.DuckDBPyConnection
    relation: str
    types: dict[str, str]
    rows: int
    name: str
    where: str
    subject: str = ""
    data: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    file: Path | None = None

    @property
    def columns(self) -> list[str]:
        return [name for name in self.types if name != rows.ROW]

    def one(self, query: str) -> tuple[Any, ...]:
        """The first row of a query."""
        found: tuple[Any, ...] = self.cursor.execute(query).fetchall()[0]
        return found


def opened(session: Session, subject: str | None, file: Path | None) -> Source:
    """SUBJECT, a declared dataset, or FILE; BadInput where both, neither or nothing is in it."""
    if (subject is None) == (file is None):
        raise BadInput("Give SUBJECT or --file, not both." if subject else "Nothing to look at.",
                       next="" if subject else "Give a declared SUBJECT, or --file FILE.", where="the command line")
    found = _dataset(session, subject) if subject is not None else _file(Path(str(file)))
    if not found.rows:
        raise BadInput(f"'{found.name}' has columns but no rows.", where=found.where, next="Name one with data.")
    return found


def _dataset(session: Session, subject: str) -> Source:
    project = session.declared()
    name = project.subject(subject, "dataset").name
    manifest = session.snapshot(subject)
    cursor, relation = session.data().connect(), session.data().scan(manifest)
    key = tuple(each.name for each in project.dataset(name).properties if each.primaryKey)
    return Source(cursor, relation, rows.types_of(cursor, relation), manifest.rows, subject, f"dataset {subject}", name,
                  (manifest.id,), key)


def _file(path: Path) -> Source:
    """CSV and JSON are parsed once into a table; rows carry their number in the file."""
    connection, form = engine(), form_of(path)
    side = scan_file(path, connection)
    number, relation = "rowid", side.relation
    if form == "parquet":
        relation = f"read_parquet({literal(str(path))})"
        number = "file_row_number" if "file_row_number" not in side.fields else "row_number() OVER ()"
    whole = f"(SELECT *, {number} AS {quote(rows.ROW)} FROM {relation})"
    return Source(connection, whole, rows.types_of(connection, whole), side.rows, path.name, str(path), file=path)


@contextmanager
def read(source: Source) -> Iterator[None]:
    """What DuckDB says of rows that it cannot read, as a refusal that names them."""
    try:
        with reading([source.file or Path(source.name)]):
            yield
    except duckdb.Error as problem:
        said = str(problem).splitlines()[0].partition("Error: ")[2] or type(problem).__name__
        raise Unreadable(f"The data cannot be read: {said[:300]}", where=source.where) from problem


def write(source: Source, query: str, path: Path) -> None:
    """The rows of a query as a file of the form its ending says, in the order of the source, whole or not at all."""
    hidden, order = f" EXCLUDE ({quote(rows.ROW)})", quote(rows.ROW)
    if rows.ROW not in source.types:
        hidden, order = "", ", ".join(map(quote, source.key)) or "ALL"
    copied(path, f"SELECT *{hidden} FROM ({query}) ORDER BY {order}", source.cursor)


def listed(text: str | None) -> tuple[str, ...]:
    """`a,b` as names."""
    return tuple(each.strip() for each in (text or "").split(",") if each.strip())


def map_of(session: Session, text: str, kind: str) -> dict[str, Any]:
    """A frozen map: a file, or one kept in the project's lake by its digest."""
    if len(text) == 64 and not set(text) - set("0123456789abcdef"):
        return frozen.read(session.data().object(text), kind, f"map {text[:12]}")
    path = local_path(session, text)
    if not path.is_file():
        raise BadInput(f"No file '{path.name}'.", where=str(path.parent),
                       next=f"Make one: mlops-tui {kind} … --save FILE")
    return frozen.read(path.read_bytes(), kind, str(path))


def kept(session: Session, source: Source, document: frozen.Document, save: Path | None, title: str) -> str:
    """The map's digest, after it was written to a file where asked, and kept in the lake and history of a dataset."""
    digest = frozen.write(document, save) if save is not None else frozen.digest_of(document)
    if source.subject:
        session.data().put_object(frozen.canonical(document))
        session.ledger.append(Finding(check=str(document["kind"]), subject=source.subject, status="pass", title=title,
                                      n=source.rows, data=source.data, detail={"map": digest}))
    return digest
