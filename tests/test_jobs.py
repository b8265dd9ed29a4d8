"""Long work in real processes: it reports, stops when asked, dies when killed, and is found again."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from mlops_tui import jobs
from mlops_tui.errors import BadInput, Denied, NotDeclared
from mlops_tui.opening import open_project
from mlops_tui.roles import Actor
from mlops_tui.session import Session, without_project
from mlops_tui.view import Status
from store.jobs import Job, Jobs
from store.lake import STAGING

NAPS = Path(__file__).parent / "naps"
pytestmark = pytest.mark.slow


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A project whose children can nap; whatever still runs afterwards is killed."""
    (tmp_path / "mlops.yaml").write_text("project: flights\ntimezone: America/New_York\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(NAPS), str(NAPS.parent.parent)]))
    opened = open_project(tmp_path)
    yield opened
    for job in jobs.rows(opened).open():
        if job.pid and jobs.alive(job):
            os.killpg(job.pid, signal.SIGKILL)
    for child in jobs._children:
        child.wait(5)
    jobs._children.clear()


def wait(session: Session, id: int, until: Callable[[Job], bool], seconds: float = 20) -> Job:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job = jobs.rows(session).one(id)
        if until(job):
            return job
        time.sleep(0.02)
    pytest.fail(f"it never came to that: {jobs.rows(session).one(id)}")


def ended(job: Job) -> bool:
    return not job.open


def under_way(job: Job) -> bool:
    return job.status == "running" and job.done > 0


def test_a_job_reports_ends_and_keeps_its_answer(session: Session) -> None:
    id = jobs.start(session.acting_as(Actor("bo", frozenset({"operator"}), "slack")), ["nap", "1"])
    seen = wait(session, id, under_way)
    assert seen.label.startswith("napping")
    assert seen.total == 100
    job = wait(session, id, ended)
    assert (job.status, job.exit, job.outcome, job.title) == ("done", 0, "done", "Slept well")
    assert (job.actor, job.source) == ("bo", "slack")
    assert jobs.log_path(session, id).read_text(encoding="utf-8").startswith("◌ starting\n")
    answer = jobs.answer(session, id)
    assert answer is not None
    assert answer.facts() == {"who": "bo", "through": "slack"}
    assert "Slept well" in jobs.log_path(session, id).read_text(encoding="utf-8")
    [entry] = session.ledger.entries("command")
    assert entry.actor == "bo"
    jobs.log_path(session, id).with_suffix(".json").write_text("{", encoding="utf-8")
    assert jobs.answer(session, id) is None
    assert jobs.status(job) is Status.DONE


def test_progress_is_written_at_most_four_times_a_second(tmp_path: Path, session: Session) -> None:
    table = jobs.rows(session)
    id = table.add(["nap"], actor="ana", source="terminal", roles=frozenset())
    now = [0.0]
    written: list[int] = []

    class Counting(Jobs):
        def progress(self, id: int, done: int, total: int, label: str) -> bool:
            written.append(done)
            return super().progress(id, done, total, label)

    report = jobs.Report(Counting(table.engine), id, clock=lambda: now[0])
    for step in range(1000):  # ten seconds in steps of ten milliseconds
        now[0] = step / 100
        report(step, 1000, "counting")
    assert len(written) == 40
    assert table.one(id).done == written[-1]


def test_a_job_that_listens_stops_when_asked(session: Session) -> None:
    id = jobs.start(session, ["nap", "60"])
    wait(session, id, under_way)
    began = time.monotonic()
    job = jobs.cancel(session, id, ask=10)
    assert (job.status, job.exit) == ("cancelled", 130)
    assert time.monotonic() - began < 10, "no signal was needed"
    assert [entry.fact.error for entry in session.ledger.entries("command")] == ["cancelled"]


def test_a_job_that_does_not_listen_is_terminated(session: Session) -> None:
    id = jobs.start(session, ["nap", "60", "--silent"])
    wait(session, id, lambda job: job.status == "running" and job.label == "starting")
    time.sleep(0.3)
    job = jobs.cancel(session, id, ask=0.2, term=10)
    assert job.status == "cancelled"
    assert not jobs.alive(job)


def test_a_deaf_job_is_killed(session: Session) -> None:
    id = jobs.start(session, ["nap", "60", "--deaf"])
    wait(session, id, under_way)
    pid = wait(session, id, lambda job: job.pid is not None).pid
    theirs, others = (session.data().root / STAGING / f"work-{number}-x" for number in (pid, os.getpid()))
    for folder in (theirs, others):
        folder.mkdir(parents=True)
        (folder / "half.parquet").write_bytes(b"half")
    stopped = jobs.stop(session, id, ask=0.2, term=0.5)
    assert (stopped.job.status, stopped.took, stopped.processes) == ("cancelled", "it was killed", 1)
    assert not jobs.alive(stopped.job)
    assert stopped.removed == 4, "what it had half written"
    assert (theirs.exists(), others.exists()) == (False, True)


def test_a_job_killed_from_outside_is_found_lost_and_only_once(session: Session) -> None:
    id = jobs.start(session, ["nap", "60"])
    job = wait(session, id, under_way)
    assert job.pid is not None
    assert jobs.reap(session) == []
    os.kill(job.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(job.pid)] if psutil.pid_exists(job.pid) else [], timeout=5)
    [lost] = jobs.reap(session)
    assert (lost.id, lost.status, lost.open) == (id, "lost", False)
    assert lost.ended_at is not None
    assert jobs.reap(session) == []
    assert jobs.status(lost) is Status.FAIL


def test_a_job_outlives_who_started_it_and_is_found_again(session: Session) -> None:
    root = session.declared().root
    script = ("import sys, pathlib; from mlops_tui.opening import open_project; from mlops_tui import jobs; "
              "print(jobs.start(open_project(pathlib.Path(sys.argv[1])), ['nap', '2']), flush=True); "
              "import os; os._exit(0)")
    found = psutil.Popen([sys.executable, "-c", script, str(root)], stdout=-1)
    id = int(found.communicate(timeout=20)[0])
    again = open_project(root)
    [job] = jobs.running(again)
    assert job.id == id
    assert jobs.alive(job)
    assert wait(again, id, ended).status == "done"


def test_a_stranger_with_the_same_number_is_not_taken_for_the_job(session: Session) -> None:
    table = jobs.rows(session)
    id = table.add(["nap"], actor="ana", source="terminal", roles=frozenset())
    born = psutil.Process().create_time() - 3600
    table.born(id, host=table.one(id).host, pid=os.getpid(), born=born)
    assert not jobs.alive(table.one(id))
    assert jobs.cancel(session, id, ask=0, term=0).status == "cancelled"
    assert psutil.pid_exists(os.getpid()), "and it was not shot"


def test_a_job_that_never_got_a_process_is_lost_after_a_day(session: Session) -> None:
    id = jobs.rows(session).add(["nap"], actor="ana", source="terminal", roles=frozenset())
    now = datetime.now(UTC)
    assert jobs.reap(session, now) == []
    assert [job.id for job in jobs.reap(session, now + timedelta(hours=25))] == [id]


def test_two_jobs_at_once_do_not_disturb_each_other(session: Session) -> None:
    first, second = jobs.start(session, ["nap", "1"]), jobs.start(session, ["nap", "1"])
    assert first != second
    assert {wait(session, id, ended).status for id in (first, second)} == {"done"}
    assert len(session.ledger.entries("command")) == 2


def test_what_is_refused_in_the_child_is_a_failed_job_with_the_reason(session: Session) -> None:
    viewer = session.acting_as(Actor("vera", frozenset({"viewer"}), "dashboard"))
    job = wait(session, jobs.start(viewer, ["nap", "1"]), ended)
    assert (job.status, job.exit) == ("failed", 4)
    assert "vera" in job.title


def test_a_role_that_was_taken_away_while_a_job_waited_counts_no_more(session: Session) -> None:
    team = session.declared().root / "team.yaml"
    team.write_text("people: {bo: {login: bo, roles: [viewer]}}\n", encoding="utf-8")
    for name in ("bo", "gone"):
        asked = session.acting_as(Actor(name, frozenset({"operator"}), "slack"))
        job = wait(session, jobs.start(asked, ["nap", "1"]), ended)
        assert job.status == "failed"
        assert f"{name} (viewer) may not run 'nap'" in job.title or f"{name} (no role) may not run" in job.title


def test_a_bug_in_the_work_is_told_apart(session: Session) -> None:
    job = wait(session, jobs.start(session, ["nap", "0", "--fail"]), ended)
    assert (job.status, job.exit) == ("failed", 3)
    assert "a bad dream" in job.title


def test_an_act_needs_the_consent_that_its_plan_was_given(session: Session) -> None:
    job = wait(session, jobs.start(session, ["nap", "sell"]), ended)
    assert (job.status, job.exit) == ("confirm", 2)
    changed = wait(session, jobs.start(session, ["nap", "sell"], consent="0" * 64), ended)
    assert changed.status == "confirm"


def test_nothing_secret_stands_on_the_command_line(session: Session) -> None:
    id = jobs.start(session, ["nap", "60"], consent="c" * 64, reason="because")
    job = wait(session, id, under_way)
    words = " ".join(psutil.Process(job.pid).cmdline())
    assert "nap 60" in words, "ps shows what it is about"
    assert "c" * 64 not in words
    assert "because" not in words
    assert psutil.Process(job.pid).ppid() != 0
    assert os.getsid(job.pid or 0) == job.pid, "a session of its own"


def test_a_job_is_done_once_even_if_somebody_types_its_number(session: Session) -> None:
    id = jobs.start(session, ["nap", "0"])
    wait(session, id, ended)
    again = jobs._spawn(session, id, ["nap", "0"])
    assert again.wait(20) == 2
    assert len(session.ledger.entries("command")) == 1


def test_of_two_processes_given_to_a_job_the_one_that_does_it_is_watched(session: Session) -> None:
    id = jobs.start(session, ["nap", "60"])
    worker = wait(session, id, under_way).pid
    jobs.launch(session, id)
    jobs._children[-1].wait(20)
    assert jobs.reap(session) == []
    assert (jobs.rows(session).one(id).status, jobs.rows(session).one(id).pid) == ("running", worker)
    jobs.cancel(session, id, ask=0, term=5)


def test_who_may_not_start_one(session: Session, tmp_path: Path) -> None:
    with pytest.raises(Denied):
        jobs.start(open_project(session.declared().root, read_only=True), ["nap", "1"])
    with pytest.raises(BadInput):
        jobs.start(session, ["job", "list"])
    with pytest.raises(NotDeclared):
        jobs.start(without_project(tmp_path, session.perform), ["nap", "1"])


def test_the_pace_so_far_says_how_long_is_left(session: Session) -> None:
    table = jobs.rows(session)
    id = table.add(["nap"], actor="ana", source="terminal", roles=frozenset())
    table.claim(id, host="", pid=os.getpid(), born=0.0)
    began = table.one(id).started_at
    assert began is not None
    assert jobs.left(table.one(id), (), began) == "no history"
    table.progress(id, 25, 100, "a quarter")
    assert jobs.left(table.one(id), (), began + timedelta(seconds=30)) == "ETA 1:30"
    assert jobs.left(table.one(id), (900.0,), began + timedelta(seconds=30)) == "ETA 1:30", "its own pace tells more"
    assert table.one(id).share == 0.25


def test_without_a_pace_it_is_told_how_long_it_took_before_or_that_nobody_knows(session: Session) -> None:
    table = jobs.rows(session)

    def put(words: list[str], status: str = "") -> Job:
        id = table.add(words, actor="ana", source="terminal", roles=frozenset())
        table.claim(id, host="", pid=os.getpid(), born=0.0)
        if status:
            table.end(id, status)
        return table.one(id)

    for status in ("done", "failed", "cancelled"):
        put(["nap", "1"], status)
    job, other = put(["nap", "1"]), put(["nap", "2"])
    assert job.started_at is not None
    assert len(jobs.before(session, job)) == 1, "what failed or was stopped tells nothing"
    assert jobs.before(session, other) == []
    usual = (40.0, 50.0, 600.0)
    assert jobs.left(job, usual, job.started_at + timedelta(seconds=8)) == "ETA 0:42"
    assert jobs.left(job, usual, job.started_at + timedelta(seconds=60)) == "longer than usual, 0:50"
    assert jobs.left(other, ()) == "no history"
