"""Features are what was known at each row's time: equal to a row-by-row reference, and leaks are caught."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from mlops_tui.commands import perform
from mlops_tui.project import Project
from mlops_tui.roles import Actor
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status
from store.facts import Finding
from store.lake import Lake
from store.ledger import Ledger

DAYS = 6
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: trips
version: 1.0.0
status: active
schema:
  - name: trips
    properties:
      - {name: id, logicalType: integer, primaryKey: true, required: true}
      - {name: place, logicalType: string}
      - {name: at, logicalType: timestamp}
      - {name: known, logicalType: timestamp, customProperties: [{property: availableAt, value: known}]}
      - {name: delay, logicalType: integer, customProperties: [{property: availableAt, value: known}]}
      - {name: day, logicalType: string}
customProperties:
  - {property: eventTime, value: at}
  - {property: partitionBy, value: [day]}
"""
MODEL = """
task: binary
label: {dataset: trips, column: late}
features: [FEATURE]
columns: [place]
candidates: {simple: {estimator: sklearn.linear_model.LogisticRegression}}
split: {time: at}
"""
HONEST = """-- entity: place
-- time: known
-- available_after: 10m
-- lookback: 2d
-- ttl: 1d
SELECT place, known, (sum(d) OVER past) / (sum(n) OVER past) AS mean_delay, sum(n) OVER past AS trips_seen
FROM (SELECT place, known, sum(delay) AS d, count(*) AS n FROM trips WHERE known IS NOT NULL GROUP BY ALL)
WINDOW past AS (PARTITION BY place ORDER BY known RANGE BETWEEN INTERVAL 6 HOUR PRECEDING AND CURRENT ROW)
"""
LEAKING = """-- entity: place
-- time: known
-- available_after: 0m
SELECT place, min("at") AS known, avg(delay) AS mean_delay_of_all_time FROM trips GROUP BY place
"""


@pytest.fixture
def trips(tmp_path: Path) -> Callable[[str, int], Session]:
    """A session on a project with one random dataset (ties, late and missing outcomes) and one feature."""

    def made(feature: str, seed: int) -> Session:
        root = tmp_path / f"project{seed}"
        for folder in ("datasets", "features", "models"):
            (root / folder).mkdir(parents=True)
        (root / "mlops.yaml").write_text("project: probe\ntimezone: America/New_York\n", encoding="utf-8")
        (root / "datasets" / "trips.yaml").write_text(CONTRACT, encoding="utf-8")
        (root / "models" / "trip-delay.yaml").write_text(MODEL.replace("FEATURE", "past"), encoding="utf-8")
        (root / "features" / "past.sql").write_text(feature, encoding="utf-8")
        clock = ReplayClock(datetime(2013, 3, 20, tzinfo=UTC))
        session = Session(Actor("ana", frozenset({"engineer"}), "test"), Project(root),
                          Ledger(f"sqlite:///{root}/ledger.db", clock, "ana"), Lake(root / "lake"), clock, door=perform)
        fill(session, seed)
        return session

    return made


def fill(session: Session, seed: int, rows: int = 400) -> None:
    """Random trips around the day that the clocks went forward; a seventh never gets an outcome."""
    random = np.random.default_rng(seed)
    lake = session.data()
    connection = lake.connect()
    minutes = random.integers(0, DAYS * 24 * 6, rows) * 10
    late = np.where(random.random(rows) < 1 / 7, -1, random.integers(1, 60, rows) * 10)
    connection.execute("CREATE TEMP TABLE raw (id BIGINT, place VARCHAR, \"at\" TIMESTAMPTZ, known TIMESTAMPTZ, "
                       "delay BIGINT)")
    start = datetime(2013, 3, 7, 5, tzinfo=UTC)
    connection.executemany("INSERT INTO raw VALUES (?, ?, ?, ?, ?)", [
        [number, "abc"[random.integers(3)], start + timedelta(minutes=int(minutes[number])),
         None if late[number] < 0 else start + timedelta(minutes=int(minutes[number] + late[number])),
         None if late[number] < 0 else int(random.integers(-9, 60))] for number in range(rows)])
    session.commit(lake.write(
        "trips", "SELECT *, strftime(timezone('America/New_York', \"at\"), '%Y-%m-%d') AS day FROM raw",
        sort=("id",), partition_by=("day",), connection=connection))


def rows(session: Session, dataset: str) -> list[dict[str, object]]:
    lake = session.data()
    found = lake.connect().sql(f"SELECT * FROM {lake.scan(session.snapshot(dataset))}").to_arrow_table()
    listed: list[dict[str, object]] = found.to_pylist()
    return listed


def reference(raw: list[dict[str, object]], row: dict[str, object]) -> tuple[float | None, int | None]:
    """The honest feature by hand: the newest moment known ten minutes before, and the six hours before that moment."""
    at: datetime = row["at"]  # type: ignore[assignment]
    seen = [(each["known"], each["delay"]) for each in raw
            if each["place"] == row["place"] and each["known"] is not None]
    moments = [known for known, _ in seen if known + timedelta(minutes=10) <= at]  # type: ignore[operator]
    if not moments or max(moments) < at - timedelta(days=1):
        return None, None
    newest = max(moments)
    window = [delay for known, delay in seen if newest - timedelta(hours=6) <= known <= newest]  # type: ignore[operator]
    return float(np.mean(window)), len(window)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_features_equal_a_row_by_row_reference(trips: Callable[[str, int], Session], seed: int) -> None:
    session = trips(HONEST, seed)
    outcome = session.perform(["windows", "trip-delay", "--from", "2013-03-07", "--to", "2013-03-14"])
    assert outcome.exit == 0, outcome.error
    raw, made = rows(session, "trips"), rows(session, "trip-delay.features")
    assert len(made) == len(raw)
    assert any(row["mean_delay"] is None for row in made)
    by_id = {row["id"]: row for row in raw}
    for row in made:
        mean, count = reference(raw, by_id[row["id"]])
        assert row["trips_seen"] == count
        assert (row["mean_delay"] is None) == (mean is None)
        if mean is not None:
            assert row["mean_delay"] == pytest.approx(mean, abs=1e-9)


def test_a_day_alone_gives_the_same_bytes_as_within_a_longer_window(trips: Callable[[str, int], Session]) -> None:
    session = trips(HONEST, 4)
    session.perform(["windows", "trip-delay", "--from", "2013-03-07", "--to", "2013-03-14"])
    whole = {file.partition["day"]: file.sha256 for file in session.snapshot("trip-delay.features").files}
    for day in ("2013-03-10", "2013-03-11"):
        assert session.perform(["windows", "trip-delay", "--day", day]).exit == 0
        again = session.snapshot("trip-delay.features").within(day=(day, day)).files
        assert [file.sha256 for file in again] == [whole[day]]


def test_the_same_window_is_not_built_twice(trips: Callable[[str, int], Session]) -> None:
    session = trips(HONEST, 5)
    argv = ["windows", "trip-delay", "--from", "2013-03-07", "--to", "2013-03-14"]
    first, again = session.perform(argv), session.perform(argv)
    assert first.view.facts()["built"] == "now"
    assert again.view.facts()["built"] == "already there"
    assert len(session.ledger.entries("snapshot", subject="trip-delay.features")) == 1


def test_no_leak_is_found_where_there_is_none(trips: Callable[[str, int], Session]) -> None:
    session = trips(HONEST, 6)
    outcome = session.perform(["windows", "trip-delay", "--from", "2013-03-07", "--to", "2013-03-14",
                               "--check-leaks", "30"])
    assert (outcome.view.status, outcome.exit) == (Status.PASS, 0), outcome.error
    assert outcome.view.facts()["rows_compared"] == 30 or int(str(outcome.view.facts()["rows_compared"])) > 30


def test_a_leaking_feature_is_caught_and_named(trips: Callable[[str, int], Session]) -> None:
    session = trips(LEAKING, 7)
    outcome = session.perform(["windows", "trip-delay", "--from", "2013-03-07", "--to", "2013-03-14",
                               "--check-leaks", "20"])
    assert (outcome.view.status, outcome.exit) == (Status.FAIL, 1)
    assert [row["column"] for row in outcome.view.table("leaks").rows] == ["mean_delay_of_all_time"]
    finding = session.ledger.entries("finding")[-1].fact
    assert isinstance(finding, Finding)
    assert (finding.check, finding.status) == ("leaks", "fail")


@pytest.mark.parametrize(("argv", "words"), [
    (["windows", "trip-delya", "--day", "2013-03-10"], "Did you mean 'trip-delay'?"),
    (["windows", "trip-delay"], "Which rows?"),
    (["windows", "trip-delay", "--day", "2013-03-10", "--from", "2013-03-10"], "not both"),
    (["windows", "trip-delay", "--from", "2013-03-10", "--to", "2013-03-10"], "is not before"),
    (["windows", "trip-delay", "--day", "yesterday"], "is not a time"),
    (["windows", "trip-delay", "--day", "2014-03-10"], "has no rows"),
])
def test_a_wrong_window_is_named(trips: Callable[[str, int], Session], argv: list[str], words: str) -> None:
    outcome = trips(HONEST, 8).perform(argv)
    assert outcome.exit == 2
    assert words in str(outcome.error)


@pytest.mark.parametrize(("sql", "words"), [
    ("-- entity: place\n-- time: knwon\nSELECT place, known FROM trips", "Did you mean 'known'?"),
    ("-- entity: place\n-- time: known\nSELECT place, known, delya FROM trips", "delay"),
    ("-- entity: place\nSELECT 1", "lacks '-- time: …'"),
    ("-- entity: place\n-- time: known\n-- lokback: 3d\nSELECT 1", "Did you mean 'lookback'?"),
])
def test_broken_feature_sql_is_named_with_its_file(trips: Callable[[str, int], Session], sql: str, words: str) -> None:
    outcome = trips(sql, 9).perform(["windows", "trip-delay", "--day", "2013-03-10"])
    assert outcome.exit == 2
    assert outcome.error is not None
    assert "past.sql" in outcome.error["where"]
    assert words in str(outcome.error)
