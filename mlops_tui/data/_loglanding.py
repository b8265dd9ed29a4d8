"""Rows of predictions, and of outcomes, become part of what is known: each once, however often they come."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from mlops_tui import folds
from mlops_tui.data._aside import KEY, batch_of, quarantine_of
from mlops_tui.data._logrows import FILE, LINE, TABLE, WHY
from mlops_tui.errors import Conflict
from mlops_tui.logs.predictionlog import labels_of, named
from mlops_tui.session import Session
from store.facts import Fact, Snapshot
from store.lake import Lake, Manifest
from store.quoting import literal, quote

if TYPE_CHECKING:
    from store.ledger import Entry

TRIES = 20  # so often may others have been first
FRESH = quote("#fresh")
SET_ASIDE = pa.schema([("_file", pa.string()), ("_row", pa.int64()), ("_rules", pa.list_(pa.string())),
                       ("reason", pa.string()), ("text", pa.string()), (KEY, pa.string())])


@dataclass(frozen=True)
class Landed:
    """What became of the rows: taken in, known already (`other` of them with another content), twice in the files."""

    rows: int
    taken: int
    known: int
    other: int
    twice: int
    after: Manifest | None


class _Overtaken(Exception):
    """Somebody else was first."""


def land(session: Session, model: str, keys: Sequence[str], time: str, cursor: duckdb.DuckDBPyConnection,
         source: str) -> Landed:
    """Put the good rows of the table TABLE into the log of a model. Conflict where others were faster too often."""
    rows, twice = _once(cursor, keys)
    for _ in range(TRIES):
        base = session.current(named(model))
        known, other = _unknown(session.data(), cursor, base, keys)
        fresh = rows - twice - known
        try:
            after = _committed(session, base, _written(session.data(), cursor, model, base, keys, time), source) \
                if fresh else base
        except _Overtaken:
            continue
        return Landed(rows, fresh, known, other, twice, after)
    raise Conflict(f"Others add to the log of '{model}' all the time.", next="Run it again.")


def _once(cursor: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> tuple[int, int]:
    """Number the good rows by their keys: how many there are, and how many repeat an earlier one."""
    by = ", ".join(map(quote, keys))
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE \"#once\" AS SELECT * EXCLUDE ({WHY}) FROM {TABLE} "
                   f"WHERE {WHY} IS NULL QUALIFY row_number() OVER (PARTITION BY {by} ORDER BY {FILE}, {LINE}) = 1")
    [(good,)] = cursor.execute(f"SELECT count(*) FROM {TABLE} WHERE {WHY} IS NULL").fetchall()
    [(once,)] = cursor.execute('SELECT count(*) FROM "#once"').fetchall()
    return int(good), int(good) - int(once)


def _unknown(lake: Lake, cursor: duckdb.DuckDBPyConnection, base: Manifest | None,
             keys: Sequence[str]) -> tuple[int, int]:
    """Make FRESH of the rows whose keys the log has not; how many it has, and how many of them said otherwise."""
    plain = f'SELECT * EXCLUDE ({FILE}, {LINE}) FROM "#once"'
    if base is None or not all(name in base.columns for name in keys):
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE {FRESH} AS {plain}")
        return 0, 0
    same = " AND ".join(f"n.{quote(name)} = o.{quote(name)}" for name in keys)
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {FRESH} AS SELECT * FROM ({plain}) n WHERE NOT EXISTS (SELECT 1 FROM "
                   f"{lake.scan(base)} o WHERE {same})")
    [(known, other)] = cursor.execute(
        "SELECT count(*), count(*) FILTER (n.score IS DISTINCT FROM o.score OR n.version <> o.version) "
        f"FROM ({plain}) n JOIN {lake.scan(base)} o ON {same}").fetchall()
    return int(known), int(other)


def _written(lake: Lake, cursor: duckdb.DuckDBPyConnection, model: str, base: Manifest | None, keys: Sequence[str],
             time: str) -> Manifest:
    """The days to which new rows belong, written anew with what they had."""
    query = f"SELECT * FROM {FRESH}"
    if base is not None:
        days = {str(day) for day, in cursor.execute(f"SELECT DISTINCT day FROM {FRESH}").fetchall()}
        had = Manifest(base.dataset, base.columns, tuple(file for file in base.files
                                                        if file.partition.get("day") in days))
        query = f"SELECT * FROM {lake.scan(had)} UNION ALL BY NAME {query}"
    return lake.write(named(model), query, sort=(time, *keys), partition_by=("day",), connection=cursor)


def _committed(session: Session, base: Manifest | None, written: Manifest, source: str) -> Manifest:
    after = base.replacing(written) if base is not None and any(file.partition for file in written.files) else written
    lake = session.data()

    def decide(entries: "Sequence[Entry]") -> Iterable[Fact]:
        parent = folds.current_snapshot(entries, written.dataset)
        if (parent or "") != (base.id if base is not None else ""):
            raise _Overtaken
        if after.id == parent:
            return ()
        lake.require(written)
        lake.keep(after)
        return (Snapshot(subject=written.dataset, snapshot=after.id, parent=parent or "", rows=after.rows,
                         bytes=after.bytes, source=source),)

    session.ledger.transact(decide)
    return after


def set_aside(session: Session, model: str, rows: pa.Table, source: str) -> Manifest | None:
    """Keep what could not be logged, with its reason: one batch for the same files, however often they come."""
    if not rows.num_rows:
        return None
    lake, cursor = session.data(), session.data().connect()
    cursor.register("aside", rows)
    written = lake.write(quarantine_of(named(model)), f"SELECT * REPLACE ({literal(batch_of(source))} AS {KEY}) "
                         "FROM aside", sort=("_file", "_row"), partition_by=(KEY,), connection=cursor)
    return session.commit(written, source=source)[0]


# -- outcomes ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Labelled:
    """What became of outcomes: new ones, corrections of known ones, known already, and those of no known prediction."""

    rows: int
    new: int
    corrected: int
    known: int
    unknown: int


def label(session: Session, model: str, keys: Sequence[str], cursor: duckdb.DuckDBPyConnection, outcomes: str,
          source: str) -> Labelled:
    """Add outcomes (SQL of keys, `label`, `known_at`) to those of a model; of each prediction all are kept, and the
    last that is known counts."""
    lake, name, by = session.data(), labels_of(model), ", ".join(map(quote, keys))
    for _ in range(TRIES):
        base, log = session.current(name), session.current(named(model))
        before = f"SELECT {by}, label, known_at, 0 AS r FROM {lake.scan(base)} UNION ALL BY NAME" if base else ""
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE \"#labels\" AS SELECT * EXCLUDE (r) FROM (SELECT * FROM "
                       f"({before} SELECT *, 1 AS r FROM ({outcomes})) QUALIFY row_number() OVER "
                       f"(PARTITION BY {by}, known_at ORDER BY r DESC) = 1) QUALIFY label IS DISTINCT FROM lag(label) "
                       f"OVER (PARTITION BY {by} ORDER BY known_at)")
        counts = _label_counts(cursor, keys, outcomes, base.rows if base is not None else 0,
                               lake.scan(base) if base is not None else "", lake.scan(log) if log is not None and all(
                                   each in log.columns for each in keys) else "")
        written = lake.write(name, 'SELECT * FROM "#labels"', sort=(*keys, "known_at"), connection=cursor)
        try:
            _committed(session, base, written, source)
        except _Overtaken:
            continue
        return counts
    raise Conflict(f"Others label the predictions of '{model}' all the time.", next="Run it again.")


def _label_counts(cursor: duckdb.DuckDBPyConnection, keys: Sequence[str], outcomes: str, before: int, had: str,
                  log: str) -> Labelled:
    by = ", ".join(map(quote, keys))
    asked: Callable[[str], int] = lambda query: int(cursor.execute(query).fetchall()[0][0])  # noqa: E731
    rows = asked(f"SELECT count(*) FROM ({outcomes})")
    added = asked('SELECT count(*) FROM "#labels"') - before
    ids = f"SELECT DISTINCT {by} FROM ({outcomes})"
    fresh = asked(f"SELECT count(*) FROM ({ids}) ANTI JOIN (SELECT {by} FROM {had}) USING ({by})") if had else \
        asked(f"SELECT count(*) FROM ({ids})")
    unknown = asked(f"SELECT count(*) FROM ({ids}) ANTI JOIN (SELECT {by} FROM {log}) USING ({by})") if log else \
        asked(f"SELECT count(*) FROM ({ids})")
    return Labelled(rows, fresh, max(added - fresh, 0), rows - max(added, fresh), unknown)
