"""The data: immutable Parquet files named by their hash, and manifests that say which of them make a snapshot."""

import errno
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_from_bytes, unquote

from store.quoting import file_list, literal, quote
from store.refusal import Conflict, Forbidden, NotFound, Refusal, Unreadable, nearest
from store.seen import Seen, digest_of

if TYPE_CHECKING:
    import duckdb

MEMORY = "2GB"
MISSING, DIFFERS = "missing", "content differs from its hash"
STAGING = "_staging"
STAGED = quote("=staged")
ORDERED = quote("=ordered")
AT = quote("=at")
REMEMBERED = 64
NULL, HIVE_NULL = "__null__", "__HIVE_DEFAULT_PARTITION__"  # how a partition says that it has no value
LONGEST = 120  # bytes of a value in a path; a name may have 255, and has a key as well
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Values = Mapping[str, object]
Part = tuple[tuple[str, str], ...]
Staged = Iterator[tuple[Path, int, dict[str, str]]]


@dataclass(frozen=True)
class FileRef:
    """One immutable file of a snapshot: where it lies, what it is, which partition it holds.

    `base` is the folder of a file that is read where it is; without one it lies in the lake. `mask` is a file of the
    lake with the numbers (column `row`, from 0) of rows that are not part of the snapshot; `rows` does not count them.
    For who may not see all columns, `shown` are those that he reads, and `emptied` such as read as nulls.
    """

    path: str
    sha256: str
    rows: int
    bytes: int
    partition: Mapping[str, str]
    base: str = ""
    mask: str = ""
    shown: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()

    @property
    def kept_back(self) -> bool:
        """Whether some of its columns are not shown."""
        return bool(self.shown or self.emptied)

    @property
    def part(self) -> Part:
        """The partition that it holds, as a key."""
        return tuple(self.partition.items())

    @property
    def part_name(self) -> str:
        """The partition that it holds, as people read it."""
        return ", ".join(self.partition.values()) or "all rows"

    @property
    def digest(self) -> str:
        """What the file's rows depend on: its bytes, those of its mask, and which columns are read."""
        digest = f"{self.sha256} without {Path(self.mask).stem}" if self.mask else self.sha256
        if not self.kept_back:
            return digest
        content = json.dumps([sorted(self.shown), sorted(self.emptied)])
        return f"{digest} but {hashlib.sha256(content.encode()).hexdigest()[:32]}"

    @property
    def folder(self) -> str:
        """The digest as a name of a folder: what is known of the file's rows lies there."""
        return self.digest.replace(" without ", "-").replace(" but ", "-but-")


@dataclass(frozen=True)
class Manifest:
    """A snapshot: a dataset's columns and files. Its id depends on content alone.

    `erased`: what was taken out of it since people asked for that, with `request`, `at` and `rows`. It is found under
    the id that it had before, and has the one of what is left.
    """

    dataset: str
    columns: Mapping[str, str]
    files: tuple[FileRef, ...]
    erased: tuple[Mapping[str, Any], ...] = ()

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @cached_property
    def id(self) -> str:
        """SHA-256 over schema, sorted hashes of files and their masks, partition values, and nothing else."""
        content = [list(self.columns.items()),
                   sorted([file.digest, sorted(file.partition.items())] for file in self.files)]
        return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()

    def by_partition(self) -> dict[Part, list[FileRef]]:
        """The files of each partition; it may have several."""
        found: dict[Part, list[FileRef]] = {}
        for file in self.files:
            found.setdefault(file.part, []).append(file)
        return found

    def within(self, **bounds: tuple[str, str]) -> "Manifest":
        """Only the files that may hold rows whose partition value lies in `low <= value <= high` (text order), for each
        key given; a file that is not partitioned by the key may."""
        kept = tuple(file for file in self.files if all(
            low <= file.partition.get(key, low) <= high for key, (low, high) in bounds.items()))
        return Manifest(self.dataset, self.columns, kept)

    @property
    def partitioned_by(self) -> tuple[tuple[str, ...], ...]:
        """The keys of its files' partitions: one tuple, unless files were put together that do not belong so."""
        return tuple(sorted({tuple(sorted(file.partition)) for file in self.files}))

    def replacing(self, new: "Manifest") -> "Manifest":
        """This snapshot with the partitions of `new` put in place of its own; Conflict where they have other keys."""
        self._check_keys(new)
        replaced = {tuple(sorted(file.partition.items())) for file in new.files}
        kept = tuple(file for file in self.files if tuple(sorted(file.partition.items())) not in replaced)
        return Manifest(self.dataset, new.columns, tuple(sorted((*kept, *new.files), key=lambda file: file.path)))

    def appending(self, new: "Manifest") -> "Manifest":
        """This snapshot with the files of `new` beside its own, so that a partition may have several; a file that it
        has already comes once. Conflict where they have other keys."""
        self._check_keys(new)
        files = {(file.path, file.digest): file for file in (*self.files, *new.files)}
        return Manifest(self.dataset, {**self.columns, **new.columns},
                        tuple(file for _, file in sorted(files.items())))

    def _check_keys(self, new: "Manifest") -> None:
        ways = dict.fromkeys((*self.partitioned_by, *new.partitioned_by))
        if len(ways) > 1:
            named = " and by ".join(", ".join(keys) or "nothing" for keys in ways)
            raise Conflict(f"The files of '{self.dataset}' are partitioned by {named}: put together, rows would be "
                           "there twice.", next=f"Try: mlops-tui snapshot log {self.dataset}")


class Lake:
    """One folder of data. Every process reads it through its own in-memory DuckDB."""

    def __init__(self, root: Path, *, threads: int | None = None) -> None:
        self.root = root
        self.threads = threads or min(4, os.cpu_count() or 1)
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._manifests: dict[Path, tuple[int, Manifest]] = {}
        self._remembering = Lock()

    def bounded(self, see: Callable[[Manifest], Manifest], objects: Callable[[], bool]) -> "Bounded":
        """The lake for somebody who does not see all: `see` gives what he sees of a snapshot, or refuses. `objects`:
        whether he may read what is kept beside the data."""
        return Bounded(self, see, objects)

    def connect(self) -> "duckdb.DuckDBPyConnection":
        """A cursor of this process's DuckDB: UTC, bounded memory, no extensions fetched.

        It is imported here: what is asked of the history and of manifests alone begins without it.
        """
        if self._connection is None:
            spill = str(self.root / STAGING / f"spill-{os.getpid()}")
            engine: Any = import_module("duckdb")
            made: duckdb.DuckDBPyConnection = engine.connect(":memory:", config={
                "threads": self.threads, "memory_limit": MEMORY, "temp_directory": spill})
            made.execute("SET TimeZone = 'UTC'; SET autoinstall_known_extensions = false")
            self._connection = made
        return self._connection.cursor()

    # -- writing ------------------------------------------------------------------------------------------------

    def write(self, dataset: str, query: str, *, sort: Sequence[str] = (), partition_by: Sequence[str] = (),
              connection: "duckdb.DuckDBPyConnection | None" = None, values: Values | None = None,
              staging: Path | None = None, codec: str = "zstd") -> Manifest:
        """Write the rows of a query as content-addressed files, and the manifest they make; nothing is announced.

        With `sort`, ties are ordered by the other columns, so that the bytes depend on the rows alone; without, the
        order of the query stays. `values` are bound to the query's `$name` parameters. `staging`: a folder of the
        lake's `staging()` that nobody else writes in meanwhile. `codec`: zstd is the smallest, lz4_raw is read in a
        third of the time.
        """
        cursor, by, bound = connection or self.connect(), tuple(partition_by), dict(values or {})
        staged = _rows(cursor, query, bound, staged=bool(by or not sort))
        with self.room(), nullcontext(staging) if staging else self.staging() as folder, staged as (relation, columns):
            self._check_columns(dataset, columns, (*sort, *by))
            order = ", ".join(quote(name) for name in dict.fromkeys((*sort, *columns))) if sort else "rowid"
            written = (_partitioned(cursor, order, folder, by, codec) if by
                       else _whole(cursor, relation, bound, order, folder, codec))
            files = [self.place(dataset, *each) for each in written]
        manifest = Manifest(dataset, columns, tuple(sorted(files, key=lambda file: file.path)))
        self.keep(manifest)
        return manifest

    def _check_columns(self, dataset: str, columns: Mapping[str, str], wanted: Sequence[str]) -> None:
        for column in wanted:
            if column not in columns:
                raise NotFound(f"No column '{column}' to sort or partition by.", where=f"dataset {dataset}",
                               next=nearest(column, columns))

    def place(self, dataset: str, staged: Path, rows: int, partition: Mapping[str, str]) -> FileRef:
        """Move a written file to where its content says it belongs."""
        digest, size = sha256_of(staged), staged.stat().st_size
        folder = "/".join([dataset, *(f"{_segment(key)}={_segment(value)}" for key, value in partition.items())])
        self._appear(staged, self.root / folder / f"{digest}.parquet")
        return FileRef(f"{folder}/{digest}.parquet", digest, rows, size, dict(partition))

    def _appear(self, staged: Path, target: Path) -> None:
        """Let a file be there under its name; one that was there becomes as young as a new one (see garbage)."""
        if not _touched(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            staged.replace(target)

    def take(self, dataset: str, source: Path, rows: int, partition: Mapping[str, str]) -> FileRef:
        """Keep a copy of a Parquet file as it is: a link would change with its source."""
        with self.staging() as folder:
            staged = folder / "taken.parquet"
            shutil.copyfile(source, staged)
            return self.place(dataset, staged, rows, partition)

    def without(self, file: FileRef, dataset: str, rows: str,
                connection: "duckdb.DuckDBPyConnection | None" = None) -> FileRef:
        """The unmasked file less the rows whose numbers (from 0) the column of `rows` gives; it is not rewritten."""
        cursor = connection or self.connect()
        with self.room(), self.staging() as folder:
            staged = folder / "mask.parquet"
            numbers = f'SELECT DISTINCT CAST(r AS BIGINT) AS "row" FROM ({rows}) t(r) ORDER BY 1'
            left_out = copied(cursor, numbers, staged)
            if not left_out:
                return file
            mask = f"{dataset}/_masks/{sha256_of(staged)}.parquet"
            self._appear(staged, self.root / mask)
        return replace(file, rows=file.rows - left_out, mask=mask)

    def taken_over(self, manifest: Manifest, dataset: str) -> Manifest:
        """The same rows as a snapshot of another dataset: its files are linked, not copied."""
        made = Manifest(dataset, manifest.columns, tuple(self._linked(file, dataset) for file in manifest.files))
        self.keep(made)
        return made

    def _linked(self, file: FileRef, dataset: str) -> FileRef:
        if file.base or file.mask:
            return file
        found = replace(file, path="/".join([dataset, *file.path.split("/")[1:]]))
        target = self.root / found.path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):  # somebody else was as quick
                target.hardlink_to(self.root / file.path)
        _touched(target)
        return found

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A folder on the lake's own disk, gone afterwards; its name says whose it is, in case he dies."""
        parent = self.root / STAGING
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent, prefix=f"work-{os.getpid()}-") as folder:
            yield Path(folder)

    @contextmanager
    def room(self) -> Iterator[None]:
        """Say it plainly where the disk is full: nothing was announced, so what was there is there still."""
        try:
            yield
        except _of_the_disk() as problem:
            full = getattr(problem, "errno", 0) in FULL or any(os.strerror(code) in str(problem) for code in FULL)
            if not full:
                raise
            raise Refusal("There is no room left for the data; what was there is as it was.", where=str(self.root),
                          next="Make room, for example with: mlops-tui snapshot gc") from problem

    def keep(self, manifest: Manifest) -> None:
        """Store the manifest under its id; the same content is the same file, unless it lies somewhere else by now."""
        path = self._manifest_path(manifest.dataset, manifest.id)
        lost = path.exists() and (_buried(path) or (any(file.base for file in manifest.files)
                                                    and not self.has(read_manifest(path))))
        self._put(path, json.dumps(_document(manifest)).encode(), anew=lost)

    def bury(self, snapshot: str, manifest: Manifest) -> None:
        """Let a snapshot be what is left of it: `manifest` says in `erased` what was taken out, and who asked."""
        self._put(self._manifest_path(manifest.dataset, snapshot), json.dumps(
            {"id": manifest.id, "erased": [dict(each) for each in manifest.erased], **_document(manifest)}).encode(),
            anew=True)

    def keep_result(self, key: str, manifest: Manifest) -> None:
        """Store what a computation gave under the digest of all that it depends on."""
        self._put(self._result_path(manifest.dataset, key),
                  json.dumps({"id": manifest.id, **_document(manifest)}).encode())

    def result(self, dataset: str, key: str) -> Manifest | None:
        """What was computed before under a key; None where it never was, or where one of its files is gone."""
        path = self._result_path(dataset, key)
        found = read_result(path) if path.exists() else None
        return found if found and self.has(found) else None

    def keep_document(self, dataset: str, key: str, content: bytes) -> None:
        """Store a small result (figures, a profile) under the digest of all that it depends on."""
        self._put(self._result_path(dataset, key), content)

    def document(self, dataset: str, key: str) -> bytes | None:
        """The small result of a key; None where it was never kept."""
        path = self._result_path(dataset, key)
        return path.read_bytes() if path.exists() else None

    def keep_profile(self, dataset: str, of: str, name: str, content: bytes) -> None:
        """Store what is known of a file's rows, under the digest of the file; whoever stored it before is overruled."""
        self._put(self._profile_path(dataset, of, name), content, anew=True)

    def profile(self, dataset: str, of: str, name: str) -> tuple[Path, int] | None:
        """Where the kept profile of a file lies, and a stamp that changes with its content; None where there is none.

        It becomes as young as a new one: profiles that nobody needs are collected.
        """
        path = self._profile_path(dataset, of, name)
        try:
            told = path.stat()
        except FileNotFoundError:
            return None
        _touched(path)
        return path, told.st_ino

    def agreed(self, dataset: str, name: str, content: bytes = b"") -> bytes | None:
        """What the first of several processes stored under a name, for all of them and for good; None for nothing."""
        target = self.root / dataset / "_profiles" / name
        if content and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with self.room(), self._staged_file() as staged, suppress(FileExistsError):
                staged.write_bytes(content)
                target.hardlink_to(staged)
        return target.read_bytes() if target.exists() else None

    def _profile_path(self, dataset: str, of: str, name: str) -> Path:
        return self.root / dataset / "_profiles" / of[:2] / of / name

    def has(self, manifest: Manifest) -> bool:
        """Whether every file of a snapshot, and every mask, is there."""
        return next(self._missing(manifest), None) is None

    def _missing(self, manifest: Manifest) -> Iterator[Path]:
        """The files of a snapshot that are not there."""
        places = (place for file in manifest.files
                  for place in (self.place_of(file), *([self.mask_of(file)] if file.mask else [])))
        return (place for place in places if not place.exists())

    def renew(self, manifest: Manifest) -> None:
        """Make a state young: somebody will build on it who has announced nothing yet."""
        self.keep(manifest)
        for file in manifest.files:
            for path in ("" if file.base else file.path, file.mask):
                if path:
                    _touched(self.root / path)

    def require(self, manifest: Manifest) -> None:
        """Conflict where a file of the snapshot was collected since it was written: for those who announce it, under
        the ledger's write lock, as the collector removes files."""
        for place in self._missing(manifest):
            raise Conflict(f"A file of '{manifest.dataset}' was collected before it was announced.", where=str(place),
                           next="Run it again.")

    def _result_path(self, dataset: str, key: str) -> Path:
        return self.root / dataset / "_results" / key[:2] / f"{key}.json"

    def _manifest_path(self, dataset: str, snapshot: str) -> Path:
        return self.root / dataset / "_snapshots" / f"{snapshot}.json"

    def _put(self, target: Path, content: bytes, *, anew: bool = False) -> None:
        """Let a whole file appear under its name, or nothing; one that was there is as young as a new one."""
        if not anew and (_touched(target) or target.exists()):
            return
        with self.room(), self._staged_file() as staged:
            staged.write_bytes(content)
            target.parent.mkdir(parents=True, exist_ok=True)
            staged.replace(target)

    @contextmanager
    def _staged_file(self) -> Iterator[Path]:
        """As `staging`, for one small file: a folder costs more to make and remove than the file."""
        parent = self.root / STAGING
        parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=parent, prefix=f"work-{os.getpid()}-")
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

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
            hexadecimal = len(snapshot) >= 8 and not set(snapshot) - set("0123456789abcdef")
            found = sorted(path.parent.glob(f"{snapshot}*.json")) if hexadecimal else []
            if len(found) != 1:
                raise NotFound(f"No snapshot '{snapshot}' of '{dataset}'.",
                               next=f"Try: mlops-tui snapshot log {dataset}")
            path = found[0]
        file, known = path.stat().st_ino, self._manifests.get(path)
        return known[1] if known and known[0] == file else self._remember(path, read_manifest(path), file)

    def _remember(self, path: Path, manifest: Manifest, file: int) -> Manifest:
        """What a snapshot consists of is read once, unless its file (by inode) is another one since: rows were erased.
        Threads may write at the same time."""
        with self._remembering:
            if len(self._manifests) >= REMEMBERED:
                del self._manifests[next(iter(self._manifests))]
            self._manifests[path] = file, manifest
        return manifest

    def seen(self, dataset: str) -> Seen:
        """The digests of a dataset's files that lie elsewhere, as they were when last read."""
        return Seen(self.root / "_seen" / f"{dataset}.json")

    def _check_unchanged(self, manifest: Manifest) -> None:
        """Refuse a snapshot of which a file that lies elsewhere is not what it was: its rows would be others'."""
        for path, digest in self.changed(manifest).items():
            name, state = manifest.dataset, f"{manifest.dataset}@{manifest.id[:12]}"
            if self._taken(name, path, digest):
                raise Unreadable(f"'{path.name}' is no more as {state} had it: what lies there now was taken since.",
                                 where=str(path), next=f"Try: mlops-tui snapshot diff {state} {name}")
            raise Unreadable(f"'{path.name}' of {state} was changed where it lies.", where=str(path),
                             next=f"Try: mlops-tui snapshot take {name}")

    def changed(self, manifest: Manifest) -> dict[Path, str]:
        """The files of a snapshot that lie elsewhere and are not what they were, with the digests that they have now:
        none where one is gone."""
        elsewhere = {self.place_of(file): file for file in manifest.files if file.base}
        there = [path for path in elsewhere if path.exists()]
        now = self.seen(manifest.dataset).digests(there) if there else {}
        return {path: now.get(path, "") for path, file in elsewhere.items() if now.get(path) != file.sha256}

    def _taken(self, dataset: str, path: Path, digest: str) -> bool:
        """Whether any snapshot knows the file as it is now."""
        return any(file.sha256 == digest and self.place_of(file) == path
                   for kept in (self.root / dataset / "_snapshots").glob("*.json")
                   for file in read_manifest(kept).files)

    def scan(self, manifest: Manifest) -> str:
        """The SQL that reads a snapshot, with all of its columns even where no file has one, as in a part of it.

        NotFound where a file of it is gone, Unreadable where one that lies elsewhere was changed.
        """
        for place in self._missing(manifest):
            raise NotFound(f"A file of {manifest.dataset}@{manifest.id[:12]} is gone.", where=str(place),
                           next=f"Try: mlops-tui snapshot log {manifest.dataset}")
        self._check_unchanged(manifest)
        typed = ", ".join(f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in manifest.columns.items())
        nothing = f"(SELECT {typed} WHERE false)"
        if not manifest.files:
            return nothing
        sorts: dict[tuple[bool, bool, tuple[str, ...], tuple[str, ...]], list[FileRef]] = {}
        for file in manifest.files:
            sorts.setdefault((bool(file.base), bool(file.mask), file.shown, file.emptied), []).append(file)
        parts = [_kept_back(self._rows(files, manifest.columns if in_place else None, masked=masked), files[0],
                            manifest.columns)
                 for (in_place, masked, _, _), files in sorted(sorts.items())]
        parts += [nothing] if typed and not all(in_place for in_place, *_ in sorts) else []
        together = " UNION ALL BY NAME ".join(f"SELECT * FROM {part}" for part in parts)
        return parts[0] if len(parts) == 1 else f"({together})"

    def bytes_of(self, file: FileRef) -> Path:
        """Where a file of a snapshot lies, for whoever reads all of it; Forbidden where he does not see all columns."""
        if file.kept_back:
            raise Forbidden("Columns of the file are kept from you, so it cannot be read as it lies.",
                            where=file.path)
        return self.place_of(file)

    def _rows(self, files: Sequence[FileRef], columns: Mapping[str, str] | None, *, masked: bool) -> str:
        """What follows FROM, for files of one sort; `columns` are given for files that are read where they are."""
        paths = file_list([str(self.place_of(file)) for file in files])
        by_path = columns is not None and all(_says_partition(file) for file in files)
        options = f"hive_partitioning = {str(by_path).lower()}, union_by_name = true"
        if by_path:
            options += f", hive_types = {{{', '.join(f'{quote(key)}: VARCHAR' for key in files[0].partition)}}}"
        read, listed = f"read_parquet({paths}, {options})", "*"
        if columns is not None:
            listed = ", ".join(_declared(name, kind, files, by_path=by_path) for name, kind in columns.items())
        if not masked:
            return read if columns is None else f"(SELECT {listed} FROM {read})"
        masks = file_list([str(self.mask_of(file)) for file in files])  # a file and its mask have the same place
        return (f"(SELECT * EXCLUDE ({AT}) FROM (SELECT {listed}, {{'f': file_index, 'r': file_row_number}} AS {AT} "
                f"FROM {read}) ANTI JOIN (SELECT {{'f': file_index, 'r': \"row\"}} AS {AT} FROM "
                f"read_parquet({masks})) USING ({AT}))")

    def place_of(self, file: FileRef) -> Path:
        """Where a file of a snapshot lies."""
        return Path(file.base, file.path) if file.base else self.root / file.path

    def mask_of(self, file: FileRef) -> Path:
        """Where its mask lies, if it has one."""
        return self.root / file.mask

    def forget(self, dataset: str, snapshot: str) -> None:
        """Read the manifest anew the next time."""
        self._manifests.pop(self._manifest_path(dataset, snapshot), None)

    def stored(self, dataset: str, snapshot: str) -> Manifest:
        """The manifest of a snapshot, read again from its file; NotFound where it is gone."""
        path = self._manifest_path(dataset, snapshot)
        if not path.exists():
            raise NotFound(f"The manifest of {dataset}@{snapshot[:12]} is missing.", where=str(path))
        return read_manifest(path)

    def damage(self, file: FileRef) -> str:
        """What is wrong with a file of a snapshot or its mask; nothing where the bytes are what was recorded."""
        if wrong := _damage(self.place_of(file), file.sha256):
            return wrong
        of_mask = _damage(self.mask_of(file), Path(file.mask).stem) if file.mask else ""
        return f"its mask: {of_mask}" if of_mask else ""

    def damaged(self, manifest: Manifest) -> list[tuple[str, str]]:
        """The files of a snapshot that are not what the manifest says, with what is wrong."""
        return [(file.path, wrong) for file in manifest.files if (wrong := self.damage(file))]


def _of_the_disk() -> tuple[type[Exception], ...]:
    """What a full disk raises; DuckDB, which most looks never need, says it in its own way where it is at work."""
    engine: Any = sys.modules.get("duckdb")
    return (OSError, engine.IOException) if engine is not None else (OSError,)


def _touched(path: Path) -> bool:
    """Whether a file is there and could be made young."""
    try:
        os.utime(path)
    except OSError:  # not there, or another user's
        return False
    return True


class Bounded(Lake):
    """A lake of which somebody does not see all: what is read of a snapshot is what he sees of it."""

    def __init__(self, lake: Lake, see: Callable[[Manifest], Manifest], objects: Callable[[], bool]) -> None:
        self.__dict__.update(lake.__dict__)
        self.whole, self.see, self.objects = lake, see, objects

    def connect(self) -> "duckdb.DuckDBPyConnection":
        return self.whole.connect()

    def manifest(self, dataset: str, snapshot: str) -> Manifest:
        return self.see(super().manifest(dataset, snapshot))

    def stored(self, dataset: str, snapshot: str) -> Manifest:
        return self.see(super().stored(dataset, snapshot))

    def result(self, dataset: str, key: str) -> Manifest | None:
        found = super().result(dataset, key)
        return self.see(found) if found is not None else None

    def scan(self, manifest: Manifest) -> str:
        return super().scan(self.see(manifest))

    def object(self, digest: str) -> bytes:
        if not self.objects():
            raise Forbidden("What is kept beside the data is made of all partitions and columns.",
                            where="team.yaml, access/")
        return super().object(digest)


def _kept_back(relation: str, file: FileRef, columns: Mapping[str, str]) -> str:
    """What follows FROM, without what is not shown; a file may lack a column, and an older one may have others."""
    if not file.kept_back:
        return relation
    listed = ", ".join(literal(name.lower()) for name in file.shown)
    read = [f"COLUMNS(lambda c: lower(c) IN ({listed}))"] if file.shown else []
    empty = [f"CAST(NULL AS {columns[name]}) AS {quote(name)}" for name in file.emptied if name in columns]
    return f"(SELECT {', '.join([*read, *empty])} FROM {relation})"


def _says_partition(file: FileRef) -> bool:
    """Whether the path of a file that is read where it is says all of its partition, as DuckDB reads paths."""
    said = dict(part.partition("=")[::2] for part in Path(file.path).parts[:-1] if "=" in part)
    return bool(said) and dict(file.partition) == {
        key: NULL if value == HIVE_NULL else unquote(value) for key, value in said.items()}


def _declared(name: str, kind: str, files: Sequence[FileRef], *, by_path: bool) -> str:
    """SQL of a column of files that are read where they are, of the declared type; from the path where that has it.

    What is not of that type is null, and so is a NaN: those rows are masked, or have no value there, as in `ingest`.
    """
    column = quote(name)
    if not by_path and any(name in file.partition for file in files):
        texts = [file.partition.get(name, NULL) for file in files]
        values = ", ".join("NULL" if text == NULL else literal(text) for text in texts)
        column = f"CAST([{values}] AS VARCHAR[])[CAST(file_index AS BIGINT) + 1]"
    value = f"TRY_CAST({column} AS {kind})"
    number = f"CASE WHEN NOT isnan({value}) THEN {value} END"  # = NaN may be folded away (see logicaltypes)
    return f"{number if kind == 'DOUBLE' else value} AS {quote(name)}"


def _damage(path: Path, digest: str) -> str:
    if not path.exists():
        return MISSING
    return "" if sha256_of(path) == digest else DIFFERS


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file; Unreadable where it is not the one its name says."""
    return _read(path, path.stem)


def read_result(path: Path) -> Manifest:
    """The manifest of a kept result; Unreadable where it is not the one that it names."""
    return _read(path)


def _read(path: Path, snapshot: str = "") -> Manifest:
    """The manifest in a file, of the id given; where none is given, of the one that it names itself."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        erased = tuple(document.get("erased", ()))
        wanted = snapshot if snapshot and not erased else document["id"]
        files = tuple(FileRef(**file) for file in document["files"])
        manifest = Manifest(document["dataset"], document["columns"], files, erased)
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise Unreadable(f"The manifest of snapshot {path.stem[:12]} is damaged.", where=str(path)) from problem
    if manifest.id != wanted:
        raise Unreadable(f"The manifest of snapshot {path.stem[:12]} was changed.", where=str(path))
    return manifest


def _buried(path: Path) -> bool:
    """Whether a snapshot's manifest is of what is left of it: those begin with the id of that."""
    with path.open("rb") as file:
        return file.read(5) == b'{"id"'


def _document(manifest: Manifest) -> dict[str, Any]:
    if any(file.kept_back for file in manifest.files):
        raise Forbidden(f"Columns of '{manifest.dataset}' are kept from you: what you see of it cannot be kept as a "
                        "state.", where="access/")
    return {"dataset": manifest.dataset, "columns": dict(manifest.columns),
            "files": [{"path": file.path, "sha256": file.sha256, "rows": file.rows, "bytes": file.bytes,
                       "partition": dict(file.partition), **({"base": file.base} if file.base else {}),
                       **({"mask": file.mask} if file.mask else {})} for file in manifest.files]}


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    return digest_of(path)


def columns_of(cursor: "duckdb.DuckDBPyConnection", query: str, values: Values | None = None) -> dict[str, str]:
    """The columns that a query gives, with their types."""
    described = cursor.execute(f"SELECT * FROM ({query}\n) LIMIT 0", dict(values or {})).description
    return {str(name): str(kind) for name, kind, *_ in described or ()}


@contextmanager
def _rows(cursor: "duckdb.DuckDBPyConnection", query: str, values: Values, *, staged: bool) -> Iterator[
        tuple[str, dict[str, str]]]:
    """What follows FROM, and its columns: the query itself, or a table that holds its rows in their order."""
    if not staged:
        yield f"({query}\n)", columns_of(cursor, query, values)
        return
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {STAGED} AS {query}", dict(values))
    try:
        yield STAGED, columns_of(cursor, f"SELECT * FROM {STAGED}")
    finally:
        cursor.execute(f"DROP TABLE IF EXISTS {STAGED}")


def _whole(cursor: "duckdb.DuckDBPyConnection", relation: str, values: Values, order: str, staging: Path,
           codec: str) -> Staged:
    """One file with all rows."""
    target = staging / "all.parquet"
    bound = values if relation != STAGED else {}
    yield target, copied(cursor, f"SELECT * FROM {relation} ORDER BY {order}", target, codec, bound), {}


def _partitioned(cursor: "duckdb.DuckDBPyConnection", order: str, staging: Path, by: tuple[str, ...],
                 codec: str) -> Staged:
    """One file for each combination of values: the rows are put in order once, and cut where a value changes."""
    keys = ", ".join(quote(name) for name in by)
    some = cursor.execute(f"SELECT DISTINCT {keys} FROM {STAGED} LIMIT 2").fetchall()
    if len(some) == 1:
        yield from ((target, rows, _partition(by, some[0]))
                    for target, rows, _ in _whole(cursor, STAGED, {}, order, staging, codec))
        return
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {ORDERED} AS SELECT * FROM {STAGED} ORDER BY {keys}, {order}")
    try:
        runs = cursor.execute(f"SELECT min(rowid), max(rowid) + 1, {keys} FROM {ORDERED} GROUP BY {keys} ORDER BY 1")
        for number, (first, end, *values) in enumerate(runs.fetchall()):
            partition, target = _partition(by, values), staging / f"{number}.parquet"
            rows = f"SELECT * FROM {ORDERED} WHERE rowid >= {first} AND rowid < {end}"
            yield target, copied(cursor, rows, target, codec), partition
    finally:
        cursor.execute(f"DROP TABLE IF EXISTS {ORDERED}")


def copied(cursor: "duckdb.DuckDBPyConnection", query: str, target: Path, codec: str = "zstd",
           values: Values | None = None) -> int:
    """Write rows and say how many; they are ordered, so the bytes are the same in every run and with any threads."""
    how = f"(FORMAT parquet, COMPRESSION {codec}, ROW_GROUP_SIZE 122880, USE_TMP_FILE false)"
    plain = f"SELECT TRY(COLUMNS(*)) FROM ({query})"  # else a column without nulls here is NOT NULL: other bytes
    return int(cursor.execute(f"COPY ({plain}) TO {literal(str(target))} {how}", dict(values or {})).fetchall()[0][0])


def _partition(by: Sequence[str], values: Sequence[object]) -> dict[str, str]:
    return {name: partition_text(value) for name, value in zip(by, values, strict=True)}


def partition_text(value: object) -> str:
    """A value as its partition is named."""
    if value == NULL:
        raise Refusal(f"'{NULL}' cannot be a partition value: it stands for rows without one.")
    return NULL if value is None else str(value)


def _segment(text: str) -> str:
    """A value as a part of a path: readable, never two values alike, unable to leave its folder, never too long.

    >>> [_segment(each) for each in ("EWR", "a/b", "a_b", "50%", "..", "", "Zürich")]
    ['EWR', 'a%2Fb', 'a_b', '50%25', '%2E%2E', '%', 'Zürich']
    """
    if not text.strip("."):
        return text.replace(".", "%2E") or "%"
    safe = "".join(each if each.isalnum() or each in "-_. :+" else quote_from_bytes(each.encode(), safe="")
                   if each != "~" else "%7E" for each in text)
    if len(safe.encode()) <= LONGEST:
        return safe
    return safe.encode()[:LONGEST - 20].decode(errors="ignore") + "~" + hashlib.sha256(text.encode()).hexdigest()[:16]
