"""What was set aside is seen, mended, taken in once and only once, or given up with a reason; nothing else is lost."""

import csv
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlops_tui.commands import Outcome
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from mlops_tui.view import Status, Text
from store.facts import Finding, Quarantined
from store.lake import Manifest

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
      - {name: day, logicalType: date, required: true}
      - {name: fare, logicalType: number, required: true, logicalTypeOptions: {minimum: 0}}
customProperties:
  - {property: partitionBy, value: [day]}
"""
GOOD = [(number, f"2013-06-0{1 + number % 3}", 5) for number in range(1, 10)]
BAD = [(20, "2013-06-01", -1), (21, "2013-06-02", ""), (22, "2013-06-04", "lots"), (1, "2013-06-01", 7)]
MENDED = [(20, "2013-06-01", 1), (21, "2013-06-02", 2.5), (22, "2013-06-04", 9), (23, "2013-06-01", 7)]


@pytest.fixture
def trips(project: Path) -> Path:
    (project / "datasets/trips.yaml").write_text(CONTRACT)
    return project


def opened(project: Path, person: str = "ana") -> Session:
    return open_project(project, person=person, source="terminal")


def written(folder: Path, *rows: tuple[object, ...], name: str = "trips.csv") -> Path:
    (folder / name).write_text("\n".join(["id,day,fare", *(",".join(map(str, row)) for row in rows)]) + "\n")
    return folder / name


@pytest.fixture
def session(trips: Path) -> Session:
    """Nine good trips on three days, and four that were set aside."""
    made = opened(trips)
    assert made.perform(["ingest", "trips", "--file", str(written(trips, *GOOD, *BAD))]).view.facts()["bad_rows"] == 4
    return made


def rows(session: Session, dataset: str = "trips", columns: str = "id, fare") -> list[tuple[Any, ...]]:
    lake = session.data()
    query = f"SELECT {columns} FROM {lake.scan(session.snapshot(dataset))} ORDER BY ALL"
    return lake.connect().execute(query).fetchall()


def texts(outcome: Outcome) -> str:
    return "\n".join(part.body for part in outcome.view.parts if isinstance(part, Text))


def exported(session: Session, folder: Path, *mended: tuple[object, ...], keep: int = 4) -> Path:
    """The batch's rows in a file, with other values in the order in which they came."""
    file = folder / "bad.csv"
    outcome = session.perform(["quarantine", "export", "trips", "--out", str(file), "--overwrite"])
    assert outcome.error is None, outcome.error
    found = list(csv.DictReader(file.read_text().splitlines()))
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(found[0]))
        writer.writeheader()
        for row, values in zip(found[:keep], mended[:keep], strict=True):
            writer.writerow(row | dict(zip(("id", "day", "fare"), values, strict=True)))
    return file


def replay(session: Session, file: Path | None = None, batch: str = "") -> Outcome:
    named = [batch] if batch else []
    return session.perform(["quarantine", "replay", "trips", *named, *(["--file", str(file)] if file else [])])


def events(session: Session) -> list[Quarantined]:
    facts = [entry.fact for entry in session.ledger.entries("quarantine", subject="trips")]
    return [fact for fact in facts if isinstance(fact, Quarantined)]


# -- seen -------------------------------------------------------------------------------------------------------


def test_the_list_says_how_many_rows_wait_since_when_and_why(session: Session) -> None:
    outcome = session.perform(["quarantine"])
    assert (outcome.view.status, outcome.exit) == (Status.WARN, 0)
    assert outcome.view.title == "4 rows wait in 1 batch"
    [row] = outcome.view.table("batches").rows
    assert (row["dataset"], row["status"], row["rows"], row["files"]) == ("trips", "open", 4, ("trips.csv",))
    assert set(row["rules"]) == {"fare:minimum", "fare:required", "fare:type", "id:unique"}  # type: ignore[arg-type]
    assert row["since"] == session.ledger.entries("snapshot", subject="trips.quarantine")[0].effective_at
    assert session.perform(["quarantine", "list", "flights"]).view.title == "No rows wait in quarantine"


def test_a_batch_is_shown_row_by_row_with_what_stands_there(session: Session) -> None:
    view = session.perform(["quarantine", "show", "trips"]).view
    assert [(row["row"], row["rules"], row["values"]) for row in view.table("bad_rows").rows] == [
        (9, ("fare:minimum",), ("fare=-1",)), (10, ("fare:required",), ("fare=(nothing)",)),
        (11, ("fare:type",), ("fare=lots",)), (12, ("id:unique",), ("id=1",))]
    assert session.perform(["quarantine", "show", "trips", "--limit", "1"]).view.table("bad_rows").total is None
    assert [action.argv[1] for action in view.actions] == ["export", "replay", "discard"]


def test_a_batch_that_is_not_there_is_refused(session: Session, trips: Path) -> None:
    for argv, said in ((["show", "trips", "ffff"], "No batch 'ffff'"), (["show", "flights"], "has set no rows aside"),
                       (["show", "trip"], "No dataset 'trip'")):
        outcome = session.perform(["quarantine", *argv])
        assert (outcome.exit, said in outcome.view.title) == (2, True), outcome.view.title
    session.perform(["ingest", "trips", "--file", str(written(trips, (30, "2013-06-09", -1), name="b.csv"))])
    assert "has 2 open batches" in session.perform(["quarantine", "show", "trips"]).view.title


# -- replayed ---------------------------------------------------------------------------------------------------


def test_mended_rows_join_their_partitions_as_if_they_had_been_good_at_once(session: Session, trips: Path,
                                                                           tmp_path_factory: Any) -> None:
    outcome = replay(session, exported(session, trips, *MENDED))
    assert (outcome.exit, outcome.view.status) == (0, Status.PASS), outcome.error
    assert rows(session) == sorted((row[0], float(row[2])) for row in [*GOOD, *MENDED])
    assert [(row["partition"], row["rows_before"], row["rows"]) for row in outcome.view.table("partitions").rows] == [
        ("2013-06-01", 3, 5), ("2013-06-02", 3, 4), ("2013-06-04", 0, 1)]
    assert rows(session, "trips.quarantine", "_row") == []
    [event] = events(session)
    assert (event.event, event.rows, event.left, event.file) == ("replayed", 4, 0, "bad.csv")
    elsewhere = tmp_path_factory.mktemp("whole")
    for name in ("mlops.yaml", "team.yaml", "datasets/trips.yaml"):
        (elsewhere / name).parent.mkdir(exist_ok=True)
        (elsewhere / name).write_bytes((trips / name).read_bytes())
    whole = opened(elsewhere)
    whole.perform(["ingest", "trips", "--file", str(written(elsewhere, *GOOD, *MENDED))])
    assert whole.snapshot("trips").id == session.snapshot("trips").id


def test_replayed_twice_is_replayed_once(session: Session, trips: Path) -> None:
    file = exported(session, trips, *MENDED)
    batch = events_batch(session)
    replay(session, file)
    before = session.ledger.entries("snapshot", "finding", "quarantine")
    for named in (batch, batch[:8]):
        outcome = replay(session, file, named)
        assert (outcome.exit, "was replayed already" in outcome.view.title) == (0, True), outcome.view.title
    assert session.ledger.entries("snapshot", "finding", "quarantine") == before


def events_batch(session: Session) -> str:
    return str(session.perform(["quarantine"]).view.table("batches").rows[0]["batch"])


def test_rows_that_are_bad_still_or_not_in_the_file_stay_as_they_came(session: Session, trips: Path) -> None:
    file = exported(session, trips, (20, "2013-06-01", -7), (21, "2013-06-02", 3), keep=2)
    outcome = replay(session, file)
    assert (outcome.exit, outcome.view.facts()["taken_in"], outcome.view.facts()["left"]) == (1, 1, 3)
    assert rows(session, "trips.quarantine", "_row, fare, _rules") == [
        (9, "-1", ["fare:minimum"]), (11, "lots", ["fare:type"]), (12, "7", ["id:unique"])]
    [bad] = outcome.view.table("bad_rows").rows
    assert (bad["row"], bad["values"]) == (9, ("fare=-7",))
    again = replay(session, file)
    assert (again.view.facts()["passed_over"], again.view.facts()["taken_in"]) == (1, 0)
    assert len(events(session)) == 1
    assert (21, 3.0) in rows(session)


def test_a_mended_row_whose_key_is_there_already_is_refused_by_name(session: Session, trips: Path) -> None:
    before = rows(session)
    outcome = replay(session, exported(session, trips, *MENDED[:3], (4, "2013-06-03", 8)))
    assert (outcome.exit, outcome.view.facts()["refused"]) == (1, 1)
    assert "Row 12 breaks id:unique: trips has id = 4 already." in texts(outcome)
    assert [row for row in rows(session) if row[0] < 20] == before
    assert rows(session, "trips.quarantine", "_row") == [(12,)]


def test_two_mended_rows_with_one_key_are_not_both_taken_in(session: Session, trips: Path) -> None:
    outcome = replay(session, exported(session, trips, *MENDED[:3], (20, "2013-06-02", 8)))
    assert (outcome.view.facts()["taken_in"], outcome.view.facts()["left"]) == (3, 1)
    assert outcome.view.table("bad_rows").rows[0]["rules"] == ("id:unique",)


def test_a_contract_that_was_loosened_takes_the_rows_in_as_they_came(session: Session, trips: Path) -> None:
    (trips / "datasets/trips.yaml").write_text(CONTRACT.replace("minimum: 0", "minimum: -5"))
    outcome = replay(opened(trips))
    assert outcome.view.facts()["taken_in"] == 1, outcome.error
    assert (20, -1.0) in rows(session)
    finding = session.ledger.entries("finding", subject="trips")[-1].fact
    assert isinstance(finding, Finding)
    assert (finding.check, finding.status, finding.value, finding.n) == ("replay", "fail", 3.0, 4)


@pytest.mark.parametrize(("change", "said"), [
    (lambda text: text.replace("_row", "row"), "no column '_row'"),
    (lambda text: text + text.splitlines()[1] + "\n", "Row 9 is there twice"),
    (lambda text: text.replace(",9,", ",999,"), "Row 999 was never set aside"),
    (lambda text: text.replace("fare", "fair"), "no column 'fare'"),
])
def test_a_file_that_is_not_the_batch_mended_is_refused(session: Session, trips: Path, change: Any, said: str) -> None:
    file = exported(session, trips, *MENDED)
    file.write_text(change(file.read_text()))
    before = session.snapshot("trips").id
    outcome = replay(session, file)
    assert (outcome.exit, said in outcome.view.title) == (2, True), outcome.view.title
    assert outcome.error is not None
    assert outcome.error["next"]
    assert session.snapshot("trips").id == before


def test_a_dataset_that_is_one_partition_keeps_its_other_rows(trips: Path) -> None:
    text = CONTRACT.replace("trips", "rides")
    (trips / "datasets/rides.yaml").write_text(text[:text.index("customProperties")])
    session = opened(trips)
    session.perform(["ingest", "rides", "--file", str(written(trips, *GOOD, *BAD[:1]))])
    session.perform(["quarantine", "export", "rides", "--out", str(trips / "r.csv")])
    (trips / "r.csv").write_text((trips / "r.csv").read_text().replace(",-1,", ",1,"))
    outcome = session.perform(["quarantine", "replay", "rides", "--file", str(trips / "r.csv")])
    assert outcome.exit == 0, outcome.error
    assert len(rows(session, "rides")) == 10


def test_a_dataset_that_had_nothing_but_bad_rows_begins_with_the_mended_ones(trips: Path) -> None:
    session = opened(trips)
    session.perform(["ingest", "trips", "--file", str(written(trips, *BAD[:3]))])
    assert session.current("trips") is None
    assert replay(session, exported(session, trips, *MENDED[:3], keep=3)).exit == 0
    assert [row[0] for row in rows(session)] == [20, 21, 22]


def test_rows_of_several_files_are_told_apart_by_their_file(trips: Path) -> None:
    session = opened(trips)
    files = [written(trips, (n, f"2013-06-0{n}", -n), name=f"{n}.csv") for n in (1, 2)]
    session.perform(["ingest", "trips", *(word for each in files for word in ("--file", str(each)))])
    view = session.perform(["quarantine", "show", "trips"]).view
    assert [(row["file"], row["row"]) for row in view.table("bad_rows").rows] == [("1.csv", 0), ("2.csv", 0)]
    file = exported(session, trips, (1, "2013-06-01", 1), (2, "2013-06-02", -2), keep=2)
    assert replay(session, file).view.facts()["taken_in"] == 1
    assert rows(session, "trips.quarantine", "_file, _row") == [("2.csv", 0)]
    file.write_text(file.read_text().replace("_file", "file"))
    assert "'_file' has to say" in replay(session, file).view.title


def test_rows_of_another_day_that_came_meanwhile_are_not_lost(session: Session, trips: Path) -> None:
    file = exported(session, trips, *MENDED)
    batch = events_batch(session)
    session.perform(["ingest", "trips", "--file", str(written(trips, (50, "2013-06-07", 1), name="later.csv"))])
    assert replay(session, file, batch).exit == 0
    assert {50, 20, 1} <= {row[0] for row in rows(session)}


def test_the_source_ingested_once_more_opens_its_batch_again(session: Session, trips: Path) -> None:
    replay(session, exported(session, trips, *MENDED))
    session.perform(["ingest", "trips", "--file", str(trips / "trips.csv")])
    assert session.perform(["quarantine"]).view.facts()["open_rows"] == 4
    assert 22 in {row[0] for row in rows(session)}, "a day that only mended rows have stays"


# -- given up ---------------------------------------------------------------------------------------------------


def test_a_batch_is_given_up_with_a_reason_and_stays_in_the_history(session: Session, trips: Path) -> None:
    file = exported(session, trips, *MENDED)
    batch = events_batch(session)
    assert session.perform(["quarantine", "discard", "trips"]).exit == 2, "why?"
    outcome = session.perform(["quarantine", "discard", "trips"], reason="the meter was broken")
    assert (outcome.exit, outcome.view.facts()["status"]) == (0, "discarded"), outcome.error
    [row] = session.perform(["quarantine"]).view.table("batches").rows
    assert (row["status"], row["rows"], row["reason"]) == ("discarded", 0, "the meter was broken")
    assert events(session)[0].rules == {"fare:minimum": 1, "fare:required": 1, "fare:type": 1, "id:unique": 1}
    late = replay(session, file, batch)
    assert (late.exit, "was discarded: the meter was broken" in late.view.title) == (2, True)
    assert "was discarded" in session.perform(["quarantine", "show", "trips", batch]).view.title


def test_who_may_only_look_takes_nothing_in_and_gives_nothing_up(session: Session, trips: Path) -> None:
    for argv in (["replay", "trips"], ["discard", "trips"]):
        assert opened(trips, "vera").perform(["quarantine", *argv], reason="no").exit == 4
    assert opened(trips, "vera").perform(["quarantine"]).view.facts()["open_rows"] == 4
    slack = open_project(trips, person="ana", source="slack")
    assert slack.perform(["quarantine", "export", "trips", "--out", "x.csv"]).exit == 4


# -- death and company ------------------------------------------------------------------------------------------

SCRIPT = """
import os, signal, sys
from pathlib import Path
from mlops_tui.opening import open_project
from mlops_tui.data import _replay
from store.lake import Lake
from store.ledger import Ledger
at, calls = sys.argv[3], []
def dying(name, call):
    def called(*given, **named):
        calls.append(name)
        if f"{name} {calls.count(name)} before" == at:
            os.kill(os.getpid(), signal.SIGKILL)
        made = call(*given, **named)
        if f"{name} {calls.count(name)} after" == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return made
    return called
session = open_project(Path(sys.argv[1]), person="ana", source="terminal")
Lake.write, Lake.keep, Ledger._insert = (dying("write", Lake.write), dying("keep", Lake.keep),
                                         dying("insert", Ledger._insert))
outcome = session.perform(["quarantine", "replay", "trips", "--file", sys.argv[2]])
assert outcome.error is None, outcome.error
print("survived", calls)
"""
BOUNDARIES = ["write 1 after", "write 2 after", "keep 4 after", "insert 2 after", "insert 4 after"]


@pytest.mark.parametrize("at", BOUNDARIES)
def test_killed_at_any_boundary_it_is_done_whole_or_not_at_all(session: Session, trips: Path, at: str) -> None:
    file = exported(session, trips, *MENDED, keep=3)
    before = {name: session.snapshot(name).id for name in ("trips", "trips.quarantine")}
    killed = subprocess.run([sys.executable, "-c", SCRIPT, str(trips), str(file), at], cwd=ROOT, text=True, check=False,
                            capture_output=True, timeout=90)
    assert killed.returncode == -signal.SIGKILL, f"{killed.stdout} {killed.stderr}"
    fresh = opened(trips)
    assert {name: fresh.snapshot(name).id for name in before} == before
    assert not events(fresh)
    assert replay(fresh, file).view.facts()["taken_in"] == 3
    assert (len(rows(fresh)), rows(fresh, "trips.quarantine", "_row")) == (12, [(12,)])
    assert [fresh.data().damaged(fresh.snapshot(name)) for name in before] == [[], []]
    assert fresh.ledger.verify() is None


def test_two_replays_at_once_take_the_rows_in_once(session: Session, trips: Path) -> None:
    file = exported(session, trips, *MENDED)
    both = [subprocess.Popen([sys.executable, "-c", SCRIPT, str(trips), str(file), ""], cwd=ROOT, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate(timeout=90) for process in both]
    assert any("survived" in out for out, _ in said), said
    fresh = opened(trips)
    assert len(events(fresh)) == 1
    assert len(rows(fresh)) == 13


def test_a_state_without_files_reads_as_no_rows(session: Session, trips: Path) -> None:
    replay(session, exported(session, trips, *MENDED))
    state = session.snapshot("trips.quarantine")
    assert isinstance(state, Manifest)
    assert (state.files, state.rows) == ((), 0)
    assert session.perform(["snapshot", "verify", "trips.quarantine"]).exit == 0
