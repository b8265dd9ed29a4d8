"""Declared windows written as a feature view: SQL that gives a row whenever the content of a window changes."""

from collections.abc import Mapping
from datetime import timedelta

from mlops_tui.transforms.windows import CALL, Windows, shown, value_of
from store.quoting import quote

AS_OF = "as_of"
MICROSECOND = timedelta(microseconds=1)


def view_sql(windows: Windows, dataset: str, columns: Mapping[str, str], description: str = "") -> str:
    """The view's file: a front comment, and the SQL over `dataset`.

    Joined at a row's time, it gives the values that the windows give for that row.
    """
    whole = windows.expanding or windows.lag or windows.known_at  # nothing says how far back these reach
    told = description or f"{', '.join(windows.column)} by {', '.join(windows.entity)}, as known at any time"
    lookback = shown(max(windows.lengths, default=timedelta(0)) + windows.available_after)
    return "\n".join([
        f"-- description: {' '.join(told.split())}", f"-- entity: {', '.join(windows.entity)}", f"-- time: {AS_OF}",
        "-- available_after: 0m", *([] if whole else [f"-- lookback: {lookback}"]),
        "-- One row is one entity and moment at which a window's content changes; it holds until the next.",
        *_seen(windows, dataset, columns), *_changes(windows),
        *(_matched if windows.known_at else _framed)(windows, columns)]) + "\n"


def _micros(span: timedelta) -> str:
    return f"to_microseconds({span // MICROSECOND})"


def _seen(windows: Windows, dataset: str, columns: Mapping[str, str]) -> list[str]:
    """The rows that are seen at all, and since when."""
    late = max(windows.available_after, timedelta(0) if windows.own else MICROSECOND)
    time = quote(windows.time) if columns[windows.time].endswith(("TIMESTAMP", "ZONE")) else \
        f"CAST({quote(windows.time)} AS TIMESTAMP)"
    since = f"{time} + {_micros(late)}"
    named = (*windows.entity, windows.time, *([windows.known_at] if windows.known_at else []))
    if windows.known_at:
        since = f"greatest({since}, {quote(windows.known_at)})"
    listed = ", ".join([*map(quote, windows.entity), f"{time} AS t", f"{since} AS since",
                        *(f"{quote(name)} AS x{place}" for place, name in enumerate(windows.column))])
    there = " AND ".join(f"{quote(name)} IS NOT NULL" for name in named)
    return ["WITH seen AS (", f"  SELECT {listed}", f"  FROM {quote(dataset)} WHERE {there}", "),"]


def _changes(windows: Windows) -> list[str]:
    """The moments at which a row is seen first, and at which it is too old for a window."""
    keys = ", ".join(map(quote, windows.entity))
    leaves = [f"  UNION SELECT {keys}, t + {_micros(span + MICROSECOND)} FROM seen "
              f"WHERE t + {_micros(span + MICROSECOND)} > since" for span in windows.lengths]
    return ["change AS (", f"  SELECT {keys}, since AS {AS_OF} FROM seen", *leaves, ")" if windows.known_at else "),"]


def _framed(windows: Windows, columns: Mapping[str, str]) -> list[str]:
    """Rows and moments in one line of time; the moments keep what the rows before them give."""
    keys, places = ", ".join(map(quote, windows.entity)), range(len(windows.column))
    values, none = ", ".join(f"x{place}" for place in places), ", ".join("NULL" for _ in places)
    end = f"{max(windows.available_after // MICROSECOND, 0 if windows.own else 1)} PRECEDING"
    by = f"PARTITION BY {keys} ORDER BY epoch_us(t) RANGE BETWEEN"
    frames = [f"w{number} AS ({by} {'UNBOUNDED' if span is None else span // MICROSECOND} PRECEDING AND {end})"
              for number, (_, span) in enumerate(windows.spans)]
    taken = [f"{CALL[name].format(value_of(f'x{place}', columns[column], name), f'OVER w{number}')} AS "
             f"{quote(f'{column}_{name}_{window}')}"
             for place, column in enumerate(windows.column) for number, (window, _) in enumerate(windows.spans)
             for name in windows.aggregate]
    lines = ["line AS (", f"  SELECT {keys}, t, true AS own, {values} FROM seen",
             f"  UNION ALL SELECT {keys}, {AS_OF}, false, {none} FROM change", "),"]
    if windows.lag:
        frames.append(f"past AS ({by} UNBOUNDED PRECEDING AND {end})")
        taken.append('count(*) FILTER (WHERE own) OVER past AS "=before"')
    lines += ["state AS (", f"  SELECT {keys}, t AS {AS_OF}, own,", "    " + ",\n    ".join(taken), "  FROM line",
              f"  WINDOW {', '.join(frames)}", ")," if windows.lag else ")"]
    if not windows.lag:
        return [*lines, "SELECT * EXCLUDE (own) FROM state WHERE NOT own"]
    numbered, given, joins = [], [], []
    for place, column in enumerate(windows.column):
        numbers = f"row_number() OVER (PARTITION BY {keys} ORDER BY t, x{place} NULLS FIRST)"
        comma = "," if place + 1 < len(windows.column) else ""
        rows = f'  SELECT {keys}, x{place} AS x, {numbers} AS "=n" FROM seen'
        numbered += [f"numbered{place} AS (", rows, f"){comma}"]
        for number in windows.lag:
            alias = f"n{place}_{number}"
            same = " AND ".join(f"s.{key} = {alias}.{key}" for key in map(quote, windows.entity))
            joins.append(f'LEFT JOIN numbered{place} {alias} ON {same} AND {alias}."=n" = s."=before" - {number - 1}')
            given.append(f"{alias}.x AS {quote(f'{column}_lag_{number}')}")
    return [*lines, *numbered, f'SELECT s.* EXCLUDE (own, "=before"), {", ".join(given)}', "FROM state s", *joins,
            "WHERE NOT s.own"]


def _matched(windows: Windows, columns: Mapping[str, str]) -> list[str]:
    """Each moment with the rows seen at it."""
    keys = ", ".join(f"c.{quote(name)}" for name in windows.entity)
    same = " AND ".join(f"c.{quote(name)} = s.{quote(name)}" for name in windows.entity)
    taken = []
    for place, column in enumerate(windows.column):
        for window, span in windows.spans:
            within = "true" if span is None else f"s.t >= c.{AS_OF} - {_micros(span)}"
            for name in windows.aggregate:
                value = value_of(f"x{place}", columns[column], name, "s.")
                taken.append(f"{CALL[name].format(value, f'FILTER (WHERE {within})')} AS "
                             f"{quote(f'{column}_{name}_{window}')}")
        pair = f"{{'t': s.t, 'h': s.x{place} IS NOT NULL, 'x': s.x{place}}}"
        newest = f"max({pair}, {max(windows.lag, default=1)}) FILTER (WHERE s.t IS NOT NULL)"
        taken += [f"({newest})[{number}].x AS {quote(f'{column}_lag_{number}')}" for number in windows.lag]
    reach = "" if windows.expanding or windows.lag else \
        f" AND s.t >= c.{AS_OF} - {_micros(max(windows.lengths))}"
    return [f"SELECT {keys}, c.{AS_OF},", "  " + ",\n  ".join(taken),
            f"FROM change c LEFT JOIN seen s ON {same} AND s.since <= c.{AS_OF}{reach}", "GROUP BY ALL"]

