"""Rows get the values that were known at their time: as a person finds them, row by row."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_tui.declarations.kinds import Feature
from mlops_tui.errors import BadInput
from mlops_tui.features._asof import Labels, joined
from mlops_tui.features._built import Plan, rows_of_plan, together
from store.lake import Lake, Manifest
from store.quoting import quote

START = datetime(2013, 3, 9, 20, tzinfo=UTC)  # the clocks go forward in New York


@dataclass(frozen=True)
class Row:
    place: str | None
    at: datetime | None
    x: int | None
    y: float | None


TIMES = st.integers(0, 40).map(lambda number: START + timedelta(minutes=15 * number))
PLACES = st.sampled_from(["a", "b", "ü", None])
ROWS = st.lists(st.builds(Row, PLACES, st.none() | TIMES, st.none() | st.integers(0, 3),
                          st.none() | st.sampled_from([0.5, -1.25])), max_size=14)
LABELS = st.lists(st.tuples(PLACES, st.none() | TIMES), max_size=10)
SPANS = st.sampled_from([timedelta(0), timedelta(minutes=15), timedelta(hours=2)])


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return Lake(tmp_path_factory.mktemp("lake"))


def view(available_after: timedelta, ttl: timedelta | None, sql: str = "SELECT place, at_, x, y FROM raw") -> Feature:
    return Feature("past", sql, ("place",), "at_", available_after, None, ttl, "", "features/past.sql")


def stored(lake: Lake, feature: Feature, rows: list[Row], *, cut: bool = False) -> tuple[Plan, Manifest]:
    """The view of these rows; `cut` into a file for each day, as long views are for each month."""
    cursor = lake.connect()
    cursor.execute("CREATE OR REPLACE TEMP TABLE given (place VARCHAR, at_ TIMESTAMPTZ, x BIGINT, y DOUBLE)")
    for row in rows:
        cursor.execute("INSERT INTO given VALUES (?, ?, ?, ?)", [row.place, row.at, row.x, row.y])
    plan = Plan(feature, {"raw": lake.write("raw", "SELECT * FROM given", connection=cursor)}, {})
    made, _ = rows_of_plan(lake, plan)
    whole = together(plan, made)
    if not cut or not rows:
        return plan, whole
    by_day = f"SELECT *, strftime(at_, '%Y-%m-%d') AS \"=month\" FROM {lake.scan(whole)}"
    return plan, lake.write(plan.dataset, by_day, sort=("place", "at_"), partition_by=("=month",))


def rank(row: Row) -> tuple[datetime, tuple[bool, int], tuple[bool, float]]:
    """Later is greater; of one time, the greater values, null above all."""
    assert row.at is not None
    return row.at, (row.x is None, row.x or 0), (row.y is None, row.y or 0.0)


def expected(rows: list[Row], feature: Feature, place: str | None, at: datetime | None) -> tuple[object, object]:
    if place is None or at is None:
        return None, None
    known = [row for row in rows if row.place == place and row.at is not None
             and row.at + feature.available_after <= at]
    newest = max(known, key=rank, default=None)
    if newest is None or (feature.ttl is not None and newest.at < at - feature.ttl):  # type: ignore[operator]
        return None, None
    return newest.x, newest.y


@settings(max_examples=60)
@given(ROWS, LABELS, SPANS, st.none() | SPANS, st.booleans())
def test_the_join_equals_a_brute_force_reference(
        lake: Lake, rows: list[Row], labels: list[tuple[str | None, datetime | None]], late: timedelta,
        ttl: timedelta | None, cut: bool) -> None:
    feature = view(late, ttl)
    cursor = duckdb.connect(":memory:")
    cursor.execute("SET TimeZone = 'UTC'")
    cursor.execute("CREATE TABLE asked (place VARCHAR, t TIMESTAMPTZ)")
    for place, at in labels:
        cursor.execute("INSERT INTO asked VALUES (?, ?)", [place, at])
    asked = Labels("asked", {"place": "VARCHAR", "t": "TIMESTAMP WITH TIME ZONE"}, "t", "asked")
    got = cursor.execute(joined(cursor, lake, asked, [stored(lake, feature, rows, cut=cut)])).fetchall()
    assert got == [(place, at, *expected(rows, feature, place, at)) for place, at in labels]
    cursor.close()


def test_an_entity_is_found_in_each_of_a_view_s_files(lake: Lake) -> None:
    feature, hours = view(timedelta(0), None), (0, 1, 5, 6, 9)
    rows = [Row(place, START + timedelta(hours=hour), hour, None) for place in "ab" for hour in hours]
    cursor = duckdb.connect(":memory:")
    cursor.execute("CREATE TABLE asked AS SELECT p AS place, TIMESTAMP '2013-03-09 20:00' + to_hours(h) AS t "
                   "FROM (VALUES ('b'), ('a')) v(p), range(-1, 11) r(h) ORDER BY h DESC, p")
    plan, manifest = stored(lake, feature, rows, cut=True)
    assert len(manifest.files) == 2
    query = joined(cursor, lake, Labels("asked", {"place": "VARCHAR", "t": "TIMESTAMP"}, "t", ""), [(plan, manifest)])
    newest = [max((hour for hour in hours if hour <= asked), default=None) for asked in range(10, -2, -1)]
    assert [row[2] for row in cursor.execute(query).fetchall()] == [hour for hour in newest for _ in "ab"]


def test_every_kind_of_column_comes_through_whole(lake: Lake) -> None:
    kinds = {"i": ("BIGINT", "9223372036854775807"), "d": ("DECIMAL(20,4)", "1234567890.1234"),
             "b": ("BOOLEAN", "true"), "s": ("VARCHAR", "'é'"), "day": ("DATE", "DATE '0099-01-01'"),
             "n": ("DOUBLE", "'NaN'::DOUBLE"), "u": ("UUID", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"),
             "l": ("INTEGER[]", "[1, NULL]"),
             "t": ("TIMESTAMP", "TIMESTAMP '1969-12-31 23:59:59.999999'")}
    values = ", ".join(f"CAST({value} AS {kind}) AS {quote(name)}" for name, (kind, value) in kinds.items())
    feature = view(timedelta(0), None, f"SELECT place, at_, {values} FROM raw")
    plan = stored(lake, feature, [Row("a", START, 1, 1.0)])
    cursor = duckdb.connect(":memory:")
    cursor.execute("SET TimeZone = 'UTC'")
    cursor.execute("CREATE TABLE asked AS SELECT p AS place, TIMESTAMP '2013-03-10' AS \"when\" FROM "
                   "(VALUES ('a'), ('z')) v(p)")
    query = joined(cursor, lake, Labels("asked", {"place": "VARCHAR", "when": "TIMESTAMP"}, "when", ""), [plan])
    cursor.execute(f"CREATE TABLE got AS {query}")
    found = cursor.execute(f"SELECT {', '.join(map(quote, kinds))} FROM got").fetchall()
    wanted = cursor.execute(f"SELECT {values}").fetchall()
    assert repr(found[0]) == repr(wanted[0])
    assert found[1] == (None,) * len(kinds)
    types = {row[0]: row[1] for row in cursor.execute("DESCRIBE got").fetchall()}
    assert {name: types[name] for name in kinds} == {name: kind for name, (kind, _) in kinds.items()}


@pytest.mark.parametrize(("columns", "time", "words"), [
    ({"palce": "VARCHAR", "t": "TIMESTAMP"}, "t", "Did you mean 'palce'?"),
    ({"place": "VARCHAR", "t": "VARCHAR"}, "t", "not a time"),
    ({"place": "BIGINT", "t": "TIMESTAMP"}, "t", "is BIGINT in the rows and VARCHAR in feature 'past'"),
    ({"place": "VARCHAR", "t": "TIMESTAMP", "x": "DOUBLE"}, "t", "Two sources give a column 'x'"),
    ({"place": "VARCHAR", "t": "TIMESTAMP"}, "tt", "no column 'tt'"),
])
def test_labels_that_do_not_fit_are_named(lake: Lake, columns: dict[str, str], time: str, words: str) -> None:
    plan = stored(lake, view(timedelta(0), None), [])
    with pytest.raises(BadInput) as caught:
        joined(duckdb.connect(), lake, Labels("nothing", columns, time, "labels.csv"), [plan])
    assert words in str(caught.value)


def test_no_rows_at_all_join_to_nothing(lake: Lake, tmp_path: Path) -> None:
    plan = stored(lake, view(timedelta(0), None), [])
    cursor = duckdb.connect(":memory:")
    cursor.execute("CREATE TABLE asked AS SELECT 'a' AS place, TIMESTAMP '2013-03-10' AS t")
    asked = Labels("asked", {"place": "VARCHAR", "t": "TIMESTAMP"}, "t", "")
    assert cursor.execute(joined(cursor, lake, asked, [plan])).fetchall()[0][2:] == (None, None)
