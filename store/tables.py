"""The door of SQLModel's tables to a ledger's file: an engine, and the tables laid."""

from collections.abc import Mapping, Sequence
from functools import cache

from sqlalchemy import Engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement
from sqlmodel import create_engine

from store import rows
from store.connections import PATIENCE, prepare
from store.writing import locked

__all__ = ["engine_of", "lay", "locked"]
TRIGGERS = tuple(
    f"CREATE TRIGGER IF NOT EXISTS entry_no_{verb} BEFORE {when} ON entry{case} "
    f"BEGIN SELECT RAISE(ABORT, 'the history only grows'); END" for verb, when, case in (
        ("update", "UPDATE", ""), ("delete", "DELETE", ""),  # and INSERT OR REPLACE, which deletes unseen:
        ("replace", "INSERT", " WHEN EXISTS (SELECT 1 FROM entry WHERE seq = new.seq)")))


def engine_of(url: str) -> Engine:
    """An engine whose connections are made as safe as the ledger's own."""
    engine = create_engine(url, connect_args={"timeout": PATIENCE},
                           hide_parameters=True)  # an error must not tell a log what people wrote
    event.listen(engine, "connect", lambda connection, _: prepare(connection))
    return engine


def lay(engine: Engine) -> None:
    """Lay what is not there yet; two processes may both try."""
    with locked(engine) as connection:
        there = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
        for name, statements in _schema().items():
            for statement in statements if name not in there else ():
                connection.exec_driver_sql(statement)
        for trigger in TRIGGERS:
            connection.exec_driver_sql(trigger)


@cache
def _schema() -> Mapping[str, Sequence[str]]:
    """By table, what lays it and its indexes: written once for however many ledgers a process opens."""
    dialect = sqlite.dialect()
    steps: dict[str, tuple[ExecutableDDLElement, ...]] = {
        table.name: (CreateTable(table), *map(CreateIndex, table.indexes))
        for table in rows.EntryRow.metadata.sorted_tables}
    return {name: [str(step.compile(dialect=dialect)) for step in made] for name, made in steps.items()}
