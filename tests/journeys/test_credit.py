"""The demo of a model that decides about people: audited, mended, assessed, described, sealed, voted on, serving."""

import shutil
from pathlib import Path

import pytest

from mlops_tui import folds
from mlops_tui.commands import perform
from mlops_tui.core.demo import prepare
from mlops_tui.opening import open_project
from mlops_tui.session import Session, without_project
from mlops_tui.view import View
from store.facts import Finding

pytestmark = pytest.mark.slow
MODEL = "credit-risk"


def worked(folder: Path) -> View:
    """What the demo tells, gone through in this process."""
    session = without_project(folder.parent, perform, opener=open_project)
    told = session.perform(["demo", "--story", "credit", str(folder), "--headless"])
    assert told.error is None, told.error
    return told.view


@pytest.fixture(scope="module")
def lent(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> tuple[View, Session]:
    """What it tells on a store of models whose tables are laid; and a look at its project."""
    folder = tmp_path_factory.mktemp("lent") / "credit"
    prepare(folder, "credit")
    shutil.copy(empty_store, folder / ".mlops" / "mlflow.db")
    return worked(folder), open_project(folder, read_only=True)


def test_the_first_version_surely_breaks_four_fifths_and_the_mended_one_is_not_settled(
        lent: tuple[View, Session]) -> None:
    first, second = lent[0].table("audits").rows
    assert (first["version"], first["status"]) == ("2", "fail")
    assert first["high"] < 0.8
    assert (second["version"], second["status"]) == ("4", "warn")
    assert second["low"] < 0.8 < second["ratio"]


def test_it_serves_by_a_board_of_three_and_two_votes_and_its_files_are_sealed(
        lent: tuple[View, Session]) -> None:
    told, session = lent
    assert told.facts()["champion"] == f"{MODEL}@4"
    case = session.perform(["board", "list", "--all"]).view.table("cases").rows[0]
    assert (case["state"], case["yes"], case["about"]) == ("approved", 3, f"{MODEL}@4")
    assert [each.state for each in folds.approvals(session.ledger.entries(), session.now()).values()] == ["done"]
    sealed = session.perform(["vault", "status"]).view
    assert sealed.exit in (None, 0), sealed.title
    assert session.ledger.verify() is None


def test_no_answer_about_its_impact_is_denied_by_what_the_project_shows(lent: tuple[View, Session]) -> None:
    found = folds.latest_finding(lent[1].ledger.entries("finding"), "impact", MODEL)
    assert found is not None
    assert isinstance(found.fact, Finding)
    assert (found.fact.title, found.fact.detail["denied"]) == (f"{MODEL}: level II, EU high", [])


def test_a_demo_that_is_over_does_nothing_again(lent: tuple[View, Session]) -> None:
    told, session = lent
    again = worked(session.declared().root)
    assert {**again.facts(), "seconds": 0} == {**told.facts(), "seconds": 0}
    assert (session.declared().root / "decisions" / "bc-1-lending.md").is_file()


def test_an_onlooker_sees_the_loans_without_ages(lent: tuple[View, Session]) -> None:
    root = lent[1].declared().root
    seen = open_project(root, person="ed", read_only=True).perform(["sql", "SELECT max(age) AS oldest FROM credit"])
    assert [row["oldest"] for row in seen.view.table("rows").rows] == [None]
