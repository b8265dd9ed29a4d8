"""Small files of a partition put together, so that a stream leaves few of them: sixteen of a size become one."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from store.lake import FileRef, Lake, Manifest

MANY = 16


@dataclass(frozen=True)
class Merged:
    """Files whose rows are in others now."""

    gone: tuple[FileRef, ...]
    made: tuple[FileRef, ...]

    def applied(self, state: Manifest) -> Manifest:
        """The state with the larger files in place of the small ones; as it is where one of those is gone already."""
        gone, there = ({(file.path, file.digest) for file in files} for files in (self.gone, state.files))
        if not gone <= there:
            return state
        kept = [file for file in state.files if (file.path, file.digest) not in gone]
        return Manifest(state.dataset, state.columns,
                        tuple(sorted((*kept, *self.made), key=lambda file: file.path)))


def merged(lake: Lake, state: Manifest, new: Manifest, sort: Sequence[str],
           cursor: duckdb.DuckDBPyConnection) -> Merged | None:
    """What to put together once `new` lies beside the files of a state; None where no partition has so many of a size.

    Each row is written again log16(rows) times at most: files are of a size where their numbers of rows have the same
    power of sixteen.
    """
    together = state.appending(new)
    touched = {tuple(sorted(file.partition.items())) for file in new.files}
    gone, made = list[FileRef](), list[FileRef]()
    for key in sorted(touched):
        files = [file for file in together.files if tuple(sorted(file.partition.items())) == key]
        chosen = _crowded(files)
        if chosen:
            rows = f"SELECT * FROM {lake.scan(Manifest(state.dataset, together.columns, tuple(chosen)))}"
            written = lake.write(state.dataset, rows, sort=sort, partition_by=tuple(dict(key)), connection=cursor)
            gone += chosen
            made += written.files
    return Merged(tuple(gone), tuple(made)) if gone else None


def _crowded(files: Sequence[FileRef]) -> list[FileRef]:
    """The files of the smallest size of which there are too many, and all that are smaller."""
    sizes = [_size(file) for file in files]
    full = [size for size in sizes if sizes.count(size) >= MANY]
    return [file for file in files if _size(file) <= min(full)] if full else []


def _size(file: FileRef) -> int:
    """The power of sixteen of its rows."""
    return (file.rows.bit_length() - 1) // 4
