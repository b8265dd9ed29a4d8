"""Leaks found by taking the future away: what was known at a moment must give the same features as all that came."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb

from mlops_tui.declarations.kinds import Feature
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from mlops_tui.transforms.windows import Windows, sql
from mlops_tui.view import Facts, Row, Status, Table, Text, View
from store.facts import Finding
from store.quoting import quote

WHOLE = quote("=whole")
UNSEEN = ("It compares with the data as they are stored. It cannot see a value that was overwritten later without a "
          "column saying when (availableAt, --outcome), a leak inside the source itself, or one that shows at none of "
          "the moments drawn.")


@dataclass(frozen=True)
class Looked:
    """How many rows were compared at how many moments, and in how many of them each column differed."""

    rows: int
    moments: int
    differing: dict[str, int]


def moments(cursor: duckdb.DuckDBPyConnection, relation: str, time: str, wanted: int) -> list[datetime]:
    """So many of the times in a relation: half where the most rows are, the other half by the hash of the time.

    Dense moments are where ties and windows meet; the others are there so that quiet hours are looked at as well.
    """
    times = f"SELECT CAST({time} AS TIMESTAMPTZ) AS moment FROM {relation} WHERE {time} IS NOT NULL GROUP BY 1"
    dense = [row[0] for row in cursor.execute(f"{times} ORDER BY count(*) DESC, 1 LIMIT {wanted // 2}").fetchall()]
    drawn = [row[0] for row in cursor.execute(f"{times} ORDER BY hash(epoch_us(moment)), 1 LIMIT {wanted}").fetchall()]
    return sorted([*dense, *[moment for moment in drawn if moment not in dense][:wanted - len(dense)]])


def of_view(session: Session, cursor: duckdb.DuckDBPyConnection, view: Feature, columns: Mapping[str, str],
            cut: Callable[[datetime], None], wanted: int) -> Looked:
    """The newest row of each entity at sampled moments, from all data and from those known by then.

    `cursor` sees the view's datasets by name; `cut(moment)` lets it see them as they were known then.
    """
    body, keys = pointintime.body(view), [quote(name) for name in view.entity]
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {WHOLE} AS SELECT * FROM ({body}\n)")
    since = f"CAST({quote(view.time)} AS TIMESTAMPTZ) + {pointintime.interval(view.available_after)}"
    picked = moments(cursor, WHOLE, since, wanted)
    same = " AND ".join(f"a.{key} IS NOT DISTINCT FROM b.{key}" for key in keys)
    values = {name: kind for name, kind in columns.items() if name not in view.entity}
    counts = ", ".join(f"count(*) FILTER ({differs(quote(name), kind)})" for name, kind in values.items())
    compared, differing = 0, dict[str, int]()
    for done, at in enumerate(picked):
        session.progress(done, len(picked), "looking for leaks")
        cut(at)
        whole, known = (f"SELECT * FROM {rows} WHERE {since} <= {pointintime.moment(at)} QUALIFY row_number() OVER "
                        f"(PARTITION BY {', '.join(keys)} ORDER BY {quote(view.time)} DESC) = 1"
                        for rows in (WHOLE, f"({body}\n)"))
        [row] = cursor.execute(f"SELECT count(*), {counts} FROM ({whole}) a FULL JOIN ({known}) b ON {same}").fetchall()
        compared += int(row[0])
        for name, count in zip(values, row[1:], strict=True):
            if count:
                differing[name] = differing.get(name, 0) + int(count)
    session.progress(len(picked), len(picked), "looking for leaks")
    return Looked(compared, len(picked), differing)


def differs(column: str, kind: str) -> str:
    """Whether a column of `a` is another than that of `b`; the last bits of floating-point sums do not count."""
    if kind not in ("DOUBLE", "FLOAT"):
        return f"a.{column} IS DISTINCT FROM b.{column}"
    return (f"a.{column} IS DISTINCT FROM b.{column} AND NOT coalesce(abs(a.{column} - b.{column}) <= "
            f"1e-9 * greatest(abs(a.{column}), abs(b.{column})), false)")


def said(session: Session, subject: str, found: Looked, data: tuple[str, ...] = (), declaration: str = "") -> View:
    """What was found, kept as a finding where there is a history."""
    status = Status.UNKNOWN if not found.rows else Status.FAIL if found.differing else Status.PASS
    title = f"No row of {subject} could be compared" if not found.rows else \
        f"{len(found.differing)} of {subject}'s features look into the future" if found.differing else \
        f"No feature of {subject} looks into the future in {found.rows} rows"
    if data:
        session.ledger.append(Finding(
            check="leaks", subject=subject, status=status.value, title=title, value=float(len(found.differing)),
            n=found.rows, data=data, declaration=declaration, detail={"columns": sorted(found.differing)}))
    rows: list[Row] = [{"column": name, "differing_rows": count} for name, count in sorted(found.differing.items())]
    return View(title, status, (
        Facts({"rows_compared": found.rows, "moments": found.moments}),
        Table.of("leaks", rows, "column", "differing_rows", title="Leaking columns"), Text(UNSEEN)))


def of_rows(session: Session, cursor: duckdb.DuckDBPyConnection, asked: Windows, relation: str,
            columns: Mapping[str, str], wanted: int) -> Looked:
    """Windows of the rows of sampled moments, from all rows and from those that were there by then."""
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {WHOLE} AS {sql(asked, relation, columns, '')}")
    time = quote(asked.time)
    picked = moments(cursor, WHOLE, time, wanted)
    compared, differing = 0, dict[str, int]()
    for done, at in enumerate(picked):
        session.progress(done, len(picked), "looking for leaks")
        now = f"CAST({time} AS TIMESTAMPTZ) = {pointintime.moment(at)}"
        known = f"CAST({quote(asked.known_at or asked.time)} AS TIMESTAMPTZ) <= {pointintime.moment(at)}"
        past = f"CAST({time} AS TIMESTAMPTZ) <= {pointintime.moment(at)}"
        there = f"(SELECT * FROM {relation} WHERE {past} AND ({known} OR {now}))"
        cursor.execute(f'CREATE OR REPLACE TEMP TABLE "=known" AS {sql(asked, there, columns, "")}')
        compared += int(cursor.execute(f"SELECT count(*) FROM {WHOLE} WHERE {now}").fetchall()[0][0])
        for name in asked.names:
            shown = ", ".join(map(quote, (*asked.entity, name)))
            [(count,)] = cursor.execute(
                f'SELECT count(*) FROM (SELECT {shown} FROM {WHOLE} WHERE {now} EXCEPT ALL '
                f'SELECT {shown} FROM "=known" WHERE {now})').fetchall()
            if count:
                differing[name] = differing.get(name, 0) + int(count)
    session.progress(len(picked), len(picked), "looking for leaks")
    return Looked(compared, len(picked), differing)
