"""A file goes only if it is old and nothing needs it, at the moment at which it goes."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from store import garbage
from store.lake import Lake, Manifest

ROWS = "SELECT i AS id, $n AS n, '2013-01-0' || (1 + i % 2) AS day FROM range(10) t(i)"
GRACE = timedelta(hours=1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def put(lake: Lake, n: int) -> Manifest:
    return lake.write("d", ROWS, sort=("id",), partition_by=("day",), values={"n": n})


def aged(lake: Lake) -> None:
    for path in lake.root.rglob("*"):
        os.utime(path, (0, 0))


def remove(lake: Lake, found: garbage.Garbage) -> int:
    return garbage.drop_files(lake, found, found.files)[0]


def test_what_is_old_and_not_needed_is_found_and_goes(lake: Lake) -> None:
    old, needed = put(lake, 1), put(lake, 2)
    aged(lake)
    found = garbage.found(lake, {needed.id}, (), GRACE)
    assert (found.states, set(found.files)) == ((("d", old.id),), {file.path for file in old.files})
    assert found.size == garbage.drop_states(lake, found, ()) + garbage.drop_files(lake, found, found.files)[1]
    assert (lake.has(old), lake.has(needed)) == (False, True)
    assert remove(lake, found) == 0, "done again, there is nothing left to do"


def test_what_somebody_else_has_removed_meanwhile_is_nobodys_garbage(lake: Lake) -> None:
    put(lake, 1)
    aged(lake)
    for gone in (lake.root / "d" / f"{'0' * 64}.parquet", lake.root / "d/_snapshots" / f"{'0' * 64}.json"):
        gone.symlink_to(lake.root / "nowhere")  # listed, and not there when it is looked at
    assert not any("0" * 64 in name for name in garbage.found(lake, (), (), GRACE).files)


def test_a_file_that_was_written_again_meanwhile_stays_though_no_manifest_names_it(lake: Lake) -> None:
    old = put(lake, 1)
    (lake.root / "d" / "_snapshots" / f"{old.id}.json").unlink()
    aged(lake)
    found = garbage.found(lake, (), (), GRACE)
    assert len(found.files) == 2
    with lake.staging() as folder:  # what a writer does before he announces anything
        staged = folder / "x.parquet"
        staged.write_bytes((lake.root / old.files[0].path).read_bytes())
        lake.place("d", staged, 5, old.files[0].partition)
    assert remove(lake, found) == 1
    assert (lake.root / old.files[0].path).exists()
    assert list((lake.root / "_staging").iterdir()) == []


def test_a_file_that_a_manifest_names_since_stays_however_old_it_is(lake: Lake) -> None:
    old = put(lake, 1)
    aged(lake)
    found = garbage.found(lake, (), (), GRACE)
    garbage.drop_states(lake, found, ())
    lake.keep(Manifest("d", old.columns, old.files[:1]))
    assert remove(lake, found) == 1
    assert (lake.root / old.files[0].path).exists()


def test_a_manifest_announced_again_or_made_young_stays(lake: Lake) -> None:
    again, young, gone = (put(lake, n) for n in (1, 2, 3))
    aged(lake)
    found = garbage.found(lake, (), (), GRACE)
    lake.renew(young)
    garbage.drop_states(lake, found, {("d", again.id)})
    assert [path.stem for path in garbage.manifests(lake)] == sorted([again.id, young.id])
    remove(lake, found)
    assert [lake.has(each) for each in (again, young, gone)] == [True, True, False]


def test_masks_go_with_what_they_mask(lake: Lake) -> None:
    state = put(lake, 1)
    less = lake.without(state.files[0], "d", "SELECT 1")
    part = Manifest("d", state.columns, (less, state.files[1]))
    lake.keep(part)
    aged(lake)
    assert garbage.found(lake, {part.id}, (), GRACE).files == ()
    assert less.mask in garbage.found(lake, {state.id}, (), GRACE).files
    assert garbage.found(lake, (), {"d"}, GRACE).files == (), "the dataset is held"


def test_another_users_file_is_written_anew_instead_of_made_young(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    state = put(lake, 1)
    aged(lake)

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "utime", refused)
    assert put(lake, 1) == state
    assert all((lake.root / file.path).stat().st_mtime > 1 for file in state.files)
