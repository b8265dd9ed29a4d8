"""A large file that is what the lake would store is kept as it came; its bad rows are masked, and all else is right."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mlops_tui.commands import Outcome
from mlops_tui.data import _whole
from mlops_tui.opening import open_project
from mlops_tui.session import Session

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
      - {name: fare, logicalType: number, logicalTypeOptions: {minimum: 0}}
"""
BY_DAY = "customProperties: [{property: partitionBy, value: [day]}]\n"
ROWS = ("SELECT CASE WHEN i % 100 = 9 THEN i - 1 ELSE i END AS id, DATE '2013-06-01' AS day, "
        "CASE WHEN i % 50 = 7 THEN -1 ELSE i / 4 END::DOUBLE AS fare FROM range(1000) t(i)")
GOOD = [i for i in range(1000) if i % 100 != 9 and i % 50 != 7]


@pytest.fixture(autouse=True)
def every_size_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_whole, "LARGE", 0)


@pytest.fixture(params=["", BY_DAY], ids=["one partition", "by day"])
def trips(project: Path, request: pytest.FixtureRequest) -> Path:
    (project / "datasets/trips.yaml").write_text(CONTRACT + request.param)
    return project


def opened(project: Path) -> Session:
    return open_project(project, person="ana", source="terminal")


def file(folder: Path, query: str = ROWS, name: str = "trips.parquet") -> Path:
    duckdb.connect().execute(f"COPY ({query}) TO '{folder / name}' (FORMAT parquet, ROW_GROUP_SIZE 128)")
    return folder / name


def ingest(session: Session, *files: Path) -> Outcome:
    outcome = session.perform(["ingest", "trips", *(word for each in files for word in ("--file", str(each)))])
    assert outcome.error is None, outcome.error
    return outcome


def rows(session: Session, dataset: str = "trips", columns: str = "id, day, fare") -> list[tuple[Any, ...]]:
    lake = session.data()
    query = f"SELECT {columns} FROM {lake.scan(session.snapshot(dataset))} ORDER BY ALL"
    return lake.connect().execute(query).fetchall()


def test_the_file_is_kept_byte_by_byte_and_reads_as_if_its_good_rows_had_been_rewritten(
        trips: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    session, source = opened(trips), file(trips)
    outcome = ingest(session, source)
    [kept] = session.snapshot("trips").files
    assert session.data().place_of(kept).read_bytes() == source.read_bytes()
    assert bool(kept.mask)
    facts = outcome.view.facts()
    assert (facts["rows"], facts["bad_rows"], facts["rows_now"], kept.rows) == (1000, 30, 970, 970)
    assert [row[0] for row in rows(session)] == GOOD
    monkeypatch.setattr(_whole, "LARGE", 1 << 40)
    elsewhere = tmp_path_factory.mktemp("rewritten")
    for path in [*trips.glob("*.yaml"), trips / "datasets/trips.yaml"]:
        (elsewhere / path.relative_to(trips)).parent.mkdir(exist_ok=True)
        (elsewhere / path.relative_to(trips)).write_bytes(path.read_bytes())
    other = opened(elsewhere)
    ingest(other, source)
    assert rows(other) == rows(session)
    same = "id, _row, _rules"
    assert rows(other, "trips.quarantine", same) == rows(session, "trips.quarantine", same)
    assert other.snapshot("trips").columns == session.snapshot("trips").columns


def test_the_source_may_go_or_change_and_nothing_is_lost(trips: Path) -> None:
    session, source = opened(trips), file(trips)
    ingest(session, source)
    before = rows(session)
    with source.open("r+b") as stream:
        stream.write(b"XXXX")
    source.unlink()
    assert rows(opened(trips)) == before
    assert session.perform(["snapshot", "verify"]).exit == 0


def test_the_same_file_again_appends_nothing_and_another_one_replaces_it(trips: Path) -> None:
    session, source = opened(trips), file(trips)
    ingest(session, source)
    first = session.snapshot("trips").id
    entries = session.ledger.entries("snapshot", "finding")
    ingest(session, source)
    assert session.ledger.entries("snapshot", "finding") == entries
    ingest(session, file(trips, ROWS.replace("range(1000)", "range(500)"), "less.parquet"))
    assert [row[0] for row in rows(session)] == [i for i in GOOD if i < 500]
    facts = session.perform(["snapshot", "diff", f"trips@{first[:12]}", "trips"]).view.facts()
    assert (facts["rows_a"], facts["rows_b"], facts["rows_removed"], facts["rows_added"]) == (970, 485, 485, 0)
    assert session.perform(["profile", "trips"]).view.facts()["rows"] == 485
    plan = session.perform(["snapshot", "restore", f"trips@{first[:12]}"]).plan
    session.perform(["snapshot", "restore", f"trips@{first[:12]}"], consent=plan)
    assert [row[0] for row in rows(session)] == GOOD


def test_a_file_without_bad_rows_has_no_mask(trips: Path) -> None:
    session = opened(trips)
    ingest(session, file(trips, f"SELECT * FROM ({ROWS}) WHERE id % 100 <> 8 AND fare >= 0"))
    [kept] = session.snapshot("trips").files
    assert (kept.mask, kept.rows) == ("", session.snapshot("trips").rows)


def test_rows_mended_later_join_a_masked_file(trips: Path) -> None:
    session = opened(trips)
    ingest(session, file(trips))
    (trips / "datasets/trips.yaml").write_text((trips / "datasets/trips.yaml").read_text().replace(
        "minimum: 0", "minimum: -1"))
    outcome = opened(trips).perform(["quarantine", "replay", "trips"])
    assert outcome.view.facts()["taken_in"] == 20, outcome.error
    assert sorted(row[0] for row in rows(opened(trips))) == [i for i in range(1000) if i % 100 != 9]


@pytest.mark.parametrize("change", [
    "SELECT id, day, fare FROM ({}) ORDER BY id DESC", "SELECT day, id, fare FROM ({})",
    "SELECT id::INTEGER AS id, day, fare FROM ({})", "SELECT *, 1 AS more FROM ({})",
    "SELECT id, day, CASE WHEN id = 3 THEN 'nan'::DOUBLE ELSE fare END AS fare FROM ({})",
    "SELECT id, day::VARCHAR AS day, fare FROM ({})",
], ids=["not in order", "other order of columns", "narrower type", "one column more", "a NaN", "a date as text"])
def test_what_is_not_what_the_lake_would_store_is_written_anew(trips: Path, change: str) -> None:
    session, source = opened(trips), file(trips, change.format(ROWS))
    ingest(session, source)
    [kept] = session.snapshot("trips").files
    assert session.data().place_of(kept).read_bytes() != source.read_bytes()
    assert (kept.mask, len(rows(session))) == ("", 970)
    assert list(session.snapshot("trips").columns) == ["id", "day", "fare"]


def test_files_of_one_partition_each_are_kept_and_those_that_share_one_are_not(project: Path) -> None:
    (project / "datasets/trips.yaml").write_text(CONTRACT + BY_DAY)
    session = opened(project)
    files = [file(project, ROWS.replace("06-01", f"06-0{n}").replace("range(1000)", f"range({n}000, {n + 1}000)"),
                  f"{n}.parquet") for n in (1, 2)]
    ingest(session, *files)
    state = session.snapshot("trips")
    assert sorted(each.partition["day"] for each in state.files) == ["2013-06-01", "2013-06-02"]
    assert {session.data().place_of(each).read_bytes() for each in state.files} == {each.read_bytes() for each in files}
    assert state.rows == 1940
    assert [row[0] for row in rows(session)] == [1000 * n + i for n in (1, 2) for i in GOOD]
    shared = file(project, ROWS.replace("range(1000)", "range(3000, 4000)"), "3.parquet")
    ingest(session, files[0], shared)
    assert len(session.snapshot("trips").files) == 2
    assert len(rows(session)) == 2910
    assert not any(each.mask for each in session.snapshot("trips").files if each.partition["day"] == "2013-06-01")


def test_a_file_that_changes_while_it_is_read_is_refused(trips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session, source = opened(trips), file(trips)

    def meanwhile(batch: Any, call: Callable[..., Any] = _whole._partitions) -> Any:
        found = call(batch)
        source.write_bytes(file(trips, ROWS.replace("/ 4", "/ 5"), "other.parquet").read_bytes())
        return found

    monkeypatch.setattr(_whole, "_partitions", meanwhile)
    outcome = session.perform(["ingest", "trips", "--file", str(source)])
    assert (outcome.exit, "changed while it was read" in outcome.view.title) == (2, True)
    assert session.current("trips") is None


SCRIPT = """
import os, signal, sys
from pathlib import Path
from mlops_tui.data import _whole
from mlops_tui.opening import open_project
from store.lake import Lake
from store.ledger import Ledger
_whole.LARGE = 0
def dies_after(name, call):
    def called(*given, **named):
        made = call(*given, **named)
        if sys.argv[3] == name:
            os.kill(os.getpid(), signal.SIGKILL)
        return made
    return called
Lake.take, Lake.without = dies_after("take", Lake.take), dies_after("without", Lake.without)
Ledger._insert = dies_after("insert", Ledger._insert)
session = open_project(Path(sys.argv[1]), person="ana", source="terminal")
print(session.perform(["ingest", "trips", "--file", sys.argv[2]]).error)
"""


@pytest.mark.parametrize("at", ["take", "without", "insert"])
def test_killed_at_any_boundary_the_file_is_there_whole_or_not_at_all(project: Path, at: str) -> None:
    (project / "datasets/trips.yaml").write_text(CONTRACT)
    source = file(project)
    argv = [sys.executable, "-c", SCRIPT, str(project), str(source), at]
    killed = subprocess.run(argv, cwd=ROOT, capture_output=True, check=False, text=True, timeout=90)
    assert killed.returncode == -signal.SIGKILL, f"{killed.stdout} {killed.stderr}"
    session = opened(project)
    assert (session.current("trips"), session.current("trips.quarantine")) == (None, None)
    ingest(session, source)
    assert [row[0] for row in rows(session)] == GOOD
    assert session.perform(["snapshot", "verify"]).exit == 0


def test_a_pipeline_reads_what_the_mask_leaves(trips: Path) -> None:
    (trips / "pipelines").mkdir()
    (trips / "pipelines/daily.yaml").write_text("steps: [{name: n, sql: n.sql, inputs: [trips], key: [n]}]\n")
    (trips / "pipelines/n.sql").write_text("SELECT count(*) AS n, CAST(min(fare) AS BIGINT) AS low FROM trips\n")
    session = opened(trips)
    ingest(session, file(trips))
    assert session.perform(["pipeline", "run", "daily"]).exit == 0
    assert rows(session, "daily.n", "n, low") == [(970, 0)]
