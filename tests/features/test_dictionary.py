"""The dictionary says what each feature is made of; an undocumented one fails, an unknown one is said to be so."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_tui.commands import perform
from mlops_tui.session import Session, without_project
from mlops_tui.view import Series, Status
from store.facts import Finding

VIEW = """\
-- description: How the airport runs.
-- entity: id
-- time: sched_dep
-- owner: bo
-- column share: share of late flights so far
WITH ran AS (SELECT id, sched_dep, late, sum(late::INTEGER) OVER (ORDER BY sched_dep) AS n FROM flights)
SELECT id, sched_dep, n / 10 AS share, late AS was_late, -- whether it was late
  1 AS one
FROM ran
"""


@pytest.fixture
def opened(project: Path, session: Callable[..., Session]) -> Callable[[str], Session]:
    """The small project with one feature view of that text, which its model uses."""

    def made(text: str = VIEW) -> Session:
        (project / "features").mkdir(exist_ok=True)
        (project / "features" / "running.sql").write_text(text, encoding="utf-8")
        declared = project / "models" / "flights-delay.yaml"
        declared.write_text(declared.read_text(encoding="utf-8").replace("features: []", "features: [running]"),
                            encoding="utf-8")
        return session("ana")

    return made


def test_each_feature_says_what_it_is_made_of_and_who_uses_it(opened: Callable[..., Session]) -> None:
    view = opened().perform(["dictionary"]).view
    rows = {row["feature"]: row for row in view.table("features").rows}
    assert rows["running.share"]["made_of"] == ("flights.late", "flights.sched_dep")
    assert rows["running.share"]["description"] == "share of late flights so far"
    assert rows["running.was_late"]["description"] == "whether it was late"
    assert rows["running.one"] == rows["running.one"] | {"description": None, "made_of": ("constant",)}
    assert rows["running.share"]["models"] == ("flights-delay",)
    assert rows["running.share"]["owner"] == "bo"
    assert rows["flights.day"]["made_of"] == ("flights.day",)
    assert "running.id" not in rows, "an entity is no feature"
    assert view.status is Status.WARN


def test_an_undocumented_feature_fails_the_check_by_name(opened: Callable[..., Session]) -> None:
    session = opened()
    outcome = session.perform(["dictionary", "check", "--model", "flights-delay"])
    assert (outcome.exit, outcome.view.status) == (1, Status.FAIL)
    assert "running.one" in outcome.view.title
    fact = session.ledger.entries("finding")[-1].fact
    assert isinstance(fact, Finding)
    assert (fact.check, fact.subject, fact.value) == ("dictionary", "flights-delay", 2.0)
    assert fact.detail["undocumented"] == ["running.one", "flights.day"]


def test_a_raw_column_as_it_stands_is_what_its_contract_says(opened: Callable[..., Session], project: Path) -> None:
    contract = project / "datasets" / "flights.yaml"
    contract.write_text(contract.read_text(encoding="utf-8").replace(
        "{name: late, ", "{name: late, description: Fifteen minutes or more, ").replace(
        "{name: day, ", "{name: day, description: Local day, "), encoding="utf-8")
    session = opened(VIEW.replace(", -- whether it was late\n  1 AS one", ""))
    rows = {row["name"]: row for row in session.perform(["dictionary", "list"]).view.table("features").rows}
    assert (rows["was_late"]["description"], rows["was_late"]["inherited"]) == ("Fifteen minutes or more", True)
    outcome = session.perform(["dictionary", "check"])
    assert (outcome.exit, outcome.view.title) == (0, "all 3 features are described")


def test_what_cannot_be_told_is_a_warning_with_its_reason(opened: Callable[..., Session]) -> None:
    session = opened("-- entity: id\n-- time: sched_dep\nSELECT id, sched_dep, nope AS x, -- an x\nFROM flights\n")
    shown = session.perform(["dictionary", "show", "x"]).view
    assert shown.status is Status.WARN
    assert shown.facts()["made_of"] == ("unknown",)


def test_one_feature_is_shown_with_its_way_from_the_raw_columns(opened: Callable[..., Session]) -> None:
    view = opened().perform(["dictionary", "show", "running.share"]).view
    [graph] = [part for part in view.parts if isinstance(part, Series)]
    assert set(zip(graph.x, graph.y, strict=True)) == {
        ("flights.late", "ran.n"), ("flights.sched_dep", "ran.n"), ("ran.n", "running.share")}
    assert [row["column"] for row in view.table("sources").rows] == ["flights.late", "flights.sched_dep"]


def test_the_last_stability_stands_beside_it(opened: Callable[..., Session]) -> None:
    session = opened()
    session.ledger.append(Finding(check="stability", subject="flights-delay", status="fail", title="x",
                                  detail={"columns": {"share": {"verdict": "volatile", "psi": 0.4}}}))
    facts = session.perform(["dictionary", "show", "share"]).view.facts()
    assert (facts["stability"], facts["psi"]) == ("volatile", 0.4)


def test_each_text_that_a_check_saw_is_in_its_history(opened: Callable[..., Session]) -> None:
    opened().perform(["dictionary", "check"])
    session = opened(VIEW.replace("n / 10", "n / 20"))
    session.perform(["dictionary", "check"])
    session.perform(["dictionary", "check"])
    view = session.perform(["dictionary", "show", "running"]).view
    assert len(view.table("history").rows) == 2
    assert any("+SELECT id, sched_dep, n / 20" in getattr(part, "body", "") for part in view.parts)


def test_any_query_in_a_file_has_its_lineage(tmp_path: Path) -> None:
    file = tmp_path / "q.sql"
    file.write_text("SELECT a + b AS c, -- both\n FROM somewhere", encoding="utf-8")
    outcome = perform(without_project(tmp_path, perform), ["dictionary", "--file", str(file)])
    [row] = outcome.view.table("features").rows
    assert (row["column"], row["made_of"], row["description"]) == ("c", ("somewhere.a", "somewhere.b"), "both")
    assert outcome.exit == 0


@pytest.mark.parametrize(("argv", "words"), [
    (["dictionary", "show", "shre"], "Did you mean 'share'?"),
    (["dictionary", "show", "nothing-like-it"], "dictionary"),
    (["dictionary", "--model", "flights-dela"], "flights-delay")])
def test_a_wrong_name_gets_the_nearest_right_one(opened: Callable[..., Session], argv: list[str], words: str) -> None:
    outcome = opened().perform(argv)
    assert outcome.exit == 2
    assert words in str(outcome.error)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    outcome = perform(without_project(tmp_path, perform), ["dictionary", "--file", "nowhere.sql"])
    assert outcome.exit == 2
    assert "nowhere.sql" in str(outcome.error)
