"""Rows taken out of a lake for good: each file that has some is rewritten once, under every snapshot that names it."""

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from store.garbage import data_files, drop_staging, left_behind
from store.lake import FileRef, Lake, Manifest, copied, read_manifest
from store.quoting import file_list, literal, quote

if TYPE_CHECKING:
    import duckdb

FILES = 500  # files that are looked through by one query
CACHES = ("_results", "_profiles")

Where = tuple[str, str]  # a file of a snapshot, and its mask


@dataclass(frozen=True)
class Match:
    """By what rows of a dataset are told: `columns` hold one of `values`, or `keys` are those of a table's rows.

    `values` and `table` are tables of the lake's DuckDB, with the column `value` as text, or with the key columns.
    `inside`: texts in which a value may stand among others; `*` for every text.
    """

    columns: tuple[str, ...] = ()
    values: str = ""
    keys: tuple[str, ...] = ()
    table: str = ""
    inside: tuple[str, ...] = ()

    def sql(self, columns: Mapping[str, str]) -> str:
        """True where a row of a relation with these columns is one; nothing where it has none of them."""
        some = [_one_of(name, columns[name], self.values) for name in self.columns if name in columns]
        some += [f"list_has_any(list_concat(string_split({quote(name)}, '\"'), regexp_split_to_array({quote(name)}, "
                 f"'[^\\w.@+-]+')), (SELECT list(value) FROM {self.values}))" for name, kind in columns.items()
                 if kind == "VARCHAR" and (name in self.inside or "*" in self.inside)]
        if self.table and all(key in columns for key in self.keys):
            key = ", ".join(f"CAST({quote(key)} AS VARCHAR)" for key in self.keys)
            mine = ", ".join(f"CAST({quote(key)} AS VARCHAR)" for key in self.keys)
            some.append(f"({mine}) IN (SELECT ({key}) FROM {self.table})")
        return " OR ".join(f"coalesce({each}, false)" for each in some)


def _one_of(name: str, kind: str, values: str) -> str:
    """SQL: the column holds one of the values, or a list with one; compared as what the column holds, so that what
    files say of themselves (least and greatest value) spares reading them."""
    if kind.endswith("[]"):
        return f"list_has_any(CAST({quote(name)} AS VARCHAR[]), (SELECT list(value) FROM {values}))"
    if kind == "VARCHAR":
        return f"{quote(name)} IN (SELECT value FROM {values})"
    number = kind in ("DOUBLE", "FLOAT") or kind.startswith("DECIMAL")
    same = "true" if number else f"CAST(TRY_CAST(value AS {kind}) AS VARCHAR) = value"
    return (f"{quote(name)} IN (SELECT TRY_CAST(value AS {kind}) FROM {values} WHERE {same} AND "
            f"TRY_CAST(value AS {kind}) IS NOT NULL)")


@dataclass(frozen=True)
class Held:
    """The rows (numbers from 0) of one file that are to go; `known`: some snapshot names the file; `elsewhere`: it is
    read where it is, outside of the lake."""

    dataset: str
    path: Path
    rows: tuple[int, ...]
    known: bool = True
    elsewhere: bool = False


def located(lake: Lake, cursor: "duckdb.DuckDBPyConnection", dataset: str, matches: Sequence[Match]) -> list[Held]:
    """Every file of a dataset that has rows which match, in the lake or where it is read in place: masked rows, and
    files that no snapshot names any more, as well."""
    named = {place: path for path, place in _named(lake, dataset).items()}
    files = [lake.root / path for path in data_files(lake, dataset) if "/_masks/" not in path]
    files += [path for path in named if path not in set(files) and path.exists()]
    return [Held(dataset, path, rows, path in named, not path.is_relative_to(lake.root))
            for path, rows in located_in(cursor, files, matches).items()]


def located_in(cursor: "duckdb.DuckDBPyConnection", files: Iterable[Path],
               matches: Sequence[Match]) -> dict[Path, tuple[int, ...]]:
    """The numbers of the rows that match, by file."""
    found: dict[Path, tuple[int, ...]] = {}
    for columns, alike in _by_columns(files).items():
        some = " OR ".join(sql for match in matches if (sql := match.sql(dict(columns))))
        for first in range(0, len(alike) if some else 0, FILES):
            part = alike[first:first + FILES]
            rows = cursor.execute(
                f"SELECT file_index, list(file_row_number ORDER BY file_row_number) FROM read_parquet("
                f"{file_list([str(path) for path in part])}, hive_partitioning = false) WHERE {some} GROUP BY 1 "
                "ORDER BY 1")
            found |= {part[at]: tuple(numbers) for at, numbers in rows.fetchall()}
    return found


def rows_of(cursor: "duckdb.DuckDBPyConnection", held: Sequence[Held], columns: Sequence[str], table: str) -> bool:
    """Put some columns of these rows, as text, into a table; False where a file lacks one, or there are none."""
    if not held or not columns or any(set(columns) - set(pq.read_schema(each.path).names) for each in held):
        return False
    shown = ", ".join(f"CAST({quote(name)} AS VARCHAR) AS {quote(name)}" for name in columns)
    cursor.execute(f"CREATE OR REPLACE TABLE {table} ({', '.join(f'{quote(name)} VARCHAR' for name in columns)})")
    for first in range(0, len(held), FILES):
        part = held[first:first + FILES]
        where = pa.table({"f": [at for at, each in enumerate(part) for _ in each.rows],
                          "r": [row for each in part for row in each.rows]})
        cursor.register("rows of people", where)
        files = file_list([str(each.path) for each in part])
        cursor.execute(f"INSERT INTO {table} SELECT {shown} FROM read_parquet({files}, hive_partitioning = false, "
                       "union_by_name = true) WHERE (file_index, file_row_number) IN (SELECT (f, r) FROM "
                       '"rows of people")')
        cursor.unregister("rows of people")
    return True


def _by_columns(files: Iterable[Path]) -> dict[tuple[tuple[str, str], ...], list[Path]]:
    """The files by their columns and types, of which one query can be asked."""
    found: dict[tuple[tuple[str, str], ...], list[Path]] = {}
    for path in files:
        schema = pq.read_schema(path)
        found.setdefault(tuple((field.name, _kind(field.type)) for field in schema), []).append(path)
    return found


def _kind(type: Any) -> str:
    """DuckDB's name for a column's type, as far as it matters to compare."""
    text = str(type)
    known = {"string": "VARCHAR", "large_string": "VARCHAR", "double": "DOUBLE", "float": "FLOAT", "bool": "BOOLEAN",
             "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT", "uint8": "UTINYINT",
             "uint16": "USMALLINT", "uint32": "UINTEGER", "uint64": "UBIGINT", "date32[day]": "DATE"}
    if text.startswith(("list<", "large_list<")):
        return "VARCHAR[]"
    if text.startswith("decimal"):
        return text.replace("decimal128", "DECIMAL").replace("decimal256", "DECIMAL")
    if text.startswith("timestamp"):
        return "TIMESTAMPTZ" if "tz=" in text else "TIMESTAMP"
    return known.get(text, "BLOB" if text.endswith("binary") else text.upper())


def _named(lake: Lake, dataset: str) -> dict[str, Path]:
    """The files that the snapshots of a dataset name, with where they lie."""
    return {f"{file.base}/{file.path}" if file.base else file.path: lake.place_of(file)
            for path in _manifests(lake, dataset) for file in read_manifest(path).files}


def _manifests(lake: Lake, dataset: str) -> list[Path]:
    return sorted((lake.root / dataset / "_snapshots").glob("*.json"))


# -- rewriting ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Erasure:
    """What becomes of a dataset: each file that had rows to go as it is without them (None: nothing is left)."""

    dataset: str
    rows: Mapping[Where, int]
    moved: Mapping[Where, FileRef | None]
    old: frozenset[Path]

    def of(self, manifest: Manifest, request: Mapping[str, Any]) -> Manifest | None:
        """A snapshot without those rows, with who asked for it; None where it had none of them."""
        went = sum(self.rows[_where(file)] for file in manifest.files if _where(file) in self.moved)
        if all(self.moved.get(_where(file), file) == file for file in manifest.files):
            return None
        files = tuple(left for file in manifest.files if (left := self.moved.get(_where(file), file)) is not None)
        said = {**request, "rows": went}
        return replace(manifest, files=tuple(sorted(files, key=lambda file: file.path)),
                       erased=(*manifest.erased, said))


def _where(file: FileRef) -> Where:
    return (f"{file.base}/{file.path}" if file.base else file.path, file.mask)


def rewritten(lake: Lake, dataset: str, found: Sequence[Held]) -> Erasure:
    """Write the files anew without the rows to go, beside the old ones: nobody reads the new ones yet."""
    going = {held.path: held for held in found}
    known = {_where(file): file for path in _manifests(lake, dataset) for file in read_manifest(path).files
             if lake.place_of(file) in going}
    with ThreadPoolExecutor(lake.threads) as pool:
        made = list(pool.map(lambda file: _without(lake, dataset, file, going[lake.place_of(file)]), known.values()))
    moved = dict(zip(known, (file for file, _ in made), strict=True))
    old = {path for path in going if path.is_relative_to(lake.root)}
    old |= {lake.mask_of(file) for file in known.values() if file.mask}
    return Erasure(dataset, dict(zip(known, (rows for _, rows in made), strict=True)), moved, frozenset(old))


def _without(lake: Lake, dataset: str, file: FileRef, held: Held) -> tuple[FileRef | None, int]:
    """The file less some rows, in their order, and how many of those its snapshots had; one that lies elsewhere is not
    touched, but gets a mask."""
    masked = set[int]()
    cursor = lake.connect()
    if file.mask:
        masked = {number for number, in cursor.execute(
            f'SELECT "row" FROM read_parquet({literal(str(lake.mask_of(file)))})').fetchall()}
    went = set(held.rows) - masked
    if file.base:
        bare = replace(file, mask="", rows=file.rows + len(masked))
        left = f"SELECT unnest({sorted(masked | set(held.rows))})"
        return lake.without(bare, dataset, left, connection=cursor), len(went)
    with lake.room(), lake.staging() as folder:
        staged = folder / "left.parquet"
        rows = copied(cursor, _left(cursor, held.path, masked | set(held.rows)), staged, _codec(held.path))
        return (lake.place(dataset, staged, rows, file.partition) if rows else None), len(went)


def _left(cursor: "duckdb.DuckDBPyConnection", path: Path, out: Collection[int]) -> str:
    """SQL of a file's rows but for those, in their order: a mask of bits keeps it, where a join would not."""
    rows = pq.read_metadata(path).num_rows
    cursor.execute(f"SET VARIABLE gone = (SELECT bitstring_agg(r, 0, {max(rows - 1, 0)}) FROM (SELECT "
                   f"unnest({sorted(out)})::INTEGER AS r))")
    return (f"SELECT * EXCLUDE (file_row_number) FROM read_parquet({literal(str(path))}, hive_partitioning = false, "
            "file_row_number = true) WHERE get_bit(getvariable('gone'), file_row_number::INTEGER) = 0")


def _codec(path: Path) -> str:
    """The compression that a file of ours has."""
    told = pq.read_metadata(path)
    named = told.row_group(0).column(0).compression.lower() if told.num_row_groups else "zstd"
    return "lz4_raw" if named.startswith("lz4") else named


def swapped(lake: Lake, erasure: Erasure, request: Mapping[str, Any]) -> dict[str, Manifest]:
    """Let every snapshot of the dataset be what is left of it: by its id, what it is now. Hold the ledger's lock, so
    that nobody announces a state made of the old files meanwhile."""
    found: dict[str, Manifest] = {}
    for path in _manifests(lake, erasure.dataset):
        after = erasure.of(read_manifest(path), request)
        if after is not None:
            lake.bury(path.stem, after)
            found[path.stem] = after
    return found


def dropped(lake: Lake, dataset: str, old: Iterable[Path]) -> int:
    """Remove the old files but for those that a snapshot still names, and all that was worked out from the dataset and
    kept; how many files went."""
    used = {*_named(lake, dataset).values()}
    used |= {lake.mask_of(file) for path in _manifests(lake, dataset) for file in read_manifest(path).files
             if file.mask}
    going = [path for path in old if path not in used and path.exists()]
    for path in going:
        path.unlink()
        folder = path.parent
        while folder.parent != lake.root and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
    for name in CACHES:
        shutil.rmtree(lake.root / dataset / name, ignore_errors=True)
    return len(going)


def forget_work(lake: Lake) -> int:
    """Remove what dead processes left of their work; the bytes."""
    return drop_staging(tuple(left_behind(lake)))


def every_dataset(lake: Lake) -> Iterator[str]:
    """The datasets that have a folder in the lake."""
    yield from (path.name for path in sorted(lake.root.glob("[!_]*/")))
