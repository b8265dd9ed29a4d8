"""Windows give what a person with a calendar and a pencil would: row by row, of what was known before."""

import math
import statistics
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_tui.errors import BadInput
from mlops_tui.features._as_view import view_sql
from mlops_tui.project import read_feature
from mlops_tui.transforms.windows import AGGREGATES, Windows, of_params, sql, step

START = datetime(2013, 1, 1, tzinfo=UTC)
COLUMNS = {"place": "VARCHAR", "t": "TIMESTAMP WITH TIME ZONE", "known": "TIMESTAMP WITH TIME ZONE", "x": "DOUBLE"}
SPANS = ("30m", "2h")


@dataclass(frozen=True)
class Raw:
    place: str | None
    t: datetime | None
    known: datetime | None
    x: float | None


def minutes(low: int, high: int) -> st.SearchStrategy[datetime]:
    return st.integers(low // 10, high // 10).map(lambda number: START + timedelta(minutes=10 * number))


ROWS = st.lists(st.builds(Raw, st.sampled_from(["a", "b", None]), st.none() | minutes(0, 300),
                          st.none() | minutes(0, 500), st.none() | st.sampled_from([0.25, -3.5, 7.0, 1e6])),
                max_size=14)
ASKED = st.builds(
    Windows, st.just(("place",)), st.just("t"), st.just(("x",)), st.just(SPANS), st.just(True), st.just(AGGREGATES),
    st.just((1, 3)), st.sampled_from([timedelta(0), timedelta(minutes=10)]), st.sampled_from(["", "known"]),
    st.booleans())


def seen(asked: Windows, rows: list[Raw], row: Raw) -> list[tuple[datetime, float | None]] | None:
    """What a row may see, by the words of the documentation; None where it has no entity or time."""
    if row.place is None or row.t is None:
        return None
    found = []
    for each in rows:
        if each.place != row.place or each.t is None or (asked.known_at and each.known is None):
            continue
        since = each.t + asked.available_after
        if asked.known_at:
            since = max(since, each.known)  # type: ignore[type-var]
        if since <= row.t and (each.t <= row.t if asked.own else each.t < row.t):
            found.append((each.t, each.x))
    return found


def expected(asked: Windows, rows: list[Raw], row: Raw) -> dict[str, float | None]:
    visible = seen(asked, rows, row)
    answer: dict[str, float | None] = {}
    for name, span in asked.spans:
        values = [] if visible is None else [x for t, x in visible if x is not None and (
            span is None or t >= row.t - span)]  # type: ignore[operator]
        answer |= {
            f"x_count_{name}": None if visible is None else len(values),
            f"x_sum_{name}": math.fsum(values) if values else None,
            f"x_mean_{name}": math.fsum(values) / len(values) if values else None,
            f"x_min_{name}": min(values, default=None), f"x_max_{name}": max(values, default=None),
            f"x_std_{name}": statistics.stdev(values) if len(values) > 1 else None}
    newest = sorted(visible or [], key=lambda pair: (pair[0], pair[1] is not None, pair[1] or 0.0), reverse=True)
    return answer | {f"x_lag_{k}": newest[k - 1][1] if len(newest) >= k else None for k in asked.lag}


ENGINE = duckdb.connect(":memory:", config={"threads": 1})
ENGINE.execute("SET TimeZone = 'UTC'")


def connected(rows: list[Raw]) -> duckdb.DuckDBPyConnection:
    """One DuckDB for all, with the rows as its table `raw`."""
    listed = ", ".join(f"({', '.join(map(literal, (row.place, row.t, row.known, row.x)))})" for row in rows)
    ENGINE.execute("CREATE OR REPLACE TEMP TABLE raw (place VARCHAR, t TIMESTAMPTZ, known TIMESTAMPTZ, x DOUBLE)")
    if rows:
        ENGINE.execute(f"INSERT INTO raw VALUES {listed}")
    return ENGINE


def literal(value: object) -> str:
    return "NULL" if value is None else f"TIMESTAMPTZ '{value.isoformat()}'" if isinstance(value, datetime) else \
        f"'{value}'" if isinstance(value, str) else str(value)


def fetched(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, object]]:
    found = connection.execute(query)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def same(was: dict[str, object], wanted: dict[str, float | None]) -> bool:
    return all(was[name] == pytest.approx(value, rel=1e-9, abs=1e-6) if value is not None else was[name] is None
               for name, value in wanted.items())


@settings(max_examples=120)
@given(ROWS, ASKED)
def test_windows_equal_a_row_by_row_reference_with_ties_late_rows_nulls_and_no_order(
        rows: list[Raw], asked: Windows) -> None:
    got = fetched(connected(rows), sql(asked, "raw", COLUMNS, "raw"))
    assert [(each["place"], each["t"], each["known"], each["x"]) for each in got] == [
        (row.place, row.t, row.known, row.x) for row in rows], "the rows stay, in their order"
    for row, each in zip(rows, got, strict=True):
        assert same(each, expected(asked, rows, row)), (row, each)


@settings(max_examples=50)
@given(ROWS, ASKED)
def test_the_windows_as_a_view_give_the_same_when_it_is_joined_at_a_row_s_time(
        rows: list[Raw], asked: Windows) -> None:
    connection = connected(rows)
    text = view_sql(asked, "raw", COLUMNS)
    joined = fetched(connection, f"SELECT r.*, v.* EXCLUDE (place, as_of) FROM raw r ASOF LEFT JOIN ({text}) v "
                                 "ON r.place = v.place AND r.t >= v.as_of")
    wanted = {id(row): expected(asked, rows, row) for row in rows}
    for each in joined:
        row = next(row for row in rows if (row.place, row.t, row.known, row.x) == (
            each["place"], each["t"], each["known"], each["x"]))
        answer = wanted[id(row)]
        if all(each[name] is None for name in asked.names):  # before its first row, a view counts nothing, not zero
            answer = {name: None if name.startswith("x_count") and value == 0 else value
                      for name, value in answer.items()}
        assert same(each, answer), (row, each)


def test_a_view_that_is_written_is_one_that_can_be_read(tmp_path: Path) -> None:
    asked = Windows(("place",), "t", ("x",), SPANS, available_after=timedelta(minutes=5))
    path = tmp_path / "past.sql"
    path.write_text(view_sql(asked, "raw", COLUMNS), encoding="utf-8")
    view = read_feature(path)
    assert (view.entity, view.time, view.lookback) == (("place",), "as_of", timedelta(minutes=125))


def test_truth_values_are_averaged_and_texts_have_lags() -> None:
    connection = duckdb.connect(":memory:")
    connection.execute("CREATE TABLE raw AS SELECT * FROM (VALUES (1, DATE '2013-01-01', true, 'x'), "
                       "(1, DATE '2013-01-02', false, 'y'), (1, DATE '2013-01-04', true, 'z')) v(id, d, late, name)")
    kinds = {"id": "INTEGER", "d": "DATE", "late": "BOOLEAN", "name": "VARCHAR"}
    means = fetched(connection, sql(Windows(("id",), "d", ("late",), ("3d",)), "raw", kinds, ""))
    assert [row["late_mean_3d"] for row in means] == [None, 1.0, 0.5]
    lags = fetched(connection, sql(Windows(("id",), "d", ("name",), lag=(1,)), "raw", kinds, ""))
    assert [row["name_lag_1"] for row in lags] == [None, "x", "y"]


@pytest.mark.parametrize("exact", ["1h", "59m"])
def test_what_is_as_old_as_the_window_is_in_it_and_nothing_older(exact: str) -> None:
    connection = connected([Raw("a", START, None, 5.0), Raw("a", START + timedelta(hours=1), None, 1.0)])
    asked = of_params({"entity": "place", "time": "t", "column": "x", "rolling": exact, "aggregate": ["count"]})
    assert fetched(connection, sql(asked, "raw", COLUMNS, ""))[1][f"x_count_{exact}"] == (1 if exact == "1h" else 0)


@pytest.mark.parametrize("kind", ["DOUBLE", "FLOAT", "BIGINT", "DECIMAL(9,3)"])
def test_a_mean_is_the_same_to_the_bit_with_and_without_its_sum(kind: str) -> None:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute(f"CREATE TABLE raw AS SELECT i % 7 AS place, TIMESTAMP '2013-01-01' + to_minutes(i // 3) AS t, "
                       f"CAST(CASE WHEN i % 11 > 0 THEN (hash(i) % 999999) / 1000.0 END AS {kind}) AS x "
                       "FROM range(5000) r(i)")
    columns = {"place": "BIGINT", "t": "TIMESTAMP", "x": kind}
    means = []
    for aggregate in (("mean",), ("mean", "sum")):
        asked = Windows(("place",), "t", ("x",), ("1h", "1d"), expanding=True, aggregate=aggregate)
        query = sql(asked, "raw", columns, "")
        means.append(connection.execute(f"SELECT x_mean_1h, x_mean_1d, x_mean_all FROM ({query})").fetchall())
    assert means[0] == means[1]
    assert len(set(means[0])) > 4000


def test_as_a_step_of_a_pipeline() -> None:
    connection = connected([Raw("a", START, None, 5.0), Raw("a", START + timedelta(hours=1), None, 1.0)])
    made = step(connection, {"trips": "raw"}, {"entity": ["place"], "time": "t", "column": "x", "lag": [1, 2],
                                               "expanding": True})
    assert made.frozen is None
    assert [(row["x_lag_1"], row["x_mean_all"]) for row in fetched(connection, made.sql)] == [(None, None), (5.0, 5.0)]


@pytest.mark.parametrize(("params", "words"), [
    ({"entity": "place", "time": "t", "column": "x"}, "Which windows?"),
    ({"entity": "place", "time": "t", "column": "x", "lga": 1}, "Did you mean 'lag'?"),
    ({"entity": "place", "time": "t", "lag": 1}, "needs the parameter 'column'"),
    ({"entity": "place", "time": "t", "column": "y", "lag": 1}, "no column 'y'"),
    ({"entity": "place", "time": "x", "column": "x", "lag": 1}, "not a time"),
    ({"entity": "place", "time": "t", "column": "place", "rolling": "1h"}, "it has no mean"),
    ({"entity": "place", "time": "t", "column": "x", "rolling": "1h", "aggregate": "meen"}, "Did you mean 'mean'?"),
    ({"entity": "place", "time": "t", "column": "x", "rolling": "1 hour"}, "not a duration"),
    ({"entity": "place", "time": "t", "column": "x", "rolling": "1h", "available_after": "2h"}, "holds nothing"),
    ({"entity": "place", "time": "t", "column": "x", "lag": 0}, "1 or more"),
])
def test_what_cannot_be_is_named(params: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        step(connected([]), {"trips": "raw"}, params)
