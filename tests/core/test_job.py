"""The commands about jobs: list, log, cancel and start, on real rows and one real process."""

import os
import time
from pathlib import Path

import pytest

import mlops_tui.core
from mlops_tui import jobs
from mlops_tui.commands import root
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from mlops_tui.view import Status

NAPS = Path(__file__).parent.parent / "naps"


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    (tmp_path / "mlops.yaml").write_text("project: flights\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(NAPS), str(NAPS.parent.parent)]))
    monkeypatch.setattr(mlops_tui.core, "__path__", [*mlops_tui.core.__path__, str(NAPS / "core")])
    monkeypatch.setitem(root.files, "nap", NAPS / "core" / "nap.py")
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
    told = stopped.view.facts()
    assert (told["it_took"], told["processes_ended"], told["half_written_removed"]) == ("it was asked", 1, "nothing")
    assert "napping" in str(told["it_had_come"])
    assert session.perform(["job", "cancel", id]).view.title == f"Job {id} had ended already: cancelled"
    log = session.perform(["job", id]).view
    assert log.facts()["state"] == "cancelled"
    for child in jobs._children:
        child.wait(10)
    jobs._children.clear()


def test_a_number_that_is_none_is_refused(session: Session) -> None:
    for number in ("99", str(2**31), "9" * 19):
        outcome = session.perform(["job", "log", number])
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


def ended(session: Session, status: str, exit: int, argv: tuple[str, ...] = ("nap", "1"), outcome: str = "") -> str:
    """A job that ended so, after two thirds of what it counted; its number."""
    table = jobs.rows(session)
    id = table.add(argv, actor="ana", source="terminal", roles=frozenset())
    table.claim(id, host="", pid=os.getpid(), born=0.0)
    table.progress(id, 2, 3, "nearly")
    table.end(id, status, exit=exit, outcome=outcome, title="what it said")
    return str(id)


@pytest.mark.parametrize(("state", "its_exit", "status", "title"), [
    ("failed", 2, Status.FAIL, "Job 1 failed: nap 1"), ("failed", 3, Status.FAIL, "Job 1 failed: nap 1"),
    ("lost", 0, Status.FAIL, "Job 1 was lost: nap 1"), ("cancelled", 130, Status.WARN, "Job 1 was stopped: nap 1"),
    ("confirm", 2, Status.FAIL, "Job 1 did nothing, since it wants consent: nap 1"),
    ("done", 0, Status.DONE, "Job 1 is done: nap 1")])
def test_looking_at_a_job_is_never_our_fault_and_says_how_it_ended(
        session: Session, state: str, its_exit: int, status: Status, title: str) -> None:
    ended(session, state, its_exit)
    outcome = session.perform(["job", "log", "1"])
    assert (outcome.view.status, outcome.view.title) == (status, title)
    assert outcome.exit == (1 if status is Status.FAIL else 0)
    assert (outcome.view.facts()["exit"], outcome.view.facts()["answer"]) == (its_exit, "what it said")


def test_a_lost_job_says_what_next(session: Session) -> None:
    ended(session, "lost", 0)
    assert ("job", "log", "1") in [action.argv for action in session.perform(["job"]).view.actions]
    [action] = session.perform(["job", "1"]).view.actions
    assert action.argv == ("job", "start", "--", "nap", "1")
    assert jobs.rows(session).one(1).argv == ("nap", "1")


@pytest.mark.parametrize(("state", "share"), [("done", 1.0), ("failed", 2 / 3)])
def test_what_is_done_is_done_wholly(session: Session, state: str, share: float) -> None:
    ended(session, state, 0)
    [row] = session.perform(["job", "list"]).view.table("jobs").rows
    assert (row["done"], row["state"]) == (pytest.approx(share), state)


@pytest.mark.parametrize("word", ["1", "JOB-1", "job-1", "job/1"])
def test_a_job_is_named_by_its_number_or_as_other_things_are(session: Session, word: str) -> None:
    ended(session, "done", 0)
    assert session.perform(["job", "log", word]).exit == 0
    assert session.perform(["job", word]).exit == 0
    assert session.perform(["job", "cancel", word]).exit == 0


@pytest.mark.parametrize("word", ["x", "JOB-", "-1", "AL-1", "9" * 5000])
def test_what_is_no_number_is_refused_and_says_where_to_look(session: Session, word: str) -> None:
    outcome = session.perform(["job", "log", "--", word])
    assert outcome.error is not None
    assert (outcome.exit, outcome.error["next"]) == (2, "Try: mlops-tui job list")


@pytest.mark.parametrize(("words", "what"), [
    (("drif", "x"), "No command 'drif'."), (("snapshot", "lg"), "'snapshot' has no verb 'lg'."),
    (("train", "m", "--form", "x"), "No such option '--form'"), (("train",), "Missing argument 'MODEL'.")])
def test_what_is_no_command_line_is_refused_before_it_becomes_a_job(
        session: Session, words: tuple[str, ...], what: str) -> None:
    for line in (["job", "start", "--", *words], ["job", "start", *words]):
        outcome = session.perform(line)
        assert (outcome.exit, outcome.error and outcome.error["what"][:len(what)]) == (2, what)
    assert jobs.rows(session).newest() == []


def test_an_option_behind_the_first_word_is_the_commands(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[tuple[str, ...], str | None]] = []
    monkeypatch.setattr(jobs, "start", lambda session, words, consent, reason: begun.append((words, reason)) or 1)
    assert session.perform(["job", "start", "--reason", "r", "train", "m", "--from", "2013-01-01"]).exit == 0
    assert begun == [(("train", "m", "--from", "2013-01-01"), "r")]
