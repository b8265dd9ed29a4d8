"""A new project is a folder of declarations that all parse."""

from pathlib import Path

from mlops_tui.commands import perform
from mlops_tui.opening import open_project
from mlops_tui.project import Project
from mlops_tui.roles import Actor
from mlops_tui.session import Session, without_project


def here(folder: Path) -> Session:
    return without_project(folder, perform)


def test_a_new_project_opens(tmp_path: Path) -> None:
    outcome = here(tmp_path).perform(["init", "churn"])
    assert outcome.exit == 0
    assert Project(tmp_path / "churn").settings.project == "churn"
    assert Project(tmp_path / "churn").checklists["standard"].items
    assert (tmp_path / "churn" / ".gitignore").read_text(encoding="utf-8") == ".mlops/\n"
    assert open_project(tmp_path / "churn").perform(["audit", "verify"]).exit == 0


def test_a_folder_name_becomes_a_project_name(tmp_path: Path) -> None:
    assert here(tmp_path).perform(["init", "My Churn Model!"]).exit == 0
    assert Project(tmp_path / "My Churn Model!").settings.project == "my-churn-model"


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text("people: {}", encoding="utf-8")
    outcome = here(tmp_path).perform(["init", "."])
    assert outcome.exit == 2
    assert "is there already" in str(outcome.error)
    assert not (tmp_path / "mlops.yaml").exists()


def test_a_project_is_not_begun_twice(tmp_path: Path) -> None:
    here(tmp_path).perform(["init", "."])
    assert here(tmp_path).perform(["init", "."]).exit == 2


def test_a_bad_name_is_refused(tmp_path: Path) -> None:
    outcome = here(tmp_path).perform(["init", "x", "--name", "../x"])
    assert outcome.exit == 2
    assert "cannot be a project's name" in str(outcome.error)


def test_it_is_not_for_slack(tmp_path: Path) -> None:
    session = here(tmp_path)
    session.actor = Actor("ana", frozenset({"admin"}), "slack")
    assert session.perform(["init", "x"]).exit == 4
