"""snapshot take: data stay where they are, are judged by the contract, and a change is seen."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import jsonschema
import open_data_contract_standard
import pytest
import yaml

from mlops_tui.commands import Outcome
from mlops_tui.data import _taking
from mlops_tui.data.snapshot import partition_changes
from mlops_tui.declarations import declare
from mlops_tui.declarations.odcs import Contract
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from mlops_tui.view import Status, Text
from store.facts import Finding, Snapshot
from store.lake import Manifest
from store.seen import Seen

ROOT = Path(__file__).parents[2]
CONTRACT = """\
kind: DataContract
apiVersion: v3.1.0
id: events
version: 1.0.0
status: active
servers:
  - {server: lake, type: local, format: parquet, path: data/events}
schema:
  - name: events
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - {name: tenant, required: true}
      - {name: day, logicalType: date, required: true}
      - {name: fare, logicalType: number, logicalTypeOptions: {minimum: 0}}
customProperties:
  - {property: partitionBy, value: [tenant, day]}
"""
LONG_AGO = 1_600_000_000


@pytest.fixture
def events(project: Path) -> Path:
    """A Hive folder of two tenants and a partition without one; its files are old enough to be remembered."""
    (project / "datasets/events.yaml").write_text(CONTRACT)
    part(project, "tenant=acme/day=2013-06-01", 0, 50)
    part(project, "tenant=globex/day=2013-06-01", 100, 50)
    part(project, "tenant=a%20b/day=2013-06-02", 200, 10)
    return project


def part(project: Path, folder: str, first: int, rows: int, fare: str = "range * 1.5", name: str = "a.parquet") -> Path:
    path = project / "data/events" / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    query = f"SELECT CAST({first} + range AS INTEGER) AS id, {fare} AS fare, 'x' AS more FROM range({rows})"
    staged = path.with_name(f".{name}")
    duckdb.connect().execute(f"COPY ({query}) TO '{staged}' (FORMAT parquet)")
    staged.replace(path)
    return path


@pytest.fixture
def session(events: Path) -> Session:
    return opened(events)


def opened(project: Path) -> Session:
    return open_project(project, person="ana", source="terminal")


def take(session: Session, dataset: str = "events") -> Outcome:
    return session.perform(["snapshot", "take", dataset])


def rows_of(session: Session, columns: str = "*", state: Manifest | None = None) -> list[tuple]:
    lake = session.data()
    scan = lake.scan(state or session.snapshot("events"))
    return lake.connect().execute(f"SELECT {columns} FROM {scan} ORDER BY 1").fetchall()


def snapshots(session: Session, dataset: str = "events") -> list[Snapshot]:
    return [entry.fact for entry in session.ledger.entries("snapshot", subject=dataset)
            if isinstance(entry.fact, Snapshot)]


# -- in place ---------------------------------------------------------------------------------------------------


def test_files_are_read_where_they_are_and_nothing_is_copied(session: Session, events: Path) -> None:
    outcome = take(session)
    assert (outcome.exit, outcome.view.status) == (0, Status.PASS)
    assert not list((events / ".mlops/lake").rglob("*.parquet"))
    state = session.snapshot("events")
    assert {file.base for file in state.files} == {str((events / "data/events").resolve())}
    assert (state.rows, len(rows_of(session))) == (110, 110)
    [fact] = snapshots(session)
    assert fact.source == "data/events (parquet)"


def test_rows_of_who_opted_out_are_masked_where_they_lie_and_named_to_be_deleted_by_hand(events: Path) -> None:
    contract = events / "datasets/events.yaml"
    contract.write_text(contract.read_text() + "  - {property: dataSubject, value: id}\n")
    team = events / "team.yaml"
    team.write_text(team.read_text().replace("roles: [engineer]", "roles: [engineer, legal]"))
    session = opened(events)
    take(session)
    before = session.snapshot("events")
    assert session.perform(("optout", "take", "--person", "103")).exit == 0
    assert session.perform(("optout", "verify", "OO-1"), reason="seen").exit == 0
    plan = session.perform(("optout", "erase", "OO-1"))
    assert session.perform(("optout", "erase", "OO-1"), consent=plan.plan).exit == 0
    session = opened(events)
    assert [len(rows_of(session, "id", session.data().manifest("events", each))) for each in (
        before.id, session.snapshot("events").id)] == [109, 109]
    attested = session.perform(("optout", "attest", "OO-1")).view
    assert attested.status is Status.WARN
    assert attested.parts[2].rows[0]["place"].endswith("globex/day=2013-06-01/a.parquet")
    part(events, "tenant=globex/day=2013-06-01", 100, 50)  # the owner writes it again, person and all
    take(session)
    assert (103,) not in rows_of(opened(events), "id")


def test_a_column_of_the_path_has_the_type_that_the_contract_declares(session: Session) -> None:
    take(session)
    found = session.data().connect().execute(
        "SELECT tenant, count(*), CAST(min(day) AS VARCHAR), typeof(any_value(day)), typeof(any_value(id)) "
        f"FROM {session.data().scan(session.snapshot('events'))} GROUP BY 1 ORDER BY 1").fetchall()
    assert found == [("a b", 10, "2013-06-02", "DATE", "BIGINT"), ("acme", 50, "2013-06-01", "DATE", "BIGINT"),
                     ("globex", 50, "2013-06-01", "DATE", "BIGINT")]


def test_a_filter_on_the_path_reads_no_other_file(session: Session) -> None:
    take(session)
    scan = session.data().scan(session.snapshot("events"))
    plan = session.data().connect().execute(
        f"EXPLAIN ANALYZE SELECT sum(fare) FROM {scan} WHERE tenant = 'acme'").fetchall()[0][1]
    assert "tenant=acme" in plan
    assert "globex" not in plan.replace("tenant=acme", "")


def test_a_thousand_files_are_one_read(project: Path) -> None:
    (project / "datasets/events.yaml").write_text(CONTRACT.replace(", primaryKey: true", ""))
    one = part(project, "tenant=acme/day=2013-06-01", 0, 3)
    for number in range(1000):
        folder = project / f"data/events/tenant=t{number}/day=2013-06-01"
        folder.mkdir(parents=True)
        (folder / "a.parquet").write_bytes(one.read_bytes())
    one.unlink()
    session = opened(project)
    assert take(session).exit == 0
    scan = session.data().scan(session.snapshot("events"))
    assert scan.count("read_parquet") == 1
    assert session.data().connect().execute(f"SELECT count(DISTINCT tenant), count(*) FROM {scan}").fetchall() == [
        (1000, 3000)]


def test_bad_rows_are_masked_and_set_aside_with_the_file_they_came_from(session: Session, events: Path) -> None:
    bad = part(events, "tenant=globex/day=2013-06-03", 300, 5, fare="range - 2")
    before = bad.read_bytes()
    outcome = take(session)
    assert outcome.exit == 1
    facts = outcome.view.facts()
    assert (facts["rows"], facts["good_rows"], facts["bad_rows"]) == (115, 113, 2)
    state = session.snapshot("events")
    assert [file.path for file in state.files if file.mask] == ["tenant=globex/day=2013-06-03/a.parquet"]
    assert (state.rows, len(rows_of(session))) == (113, 113)
    aside = session.snapshot("events.quarantine")
    found = session.data().connect().execute(
        f"SELECT id, fare, tenant, _row, _rules, _file FROM {session.data().scan(aside)} ORDER BY 1").fetchall()
    assert [row[:4] for row in found] == [(300, -2, "globex", 0), (301, -1, "globex", 1)]
    assert {(tuple(row[4]), row[5]) for row in found} == {(("fare:minimum",), "tenant=globex/day=2013-06-03/a.parquet")}
    assert bad.read_bytes() == before


def test_a_key_that_two_files_have_is_found(session: Session, events: Path) -> None:
    part(events, "tenant=globex/day=2013-06-04", 0, 3)
    outcome = take(session)
    assert outcome.view.facts()["bad_rows"] == 3
    assert [row["violations"] for row in outcome.view.table("rules").rows if row["id"] == "id:unique"] == [3]


def test_a_nan_is_no_value_as_it_is_for_ingest(session: Session, events: Path) -> None:
    part(events, "tenant=globex/day=2013-06-04", 500, 2, fare="CAST('nan' AS DOUBLE)")
    take(session)
    assert [row[0] for row in rows_of(session, "fare") if row[0] is None] == [None, None]


def test_without_a_partition_in_the_path_a_folder_is_read_as_it_is(session: Session, events: Path) -> None:
    kept = [line for line in CONTRACT.splitlines() if "{name: tenant" not in line and "{name: day" not in line]
    flat = "\n".join(kept).replace("[tenant, day]", "[]").replace("data/events}", "data/events/*/*/*.parquet}")
    (events / "datasets/flat.yaml").write_text(flat.replace(": events", ": flat"))
    session = opened(events)
    outcome = take(session, "flat")
    assert outcome.exit == 0, outcome.error
    assert session.snapshot("flat").rows == 110


# -- what has not changed ---------------------------------------------------------------------------------------


def test_a_source_that_has_not_changed_is_not_judged_again(session: Session, events: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    take(session)
    monkeypatch.setattr(_taking, "_judged", lambda *_: pytest.fail("it was judged again"))
    outcome = take(opened(events))
    assert (outcome.exit, outcome.view.facts()["changed"]) == (0, False)
    assert len(snapshots(session)) == 1


def test_another_contract_is_another_judgement(session: Session, events: Path) -> None:
    take(session)
    (events / "datasets/events.yaml").write_text(CONTRACT.replace("minimum: 0", "minimum: 3"))
    again = opened(events)
    assert take(again).view.facts()["bad_rows"] == 6
    assert len(snapshots(again)) == 2


def test_a_file_that_is_new_or_gone_makes_a_new_state_and_is_named(session: Session, events: Path) -> None:
    take(session)
    part(events, "tenant=acme/day=2013-06-05", 900, 5)
    (events / "data/events/tenant=a%20b/day=2013-06-02/a.parquet").unlink()
    outcome = take(session)
    assert {(row["file"], row["change"]) for row in outcome.view.table("files").rows} == {
        ("tenant=acme/day=2013-06-05/a.parquet", "added"), ("tenant=a%20b/day=2013-06-02/a.parquet", "gone")}
    assert len(rows_of(session)) == 105
    assert snapshots(session)[1].parent == snapshots(session)[0].snapshot


def test_files_that_were_moved_are_found_where_they_are_now(session: Session, events: Path) -> None:
    take(session)
    first = session.snapshot("events").id
    (events / "data/events").rename(events / "data/moved")
    (events / "datasets/events.yaml").write_text(CONTRACT.replace("data/events", "data/moved"))
    again = opened(events)
    assert take(again).exit == 0
    assert (again.snapshot("events").id, len(rows_of(again))) == (first, 110)


def test_verify_names_a_file_that_was_changed_where_it_lies(session: Session, events: Path) -> None:
    take(session)
    path = part(events, "tenant=acme/day=2013-06-01", 0, 49)
    outcome = session.perform(["snapshot", "verify", "events"])
    assert outcome.exit == 1
    [row] = outcome.view.table("damaged").rows
    assert (row["file"], row["what"]) == (str(path), "content differs from its hash")


# -- remembered digests -----------------------------------------------------------------------------------------


def aged(path: Path) -> Path:
    """A file whose last change lies far enough back; its inode's own time cannot be set, so that is waited for."""
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def test_a_file_is_read_once_and_then_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"one")
    monkeypatch.setattr("store.seen.YOUNG", -10**12)
    seen = Seen(tmp_path / "memory")
    digests = seen.digests([file])
    seen.save([file])
    monkeypatch.setattr("store.seen.digest_of", lambda _: pytest.fail("it was read again"))
    assert Seen(tmp_path / "memory").digests([file]) == digests


def test_a_file_that_changed_a_moment_ago_is_not_remembered(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"one")
    seen = Seen(tmp_path / "memory")
    first = seen.digests([file])[file]
    stamp = file.stat()
    file.write_bytes(b"two")  # the same size, and the clock may not have ticked
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert seen.digests([file])[file] != first


def test_a_change_that_puts_the_time_back_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.seen.YOUNG", -10**12)
    file = tmp_path / "f"
    file.write_bytes(b"one")
    aged(file)
    seen = Seen(tmp_path / "memory")
    first = seen.digests([file])[file]
    time.sleep(0.02)
    file.write_bytes(b"two")
    aged(file)
    assert seen.digests([file])[file] != first


@pytest.mark.parametrize("damage", [lambda text: text[:-20], lambda text: "", lambda text: text.replace("a", "b"),
                                    lambda text: "\x00" + text])
def test_a_damaged_memory_is_an_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                          damage: Callable[[str], str]) -> None:
    monkeypatch.setattr("store.seen.YOUNG", -10**12)
    (tmp_path / "f").write_bytes(b"one")
    seen = Seen(tmp_path / "memory")
    right = seen.digests([tmp_path / "f"])
    seen.save([tmp_path / "f"])
    (tmp_path / "memory").write_text(damage((tmp_path / "memory").read_text()))
    assert Seen(tmp_path / "memory").digests([tmp_path / "f"]) == right
    assert not Seen(tmp_path / "memory")._known


def test_two_memories_of_one_file_do_not_harm_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.seen.YOUNG", -10**12)
    files = [tmp_path / "f", tmp_path / "g"]
    for file in files:
        file.write_bytes(file.name.encode())
    one, other = Seen(tmp_path / "memory"), Seen(tmp_path / "memory")
    right = {**one.digests(files[:1]), **other.digests(files[1:])}
    one.save(files)
    other.save(files)
    assert Seen(tmp_path / "memory").digests(files) == right


# -- faults -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["rewritten", "removed", "added"])
def test_a_source_that_changes_while_it_is_read_is_not_taken(session: Session, events: Path, change: str,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    original = _taking._made

    def meanwhile(taking: _taking.Taking, batch: _taking.Batch, judged: _taking.Judged) -> list[Manifest]:
        made = original(taking, batch, judged)
        if change == "rewritten":
            part(events, "tenant=acme/day=2013-06-01", 1000, 50)
        elif change == "removed":
            (events / "data/events/tenant=acme/day=2013-06-01/a.parquet").unlink()
        else:
            part(events, "tenant=acme/day=2013-06-09", 1000, 5)
        return made

    monkeypatch.setattr(_taking, "_made", meanwhile)
    outcome = take(session)
    assert (outcome.exit, outcome.error and outcome.error["code"]) == (2, "conflict")
    assert "changed while events was taken" in outcome.view.title
    assert not snapshots(session)
    monkeypatch.undo()
    assert take(session).exit == 0


KILLED = """
import os, signal, sys
from pathlib import Path
from mlops_tui.data import _taking
from mlops_tui.data.snapshot import partition_changes
from mlops_tui.declarations.odcs import Contract
from mlops_tui.opening import open_project
from store.lake import Lake
where = sys.argv[2]
def dies(name, owner):
    original = getattr(owner, name)
    def killed(*a, **k):
        if where.endswith("after"):
            original(*a, **k)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(owner, name, killed)
dies(where.split()[0], Lake if where.split()[0] in ("without", "keep", "keep_result") else _taking)
open_project(Path(sys.argv[1]), person="ana").perform(["snapshot", "take", "events"])
"""


@pytest.mark.parametrize("where", ["without after", "keep after", "_landed before", "_landed after"])
def test_killed_anywhere_it_is_taken_wholly_or_not_at_all(session: Session, events: Path, where: str) -> None:
    part(events, "tenant=globex/day=2013-06-03", 300, 5, fare="range - 2")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(events), where], cwd=ROOT, check=False,
                            capture_output=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    landed = where == "_landed after"
    assert len(snapshots(session)) == (1 if landed else 0)
    findings = [entry for entry in session.ledger.entries("finding")
                if isinstance(entry.fact, Finding) and entry.fact.check == "ingest"]
    assert len(findings) == (1 if landed else 0)
    again = opened(events)
    take(again)
    assert (again.snapshot("events").rows, len(rows_of(again)), len(snapshots(again))) == (113, 113, 1)


def test_a_truncated_file_is_named_and_nothing_is_lost(session: Session, events: Path) -> None:
    take(session)
    path = part(events, "tenant=acme/day=2013-06-08", 800, 5)
    path.write_bytes(path.read_bytes()[:200])
    outcome = take(session)
    assert outcome.exit == 2
    assert outcome.error is not None
    assert outcome.error["where"] == str(path)
    assert len(rows_of(session)) == 110


def test_two_who_take_at_once_both_end_and_there_is_one_state(session: Session, events: Path) -> None:
    words = [sys.executable, "-P", "-m", "mlops_tui", "--as", "ana", "snapshot", "take", "events"]
    both = [subprocess.Popen(words, cwd=events, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [each.wait(timeout=60) for each in both] == [0, 0]
    assert len(snapshots(session)) == 1
    assert len(rows_of(session)) == 110


def test_a_source_of_bad_rows_only_leaves_the_data_as_they_were(session: Session, events: Path) -> None:
    take(session)
    for path in (events / "data/events").rglob("*.parquet"):
        path.unlink()
    part(events, "tenant=acme/day=2013-06-01", 0, 3, fare="-1.0")
    outcome = take(session)
    assert (outcome.exit, outcome.view.facts()["bad_rows"]) == (1, 3)
    assert session.snapshot("events").rows == 110
    assert session.snapshot("events.quarantine").rows == 3


def test_what_came_is_compared_file_by_file_though_they_share_a_partition(session: Session, events: Path) -> None:
    part(events, "tenant=acme/day=2013-06-01", 600, 5, name="b.parquet")
    take(session)
    first = session.snapshot("events").id
    part(events, "tenant=acme/day=2013-06-01", 1000, 50)
    take(session)
    changes = partition_changes(session.data().manifest("events", first), session.snapshot("events"))
    assert [tuple(row.values()) for row in changes if row["change"] != "same"] == [
        ("acme, 2013-06-01", "changed", 55, 55)]


def test_a_state_whose_files_were_changed_is_refused_and_never_read_as_another(session: Session, events: Path) -> None:
    take(session)
    first = session.snapshot("events").id
    path = part(events, "tenant=acme/day=2013-06-01", 1000, 50)
    for argv in (("sql", "FROM events"), ("profile", "events"), ("snapshot", "diff", "events", "events")):
        outcome = session.perform(argv)
        assert outcome.error is not None, argv
        assert (outcome.exit, outcome.error["where"]) == (2, str(path))
        assert outcome.error["next"] == "Try: mlops-tui snapshot take events"
    assert take(session).exit == 0
    assert session.perform(["sql", "FROM events"]).exit == 0
    assert session.perform(["sql", f'FROM "events@{first}"']).exit == 2
    path.unlink()
    gone = session.perform(["sql", "FROM events"])
    assert (gone.exit, gone.view.title.endswith(" is gone.")) == (2, True)


def test_what_a_later_take_replaced_is_told_by_its_manifest_and_fails_nothing(session: Session,
                                                                              events: Path) -> None:
    take(session)
    first = session.snapshot("events").id
    path = part(events, "tenant=acme/day=2013-06-01", 1000, 60)
    assert session.perform(["snapshot", "verify", "events"]).exit == 1, "the current state is not what it was"
    take(session)
    told = session.perform(["snapshot", "diff", f"events@{first}", "events"])
    assert (told.exit, told.view.status) == (0, Status.WARN)
    assert told.view.facts()["lost"] == (str(path),)
    assert (told.view.facts()["rows_a"], told.view.facts()["rows_b"]) == (110, 120)
    assert [tuple(row.values()) for row in told.view.table("partitions").rows] == [
        ("acme, 2013-06-01", "changed", 50, 60)]
    asked = session.perform(["sql", f'FROM "events@{first}"'])
    assert asked.error is not None
    assert (asked.error["where"], asked.error["next"]) == (
        str(path), f"Try: mlops-tui snapshot diff events@{first[:12]} events")
    restored = session.perform(["snapshot", "restore", f"events@{first}"])
    assert restored.error is not None
    assert (restored.exit, restored.error["where"]) == (2, str(path))
    verified = session.perform(["snapshot", "verify", "events"])
    assert (verified.exit, verified.view.status) == (0, Status.WARN)
    [row] = verified.view.table("changed_since").rows
    assert (row["file"], row["snapshots"]) == (str(path), (first[:12],))
    path.unlink()
    assert session.perform(["snapshot", "verify", "events"]).exit == 1
    take(session)
    assert session.perform(["snapshot", "verify", "events"]).view.status is Status.WARN
    gone = session.perform(["snapshot", "diff", f"events@{first}", "events"])
    assert [row["change"] for row in gone.view.table("partitions").rows] == ["dropped"]


def test_a_pipeline_reads_what_lies_elsewhere_as_it_reads_the_lake(session: Session, events: Path) -> None:
    (events / "pipelines").mkdir()
    (events / "pipelines/daily.yaml").write_text(
        "steps:\n  - {name: fares, sql: fares.sql, inputs: [events]}\n"
        "  - {name: counted, python: 'steps.py:counted', inputs: [events]}\n")
    (events / "pipelines/fares.sql").write_text("SELECT tenant, sum(fare) AS fare FROM events GROUP BY tenant")
    (events / "steps.py").write_text(
        "import duckdb\n\n\ndef counted(inputs, params, out):\n"
        "    where = inputs['events'] / '*.parquet'\n"
        "    duckdb.sql(f\"COPY (SELECT tenant, typeof(any_value(day)) AS kind, count(*) AS n FROM '{where}' \"\n"
        "               f\"GROUP BY 1) TO '{out}' (FORMAT parquet)\")\n")
    again = opened(events)
    assert take(again).exit == 0
    outcome = again.perform(["pipeline", "run", "daily"])
    assert outcome.exit == 0, outcome
    lake = again.data()
    for name, rows in (("daily.fares", [("a b", 67.5), ("acme", 1837.5), ("globex", 1837.5)]),
                       ("daily.counted", [("a b", "DATE", 10), ("acme", "DATE", 50), ("globex", "DATE", 50)])):
        scan = lake.scan(again.snapshot(name))
        assert lake.connect().execute(f"SELECT * FROM {scan} ORDER BY 1").fetchall() == rows


SCHEMA = Path(open_data_contract_standard.__file__).parent / "schema.json"
SERVERS = (
    "{server: lake, type: local, format: parquet, path: data/events}",
    "{server: lake, type: local, format: delta, path: data/events}",
    "{server: ice, type: custom, format: iceberg, catalog: warehouse, schema: db}",
    "{server: shop, type: postgres, host: h, port: 5432, database: d, schema: s, customProperties: "
    "[{property: user, value: u}, {property: passwordEnv, value: P}]}",
    "{server: any, type: custom, customProperties: [{property: urlEnv, value: U}]}")


@pytest.mark.parametrize("server", SERVERS)
def test_a_contract_with_a_source_is_one_of_the_standard(server: str) -> None:
    text = CONTRACT.replace(SERVERS[0], server)
    assert server in text
    jsonschema.validate(yaml.safe_load(text), json.loads(SCHEMA.read_text()))
    [read] = declare.parse(Contract, text, "f").servers
    assert read.type in server


def test_a_password_in_the_contract_is_refused_and_not_repeated(events: Path) -> None:
    server = SERVERS[3].replace("passwordEnv, value: P", "password, value: CANARY")
    (events / "datasets/events.yaml").write_text(CONTRACT.replace(SERVERS[0], server))
    outcome = take(opened(events))
    assert outcome.error is not None
    assert (outcome.exit, "environment variable" in outcome.error["next"]) == (2, True)
    assert "CANARY" not in str(outcome)


# -- errors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new", "what", "next_"), [
    ("path: data/events", "path: data/event", "Nothing lies at 'event'", "Did you mean 'events'"),
    ("format: parquet", "format: parqet", "The format 'parqet' is not known", "Did you mean 'parquet'"),
    ("type: local", "type: bigquery", "of type 'bigquery' cannot be read", "These can: local"),
    (", path: data/events", "", "The server has no path", "Say where"),
    ("format: parquet", "format: csv", "No csv file at 'events'", "There"),
    ("customProperties:", "customProperties:\n  - {property: source, value: lak}", "source names 'lak'",
     "Did you mean 'lake'"),
    ("{name: fare,", "{name: fair,", "no column 'fair'", "Did you mean 'fare'"),
])
def test_what_is_wrong_is_said_with_the_line_and_the_nearest_word(events: Path, old: str, new: str, what: str,
                                                                  next_: str) -> None:
    assert old in CONTRACT
    (events / "datasets/events.yaml").write_text(CONTRACT.replace(old, new))
    outcome = take(opened(events))
    assert outcome.exit == 2
    assert outcome.error is not None
    assert what in outcome.error["what"]
    assert next_ in outcome.error["next"]
    assert outcome.error["where"]


def test_a_dataset_without_a_source_says_how_to_declare_one(session: Session) -> None:
    outcome = take(session, "flights")
    assert outcome.exit == 2
    assert outcome.error is not None
    assert outcome.error["next"].startswith("Add: servers:")


def test_of_two_servers_one_has_to_be_named(events: Path) -> None:
    two = CONTRACT.replace("schema:\n", "  - {server: copy, type: local, format: parquet, path: data/copy}\nschema:\n")
    (events / "datasets/events.yaml").write_text(two)
    refused = take(opened(events))
    assert refused.error is not None
    assert "2 servers: lake, copy" in refused.error["what"]
    (events / "datasets/events.yaml").write_text(two + "  - {property: source, value: lake}\n")
    assert take(opened(events)).exit == 0


def test_folders_of_two_kinds_are_refused(session: Session, events: Path) -> None:
    part(events, "tenant=acme", 800, 5)
    outcome = take(session)
    assert outcome.error is not None
    assert "partitioned by tenant" in outcome.error["what"]
    assert "by tenant, day" in outcome.error["what"]


# -- csv --------------------------------------------------------------------------------------------------------


def test_csv_is_read_into_the_lake_through_the_contract(project: Path) -> None:
    (project / "datasets/events.yaml").write_text(
        CONTRACT.replace("format: parquet, path: data/events", "format: csv, path: data/*.csv"))
    (project / "data").mkdir()
    (project / "data/a.csv").write_text("id,tenant,day,fare\n1,acme,2013-06-01,2\n2,globex,2013-06-01,-1\n")
    session = opened(project)
    outcome = take(session)
    assert (outcome.exit, outcome.view.facts()["bad_rows"]) == (1, 1)
    [file] = session.snapshot("events").files
    assert (file.base, dict(file.partition)) == ("", {"tenant": "acme", "day": "2013-06-01"})
    assert take(session).view.facts()["changed"] is False
    (project / "data/a.csv").write_text("id,tenant,day,fare\n7,acme,2013-06-02,2\n")
    assert take(session).exit == 0
    assert rows_of(session, "id") == [(7,)]


# -- what came in beside the source -----------------------------------------------------------------------------


PARTITION_BY = "customProperties:\n  - {property: partitionBy, value: [tenant, day]}\n"
WAYS = {"partitionBy": CONTRACT, "the folders": CONTRACT.replace(PARTITION_BY, ""),
        "the standard": CONTRACT.replace(PARTITION_BY, "").replace(
            "required: true}", "required: true, partitioned: true}")}


def mended(session: Session, project: Path) -> Outcome:
    """One bad row of globex is taken, exported, mended and replayed."""
    bad = "CASE WHEN range = 3 THEN -1.0 ELSE range * 1.5 END"
    part(project, "tenant=globex/day=2013-06-01", 100, 50, fare=bad)
    assert take(session).view.facts()["bad_rows"] == 1
    file = project / "bad.csv"
    assert session.perform(["quarantine", "export", "events", "--out", str(file)]).exit == 0
    file.write_text(file.read_text().replace("-1.0", "1.0"))
    return session.perform(["quarantine", "replay", "events", "--file", str(file)])


@pytest.mark.parametrize("way", WAYS)
def test_a_replayed_row_comes_beside_the_files_that_lie_elsewhere(events: Path, way: str) -> None:
    (events / "datasets/events.yaml").write_text(WAYS[way])
    session = opened(events)
    outcome = mended(session, events)
    state = session.snapshot("events")
    assert (outcome.exit, outcome.view.facts()["taken_in"], state.rows, len(rows_of(session))) == (0, 1, 110, 110)
    assert (103, 1.0) in rows_of(session, "id, fare")
    assert [file.rows for file in state.files if not file.base] == [1], "the files that lie elsewhere stay there"
    assert outcome.view.table("partitions").rows == (
        {"partition": "globex, 2013-06-01", "rows_before": 49, "rows": 50},)


def test_a_replay_into_folders_that_the_contract_does_not_know_loses_no_row(events: Path) -> None:
    text = CONTRACT.replace(PARTITION_BY, "").replace("      - {name: day, logicalType: date, required: true}\n", "")
    (events / "datasets/events.yaml").write_text(text.replace("      - {name: tenant, required: true}\n", ""))
    session = opened(events)
    assert mended(session, events).exit == 0
    assert (session.snapshot("events").rows, len(rows_of(session))) == (110, 110)


def test_a_replay_into_a_folder_without_partitions_loses_no_row(project: Path) -> None:
    text = CONTRACT.replace(PARTITION_BY, "").replace("      - {name: day, logicalType: date, required: true}\n", "")
    (project / "datasets/events.yaml").write_text(text.replace("      - {name: tenant, required: true}\n", ""))
    part(project, "", 0, 50, fare="CASE WHEN range = 3 THEN -1.0 ELSE range * 1.5 END")
    session = opened(project)
    take(session)
    session.perform(["quarantine", "export", "events", "--out", str(project / "bad.csv")])
    (project / "bad.csv").write_text((project / "bad.csv").read_text().replace("-1.0", "1.0"))
    assert session.perform(["quarantine", "replay", "events", "--file", str(project / "bad.csv")]).exit == 0
    assert (session.snapshot("events").rows, len(rows_of(session))) == (50, 50)


@pytest.mark.parametrize("way", ["the folders", "the standard"])
def test_an_ingest_over_what_was_taken_replaces_a_partition_only(events: Path, way: str) -> None:
    (events / "datasets/events.yaml").write_text(WAYS[way])
    session = opened(events)
    take(session)
    (events / "new.csv").write_text("id,tenant,day,fare\n900,acme,2013-06-01,1\n901,acme,2013-06-02,1\n")
    assert session.perform(["ingest", "events", "--file", str(events / "new.csv")]).exit == 0
    assert session.snapshot("events").rows == 110 - 50 + 2


def test_a_take_after_a_replay_says_what_the_source_does_not_have(events: Path) -> None:
    session = opened(events)
    mended(session, events)
    part(events, "tenant=acme/day=2013-06-03", 300, 5)
    view = take(session).view
    assert session.snapshot("events").rows == 114
    assert "not in data/events" in view.title, view.title
    assert any("replay of batch" in part.body and "1 row" in part.body for part in view.parts if isinstance(part, Text))
    assert view.status is Status.FAIL
    again = take(session).view
    assert "has not changed" in again.title


@pytest.mark.parametrize("way", WAYS)
def test_all_commands_agree_on_what_a_dataset_is_partitioned_by(events: Path, way: str) -> None:
    (events / "datasets/events.yaml").write_text(WAYS[way])
    (events / "team.yaml").write_text("people:\n  ana: {roles: [admin], simulated: true}\n"
                                      "  tess: {roles: [viewer], simulated: true, only: {tenant: [acme]}}\n")
    session = opened(events)
    take(session)
    for command in (["contract", "show", "events"], ["partition", "show", "events"]):
        assert session.perform(command).view.facts()["partitioned_by"] == ("tenant", "day")
    assert "no dataset is partitioned" not in str(session.perform(["doctor"]).view)
    tess = open_project(events, person="tess", source="terminal")
    assert rows_of(tess, "DISTINCT tenant") == [("acme",)]


def test_what_a_take_sets_aside_is_shown_by_its_file(events: Path) -> None:
    part(events, "tenant=globex/day=2013-06-01", 100, 50, fare="CASE WHEN range = 3 THEN -1.0 ELSE range * 1.5 END")
    session = opened(events)
    take(session)
    (events / "data/events/tenant=globex/day=2013-06-01/a.parquet").unlink()
    part(events, "tenant=acme/day=2013-06-02", 300, 5, fare="-1.0 * (range = 1)::INTEGER")
    view = take(session).view
    [step] = [action for action in view.actions if action.label == "What was set aside"]
    assert step.argv[:3] == ("quarantine", "show", "events")
    shown = session.perform(step.argv).view
    assert shown.title == "1 row of tenant=acme/day=2013-06-02/a.parquet broke the contract of events"


def test_the_folders_of_a_source_are_no_change_of_its_contract(events: Path) -> None:
    (events / "datasets/events.yaml").write_text(WAYS["the folders"])
    session = opened(events)
    take(session)
    assert session.perform(["contract", "diff", "events"]).view.facts()["changes"] == 0


def test_files_that_were_merged_are_no_rows_that_came_by_other_ways(events: Path) -> None:
    part(events, "tenant=acme/day=2013-06-01", 300, 5, name="b.parquet")
    session = opened(events)
    take(session)
    plan = session.perform(["partition", "compact", "events"])
    assert session.perform(["partition", "compact", "events"], consent=plan.plan).exit == 0
    part(events, "tenant=acme/day=2013-06-03", 400, 5)
    view = take(session).view
    assert (view.status, "other ways" in view.title) == (Status.PASS, False), view.title


def test_a_month_with_a_zero_is_the_month_that_an_ingest_replaces(project: Path) -> None:
    text = CONTRACT.replace(PARTITION_BY, "").replace("day, logicalType: date", "month, logicalType: integer")
    (project / "datasets/events.yaml").write_text(text)
    part(project, "tenant=acme/month=06", 0, 50)
    part(project, "tenant=acme/month=07", 100, 50)
    session = opened(project)
    take(session)
    assert rows_of(session, "DISTINCT month") == [(6,), (7,)]
    (project / "new.csv").write_text("id,tenant,month,fare\n7,acme,6,1\n")
    assert session.perform(["ingest", "events", "--file", str(project / "new.csv")]).exit == 0
    assert (session.snapshot("events").rows, len(rows_of(session))) == (51, 51)
    assert [row[0] for row in rows_of(session, "id") if row[0] < 100] == [7]
