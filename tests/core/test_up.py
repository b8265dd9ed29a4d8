"""The daemon as a process: what is due is done once, whoever is killed, and a second one takes over."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from urllib.request import urlopen

import pytest

from mlops_tui import jobs
from mlops_tui.commands import perform
from mlops_tui.daemon import NAME, Daemon, Say, Service
from mlops_tui.errors import BadInput
from mlops_tui.opening import open_project
from mlops_tui.roles import Actor
from mlops_tui.session import Session
from store.lease import Lease
from store.ledger import Ledger
from tests.conftest import FILES

NAPS = Path(__file__).parents[1] / "naps"
pytestmark = pytest.mark.slow


@pytest.fixture
def folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project on the machine's own time; whatever still runs for it afterwards is killed."""
    settings = FILES["mlops.yaml"].replace("clock: replay\n", "")
    (project / "mlops.yaml").write_text(settings, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(NAPS), str(NAPS.parent.parent)]))
    yield project
    opened = open_project(project)
    for job in jobs.rows(opened).open():
        if job.pid and jobs.here(job) and jobs.alive(job):
            os.killpg(job.pid, signal.SIGKILL)


def up(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-P", "-m", "mlops_tui", "up"], cwd=folder, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def until(seen: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not seen():
        if time.monotonic() > end:
            pytest.fail("it never came to that")
        time.sleep(0.05)


def engine(session: Session) -> Lease:
    assert isinstance(session.ledger, Ledger)
    return Lease(session.ledger.engine, NAME, "a test")


def test_it_stops_cleanly_when_told_and_leaves_its_lease_and_its_word(folder: Path) -> None:
    child, session = up(folder), open_project(folder)
    until(lambda: engine(session).seen() is not None)
    child.send_signal(signal.SIGTERM)
    told, log = child.communicate(timeout=20)
    assert (child.returncode, "Stopped" in told, "at work" in log) == (0, True, True)
    assert engine(session).seen() is None
    words = [(entry.fact.phase, entry.fact.status) for entry in session.ledger.entries("command")]  # type: ignore[attr-defined]
    assert words == [("attempt", "running"), ("outcome", "done")]


def test_it_answers_prometheus_where_that_is_declared(folder: Path) -> None:
    with (folder / "mlops.yaml").open("a", encoding="utf-8") as settings:
        settings.write("metrics: {port: 0}\n")
    child = up(folder)
    line = next(line for line in child.stderr if "metrics: " in line)  # type: ignore[union-attr]
    with urlopen(line.split()[-1], timeout=10) as answer:
        assert b'mlops_tui_info{project="flights"} 1' in answer.read()
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=20)
    assert child.returncode == 0


def test_a_killed_one_is_replaced_by_the_one_that_stands_by(folder: Path) -> None:
    session = open_project(folder)
    first = up(folder)
    until(lambda: engine(session).seen() is not None)
    holder = engine(session).seen()
    second = up(folder)
    waiting = second.stderr.readline()  # type: ignore[union-attr]
    assert "standing by" in waiting
    assert engine(session).seen()[0] == holder[0]  # type: ignore[index]
    first.kill()
    first.communicate()
    until(lambda: (seen := engine(session).seen()) is not None and seen[0] != holder[0], 40)  # type: ignore[index]
    second.send_signal(signal.SIGINT)
    _, log = second.communicate(timeout=20)
    assert second.returncode == 0
    assert "at work" in log


def daemon(session: Session, stop: Event, *begin: Callable[[Session, Say], Service | None]) -> tuple[Daemon, list[str]]:
    said: list[str] = []
    return Daemon(session, said.append, begin, stop, every=0.02), said


def test_a_job_that_waits_for_a_process_gets_one_and_is_done_once(folder: Path) -> None:
    session = open_project(folder)
    id = jobs.put(session.acting_as(Actor("ana", frozenset({"engineer"}), "slack")), ["nap", "0.1"])
    with session.ledger.engine.begin() as connection:  # type: ignore[attr-defined]
        old = (datetime.now(UTC) - timedelta(minutes=30)).isoformat(timespec="milliseconds")
        connection.exec_driver_sql("UPDATE job SET asked_at = ?", (old,))
    assert [job.id for job in jobs.waiting(session)] == [id]
    worker, said = daemon(session, stop := Event())
    worker._round()
    until(lambda: not jobs.rows(session).one(id).open)
    assert jobs.rows(session).one(id).status == "done"
    worker._round()
    assert sum("waited for a process" in line for line in said) == 1
    stop.set()


def test_what_is_due_is_begun_once_by_two_of_them(folder: Path) -> None:
    monitor = "check: drift\nsubject: flights-delay\nevery: '* * * * *'\n"
    (folder / "monitors" / "flights-drift.yaml").write_text(monitor, encoding="utf-8")
    first, second = (daemon(open_project(folder), Event())[0] for _ in range(2))
    before = datetime.now(UTC).minute
    first._round()
    second._round()
    if datetime.now(UTC).minute == before:
        assert len(jobs.rows(first.session).newest()) == 1


class Listener:
    """A surface that notes when it was begun and stopped."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def start(self, session: Session, say: Say) -> Service:
        self.seen.append("started")
        return self

    def stop(self) -> None:
        self.seen.append("stopped")


def test_its_surfaces_are_stopped_before_the_lease_is_let_go_and_when_another_took_it(folder: Path) -> None:
    session, listener, stop = open_project(folder), Listener(), Event()
    rounds: list[int] = []

    def lost(opened: Session, say: Say) -> None:
        """Somebody else takes the lease as soon as the daemon works: its clock had stopped for a while."""
        with opened.ledger.engine.begin() as connection:  # type: ignore[attr-defined]
            connection.exec_driver_sql("UPDATE lease SET holder = 'another', until = ?", (time.time() + 1,))
        rounds.append(1)
        if len(rounds) == 2:
            stop.set()

    worker, said = daemon(session, stop, listener.start, lost)
    worker.run()
    assert listener.seen == ["started", "stopped"] * 2
    assert [line.split(":")[0] for line in said] == ["at work", "no longer at work", "standing by",
                                                     "at work"]


def test_a_surface_that_cannot_begin_is_told_and_the_rest_goes_on(folder: Path) -> None:
    session, stop = open_project(folder), Event()

    def refused(opened: Session, say: Say) -> None:
        stop.set()
        raise BadInput("SLACK_BOT_TOKEN is not set.")

    worker, said = daemon(session, stop, refused)
    worker.run()
    assert said == ["at work", "SLACK_BOT_TOKEN is not set."]


def test_a_project_that_cannot_be_read_ends_no_daemon(folder: Path) -> None:
    worker, said = daemon(open_project(folder), Event())
    (folder / "monitors" / "flights-drift.yaml").write_text("check: drfit\n", encoding="utf-8")
    worker._round()
    assert any("drfit" in line for line in said)


def test_it_is_begun_on_the_machine_alone(folder: Path) -> None:
    session = open_project(folder, source="slack")
    outcome = perform(session, ["up"])
    assert (outcome.exit, outcome.view.title) == (4, "'up' cannot be begun from slack.")


def test_a_lease_that_cannot_be_written_for_a_while_ends_no_daemon(folder: Path) -> None:
    session, stop, said = open_project(folder), Event(), list[str]()
    assert isinstance(session.ledger, Ledger)
    thread = Thread(target=Daemon(session, said.append, (), stop, seconds=0.2, every=0.05).run)
    with session.ledger.locked():
        thread.start()
        until(lambda: any("database is locked" in line for line in said))
    until(lambda: "at work" in said)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
