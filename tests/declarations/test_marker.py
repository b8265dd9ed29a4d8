"""Where a project begins."""

from pathlib import Path

from mlops_tui.declarations.marker import MARKER, find


def test_the_nearest_marker_upwards_wins(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    (inner / "deep").mkdir(parents=True)
    assert find(inner / "deep") is None
    (tmp_path / "outer" / MARKER).touch()
    assert find(inner / "deep") == tmp_path / "outer"
    (inner / MARKER).touch()
    assert find(inner / "deep") == find(inner) == inner
    assert find(tmp_path) is None


def test_a_folder_of_that_name_is_no_marker(tmp_path: Path) -> None:
    (tmp_path / MARKER).mkdir()
    assert find(tmp_path) is None
