"""What is known of each column of some rows: counts that add up, so that profiles of parts give that of the whole."""

import hashlib
import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlops_tui.analysis import radix
from store.quoting import quote
from store.scan import LEVELS, Batch, Field, Kind, Levels, Scan, added, batch_of, buckets_of

FEW = 1 << 16  # rows of which all columns are read together
MAGIC, FORMAT = b"mlops-tui profile\n", 1
MOST = 1 << 28  # bytes of a profile before it is packed: more is none of ours
FAR = -(1 << 63)  # stands for a time that is no moment, such as infinity

Connect = Callable[[], duckdb.DuckDBPyConnection]
Grids = Callable[[str, radix.Grid | None], radix.Grid]  # a column's grid; the one given where it has none yet


@dataclass(frozen=True)
class ColumnProfile:
    """One column of some rows: how many, how many null, and what the others are.

    `numbers` of a numeric column; `levels`, counts of each value as text, of a category or of truth values (by hash
    bucket where there are more than 100,000); the `first` and the `last` moment of a time, in microseconds since 1970,
    None where there is none or it is no moment. `distinct` values, where somebody counted them.
    """

    kind: Kind
    type: str
    rows: int
    nulls: int
    numbers: radix.Profile | None = None
    levels: Mapping[str, int] = field(default_factory=dict)
    bucketed: bool = False
    first: int | None = None
    last: int | None = None
    distinct: int | None = None

    @property
    def missing(self) -> int:
        """Rows without a value: nulls, and NaN among numbers."""
        return self.nulls + (self.numbers.nans if self.numbers is not None else 0)

    @property
    def n(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing


def merged(parts: Sequence[ColumnProfile], connect: Connect) -> ColumnProfile | None:
    """The profile of all rows together, whatever the order of the parts; None where they are of different kinds.

    It connects only where values are put in buckets.

    A part without a single value has whatever type the reader made up, and takes that of the others.
    """
    valued = [part for part in parts if part.nulls < part.rows] or list(parts[-1:])
    kinds = {part.kind for part in valued}
    if kinds == {"boolean", "category"}:
        kinds = {"category"}
    if len(kinds) != 1:
        return None
    kind, types = kinds.pop(), {part.type for part in valued}
    rows, nulls = sum(part.rows for part in parts), sum(part.nulls for part in parts)
    type = types.pop() if len(types) == 1 else _wider(types)
    if kind == "numeric":
        there = [part.numbers for part in valued if part.numbers is not None]
        numbers = radix.merged(there)
        more = nulls - numbers.nulls
        return ColumnProfile(kind, type, rows, nulls, radix.with_nulls(numbers, more) if more else numbers)
    if kind == "time":
        firsts, lasts = ([getattr(part, end) for part in valued] for end in ("first", "last"))
        if None in firsts or None in lasts:
            return ColumnProfile(kind, type, rows, nulls)
        return ColumnProfile(kind, type, rows, nulls, first=min(firsts), last=max(lasts))
    bucketed, counts = _counted(valued, connect)
    return ColumnProfile(kind, type, rows, nulls, levels=counts, bucketed=bucketed)


def _counted(parts: Sequence[ColumnProfile], connect: Connect) -> tuple[bool, dict[str, int]]:
    """All counts in one, in hash buckets where one part is, or where there are too many values."""
    bucketed = any(part.bucketed for part in parts)
    found = [part.levels if part.bucketed == bucketed else buckets_of(part.levels, connect()) for part in parts]
    counts = added(found)
    if not bucketed and len(counts) > LEVELS:
        return True, buckets_of(counts, connect())
    return bucketed, counts


def _wider(types: Iterable[str]) -> str:
    """One of several types of a kind, the same whatever their order: DOUBLE where one is no whole number."""
    return max(types, key=lambda each: (each in ("DOUBLE", "FLOAT") or each.startswith("DECIMAL"), each))


# -- reading rows ---------------------------------------------------------------------------------------------------


def profiled(side: Scan, names: Iterable[str], grids: Grids) -> dict[str, ColumnProfile]:
    """The profile of each of these columns that the relation has, numbers on the grid that `grids` says."""
    fields = [side.fields[name] for name in names if name in side.fields]
    if side.rows > FEW:
        return {each.name: _of_many(side, each, grids) for each in fields}
    if not fields:
        return {}
    table = side.table([f"{_value(each)} AS {quote(each.name)}" for each in fields])
    return {each.name: _of_few(table.column(place), each, grids) for place, each in enumerate(fields)}


def _value(column: Field) -> str:
    """The SQL of a column's values as they are counted."""
    name = quote(column.name)
    if column.kind == "numeric":
        return f"CAST({name} AS DOUBLE)"
    if column.kind != "time":
        return f"CAST({name} AS VARCHAR)"
    moment = f"TRY(epoch_us({name}))" if column.type.startswith(("DATE", "TIMESTAMP")) else "NULL"
    return f"CASE WHEN {name} IS NOT NULL THEN coalesce({moment}, {FAR}) END"


def _of_few(values: pa.ChunkedArray, column: Field, grids: Grids) -> ColumnProfile:
    rows, nulls = len(values), values.null_count
    if column.kind == "numeric":
        batches = [batch_of(chunk) for chunk in values.chunks]
        numbers = np.concatenate([np.empty(0), *(batch.values for batch in batches)])
        return ColumnProfile(column.kind, column.type, rows, nulls, radix.of_few(numbers, _grid(numbers, column.name,
                                                                                               grids), nulls))
    if column.kind == "time":
        return _of_times(values.drop_null().to_numpy(zero_copy_only=False), column, rows, nulls)
    counted = values.drop_null().value_counts()
    levels = dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True))
    return ColumnProfile(column.kind, column.type, rows, nulls, levels=levels)


def _of_times(values: npt.NDArray[np.int64], column: Field, rows: int, nulls: int) -> ColumnProfile:
    known = values.size and int(values.min()) != FAR
    first, last = (int(values.min()), int(values.max())) if known else (None, None)
    return ColumnProfile(column.kind, column.type, rows, nulls, first=first, last=last)


def _grid(values: npt.NDArray[np.float64], name: str, grids: Grids) -> radix.Grid:
    return grids(name, radix.grid_for(values) if np.isfinite(values).any() else None)


def _of_many(side: Scan, column: Field, grids: Grids) -> ColumnProfile:
    if column.kind == "numeric":
        tally: radix.Tally | None = None
        before: list[Batch] = []
        for batch in side.numbers(column.name):
            if tally is None and not np.isfinite(batch.values).any():
                before.append(batch)
                continue
            if tally is None:
                tally = radix.Tally(_grid(batch.values, column.name, grids), moments=False)
            tally.add(batch.values, batch.nulls)
        tally = tally or radix.Tally(grids(column.name, None), moments=False)
        for batch in before:
            tally.add(batch.values, batch.nulls)
        found = tally.profile()
        return ColumnProfile(column.kind, column.type, side.rows, found.nulls, found)
    if column.kind == "time":
        ends = side.arrow(f"unnest([min({_value(column)}), max({_value(column)})])").drop_null()
        return _of_times(ends.to_numpy(zero_copy_only=False), column, side.rows, side.nulls(column.name))
    levels: Levels = side.levels(column.name)
    return ColumnProfile(column.kind, column.type, side.rows, levels.nulls, levels=levels.counts,
                         bucketed=levels.bucketed)


# -- keeping it -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Profiles:
    """The profiles of some rows' columns, of which `asked` were looked for; they are unpacked one by one, as needed."""

    rows: int
    asked: tuple[str, ...]
    heads: Mapping[str, Mapping[str, Any]]
    body: memoryview

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.heads)

    def grid(self, name: str) -> radix.Grid | None:
        """The grid that a column of numbers is bound to; None where it has none, or fits any."""
        head = self.heads.get(name, {})
        return _grid_of(head["centre"], head["bits"]) if head.get("bound") else None

    def column(self, name: str) -> ColumnProfile:
        """The column of that name; one that the rows lack is null in all of them."""
        if name not in self._unpacked:
            self._unpacked[name] = (_unpacked(self.rows, self.heads[name], self.body) if name in self.heads else
                                    ColumnProfile("category", "VARCHAR", self.rows, self.rows))
        return self._unpacked[name]

    @cached_property
    def _unpacked(self) -> dict[str, ColumnProfile]:
        return {}


@lru_cache(maxsize=4096)
def _grid_of(centre: str, bits: int) -> radix.Grid:
    """A grid as it is written; a dataset's profiles are all on one of each column."""
    return radix.Grid(float.fromhex(centre), bits)


def packed(rows: int, asked: Sequence[str], columns: Mapping[str, ColumnProfile]) -> bytes:
    """Profiles as bytes: a digest of all that follows, the length unpacked, and a JSON head with arrays, compressed.

    Equal profiles give equal bytes.
    """
    heads: dict[str, dict[str, Any]] = {}
    pieces: list[bytes] = []
    place = 0
    for name, column in sorted(columns.items()):
        head, arrays = _packed(column)
        heads[name] = {**head, "at": place}
        place += sum(map(len, arrays))
        pieces += arrays
    engine = {"engine": duckdb.__version__} if any(column.bucketed for column in columns.values()) else {}
    first = json.dumps({"format": FORMAT, "rows": rows, "asked": sorted(asked), "columns": heads, **engine}).encode()
    return sealed(first, pieces)


def sealed(head: bytes, pieces: Sequence[bytes]) -> bytes:
    """A head and arrays as the bytes of a profile."""
    plain = b"".join([struct.pack("<I", len(head)), head, *pieces])
    payload: bytes = struct.pack("<Q", len(plain)) + pa.compress(plain, codec="zstd", asbytes=True)
    return MAGIC + hashlib.sha256(payload).digest() + payload


def unpacked(stored: bytes) -> Profiles:
    """The profiles that `packed` wrote; ValueError where the bytes are damaged, none of ours or of another format."""
    start = len(MAGIC) + 32
    if not stored.startswith(MAGIC) or len(stored) < start + 8:
        raise ValueError("no profile")
    if hashlib.sha256(stored[start:]).digest() != stored[len(MAGIC):start]:
        raise ValueError("damaged: it is not what was written")
    [size] = struct.unpack_from("<Q", stored, start)
    if size > MOST:
        raise ValueError("too large for a profile")
    try:
        plain = memoryview(pa.decompress(stored[start + 8:], decompressed_size=size, codec="zstd", asbytes=True))
        [length] = struct.unpack_from("<I", plain)
        head = json.loads(bytes(plain[4:4 + length]))
        if head["format"] != FORMAT:
            raise ValueError(f"of format {head['format']}, and {FORMAT} is read here")
        if head.get("engine", duckdb.__version__) != duckdb.__version__:
            raise ValueError("hashed by another version of DuckDB")
        return Profiles(int(head["rows"]), tuple(head["asked"]), dict(head["columns"]), plain[4 + length:])
    except (OSError, KeyError, TypeError, AttributeError, struct.error, RecursionError,
            pa.ArrowException) as problem:
        raise ValueError(f"no profile: {problem}") from problem


def _packed(column: ColumnProfile) -> tuple[dict[str, Any], list[bytes]]:
    head: dict[str, Any] = {"kind": column.kind, "type": column.type, "nulls": column.nulls}
    if column.distinct is not None:
        head["distinct"] = column.distinct
    if column.numbers is not None:
        found = column.numbers
        counts = _narrow(found.counts)
        lone = ~np.isnan(found.value)
        head |= {"centre": found.grid.centre.hex(), "bits": found.grid.bits, "nans": found.nans,
                 "bound": found.bound, "minimum": found.minimum.hex(), "maximum": found.maximum.hex(),
                 "cells": found.cells.size, "lone": int(lone.sum()), "width": counts.itemsize}
        return head, [found.cells.astype("<u4").tobytes(), counts.tobytes(), np.packbits(lone).tobytes(),
                      found.value[lone].astype("<f8").tobytes()]
    if column.kind == "time":
        return head | {"first": column.first, "last": column.last}, []
    levels = sorted(column.levels)
    texts = json.dumps(levels).encode()
    counts = _narrow(np.array([column.levels[level] for level in levels], np.int64))
    return head | {"levels": len(levels), "texts": len(texts), "width": counts.itemsize,
                   "bucketed": column.bucketed}, [texts, counts.tobytes()]


def _narrow(counts: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Counts in as few bytes as they need."""
    most = int(counts.max(initial=0))
    return counts.astype(next(f"<u{width}" for width in (1, 2, 4, 8) if most < 1 << 8 * width))


def _unpacked(rows: int, head: Mapping[str, Any], body: memoryview) -> ColumnProfile:
    """One column; ValueError where it is none."""
    try:
        kind, nulls, at = head["kind"], int(head["nulls"]), int(head["at"])
        given = (kind, str(head["type"]), rows, nulls)
        if kind == "numeric":
            return ColumnProfile(*given, numbers=_numbers(head, nulls, body[at:]), distinct=head.get("distinct"))
        if kind == "time":
            return ColumnProfile(*given, first=head["first"], last=head["last"])
        texts = json.loads(bytes(body[at:at + head["texts"]]))
        counts = np.frombuffer(body, f"<u{int(head['width'])}", int(head["levels"]), at + head["texts"])
        return ColumnProfile(*given, levels=dict(zip(texts, counts.tolist(), strict=True)), bucketed=head["bucketed"],
                             distinct=head.get("distinct"))
    except (KeyError, TypeError, AttributeError, RecursionError, ValueError) as problem:
        raise ValueError(f"no profile of a column: {problem}") from problem


def _numbers(head: Mapping[str, Any], nulls: int, body: memoryview) -> radix.Profile:
    size, width = int(head["cells"]), int(head["width"])
    flags = (size + 7) // 8
    cells = np.frombuffer(body, "<u4", size).astype(np.intp)
    counts = np.frombuffer(body, f"<u{width}", size, size * 4).astype(np.int64)
    lone = np.unpackbits(np.frombuffer(body, np.uint8, flags, size * (4 + width)), count=size).view(np.bool_)
    value = np.full(size, np.nan)
    value[lone] = np.frombuffer(body, "<f8", head["lone"], size * (4 + width) + flags)
    return radix.Profile(_grid_of(head["centre"], head["bits"]), cells, counts, value, nulls,
                         int(head["nans"]), float.fromhex(head["minimum"]), float.fromhex(head["maximum"]))
