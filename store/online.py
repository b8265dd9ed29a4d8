"""The newest values of feature views by entity, for whoever asks one request at a time: SQLite, or Redis by its URL."""

import json
import os
import sqlite3
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import psutil

from store.connections import log_ahead
from store.packing import Packing, time_of
from store.refusal import Refusal, Unreadable

BATCH = 10_000      # entities that are written at once: others can write between two batches
PATIENCE = 60.0     # seconds that a writer waits for another
CACHE = 65_536      # kilobytes of the file that a reader keeps: a page costs no call
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Standing:
    """What of a view is online: which version, from which rows, as of when. Times are microseconds since 1970."""

    view: str
    version: str
    snapshot: str
    as_of: int
    entity: tuple[str, ...]
    columns: Mapping[str, str]
    available_after: int
    ttl: int | None
    entities: int = 0
    generation: str = ""

    def document(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> "Standing":
        found = json.loads(text)
        return cls(**{**found, "entity": tuple(found["entity"])})


class Served(NamedTuple):
    """What is answered for one entity: `fresh` with its values, `stale` (too old to be used) or `missing`, without."""

    state: str
    values: tuple[Any, ...] | None
    time: int | None


MISSING = Served("missing", None, None)


class Shelf(Protocol):
    """Where the packed rows lie: a whole version of a view appears at once, or not at all."""

    def standing(self) -> dict[str, Standing]:
        """What is there of each view."""

    def fetch(self, keys: Mapping[str, Sequence[str]]) -> dict[str, tuple[Standing, list[bytes | None]]]:
        """For each view that is there, the packed rows of the entities asked for, all of one version."""

    def put(self, standing: Standing, rows: Iterable[tuple[str, bytes]]) -> tuple[Standing, bool]:
        """Fill a version of a view and let it appear; False where a newer one was there by then."""

    def forget(self, people: Mapping[str, Collection[str]]) -> dict[str, int]:
        """Remove, from every version, the entities that have one of the values in a column; how many of each view."""

    def holding(self, people: Mapping[str, Collection[str]]) -> list[str]:
        """The views of which a version has such an entity."""


class Online:
    """Values by view and entity, as known at the moment of the question."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def read(self, views: Sequence[str], entities: Sequence[Mapping[str, Any]], at: int) -> dict[str, list[Served]]:
        """The newest values of each view for each of the entities, known at `at` (microseconds since 1970).

        An entity is given by column: `{"origin": "JFK", "carrier": "B6"}`; others of its columns are ignored. What is
        not known yet at `at` is not served. A view that is not online gives an empty list.
        """
        there = self.shelf.standing()
        asked = {there[view].entity for view in views if view in there}  # many views are of the same entity
        keys_of = {entity: [key_of(entity, each) for each in entities] for entity in asked}
        keys = {view: keys_of[there[view].entity] for view in views if view in there}
        found = self.shelf.fetch(keys)
        return {view: served(*found[view], at) if view in found else [] for view in views}


def served(standing: Standing, blobs: Sequence[bytes | None], at: int) -> list[Served]:
    """What each packed entity answers at `at`."""
    packing, oldest = _packing(tuple(standing.columns.items())), None if standing.ttl is None else at - standing.ttl
    known, unpack = at - standing.available_after, packing.unpack
    found: list[Served] = []
    values: tuple[Any, ...] | None
    time: int | None
    one, whole = _LENGTH.size + packing.size if packing.plain else 0, packing.whole
    for blob in blobs:
        values, time = None, None
        if blob is not None and len(blob) == one and (read := whole(blob, _LENGTH.size)) is not None:
            time, values = read  # the usual entity: one row of plain numbers
            if time > known:
                time = None
        elif blob is not None and (row := _newest(blob, known)) is not None:
            time, values = time_of(row), unpack(row)
        if time is None:
            found.append(MISSING)
        elif oldest is not None and time < oldest:
            found.append(Served("stale", None, time))
        else:
            found.append(Served("fresh", values, time))
    return found


@lru_cache(maxsize=64)
def _packing(columns: tuple[tuple[str, str], ...]) -> Packing:
    return Packing(dict(columns))


def together(rows: Sequence[bytes]) -> bytes:
    """The packed rows of one entity, oldest first, as one blob."""
    return b"".join(_LENGTH.pack(len(row)) + row for row in rows)


def _newest(blob: bytes, known: int) -> bytes | None:
    """The last row of a blob whose time is not after `known`."""
    at, found = 0, None
    while at < len(blob):
        end = at + _LENGTH.size + _LENGTH.unpack_from(blob, at)[0]
        row = blob[at + _LENGTH.size:end]
        if time_of(row) > known:
            break
        found, at = row, end
    return found


def key_of(entity: Sequence[str], values: Mapping[str, Any]) -> str:
    """The text by which an entity is kept: its value, or for several columns each with its length before it."""
    if len(entity) == 1:
        only = values.get(entity[0])
        if type(only) is str:
            return only
        if type(only) is int:
            return str(only)
    texts = [_text(values.get(column)) for column in entity]
    if None in texts:
        return "\0"  # no entity has this key
    return str(texts[0]) if len(texts) == 1 else "".join(f"{len(str(text))}:{text}" for text in texts)


def names_one(entity: Sequence[str], key: str, people: Mapping[str, Collection[str]]) -> bool:
    """Whether the entity kept by this text has one of the values in a column: `key_of` read backwards."""
    if len(entity) == 1:
        return key in people.get(entity[0], ())
    rest = key
    for column in entity:
        length, _, rest = rest.partition(":")
        value, rest = rest[:int(length)], rest[int(length):]
        if value in people.get(column, ()):
            return True
    return False


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value).lower() if isinstance(value, bool) \
        else str(value)


def key_sql(columns: Sequence[str]) -> str:
    """The same of quoted columns, in SQL."""
    texts = [f"CAST({column} AS VARCHAR)" for column in columns]
    return texts[0] if len(texts) == 1 else " || ".join(f"length({text}) || ':' || {text}" for text in texts)


def open_shelf(url: str, root: Path, project: str) -> Shelf:
    """The store that the URL names: `sqlite:///PATH` (relative to the project's folder) or `redis://HOST:PORT/DB`."""
    if url.startswith("sqlite:///"):
        return SqliteShelf(root / url.removeprefix("sqlite:///"))
    if url.startswith(("redis://", "rediss://", "unix://")):
        shelf: Shelf = import_module("store.redis_shelf").RedisShelf(url, project)
        return shelf
    raise Refusal(f"'{url}' is no online store.", where="mlops.yaml, stores.online",
                  next="Write sqlite:///.mlops/online.db or redis://HOST:6379/0.")


# -- SQLite ---------------------------------------------------------------------------------------------------------

_TABLES = """
CREATE TABLE IF NOT EXISTS generation (id INTEGER PRIMARY KEY AUTOINCREMENT, view TEXT NOT NULL, state TEXT NOT NULL,
  as_of INTEGER NOT NULL, pid INTEGER NOT NULL, begun REAL NOT NULL, standing TEXT NOT NULL);
"""


class SqliteShelf:
    """One file in WAL mode: a table for each version of a view, and a row that says which of them is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._known: dict[int, Standing] = {}

    def _reader(self) -> sqlite3.Connection | None:
        """This process's connection for reading; None where there is no store yet."""
        if self._connection is None and self.path.exists():
            self._connection = _connected(self.path)
            self._connection.execute("PRAGMA query_only = on")
            self._connection.execute(f"PRAGMA cache_size = -{CACHE}")
        return self._connection

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def standing(self) -> dict[str, Standing]:
        reader = self._reader()
        return {} if reader is None else {each.view: each for each in self._current(reader).values()}

    def _current(self, reader: sqlite3.Connection) -> dict[int, Standing]:
        """The versions that are read now; what each consists of is read once."""
        with _told(self.path):
            try:
                ids = [row[0] for row in reader.execute("SELECT id FROM generation WHERE state = 'current'")]
            except sqlite3.OperationalError as problem:
                if "no such table" in str(problem):  # somebody is about to make it
                    return {}
                raise
            for id in ids:
                if id not in self._known:
                    [(text,)] = reader.execute("SELECT standing FROM generation WHERE id = ?", [id]).fetchall()
                    self._known[id] = Standing.read(text)
        return {id: self._known[id] for id in ids}

    def fetch(self, keys: Mapping[str, Sequence[str]]) -> dict[str, tuple[Standing, list[bytes | None]]]:
        reader = self._reader()
        if reader is None:
            return {}
        with _told(self.path), _transaction(reader, "BEGIN"):
            return {each.view: (each, _blobs(reader, id, keys[each.view]))
                    for id, each in self._current(reader).items() if each.view in keys}

    def put(self, standing: Standing, rows: Iterable[tuple[str, bytes]]) -> tuple[Standing, bool]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with _told(self.path), closing(_connected(self.path)) as writer:
            writer.executescript(_TABLES)
            id = _begun(writer, standing)
            entities, pending = 0, iter(rows)
            while batch := list(islice(pending, BATCH)):
                with _transaction(writer):
                    writer.executemany(f"INSERT INTO g{id} VALUES (?, ?)", batch)
                entities += len(batch)
            filled = Standing(**{**asdict(standing), "entities": entities, "generation": str(id)})
            return filled, _swapped(writer, id, filled)


    def forget(self, people: Mapping[str, Collection[str]]) -> dict[str, int]:
        if not self.path.exists():
            return {}
        found: dict[str, int] = {}
        with _told(self.path), closing(_connected(self.path)) as writer:
            writer.executescript(_TABLES)
            writer.execute("PRAGMA secure_delete = on")
            with _transaction(writer):
                for id, view, text in writer.execute("SELECT id, view, standing FROM generation").fetchall():
                    entity = Standing.read(text).entity if text else ()
                    keys = [key for key, in writer.execute(f"SELECT key FROM g{id}")
                            if not text or names_one(entity, key, people)]  # one that is being filled is given up
                    writer.executemany(f"DELETE FROM g{id} WHERE key = ?", [[key] for key in keys])
                    if keys:
                        found[view] = max(found.get(view, 0), len(keys))
            writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return found


    def holding(self, people: Mapping[str, Collection[str]]) -> list[str]:
        reader = self._reader()
        if reader is None:
            return []
        with _told(self.path), _transaction(reader, "BEGIN"):
            found = reader.execute("SELECT id, view, standing FROM generation WHERE standing != ''").fetchall()
            return sorted({view for id, view, text in found if any(
                names_one(Standing.read(text).entity, key, people) for key, in reader.execute(
                    f"SELECT key FROM g{id}"))})


def _connected(path: Path) -> sqlite3.Connection:
    with _told(path):
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            log_ahead(connection, PATIENCE)
            connection.execute("PRAGMA synchronous = normal")
        except sqlite3.Error:
            connection.close()
            raise
    return connection


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as problem:
        raise Unreadable(f"The online store cannot be used: {problem}.", where=str(path),
                         next="Remove the file and materialize again: mlops-tui feature materialize --all") from problem


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _blobs(reader: sqlite3.Connection, id: int, keys: Sequence[str]) -> list[bytes | None]:
    if len(keys) > BATCH:
        return [blob for first in range(0, len(keys), BATCH) for blob in _blobs(reader, id, keys[first:first + BATCH])]
    marks = ",".join("?" * len(keys))
    found = dict(reader.execute(f"SELECT key, rows FROM g{id} WHERE key IN ({marks})", keys))
    return [found.get(key) for key in keys]


def _begun(writer: sqlite3.Connection, standing: Standing) -> int:
    """A table for a version that nobody reads yet; what dead writers left is removed."""
    me = psutil.Process()
    with _transaction(writer):
        filling = writer.execute("SELECT id, pid, begun FROM generation WHERE state = 'filling'").fetchall()
        for id, pid, begun in filling:
            if not _alive(pid, begun):
                _removed(writer, id)
        made = writer.execute(
            "INSERT INTO generation (view, state, as_of, pid, begun, standing) VALUES (?, 'filling', ?, ?, ?, '')",
            [standing.view, standing.as_of, os.getpid(), me.create_time()]).lastrowid
        assert made is not None
        writer.execute(f"CREATE TABLE g{made} (key TEXT PRIMARY KEY, rows BLOB NOT NULL) WITHOUT ROWID")
    return made


def _alive(pid: int, begun: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - begun) < 1
    except psutil.NoSuchProcess:
        return False


def _removed(writer: sqlite3.Connection, id: int) -> None:
    writer.execute(f"DROP TABLE IF EXISTS g{id}")
    writer.execute("DELETE FROM generation WHERE id = ?", [id])


def _swapped(writer: sqlite3.Connection, id: int, filled: Standing) -> bool:
    """Let the version be read from now on, unless one of later data is; the one before stays, older ones go."""
    with _transaction(writer):
        newer = writer.execute("SELECT count(*) FROM generation WHERE view = ? AND state = 'current' AND as_of > ?",
                               [filled.view, filled.as_of]).fetchone()[0]
        if newer:
            _removed(writer, id)
            return False
        for (old,) in writer.execute("SELECT id FROM generation WHERE view = ? AND state = 'before'",
                                     [filled.view]).fetchall():
            _removed(writer, old)
        writer.execute("UPDATE generation SET state = 'before' WHERE view = ? AND state = 'current'", [filled.view])
        writer.execute("UPDATE generation SET state = 'current', standing = ? WHERE id = ?", [filled.document(), id])
    return True
