"""Feature views put online: the newest row of each entity, and those that become known later, packed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from mlops_tui.features._built import Plan
from mlops_tui.features._request import evaluated
from mlops_tui.models.shelf import shelf_of
from mlops_tui.session import Session
from store.lake import Lake, Manifest
from store.online import Online, Served, Shelf, Standing, key_sql, together
from store.packing import Packing
from store.quoting import quote

ROWS = 10_000  # of a view, read at once
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """An aware time in microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def instant(value: int) -> datetime:
    """The aware time of microseconds since 1970."""
    return EPOCH + value * MICROSECOND


def materialized(session: Session, shelf: Shelf, plan: Plan, manifest: Manifest) -> tuple[Standing, bool]:
    """Put a view's rows online as of now; readers see all of them or the ones before. False: later data are there."""
    view, now = plan.view, session.now()
    values = {name: plan.columns[name] for name in plan.values}
    standing = Standing(view.name, plan.version, manifest.id, micros(now), view.entity, values,
                        view.available_after // MICROSECOND, None if view.ttl is None else view.ttl // MICROSECOND)
    return shelf.put(standing, packed(session.data(), standing, manifest, Packing(values, view.path), view.time))


def packed(lake: Lake, standing: Standing, manifest: Manifest, packing: Packing, time: str) -> Iterator[
        tuple[str, bytes]]:
    """Each entity's key with its rows: the newest that is known, and all that become known later."""
    if not manifest.files:
        return
    keys = [quote(column) for column in standing.entity]
    known, scan = standing.as_of - standing.available_after, lake.scan(manifest)
    moment = f"epoch_us({quote(time)})"
    same = " AND ".join(f"v.{key} = l.{key}" for key in keys)
    query = (f'WITH last AS (SELECT {", ".join(keys)}, max({moment}) FILTER ({moment} <= {known}) AS "=newest" '
             f"FROM {scan} GROUP BY ALL) "
             f'SELECT {key_sql([f"v.{key}" for key in keys])} AS "=key", {moment} AS "=time"'
             f"{''.join(f', {each}' for each in packing.select)} FROM {scan} v JOIN last l ON {same} "
             f'WHERE l."=newest" IS NULL OR {moment} >= l."=newest" ORDER BY 1, 2')
    for key, rows in groupby(_fetched(lake, query, keys), key=lambda row: row[0]):
        yield str(key), together([packing.pack(row[1], row[2:]) for row in rows])


def _fetched(lake: Lake, query: str, keys: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    cursor = lake.connect().execute(query)
    while rows := cursor.fetchmany(ROWS):
        yield from rows


@dataclass(frozen=True)
class Answer:
    """What one view answers for one request: fresh, stale, missing, computed from the row, or not online at all."""

    state: str
    values: Mapping[str, Any]
    time: datetime | None


def answers(session: Session, plans: Sequence[tuple[Plan, bool]], entity: Mapping[str, Any],
            row: Mapping[str, Any] | None) -> list[Answer]:
    """Each view's answer; `plans` says of each whether it is computed from the request's row."""
    asked = [plan.view.name for plan, own in plans if not own]
    shelf = shelf_of(session)
    there = shelf.standing() if asked else {}
    read = Online(shelf).read([name for name in asked if name in there], [entity], micros(session.now()))
    found = []
    for plan, own in plans:
        if own:
            found.append(Answer("no row given", {}, None) if row is None else
                         Answer("computed", evaluated(plan, row), None))
        elif plan.view.name not in there:
            found.append(Answer("not online", {}, None))
        else:
            found.append(_answer(there[plan.view.name], read[plan.view.name][0]))
    return found


def _answer(standing: Standing, one: Served) -> Answer:
    values = dict(zip(standing.columns, one.values or (None,) * len(standing.columns), strict=True))
    return Answer(one.state, values, None if one.time is None else instant(one.time))
