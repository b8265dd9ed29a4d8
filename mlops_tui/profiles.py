"""What is in each file of a snapshot, column by column: read once, kept under the digest of its rows."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_tui.analysis import sketch
from mlops_tui.analysis.sketch import Sketch
from store.lake import FileRef, Lake, Manifest
from store.quoting import quote
from store.scan import Kind, Scan, kind_of

EDITION = 1  # of what is kept: a change of this file that gives other figures counts it up
DAY = "=day"  # a name that no column has
AT_ONCE = 200_000  # rows of which all columns are read together
CASTS = {"numeric": "DOUBLE", "category": "VARCHAR", "boolean": "VARCHAR", "time": "TIMESTAMP"}


@dataclass(frozen=True)
class Profile:
    """One file: its rows, a sketch of each column, the type of each, and how many rows each hour has (by UTC)."""

    rows: int
    columns: Mapping[str, Sketch]
    types: Mapping[str, str]
    hours: Mapping[str, int]


@dataclass(frozen=True)
class _Asked:
    """A profile by what it depends on; where it is read from makes no difference."""

    key: str
    time: str
    lake: Lake = field(compare=False)
    dataset: str = field(compare=False)
    file: FileRef = field(compare=False)


def profile(lake: Lake, dataset: str, file: FileRef, time: str = "") -> Profile:
    """The profile of a file, whose rows are read the first time only; `time` is the column that says when each was."""
    key = hashlib.sha256(json.dumps(["profile", EDITION, file.digest, time]).encode()).hexdigest()
    return _kept(_Asked(key, time, lake, dataset, file))


@lru_cache(maxsize=512)
def _kept(asked: _Asked) -> Profile:
    content = asked.lake.document(asked.dataset, asked.key)
    if content is not None:
        return _from(json.loads(content))
    made = _made(asked)
    asked.lake.keep_document(asked.dataset, asked.key, json.dumps(_document(made)).encode())
    return made


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
    types = {name: each.type for name, each in side.fields.items() if each.kind != "time" or each.type[:4] != "TIME"
             or each.type.startswith("TIMESTAMP")}
    for name in types:
        kind = side.field(name).kind
        column = side.arrow(f"CAST({quote(name)} AS {CASTS[kind]})")
        for (start, end), found in zip(pieces, columns, strict=True):
            found[name] = _sketched(column.slice(start, end - start), kind)
    return {days[start].item(): Profile(end - start, found, types, {})
            for (start, end), found in zip(pieces, columns, strict=True)}


# -- reading the rows -----------------------------------------------------------------------------------------------


def _made(asked: _Asked) -> Profile:
    lake, file = asked.lake, asked.file
    scan = lake.scan(Manifest(asked.dataset, {}, (file,)))
    relation = lake.connect().sql(f"SELECT * FROM {scan}")
    types = {str(name): str(kind) for name, kind in zip(relation.columns, relation.types, strict=True)
             if name not in file.partition}
    kinds = {name: kind_of(kind) for name, kind in types.items()}
    shown = {name: f"CAST({quote(name)} AS {CASTS[kind]}) AS {quote(name)}" for name, kind in kinds.items()
             if kind != "time" or types[name].startswith(("TIMESTAMP", "DATE"))}
    groups = [list(shown)] if file.rows <= AT_ONCE else [[name] for name in shown]
    columns: dict[str, Sketch] = {}
    hours: Mapping[str, int] = {}
    for group in groups:
        table = relation.project(", ".join(shown[name] for name in group)).to_arrow_table()
        for name in group:
            columns[name] = _sketched(table.column(name), kinds[name])
            hours = _hours(table.column(name)) if name == asked.time and kinds[name] == "time" else hours
    return Profile(file.rows, columns, types, hours)


def _sketched(column: pa.ChunkedArray, kind: Kind) -> Sketch:
    nulls = column.null_count
    if kind == "numeric":
        return sketch.of_numbers(column.drop_null().to_numpy(), nulls)
    if kind == "time":
        ends = pc.min_max(column)
        least, most = (str(ends[end].as_py() or "") for end in ("min", "max"))
        return Sketch("time", len(column), nulls, int(pc.count_distinct(column).as_py()), least=least, most=most)
    counted = pc.value_counts(column.drop_null())
    counts = dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True))
    return sketch.of_levels(counts, nulls, kind)


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
