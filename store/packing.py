"""One row of a feature view as bytes and back, to the last bit: numbers, times, decimals, texts and nulls."""

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from store.quoting import quote
from store.refusal import Unreadable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_ZERO = EPOCH.date()
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
STORED = {"HUGEINT": "DOUBLE", "UHUGEINT": "DOUBLE"}  # what Parquet makes of a type that it has not
_HEAD = struct.Struct("<q")


def _aware(value: int) -> datetime:
    return EPOCH + timedelta(microseconds=value)


def _moment(value: int) -> datetime:
    return _aware(value).replace(tzinfo=None)


def _day(value: int) -> date:
    return DAY_ZERO + timedelta(days=value)


def stored_type(kind: str) -> str:
    """The type that a column has once it was written to Parquet."""
    return "VARCHAR" if kind.startswith("ENUM") else STORED.get(kind, kind)


class Packing:
    """How the values of a view's columns (DuckDB types by name) lie in bytes: the time first, then nulls, then values.

    A text or decimal takes its length where a number takes its value, and follows after. Unreadable names a column
    whose type has no place here.
    """

    def __init__(self, columns: Mapping[str, str], where: str = "") -> None:
        self.columns = dict(columns)
        kinds = {name: _kind(name, stored_type(kind), where) for name, kind in columns.items()}
        self.codes = [code for code, _, _ in kinds.values()]
        self._sql = [sql.format(quote(name)) for name, (_, sql, _) in kinds.items()]
        self._read = [read for _, _, read in kinds.values()]
        self._texts = [place for place, code in enumerate(self.codes) if code == "I"]
        self._nothing = [False if code == "?" else 0 for code in self.codes]
        self._nulls = (len(self.codes) + 7) // 8
        self._fixed = struct.Struct(f"<q{self._nulls}s{''.join(self.codes)}")
        self._none = bytes(self._nulls)
        self.size = self._fixed.size

    @cached_property
    def select(self) -> list[str]:
        """The SQL that gives each column's value as `pack` takes it."""
        return self._sql

    @cached_property
    def plain(self) -> bool:
        """Whether every value is read as it lies: no times, texts or decimals."""
        return not any(self._read)

    def pack(self, time: int, values: Sequence[Any]) -> bytes:
        """The row of `time` (microseconds since 1970) as bytes."""
        nulls, fixed, texts = 0, list(values), []
        for place, value in enumerate(values):
            if value is None:
                nulls |= 1 << place
                fixed[place] = self._nothing[place]
        for place in self._texts:
            text = b"" if values[place] is None else str(values[place]).encode()
            texts.append(text)
            fixed[place] = len(text)
        return b"".join((self._fixed.pack(time, nulls.to_bytes(self._nulls, "little"), *fixed), *texts))

    def whole(self, row: bytes, at: int) -> tuple[int, tuple[Any, ...]] | None:
        """The time and the values of a row at a place where they are read as they lie; None where they are not."""
        found = self._fixed.unpack_from(row, at)
        return (found[0], found[2:]) if found[1] == self._none else None

    def unpack(self, row: bytes) -> tuple[Any, ...]:
        """The values of a packed row, as Python has them."""
        _, bits, *values = self._fixed.unpack_from(row)
        nulls = int.from_bytes(bits, "little")
        if self.plain and not nulls:
            return tuple(values)
        if self._texts:
            at = self.size
            for place in self._texts:
                length = values[place]
                values[place] = row[at:at + length].decode()
                at += length
        for place, read in enumerate(self._read):
            if nulls >> place & 1:
                values[place] = None
            elif read is not None:
                values[place] = read(values[place])
        return tuple(values)


def time_of(row: bytes) -> int:
    """The time of a packed row, in microseconds since 1970."""
    found: int = _HEAD.unpack_from(row)[0]
    return found


def _kind(name: str, kind: str, where: str) -> tuple[str, str, Callable[[Any], Any] | None]:
    """The struct code of a type, the SQL that makes its values packable, and what makes them Python's again."""
    if kind in WHOLE:
        return "q", "{}", None
    if kind.startswith("DECIMAL"):
        return "I", "CAST({} AS VARCHAR)", Decimal
    found = _KINDS.get(kind)
    if found is None:
        raise Unreadable(f"Column '{name}' is {kind}, which the online store does not keep.", where=where,
                         next="Cast it to a number, a truth value, a time or a text.")
    return found


_KINDS: dict[str, tuple[str, str, Callable[[Any], Any] | None]] = {
    "DOUBLE": ("d", "{}", None),
    "FLOAT": ("f", "{}", None),
    "UBIGINT": ("Q", "{}", None),
    "BOOLEAN": ("?", "{}", None),
    "DATE": ("i", "CAST(date_diff('day', DATE '1970-01-01', {}) AS INTEGER)", _day),
    "TIMESTAMP": ("q", "epoch_us({})", _moment),
    "TIMESTAMP_S": ("q", "epoch_us({})", _moment),
    "TIMESTAMP_MS": ("q", "epoch_us({})", _moment),
    "TIMESTAMP WITH TIME ZONE": ("q", "epoch_us({})", _aware),
    "VARCHAR": ("I", "{}", str),
    "UUID": ("I", "CAST({} AS VARCHAR)", str),
}
