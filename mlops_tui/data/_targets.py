"""Rows written to a file that a person named: whole, and never over what would be lost."""

import os
from collections.abc import Sequence
from pathlib import Path

import duckdb

from mlops_tui.errors import BadInput
from store.files import reading, written_form
from store.quoting import literal

WRITE = {"parquet": "FORMAT parquet, COMPRESSION zstd", "csv": "FORMAT csv, HEADER", "json": "FORMAT json"}


def check_target(target: Path, sources: Sequence[Path] = (), *, overwrite: bool) -> None:
    """Refuse a file that cannot be written, or in which there is something that would be lost."""
    written_form(target)
    if not target.parent.is_dir():
        raise BadInput(f"There is no folder '{target.parent}'.", where=str(target))
    if any(target.resolve() == path.resolve() for path in sources):
        raise BadInput(f"'{target.name}' is the file that is read.", where=str(target), next="Name another one.")
    if target.exists() and target.stat().st_size and not overwrite:
        raise BadInput(f"'{target.name}' exists already.", where=str(target),
                       next="Name another file, or add --overwrite.")


def is_text(target: Path) -> bool:
    """Whether a list has to be written as a text."""
    return written_form(target) == "csv"


def write(cursor: duckdb.DuckDBPyConnection, query: str, target: Path, sources: Sequence[Path]) -> None:
    """Let a file of rows appear whole, in the form that its ending asks for."""
    form = written_form(target)
    staged = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with reading(sources):
            cursor.execute(f"COPY ({query}) TO {literal(str(staged))} ({WRITE[form]})")
        staged.replace(target)
    finally:
        staged.unlink(missing_ok=True)
