"""The bot's process is killed again and again while people work: what was acknowledged is there, and nothing twice."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bots.local.workspace import LocalSlack
from mlops_tui import jobs
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from store.facts import IncidentEvent
from store.queues import Inbox
from tests.bots.conftest import PEOPLE, TEAM
from tests.conftest import FILES

NAPS = Path(__file__).parents[1] / "naps"
ROUNDS = 2
pytestmark = pytest.mark.slow


@pytest.fixture
def session(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    (project / "team.yaml").write_text(TEAM, encoding="utf-8")
    (project / "mlops.yaml").write_text(FILES["mlops.yaml"] + "slack: {channel: C01}\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(NAPS), str(NAPS.parent.parent)]))
    opened = open_project(project)
    opened.ledger.append(IncidentEvent(subject="INC-1", event="opened", title="late", severity="high", about="flights"))
    yield opened
    for job in jobs.rows(opened).open():
        if job.pid and jobs.here(job) and jobs.alive(job):
            os.killpg(job.pid, signal.SIGKILL)


def at_work(session: Session, slack: LocalSlack) -> subprocess.Popen[bytes]:
    """The daemon as a process of its own, listening to that Slack."""
    before = slack.sockets
    child = subprocess.Popen([sys.executable, "-P", "-m", "mlops_tui", "up"], cwd=session.directory,
                             env={**os.environ, **slack.environment}, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    slack.until(lambda: slack.sockets > before, 40)
    return child


def killed(child: subprocess.Popen[bytes], slack: LocalSlack) -> None:
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    slack.until(lambda: slack.sockets == 0, 20)


def test_what_was_acknowledged_is_done_once_however_often_its_process_is_killed(session: Session) -> None:
    taken: list[str] = []
    with LocalSlack(PEOPLE) as slack:
        for number in range(ROUNDS):
            child = at_work(session, slack)
            texts = [f"n{number}-{note}" for note in range(8)]
            taken += [text for text in texts if slack.slash("bo", f"incident note INC-1 {text}").ok]
            assert slack.slash("bo", f"nap 0.{number + 1}").ok
            time.sleep(0.1 * number)  # in the middle of one thing or another
            killed(child, slack)
        child = at_work(session, slack)
        inbox = Inbox(jobs.rows(session).engine)
        slack.until(lambda: not inbox.waiting() and not inbox.waiting(status="begun"), 60)
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
    notes = Counter(entry.fact.note for entry in session.ledger.entries("incident")
                    if isinstance(entry.fact, IncidentEvent) and entry.fact.event == "note")
    assert set(taken) <= set(notes)
    assert set(notes.values()) == {1}
    naps = [job for job in jobs.rows(session).newest() if job.argv[0] == "nap"]
    assert sorted(job.argv[1] for job in naps) == ["0.1", "0.2"]
    assert {job.status for job in naps} == {"done"}
    done = Counter(entry.fact.argv for entry in session.ledger.entries("command")  # type: ignore[attr-defined]
                   if entry.fact.argv[0] == "nap" and entry.fact.phase == "outcome")  # type: ignore[attr-defined]
    assert sorted(done.values()) == [1, 1]
    assert session.ledger.verify() is None
