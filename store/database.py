"""A table of a database, read in one transaction and in batches into a Parquet file."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Column, Connection, MetaData, create_engine, inspect, select, text, types
from sqlalchemy import Table as Described
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from store.refusal import NotFound, Refusal, Unreadable, nearest

BATCH = 20_000
PATIENCE = 10  # seconds to wait for a server
STEADY = ("postgresql", "mysql", "mariadb", "mssql")  # these know REPEATABLE READ; others are SERIALIZABLE


def postgres(host: str, port: int, database: str, user: str, password: str | None) -> URL:
    """The address of a PostgreSQL database; without a user, the driver's own rules say who asks."""
    return URL.create("postgresql+psycopg", username=user or None, password=password, host=host, port=port,
                      database=database)


def parsed(text: str, variable: str) -> URL:
    """An address that an environment variable holds; what it holds is never shown."""
    try:
        return make_url(text)
    except ArgumentError:
        raise Refusal(f"{variable} holds no database URL.", where=f"environment variable {variable}",
                      next="It reads dialect+driver://user:password@host:port/database.") from None


@dataclass(frozen=True)
class Table:
    """A table behind an address."""

    url: URL
    schema: str
    name: str

    @property
    def called(self) -> str:
        """The table as people call it, without who asks and with which password."""
        named = f"{self.schema}.{self.name}" if self.schema else self.name
        return f"{named} in {self.place}"

    @property
    def place(self) -> str:
        host = f"{self.url.host}{f':{self.url.port}' if self.url.port else ''}" if self.url.host else ""
        return "/".join(part for part in (host, Path(self.url.database or "").name) if part) or self.url.drivername

    def write(self, target: Path, since: str = "", value: Any = None) -> str:
        """Put every row into a Parquet file, a batch at a time; what the database says of the moment it was read.

        With `since`, only the rows whose value of that column is at least the one given.
        """
        with self._reading() as connection:
            columns = self._columns(connection)
            moment = _moment(connection)
            schema = pa.schema([pa.field(column.name, kind_of(column.type)) for column in columns])
            query = select(*columns).order_by(*(column for column in columns if column.primary_key))
            query = query.where(self._named(columns, since) >= value) if since else query
            with closing(connection.execution_options(yield_per=BATCH).execute(query)) as found, \
                    pq.ParquetWriter(target, schema) as writer:
                for rows in found.partitions():
                    writer.write_batch(self._batch(schema, rows))
        return moment

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """One transaction that sees one state; what goes wrong is said without what is secret."""
        try:
            how: dict[str, Any] = {"connect_timeout": PATIENCE} if self.url.drivername.endswith("psycopg") else {}
            engine = create_engine(self.url, connect_args=how, hide_parameters=True)
        except (NoSuchModuleError, ModuleNotFoundError, ArgumentError) as problem:
            raise Refusal(f"There is no driver for {self.url.drivername} here.", where=self.place, next=(
                f"Install the library that SQLAlchemy uses for {self.url.get_backend_name()}.")) from problem
        steady = self.url.get_backend_name() in STEADY
        options: dict[str, Any] = {"isolation_level": "REPEATABLE READ" if steady else "SERIALIZABLE"}
        if self.url.get_backend_name() == "postgresql":
            options["postgresql_readonly"] = True
        try:
            with engine.connect() as connection:
                yield connection.execution_options(**options)
        except SQLAlchemyError as problem:
            raise self._refused(problem) from None
        finally:
            engine.dispose()

    def _refused(self, problem: SQLAlchemyError) -> Refusal:
        said = str(getattr(problem, "orig", None) or problem)
        first = next((line.strip() for line in said.splitlines() if line.strip()), type(problem).__name__)
        said = self._without_secrets(first.removeprefix("connection failed: "))[:300]
        if "password" in said or "authentication" in said or "role" in said:
            return Refusal(f"{self.place} does not let us in: {said}", where=self.place,
                           next="Look at the user and the environment variable of the password in the contract.")
        return Refusal(f"{self.place} cannot be read: {said}", where=self.place,
                       next="Is the server up, and reachable from here? Then take it again.")

    def _without_secrets(self, said: str) -> str:
        """The words less the password, however they came by it."""
        return said.replace(str(self.url.password), "***") if self.url.password else said

    def _columns(self, connection: Connection) -> Sequence[Column[Any]]:
        """The table's columns; NotFound names the nearest table or schema."""
        try:
            found = Described(self.name, MetaData(), schema=self.schema or None, autoload_with=connection)
        except NoSuchTableError:
            asked = inspect(connection)
            schemas = asked.get_schema_names()
            if self.schema and self.schema not in schemas:
                raise NotFound(f"No schema '{self.schema}' in {self.place}.", where=self.place, next=nearest(
                    self.schema, schemas) or f"Schemas: {', '.join(schemas[:8])}.") from None
            known = [*asked.get_table_names(self.schema or None), *asked.get_view_names(self.schema or None)]
            raise NotFound(f"No table '{self.name}' in {self.place}.", where=self.called, next=nearest(
                self.name, known) or f"Tables: {', '.join(known[:8]) or 'none that we may see'}.") from None
        return list(found.columns)

    def _named(self, columns: Sequence[Column[Any]], name: str) -> Column[Any]:
        found = next((column for column in columns if column.name == name), None)
        if found is None:
            known = [column.name for column in columns]
            raise NotFound(f"No column '{name}' in {self.called}.", where="incremental",
                           next=nearest(name, known) or f"Columns: {', '.join(known)}.")
        return found

    def _batch(self, schema: pa.Schema, rows: Sequence[Any]) -> pa.RecordBatch:
        arrays = []
        for field, values in zip(schema, zip(*rows, strict=True), strict=True):
            made = _MADE.get(str(field.type), _as_is)
            try:
                arrays.append(pa.array([None if value is None else made(value) for value in values], field.type))
            except (pa.ArrowException, OverflowError, TypeError, ValueError) as problem:
                raise Unreadable(f"{self.called}: '{field.name}' holds what is no {field.type}.", where=self.called,
                                 next="Mend it in the database, or read a view that casts it.") from problem
        return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _decimal(kind: Any) -> pa.DataType:
    """Decimals of any length stay text, with every digit."""
    precision, scale = kind.precision, kind.scale
    return pa.decimal128(precision, scale or 0) if precision and precision <= 38 else pa.string()


KINDS: tuple[tuple[Any, Callable[[Any], pa.DataType]], ...] = (  # the first that fits
    (types.Boolean, lambda _: pa.bool_()), (types.Integer, lambda _: pa.int64()),
    (types.Float, lambda _: pa.float64()), (types.Numeric, _decimal),
    (types.DateTime, lambda kind: pa.timestamp("us", tz="UTC" if kind.timezone else None)),
    (types.Date, lambda _: pa.date32()), (types.LargeBinary, lambda _: pa.binary()))


def kind_of(kind: Any) -> pa.DataType:
    """The Arrow type for a column of a database; what has none is text.

    >>> str(kind_of(types.Numeric(9, 2))), str(kind_of(types.Numeric())), str(kind_of(types.DateTime(timezone=True)))
    ('decimal128(9, 2)', 'string', 'timestamp[us, tz=UTC]')
    """
    return next((made(kind) for cls, made in KINDS if isinstance(kind, cls)), pa.string())


def _as_is(value: Any) -> Any:
    return value


def _text(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _zoned(value: datetime) -> datetime:
    return value.astimezone(UTC)


_MADE: Mapping[str, Callable[[Any], Any]] = {"string": _text, "timestamp[us, tz=UTC]": _zoned, "binary": bytes}


def _moment(connection: Connection) -> str:
    """PostgreSQL's own name for the state that is seen; nothing for others."""
    if connection.dialect.name != "postgresql":
        return ""
    return f"snapshot {connection.execute(text('SELECT pg_current_snapshot()')).scalar_one()}"
