"""ingest takes in what keeps the contract, sets the rest aside with its reasons, and loses nothing on the way."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mlops_tui.commands import Outcome
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from mlops_tui.view import Status, Text
from store.facts import AlertEvent, Finding, Snapshot

ROOT = Path(__file__).parents[2]
CONTRACT = """\
kind: DataContract
apiVersion: v3.1.0
id: trips
version: 1.0.0
status: active
schema:
  - name: trips
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - {name: at, logicalType: timestamp, required: true, logicalTypeOptions: {timezone: true}}
      - {name: city, required: true, relationships: [{to: cities.code, customProperties: [WARN]}]}
      - {name: fare, logicalType: number, logicalTypeOptions: {minimum: 0}}
customProperties:
  - {property: eventTime, value: at}
  - {property: partitionBy, value: [day]}
  - {property: onViolation, value: POLICY}
"""
WARN = "{property: onViolation, value: warn}"
CITIES = CONTRACT.split("schema:")[0].replace("trips", "cities") + """\
schema: [{name: cities, properties: [{name: code, primaryKey: true}, {name: name}]}]
"""
MONITOR = "check: ingest\nsubject: trips\nlimits: {bad_share: 0.1}\nalert: {after: 1 of 1, severity: high}\n"


@pytest.fixture
def trips(project: Path) -> Path:
    """A project with a dataset by day, one without partitions it refers to, and a monitor."""
    declare(project)
    (project / "datasets/cities.yaml").write_text(CITIES)
    (project / "monitors/trips-contract.yaml").write_text(MONITOR)
    (project / "cities.csv").write_text("code,name\nNYC,New York\nBOS,Boston\n")
    return project


def declare(project: Path, policy: str = "quarantine") -> None:
    (project / "datasets/trips.yaml").write_text(CONTRACT.replace("WARN", WARN).replace("POLICY", policy))


@pytest.fixture
def session(trips: Path) -> Session:
    made = opened(trips)
    assert ingest(made, "cities", trips / "cities.csv").exit == 0
    return made


def opened(project: Path) -> Session:
    return open_project(project, person="ana", source="terminal")


def ingest(session: Session, dataset: str, *files: Path) -> Outcome:
    return session.perform(["ingest", dataset, *(word for file in files for word in ("--file", str(file)))])


def day(folder: Path, *rows: str, name: str = "day.csv", header: str = "id,at,city,fare") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def trip(number: int, at: str = "2013-06-01T12:00:00-04:00", city: str = "NYC", fare: object = 5) -> str:
    return f"{number},{at},{city},{fare}"


def rows(session: Session, dataset: str = "trips", columns: str = "id") -> list[tuple[Any, ...]]:
    lake = session.data()
    query = f"SELECT {columns} FROM {lake.scan(session.snapshot(dataset))} ORDER BY ALL"
    return lake.connect().execute(query).fetchall()


def texts(outcome: Outcome) -> str:
    return "\n".join(part.body for part in outcome.view.parts if isinstance(part, Text))


def findings(session: Session) -> list[Finding]:
    facts = [entry.fact for entry in session.ledger.entries("finding", subject="trips")]
    return [fact for fact in facts if isinstance(fact, Finding)]


# -- what comes in ----------------------------------------------------------------------------------------------


def test_good_rows_land_by_local_day_and_bad_ones_aside_with_their_rules(session: Session, trips: Path) -> None:
    outcome = ingest(session, "trips", day(
        trips, trip(1), trip(2, "2013-06-01T03:59:00Z"), trip(3, fare=-1), trip(3, city=""), trip(1),
        trip(4, "2013-06-01"), *(trip(number) for number in range(10, 30))))
    assert outcome.error is None
    facts = outcome.view.facts()
    assert (facts["rows"], facts["good_rows"], facts["bad_rows"], facts["taken_in"]) == (26, 22, 4, 22)
    assert rows(session, columns="id, day")[:2] == [(1, "2013-06-01"), (2, "2013-05-31")]
    aside = rows(session, "trips.quarantine", "_row, _rules, id, fare, _file")
    assert aside == [
        (2, ["fare:minimum"], "3", "-1", "day.csv"), (3, ["id:unique", "city:required"], "3", "5", "day.csv"),
        (4, ["id:unique"], "1", "5", "day.csv"), (5, ["at:time_zone"], "4", "5", "day.csv")]
    assert [row["partition"] for row in outcome.view.table("partitions").rows] == ["2013-05-31", "2013-06-01"]


def test_the_finding_says_how_many_and_is_bound_to_data_and_declaration(session: Session, trips: Path) -> None:
    ingest(session, "trips", day(trips, trip(1), trip(2, fare=-1), trip(3, city="XXX")))
    [finding] = findings(session)
    assert (finding.check, finding.status, finding.n, finding.value, finding.monitor) == (
        "ingest", "fail", 3, 1.0, "trips-contract")
    assert finding.detail["rules"] == {"fare:minimum": 1, "city:foreign_key": 1}
    assert finding.data == tuple(session.snapshot(name).id for name in ("trips", "trips.quarantine", "cities"))
    assert session.data().object(finding.declaration) == (trips / "datasets/trips.yaml").read_bytes()
    [alert] = session.ledger.entries("alert")
    assert isinstance(alert.fact, AlertEvent)
    assert (alert.fact.event, alert.fact.monitor) == ("fired", "trips-contract")


def test_a_monitor_may_allow_a_share_of_bad_rows(session: Session, trips: Path) -> None:
    outcome = ingest(session, "trips", day(trips, *map(trip, range(19)), trip(20, fare=-1)))
    assert (outcome.view.status, outcome.exit, outcome.view.facts()["bad_rows"]) == (Status.WARN, 0, 1)
    assert findings(session)[0].limit == pytest.approx(2.0)


def test_a_value_not_in_the_other_dataset_only_warns(session: Session, trips: Path) -> None:
    outcome = ingest(session, "trips", day(trips, trip(1, city="SJU"), trip(2)))
    facts = outcome.view.facts()
    assert (outcome.view.status, facts["good_rows"], facts["warned_rows"]) == (Status.WARN, 2, 1)
    assert outcome.view.title.endswith(" keep the contract; 1 warn: city:foreign_key"), outcome.view.title
    assert outcome.view.title == f"trips: {findings(session)[-1].title}"


def test_a_foreign_key_that_cannot_be_looked_up_is_no_pass(trips: Path) -> None:
    outcome = ingest(opened(trips), "trips", day(trips, trip(1)))
    assert outcome.view.status is Status.WARN
    assert "Not checked: city: foreign key to cities.code: 'cities' has no data yet" in texts(outcome)
    assert outcome.view.title.endswith("; not checked: city: foreign key to cities.code: 'cities' has no data yet")


def test_several_files_are_one_batch(session: Session, trips: Path) -> None:
    first = day(trips, trip(1), trip(2), name="a.csv")
    query = "SELECT i AS id, TIMESTAMPTZ '2013-06-02 12:00+00' AS at, 'BOS' AS city, 1 AS fare FROM range(2, 5) t(i)"
    duckdb.connect().execute(f"COPY ({query}) TO '{trips / 'b.parquet'}'")
    outcome = ingest(session, "trips", first, trips / "b.parquet")
    assert outcome.error is None
    assert rows(session) == [(1,), (2,), (3,), (4,)]
    assert rows(session, "trips.quarantine", "_file, _row, _rules") == [("b.parquet", 0, ["id:unique"])]
    assert len(findings(session)) == 1


def test_rows_of_several_parquet_files_are_numbered_in_the_order_the_files_were_given(session: Session,
                                                                                     trips: Path) -> None:
    files = [trips / name for name in ("z.parquet", "a.parquet", "m.parquet")]
    for number, file in enumerate(files):
        query = f"SELECT {number} * (i + 1) AS id, now() AS at, 'BOS' AS city, {number} - i AS fare FROM range(3) t(i)"
        duckdb.connect().execute(f"COPY ({query}) TO '{file}'")
    ingest(session, "trips", *files)
    assert rows(session, "trips.quarantine", "_file, _row, _rules") == [
        ("a.parquet", 2, ["fare:minimum"]), ("m.parquet", 0, ["id:unique"]),
        ("z.parquet", 1, ["id:unique", "fare:minimum"]), ("z.parquet", 2, ["id:unique", "fare:minimum"])]


def test_columns_that_are_not_in_the_contract_stay_out_and_are_named(session: Session, trips: Path) -> None:
    outcome = ingest(session, "trips", day(trips, trip(1) + ",secret", header="id,at,city,fare,ssn"))
    assert "ssn" in texts(outcome)
    assert list(session.snapshot("trips").columns) == ["id", "at", "city", "fare", "day"]


def test_a_dataset_without_partitions_is_replaced_as_a_whole(session: Session, trips: Path) -> None:
    (trips / "cities.csv").write_text("code,name\nNYC,New York\n")
    outcome = ingest(session, "cities", trips / "cities.csv")
    assert "all rows: 2 rows were replaced by 1" in texts(outcome)
    assert outcome.view.title.endswith("; 1 rows replace all 2 that were there")
    facts = outcome.view.facts()
    assert (facts["rows_before"], facts["rows_now"]) == (2, 1)
    assert rows(session, "cities", "code") == [("NYC",)]


# -- policies ---------------------------------------------------------------------------------------------------


def test_reject_takes_in_nothing_where_a_row_is_bad(session: Session, trips: Path) -> None:
    declare(trips, "reject")
    fresh = opened(trips)
    outcome = ingest(fresh, "trips", day(trips, trip(1), trip(2, fare=-1)))
    assert (outcome.exit, outcome.view.facts()["taken_in"]) == (1, 0)
    assert (fresh.current("trips"), fresh.current("trips.quarantine")) == (None, None)
    assert findings(fresh)[0].status == "fail"
    assert ingest(fresh, "trips", day(trips, trip(1))).exit == 0


def test_warn_takes_in_all_that_can_be_stored(session: Session, trips: Path) -> None:
    declare(trips, "warn")
    fresh = opened(trips)
    outcome = ingest(fresh, "trips", day(trips, trip(1), trip(1), trip(2, fare=-1), trip(3, fare="lots"), trip(4, "")))
    facts = outcome.view.facts()
    assert (facts["good_rows"], facts["bad_rows"], facts["warned_rows"]) == (3, 2, 2)
    assert rows(fresh, columns="id, fare") == [(1, 5.0), (1, 5.0), (2, -1.0)]
    assert rows(fresh, "trips.quarantine", "_rules") == [(["at:required"],), (["fare:type"],)]


# -- the contract partitions otherwise than it did ----------------------------------------------------------------


def partitioned(project: Path, by: str) -> None:
    declare(project)
    contract = project / "datasets/trips.yaml"
    line = "  - {property: partitionBy, value: [day]}\n"
    contract.write_text(contract.read_text().replace(line, line.replace("[day]", by) if by else ""))


def test_rows_that_were_there_are_put_into_the_new_partitions_and_no_row_is_there_twice(trips: Path) -> None:
    partitioned(trips, "")
    ingest(opened(trips), "trips", day(trips, trip(1), trip(2), trip(3, "2013-06-02T12:00:00-04:00")))
    partitioned(trips, "[day]")
    session = opened(trips)
    outcome = ingest(session, "trips", day(trips, trip(2), trip(4)))
    assert outcome.exit == 0, outcome.error
    assert rows(session, columns="id, day") == [(2, "2013-06-01"), (3, "2013-06-02"), (4, "2013-06-01")]
    assert "trips was partitioned by nothing: its 3 rows are in 2 partitions by day now." in texts(outcome)
    assert [(row["partition"], row["change"], row["rows_before"]) for row in outcome.view.table("partitions").rows] == [
        ("2013-06-01", "replaced", 2)]
    partitioned(trips, "[city]")
    outcome = ingest(opened(trips), "trips", day(trips, trip(9, city="BOS")))
    assert "trips was partitioned by day: its 3 rows are in 1 partitions by city now." in texts(outcome)
    assert rows(opened(trips), columns="id, city") == [(2, "NYC"), (3, "NYC"), (4, "NYC"), (9, "BOS")]


def test_rows_that_cannot_be_put_into_the_new_partitions_stop_the_ingest(trips: Path) -> None:
    partitioned(trips, "")
    ingest(opened(trips), "trips", day(trips, trip(1), "2,2013-06-01T12:00:00-04:00,NYC,"))
    partitioned(trips, "[fare]")
    outcome = ingest(opened(trips), "trips", day(trips, trip(3)))
    assert outcome.error is not None
    assert outcome.error["what"] == "'trips' has 1 rows without a fare, by which it is to be partitioned now."
    assert outcome.error["where"] == f"{trips / 'datasets/trips.yaml'}:{line_of(trips, 'partitionBy')}"
    assert rows(opened(trips)) == [(1,), (2,)]


def line_of(project: Path, word: str) -> int:
    lines = (project / "datasets/trips.yaml").read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if word in line)


def test_health_and_drift_say_that_rows_have_no_day_yet_instead_of_breaking(trips: Path) -> None:
    partitioned(trips, "")
    ingest(opened(trips), "trips", day(trips, trip(1), trip(2)))
    partitioned(trips, "[day]")
    contract = trips / "datasets/trips.yaml"
    contract.write_text(contract.read_text() + "  - {property: calendar, value: daily}\n")
    outcome = opened(trips).perform(["health", "trips"])
    assert outcome.error is not None
    assert "2 rows of 'trips' came before it was partitioned by day." in outcome.error["what"]
    assert opened(trips).perform(["drift", "trips"]).exit == 1  # too few rows


# -- again, replaced, empty -------------------------------------------------------------------------------------


def test_the_same_rows_again_append_nothing(session: Session, trips: Path) -> None:
    file = day(trips, trip(1), trip(2, fare=-1))
    ingest(session, "trips", file)
    before = session.ledger.entries("snapshot", "finding", "alert")
    outcome = ingest(session, "trips", file)
    assert "Already there: nothing was appended." in texts(outcome)
    assert [row["change"] for row in outcome.view.table("partitions").rows] == ["already there"]
    assert session.ledger.entries("snapshot", "finding", "alert") == before
    shuffled = day(trips, trip(2), trip(1), name="other.csv")
    ingest(session, "trips", shuffled)
    after = ingest(session, "trips", day(trips, trip(1), trip(2), name="third.csv"))
    assert "Already there" in texts(after), "the order of the rows is no content"


def test_other_rows_for_a_day_replace_it_and_say_so(session: Session, trips: Path) -> None:
    ingest(session, "trips", day(trips, trip(1), trip(2), trip(3, "2013-06-02T12:00:00Z")))
    before = session.snapshot("trips").id
    outcome = ingest(session, "trips", day(trips, trip(1), trip(5), trip(6)))
    assert "2013-06-01: 2 rows were replaced by 3" in texts(outcome)
    assert rows(session) == [(1,), (3,), (5,), (6,)]
    newest = session.ledger.entries("snapshot", subject="trips")[-1].fact
    assert isinstance(newest, Snapshot)
    assert newest.parent == before
    assert rows_at(session, before) == [(1,), (2,), (3,)]


def rows_at(session: Session, snapshot: str) -> list[tuple[Any, ...]]:
    lake = session.data()
    return lake.connect().execute(
        f"SELECT id FROM {lake.scan(session.snapshot(f'trips@{snapshot[:10]}'))} ORDER BY id").fetchall()


def test_a_day_without_rows_changes_nothing_and_is_noted(session: Session, trips: Path) -> None:
    ingest(session, "trips", day(trips, trip(1)))
    outcome = ingest(session, "trips", day(trips, name="empty.csv"))
    assert (outcome.view.status, outcome.exit) == (Status.WARN, 0)
    assert "trips stays as it was" in texts(outcome)
    assert rows(session) == [(1,)]
    assert [(finding.status, finding.n) for finding in findings(session)] == [("pass", 1), ("warn", 0)]
    (trips / "none.csv").write_text("code,name\n")
    ingest(session, "cities", trips / "none.csv")
    assert len(rows(session, "cities", "code")) == 2


def test_a_day_of_bad_rows_only_leaves_the_dataset_as_it_was(session: Session, trips: Path) -> None:
    outcome = ingest(session, "trips", day(trips, trip(1, fare=-1)))
    assert outcome.exit == 1
    assert session.current("trips") is None
    assert rows(session, "trips.quarantine", "_rules") == [(["fare:minimum"],)]
    assert "Already there" in texts(ingest(session, "trips", day(trips, trip(1, fare=-1))))


def test_the_quarantine_of_one_file_survives_the_next(session: Session, trips: Path) -> None:
    ingest(session, "trips", day(trips, trip(1, fare=-1), name="a.csv"))
    ingest(session, "trips", day(trips, trip(2, fare=-1), name="b.csv"))
    assert rows(session, "trips.quarantine", "_file, id") == [("a.csv", "1"), ("b.csv", "2")]


# -- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "content", "said"), [
    ("a.parquet", b"PAR1 and so on, but never finished", "end is missing"),
    ("a.csv", b"id,at,city\n1,2013-06-01T00:00:00Z,NYC\n", "no column 'fare'"),
    ("a.csv", b"id,at,city,fair\n1,2013-06-01T00:00:00Z,NYC,5\n", "Did you mean 'fair'"),
    ("a.csv", b"id,at,city,fare\n1,2013-06-01T00:00:00Z,NYC,5,6\n", "has 5 fields; the header has 4"),
    ("a.csv", b"", "is empty"), ("a.json", b'{"id": 1', "Malformed JSON"),
])
def test_a_file_that_cannot_be_taken_in_is_named_and_nothing_changes(session: Session, trips: Path, name: str,
                                                                    content: bytes, said: str) -> None:
    (trips / name).write_bytes(content)
    before = session.ledger.entries("snapshot")
    outcome = ingest(session, "trips", trips / name)
    assert outcome.exit == 2
    assert outcome.error is not None
    assert said in " ".join(outcome.error.values())
    assert session.ledger.entries("snapshot") == before
    [found] = findings(session)
    assert (found.status, found.monitor, found.detail["files"]) == ("fail", "trips-contract", [name])
    assert found.title == f"Nothing was taken in: {outcome.error['what']}"
    [alert] = [entry.fact for entry in session.ledger.entries("alert")]
    assert isinstance(alert, AlertEvent)
    assert (alert.event, alert.monitor) == ("fired", "trips-contract")


def test_a_name_that_is_mistyped_wakes_nobody(session: Session, trips: Path) -> None:
    (trips / "notes.txt").write_text("id,at")
    for name in ("no-such.csv", "notes.txt", "cities"):
        assert ingest(session, "trips", trips / name).exit == 2
    assert ingest(session, "trips", trips).exit == 2
    assert findings(session) == []


def test_one_file_without_a_column_is_named_among_several(session: Session, trips: Path) -> None:
    outcome = ingest(session, "trips", day(trips, trip(1)), day(trips, "2,x,NYC", name="b.csv", header="id,at,city"))
    assert outcome.exit == 2
    assert "'b.csv' has no column 'fare'" in outcome.view.title


def test_wrong_types_in_parquet_are_bad_rows_and_not_an_error(session: Session, trips: Path) -> None:
    query = "SELECT 'x' || i AS id, TIMESTAMP '2013-06-01 12:00' AS at, 7 AS city, true AS fare FROM range(3) t(i)"
    duckdb.connect().execute(f"COPY ({query}) TO '{trips / 'odd.parquet'}'")
    outcome = ingest(session, "trips", trips / "odd.parquet")
    assert outcome.view.facts()["bad_rows"] == 3
    assert {rule for (found,) in rows(session, "trips.quarantine", "_rules") for rule in found} == {
        "id:type", "at:time_zone", "city:foreign_key", "fare:type"}


@pytest.mark.parametrize(("source", "status"), [("slack", Status.DENIED), ("timetable", Status.DENIED),
                                                ("demo", Status.PASS)])
def test_files_come_in_through_doors_on_this_machine_only(session: Session, trips: Path, source: str,
                                                          status: Status) -> None:
    other = open_project(trips, person="ana", source=source)
    assert ingest(other, "trips", day(trips, trip(1))).view.status is status


def test_an_undeclared_dataset_is_named_with_the_nearest(session: Session, trips: Path) -> None:
    outcome = ingest(session, "trip", day(trips, trip(1)))
    assert outcome.error is not None
    assert "Did you mean 'trips'" in outcome.error["next"]


# -- death and company ------------------------------------------------------------------------------------------

SCRIPT = """
import sys
from pathlib import Path
from mlops_tui.opening import open_project
session = open_project(Path(sys.argv[1]), person="ana", source="terminal")
for file in sys.argv[2:]:
    outcome = session.perform(["ingest", "trips", "--file", file])
    assert outcome.error is None, outcome.error
    print(file, flush=True)
"""


def ingesting(project: Path, files: list[Path]) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(project), *map(str, files)], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def days(folder: Path, name: str, count: int) -> list[Path]:
    return [day(folder, *(trip(i, f"2013-{name}-{n + 1:02}T12:00:00Z", fare=i - 1) for i in range(40)),
                name=f"{name}-{n}.csv") for n in range(count)]


def test_two_processes_taking_in_different_days_both_land(session: Session, trips: Path) -> None:
    for process in [ingesting(trips, days(trips, month, 8)) for month in ("03", "04")]:
        assert process.communicate(timeout=90)[1] == ""
    assert len(rows(session, columns="DISTINCT day")) == 16
    assert len(rows(session, "trips.quarantine")) == 16
    assert len(findings(session)) == 16


@pytest.mark.parametrize("wait", [0.0, 0.015, 0.03])
def test_killed_at_any_moment_the_rerun_ends_with_the_same_snapshots(
        session: Session, trips: Path, tmp_path_factory: pytest.TempPathFactory, wait: float) -> None:
    files = days(trips, "03", 6)
    with ingesting(trips, files) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
    fresh = opened(trips)
    counted = {name: len(fresh.ledger.entries("snapshot", subject=name)) for name in ("trips", "trips.quarantine")}
    assert counted["trips"] == counted["trips.quarantine"] == len(findings(fresh)), "a day is there whole or not at all"
    for file in files:
        ingest(fresh, "trips", file)
    assert (len(rows(fresh)), len(rows(fresh, "trips.quarantine")), len(findings(fresh))) == (6 * 39, 6, 6)
    assert [fresh.data().damaged(fresh.snapshot(name)) for name in ("trips", "trips.quarantine")] == [[], []]
    unharmed = tmp_path_factory.mktemp("unharmed")
    calm = rebuilt(trips, unharmed)
    for file in files:
        ingest(calm, "trips", file)
    assert [calm.snapshot(name).id for name in ("trips", "trips.quarantine")] == [
        fresh.snapshot(name).id for name in ("trips", "trips.quarantine")]


def rebuilt(trips: Path, folder: Path) -> Session:
    """The same project elsewhere, with nothing but its declarations and its cities."""
    for path in [*trips.glob("*.yaml"), *trips.glob("*/*.yaml"), trips / "cities.csv"]:
        target = folder / path.relative_to(trips)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    made = opened(folder)
    ingest(made, "cities", folder / "cities.csv")
    return made


def test_a_file_of_bad_rows_only_leaves_as_many_rows_as_there_were(session: Session, trips: Path) -> None:
    ingest(session, "trips", day(trips, trip(1), trip(2)))
    facts = ingest(session, "trips", day(trips, trip(3, fare=-1), name="bad.csv")).view.facts()
    assert (facts["bad_rows"], facts["rows_before"], facts["rows_now"]) == (1, 2, 2)
