"""Features as they were known at each row's own time: held against a loop over all rows."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.kinds import Feature, Model
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import BadInput, NotDeclared
from mlops_tui.tracing.pointintime import (
    Reading,
    as_known,
    declared_views,
    interval,
    join,
    key_columns,
    moment,
    readings,
    used,
)

START = datetime(2013, 3, 9, tzinfo=UTC)  # New York's clocks go forward the night after
HOUR = timedelta(hours=1)
MODEL = parse(Model, """
task: binary
label: {dataset: trips, column: late}
features: [wind]
columns: [distance]
candidates: {a: {estimator: x.Y}}
split: {time: leaves}
""", "m.yaml")
CONTRACT = parse(Contract, """
kind: DataContract
apiVersion: v3.1.0
id: trips
version: 1.0.0
status: active
schema:
  - name: trips
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - {name: leaves, logicalType: timestamp}
      - {name: came, logicalType: timestamp}
      - {name: late, logicalType: boolean, customProperties: [{property: availableAt, value: came}]}
customProperties: [{property: eventTime, value: leaves}]
""", "d.yaml")


def view(name: str = "wind", sql: str = "SELECT origin, seen, speed FROM weather", after: timedelta = HOUR,
         lookback: timedelta | None = None, ttl: timedelta | None = None) -> Feature:
    return Feature(name=name, sql=sql, entity=("origin",), time="seen", available_after=after, lookback=lookback,
                   ttl=ttl, description="", path=f"features/{name}.sql")


def world(seed: int) -> tuple[duckdb.DuckDBPyConnection, list[tuple[int, datetime, str]],
                              list[tuple[str, datetime, int]]]:
    """Forty trips and eighty readings on whole half hours, so that times often meet exactly."""
    rng = random.Random(seed)
    trips = [(number, START + HOUR / 2 * rng.randrange(96), rng.choice("ab")) for number in range(40)]
    slots = rng.sample([(origin, slot) for origin in "ab" for slot in range(-20, 96)], 80)
    weather = [(origin, START + HOUR / 2 * slot, number) for number, (origin, slot) in enumerate(slots)]
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE TABLE trips (id INT, leaves TIMESTAMPTZ, origin TEXT, distance INT)")
    connection.execute("CREATE TABLE weather (origin TEXT, seen TIMESTAMPTZ, speed INT)")
    connection.executemany("INSERT INTO trips VALUES (?, ?, ?, 7)", trips)
    connection.executemany("INSERT INTO weather VALUES (?, ?, ?)", weather)
    return connection, trips, weather


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("after", "ttl"), [(timedelta(0), None), (HOUR, None), (HOUR, 3 * HOUR), (HOUR / 2, HOUR / 2)])
def test_the_value_is_the_newest_that_was_known(seed: int, after: timedelta, ttl: timedelta | None) -> None:
    connection, trips, weather = world(seed)
    bounds = (START + 6 * HOUR, START + 40 * HOUR)
    sql = join(MODEL, ("id",), {"wind": ("origin", "seen", "speed")}, {"wind": view(after=after, ttl=ttl)}, bounds,
               "America/New_York")
    found = connection.execute(f"SELECT id, leaves, distance, speed FROM ({sql})").fetchall()
    wanted = []
    for number, leaves, origin in sorted(trips, key=lambda trip: (trip[1], trip[0])):
        if bounds[0] <= leaves < bounds[1]:
            known = [(seen, speed) for at, seen, speed in weather if at == origin and seen + after <= leaves]
            seen, speed = max(known, default=(None, None))
            fresh = seen is not None and (ttl is None or seen >= leaves - ttl)
            wanted.append((number, leaves, 7, speed if fresh else None))
    assert len(wanted) > 10
    assert [(row[0], row[1].astimezone(UTC), *row[2:]) for row in found] == wanted


def test_a_row_of_the_future_changes_nothing_of_the_past() -> None:
    connection, _, _ = world(1)
    sql = join(MODEL, ("id",), {"wind": ("origin", "seen", "speed")}, {"wind": view()}, (START, START + 20 * HOUR),
               "UTC")
    before = connection.execute(sql).fetchall()
    late = START + 20 * HOUR
    connection.execute("INSERT INTO weather SELECT origin, ?, 999 FROM (VALUES ('a'), ('b')) t(origin)", [late])
    assert connection.execute(sql).fetchall() == before


def test_the_day_is_the_one_on_the_wall_of_the_project() -> None:
    connection, _, _ = world(0)
    connection.execute("DELETE FROM trips")
    for number, (hour, minute) in enumerate(((4, 59), (5, 0), (28, 59), (29, 0), (51, 59), (52, 0))):
        connection.execute("INSERT INTO trips VALUES (?, ?, 'a', 7)", [number, START + timedelta(hours=hour,
                                                                                                minutes=minute)])
    sql = join(MODEL, ("id",), {}, {}, (START, START + 60 * HOUR), "America/New_York")
    days = [day for (day,) in connection.execute(f"SELECT day FROM ({sql}) ORDER BY id").fetchall()]
    assert days == ["2013-03-08", "2013-03-09", "2013-03-09", "2013-03-10", "2013-03-10", "2013-03-11"]


def test_two_sources_of_one_column_are_refused() -> None:
    views = {"wind": ("origin", "seen", "speed"), "gusts": ("origin", "seen", "speed")}
    with pytest.raises(BadInput, match="Two sources give a column 'speed'") as caught:
        join(MODEL, ("id",), views, {name: view(name) for name in views}, (START, START + HOUR), "UTC")
    assert caught.value.where == "features/gusts.sql"
    with pytest.raises(BadInput, match="Two sources give a column 'distance'"):
        join(MODEL, ("id",), {"wind": ("origin", "seen", "distance")}, {"wind": view()}, (START, START + HOUR), "UTC")


@pytest.mark.parametrize(("sql", "found"), [
    ("SELECT * FROM weather", ["weather"]), ("SELECT * FROM Weather w JOIN trips USING (x)", ["trips", "weather"]),
    ("SELECT 1 -- FROM weather", []), ("SELECT 'weather'", []), ("SELECT * FROM weather_old", []),
    ("SELECT t.weather FROM trips t", ["trips"]), ("SELECT weather(1) FROM trips", ["trips"])])
def test_the_datasets_that_a_query_names(sql: str, found: list[str]) -> None:
    assert used(sql, ["trips", "weather"]) == found


def test_how_far_back_each_dataset_is_read() -> None:
    near, far = view("near", lookback=2 * HOUR, ttl=3 * HOUR), view("far", lookback=9 * HOUR, ttl=timedelta(0))
    datasets = ["trips", "weather"]
    assert readings(MODEL, [near, far], datasets) == [Reading("trips", timedelta(0)), Reading("weather", 10 * HOUR)]
    assert readings(MODEL, [near, view("open"), far], datasets)[1] == Reading("weather", None)
    until_the_next = view("kept", lookback=2 * HOUR)
    assert readings(MODEL, [near, until_the_next], datasets)[1] == Reading("weather", None), "it may be of any age"
    assert readings(MODEL, [], datasets) == [Reading("trips", timedelta(0))]


def test_so_much_history_gives_the_same_row_as_all_of_it() -> None:
    connection, _, _ = world(3)
    wind = view(lookback=timedelta(0), ttl=4 * HOUR)
    bounds = (START + 20 * HOUR, START + 40 * HOUR)
    sql = join(MODEL, ("id",), {"wind": ("origin", "seen", "speed")}, {"wind": wind}, bounds, "UTC")
    whole = connection.execute(sql).fetchall()
    back = readings(MODEL, [wind], ["trips", "weather"])[1].back
    assert back is not None
    connection.execute("DELETE FROM weather WHERE seen < ?", [bounds[0] - back])
    assert connection.execute(sql).fetchall() == whole


def test_of_rows_with_the_same_entity_and_time_the_greatest_counts_whatever_their_order() -> None:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE TABLE trips AS SELECT 1 AS id, ? AS leaves, 'a' AS origin, 7 AS distance",
                       [START + HOUR])
    for speeds in ((7, 9, None), (None, 9, 7), (9, None, 7)):
        connection.execute("CREATE OR REPLACE TABLE weather (origin TEXT, seen TIMESTAMPTZ, speed INT)")
        connection.executemany("INSERT INTO weather VALUES ('a', ?, ?)", [(START, speed) for speed in speeds])
        sql = join(MODEL, ("id",), {"wind": ("origin", "seen", "speed")}, {"wind": view()}, (START, START + 2 * HOUR),
                   "UTC")
        found = connection.sql(sql)
        [row] = found.fetchall()
        assert row[found.columns.index("speed")] is None, "null above all, as in stored views and online"
        connection.execute("DELETE FROM weather WHERE speed IS NULL")
        assert connection.execute(sql).fetchall()[0][found.columns.index("speed")] == 9


def test_a_dataset_as_it_was_known_hides_what_was_still_to_come() -> None:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE TABLE trips AS SELECT i AS id, TIMESTAMPTZ '2013-03-09 00:00+00' + to_hours(i) "
                       "AS leaves, leaves + to_hours(2) AS came, i % 2 = 0 AS late FROM range(6) t(i)")
    rows = connection.execute(f"SELECT id, late FROM ({as_known(CONTRACT, 'trips', START + 3 * HOUR)}) "
                              "ORDER BY id").fetchall()
    assert rows == [(0, True), (1, False), (2, None), (3, None)]


def test_the_models_own_key_comes_before_the_contracts() -> None:
    assert key_columns(MODEL, CONTRACT) == ("id",)
    own = parse(Model, "task: binary\nlabel: {dataset: t, column: c}\nfeatures: []\ncandidates: {}\n"
                "split: {time: t}\nentity: [a, b]\n", "m.yaml")
    assert key_columns(own, CONTRACT) == ("a", "b")


def test_a_view_that_is_not_declared_is_named_with_those_that_are() -> None:
    assert [found.name for found in declared_views(MODEL, {"wind": view()}, "m.yaml")] == ["wind"]
    with pytest.raises(NotDeclared, match=r"No feature 'wind'.*Declared: rain"):
        declared_views(MODEL, {"rain": view("rain")}, "m.yaml")


def test_literals_are_what_they_stand_for() -> None:
    assert duckdb.execute(f"SELECT epoch({moment(START)}), epoch({interval(36 * HOUR)})").fetchall() == [
        (START.timestamp(), 36 * 3600)]


def test_rows_that_nothing_identifies_are_refused():
    bare = replace(CONTRACT, schema=(replace(CONTRACT.schema[0], properties=CONTRACT.properties[1:]),))
    with pytest.raises(BadInput, match="Dataset trips has no primary key") as caught:
        key_columns(MODEL, bare)
    assert (caught.value.where, caught.value.next) == (
        "datasets/trips.yaml", "Mark the column(s) that identify a row: primaryKey: true")
    assert key_columns(replace(MODEL, entity=("late",)), bare) == ("late",)
