"""A transaction that holds the write lock from its first statement, or an error that says why it cannot be had."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError

from store.connections import PATIENCE, cannot_write


@contextmanager
def locked(engine: Engine, patience: float = PATIENCE) -> Iterator[Connection]:
    """Committed at its end, undone by an error; Locked where the lock is not free within `patience` seconds."""
    try:
        with engine.connect() as connection, _waiting(connection, patience):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                with suppress(DatabaseError):  # a full disk has rolled back already
                    connection.exec_driver_sql("ROLLBACK")
                raise
    except DatabaseError as problem:
        raise cannot_write(engine.url.database, problem.orig) from problem


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
