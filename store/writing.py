"""A transaction that holds the write lock from its first statement, or an error that says why it cannot be had."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from sqlite3 import SQLITE_BUSY

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError

from store.connections import PATIENCE, cannot_write

EAGER = 0.002  # seconds between two looks of whoever cannot wait


@contextmanager
def locked(engine: Engine, patience: float = PATIENCE, *, eager: bool = False) -> Iterator[Connection]:
    """Committed at its end, undone by an error; Locked where the lock is not free within `patience` seconds.

    SQLite looks less and less often whether it is free, and where many write, whoever waited longest waits on. Who is
    `eager` looks every few milliseconds.
    """
    try:
        with engine.connect() as connection, _waiting(connection, 0.0 if eager else patience):
            _begin(connection, time.monotonic() + (patience if eager else 0.0))
            try:
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                with suppress(DatabaseError):  # a full disk has rolled back already
                    connection.exec_driver_sql("ROLLBACK")
                raise
    except DatabaseError as problem:
        raise cannot_write(engine.url.database, problem.orig) from problem


def _begin(connection: Connection, until: float) -> None:
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        except DatabaseError as problem:
            if getattr(problem.orig, "sqlite_errorcode", 0) & 0xFF != SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(EAGER)


@contextmanager
def _waiting(connection: Connection, patience: float) -> Iterator[None]:
    """The connection waits so long for the lock; it goes back to the pool as it came."""
    if patience == PATIENCE:
        yield
        return
    connection.exec_driver_sql(f"PRAGMA busy_timeout={patience * 1000:.0f}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={PATIENCE * 1000:.0f}")
