"""A lake that is laid over another changes nothing of it, and leaves nothing behind."""

import subprocess
import sys
from pathlib import Path

from store.lake import Lake
from store.overlay import overlaid


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def rows(lake: Lake, state: object) -> list[tuple[object, ...]]:
    return lake.connect().execute(f"SELECT x FROM {lake.scan(state)} ORDER BY x").fetchall()


def test_what_is_written_lies_above_and_what_is_read_comes_from_both(tmp_path: Path) -> None:
    below = Lake(tmp_path / "lake")
    state = below.write("d", "SELECT 1 AS x, 'a' AS day UNION ALL SELECT 2, 'b'", sort=("x",), partition_by=("day",))
    below.keep_document("d", "ab" * 32, b"kept")
    before = files(below.root)

    with overlaid(below, tmp_path / "drills") as lake:
        new = lake.write("d", "SELECT 9 AS x, 'b' AS day", sort=("x",), partition_by=("day",))
        made = lake.manifest("d", state.id).replacing(new)
        lake.keep(made)
        lake.keep_document("d", "cd" * 32, b"above")
        assert rows(lake, made) == [(1,), (9,)]
        assert rows(lake, lake.manifest("d", state.id)) == [(1,), (2,)]
        assert (lake.document("d", "ab" * 32), lake.document("d", "cd" * 32)) == (b"kept", b"above")

    assert files(below.root) == before
    assert list((tmp_path / "drills").iterdir()) == []


def test_the_next_one_removes_what_a_killed_process_left_and_nothing_of_one_that_lives(tmp_path: Path) -> None:
    killed = ("import os, pathlib, signal\nfrom store.lake import Lake\nfrom store.overlay import overlaid\n"
              f"root = pathlib.Path({str(tmp_path)!r})\nwith overlaid(Lake(root / 'lake'), root / 'drills') as lake:\n"
              "    lake.put_object(b'x')\n    os.kill(os.getpid(), signal.SIGKILL)\n")
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -9
    [left] = (tmp_path / "drills").iterdir()

    with overlaid(Lake(tmp_path / "lake"), tmp_path / "drills") as first:
        assert not left.exists()
        with overlaid(Lake(tmp_path / "lake"), tmp_path / "drills"):
            assert first.root.exists()
    assert list((tmp_path / "drills").iterdir()) == []
