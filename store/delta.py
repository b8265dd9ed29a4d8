"""A Delta table as files that are read where they are: those that its newest version counts."""

from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from store.lake import NULL
from store.placed import Placed, nearest_at
from store.refusal import NotFound, Unreadable

HARMLESS = frozenset({"timestampNtz", "vacuumProtocolCheck", "v2Checkpoint", "deletionVectors", "columnMapping"})
REWRITE = "Rewrite the table without it, or declare a copy: format: parquet"


def state_of(path: Path) -> Placed:
    """The files of the table's newest version; NotFound, or Unreadable where reading them alone would be wrong."""
    try:
        table = DeltaTable(path)
        actions = pa.table(table.get_add_actions(flatten=False)).to_pylist()
        masked = pa.table(table.deletion_vectors()).num_rows
    except TableNotFoundError as problem:
        hint = nearest_at(path, "delta")
        raise NotFound(f"'{path.name}' is no Delta table.", where=str(path), next=hint) from problem
    except (DeltaError, OSError) as problem:
        said = str(problem).splitlines()[0][:200]
        raise Unreadable(f"The Delta table '{path.name}' cannot be read: {said}", where=str(path)) from problem
    _readable(table, path, masked=masked > 0)
    files = {unquote(each["path"]): {key: NULL if value is None else _text(value)
                                     for key, value in (each.get("partition") or {}).items()} for each in actions}
    outside = next((name for name in files if Path(name).is_absolute() or "://" in name), None)
    if outside is not None:
        raise Unreadable(f"The table '{path.name}' has files elsewhere: {outside}.", where=str(path), next=REWRITE)
    if not files:
        raise Unreadable(f"The table '{path.name}' has no rows.", where=str(path), next="Take it when it has some.")
    return Placed(path, dict(sorted(files.items())), f"version {table.version()}")


def _readable(table: DeltaTable, path: Path, *, masked: bool) -> None:
    """Refuse a table whose Parquet files do not say alone what its rows are."""
    if masked:
        raise Unreadable(f"Rows of '{path.name}' are deleted by deletion vectors, which its files do not show.",
                         where=str(path), next="Rewrite its files: REORG TABLE … APPLY (PURGE), or OPTIMIZE.")
    if table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
        raise Unreadable(f"The columns of '{path.name}' have other names in its files (column mapping).",
                         where=str(path), next=REWRITE)
    strange = sorted(set(table.protocol().reader_features or ()) - HARMLESS)
    if strange:
        raise Unreadable(f"'{path.name}' uses what we do not read: {', '.join(strange)}.", where=str(path),
                         next=REWRITE)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
