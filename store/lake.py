"""The data: immutable Parquet files named by their hash, and manifests that say which of them make a snapshot."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from store.quoting import file_list, literal, quote
from store.refusal import NotFound, Refusal, Unreadable, nearest

MEMORY = "2GB"


@dataclass(frozen=True)
class FileRef:
    """One immutable file of a snapshot: where it lies in the lake, what it is, which partition it holds."""

    path: str
    sha256: str
    rows: int
    bytes: int
    partition: Mapping[str, str]


@dataclass(frozen=True)
class Manifest:
    """A snapshot: a dataset's columns and files. Its id depends on content alone."""

    dataset: str
    columns: Mapping[str, str]
    files: tuple[FileRef, ...]

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def id(self) -> str:
        """SHA-256 over schema, sorted file hashes and partition values, and nothing else."""
        content = [list(self.columns.items()),
                   sorted([file.sha256, sorted(file.partition.items())] for file in self.files)]
        return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()

    def within(self, **bounds: tuple[str, str]) -> "Manifest":
        """Only the files whose partition value lies in `low <= value <= high` (text order), for each key given."""
        kept = tuple(file for file in self.files if all(
            low <= file.partition.get(key, "") <= high for key, (low, high) in bounds.items()))
        return Manifest(self.dataset, self.columns, kept)

    def replacing(self, new: "Manifest") -> "Manifest":
        """This snapshot with the partitions of `new` put in place of its own."""
        replaced = {tuple(sorted(file.partition.items())) for file in new.files}
        kept = tuple(file for file in self.files if tuple(sorted(file.partition.items())) not in replaced)
        return Manifest(self.dataset, new.columns, tuple(sorted((*kept, *new.files), key=lambda file: file.path)))


class Lake:
    """One folder of data. Every process reads it through its own in-memory DuckDB."""

    def __init__(self, root: Path, *, threads: int | None = None) -> None:
        self.root = root
        self.threads = threads or min(4, os.cpu_count() or 1)
        self._connection: duckdb.DuckDBPyConnection | None = None

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A cursor of this process's DuckDB: UTC, bounded memory, no extensions fetched."""
        if self._connection is None:
            self._connection = duckdb.connect(":memory:", config={"threads": self.threads, "memory_limit": MEMORY})
            self._connection.execute("SET TimeZone = 'UTC'; SET autoinstall_known_extensions = false")
        return self._connection.cursor()

    # -- writing ------------------------------------------------------------------------------------------------

    def write(self, dataset: str, query: str, *, sort: Sequence[str] = (), partition_by: Sequence[str] = (),
              connection: duckdb.DuckDBPyConnection | None = None) -> Manifest:
        """Write the rows of a query as content-addressed files, and the manifest they make; nothing is announced."""
        cursor = connection or self.connect()
        columns = {name: str(kind) for name, kind, *_ in cursor.execute(f"DESCRIBE {query}").fetchall()}
        self._check_columns(dataset, columns, (*sort, *partition_by))
        with self.staging() as staging:
            files = tuple(self._place(dataset, staged, partition)
                          for staged, partition in self._staged(cursor, query, staging, sort, tuple(partition_by)))
        manifest = Manifest(dataset, columns, tuple(sorted(files, key=lambda file: file.path)))
        self.keep(manifest)
        return manifest

    def _check_columns(self, dataset: str, columns: Mapping[str, str], wanted: Sequence[str]) -> None:
        for column in wanted:
            if column not in columns:
                raise NotFound(f"No column '{column}' to sort or partition by.", where=f"dataset {dataset}",
                               next=nearest(column, columns))

    def _staged(self, cursor: duckdb.DuckDBPyConnection, query: str, staging: Path, sort: Sequence[str],
                partition_by: tuple[str, ...]) -> Iterator[tuple[Path, dict[str, str]]]:
        order = f" ORDER BY {', '.join(quote(name) for name in sort)}" if sort else ""
        if not partition_by:
            target = staging / "all.parquet"
            _copy(cursor, f"SELECT * FROM ({query}){order}", target)
            yield target, {}
            return
        keys = ", ".join(quote(name) for name in partition_by)
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE staged AS {query}")
        try:
            for values in cursor.execute(f"SELECT DISTINCT {keys} FROM staged ORDER BY {keys}").fetchall():
                partition = {name: _partition_text(value) for name, value in zip(partition_by, values, strict=True)}
                target = staging / f"{hashlib.sha256(repr(partition).encode()).hexdigest()}.parquet"
                match = " AND ".join(f"{quote(name)} IS NOT DISTINCT FROM ?" for name in partition_by)
                _copy(cursor, f"SELECT * FROM staged WHERE {match}{order}", target, list(values))
                yield target, partition
        finally:
            cursor.execute("DROP TABLE IF EXISTS staged")

    def _place(self, dataset: str, staged: Path, partition: Mapping[str, str]) -> FileRef:
        digest = sha256_of(staged)
        folder = "/".join([dataset, *(f"{_segment(key)}={_segment(value)}" for key, value in partition.items())])
        target = self.root / folder / f"{digest}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        rows = self.connect().execute(f"SELECT count(*) FROM read_parquet({literal(str(staged))})").fetchall()[0][0]
        size = staged.stat().st_size
        if not target.exists():
            staged.replace(target)
        return FileRef(f"{folder}/{digest}.parquet", digest, int(rows), size, dict(partition))

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A folder on the lake's own disk, gone afterwards."""
        parent = self.root / "_staging"
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            yield Path(folder)

    def keep(self, manifest: Manifest) -> None:
        """Store the manifest under its id; the same content is the same file."""
        document = {"dataset": manifest.dataset, "columns": dict(manifest.columns),
                    "files": [{"path": file.path, "sha256": file.sha256, "rows": file.rows, "bytes": file.bytes,
                               "partition": dict(file.partition)} for file in manifest.files]}
        self._put(self._manifest_path(manifest.dataset, manifest.id), json.dumps(document, indent=1).encode())

    def _manifest_path(self, dataset: str, snapshot: str) -> Path:
        return self.root / dataset / "_snapshots" / f"{snapshot}.json"

    def _put(self, target: Path, content: bytes) -> None:
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with self.staging() as staging:
            staged = staging / "content"
            staged.write_bytes(content)
            staged.replace(target)

    def put_object(self, content: bytes) -> str:
        """Keep a document (a declaration, an SQL text, a report) under its SHA-256."""
        digest = hashlib.sha256(content).hexdigest()
        self._put(self.root / "_objects" / digest[:2] / digest, content)
        return digest

    def object(self, digest: str) -> bytes:
        """A kept document; NotFound where it was never kept or was erased."""
        path = self.root / "_objects" / digest[:2] / digest
        if not path.exists():
            raise NotFound(f"No object {digest[:12]} in the lake.")
        return path.read_bytes()

    # -- reading ------------------------------------------------------------------------------------------------

    def manifest(self, dataset: str, snapshot: str) -> Manifest:
        """The manifest of a snapshot, by its whole id or a prefix of at least 8 characters."""
        path = self._manifest_path(dataset, snapshot)
        if not path.exists():
            found = sorted(path.parent.glob(f"{snapshot}*.json")) if len(snapshot) >= 8 else []
            if len(found) != 1:
                raise NotFound(f"No snapshot '{snapshot}' of '{dataset}'.",
                               next=f"Try: mlops-tui snapshot log {dataset}")
            path = found[0]
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as problem:
            raise Unreadable(f"The manifest of {dataset}@{snapshot[:12]} is damaged.", where=str(path)) from problem
        files = tuple(FileRef(**file) for file in document["files"])
        return Manifest(document["dataset"], document["columns"], files)

    def scan(self, manifest: Manifest) -> str:
        """The SQL that reads a snapshot; a snapshot without files reads as no rows of its columns."""
        if not manifest.files:
            nothing = ", ".join(f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in manifest.columns.items())
            return f"(SELECT {nothing} WHERE false)"
        paths = [str(self.root / file.path) for file in manifest.files]
        return f"read_parquet({file_list(paths)}, hive_partitioning = false, union_by_name = true)"

    def damaged(self, manifest: Manifest) -> list[tuple[str, str]]:
        """The files of a snapshot whose bytes are not what the manifest says, with what is wrong."""
        wrong = []
        for file in manifest.files:
            path = self.root / file.path
            if not path.exists():
                wrong.append((file.path, "missing"))
            elif sha256_of(path) != file.sha256:
                wrong.append((file.path, "content differs from its hash"))
        return wrong


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _copy(cursor: duckdb.DuckDBPyConnection, query: str, target: Path, values: Sequence[object] = ()) -> None:
    """Write rows in the order of the query; one thread, so that the bytes are the same in every run."""
    how = "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"
    cursor.execute(f"COPY ({query}) TO {literal(str(target))} {how}", list(values))


def _partition_text(value: object) -> str:
    return "__null__" if value is None else str(value)


def _segment(text: str) -> str:
    """A path segment that cannot leave its folder."""
    safe = "".join(character if character.isalnum() or character in "-_. :+" else "_" for character in text)
    if safe in ("", ".", ".."):
        raise Refusal(f"'{text}' cannot be a partition value.")
    return safe[:120]
