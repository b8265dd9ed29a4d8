"""Rows joined with feature views as these were known at each row's time: keys are matched, then values fetched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlops_tui.errors import BadInput, nearest
from mlops_tui.features._built import Plan
from mlops_tui.tracing import pointintime
from store.lake import Lake, Manifest
from store.quoting import quote

LABELS, RUNS, ROW, AT = quote("=labels"), quote("=runs"), quote("=row"), quote("=at")
JOINED = "=joined"

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Labels:
    """The rows that features are joined to: `relation` follows FROM, `columns` has the types by name."""

    relation: str
    columns: Mapping[str, str]
    time: str
    where: str


def joined(cursor: duckdb.DuckDBPyConnection, lake: Lake, labels: Labels,
           views: Sequence[tuple[Plan, Manifest]]) -> str:
    """The SQL of the labels in their order, with every value of the views as it was known at each label's time.

    The value of the newest row with `time + available_after <= label's time` counts, and nothing where there is none,
    where it is older than the view's `ttl`, or where the label has no entity. Values are fetched a column at a time.
    """
    _check(labels, [plan for plan, _ in views])
    moment = f"CAST({quote(labels.time)} AS TIMESTAMPTZ) AS {AT}"
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {LABELS} AS SELECT *, {moment}, row_number() OVER () - 1 AS {ROW} "
                   f"FROM {labels.relation}")
    columns = ", ".join(quote(name) for name in labels.columns)
    found: dict[str, Any] = dict(zip(labels.columns, cursor.sql(
        f"SELECT {columns} FROM {LABELS} ORDER BY {ROW}").to_arrow_table().columns, strict=True))
    kinds = dict(labels.columns)
    for plan, manifest in views:
        places = positions(cursor, lake, plan, manifest)
        for name in plan.values:
            found[name], kinds[name] = fetched(cursor, lake, manifest, name, places), plan.columns[name]
    cursor.execute(f"DROP TABLE {LABELS}")
    cursor.register(JOINED, pa.table(found))
    shown = ", ".join(f"CAST({quote(name)} AS {kind}) AS {quote(name)}" for name, kind in kinds.items())
    return f"SELECT {shown} FROM {quote(JOINED)}"


def _check(labels: Labels, plans: Sequence[Plan]) -> None:
    """BadInput where a column is missing, is of another kind, or is given by two sources."""
    sources = dict.fromkeys(labels.columns, labels.where)
    for name in (labels.time, *(column for plan in plans for column in plan.view.entity)):
        if name not in labels.columns:
            raise BadInput(f"The rows have no column '{name}'.", where=labels.where,
                           next=nearest(name, labels.columns) or f"Columns: {', '.join(list(labels.columns)[:12])}.")
    if not labels.columns[labels.time].startswith(("TIMESTAMP", "DATE")):
        raise BadInput(f"'{labels.time}' is {labels.columns[labels.time]}, not a time.", where=labels.where,
                       next="Name the column of the rows' time: --time COLUMN")
    for plan in plans:
        for column in plan.view.entity:
            kinds = labels.columns[column], plan.columns[column]
            if len({kind == "VARCHAR" for kind in kinds}) > 1:
                raise BadInput(f"'{column}' is {kinds[0]} in the rows and {kinds[1]} in feature '{plan.view.name}'.",
                               where=labels.where, next="Cast one of them: an entity has one type.")
        for column in plan.values:
            if column in sources:
                raise BadInput(f"Two sources give a column '{column}': {sources[column]} and {plan.view.path}.",
                               where=plan.view.path, next="Rename one of them.")
            sources[column] = plan.view.path


def positions(cursor: duckdb.DuckDBPyConnection, lake: Lake, plan: Plan, manifest: Manifest) -> pa.Array:
    """For each label in its order, the number of the view's row that counts, from 0 over all files; null for none.

    A stored view is sorted by entity and time: it is runs of one entity in the order of time, and no two runs of an
    entity overlap. Labels are matched with the runs of their entity, and all of them are bisected at once.
    """
    view, scan = plan.view, lake.scan(manifest)
    moment = f"CAST({quote(view.time)} AS TIMESTAMPTZ)"
    keys = ", ".join(map(quote, view.entity))
    begins = " OR ".join([f"{moment} < lag({moment}) OVER ()", *(
        f"{quote(column)} IS DISTINCT FROM lag({quote(column)}) OVER ()" for column in view.entity)])
    cursor.execute(
        f'CREATE OR REPLACE TEMP TABLE {RUNS} AS SELECT *, row_number() OVER (ORDER BY {keys}, "=time") - 1 AS "=run" '
        f'FROM (SELECT {keys}, {moment} AS "=time", row_number() OVER () - 1 AS "=start" FROM {scan} QUALIFY {begins})')
    same = " AND ".join(f"l.{quote(column)} = r.{quote(column)}" for column in view.entity)
    known = f"l.{AT} - {pointintime.interval(view.available_after)}" if view.available_after else f"l.{AT}"
    oldest = f"l.{AT} - {pointintime.interval(view.ttl)}" if view.ttl is not None else "TIMESTAMPTZ '-infinity'"
    row, first, last, at, since = _numbers(cursor, (
        f'SELECT l.{ROW}, r."=first", r."=last", {known}, {oldest} FROM {LABELS} l JOIN (SELECT {keys}, '
        f'min("=run") AS "=first", max("=run") AS "=last", min("=time") AS "=time" FROM {RUNS} GROUP BY {keys}) r '
        f'ON {same} AND {known} >= r."=time"'))
    begun, starts = _numbers(cursor, f'SELECT "=time", "=start" FROM {RUNS} ORDER BY "=run"')
    [times] = _numbers(cursor, f"SELECT {moment} FROM {scan}")
    [(count,)] = cursor.sql(f"SELECT count(*) FROM {LABELS}").fetchall()
    cursor.execute(f"DROP TABLE {RUNS}")
    order = np.argsort(starts)
    ends = np.empty_like(starts)
    ends[order] = np.append(starts[order][1:], times.size) - 1
    run = _latest(begun, at, first, last)
    found = _latest(times, at, starts[run], ends[run])
    places = np.full(count, -1)
    places[row] = np.where(times[found] < since, -1, found)
    there = np.packbits(places >= 0, bitorder="little")
    return pa.Array.from_buffers(pa.int64(), count, [pa.py_buffer(there), pa.py_buffer(places)])


def _latest(times: Numbers, at: Numbers, low: Numbers, high: Numbers) -> Numbers:
    """In each sorted stretch from `low` to `high`, the last place whose time is not after `at`; its first is not."""
    step = 1 << int((high - low).max(initial=0)).bit_length()
    while step := step // 2:
        probe = np.minimum(low + step, high)
        low = np.where(times[probe] <= at, probe, low)
    return low


def _numbers(cursor: duckdb.DuckDBPyConnection, query: str) -> list[Numbers]:
    """The columns of a query, all of 64 bits and without nulls, as whole numbers: times in microseconds."""
    columns = [column.combine_chunks() for column in cursor.sql(query).to_arrow_table().columns]
    return [np.frombuffer(column.buffers()[1], np.int64, len(column), column.offset * 8) if len(column) else
            np.empty(0, np.int64) for column in columns]  # to_numpy would load pandas


def fetched(cursor: duckdb.DuckDBPyConnection, lake: Lake, manifest: Manifest, name: str, places: pa.Array) -> Any:
    """The values of one column at the places, null where there is none."""
    if not manifest.files:
        return pa.nulls(len(places))
    column = cursor.sql(f"SELECT {quote(name)} FROM {lake.scan(manifest)}").to_arrow_table().column(0)
    return pc.take(column.combine_chunks(), places)
