"""The demo begins in an empty folder only, and goes on where it stopped; its whole run is told in tests/journeys."""

from datetime import date
from pathlib import Path

import pytest

from mlops_tui.commands import perform
from mlops_tui.core.demo import far, prepare
from mlops_tui.errors import BadInput
from mlops_tui.project import Project
from mlops_tui.session import without_project


def test_the_project_is_written_whole_and_parses(tmp_path: Path) -> None:
    prepare(tmp_path / "demo")
    project = Project(tmp_path / "demo")
    for kind in ("dataset", "feature", "pipeline", "model", "monitor", "checklist", "decision", "runbook"):
        assert project.every(kind), kind
    assert project.settings.clock == "replay"
    assert all(person.simulated for person in project.team.people.values())


def test_what_an_earlier_demo_wrote_is_kept(tmp_path: Path) -> None:
    prepare(tmp_path / "demo")
    changed = tmp_path / "demo" / "monitors" / "flights-drift.yaml"
    changed.write_text(changed.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    (tmp_path / "demo" / "mlops.yaml").unlink()
    prepare(tmp_path / "demo")
    assert changed.read_text(encoding="utf-8").endswith("# mine\n")
    assert (tmp_path / "demo" / "mlops.yaml").exists()


@pytest.mark.parametrize("name", ["mlops.yaml", "notes.txt"])
def test_a_folder_with_something_else_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("project: mine\n", encoding="utf-8")
    with pytest.raises(BadInput, match="not empty"):
        prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_days_outside_the_replay_are_refused(tmp_path: Path) -> None:
    session = without_project(tmp_path, perform)
    for days in ("0", "154"):
        assert session.perform(["demo", "d", "--days", days]).exit == 2
    assert not (tmp_path / "d").exists()


def test_a_short_replay_says_how_far_it_came() -> None:
    day = date(2013, 7, 30)
    assert far(["INC-1"], False, day) == "The loop was worked from the first file to 2013-07-30: INC-1 is still open"
    assert far([], False, day) == "The loop was worked from the first file to 2013-07-30: no incident is open"
    assert far(["INC-2"], True, day) == "The loop was worked from the first file to the next gate"


def test_the_credit_demo_has_a_folder_of_its_own(tmp_path: Path) -> None:
    prepare(tmp_path / "loans", "credit")
    project = Project(tmp_path / "loans")
    assert project.every("model")
    assert project.settings.clock == "replay"
    assert all(person.simulated for person in project.team.people.values())
    assert "CC BY 4.0" in (tmp_path / "loans" / "files" / "SOURCE.md").read_text(encoding="utf-8")
    with pytest.raises(BadInput, match="holds another demo: credit"):
        prepare(tmp_path / "loans")
