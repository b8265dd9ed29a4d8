"""Connections to a SQLite file by Python's own driver, made safe for several threads and processes."""

import sqlite3
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from store.refusal import Unreadable

PATIENCE = 60.0  # seconds that a writer waits for another
WAIT = 0.01     # between two tries of what SQLite refuses at once
PREFIX = "sqlite:///"


def prepare(connection: sqlite3.Connection, patience: float = PATIENCE) -> None:
    """Readers and a writer do not wait for each other; transactions are begun by us."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={patience * 1000:.0f}")
    log_ahead(connection, patience)
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def log_ahead(connection: sqlite3.Connection, patience: float) -> None:
    """Turn the write-ahead log on. Of two that do so at once SQLite refuses one without waiting, so we wait."""
    until = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(WAIT)


class Locked(Unreadable):
    """Somebody else writes, or nothing can be written; try again."""


class Connections:
    """Kept open between uses; each is in use by one thread at a time. `patience` is that of connections made later.

    The address is `sqlite:///PATH`. Unreadable where it is none, the file's folder cannot be made, or another file, or
    none, lies there by now: what is written into one that was deleted is lost.
    """

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        if not url.startswith(PREFIX):
            raise Unreadable("A ledger is a SQLite file.", where=url, next="Write ledger: sqlite:///.mlops/ledger.db")
        self.path, self.patience = Path(url.removeprefix(PREFIX)), patience
        self._idle: deque[sqlite3.Connection] = deque()
        self._file: tuple[int, int] | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise Unreadable(f"The ledger cannot be opened: {problem.strerror}.", where=url,
                             next="Make way for its folder.") from problem

    @contextmanager
    def one(self) -> Iterator[sqlite3.Connection]:
        """A connection that nobody else uses meanwhile; what is read by it is read to the end."""
        if self._file is not None and self._file != _identity(self.path):
            raise Unreadable("The ledger that was opened is no longer there: it was deleted, moved or replaced.",
                             where=str(self.path), next="Put it back, then open the project again.")
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._opened()
        try:
            yield connection
        finally:
            self._idle.append(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its first statement: committed at its end, undone by an error.

        Locked where the lock cannot be had.
        """
        try:
            with self.one() as connection:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    with suppress(sqlite3.Error):  # a full disk has rolled back already
                        connection.execute("ROLLBACK")
                    raise
        except sqlite3.Error as problem:
            raise cannot_write(self.path, problem) from problem

    def held(self) -> bool:
        """Whether somebody else has the write lock just now. Where nothing can be written at all, nobody has it."""
        address = f"{self.path.absolute().as_uri()}?mode=rw"
        try:
            with closing(sqlite3.connect(address, uri=True, timeout=0, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
        except (sqlite3.Error, OSError) as problem:
            return getattr(problem, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
        return False

    def close(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=self.patience, check_same_thread=False)
        prepare(connection, self.patience)
        self._file = self._file or _identity(self.path)
        return connection


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies there; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def no_room(problem: sqlite3.Error) -> bool:
    """Whether the disk would not take or give what was wanted: the file itself may be as good as ever."""
    return getattr(problem, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL)


def cannot_write(path: object, problem: object) -> Locked:
    """Why nothing can be written, in words."""
    return Locked(f"The ledger cannot be written: {problem}.", where=str(path),
                  next="Wait for whoever holds it or make room on the disk, then try again.")
