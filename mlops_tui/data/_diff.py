"""Two states of the same rows compared: which rows came, went and changed, which columns, and how far they moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from mlops_tui.analysis.verdict import Limits
from mlops_tui.profiling.shifts import Shift, compare
from mlops_tui.session import Progress, quiet
from mlops_tui.view import Cell, Column, Row, Series, Table, finite
from store.quoting import quote
from store.scan import Scan

HERE = quote("=here")
DRAWN = 2  # columns that are drawn, those that moved most


@dataclass(frozen=True)
class Side:
    """One state: its columns, what follows FROM for all of its rows, and for those in files the other lacks."""

    name: str
    columns: Mapping[str, str]
    rows: int
    whole: str
    own: str
    partitioned_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rows:
    """How many rows are new, gone and changed; by column how many changed, and some of them (None: without a key)."""

    added: int
    removed: int
    changed: int | None = None
    by_column: Mapping[str, int] | None = None
    examples: tuple[Row, ...] = ()
    reason: str = ""


def rows_between(cursor: duckdb.DuckDBPyConnection, a: Side, b: Side, key: Sequence[str], examples: int) -> Rows:
    """What became of the rows, told apart by their key; where there is none that tells them apart, by all values."""
    reason = _no_key(cursor, a, b, key)
    return replaced(cursor, a, b, reason) if reason else _by_key(cursor, a, b, key, examples)


def _no_key(cursor: duckdb.DuckDBPyConnection, a: Side, b: Side, key: Sequence[str]) -> str:
    """Why rows cannot be told apart by the key; empty where they can."""
    if not key:
        return "no primary key is declared: a changed row is one that went and one that came"
    for side in (a, b):
        missing = [name for name in key if name not in side.columns]
        if missing:
            return f"{side.name} has no column {missing[0]}, which the key has"
        names, there = _listed("", key), " AND ".join(f"{quote(name)} IS NOT NULL" for name in key)
        whole = f"count(DISTINCT {names if len(key) == 1 else f'({names})'}) FILTER ({there})"
        [(rows, values)] = cursor.execute(f"SELECT count(*), {whole} FROM {side.own}").fetchall()
        if rows != values:
            return f"{rows - values:,} rows of {side.name} repeat a key or have none"
    return ""


def replaced(cursor: duckdb.DuckDBPyConnection, a: Side, b: Side, reason: str) -> Rows:
    """Rows that are in one state only, as they are, in the columns that both have."""
    columns = _listed("", [name for name in b.columns if name in a.columns])
    if not columns:
        return Rows(b.rows, a.rows, reason=reason)

    def only(these: Side, those: Side) -> int:
        query = f"SELECT {columns} FROM {these.own} EXCEPT ALL SELECT {columns} FROM {those.own}"
        return int(cursor.execute(f"SELECT count(*) FROM ({query})").fetchall()[0][0])

    return Rows(only(b, a), only(a, b), reason=reason)


def _by_key(cursor: duckdb.DuckDBPyConnection, a: Side, b: Side, key: Sequence[str], examples: int) -> Rows:
    values = [name for name in b.columns if name in a.columns and name not in key]
    other = {name: _differs(name, a.columns[name] == b.columns[name]) for name in values}
    same = " AND ".join(f"a.{quote(name)} = b.{quote(name)}" for name in key)
    joined = " FULL JOIN ".join(f"(SELECT *, true AS {HERE} FROM {side.own}) {alias}"
                                for side, alias in ((a, "a"), (b, "b"))) + f" ON {same}"
    both = f"a.{HERE} AND b.{HERE}"
    some = f"{both} AND ({' OR '.join(other.values()) or 'false'})"
    counts = [f"a.{HERE} IS NULL", f"b.{HERE} IS NULL", some, *(f"{both} AND {each}" for each in other.values())]
    asked = ", ".join(f"count(*) FILTER (WHERE {each})" for each in counts)
    [(added, removed, changed, *each)] = cursor.execute(f"SELECT {asked} FROM {joined}").fetchall()
    shown: list[Row] = []
    if changed and examples:
        asked = ", ".join([_listed("b.", key), *(f"{each}, CAST(a.{quote(name)} AS VARCHAR), "
                                                 f"CAST(b.{quote(name)} AS VARCHAR)" for name, each in other.items())])
        found = cursor.execute(f"SELECT {asked} FROM {joined} WHERE {some} ORDER BY {_listed('b.', key)} "
                               f"LIMIT {examples}").fetchall()
        shown = [changed_value for row in found for changed_value in _values(row, key, values)]
    by_column = {name: int(count) for name, count in zip(values, each, strict=True)}
    return Rows(int(added), int(removed), int(changed), by_column, tuple(shown))


def _differs(name: str, same_type: bool) -> str:
    sides = [f"a.{quote(name)}", f"b.{quote(name)}"]
    return " IS DISTINCT FROM ".join(sides if same_type else [f"CAST({side} AS VARCHAR)" for side in sides])


def _values(row: Sequence[object], key: Sequence[str], values: Sequence[str]) -> list[Row]:
    """Each value of a row that changed, before and after."""
    named, found = ", ".join(map(str, row[:len(key)])), row[len(key):]
    return [{"key": named, "column": name, "before": _text(found[3 * at + 1]), "after": _text(found[3 * at + 2])}
            for at, name in enumerate(values) if found[3 * at]]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _listed(prefix: str, names: Sequence[str]) -> str:
    return ", ".join(f"{prefix}{quote(name)}" for name in names)


# -- columns ------------------------------------------------------------------------------------------------------


def columns_between(cursor: duckdb.DuckDBPyConnection, a: Side, b: Side, rows: Rows,
                    progress: Progress = quiet) -> tuple[Table, tuple[Series, ...]]:
    """Every column: whether it is there, has other values, how far its distribution moved; the farthest drawn."""
    was, now = _digests(cursor, a), _digests(cursor, b)
    changes = {name: _change(name, a, b, was.get(name) == now.get(name))
               for name in dict.fromkeys((*a.columns, *b.columns))}
    moved = {shift.column: shift for shift in shifts_between(
        cursor, a, b, [name for name, change in changes.items() if change in ("other values", "other type")
                       and name not in (*a.partitioned_by, *b.partitioned_by)], progress)}
    other = [name for name, change in changes.items() if change != "same"]
    nulls = _nulls(cursor, a, other), _nulls(cursor, b, other)
    found: list[Row] = [
        {"column": name, "change": change, "type_a": a.columns.get(name), "type_b": b.columns.get(name),
         "rows_changed": (rows.by_column or {}).get(name), "nulls_a": nulls[0].get(name),
         "nulls_b": nulls[1].get(name), "digest_a": was.get(name), "digest_b": now.get(name),
         **_distribution(moved.get(name))}
        for name, change in changes.items()]
    found.sort(key=lambda row: (row["change"] == "same", -float(str(row["effect"] or 0))))
    types = [Column("type_a", "type a"), Column("type_b", "type b")] if any(
        row["change"] not in ("same", "other values") for row in found) else []
    shown = [Column("column"), Column("change"), *([Column("rows_changed", "rows")] if rows.by_column else []),
             Column("effect", "moved by", digits=3), Column("test"), Column("drifted"),
             Column("psi", "PSI", digits=3), Column("nulls_a", "nulls a"), Column("nulls_b", "nulls b"),
             *types]
    return Table.of("columns", found, *shown), _pictures(a, b, list(moved.values()))


def _change(name: str, a: Side, b: Side, same: bool) -> str:
    if name not in a.columns or name not in b.columns:
        return "dropped" if name in a.columns else "added"
    return "other type" if a.columns[name] != b.columns[name] else "same" if same else "other values"


def _digests(cursor: duckdb.DuckDBPyConnection, side: Side) -> dict[str, str]:
    """A digest of each column's values in the files that differ, whatever the order of the rows."""
    asked = ", ".join(f"coalesce(sum(CAST(hash({quote(name)}) AS HUGEINT)), 0)" for name in side.columns)
    found = cursor.execute(f"SELECT {asked} FROM {side.own}").fetchall()[0]
    return {name: f"{value:x}" for name, value in zip(side.columns, found, strict=True)}


def _nulls(cursor: duckdb.DuckDBPyConnection, side: Side, columns: Sequence[str]) -> dict[str, int]:
    """How many rows have no value, for those of the columns that the side has."""
    names = [name for name in columns if name in side.columns]
    asked = ", ".join(f"count(*) - count({quote(name)})" for name in names)
    found = cursor.execute(f"SELECT {asked} FROM {side.whole}").fetchall()[0] if names else ()
    return dict(zip(names, map(int, found), strict=True))


def shifts_between(cursor: duckdb.DuckDBPyConnection, a: Side, b: Side, columns: Sequence[str],
                   progress: Progress = quiet) -> list[Shift]:
    """How far the columns moved from all rows of `a` to all rows of `b`, as `drift` measures it."""
    if not columns or not a.rows or not b.rows:
        return []
    scans = [Scan(cursor, f"(SELECT {_listed('', columns)} FROM {side.whole})", side.name) for side in (a, b)]
    return compare(scans[0], scans[1], Limits(), (), progress)


def _distribution(shift: Shift | None) -> dict[str, Cell]:
    if shift is None:
        return {"effect": None, "test": None, "drifted": None, "psi": None, "reason": ""}
    effect, psi = shift.evidence.effect, shift.figures.get("psi")
    return {"effect": finite(effect.low) if effect else None, "effect_high": finite(effect.high) if effect else None,
            "test": shift.evidence.test, "p_adjusted": shift.verdict.p_adjusted, "drifted": shift.verdict.drifted,
            "psi": finite(psi) if isinstance(psi, float) else None, "reason": shift.verdict.reason}


def _pictures(a: Side, b: Side, shifts: Sequence[Shift]) -> tuple[Series, ...]:
    drawn = sorted((each for each in shifts if each.picture is not None and each.verdict.drifted),
                   key=lambda each: -each.severity)[:DRAWN]
    return tuple(Series(f"bins:{each.column}", "bins", tuple(finite(label) if isinstance(label, float) else label
                                                              for label in each.picture.labels),
                        each.picture.reference, other=each.picture.current, names=(a.name, b.name), title=each.column,
                        y_label="share") for each in drawn if each.picture is not None)
