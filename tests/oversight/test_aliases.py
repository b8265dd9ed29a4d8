"""The registry's alias: one that we moved too late is repaired, one that others moved wakes people, in real MLflow."""

import shutil
import sqlite3
from contextlib import closing
from itertools import count

import pytest
from mlflow import MlflowClient

from mlops_tui.folds import alerts, findings_of
from mlops_tui.oversight import aliases
from mlops_tui.oversight.guarding import guard
from mlops_tui.view import Status
from store.aliases import aliases_of
from store.facts import Deployment, Promotion
from tests.doing import do

NAME = "flights-delay"


def promoted(version, previous=""):
    return Promotion(subject=NAME, version=version, previous=previous, approval="", evidence="")


def followed(version):
    return Deployment(subject=NAME, event="followed", version=version)


# -- whose doing it was, from the history alone ---------------------------------------------------------------------


@pytest.mark.parametrize(("told", "at", "state"), [
    ([], "3", None),
    ([promoted("1")], "1", "follows"),
    ([promoted("1")], "", "missed"),                      # it was never set
    ([promoted("1")], "7", "foreign"),                    # nobody ever decided on 7
    ([promoted("1"), followed("1")], "", "foreign"),      # it was there, and is gone
    ([promoted("1"), followed("1"), promoted("2", "1")], "1", "missed"),
    ([promoted("1"), followed("1"), promoted("2", "1")], "3", "foreign"),
    ([promoted("1"), followed("1"), promoted("2", "1"), followed("2")], "1", "foreign"),
    ([promoted("1"), promoted("2", "1")], "1", "missed"),  # a history from before it was noted where the alias is
    ([promoted("1"), followed("1"), promoted("2", "1"), followed("2"), promoted("1", "2")], "2", "missed")])
def test_what_we_moved_too_late_is_told_from_what_others_moved(history, told, at, state):
    history.add(*told)
    found = aliases.standing(history.entries, NAME, at)
    assert (found and found.state) == state


# -- a registry of MLflow's own, as a file --------------------------------------------------------------------------


@pytest.fixture
def registry(project, empty_store):
    """MLflow's own client on the project's registry, with versions 1 to 3."""
    path = project / ".mlops" / "mlflow.db"
    path.parent.mkdir(exist_ok=True)
    shutil.copyfile(empty_store, path)
    client = MlflowClient(tracking_uri=f"sqlite:///{path}", registry_uri=f"sqlite:///{path}")
    client.create_registered_model(NAME)
    for _ in range(3):
        client.create_model_version(NAME, "nowhere")
    return client


SECONDS = count(0, 10)


def rounds(session, begun=None):
    """One round of the daemon; what it would begin is done at once."""
    def begin(argv, consent):
        (begun if begun is not None else []).append(argv)
        return session.perform(argv, consent=consent)

    return guard(session, begin, float(next(SECONDS)))


def champion_in(registry):
    return str(registry.get_model_version_by_alias(NAME, "champion").version)


def found(session):
    return [entry.fact.status for entry in findings_of(session.ledger.entries(), check="alias")]


def test_an_alias_moved_outside_the_gate_wakes_people_once_and_is_put_back(session, made, registry):
    ana = session("ana")
    ana.ledger.append(made.trained("1"), made.trained("2"), promoted("2"))
    registry.set_registered_model_alias(NAME, "champion", "2")
    assert rounds(ana) == []
    registry.set_registered_model_alias(NAME, "champion", "3")
    for _ in range(3):
        rounds(ana)
    assert found(ana) == ["fail"]
    [alert] = alerts(ana.ledger.entries()).values()
    assert (alert.severity, alert.state, alert.about) == ("critical", "firing", NAME)
    shown = do(ana, f"alert show {alert.id}").view
    [back] = [action.argv for action in shown.actions if action.label.startswith("Put it back")]
    assert "is at version 3, not 2: it was moved in MLflow, outside the gate" in do(ana, "doctor").view.table(
        "checks").rows[0]["detail"]
    assert any("promote flights-delay@2" in getattr(part, "body", "") for part in do(ana, "status").view.parts)
    plan = ana.perform(back)
    assert plan.view.facts()["from"] == "3"
    assert ana.perform(back, consent=plan.plan).view.status is Status.DONE
    assert champion_in(registry) == "2"
    rounds(ana)
    assert found(ana) == ["fail", "pass"]
    assert [each.state for each in alerts(ana.ledger.entries()).values()] == ["recovered"]
    registry.delete_registered_model_alias(NAME, "champion")
    rounds(ana)
    assert found(ana) == ["fail", "pass", "fail"]
    assert "is gone, not 2" in [entry.fact.title for entry in findings_of(ana.ledger.entries(), check="alias")][-1]


def test_an_alias_that_was_missed_is_repaired_once_and_nobody_is_woken(session, made, registry):
    ana, begun = session("ana"), []
    registry.set_registered_model_alias(NAME, "champion", "1")
    ana.ledger.append(made.trained("1"), promoted("1"), followed("1"), made.trained("2"), promoted("2", "1"))
    rounds(ana, begun)
    assert begun == [], "whoever promotes has a moment to move it"
    rounds(ana, begun)
    assert begun == [("promote", "flights-delay@2")]
    assert champion_in(registry) == "2"
    rounds(ana, begun)
    assert len(begun) == 1
    assert (found(ana), alerts(ana.ledger.entries())) == ([], {})


def test_a_look_costs_nothing_where_nothing_was_written(session, made, registry, monkeypatch):
    ana, asked = session("ana"), []
    ana.ledger.append(made.trained("1"), promoted("1"), followed("1"))
    registry.set_registered_model_alias(NAME, "champion", "1")
    real = aliases.aliases_of
    monkeypatch.setattr(aliases, "aliases_of", lambda *words: asked.append(words) or real(*words))
    for _ in range(5):
        rounds(ana)
    assert len(asked) == 1


def test_a_registry_that_cannot_be_read_says_nothing(tmp_path):
    broken = tmp_path / "mlflow.db"
    broken.write_bytes(b"no database")
    assert aliases_of(f"sqlite:///{broken}", NAME) is None
    assert aliases_of(f"sqlite:///{tmp_path / 'none.db'}", NAME) is None
    assert aliases_of("databricks://x", NAME) is None
    assert aliases_of("http://127.0.0.1:9", NAME) is None


def test_our_own_reading_is_mlflows(registry, project):
    registry.set_registered_model_alias(NAME, "champion", "3")
    registry.set_registered_model_alias(NAME, "its-own", "1")
    uri = f"sqlite:///{project / '.mlops' / 'mlflow.db'}"
    assert aliases_of(uri, NAME) == {"champion": "3", "its-own": "1"}
    with closing(sqlite3.connect(project / ".mlops" / "mlflow.db")) as database:
        assert database.execute("SELECT count(*) FROM registered_model_aliases").fetchone() == (2,)
