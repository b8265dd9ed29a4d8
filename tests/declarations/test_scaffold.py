"""A shipped skeleton is written whole, or not at all."""

from pathlib import Path

import pytest

from mlops_tui.declarations.scaffold import shipped, write
from mlops_tui.errors import BadInput
from mlops_tui.project import FOLDERS, Project


def test_what_is_written_is_what_is_shipped(tmp_path: Path) -> None:
    written = write("flights", tmp_path)
    contents = dict(shipped("flights"))
    assert written == list(contents)
    assert len(set(written)) == len(written) > 5
    assert "mlops.yaml" in written
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == set(written)
    assert all((tmp_path / path).read_bytes() == content for path, content in contents.items())
    assert not any("__pycache__" in path for path in written)


def test_it_is_a_project_that_declares_something(tmp_path: Path) -> None:
    write("flights", tmp_path)
    project = Project(tmp_path)
    assert {kind for kind in FOLDERS if project.every(kind)} >= {"dataset", "model", "monitor", "runbook", "checklist"}


def test_words_are_replaced_in_every_file(tmp_path: Path) -> None:
    write("flights", tmp_path, {"project: flights": "project: trains"})
    assert Project(tmp_path).settings.project == "trains"


def test_no_file_of_the_user_is_ever_written_over(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text("mine\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"'team\.yaml' is there already") as caught:
        write("flights", tmp_path)
    assert caught.value.where == str(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["team.yaml"], "and none of the others was"
