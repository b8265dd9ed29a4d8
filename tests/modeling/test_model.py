"""Models and their versions, as the history tells them."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status, Text
from store.facts import Promotion
from tests.conftest import Made

NAME = "flights-delay"


@pytest.fixture
def told(session: Callable[..., Session], made: Made, clock: ReplayClock) -> Session:
    """Version 1 was champion, 2 is, 3 may become it."""
    opened = session("ana")
    for version in "123":
        opened.ledger.append(made.trained(version, auc=0.70 + int(version) / 100))
        clock.advance(clock.moment + timedelta(hours=1))
    for version in "12":
        opened.ledger.append(Promotion(subject=NAME, version=version, previous="", approval=f"AP-{version}",
                                       evidence=""))
    return opened


def test_every_version_is_listed_the_newest_first_with_its_role_and_interval(told: Session) -> None:
    view = told.perform(("model", "list")).view
    rows = view.table("versions").rows
    assert [(row["version"], row["role"]) for row in rows] == [("3", "challenger"), ("2", "champion"),
                                                               ("1", "was champion")]
    assert [rows[0][name] for name in ("value", "low", "high")] == [0.73, 0.72, 0.74]
    assert view.title == "1 model, 1 of them serving"
    assert told.perform(rows[0]["argv"]).view.title.startswith(f"{NAME} 3, the challenger: roc_auc 0.730")


def test_a_model_without_versions_is_listed_and_says_how_to_get_one(session: Callable[..., Session]) -> None:
    opened = session("ana")
    [row] = opened.perform(("model", "list")).view.table("versions").rows
    assert (row["model"], row["version"], row["role"]) == (NAME, None, "not trained")
    view = opened.perform(("model", "show", NAME)).view
    assert (view.status, [action.argv for action in view.actions]) == (Status.UNKNOWN, [("train", NAME)])


@pytest.mark.parametrize(("asked", "shown"), [(NAME, "2"), (f"{NAME}@champion", "2"), (f"{NAME}@challenger", "3"),
                                              (f"{NAME}@1", "1")])
def test_the_champion_is_shown_unless_another_is_named(told: Session, asked: str, shown: str) -> None:
    view = told.perform(("model", "show", asked)).view
    assert view.facts()["version"] == shown
    assert [row["version"] for row in view.table("promotions").rows] == ["2", "1"]
    assert [row["metric"] for row in view.table("metrics").rows] == ["roc_auc", "ece"]


def test_what_can_be_done_depends_on_whether_it_serves(told: Session) -> None:
    serves = {action.argv for action in told.perform(("model", "show", NAME)).view.actions}
    waits = {action.argv for action in told.perform(("model", "show", f"{NAME}@3")).view.actions}
    assert ("calibration", NAME) in serves
    assert ("promote", f"{NAME}@2") not in serves
    assert {("promote", f"{NAME}@3"), ("compare", f"{NAME}@3"), ("evaluate", f"{NAME}@3"), ("train", NAME)} <= waits


def test_a_version_that_is_not_there_is_refused_with_those_that_are(told: Session) -> None:
    outcome = told.perform(("model", "show", f"{NAME}@9"))
    assert outcome.exit == 2
    assert outcome.view.facts()["where"] == "versions: 1, 2, 3"


def test_versions_that_were_tested_on_other_days_are_said_not_to_compare(told: Session, made: Made) -> None:
    june = {"metric": "roc_auc", "test_from": "2013-06-01T04:00:00+00:00", "test_to": "2013-06-30T20:00:00+00:00"}
    july = {"metric": "roc_auc", "test_from": "2013-07-01T04:00:00+00:00", "test_to": "2013-07-31T20:00:00+00:00"}
    told.ledger.append(made.trained("4", detail=june), made.trained("5", detail=july),
                       Promotion(subject=NAME, version="4", previous="2", approval="", evidence=""))
    view = told.perform(("model", "list")).view
    rows = {row["version"]: row for row in view.table("versions").rows}
    assert (rows["4"]["tested_on"], rows["4"]["other_days"]) == ("2013-06-01 – 06-30", False)
    assert (rows["5"]["tested_on"], rows["5"]["other_days"]) == ("2013-07-01 – 07-31", True)
    [note] = [part.body for part in view.parts if isinstance(part, Text)]
    assert f"other days than the champion: {NAME}@5" in note
