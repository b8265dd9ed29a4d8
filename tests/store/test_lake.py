"""The lake: bytes depend on rows alone, damage is named, and whoever dies in the middle leaves nothing half."""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_tui.opening import open_project
from store.facts import Snapshot
from store.lake import Lake, Manifest, columns_of, sha256_of
from store.refusal import Conflict, NotFound, Refusal, Unreadable

ROOT = Path(__file__).parents[2]
ROWS = ("SELECT i AS id, hash(i) % 7 AS g, i * 0.25 AS v, 'n' || i % 20 AS name, '2013-01-0' || (1 + i % 3) AS day "
        "FROM range(5000) t(i)")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def rows_of(lake: Lake, manifest: Manifest, columns: str = "*") -> list[tuple[object, ...]]:
    return lake.connect().execute(f"SELECT {columns} FROM {lake.scan(manifest)}").fetchall()


# -- files that stay where they are, and rows that are left out ---------------------------------------------------


def test_rows_are_left_out_by_a_mask_and_the_file_stays_as_it_is(lake: Lake) -> None:
    whole = lake.write("d", ROWS, sort=("id",), partition_by=("day",))
    file = whole.files[1]
    kept = lake.without(file, "d", "SELECT unnest([0, 2, 2])")
    part = Manifest("d", whole.columns, (whole.files[0], kept, whole.files[2]))

    assert (kept.sha256, kept.rows, part.rows) == (file.sha256, file.rows - 2, 4998)
    assert part.id != whole.id
    assert len(rows_of(lake, part)) == 4998
    gone = set(rows_of(lake, whole)) - set(rows_of(lake, part))
    first = rows_of(lake, Manifest("d", whole.columns, (file,)))
    assert gone == {first[0], first[2]}
    lake.keep(part)
    assert Lake(lake.root).manifest("d", part.id) == part
    assert not lake.damaged(part)
    (lake.root / kept.mask).write_bytes(b"")
    assert lake.damaged(part) == [(file.path, "its mask: content differs from its hash")]


def test_a_mask_of_no_rows_is_no_mask(lake: Lake) -> None:
    whole = lake.write("d", ROWS, sort=("id",))
    assert lake.without(whole.files[0], "d", "SELECT 1 WHERE false") == whole.files[0]


def test_a_file_outside_the_lake_is_read_where_it_is(lake: Lake, tmp_path: Path) -> None:
    outside = Lake(tmp_path / "elsewhere").write("d", ROWS, sort=("id",))
    [file] = outside.files
    there = Manifest("d", outside.columns, (replace(file, base=str(tmp_path / "elsewhere")),))

    assert there.id == outside.id
    assert len(rows_of(lake, there)) == 5000
    lake.keep(there)
    assert Lake(lake.root).manifest("d", there.id) == there
    (tmp_path / "elsewhere" / file.path).unlink()
    assert (lake.has(there), lake.damaged(there)) == (False, [(file.path, "missing")])


# -- content decides --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("partition_by", [(), ("day",)])
def test_the_same_rows_in_any_order_and_with_any_threads_are_the_same_snapshot(
        tmp_path: Path, threads: int, partition_by: tuple[str, ...]) -> None:
    first = Lake(tmp_path / "a", threads=1).write("d", ROWS, sort=("id",), partition_by=partition_by)
    again = Lake(tmp_path / "b", threads=threads).write(
        "d", f"SELECT * FROM ({ROWS}) ORDER BY hash(id)", sort=("id",), partition_by=partition_by)
    assert again == first
    assert again.rows == 5000


def test_what_is_known_of_nulls_is_no_content(lake: Lake) -> None:
    cursor = lake.connect()
    cursor.execute("CREATE TEMP TABLE strict (x BIGINT NOT NULL); CREATE TEMP TABLE loose (x BIGINT)")
    cursor.execute("INSERT INTO strict VALUES (1), (2); INSERT INTO loose VALUES (2), (NULL), (1)")
    made = [lake.write("d", query, sort=("x",), connection=cursor).id for query in (
        "SELECT x FROM strict", "SELECT x FROM loose WHERE x > 0", "SELECT 1::BIGINT AS x UNION ALL SELECT 2")]
    assert len(set(made)) == 1


def test_ties_of_the_sort_are_ordered_by_the_other_columns(lake: Lake) -> None:
    ids = {lake.write("d", f"SELECT * FROM ({ROWS}) ORDER BY hash(id + {seed})", sort=("g",)).id for seed in range(3)}
    assert len(ids) == 1


def test_many_row_groups_written_by_several_threads_have_the_same_bytes(tmp_path: Path) -> None:
    query = "SELECT hash(i) % 100000 AS id, hash(i * 3) AS v FROM range(400000) t(i)"
    made = [Lake(tmp_path / str(threads), threads=threads).write("d", query, sort=sort).id
            for threads in (1, 2, 4) for sort in ((), ("id",))]
    assert len(set(made)) == 2
    assert made[0::2] == [made[0]] * 3


def test_without_a_sort_the_order_of_the_query_stays(lake: Lake) -> None:
    made = lake.write("d", f"SELECT * FROM ({ROWS}) ORDER BY id DESC", partition_by=("day",))
    for file in made.files:
        ids = [row[0] for row in lake.connect().execute(f"SELECT id FROM '{lake.root / file.path}'").fetchall()]
        assert ids == sorted(ids, reverse=True)


def test_values_are_bound_and_never_read_as_sql(lake: Lake) -> None:
    made = lake.write("d", "SELECT $x AS x, $day AS day", partition_by=("day",), values={"x": "'); DROP", "day": "a'b"})
    assert rows_of(lake, made) == [("'); DROP", "a'b")]
    assert made.files[0].partition == {"day": "a'b"}


def test_a_partition_without_a_value_is_a_partition_of_its_own(lake: Lake) -> None:
    made = lake.write("d", "SELECT 1 AS x, NULL::VARCHAR AS day UNION ALL SELECT 2, 'b'", partition_by=("day",))
    assert {file.partition["day"]: file.rows for file in made.files} == {"__null__": 1, "b": 1}


@pytest.mark.parametrize("value", ["..", "../../x", "/etc", "a/b", ".", ""])
def test_a_partition_value_cannot_leave_the_lake(lake: Lake, value: str) -> None:
    made = lake.write("d", "SELECT 1 AS x, $day AS day", partition_by=("day",), values={"day": value})
    assert (lake.root / made.files[0].path).resolve().parent.parent == lake.root / "d"
    assert rows_of(lake, made, "day") == [(value,)]


ODD = ["a/b", "a_b", "a%2Fb", "..", ".", "", "Zürich", "Zu\u0308rich", "東京", "A", "a", "a b", " ", "~", "x" * 300,
       "x" * 299 + "y", "é" * 200, "é" * 199 + "è", "%", "=", "a=b", "\x01", "👍", "null", "NULL", "None"]


def test_no_two_values_share_a_folder_however_odd_they_are(lake: Lake) -> None:
    values = ", ".join(f"('{value}', 'EU/1', '2013-01-01')" for value in ODD) + ", (NULL, NULL, '2013-01-01')"
    made = lake.write("d", f"SELECT * FROM (VALUES {values}) t(tenant, region, day)",
                      partition_by=("tenant", "region", "day"))
    folders = [file.path.rpartition("/")[0] for file in made.files]
    assert len(set(folders)) == len(ODD) + 1 == len(made.files)
    assert all(len(part.encode()) <= 255 and part not in ("", ".", "..") for folder in folders
               for part in folder.split("/"))
    assert {file.partition["tenant"] for file in made.files} == {*ODD, "__null__"}
    assert {row[0] for row in rows_of(lake, made, "tenant")} == {*ODD, None}
    assert "d/tenant=Zürich/region=EU%2F1/day=2013-01-01" in folders, "a value is seen in the path"
    assert not lake.damaged(made)


def test_a_value_that_means_no_value_is_refused(lake: Lake) -> None:
    with pytest.raises(Refusal, match="stands for rows without one"):
        lake.write("d", "SELECT 1 AS x, '__null__' AS day", partition_by=("day",))


def test_where_a_file_lies_is_no_part_of_what_it_holds(lake: Lake) -> None:
    """On a disk that takes A for a, two values may share a folder: the rows say which is which, and so do the names."""
    made = lake.write("d", "SELECT 'A' AS tenant, 1 AS x UNION ALL SELECT 'a', 1", partition_by=("tenant",))
    names = {Path(file.path).name for file in made.files}
    assert len(names) == 2, "a file's rows say its value, so the same rows of two values are two contents"
    for file in made.files:
        (lake.root / "d/tenant=both").mkdir(exist_ok=True)
        (lake.root / file.path).rename(lake.root / "d/tenant=both" / Path(file.path).name)
    moved = replace(made, files=tuple(replace(file, path=f"d/tenant=both/{Path(file.path).name}")
                                      for file in made.files))
    assert (moved.id, sorted(rows_of(lake, moved))) == (made.id, [("A", 1), ("a", 1)])
    assert moved.within(tenant=("A", "A")).rows == 1


@pytest.mark.parametrize("sort", [(), ("v", "id")])
def test_each_partition_has_the_bytes_it_has_when_it_is_written_alone(lake: Lake, sort: tuple[str, ...]) -> None:
    query = """SELECT i AS id, CASE WHEN i % 11 = 0 THEN NULL ELSE hash(i) % 40 END AS tenant, DATE '2013-01-01'
               + CAST(hash(i * 3) % 5 AS INTEGER) AS day, CASE WHEN i % 5 = 0 THEN NULL ELSE hash(i * 7) % 10 END AS v
               FROM range(9000) t(i)"""
    made = lake.write("d", query, sort=sort, partition_by=("tenant", "day"))
    assert made.rows == 9000
    assert len(made.files) == 205
    for file in made.files[::20]:
        tenant, day = file.partition["tenant"], file.partition["day"]
        where = "tenant IS NULL" if tenant == "__null__" else f"tenant = {tenant}"
        alone = lake.write("alone", f"SELECT * FROM ({query}) WHERE {where} AND day = '{day}'", sort=sort)
        assert alone.files[0].sha256 == file.sha256


FULL = """
import resource, sys
from pathlib import Path
from store.lake import Lake
from store.refusal import Refusal
lake = Lake(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    lake.write("d", "SELECT hash(i) AS id, '2013-01-0' || (1 + i % 3) AS day FROM range(100000) t(i)",
               partition_by=("day",))
except Refusal as problem:
    print(problem)
"""


@pytest.mark.parametrize("bytes", [0, 100, 100_000])
def test_where_there_is_no_room_it_is_said_and_what_was_there_is_as_it_was(lake: Lake, bytes: int) -> None:
    made = lake.write("d", ROWS, sort=("id",), partition_by=("day",))
    before = sorted(path for path in lake.root.rglob("*") if path.is_file())
    done = subprocess.run([sys.executable, "-c", FULL, str(lake.root), str(bytes)], cwd=ROOT, text=True,
                          capture_output=True, timeout=60, check=True)
    assert "no room left" in done.stdout
    assert "snapshot gc" in done.stdout
    assert sorted(path for path in lake.root.rglob("*") if path.is_file()) == before
    assert lake.damaged(made) == []


def test_an_unknown_sort_column_is_refused_with_the_nearest_name(lake: Lake) -> None:
    with pytest.raises(NotFound, match="Did you mean 'name'"):
        lake.write("d", ROWS, sort=("nmae",))


def test_a_small_change_writes_only_the_partitions_it_touches(lake: Lake) -> None:
    before = lake.write("d", ROWS, sort=("id",), partition_by=("day",))
    after = lake.write("d", ROWS.replace("i * 0.25", "CASE WHEN i = 3 THEN 0 ELSE i * 0.25 END"), sort=("id",),
                       partition_by=("day",))
    same = {file.path for file in before.files} & {file.path for file in after.files}
    assert (len(before.files), len(same)) == (3, 2)
    assert len(list(lake.root.glob("d/*/*.parquet"))) == 4


def test_new_partitions_replace_their_like_and_leave_the_others(lake: Lake) -> None:
    old = lake.write("d", ROWS, sort=("id",), partition_by=("day",))
    new = lake.write("d", f"SELECT * FROM ({ROWS}) WHERE id = 1", partition_by=("day",))
    both, replaced = old.replacing(new), old.within(day=("2013-01-02", "2013-01-02"))
    assert both.rows == old.rows - replaced.rows + 1
    assert both.within(day=("2013-01-02", "2013-01-02")).files == new.files


def test_files_partitioned_by_other_keys_are_never_put_together(lake: Lake) -> None:
    by_day, whole = lake.write("d", ROWS, partition_by=("day",)), lake.write("d", ROWS)
    with pytest.raises(Conflict, match="by nothing and by day"):
        whole.replacing(by_day)
    assert whole.within(day=("2013-01-02", "2013-01-02")) == whole  # its one file holds rows of that day


def test_no_rows_read_as_no_rows_of_their_columns(lake: Lake) -> None:
    made = lake.write("d", f"SELECT * FROM ({ROWS}) WHERE false", sort=("id",), partition_by=("day",))
    assert (made.files, rows_of(lake, made)) == ((), [])
    assert columns_of(lake.connect(), f"SELECT * FROM {lake.scan(made)}") == made.columns


def test_a_snapshot_is_found_by_a_prefix_of_eight(lake: Lake) -> None:
    made = lake.write("d", ROWS)
    assert lake.manifest("d", made.id[:8]) == made
    with pytest.raises(NotFound, match="snapshot log d"):
        lake.manifest("d", made.id[:7])


# -- damage -----------------------------------------------------------------------------------------------------


def test_a_flipped_bit_and_a_missing_file_are_named(lake: Lake) -> None:
    made = lake.write("d", ROWS, sort=("id",), partition_by=("day",))
    flipped, gone, whole = (lake.root / file.path for file in made.files)
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    gone.unlink()
    assert lake.damaged(made) == [(made.files[0].path, "content differs from its hash"),
                                  (made.files[1].path, "missing")]
    assert sha256_of(whole) == made.files[2].sha256


def cut_short(text: str) -> str:
    return text[:40]


def other_type(text: str) -> str:
    return text.replace("BIGINT", "DOUBLE")


def no_manifest(_: str) -> str:
    return "[]"


@pytest.mark.parametrize("change", [cut_short, other_type, no_manifest])
def test_a_changed_manifest_is_not_believed(lake: Lake, change: Callable[[str], str]) -> None:
    made = lake.write("d", ROWS)
    path = lake.root / "d" / "_snapshots" / f"{made.id}.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(Unreadable, match=made.id[:12]):
        Lake(lake.root).manifest("d", made.id)  # as the next process sees it: who wrote it remembers what he wrote
    with pytest.raises(Unreadable, match=made.id[:12]):
        lake.stored("d", made.id)


def test_an_object_is_kept_under_its_hash(lake: Lake) -> None:
    digest = lake.put_object(b"SELECT 1")
    assert lake.object(digest) == b"SELECT 1"
    assert lake.put_object(b"SELECT 1") == digest
    with pytest.raises(NotFound):
        lake.object("0" * 64)


# -- several processes, and death -------------------------------------------------------------------------------

COMMITS = """
import sys
from pathlib import Path
from mlops_tui.opening import open_project
root, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
session = open_project(root, source="test")
for number in range(count):
    query = f"SELECT i AS id, {number} AS n, '{name}-{number:03}' AS day FROM range(2000) t(i)"
    session.commit(session.data().write("flights", query, sort=("id",), partition_by=("day",)), source=name)
    print(number, flush=True)
"""


def committing(project: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", COMMITS, str(project), name, str(count)], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_two_processes_committing_at_once_both_land(project: Path) -> None:
    for process in [committing(project, name, 15) for name in ("a", "b")]:
        assert process.communicate(timeout=60)[1] == ""
    session = open_project(project, source="test")
    state = session.snapshot("flights")
    assert {file.partition["day"] for file in state.files} == {f"{name}-{n:03}" for name in "ab" for n in range(15)}
    assert session.data().damaged(state) == []
    parents = [entry.fact for entry in session.ledger.entries("snapshot")]
    assert all(isinstance(fact, Snapshot) for fact in parents)
    assert len(parents) == 30
    assert [fact.parent for fact in parents[1:]] == [fact.snapshot for fact in parents[:-1]]  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(3))
def test_a_process_killed_while_it_writes_leaves_nothing_half(project: Path, seed: int) -> None:
    with committing(project, "k", 1000) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(random.Random(seed).randint(1, 5))]
        time.sleep(random.Random(seed).random() / 30)
        process.send_signal(signal.SIGKILL)
    session = open_project(project, source="test")
    history = session.ledger.entries("snapshot")
    assert len(history) >= len(said)
    assert session.ledger.verify() is None  # type: ignore[attr-defined]
    for entry in history:
        state = session.data().manifest("flights", entry.fact.snapshot)  # type: ignore[attr-defined]
        assert session.data().damaged(state) == []
    known = session.snapshot("flights").id
    committing(project, "k", len(history)).communicate(timeout=60)
    assert open_project(project, source="test").snapshot("flights").id == known, "done again, it is the same"


def test_what_was_being_staged_is_never_part_of_a_dataset(lake: Lake) -> None:
    made = lake.write("d", ROWS)
    assert list((lake.root / "_staging").iterdir()) == []
    shutil.copy(lake.root / made.files[0].path, lake.root / "_staging" / "left.parquet")
    assert lake.manifest("d", made.id).files == made.files


# -- results ----------------------------------------------------------------------------------------------------


def test_a_result_is_found_under_its_key_while_its_files_are_there(lake: Lake) -> None:
    made = lake.write("d", ROWS, sort=("id",), partition_by=("day",))
    assert lake.result("d", "k" * 64) is None
    lake.keep_result("k" * 64, made)
    assert Lake(lake.root).result("d", "k" * 64) == made
    (lake.root / made.files[0].path).unlink()
    assert lake.result("d", "k" * 64) is None


def test_a_result_that_was_changed_is_refused(lake: Lake) -> None:
    lake.keep_result("k" * 64, lake.write("d", ROWS, sort=("id",)))
    [path] = (lake.root / "d" / "_results").rglob("*.json")
    path.write_text(path.read_text().replace('"v"', '"w"'))
    with pytest.raises(Unreadable, match="was changed"):
        lake.result("d", "k" * 64)


def test_a_partition_may_have_several_files_once_rows_are_appended(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    one, two = (lake.write("flights", f"SELECT {number} AS id, '2013-06-01' AS day", partition_by=("day",))
                for number in (1, 2))
    both = one.appending(two)
    assert (both.rows, len(both.files), both.partitioned_by) == (2, 2, (("day",),))
    assert both.appending(two).id == both.id, "the same file is there once"
    assert both.id == two.appending(one).id
    assert sorted(lake.connect().execute(f"SELECT id FROM {lake.scan(both)}").fetchall()) == [(1,), (2,)]
    assert both.replacing(one).id == one.id, "and a partition is replaced with all of its files"
    with pytest.raises(Conflict):
        both.appending(lake.write("flights", "SELECT 3 AS id"))
