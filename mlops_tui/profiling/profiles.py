"""What is in each file of a snapshot, column by column: read once, kept under the digest of its rows."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlops_tui.analysis import sketch
from mlops_tui.analysis.sketch import Sketch
from store.lake import FileRef, Lake, Manifest, columns_of
from store.quoting import quote
from store.scan import Kind, Scan

EDITION = 2  # of what is kept: a change of this file that gives other figures counts it up
DAY = "=day"  # a name that no column has
AT_ONCE = 200_000  # rows of which all columns are read together


@dataclass(frozen=True)
class Profile:
    """One file: its rows, a sketch of each column, the type of each, and how many rows each hour has (by UTC)."""

    rows: int
    columns: Mapping[str, Sketch]
    types: Mapping[str, str]
    hours: Mapping[str, int]


@dataclass(frozen=True)
class _Asked:
    """A file of a dataset, and the column that says when each of its rows was."""

    lake: Lake
    dataset: str
    file: FileRef
    time: str


def profile(lake: Lake, dataset: str, file: FileRef, time: str = "") -> Profile:
    """The profile of a file, whose rows are read the first time only; `time` is the column that says when each was."""
    key = hashlib.sha256(f"profile {EDITION} {file.digest} {time}".encode()).hexdigest()
    box = _box(key)
    if not box:
        held = lake.document(dataset, key)
        box.append(_from(json.loads(held)) if held is not None else _made(_Asked(lake, dataset, file, time)))
        if held is None:
            lake.keep_document(dataset, key, json.dumps(_document(box[0])).encode())
    return box[0]


@lru_cache(maxsize=512)
def _box(key: str) -> list[Profile]:
    """Where this process keeps the profiles that it read."""
    return []


def profiles(lake: Lake, manifest: Manifest, time: str = "") -> list[tuple[FileRef, Profile]]:
    """The profile of each file of a snapshot, in its order."""
    return [(file, profile(lake, manifest.dataset, file, time)) for file in manifest.files]


def merged(parts: Sequence[Profile]) -> Profile:
    """Several files as one; a column that a file lacks is missing in all of its rows."""
    names = list(dict.fromkeys(name for part in parts for name in part.columns))
    types = {name: kind for part in parts for name, kind in part.types.items()}
    columns = {}
    for name in names:
        there = [part.columns[name] for part in parts if name in part.columns]
        alike = [each for each in there if each.kind == there[-1].kind]
        columns[name] = sketch.together(alike)
    hours: Counter[str] = Counter()
    for part in parts:
        hours.update(part.hours)
    return Profile(sum(part.rows for part in parts), columns, types, hours)


def by_day(side: Scan) -> dict[date, Profile]:
    """The profile of each day of rows that are sorted by a date, the part of the scan."""
    days = side.arrow(quote(side.part)).to_numpy(zero_copy_only=False).astype("datetime64[D]")
    starts = np.flatnonzero(np.concatenate([[True], days[1:] != days[:-1]])).tolist()
    pieces = list(zip(starts, [*starts[1:], days.size], strict=True))
    columns: list[dict[str, Sketch]] = [{} for _ in pieces]
    types: dict[str, str] = {}
    for name in side.fields:
        column = side.arrow(quote(name))
        kind, types[name] = _kind(column.type), str(column.type)
        for (start, end), found in zip(pieces, columns, strict=True):
            if kind is not None:
                found[name] = _sketched(column.slice(start, end - start), kind)
    return {days[start].item(): Profile(end - start, found, types, {})
            for (start, end), found in zip(pieces, columns, strict=True)}


# -- reading the rows -----------------------------------------------------------------------------------------------


def _made(asked: _Asked) -> Profile:
    file, names = asked.file, _names(asked)
    groups = [names] if file.rows <= AT_ONCE else [[name] for name in names]
    columns: dict[str, Sketch] = {}
    types: dict[str, str] = {}
    hours: Mapping[str, int] = {}
    for group in groups:
        table = _table(asked, group)
        for name in group:
            column, kind = table.column(name), _kind(table.column(name).type)
            types[name] = str(column.type)
            if kind is not None:
                columns[name] = _sketched(column, kind)
                hours = _hours(column) if name == asked.time and kind == "time" else hours
    return Profile(file.rows, columns, types, hours)


def _names(asked: _Asked) -> list[str]:
    if asked.file.kept_back:
        scan = asked.lake.scan(Manifest(asked.dataset, {}, (asked.file,)))
        names = list(columns_of(asked.lake.connect(), f"SELECT * FROM {scan}"))
    else:
        names = pq.read_schema(asked.lake.place_of(asked.file)).names
    return [name for name in names if name not in asked.file.partition]


def _table(asked: _Asked, names: Sequence[str]) -> pa.Table:
    """The rows of the file that no mask leaves out."""
    if not asked.file.mask and not asked.file.kept_back:
        return pq.read_table(asked.lake.bytes_of(asked.file), columns=list(names), use_threads=False,
                             partitioning=None)
    scan = asked.lake.scan(Manifest(asked.dataset, {}, (asked.file,)))
    return asked.lake.connect().sql(f"SELECT {', '.join(map(quote, names))} FROM {scan}").to_arrow_table()


def _kind(type: pa.DataType) -> Kind | None:
    """How values of an Arrow type are compared; None for what is no value: spans and times of day."""
    if pa.types.is_boolean(type):
        return "boolean"
    if pa.types.is_integer(type) or pa.types.is_floating(type) or pa.types.is_decimal(type):
        return "numeric"
    if pa.types.is_timestamp(type) or pa.types.is_date(type):
        return "time"
    return None if pa.types.is_time(type) or pa.types.is_duration(type) else "category"


def _sketched(column: pa.ChunkedArray, kind: Kind) -> Sketch:
    nulls = column.null_count
    if kind == "numeric":
        return sketch.of_numbers(column.drop_null().cast(pa.float64(), safe=False).to_numpy(), nulls)
    if kind == "time":
        ends = pc.min_max(column)
        least, most = (str(ends[end].as_py() or "") for end in ("min", "max"))
        return Sketch("time", len(column), nulls, 0, least=least, most=most)
    if pa.types.is_nested(column.type):
        return sketch.of_levels(Counter(map(str, column.drop_null().to_pylist())), nulls, kind)
    counted = pc.value_counts(column.drop_null())
    levels = (str(each) for each in counted.field(0).to_pylist())
    return sketch.of_levels(dict(zip(levels, counted.field(1).to_pylist(), strict=True)), nulls, kind)


def _hours(column: pa.ChunkedArray) -> dict[str, int]:
    """Rows by hour: `2013-06-01T14`, UTC."""
    counted = pc.value_counts(pc.strftime(pc.floor_temporal(column.drop_null(), unit="hour"), format="%Y-%m-%dT%H"))
    return dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True))


# -- keeping it -----------------------------------------------------------------------------------------------------


def _document(made: Profile) -> dict[str, Any]:
    return {"rows": made.rows, "types": dict(made.types), "hours": dict(made.hours), "columns": {
        name: {"kind": each.kind, "rows": each.rows, "missing": each.missing, "distinct": each.distinct,
               "points": each.points.tolist(), "weights": each.weights.tolist(), "levels": dict(each.levels),
               "other": each.other, "least": each.least, "most": each.most} for name, each in made.columns.items()}}


def _from(document: Mapping[str, Any]) -> Profile:
    columns = {name: Sketch(**each | {"points": np.array(each["points"], np.float64),
                                      "weights": np.array(each["weights"], np.float64),
                                      "levels": Counter(each["levels"])})
               for name, each in document["columns"].items()}
    return Profile(document["rows"], columns, document["types"], document["hours"])
