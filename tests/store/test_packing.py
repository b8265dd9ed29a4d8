"""What goes into bytes comes out as it was, to the last bit."""

import struct
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.packing import Packing, stored_type, time_of
from store.refusal import Unreadable

KINDS: dict[str, st.SearchStrategy[Any]] = {
    "DOUBLE": st.floats(), "FLOAT": st.floats(width=32), "BIGINT": st.integers(-2**63, 2**63 - 1),
    "UBIGINT": st.integers(0, 2**64 - 1), "INTEGER": st.integers(-2**31, 2**31 - 1), "BOOLEAN": st.booleans(),
    "VARCHAR": st.text(), "DECIMAL(38,4)": st.decimals(places=4, min_value=-10**30, max_value=10**30)}


def bits(value: Any) -> Any:
    return struct.pack("<d", value) if isinstance(value, float) else (type(value), value)


@settings(max_examples=200)
@given(st.data(), st.integers(-2**63, 2**63 - 1))
def test_a_row_comes_back_as_it_was(data: st.DataObject, time: int) -> None:
    kinds = data.draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=20))
    values = [data.draw(st.none() | KINDS[kind]) for kind in kinds]
    packing = Packing({f"c{place}": kind for place, kind in enumerate(kinds)})
    row = packing.pack(time, values)
    assert time_of(row) == time
    assert [bits(value) for value in packing.unpack(row)] == [bits(value) for value in values]


def test_every_kind_that_duckdb_has_packs_as_its_sql_says() -> None:
    """NaN, both zeros, the ends of the whole numbers, times before 1970, decimals, texts with any sign in them."""
    rows = [
        "'NaN'::DOUBLE, '-0.0'::DOUBLE, 'inf'::DOUBLE, 0.1::FLOAT, 9223372036854775807::BIGINT, "
        "(-9223372036854775808)::BIGINT, 18446744073709551615::UBIGINT, true, DATE '0001-01-01', "
        "TIMESTAMP '1969-12-31 23:59:59.999999', TIMESTAMPTZ '2013-03-10 03:00:00-04', 12345678901234567890.1234"
        "::DECIMAL(38,4), 'é\n☂'::VARCHAR, '', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID",
        ", ".join(["NULL"] * 15)]
    kinds = ["DOUBLE", "DOUBLE", "DOUBLE", "FLOAT", "BIGINT", "BIGINT", "UBIGINT", "BOOLEAN", "DATE", "TIMESTAMP",
             "TIMESTAMP WITH TIME ZONE", "DECIMAL(38,4)", "VARCHAR", "VARCHAR", "UUID"]
    columns = {f"c{place}": kind for place, kind in enumerate(kinds)}
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    given_columns = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    connection.execute(f"CREATE TABLE t ({given_columns})")
    for row in rows:
        connection.execute(f"INSERT INTO t SELECT {row}")
    packing = Packing(columns)
    packed = connection.execute(f"SELECT {', '.join(packing.select)} FROM t").fetchall()
    plain = [tuple(str(value) if place == 14 and value is not None else value for place, value in enumerate(row))
             for row in connection.execute("SELECT * FROM t").fetchall()]
    for row, was in zip(packed, plain, strict=True):
        assert [bits(each) for each in packing.unpack(packing.pack(0, row))] == [bits(each) for each in was]
    assert plain[0][8] == date(1, 1, 1)
    assert plain[0][10] == datetime(2013, 3, 10, 7, tzinfo=UTC)
    assert plain[0][11] == Decimal("12345678901234567890.1234")


def test_a_type_without_a_place_is_named() -> None:
    with pytest.raises(Unreadable, match="Column 'path' is INTEGER\\[\\]"):
        Packing({"ok": "DOUBLE", "path": "INTEGER[]"}, "features/x.sql")


def test_what_parquet_makes_of_a_type() -> None:
    assert [stored_type(kind) for kind in ("HUGEINT", "ENUM('a')", "DOUBLE")] == ["DOUBLE", "VARCHAR", "DOUBLE"]
