"""The commands about jobs: list, log, cancel and start, on real rows and one real process."""

import os
import time
from pathlib import Path

import pytest

from mlops_tui import jobs
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from mlops_tui.view import Status

NAPS = Path(__file__).parent.parent / "naps"


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    (tmp_path / "mlops.yaml").write_text("project: flights\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(NAPS), str(NAPS.parent.parent)]))
    return open_project(tmp_path)


def test_an_idle_project_says_so(session: Session) -> None:
    view = session.perform(["job"]).view
    assert (view.title, view.status) == ("Nothing is running", Status.DONE)
    assert view.table("jobs").rows == ()


def test_the_list_shows_how_far_a_job_is_and_how_to_stop_it(session: Session) -> None:
    table = jobs.rows(session)
    id = table.add(["train", "flights-delay"], actor="ana", source="slack", roles=frozenset({"engineer"}))
    table.claim(id, host="elsewhere", pid=1, born=0.0)
    table.progress(id, 62, 100, "fold 3 of 5")
    view = session.perform(["job", "list"]).view
    [row] = view.table("jobs").rows
    assert (row["command"], row["done"], row["status"], row["now"], row["through"]) == (
        "train flights-delay", 0.62, Status.RUNNING, "fold 3 of 5", "slack")
    assert view.status is Status.RUNNING
    assert view.actions[0].argv == ("job", "cancel", str(id))


def test_a_job_is_started_followed_and_stopped(session: Session) -> None:
    begun = session.perform(["job", "start", "--", "nap", "60"])
    assert begun.exit == 0
    id = begun.view.actions[0].argv[-1]
    for _ in range(1000):
        if "napping" in jobs.rows(session).one(int(id)).label:
            break
        time.sleep(0.02)
    assert session.perform(["job", "log", id]).view.status is Status.RUNNING
    stopped = session.perform(["job", "cancel", id])
    assert stopped.view.title == f"Job {id} is cancelled"
    assert session.perform(["job", "cancel", id]).view.title == f"Job {id} had ended already: cancelled"
    log = session.perform(["job", id]).view
    assert log.facts()["state"] == "cancelled"
    for child in jobs._children:
        child.wait(10)
    jobs._children.clear()


def test_a_number_that_is_none_is_refused(session: Session) -> None:
    outcome = session.perform(["job", "log", "99"])
    assert outcome.exit == 2
    assert outcome.error is not None
    assert outcome.error["code"] == "not_found"


def test_a_read_only_session_lists_and_does_not_touch(session: Session) -> None:
    id = jobs.rows(session).add(["nap"], actor="ana", source="terminal", roles=frozenset())
    looking = open_project(session.declared().root, read_only=True)
    assert looking.perform(["job"]).view.table("jobs").total is None
    assert looking.perform(["job", "cancel", str(id)]).exit == 4
    assert looking.perform(["job", "start", "--", "nap", "1"]).exit == 4
    assert not jobs.rows(session).one(id).cancel
