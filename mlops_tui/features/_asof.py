"""Rows joined with feature views as these were known at each row's time: keys are matched, then values fetched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from mlops_tui import pointintime
from mlops_tui.errors import BadInput, nearest
from mlops_tui.features._built import Plan
from store.lake import Lake, Manifest
from store.quoting import quote

LABELS, ROW, AT = quote("=labels"), quote("=row"), quote("=at")
JOINED = "=joined"


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
    where it is older than the view's `ttl`, or where the label has no entity. Of the views' rows, only the keys are
    sorted; values are fetched a column at a time.
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
    """For each label in its order, the number of the view's row that counts, from 0 over all files; null for none."""
    view = plan.view
    if not manifest.files:
        return pa.nulls(cursor.sql(f"SELECT count(*) FROM {LABELS}").fetchall()[0][0], pa.int64())
    starts, before = [], 0
    for file in manifest.files:
        starts.append(str(before))
        before += file.rows
    place = f"[{', '.join(starts)}][CAST(file_index AS BIGINT) + 1] + file_row_number"
    keys = ", ".join(map(quote, view.entity))
    same = " AND ".join(f"l.{quote(column)} = v.{quote(column)}" for column in view.entity)
    moment = f"CAST({quote(view.time)} AS TIMESTAMPTZ)"
    known = f"l.{AT} - {pointintime.interval(view.available_after)}" if view.available_after else f"l.{AT}"
    fresh = "true" if view.ttl is None else f'v."=time" >= l.{AT} - {pointintime.interval(view.ttl)}'
    query = (f'SELECT CASE WHEN {fresh} THEN v."=place" END AS place FROM {LABELS} l ASOF LEFT JOIN '
             f'(SELECT {keys}, {moment} AS "=time", {place} AS "=place" FROM {lake.scan(manifest)}) v '
             f'ON {same} AND {known} >= v."=time" ORDER BY l.{ROW}')
    return cursor.sql(query).to_arrow_table().column(0).combine_chunks()


def fetched(cursor: duckdb.DuckDBPyConnection, lake: Lake, manifest: Manifest, name: str, places: pa.Array) -> Any:
    """The values of one column at the places, null where there is none."""
    if not manifest.files:
        return pa.nulls(len(places))
    column = cursor.sql(f"SELECT {quote(name)} FROM {lake.scan(manifest)}").to_arrow_table().column(0)
    return pc.take(column.combine_chunks(), places)
