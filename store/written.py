"""Files that a person asks for: the form that the name says, written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from store.quoting import literal
from store.refusal import Unreadable

if TYPE_CHECKING:
    import duckdb

ENDINGS = {"parquet": "parquet", "pq": "parquet", "csv": "csv", "tsv": "csv", "json": "json", "jsonl": "json",
           "ndjson": "json"}
_COPY = {"parquet": "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 2", "csv": "FORMAT csv, HEADER",
         "json": "FORMAT json"}


def names_file(word: str) -> bool:
    """Whether a word names a file of rows, by its ending, and nothing that is declared.

    >>> [names_file(each) for each in ("may.parquet", "LATE.CSV.gz", "flights", "csv", "flights@champion")]
    [True, True, False, False, False]
    """
    stem, _, ending = word.lower().removesuffix(".gz").rpartition(".")
    return bool(stem) and ending in ENDINGS


def written_form(path: Path) -> str:
    """The form that a file's name asks for; Unreadable where it is none that we know."""
    ending = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    if ending not in ENDINGS:
        raise Unreadable(f"'{path.name}' is not known to be Parquet, CSV or JSON.", where=str(path),
                         next=f"Known endings: {', '.join(ENDINGS)}.")
    return ENDINGS[ending]


def copy_options(path: Path) -> str:
    """How DuckDB's COPY writes a file of that name."""
    form, name = written_form(path), path.name.lower()
    tabs = ", DELIM '\t'" if name.removesuffix(".gz").endswith(".tsv") else ""
    return f"{_COPY[form]}{tabs}{', COMPRESSION gzip' if name.endswith('.gz') and form != 'parquet' else ''}"


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside it to write to, which takes its place when that went well, and is gone otherwise."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    if not path.parent.is_dir():
        raise Unreadable(f"There is no folder '{path.parent}'.", where=str(path), next="Make it, or name another.")
    try:
        yield staged
        staged.replace(path)
    except OSError as problem:
        raise Unreadable(f"'{path.name}' cannot be written: {problem.strerror or problem}.", where=str(path)) \
            from problem
    finally:
        staged.unlink(missing_ok=True)


def copied(path: Path, query: str, connection: "duckdb.DuckDBPyConnection") -> int:
    """Write the rows of a query as a Parquet, CSV or JSON file, by its ending, whole or not at all; how many."""
    options = copy_options(path)
    with whole(path) as staged:
        return int(connection.execute(f"COPY ({query}) TO {literal(str(staged))} ({options})").fetchall()[0][0])
