"""Whether what is online is what the point-in-time join gives at the same moment, to the last bit."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from mlops_tui.declarations.kinds import Feature
from mlops_tui.features._online import instant, micros
from mlops_tui.tracing import pointintime
from mlops_tui.view import Row
from store.lake import Lake, Manifest
from store.online import Online, Served, Standing
from store.quoting import quote

ASKED, AT = quote("=asked"), quote("=at")
LATER = 2  # instants after now at which a row becomes known, compared too


@dataclass(frozen=True)
class Compared:
    """How many values of a view were compared at how many moments, and those that differ."""

    values: int
    entities: int
    moments: int
    differing: tuple[Row, ...]


def compared(lake: Lake, online: Online, view: Feature, standing: Standing, manifest: Manifest, now: datetime,
             sample: int) -> Compared:
    """Values of sampled entities online against the ASOF join over the rows that were put there.

    Entities are drawn by the hash of their key; one that does not exist is asked for as well. Compared are now and up
    to two later instants at which another row becomes known.
    """
    names, scan = list(standing.entity), lake.scan(manifest)
    listed = ", ".join(map(quote, names))
    cursor = lake.connect()
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {ASKED} AS SELECT DISTINCT {listed} FROM {scan} "
                   f"ORDER BY hash({listed}), {listed} LIMIT {sample}")
    keys = cursor.execute(f"SELECT {listed} FROM {ASKED}").fetchall()
    asked = [dict(zip(names, each, strict=True)) for each in keys]
    nobody = dict.fromkeys(names, "\0 nobody")
    differing: list[Row] = []
    moments = [micros(now), *_later(cursor, view, standing, scan, micros(now))]
    for at in moments:
        offline = _offline(cursor, view, standing, scan, at)
        found = online.read([view.name], [*asked, nobody], at)[view.name]
        for entity, key, served in zip([*asked, nobody], [*keys, None], found, strict=True):
            differing += _differing(view.name, standing, entity, None if key is None else offline[key], served, at)
    return Compared(len(asked) * len(standing.columns) * len(moments), len(asked), len(moments), tuple(differing))


def _later(cursor: duckdb.DuckDBPyConnection, view: Feature, standing: Standing, scan: str, now: int) -> list[int]:
    moment = f"epoch_us({quote(view.time)})"
    found = cursor.execute(
        f"SELECT DISTINCT {moment} + {standing.available_after} FROM {scan} "
        f"WHERE {moment} > {now - standing.available_after} ORDER BY 1 LIMIT {LATER}").fetchall()
    return [int(row[0]) for row in found]


def _offline(cursor: duckdb.DuckDBPyConnection, view: Feature, standing: Standing, scan: str, at: int) -> dict[
        tuple[Any, ...], tuple[Any, ...] | None]:
    """The join's values of each entity at a moment; None where no row counts."""
    names, moment = standing.entity, pointintime.moment(instant(at))
    same = " AND ".join(f"a.{quote(name)} = v.{quote(name)}" for name in names)
    time = f"CAST(v.{quote(view.time)} AS TIMESTAMPTZ)"
    fresh = "true" if view.ttl is None else f"{time} >= a.{AT} - {pointintime.interval(view.ttl)}"
    keys, values = (", ".join(f"{alias}.{quote(name)}" for name in which)
                    for alias, which in (("a", names), ("v", standing.columns)))
    rows = cursor.execute(
        f"SELECT {keys}, v.{quote(view.time)} IS NOT NULL AND {fresh}, {values} "
        f"FROM (SELECT *, {moment} AS {AT} FROM {ASKED}) a "
        f"ASOF LEFT JOIN {scan} v ON {same} AND a.{AT} >= {time} + {pointintime.interval(view.available_after)}"
    ).fetchall()
    return {row[:len(names)]: row[len(names) + 1:] if row[len(names)] else None for row in rows}


def _differing(view: str, standing: Standing, entity: Mapping[str, Any], offline: Sequence[Any] | None,
               served: Served, at: int) -> Iterator[Row]:
    expected = offline if offline is not None else (None,) * len(standing.columns)
    got = served.values if served.values is not None else (None,) * len(standing.columns)
    named = ", ".join(f"{name}={value}" for name, value in entity.items())
    for column, was, now in zip(standing.columns, expected, got, strict=True):
        if not same_bits(was, now):
            yield {"view": view, "entity": named, "column": column, "offline": repr(was), "online": repr(now),
                   "state": served.state, "at": instant(at)}


def same_bits(a: Any, b: Any) -> bool:
    """Whether two values are the same to the last bit: NaN is itself, 0.0 is not -0.0, 1 is not 1.0 is not true."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack("<d", a) == struct.pack("<d", b)
    return bool(a == b) and str(a) == str(b)
