"""Feature views: built once for each version, joined as known, online the same to the last bit."""

import json
import multiprocessing
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status
from store.facts import Finding, Snapshot
from store.quoting import literal

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: trips
version: 1.0.0
status: active
schema:
  - name: trips
    properties:
      - {name: id, logicalType: string, primaryKey: true, required: true}
      - {name: place, logicalType: string}
      - {name: began, logicalType: timestamp}
      - {name: known, logicalType: timestamp, customProperties: [{property: availableAt, value: known}]}
      - {name: delay, logicalType: integer, customProperties: [{property: availableAt, value: known}]}
      - {name: day, logicalType: string}
customProperties:
  - {property: eventTime, value: began}
  - {property: partitionBy, value: [day]}
"""
MODEL = """
task: binary
label: {dataset: trips, column: late}
features: [past, own]
candidates: {simple: {estimator: sklearn.linear_model.LogisticRegression}}
split: {time: began}
"""
PAST = """-- description: How late trips from the place are.
-- entity: place
-- time: since
-- available_after: 10m
-- lookback: 2d
-- ttl: 1d
SELECT place, time_bucket(INTERVAL 1 HOUR, known) + INTERVAL 1 HOUR AS since, avg(delay) AS mean_delay,
  count(*)::INTEGER AS trips, max(known) AS newest, min(id) AS least,
  sum(delay)::DECIMAL(18,2) / 7 AS share, bool_or(delay > 30) AS bad
FROM trips WHERE known IS NOT NULL GROUP BY ALL
"""
OWN = """-- description: When it is.
-- entity: id
-- time: began
-- lookback: 0d
SELECT id, began, date_part('hour', began) AS hour, isodow(began) AS weekday FROM trips
"""
START = datetime(2013, 1, 20, tzinfo=UTC)
DAYS = 30


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with thirty days of trips, to copy."""
    tmp_path = tmp_path_factory.mktemp("probe")
    for path, text in {"datasets/trips.yaml": CONTRACT, "models/trip-delay.yaml": MODEL, "features/past.sql": PAST,
                       "features/own.sql": OWN, "mlops.yaml": "project: probe\nclock: replay\n"}.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    filled(opened(tmp_path), 1)
    return tmp_path


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return tmp_path


def opened(root: Path, at: datetime = START + timedelta(days=DAYS), **how: bool) -> Session:
    return open_project(root, source="terminal", clock=ReplayClock(at), **how)


def filled(session: Session, seed: int, days: int = DAYS) -> None:
    random, lake = np.random.default_rng(seed), session.data()
    cursor = lake.connect()
    cursor.execute("CREATE OR REPLACE TEMP TABLE raw (id VARCHAR, place VARCHAR, began TIMESTAMPTZ, known TIMESTAMPTZ, "
                   "delay BIGINT)")
    made = []
    for number in range(days * 12):
        began = START + timedelta(minutes=int(random.integers(0, days * 24 * 60)))
        known = None if random.random() < 0.1 else began + timedelta(minutes=int(random.integers(5, 200)))
        made.append(f"('t{number}', '{'abc'[random.integers(3)]}', '{began}', "
                    f"{literal(str(known)) if known else 'NULL'}, {random.integers(-9, 60)})")
    cursor.execute(f"INSERT INTO raw VALUES {', '.join(made)}")
    session.commit(lake.write("trips", "SELECT *, strftime(began, '%Y-%m-%d') AS day FROM raw", sort=("id",),
                              partition_by=("day",), connection=cursor))


def run(session: Session, *argv: str, exit: int = 0) -> dict:
    outcome = session.perform(argv)
    assert outcome.exit == exit, outcome.error or outcome.view
    return {"facts": outcome.view.facts(), "view": outcome.view, "error": outcome.error}


def files(session: Session, view: str = "past") -> dict[str, str]:
    return {file.partition.get("=month", ""): file.sha256 for file in session.snapshot(f"{view}.view").files}


def rows(session: Session, dataset: str) -> list[tuple[object, ...]]:
    columns = "place, since, mean_delay, trips, newest, least, share, bad"
    scan = session.data().scan(session.snapshot(dataset))
    return duckdb.execute(f"SELECT {columns} FROM {scan} ORDER BY 1, 2").fetchall()


# -- building -------------------------------------------------------------------------------------------------------


def test_a_view_is_built_sorted_by_entity_and_time_by_month(root: Path) -> None:
    session = opened(root)
    assert run(session, "feature", "build", "past")["facts"]["parts_built"] == 2
    assert list(files(session)) == ["2013-01", "2013-02"]
    lake = session.data()
    for file in session.snapshot("past.view").files:
        rows = duckdb.execute(f"SELECT place, since FROM '{lake.place_of(file)}'").fetchall()
        assert rows == sorted(rows)
        assert len(rows) == len(set(rows))


def test_what_did_not_change_is_not_built_again(root: Path) -> None:
    session = opened(root)
    run(session, "feature", "build", "--all")
    before = len(session.ledger.entries("snapshot"))
    assert run(session, "feature", "build", "--all")["facts"]["parts_built"] == 0
    assert len(session.ledger.entries("snapshot")) == before


def test_a_late_day_rebuilds_only_the_months_that_it_reaches(root: Path) -> None:
    session, lake = opened(root), opened(root).data()
    run(session, "feature", "build", "past")
    before = files(session)
    rows = lake.scan(session.snapshot("trips").within(day=("2013-02-12", "2013-02-12")))
    session.commit(lake.write("trips", f"SELECT * REPLACE (delay + 500 AS delay) FROM {rows}", sort=("id",),
                              partition_by=("day",)))
    assert run(session, "feature", "build", "past")["facts"]["parts_built"] == 1
    after = files(session)
    assert [month for month in before if before[month] != after[month]] == ["2013-02"]


def test_by_month_the_rows_are_those_of_all_history_at_once(root: Path) -> None:
    session = opened(root)
    run(session, "feature", "build", "past")
    months = rows(session, "past.view")
    (root / "features" / "past.sql").write_text(PAST.replace("-- lookback: 2d\n", ""), encoding="utf-8")
    session = opened(root)
    assert run(session, "feature", "build", "past")["facts"]["parts_built"] == 1
    whole = rows(session, "past.view")
    assert len(months) > 250
    assert months == whole


def test_backfill_of_a_range_leaves_the_other_months(root: Path) -> None:
    session = opened(root)
    assert run(session, "feature", "build", "past", "--from", "2013-02-01")["facts"]["parts_built"] == 1
    assert list(files(session)) == ["2013-02"]
    assert run(session, "feature", "build", "past", "--to", "2013-01-25")["facts"]["parts_built"] == 1
    assert list(files(session)) == ["2013-01", "2013-02"]
    assert run(session, "feature", "build", "past")["facts"]["parts_built"] == 0


def test_another_sql_is_another_version_and_shares_no_month_with_the_old(root: Path) -> None:
    session = opened(root)
    run(session, "feature", "build", "past")
    old = session.snapshot("past.view")
    (root / "features" / "past.sql").write_text(PAST.replace("INTERVAL 1 HOUR", "INTERVAL 2 HOUR"), encoding="utf-8")
    session = opened(root)
    assert run(session, "feature", "list")["view"].table("features").rows[1]["built"] == "behind"
    run(session, "feature", "build", "past", "--from", "2013-02-01")
    assert list(files(session)) == ["2013-02"]
    assert session.data().manifest("past.view", old.id).rows == old.rows, "the old version stays"
    keys = [entry.fact.key for entry in session.ledger.entries("snapshot", subject="past.view")
            if isinstance(entry.fact, Snapshot)]
    assert len({key.partition("/")[0] for key in keys}) == 2


def test_list_and_show_say_how_it_stands(root: Path) -> None:
    session = opened(root)
    run(session, "feature", "build", "past")
    rows = {row["feature"]: row for row in run(session, "feature")["view"].table("features").rows}
    assert (rows["past"]["built"], rows["past"]["online"], rows["past"]["models"]) == ("current", "no", ("trip-delay",))
    assert (rows["own"]["built"], rows["own"]["online"]) == ("never", "from the request's row")
    shown = run(session, "feature", "show", "past")
    assert shown["facts"]["reads"] == ("trips",)
    assert shown["facts"]["newest"] > START + timedelta(days=20)
    assert {row["column"]: row["role"] for row in shown["view"].table("columns").rows}["since"] == "time"


@pytest.mark.parametrize(("sql", "words"), [
    ("-- entity: place\n-- time: known\nSELECT place, known FROM tripz", "Did you mean 'trips'?"),
    ("-- entity: place\n-- time: known\nSELECT place, known, now() AS n FROM trips", "another answer each time"),
    ("-- entity: place\n-- time: known\nSELECT place, known FROM read_csv('x.csv')", "reads from read_csv()"),
    ("-- entity: place\n-- time: delay\nSELECT place, delay FROM trips", "is BIGINT"),
    ("-- entity: place\n-- time: known\nSELECT place, known, place::INTEGER AS x FROM trips", "cannot be computed"),
])
def test_a_view_that_cannot_be_built_is_named(root: Path, sql: str, words: str) -> None:
    (root / "features" / "past.sql").write_text(sql, encoding="utf-8")
    session = opened(root)
    error = run(session, "feature", "build", "past", exit=2)["error"]
    assert words in str(error)
    assert "past.sql" in error["where"]
    assert session.perform(["feature", "list"]).error is None, "the others can still be looked at"


# -- joining --------------------------------------------------------------------------------------------------------


def test_a_file_of_labels_is_joined_with_many_views(root: Path, tmp_path: Path) -> None:
    session = opened(root)
    labels, out = tmp_path / "labels.csv", tmp_path / "out.parquet"
    labels.write_text("id,place,at_time\nt1,a,2013-02-01 10:00:00\nt2,zz,2013-02-01 10:00:00\n", encoding="utf-8")
    found = run(session, "feature", "join", str(labels), "past", "--time", "at_time", "--out", str(out))
    assert (found["facts"]["rows"], found["facts"]["features"]) == (2, 6)
    rows = duckdb.execute(f"SELECT id, trips, mean_delay FROM '{out}' ORDER BY id").fetchall()
    assert rows[0][1] >= 1
    assert rows[1] == ("t2", None, None)


def test_a_dataset_is_joined_and_kept_and_the_views_at_a_tag(root: Path) -> None:
    session = opened(root)
    run(session, "snapshot", "tag", "trips", "before")
    first = run(session, "feature", "join", "trips", "past")["facts"]
    assert first["dataset"] == "trips.joined"
    filled(session, 2)
    assert run(session, "feature", "join", "trips", "past")["facts"]["snapshot"] != first["snapshot"]
    assert run(session, "feature", "join", "trips", "past", "--at", "before")["facts"]["snapshot"] == first["snapshot"]


@pytest.mark.parametrize(("argv", "words"), [
    (["trips", "pats"], "Did you mean 'past'?"),
    (["tripz", "past"], "Did you mean 'trips'?"),
    (["labels.csv", "past"], "--time COLUMN"),
    (["labels.csv", "past", "--time", "t"], "No file 'labels.csv'"),
    (["trips", "past", "--at", "nothing"], "No snapshot 'nothing'"),
])
def test_a_join_that_cannot_be_is_named(root: Path, argv: list[str], words: str) -> None:
    assert words in str(run(opened(root), "feature", "join", *argv, exit=2)["error"])


# -- online ---------------------------------------------------------------------------------------------------------


def test_what_is_online_is_what_the_join_gives(root: Path) -> None:
    session = opened(root, START + timedelta(days=25, hours=7))
    assert run(session, "feature", "materialize", "--all")["facts"]["views"] == 1
    found = run(session, "feature", "parity", "trip-delay")
    assert found["view"].status is Status.PASS
    rows = {row["feature"]: row for row in found["view"].table("views").rows}
    assert (rows["past"]["entities"], rows["past"]["moments"]) == (3, 3), "now, and two later moments"
    finding = session.ledger.entries("finding")[-1].fact
    assert isinstance(finding, Finding)
    assert (finding.check, finding.status, finding.value, finding.n) == ("parity", "pass", 0.0, 3 * 6 * 3)


def test_a_value_that_was_changed_online_is_found(root: Path) -> None:
    import sqlite3

    session = opened(root)
    run(session, "feature", "materialize", "past")
    with sqlite3.connect(root / ".mlops" / "online.db") as connection:
        [(id,)] = connection.execute("SELECT id FROM generation WHERE state = 'current'").fetchall()
        key, blob = connection.execute(f"SELECT key, rows FROM g{id}").fetchone()
        flipped = bytearray(blob)
        flipped[4 + 8 + 1] ^= 1  # the last bit of the first value of the oldest row
        connection.execute(f"UPDATE g{id} SET rows = ? WHERE key = ?", [bytes(flipped), key])
    connection.close()
    found = run(opened(root), "feature", "parity", "past", exit=1)
    assert found["view"].status is Status.FAIL
    assert {row["column"] for row in found["view"].table("differing").rows} == {"mean_delay"}


def test_get_says_fresh_stale_or_missing(root: Path) -> None:
    session = opened(root)
    run(session, "feature", "materialize", "past")
    later = opened(root, START + timedelta(days=DAYS + 3))
    states = {}
    for each, place in ((session, "a"), (later, "a"), (session, "nowhere")):
        view = run(each, "feature", "get", "past", "--entity", f"place={place}")["view"]
        [row] = view.table("answers").rows
        states[row["state"]] = (view.status, view.table("values").rows[0]["value"])
    assert set(states) == {"fresh", "stale", "missing"}
    assert (states["fresh"][0], states["stale"], states["missing"]) == (
        Status.PASS, (Status.WARN, None), (Status.WARN, None))
    assert states["fresh"][1] is not None


def test_before_it_is_online_nothing_is_known(root: Path) -> None:
    session = opened(root)
    assert run(session, "feature", "get", "past", "--entity", "place=a", exit=1)["view"].status is Status.UNKNOWN
    assert run(session, "feature", "parity", "past", exit=1)["view"].status is Status.UNKNOWN


def test_features_of_the_request_s_own_row_come_from_the_very_same_sql(root: Path, tmp_path: Path) -> None:
    session = opened(root)
    run(session, "feature", "build", "own")
    run(session, "feature", "materialize", "past")
    lake = session.data()
    for id, began, hour, weekday in duckdb.execute(
            f"SELECT id, began, hour, weekday FROM {lake.scan(session.snapshot('own.view'))} LIMIT 5").fetchall():
        row = json.dumps({"id": id, "began": began.isoformat(), "place": "a"})
        view = run(session, "feature", "get", "trip-delay", "--row", row)["view"]
        values = {each["column"]: each["value"] for each in view.table("values").rows}
        assert (values["hour"], values["weekday"]) == (hour, weekday)
        assert values["trips"] is not None


@pytest.mark.parametrize(("argv", "words"), [
    (["past"], "Whose values?"),
    (["past", "--entity", "place"], "is no entity"),
    (["past", "--entity", "palce=a"], "Did you mean 'palce'?"),
    (["own", "--row", '{"id": "x"}'], "needs 'began'"),
    (["own", "--row", '{"id": "x", "began": "soon"}'], "does not fit"),
    (["own", "--row", "[1]"], "not an object"),
    (["own", "--row", "{"], "not JSON"),
    (["psat", "--entity", "place=a"], "Did you mean 'past'?"),
])
def test_a_question_that_cannot_be_answered_is_named(root: Path, argv: list[str], words: str) -> None:
    assert words in str(run(opened(root), "feature", "get", *argv, exit=2)["error"])


def test_looks_append_nothing_and_a_viewer_may_look(root: Path) -> None:
    session = opened(root, read_only=True)
    before = session.ledger.head_seq()
    for argv in (["feature", "list"], ["feature", "show", "past"], ["feature", "get", "past", "--entity", "place=a"]):
        assert session.perform(argv).error is None
    assert session.perform(["feature", "build", "past"]).exit == 4
    assert session.ledger.head_seq() == before


def materialize(root: str, hour: int) -> None:
    session = opened(Path(root), START + timedelta(days=20, hours=hour))
    assert session.perform(["feature", "materialize", "past"]).error is None


def test_two_processes_that_materialize_at_once_leave_the_later(root: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=materialize, args=(str(root), hour)) for hour in (1, 9)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert [each.exitcode for each in workers] == [0, 0]
    session = opened(root, START + timedelta(days=20, hours=9))
    assert run(session, "feature", "parity", "past")["view"].status is Status.PASS
    row = run(session, "feature", "list")["view"].table("features").rows[1]
    assert row["online"] == "2013-02-09 09:00 UTC"


KILLED = """
import os, sys
sys.path.insert(0, {here!r})
from datetime import timedelta
from pathlib import Path
from mlops_tui.features import _online
from tests_of_features import opened, START
whole = _online.packed
def dies(*given):
    for number, each in enumerate(whole(*given)):
        yield each
        os.kill(os.getpid(), 9)
_online.packed = dies
opened(Path({root!r}), START + timedelta(days=25)).perform(["feature", "materialize", "past"])
"""


def test_killed_while_materializing_the_values_of_before_are_served(root: Path, tmp_path: Path) -> None:
    session = opened(root, START + timedelta(days=20))
    run(session, "feature", "materialize", "past")
    (tmp_path / "tests_of_features.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    code = KILLED.format(here=str(tmp_path), root=str(root))
    ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False, timeout=120)
    assert ended.returncode == -signal.SIGKILL
    assert run(session, "feature", "list")["view"].table("features").rows[1]["online"] == "2013-02-09 00:00 UTC"
    assert run(session, "feature", "parity", "past")["view"].status is Status.PASS
    later = opened(root, START + timedelta(days=26))
    run(later, "feature", "materialize", "past")
    assert run(later, "feature", "parity", "past")["view"].status is Status.PASS
