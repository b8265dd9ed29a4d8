"""Every state a dataset has had can be listed, checked, compared, named and brought back."""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mlops_tui.commands import Outcome, perform
from mlops_tui.data import _snapshot_diff as diff_module
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session, without_project
from mlops_tui.view import Status
from store.lake import Lake, Manifest

QUERY = "SELECT i AS id, i % 3 AS g, 'x' || i AS name, '2013-06-0' || (1 + i % 2) AS day FROM range($n) t(i)"


@pytest.fixture
def one(project: Path, clock: ReplayClock) -> Session:
    return open_project(project, person="ana", source="test", clock=clock)


def put(session: Session, query: str = QUERY, **values: object) -> Manifest:
    """A new state of flights, an hour later."""
    assert isinstance(session.clock, ReplayClock)
    session.clock.advance(session.now() + timedelta(hours=1))
    written = session.data().write("flights", query, sort=("id",), partition_by=("day",), values=values or {"n": 10})
    state, _ = session.commit(written, source="test", run="daily-1")
    return state


def rows(outcome: Outcome, table: str) -> list[Mapping[str, Any]]:
    assert outcome.error is None, outcome.error
    return list(outcome.view.table(table).rows)


# -- log --------------------------------------------------------------------------------------------------------


def test_the_log_shows_each_state_newest_first(one: Session) -> None:
    first, second = put(one, n=10), put(one, n=12)
    shown = rows(one.perform(["snapshot", "log", "flights"]), "snapshots")
    assert [row["snapshot"] for row in shown] == [second.id, first.id]
    assert [row["parent"] for row in shown] == [first.id, None]
    assert [(row["rows"], row["bytes"], row["run"]) for row in shown] == [
        (state.rows, state.bytes, "daily-1") for state in (second, first)]
    assert shown[0]["created_at"] - shown[1]["created_at"] == timedelta(hours=1)


def test_a_bare_noun_lists_the_datasets_and_a_name_their_states(one: Session) -> None:
    put(one)
    assert [row["dataset"] for row in rows(one.perform(["snapshot"]), "snapshots")] == ["flights"]
    assert len(rows(one.perform(["snapshot", "flights"]), "snapshots")) == 1
    assert len(rows(one.perform(["snapshot", "log", "flights", "--limit", "0"]), "snapshots")) == 0


def test_the_log_can_be_seen_as_it_was(one: Session, project: Path) -> None:
    put(one, n=10)
    then = one.now()
    put(one, n=12)
    earlier = open_project(project, person="ana", as_of=then)
    assert len(rows(earlier.perform(["snapshot", "log", "flights"]), "snapshots")) == 1


@pytest.mark.parametrize(("name", "said"), [("flihgts", "Did you mean 'flights'"), ("flights", "has no data yet"),
                                            ("zzz", "zzz")])
def test_a_dataset_without_states_is_named(one: Session, name: str, said: str) -> None:
    outcome = one.perform(["snapshot", "log", name])
    assert outcome.exit == 2
    assert said in " ".join((outcome.error or {}).values())


# -- verify -----------------------------------------------------------------------------------------------------


def test_whole_files_pass(one: Session) -> None:
    put(one, n=10)
    put(one, n=12)
    outcome = one.perform(["snapshot", "verify", "flights"])
    facts = outcome.view.facts()
    assert (outcome.view.status, facts["snapshots"], facts["files"]) == (Status.PASS, 2, 4)


@pytest.mark.parametrize("place", [0, 100, -1])
def test_a_flipped_byte_is_named_with_its_file_and_its_snapshots(one: Session, place: int) -> None:
    first, second = put(one, n=3), put(one, "SELECT * FROM (" + QUERY + ") WHERE day = '2013-06-02'", n=9)
    [shared] = {file.path for file in first.files} & {file.path for file in second.files}
    path = one.data().root / shared
    content = bytearray(path.read_bytes())
    content[place] ^= 0x40
    path.write_bytes(content)
    outcome = one.perform(["snapshot", "verify"])
    assert (outcome.view.status, outcome.exit) == (Status.FAIL, 1)
    [row] = rows(outcome, "damaged")
    assert (row["dataset"], row["file"], row["snapshots"]) == ("flights", shared, (first.id[:12], second.id[:12]))
    assert "differs" in row["what"]


def test_a_missing_file_and_a_changed_manifest_are_named(one: Session) -> None:
    first, second = put(one, n=10), put(one, n=12)
    (one.data().root / second.files[0].path).unlink()
    manifest = one.data().root / "flights" / "_snapshots" / f"{first.id}.json"
    manifest.write_text(manifest.read_text().replace("BIGINT", "DOUBLE"))
    shown = rows(one.perform(["snapshot", "verify"]), "damaged")
    assert {(row["file"], row["snapshots"]) for row in shown} == {
        (str(manifest), (first.id[:12],)), (second.files[0].path, (second.id[:12],))}


def test_a_damaged_mask_and_a_file_outside_the_lake_that_is_gone_are_named(one: Session, tmp_path: Path) -> None:
    lake, state = one.data(), put(one, n=10)
    less = lake.without(state.files[0], "flights", "SELECT 1")
    outside = Lake(tmp_path / "elsewhere").write("flights", QUERY, values={"n": 3}).files[0]
    there = replace(outside, base=str(tmp_path / "elsewhere"), partition=state.files[1].partition)
    odd = one.commit(Manifest("flights", state.columns, (less, there)))[0]
    assert one.perform(["snapshot", "verify"]).view.status is Status.PASS
    (lake.root / less.mask).write_bytes(b"PAR1")
    lake.place_of(there).unlink()
    shown = rows(one.perform(["snapshot", "verify"]), "damaged")
    assert {(row["file"], row["what"], row["snapshots"]) for row in shown} == {
        (less.path, "its mask: content differs from its hash", (odd.id[:12],)),
        (str(tmp_path / "elsewhere" / there.path), "missing", (odd.id[:12],))}


# -- diff -------------------------------------------------------------------------------------------------------


def test_classified_values_are_no_examples_where_others_read_along(one: Session) -> None:
    first = put(one, n=10)
    put(one, QUERY.replace("'x' || i", "CASE WHEN i = 4 THEN 'secret' ELSE 'x' || i END"), n=10)
    path = one.declared().path_of("dataset", "flights")
    text = path.read_text(encoding="utf-8")
    secret = "    properties:\n      - {name: name, classification: confidential}\n"
    path.write_text(text.replace("    properties:\n", secret), encoding="utf-8")
    again = open_project(one.declared().root, clock=one.clock, person="ana")
    argv = ["snapshot", "diff", f"flights@{first.id[:8]}", "flights"]
    assert rows(again.perform(argv), "changed_rows")[0]["after"] == "secret"
    slack = again.acting_as(replace(again.actor, source="slack")).perform(argv)
    assert rows(slack, "changed_rows") == [
        {"key": "4", "column": "name", "before": "(classified)", "after": "(classified)"}]
    assert "secret" not in str(slack.view)


def test_a_diff_counts_rows_and_names_columns_and_partitions(one: Session) -> None:
    first = put(one, n=10)
    changed = QUERY.replace("'x' || i", "CASE WHEN i = 4 THEN NULL ELSE 'x' || i END")
    second = put(one, f"SELECT * EXCLUDE g, id * 2 AS twice FROM ({changed} UNION ALL SELECT 50, 0, 'y', 'z')", n=10)
    outcome = one.perform(["snapshot", "diff", f"flights@{first.id[:8]}", "flights"])
    facts = outcome.view.facts()
    assert (facts["a"], facts["b"], facts["same"]) == (first.id, second.id, False)
    assert (facts["rows_a"], facts["rows_b"]) == (10, 11)
    assert (facts["rows_added"], facts["rows_removed"], facts["rows_changed"]) == (1, 0, 1)
    assert rows(outcome, "changed_rows") == [{"key": "4", "column": "name", "before": "x4", "after": None}]
    columns = {row["column"]: row for row in rows(outcome, "columns")}
    assert {name: row["change"] for name, row in columns.items()} == {
        "id": "other values", "g": "dropped", "name": "other values", "day": "other values", "twice": "added"}
    assert (columns["name"]["nulls_a"], columns["name"]["nulls_b"]) == (0, 1)
    assert {row["partition"]: row["change"] for row in rows(outcome, "partitions")} == {
        "2013-06-01": "changed", "2013-06-02": "changed", "z": "added"}


def test_the_same_state_has_no_difference(one: Session) -> None:
    first = put(one, n=10)
    put(one, n=12)
    outcome = one.perform(["snapshot", "diff", f"flights@{first.id}", f"flights@{first.id[:9]}"])
    assert outcome.view.facts()["same"] is True
    assert rows(outcome, "partitions") == []
    assert {row["change"] for row in rows(outcome, "columns")} == {"same"}


def test_values_in_another_order_have_the_same_digest(one: Session) -> None:
    first = put(one, n=100)
    put(one, QUERY.replace("range($n)", "(SELECT * FROM range($n) ORDER BY 1 DESC)"), n=100)
    outcome = one.perform(["snapshot", "diff", f"flights@{first.id[:8]}", "flights"])
    assert outcome.view.facts()["same"] is True


def test_rows_without_a_key_of_their_own_came_or_went(one: Session) -> None:
    first = put(one, n=10)
    put(one, f"SELECT * FROM ({QUERY}) UNION ALL SELECT 3, 0, 'again', '2013-06-02'", n=10)
    facts = one.perform(["snapshot", "diff", f"flights@{first.id[:8]}", "flights"]).view.facts()
    assert (facts["rows_added"], facts["rows_removed"], facts["rows_changed"]) == (1, 0, None)
    assert "repeat a key" in str(facts["rows_reason"])


def test_only_files_that_differ_are_read_for_rows(one: Session) -> None:
    first = put(one, n=10)
    second = put(one, QUERY.replace("'x' || i", "CASE WHEN i = 4 THEN 'y' ELSE 'x' || i END"), n=10)
    [shared] = {file.path for file in first.files} & {file.path for file in second.files}
    old, new = diff_module._sides(one.data(), first, second)
    assert (Path(shared).name in old.own, Path(shared).name in new.own, Path(shared).name in new.whole) == (
        False, False, True)
    facts = one.perform(["snapshot", "diff", f"flights@{first.id[:8]}", "flights"]).view.facts()
    assert (facts["files_shared"], facts["files_read"], facts["rows_changed"]) == (1, 2, 1)


def referee(before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]) -> tuple[int, int, int, dict[str, int]]:
    """Rows by key, one after the other: added, removed, changed, and by column."""
    old, new = ({row[0]: row for row in rows} for rows in (before, after))
    both = old.keys() & new.keys()
    by_column = {name: sum(old[key][at] != new[key][at] for key in both) for at, name in ((1, "v"), (2, "t"))}
    return len(new.keys() - old.keys()), len(old.keys() - new.keys()), sum(old[k] != new[k] for k in both), by_column


@pytest.mark.parametrize("seed", range(5))
def test_rows_by_key_are_those_that_one_finds_one_by_one(one: Session, seed: int) -> None:
    rng = random.Random(seed)
    sides = [[(key, rng.choice([None, 0, 1]), rng.choice([None, "a", "b", "'"]), f"day{key % 3}")
              for key in rng.sample(range(60), 40)] for _ in range(2)]
    states = []
    for side in sides:
        connection = one.data().connect()
        connection.execute("CREATE OR REPLACE TEMP TABLE made (id BIGINT, v INTEGER, t VARCHAR, day VARCHAR)")
        connection.executemany("INSERT INTO made VALUES (?, ?, ?, ?)", side)
        written = one.data().write("flights", "SELECT * FROM made", sort=("id",), partition_by=("day",),
                                   connection=connection)
        states.append(one.commit(written)[0])
    outcome = one.perform(["snapshot", "diff", f"flights@{states[0].id}", f"flights@{states[1].id}"])
    facts = outcome.view.facts()
    added, removed, changed, by_column = referee(*sides)
    assert (facts["rows_added"], facts["rows_removed"], facts["rows_changed"]) == (added, removed, changed)
    assert {row["column"]: row["rows_changed"] for row in rows(outcome, "columns")
            if row["column"] in by_column} == by_column


SKEWED = """SELECT i AS id, (i * 7919 % 1000) * {by} AS v, CASE WHEN i % 10 < {odd} THEN 'a' ELSE 'b' END AS t,
i % 3 AS still, '2013-06-01' AS day FROM range($n) t(i)"""


def test_how_far_columns_moved_is_what_drift_says_of_the_same_data(one: Session, tmp_path: Path) -> None:
    first = put(one, SKEWED.format(by=1.0, odd=5), n=3000)
    second = put(one, SKEWED.format(by=1.2, odd=2), n=3000)
    found = {row["column"]: row for row in rows(one.perform(
        ["snapshot", "diff", f"flights@{first.id}", f"flights@{second.id}"]), "columns")}
    for name, state in (("a", first), ("b", second)):
        one.data().connect().execute(
            f"COPY (SELECT v, t FROM {one.data().scan(state)}) TO '{tmp_path / name}.parquet' (FORMAT parquet)")
    terminal = open_project(one.declared().root, person="ana", source="terminal")
    drift = {row["column"]: row for row in rows(terminal.perform(
        ["drift", "--reference", str(tmp_path / "a.parquet"), "--current", str(tmp_path / "b.parquet")]), "columns")}
    for column in ("v", "t"):
        for figure in ("effect", "psi", "p_adjusted", "drifted", "test", "reason"):
            assert found[column][figure] == drift[column][figure], (column, figure)
        assert found[column]["drifted"] is True
    assert (found["still"]["change"], found["still"]["effect"]) == ("same", None)


def test_two_files_are_compared_without_a_project(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,v\n1,a\n2,b\n3,c\n")
    (tmp_path / "b.csv").write_text("id,v,w\n1,a,0\n2,x,0\n4,d,0\n")
    session = without_project(tmp_path, perform)
    argv = ["snapshot", "diff", str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    outcome = session.perform([*argv, "--key", "id"])
    facts = outcome.view.facts()
    assert (facts["rows_added"], facts["rows_removed"], facts["rows_changed"]) == (1, 1, 1)
    assert {row["column"]: row["change"] for row in rows(outcome, "columns")} == {
        "w": "added", "v": "other values", "id": "other values"}
    facts = session.perform(argv).view.facts()
    assert (facts["rows_added"], facts["rows_removed"]) == (2, 2)
    wrong = session.perform([*argv, "--key", "idd"])
    assert (wrong.exit, (wrong.error or {})["next"]) == (2, "Did you mean 'id'?")


# -- tag and restore --------------------------------------------------------------------------------------------


def test_a_tag_names_a_state_until_it_moves(one: Session) -> None:
    first, second = put(one, n=10), put(one, n=12)
    assert one.perform(["snapshot", "tag", f"flights@{first.id[:8]}", "good"]).exit == 0
    assert one.snapshot("flights@good").id == first.id
    assert one.snapshot("flights").id == second.id, "a tag is no new state"
    assert [row["tags"] for row in rows(one.perform(["snapshot", "flights"]), "snapshots")] == [(), ("good",)]
    outcome = one.perform(["snapshot", "tag", "flights", "good"])
    assert outcome.view.facts()["moved_from"] == first.id
    assert [row["tags"] for row in rows(one.perform(["snapshot", "flights"]), "snapshots")] == [("good",), ()]


@pytest.mark.parametrize("name", ["1st", "a b", "deadbeef", "", "x@y"])
def test_a_tag_that_could_be_something_else_is_refused(one: Session, name: str) -> None:
    put(one)
    assert one.perform(["snapshot", "tag", "flights", name]).exit == 2


def test_restore_shows_its_plan_and_keeps_what_was_between(one: Session) -> None:
    first, second = put(one, n=10), put(one, n=12)
    argv = ["snapshot", "restore", f"flights@{first.id[:8]}"]
    asked = one.perform(argv)
    assert (asked.view.status, one.snapshot("flights").id) == (Status.CONFIRM, second.id)
    assert [row["partition"] for row in rows(asked, "partitions")] == ["2013-06-01", "2013-06-02"]
    done = one.perform(argv, consent=asked.plan)
    assert done.exit == 0
    assert one.snapshot("flights").id == first.id
    shown = rows(one.perform(["snapshot", "flights"]), "snapshots")
    assert [row["snapshot"] for row in shown] == [first.id, second.id, first.id]
    assert shown[0]["parent"] == second.id


def test_restore_asks_again_where_the_dataset_changed_meanwhile(one: Session) -> None:
    first = put(one, n=10)
    put(one, n=12)
    argv = ["snapshot", "restore", f"flights@{first.id[:8]}"]
    asked = one.perform(argv)
    third = put(one, n=14)
    again = one.perform(argv, consent=asked.plan)
    assert again.view.status is Status.CONFIRM
    assert one.snapshot("flights").id == third.id


def test_a_damaged_or_current_state_is_not_restored(one: Session) -> None:
    first, second = put(one, n=10), put(one, n=12)
    assert "is the current state" in one.perform(["snapshot", "restore", f"flights@{second.id[:8]}"]).view.title
    assert "Which state" in one.perform(["snapshot", "restore", "flights"]).view.title
    (one.data().root / first.files[0].path).write_bytes(b"PAR1")
    assert "is damaged" in one.perform(["snapshot", "restore", f"flights@{first.id[:8]}"]).view.title


def test_where_rows_were_only_added_no_column_differs(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,v\n1,5\n2,6\n")
    (tmp_path / "b.csv").write_text("id,v\n1,5\n2,6\n3,5\n")
    (tmp_path / "c.csv").write_text("id,v\n1,5\n2,7\n3,5\n")
    session = without_project(tmp_path, perform)
    a, b, c = (str(tmp_path / f"{name}.csv") for name in "abc")
    for more in ([], ["--key", "id"]):
        title = session.perform(["snapshot", "diff", a, b, *more]).view.title
        assert title.startswith("1 rows added, 0 removed"), title
        assert "differ" not in title
    assert "1 of 2 columns differ" in session.perform(["snapshot", "diff", a, c, "--key", "id"]).view.title
