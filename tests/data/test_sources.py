"""Delta and Iceberg tables are taken where they are, in the state that their own logs say."""

import json
import string
import struct
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table as IcebergTable
from pyiceberg.utils.config import Config

from mlops_tui.commands import Outcome
from mlops_tui.data import _taking
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from store.iceberg import _local, _plain
from store.lake import Manifest
from tests.data.test_taking import CONTRACT

PLAIN = "\n".join(line for line in CONTRACT.splitlines() if "{name: day" not in line).replace("[tenant, day]", "tenant")


def declared(project: Path, form: str, path: str = "data/events", **more: str) -> Session:
    keys = "".join(f", {key}: {value}" for key, value in more.items())
    (project / "datasets/events.yaml").write_text(
        PLAIN.replace("format: parquet, path: data/events", f"format: {form}, path: {path}{keys}"))
    return open_project(project, person="ana", source="terminal")


def take(session: Session) -> Outcome:
    return session.perform(["snapshot", "take", "events"])


def ids(session: Session, tenant: str = "") -> list[int]:
    where = f" WHERE tenant = '{tenant}'" if tenant else ""
    scan = session.data().scan(session.snapshot("events"))
    return [row[0] for row in session.data().connect().execute(f"SELECT id FROM {scan}{where} ORDER BY 1").fetchall()]


def batch(*ids: int, tenant: str | None = "acme") -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.int64()), "tenant": pa.array([tenant] * len(ids), pa.string()),
                     "fare": pa.array([1.0] * len(ids), pa.float64())})


# -- Delta ------------------------------------------------------------------------------------------------------


@pytest.fixture
def delta(project: Path) -> Path:
    """A table of three versions, partitioned by tenant; the second one's rows were overwritten."""
    path = project / "data/events"
    write_deltalake(path, batch(1, 2), partition_by=["tenant"])
    write_deltalake(path, batch(3, tenant="a b/ü"), mode="append")
    return path


def test_a_delta_table_is_its_active_files_and_its_version(project: Path, delta: Path) -> None:
    session = declared(project, "delta")
    outcome = take(session)
    assert outcome.exit == 0, outcome.error
    assert (outcome.view.facts()["version"], ids(session), ids(session, "a b/ü")) == ("version 1", [1, 2, 3], [3])
    assert {file.base for file in session.snapshot("events").files} == {str(delta.resolve())}
    assert sorted(str(file.partition["tenant"]) for file in session.snapshot("events").files) == ["a b/ü", "acme"]


def test_rows_that_delta_has_given_up_are_not_read_though_their_files_are_there(project: Path, delta: Path) -> None:
    before = len(list(delta.rglob("*.parquet")))
    DeltaTable(delta).delete("id = 1")
    assert len(list(delta.rglob("*.parquet"))) > before
    session = declared(project, "delta")
    assert take(session).view.facts()["version"] == "version 2"
    assert ids(session) == [2, 3]


def test_a_new_version_with_the_same_files_is_the_same_state(project: Path, delta: Path) -> None:
    session = declared(project, "delta")
    take(session)
    write_deltalake(delta, batch(4), mode="append")
    assert take(session).view.facts()["changed"]
    assert ids(session) == [1, 2, 3, 4]
    DeltaTable(delta).restore(1, commit_properties=CommitProperties())
    outcome = take(session)
    assert (outcome.view.facts()["version"], ids(session)) == ("version 3", [1, 2, 3])


def test_a_version_that_comes_while_another_is_taken_is_no_conflict(project: Path, delta: Path,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    original, newer = _taking._made, batch(9)

    def meanwhile(taking: _taking.Taking, batch: _taking.Batch, judged: _taking.Judged) -> list[Manifest]:
        write_deltalake(delta, newer, mode="append")
        return original(taking, batch, judged)

    monkeypatch.setattr(_taking, "_made", meanwhile)
    session = declared(project, "delta")
    outcome = take(session)
    assert (outcome.exit, outcome.view.facts()["version"], ids(session)) == (0, "version 1", [1, 2, 3])
    monkeypatch.undo()
    assert take(session).view.facts()["version"] == "version 2"
    assert ids(session) == [1, 2, 3, 9]


def test_a_null_partition_is_no_value_and_its_rows_are_judged(project: Path) -> None:
    write_deltalake(project / "data/events", pa.concat_tables([batch(1), batch(2, tenant=None)]),
                    partition_by=["tenant"])
    session = declared(project, "delta")
    outcome = take(session)
    assert (outcome.exit, outcome.view.facts()["bad_rows"], ids(session)) == (1, 1, [1])


def test_a_column_that_delta_got_later_is_null_before(project: Path, delta: Path) -> None:
    more = batch(5).append_column("note", pa.array(["x"]))
    write_deltalake(delta, more, mode="append", schema_mode="merge")
    text = PLAIN.replace("customProperties:", "      - {name: note}\ncustomProperties:")
    session = declared(project, "delta")
    (project / "datasets/events.yaml").write_text(text.replace("format: parquet", "format: delta"))
    session = open_project(project, person="ana", source="terminal")
    assert take(session).exit == 0
    scan = session.data().scan(session.snapshot("events"))
    assert session.data().connect().execute(f"SELECT note FROM {scan} ORDER BY id").fetchall() == [
        (None,), (None,), (None,), ("x",)]


def test_a_folder_that_is_a_table_is_not_read_as_files(project: Path, delta: Path) -> None:
    outcome = take(declared(project, "parquet"))
    assert outcome.error is not None
    assert (outcome.exit, outcome.error["next"]) == (2, "Declare format: delta")


def deletion_vector() -> str:
    """The row 0, as Delta writes it into its log: magic, one roaring bitmap of one array container, in Z85."""
    bitmap = struct.pack("<IIHHIH", 12346, 1, 0, 0, 16, 0)
    whole = struct.pack("<IQI", 1681511377, 1, 0) + bitmap
    signs = string.digits + string.ascii_lowercase + string.ascii_uppercase + ".-:+=^!/*?&<>()[]{}@%$#"
    text = ""
    for place in range(0, len(whole) + 2, 4):
        number = int.from_bytes(whole[place:place + 4].ljust(4, b"\0"), "big")
        text += "".join(signs[number // 85 ** power % 85] for power in range(4, -1, -1))
    return json.dumps({"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(whole), "cardinality": 1})


@pytest.mark.parametrize(("old", "new", "said"), [
    ('"configuration":{}', '"configuration":{"delta.columnMapping.mode":"name"}', "column mapping"),
    ('"dataChange":true', '"dataChange":true,"deletionVector":' + deletion_vector(), "deletion vectors"),
    ('["deletionVectors"]', '["typeWidening"]', "TypeWidening"),
])
def test_a_table_whose_files_do_not_say_its_rows_is_refused(project: Path, delta: Path, old: str, new: str,
                                                            said: str) -> None:
    log = delta / "_delta_log/00000000000000000000.json"
    features = ('"minReaderVersion":3,"minWriterVersion":7,'
                '"readerFeatures":["deletionVectors"],"writerFeatures":["deletionVectors"]')
    text = log.read_text().replace('"minReaderVersion":1,"minWriterVersion":2', features)
    assert old in text
    log.write_text(text)
    assert take(declared(project, "delta")).exit == 0, "the feature alone does no harm"
    log.write_text(text.replace(old, new))
    outcome = take(declared(project, "delta"))
    assert outcome.error is not None
    assert (outcome.exit, said in outcome.error["what"]) == (2, True), outcome.error


def test_what_is_no_delta_table_says_so_and_is_not_made_one(project: Path) -> None:
    (project / "data/event").mkdir(parents=True)
    outcome = take(declared(project, "delta"))
    assert outcome.error is not None
    assert (outcome.exit, outcome.error["next"]) == (2, "Did you mean 'event'?")
    assert not (project / "data/events").exists()


def test_a_delta_log_that_cannot_be_read_is_named(project: Path, delta: Path) -> None:
    (delta / "_delta_log/00000000000000000001.json").write_text("{")
    outcome = take(declared(project, "delta"))
    assert outcome.exit == 2
    assert outcome.error is not None
    assert "events" in outcome.error["what"]


# -- Iceberg ----------------------------------------------------------------------------------------------------


@pytest.fixture
def catalog(project: Path) -> SqlCatalog:
    (project / "ice").mkdir()
    made = SqlCatalog("warehouse", uri=f"sqlite:///{project}/ice/catalog.db", warehouse=f"file://{project}/ice")
    made.create_namespace("db")
    yield made
    made.close()


@pytest.fixture
def iceberg(catalog: SqlCatalog) -> IcebergTable:
    """A table of two snapshots, partitioned by tenant."""
    table = catalog.create_table("db.events", schema=batch().schema)
    with table.update_spec() as update:
        update.add_identity("tenant")
    table.append(pa.concat_tables([batch(1, 2), batch(3, tenant="globex")]))
    table.append(batch(4))
    return table


def test_an_iceberg_table_is_its_files_and_its_snapshot(project: Path, iceberg: IcebergTable) -> None:
    session = declared(project, "iceberg", "ice/db/events")
    outcome = take(session)
    assert outcome.exit == 0, outcome.error
    current = iceberg.current_snapshot()
    assert current is not None
    assert outcome.view.facts()["version"] == f"snapshot {current.snapshot_id}"
    assert (ids(session), ids(session, "globex"), outcome.view.facts()["in_place"]) == ([1, 2, 3, 4], [3], True)
    assert sorted(file.partition["tenant"] for file in session.snapshot("events").files) == ["acme", "acme", "globex"]


def test_a_file_that_iceberg_has_rewritten_is_read_no_more(project: Path, iceberg: IcebergTable) -> None:
    session = declared(project, "iceberg", "ice/db/events")
    take(session)
    iceberg.delete("id = 1")
    assert take(session).exit == 0
    assert ids(session) == [2, 3, 4]


def test_a_column_that_was_renamed_is_read_through_iceberg(project: Path, catalog: SqlCatalog) -> None:
    old = batch(1, 2).rename_columns(["id", "tenant", "price"])
    table = catalog.create_table("db.events", schema=old.schema)
    table.append(old)
    with table.update_schema() as update:
        update.rename_column("price", "fare")
    table.append(batch(3))
    session = declared(project, "iceberg", "ice/db/events")
    outcome = take(session)
    assert outcome.exit == 0, outcome.error
    assert outcome.view.facts()["in_place"] is False
    scan = session.data().scan(session.snapshot("events"))
    assert session.data().connect().execute(f"SELECT count(fare) FROM {scan}").fetchall() == [(3,)]


def test_of_two_newest_states_only_the_catalog_knows(project: Path, iceberg: IcebergTable,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    newest = Path(iceberg.metadata_location.removeprefix("file://"))
    number = newest.name.partition("-")[0]
    (newest.parent / f"{number}-00000000-0000-0000-0000-000000000000.metadata.json").write_bytes(newest.read_bytes())
    refused = take(declared(project, "iceberg", "ice/db/events"))
    assert refused.error is not None
    assert "two newest states" in refused.error["what"]
    nobody = take(in_catalog(project, "warehouse", "db"))
    assert nobody.error is not None
    assert "PYICEBERG_CATALOG__WAREHOUSE__URI" in nobody.error["next"]
    for key, value in (("TYPE", "sql"), ("URI", f"sqlite:///{project}/ice/catalog.db"),
                       ("WAREHOUSE", f"file://{project}/ice")):
        monkeypatch.setenv(f"PYICEBERG_CATALOG__WAREHOUSE__{key}", value)
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())  # pyiceberg reads the environment once
    session = in_catalog(project, "warehouse", "db")
    assert take(session).exit == 0
    assert ids(session) == [1, 2, 3, 4]
    missing = take(in_catalog(project, "warehouse", "dv"))
    assert missing.error is not None
    assert (missing.exit, "No table 'dv.events'" in missing.error["what"]) == (2, True)


def in_catalog(project: Path, catalog: str, schema: str) -> Session:
    server = f"{{server: lake, type: custom, format: iceberg, catalog: {catalog}, schema: {schema}}}"
    (project / "datasets/events.yaml").write_text(
        PLAIN.replace("{server: lake, type: local, format: parquet, path: data/events}", server))
    return open_project(project, person="ana", source="terminal")


def test_what_is_no_iceberg_table_says_so(project: Path, iceberg: IcebergTable) -> None:
    outcome = take(declared(project, "iceberg", "ice/db/event"))
    assert outcome.error is not None
    assert (outcome.exit, outcome.error["next"]) == (2, "Did you mean 'events'?")
    newest = Path(iceberg.metadata_location.removeprefix("file://"))
    newest.write_text("{}")
    broken = take(declared(project, "iceberg", "ice/db/events"))
    assert broken.error is not None
    assert (broken.exit, "metadata" in broken.error["what"]) == (2, True)


def test_a_file_of_which_rows_are_deleted_is_not_read_alone(iceberg: IcebergTable) -> None:
    """pyiceberg writes no delete files, so the plan is given one."""
    task = next(iter(iceberg.scan().plan_files()))
    path = _local(task.file.file_path)
    assert _plain(task, path, iceberg.schema())
    task.delete_files.add(task.file)
    assert not _plain(task, path, iceberg.schema())


@pytest.mark.parametrize("form", ["delta", "iceberg"])
def test_a_library_that_is_not_installed_is_named_with_how_to_install_it(project: Path, form: str,
                                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_tui.errors.find_spec", lambda _: None)
    outcome = take(declared(project, form))
    assert outcome.error is not None
    assert (outcome.exit, outcome.error["next"]) == (2, f"pip install 'mlops-tui[{form}]'")
