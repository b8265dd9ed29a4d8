"""A large Parquet file that is what the lake would store: kept as it came, its bad rows masked, nothing rewritten."""

from collections.abc import Sequence

from mlops_tui.data._batch import BROKEN, FILE, Batch, Judged
from mlops_tui.errors import Conflict
from mlops_tui.quality.logicaltypes import family_of, raw
from mlops_tui.quality.rowrules import AT
from store.lake import FileRef, Lake, Manifest, partition_text
from store.quoting import quote

LARGE = 1 << 24  # bytes of a file below which its rows are soon written anew, in bytes that depend on the rows alone


def kept_whole(lake: Lake, name: str, batch: Batch, judged: Judged, digests: Sequence[str], *,
               sorted_by: Sequence[str]) -> Manifest | None:
    """The good rows as the files they came in, with masks; None where that is not what the lake would store.

    Every file has to be large, to hold the contract's columns in its order and of its types, without NaN, to be in the
    order of `sorted_by`, and to be one partition of its own. Conflict where a file is no longer the one of its digest.
    """
    partitions = _partitions(batch) if _alike(batch) else []
    if not partitions or not _in_order(batch, sorted_by):
        return None
    files: list[FileRef] = []
    for place, (file, digest, partition) in enumerate(zip(batch.files, digests, partitions, strict=True)):
        taken = lake.take(name, file.path, file.rows, partition)
        if taken.sha256 != digest:
            raise Conflict(f"'{file.path.name}' changed while it was read.", where=str(file.path), next="Try again.")
        if judged.bad_rows:
            numbers = f"SELECT {AT} % {FILE} FROM {BROKEN} WHERE {AT} // {FILE} = {place}"
            taken = lake.without(taken, name, numbers, connection=batch.cursor)
        files.append(taken)
    kept = [file for file in files if file.rows]
    made = Manifest(name, batch.columns, tuple(sorted(kept, key=lambda file: file.path)))
    lake.keep(made)
    return made


def _alike(batch: Batch) -> bool:
    """Whether the files have the columns that would be written, in that order and of those types."""
    wanted = {name: value.type for name, value in batch.rules.values.items()}
    return (bool(batch.files) and not batch.rules.derived and list(wanted.items()) == list(batch.columns.items())
            and all(file.row == "file_row_number" and dict(file.columns) == dict(batch.columns)
                    and file.path.stat().st_size >= LARGE for file in batch.files)
            and not _has_nan(batch))


def _has_nan(batch: Batch) -> bool:
    """Whether a number is NaN: that would be written as no value."""
    floats = [name for name, kind in batch.columns.items() if family_of(kind) == "float"]
    if not floats:
        return False
    some = " OR ".join(f"isnan({raw(name)})" for name in floats)
    return bool(batch.cursor.execute(f"SELECT count(*) FROM {batch.read} WHERE {some}").fetchall()[0][0])


def _partitions(batch: Batch) -> list[dict[str, str]]:
    """The partition of each file; nothing where a file has rows of several, or several files have rows of one."""
    keys = batch.rules.partition
    columns = ", ".join([f"{AT} // {FILE} AS place", *(quote(name) for name in keys)])
    query = f"SELECT DISTINCT {columns} FROM {batch.read} ORDER BY ALL LIMIT {len(batch.files) + 1}"
    rows = batch.cursor.execute(query).fetchall()
    found = [dict(zip(keys, map(partition_text, row[1:]), strict=True)) for row in rows]
    alone = len({tuple(each.items()) for each in found}) == len(found)
    return found if len(found) == len(batch.files) and alone else []


def _in_order(batch: Batch, names: Sequence[str]) -> bool:
    """Whether the rows of each file are in the order in which they would be written."""
    if not names:
        return True
    this = f"ROW({', '.join(f'{quote(name)} IS NULL, {quote(name)}' for name in names)})"
    beside = (f"SELECT this, lag(this) OVER () AS before, place, lag(place) OVER () AS last FROM "
              f"(SELECT {this} AS this, {AT} // {FILE} AS place FROM {batch.read})")
    query = f"SELECT count(*) FROM ({beside}) WHERE this < before AND place = last"
    return not batch.cursor.execute(query).fetchall()[0][0]
