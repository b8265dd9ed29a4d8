"""A database whose writer may die between any two writes: at each statement that writes, around each COMMIT."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "COMMIT")
Point = Callable[[str], None]
connected = sqlite3.connect


def mortal(point: Point) -> Callable[..., sqlite3.Connection]:
    """`sqlite3.connect`, with `point` called at every place where a process may die."""

    def stepped(sql: str, step: Callable[[], Any]) -> Any:
        word = sql.lstrip()[:7].upper()
        if not word.startswith(WRITES):
            return step()
        point(word)
        done = step()
        if word.startswith("COMMIT"):
            point("COMMIT is over")
        return done

    class Hand(sqlite3.Cursor):
        def execute(self, sql: str, *values: Any) -> Any:
            return stepped(sql, lambda: super(Hand, self).execute(sql, *values))

        def executemany(self, sql: str, *values: Any) -> Any:
            return stepped(sql, lambda: super(Hand, self).executemany(sql, *values))

    class Mortal(sqlite3.Connection):
        def cursor(self, factory: Any = Hand) -> Any:
            return super().cursor(factory)

        def execute(self, sql: str, *values: Any) -> Any:
            return stepped(sql, lambda: super(Mortal, self).execute(sql, *values))

        def executemany(self, sql: str, *values: Any) -> Any:
            return stepped(sql, lambda: super(Mortal, self).executemany(sql, *values))

        def commit(self) -> None:
            stepped("COMMIT", super().commit)

    return lambda *args, **more: connected(*args, **{"factory": Mortal, **more})


@contextmanager
def dying(point: Point) -> Iterator[None]:
    """Every database that is opened meanwhile is mortal."""
    made = mortal(point)
    sqlite3.connect = sqlite3.dbapi2.connect = made  # type: ignore[assignment]
    try:
        yield
    finally:
        sqlite3.connect = sqlite3.dbapi2.connect = connected
