"""Features are what was known at each row's time: equal to a row-by-row reference, and leaks are caught."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from mlops_tui.commands import perform
from mlops_tui.features._leaks import moments
from mlops_tui.project import Project
from mlops_tui.roles import Actor
from mlops_tui.session import ReplayClock, Session, without_project
from mlops_tui.view import Status
from store.facts import Finding, Proposal
from store.lake import Lake, Manifest
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


# -- days that were built before --------------------------------------------------------------------------------

WEEK = ("2013-03-07", "2013-03-14")
Trips = Callable[[str, int], Session]


def built(session: Session, first: str = WEEK[0], end: str = WEEK[1]) -> tuple[dict[str, str], object]:
    """The files of a window by day, and how many of its days were computed now."""
    outcome = session.perform(["windows", "trip-delay", "--from", first, "--to", end])
    assert outcome.exit == 0, outcome.error
    files = session.snapshot("trip-delay.features").within(day=(first, end)).files
    return {file.partition["day"]: file.sha256 for file in files}, outcome.view.facts()["days_built"]


def rebuilt(session: Session, folder: Path) -> dict[str, str]:
    """The same from nothing: a copy of the lake that has no features yet, with the declarations of today."""
    shutil.copytree(session.data().root, folder, ignore=shutil.ignore_patterns("trip-delay.features"))
    ledger = Ledger(f"sqlite:///{folder}.db", session.clock, "ana")
    fresh = Session(session.actor, Project(session.declared().root), ledger, Lake(folder), session.clock, door=perform)
    fresh.commit(session.snapshot("trips"))
    files, days = built(fresh)
    assert days == 7
    return files


def changed(session: Session, day: str, values: str) -> None:
    """The rows of a day come again, some of their values replaced."""
    lake = session.data()
    rows = lake.scan(session.snapshot("trips").within(day=(day, day)))
    session.commit(lake.write("trips", f"SELECT {values} FROM {rows}", sort=("id",), partition_by=("day",)))


def reopened(session: Session, lake: Lake | None = None) -> Session:
    """The project as its declarations are now."""
    return Session(session.actor, Project(session.declared().root), session.ledger, lake or session.lake, session.clock,
                   door=perform)


def test_a_window_is_put_together_from_days_that_were_built_before(trips: Trips, tmp_path: Path) -> None:
    session = trips(HONEST, 10)
    for day in ("2013-03-08", "2013-03-10", "2013-03-11"):
        assert session.perform(["windows", "trip-delay", "--day", day]).view.facts()["days_built"] == 1
    files, days = built(session)
    assert days == 4
    assert files == rebuilt(session, tmp_path / "fresh")
    assert built(session) == (files, 0)


def test_a_late_day_rebuilds_itself_and_the_days_that_look_back_on_it(trips: Trips, tmp_path: Path) -> None:
    """Lookback, ttl and slack are four days: 9 March is read by all from 9 to 13 March."""
    session = trips(HONEST, 11)
    before, _ = built(session)
    changed(session, "2013-03-09", "* REPLACE (delay + 1000 AS delay)")
    after, days = built(session)
    assert days == 5
    assert after == rebuilt(session, tmp_path / "fresh")
    assert [day for day in before if before[day] != after[day]] == ["2013-03-09", "2013-03-10"]


def test_data_that_are_as_before_again_give_the_features_of_before_without_work(trips: Trips) -> None:
    session = trips(HONEST, 12)
    before, _ = built(session)
    changed(session, "2013-03-09", "* REPLACE (delay + 1000 AS delay)")
    assert built(session)[0] != before
    changed(session, "2013-03-09", "* REPLACE (delay - 1000 AS delay)")
    assert built(session) == (before, 0)


@pytest.mark.parametrize(("file", "old", "new"), [
    ("features/past.sql", "INTERVAL 6 HOUR", "INTERVAL 5 HOUR"),
    ("features/past.sql", "available_after: 10m", "available_after: 90m"),
    ("features/past.sql", "ttl: 1d", "ttl: 2h"),
    ("models/trip-delay.yaml", "columns: [place]", "columns: []"),
    ("models/trip-delay.yaml", "split: {time: at}", "split: {time: known}"),
    ("mlops.yaml", "America/New_York", "Europe/Berlin"),
])
def test_another_declaration_rebuilds_every_day(trips: Trips, tmp_path: Path, file: str, old: str, new: str) -> None:
    session = trips(HONEST, 13)
    before, _ = built(session)
    path = session.declared().root / file
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    session = reopened(session)
    after, days = built(session)
    assert days == 7
    fresh = rebuilt(session, tmp_path / "fresh")
    assert {day: after[day] for day in fresh} == fresh
    assert after != before


def test_without_a_lookback_every_change_rebuilds_every_day(trips: Trips, tmp_path: Path) -> None:
    session = trips(HONEST.replace("-- lookback: 2d\n", ""), 14)
    built(session)
    changed(session, "2013-03-12", "* REPLACE (delay + 1 AS delay)")
    files, days = built(session)
    assert days == 7
    assert files == rebuilt(session, tmp_path / "fresh")


@pytest.mark.parametrize("seed", range(15, 18))
def test_whatever_was_built_and_changed_before_the_bytes_are_those_of_a_full_rebuild(
        trips: Trips, tmp_path: Path, seed: int) -> None:
    session, random = trips(HONEST, seed), np.random.default_rng(seed)
    for _ in range(8):
        first, length = int(random.integers(7, 13)), int(random.integers(1, 4))
        if random.random() < 0.5:
            built(session, f"2013-03-{first:02}", f"2013-03-{first + length:02}")
        else:
            changed(session, f"2013-03-{first:02}", f"* REPLACE (delay + {length} AS delay)")
    assert built(session)[0] == rebuilt(session, tmp_path / "fresh")


class Dying(Lake):
    """A lake whose process ends after it kept the results of three days."""

    left = 3

    def keep_result(self, key: str, manifest: Manifest) -> None:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        super().keep_result(key, manifest)


def test_who_goes_on_after_a_kill_builds_the_rest_to_the_same_bytes(trips: Trips, tmp_path: Path) -> None:
    session = trips(HONEST, 18)
    with pytest.raises(KeyboardInterrupt):
        built(reopened(session, Dying(session.data().root)))
    assert session.current("trip-delay.features") is None
    files, days = built(reopened(session, Lake(session.data().root)))
    assert days == 4
    assert files == rebuilt(session, tmp_path / "fresh")


def test_a_day_whose_file_is_gone_is_built_again(trips: Trips) -> None:
    session = trips(HONEST, 19)
    before, _ = built(session)
    [file] = session.snapshot("trip-delay.features").within(day=("2013-03-10", "2013-03-10")).files
    (session.data().root / file.path).unlink()
    assert built(session) == (before, 1)
    assert session.data().damaged(session.snapshot("trip-delay.features")) == []


def test_a_day_without_rows_is_known_to_be_empty(trips: Trips) -> None:
    session = trips(HONEST, 20)
    assert built(session, "2013-03-01", "2013-03-10")[1] == 9
    assert built(session, "2013-03-01", "2013-03-10")[1] == 0


def test_a_source_that_got_a_column_and_another_type_reads_alike_for_a_day_and_for_all(
        trips: Trips, tmp_path: Path) -> None:
    windy = HONEST.replace("AS trips_seen", "AS trips_seen, max(wind) OVER past AS wind").replace(
        "count(*) AS n", "count(*) AS n, max(wind) AS wind")
    session = trips(windy, 21)
    changed(session, "2013-03-12", "* REPLACE (CAST(id AS INTEGER) AS id), 3.5::DOUBLE AS wind")
    for day in ("2013-03-08", "2013-03-12", "2013-03-13"):
        assert session.perform(["windows", "trip-delay", "--day", day]).exit == 0
    files, days = built(session)
    assert days == 4
    assert files == rebuilt(session, tmp_path / "fresh")
    assert {row["wind"] for row in rows(session, "trip-delay.features")} == {None, 3.5}


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


# -- windows of any file or dataset -----------------------------------------------------------------------------

LATE = """place,began,known,delay
a,2013-01-01 00:00:00,2013-01-01 00:30:00,5
a,2013-01-01 00:40:00,2013-01-01 01:30:00,15
b,2013-01-01 00:40:00,2013-01-01 00:50:00,1
a,2013-01-01 01:00:00,2013-01-01 01:10:00,25
a,2013-01-01 02:00:00,,35
"""
ASKED = ("--entity", "place", "--time", "began", "--column", "delay")
LEAKY = """-- entity: place
-- time: began
SELECT place, began, lead(delay) OVER (PARTITION BY place ORDER BY began) AS next_delay, avg(delay) OVER () AS overall,
  delay AS outcome, min(delay) OVER (PARTITION BY place ORDER BY known ROWS UNBOUNDED PRECEDING) AS by_arrival,
  lag(began) OVER (PARTITION BY place ORDER BY began) AS before, date_part('hour', began) AS hour
FROM late
"""


@pytest.fixture
def late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session without a project, in a folder with a file."""
    (tmp_path / "late.csv").write_text(LATE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return without_project(tmp_path, perform)


def test_a_file_gets_windows_with_no_project(late: Session) -> None:
    argv = ["windows", "--file", "late.csv", *ASKED, "--rolling", "1h", "--aggregate", "count,mean", "--lag", "1"]
    outcome = late.perform([*argv, "--out", "out.csv"])
    assert (outcome.exit, outcome.view.facts()["rows"]) == (0, 5)
    found = duckdb.execute("SELECT delay_count_1h, delay_mean_1h, delay_lag_1 FROM 'out.csv'").fetchall()
    assert found == [(0, None, None), (1, 5.0, 5), (0, None, None), (2, 10.0, 15), (1, 25.0, 25)]
    known = late.perform([*argv, "--known-at", "known", "--available-after", "5m"])
    assert [row["delay_count_1h"] for row in known.view.table("rows").rows] == [0, 1, 0, 1, 1]


def test_a_dataset_s_windows_are_kept_and_put_forward_as_a_view_that_gives_the_same(trips: Trips) -> None:
    session = trips(HONEST, 30)
    argv = ["windows", "trips", "--entity", "place", "--time", "at", "--column", "delay", "--rolling", "6h",
            "--aggregate", "mean,count", "--lag", "2", "--known-at", "known"]
    outcome = session.perform(argv)
    assert outcome.exit == 0, outcome.error
    direct = {row["id"]: row for row in rows(session, "trips.windows")}
    proposal = session.perform([*argv, "--view", "lately"])
    assert proposal.view.actions[0].argv == ("adopt", "P-1")
    [entry] = session.ledger.entries("proposal")
    assert isinstance(entry.fact, Proposal)
    text = entry.fact.content
    for name in ("delay_mean_6h", "delay_count_6h", "delay_lag_2"):
        text = text.replace(f'"{name}"', f'"v_{name}"')
    (session.declared().root / "features" / "lately.sql").write_text(text, encoding="utf-8")
    joined = reopened(session).perform(["feature", "join", "trips", "lately"])
    assert joined.exit == 0, joined.error
    for row in rows(session, "trips.joined"):
        was = direct[row["id"]]
        assert (row["v_delay_mean_6h"] is None) == (was["delay_mean_6h"] is None)
        assert (row["v_delay_mean_6h"] or 0.0) == pytest.approx(was["delay_mean_6h"] or 0.0, rel=1e-12)
        assert (row["v_delay_count_6h"] or 0) == was["delay_count_6h"]
        assert row["v_delay_lag_2"] == was["delay_lag_2"]


def test_leaks_of_any_view_over_a_file_are_named(late: Session, tmp_path: Path) -> None:
    (tmp_path / "leaky.sql").write_text(LEAKY, encoding="utf-8")
    argv = ["windows", "--file", "late.csv", "--sql", "leaky.sql", "--time", "began", "--check-leaks", "5"]
    blind = late.perform(argv)
    assert blind.exit == 1
    assert {row["column"] for row in blind.view.table("leaks").rows} == {"next_delay", "overall"}
    known = late.perform([*argv, "--known-at", "began", "--outcome", "delay=known", "--outcome", "known=known"])
    assert {row["column"] for row in known.view.table("leaks").rows} == {
        "next_delay", "overall", "outcome", "by_arrival"}
    assert "cannot see" in str(known.view.parts[-1])


def test_leaks_of_a_declared_view_are_found_and_kept(trips: Trips) -> None:
    session = trips(LEAKING, 31)
    outcome = session.perform(["windows", "past", "--check-leaks", "4"])
    assert (outcome.exit, outcome.view.facts()["moments"]) == (1, 2)
    assert [row["column"] for row in outcome.view.table("leaks").rows] == ["mean_delay_of_all_time"]
    finding = session.ledger.entries("finding")[-1].fact
    assert isinstance(finding, Finding)
    assert (finding.subject, finding.check, finding.status) == ("past", "leaks", "fail")
    assert trips(HONEST, 32).perform(["windows", "past", "--check-leaks", "10"]).exit == 0


def test_the_densest_moments_are_looked_at(late: Session) -> None:
    connection = duckdb.connect(":memory:")
    connection.execute("CREATE TABLE t AS SELECT TIMESTAMPTZ '2013-01-01' + to_hours(CAST(if(i < 900, i, 7) AS "
                       "INTEGER)) AS t FROM range(1000) r(i)")
    picked = moments(connection, "t", "t", 4)
    assert len(set(picked)) == 4
    assert [each.hour for each in picked].count(7) >= 1


def test_windows_of_a_file_are_looked_through_for_leaks_too(late: Session) -> None:
    argv = ["windows", "--file", "late.csv", *ASKED, "--rolling", "1h", "--lag", "1", "--expanding", "--known-at",
            "known"]
    outcome = late.perform([*argv, "--check-leaks", "4"])
    assert (outcome.view.status, outcome.view.facts()["rows_compared"]) == (Status.PASS, 5)


@pytest.mark.parametrize(("argv", "words"), [
    ([], "Windows of what?"),
    (["--file", "late.csv"], "Which windows?"),
    (["--file", "late.cvs", *ASKED, "--lag", "1"], "Did you mean 'late.csv'?"),
    (["--file", "late.csv", *ASKED, "--lag", "one"], "is no lag"),
    (["--file", "late.csv", *ASKED, "--rolling", "1 hour"], "is not a duration"),
    (["--file", "late.csv", "--entity", "palce", "--time", "began", "--column", "delay", "--lag", "1"],
     "Did you mean 'place'?"),
    (["--file", "late.csv", *ASKED, "--lag", "1", "--view", "../x"], "cannot be the name"),
    (["--file", "late.csv", *ASKED, "--lag", "1", "--out", "x.doc"], "not known to be"),
    (["--file", "late.csv", "--sql", "none.sql", "--time", "began"], "none.sql"),
])
def test_windows_that_cannot_be_are_named(late: Session, argv: list[str], words: str) -> None:
    outcome = late.perform(["windows", *argv])
    assert outcome.exit == 2, outcome.view
    assert words in str(outcome.error)
