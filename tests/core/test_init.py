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


def test_no_project_begins_inside_another_unless_it_is_meant_to(tmp_path: Path) -> None:
    here(tmp_path).perform(["init", "."])
    outcome = here(tmp_path).perform(["init", "sub/churn"])
    assert outcome.exit == 2
    assert "would lie inside the project in" in str(outcome.error)
    assert not (tmp_path / "sub").exists()
    assert here(tmp_path).perform(["init", "sub/churn", "--nested"]).exit == 0


def test_a_first_contract_is_read_off_a_file(tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text("id,age\n1,30\n2,41\n")
    outcome = here(tmp_path).perform(["init", "churn", "--from", str(file)])
    assert outcome.exit == 0, outcome.error
    contract = Project(tmp_path / "churn").dataset("customers")
    assert [(item.name, item.unique) for item in contract.properties] == [("id", True), ("age", False)]
    orders = tmp_path / "orders.csv"
    orders.write_text("id\n1\n")
    assert here(tmp_path).perform(["init", "churn", "--from", str(orders)]).exit == 0
    assert set(Project(tmp_path / "churn").datasets) == {"customers", "orders"}
    before = (tmp_path / "churn/datasets/orders.yaml").read_text()
    orders.write_text("id,b\n1,2\n")
    assert here(tmp_path).perform(["init", "churn", "--from", str(orders)]).exit == 2
    assert (tmp_path / "churn/datasets/orders.yaml").read_text() == before


def test_a_file_that_cannot_be_read_begins_nothing(tmp_path: Path) -> None:
    outcome = here(tmp_path).perform(["init", "churn", "--from", str(tmp_path / "gone.csv")])
    assert outcome.exit == 2
    assert "No file 'gone.csv'" in str(outcome.error)
    assert not (tmp_path / "churn").exists()


def test_where_nothing_is_declared_a_file_is_the_way_to_begin(tmp_path: Path) -> None:
    here(tmp_path).perform(["init", "."])
    (tmp_path / "a.csv").write_text("id\n1\n")
    session = open_project(tmp_path, source="terminal")
    found = session.perform(["validate", "sales", str(tmp_path / "a.csv")])
    assert found.error is not None
    assert found.error["next"] == f"Try: mlops-tui init --from {tmp_path / 'a.csv'}"
    assert "init --from FILE" in str(session.perform(["health", "sales"]).error)
