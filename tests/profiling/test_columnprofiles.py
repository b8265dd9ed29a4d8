"""Profiles of parts give the profile of the whole, to the byte and in any order; damaged ones are never believed."""

import random
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_tui.analysis import radix
from mlops_tui.profiling import columnprofiles
from mlops_tui.profiling.columnprofiles import ColumnProfile
from store.scan import Scan

CONNECTION = duckdb.connect()
NUMBER = st.one_of(st.none(), st.floats(width=64), st.sampled_from([0.0, -0.0, 1.0, 2.0, 1e300, float("inf")]))
ROWS = st.lists(st.tuples(NUMBER, st.one_of(st.none(), st.sampled_from("abcé")), st.one_of(st.none(), st.booleans()),
                          st.one_of(st.none(), st.integers(-10**15, 10**15))), max_size=30)
SCHEMA = pa.schema([("x", pa.float64()), ("word", pa.string()), ("flag", pa.bool_()),
                    ("at", pa.timestamp("us", tz="UTC"))])
GRID = radix.Grid(1.5)


def of(rows: Sequence[tuple[Any, ...]], names: Sequence[str] = SCHEMA.names) -> dict[str, ColumnProfile]:
    table = pa.table([pa.array([row[place] for row in rows], kind) for place, kind in enumerate(SCHEMA.types)], SCHEMA)
    CONNECTION.from_arrow(table).to_table("rows")
    try:
        return columnprofiles.profiled(Scan(CONNECTION, "rows", "here"), names, lambda name, proposed: GRID)
    finally:
        CONNECTION.execute("DROP TABLE rows")


def as_bytes(rows: int, columns: dict[str, ColumnProfile]) -> bytes:
    return columnprofiles.packed(rows, SCHEMA.names, columns)


@settings(max_examples=25, deadline=None)
@given(ROWS, st.integers(1, 5), st.randoms(use_true_random=False))
def test_any_parts_in_any_order_give_the_bytes_of_one_pass(rows: list[Any], parts: int, order: random.Random) -> None:
    pieces = [rows[place::parts] for place in range(parts)]
    order.shuffle(pieces)
    found = [of(piece) for piece in pieces]
    columns = {name: columnprofiles.merged([each[name] for each in found], CONNECTION.cursor) for name in SCHEMA.names}
    assert all(columns.values())
    assert as_bytes(len(rows), columns) == as_bytes(len(rows), of(rows))  # type: ignore[arg-type]


@settings(max_examples=15, deadline=None)
@given(ROWS)
def test_bytes_hold_everything(rows: list[Any]) -> None:
    columns = of(rows)
    stored = columnprofiles.unpacked(as_bytes(len(rows), columns))
    assert stored.rows == len(rows)
    assert as_bytes(len(rows), {name: stored.column(name) for name in stored.names}) == as_bytes(len(rows), columns)


def test_many_rows_are_counted_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(3)
    rows = [(float(x), "ab"[place % 2], place % 3 == 0, place) for place, x in enumerate(draw.standard_t(2, 3000))]
    rows[:5] = [(None, None, None, None), (float("nan"), "é", True, 1), (float("inf"), "", False, 2), *rows[3:5]]
    few = as_bytes(len(rows), of(rows))
    monkeypatch.setattr(columnprofiles, "FEW", 100)
    assert as_bytes(len(rows), of(rows)) == few


def test_a_part_without_the_column_or_without_values_takes_the_type_of_the_others() -> None:
    [x, word] = [of([(1.0, "a", None, None)])[name] for name in ("x", "word")]
    lacking = ColumnProfile("category", "VARCHAR", 3, 3)
    for whole in (x, word):
        for parts in ([whole, lacking], [lacking, whole]):
            found = columnprofiles.merged(parts, CONNECTION.cursor)
            assert found is not None
            assert (found.kind, found.rows, found.missing, found.n) == (whole.kind, 4, 3, 1)
            assert found.numbers is None or found.numbers.rows == 4
    assert columnprofiles.merged([x, word], CONNECTION.cursor) is None


def test_more_values_than_can_be_counted_are_put_in_the_buckets_of_a_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.scan.LEVELS", 50)
    monkeypatch.setattr(columnprofiles, "LEVELS", 50)
    rows = [(None, f"id{place}", None, None) for place in range(90)]
    parts = [of(piece)["word"] for piece in (rows[:40], rows[40:80], rows[80:])]
    monkeypatch.setattr(columnprofiles, "FEW", 10)
    large = of(rows)["word"]
    assert large.bucketed
    assert sum(large.levels.values()) == 90
    found = columnprofiles.merged(parts, CONNECTION.cursor)
    again = columnprofiles.merged([large, *parts], CONNECTION.cursor)
    assert found is not None
    assert again is not None
    assert (found.bucketed, found.levels) == (True, large.levels)
    assert again.levels == {bucket: 2 * count for bucket, count in large.levels.items()}


def test_damaged_bytes_are_refused() -> None:
    stored = as_bytes(40, of([(float(place), "abc"[place % 3], True, place) for place in range(40)]))
    for place in range(0, len(stored), 7):
        with pytest.raises(ValueError, match=r"profile|damaged"):
            columnprofiles.unpacked(stored[:place] + bytes([stored[place] ^ 1]) + stored[place + 1:])
        with pytest.raises(ValueError, match=r"profile|damaged"):
            columnprofiles.unpacked(stored[:place])


def test_moments_are_kept_and_what_is_none_is_not() -> None:
    rows = ("(SELECT * FROM (VALUES (TIMESTAMP 'infinity', TIME '01:00', DATE '1970-01-02'), "
            "(TIMESTAMP '2013-01-01', TIME '02:00', NULL)) v(a, b, c))")
    found = columnprofiles.profiled(Scan(CONNECTION, rows, "here"), ["a", "b", "c"], lambda name, proposed: GRID)
    assert [(each.first, each.last, each.nulls, each.n) for each in found.values()] == [
        (None, None, 0, 2), (None, None, 0, 2), (86_400_000_000, 86_400_000_000, 1, 1)]
