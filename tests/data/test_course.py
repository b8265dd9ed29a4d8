"""Steps side by side, tried again, stopped and killed: the same bytes come out, and nothing half is left."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from mlops_tui import jobs
from mlops_tui.commands import Outcome
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from mlops_tui.view import Status, Steps
from store.facts import Run, Snapshot

ROOT = Path(__file__).parents[2]
STEPS = """\
import os
import signal
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def number(inputs, params, out):
    print("numbering", params.get("n", 0))
    pq.write_table(pa.table({"id": [params.get("n", 0)]}), out)


def meets(inputs, params, out):
    here = Path(params["here"])
    here.touch()
    while not Path(params["there"]).exists():
        time.sleep(0.01)
    number(inputs, params, out)


def flaky(inputs, params, out):
    tries = Path(params["tries"])
    before = int(tries.read_text()) if tries.exists() else 0
    tries.write_text(str(before + 1))
    if before < params["fails"]:
        print("no luck at", before)
        if params.get("dies"):
            os._exit(9)
        raise ConnectionError("no luck")
    number(inputs, params, out)


def waits(inputs, params, out):
    Path(params["here"]).write_text(str(os.getpid()))
    while not Path(params["here"] + ".go").exists():
        time.sleep(0.02)
    number(inputs, params, out)


def murders(inputs, params, out):
    number(inputs, params, out)
    once = Path(params["once"])
    if not once.exists():
        once.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
"""


@pytest.fixture
def work(project: Path) -> Path:
    """A project with Python that can be told how to behave, and a dataset `flights`."""
    (project / "steps.py").write_text(STEPS, encoding="utf-8")
    (project / "pipelines").mkdir()
    session = opened(project)
    session.commit(session.data().write("flights", "SELECT i AS id FROM range(1000) t(i)", sort=("id",)))
    return project


def opened(project: Path) -> Session:
    return open_project(project, person="ana", source="test")


def declare(project: Path, *steps: dict[str, object], **sql: str) -> None:
    """The pipeline `p` of these steps; JSON is YAML."""
    (project / "pipelines/p.yaml").write_text(json.dumps({"steps": steps}), encoding="utf-8")
    for name, text in sql.items():
        (project / f"pipelines/{name}.sql").write_text(text, encoding="utf-8")


def python(name: str, function: str = "number", inputs: tuple[str, ...] = (), **more: object) -> dict[str, object]:
    declared = {key: more.pop(key) for key in ("retries", "backoff", "timeout") if key in more}
    params = {key: str(value) if isinstance(value, Path) else value for key, value in more.items()}
    return {"name": name, "python": f"steps.py:{function}", "inputs": inputs, "params": params, **declared}


def run(session: Session, *options: str) -> Outcome:
    return session.perform(["pipeline", "run", "p", *options])


def steps(outcome: Outcome) -> dict[str, str]:
    assert outcome.error is None, outcome.error
    [part] = [part for part in outcome.view.parts if isinstance(part, Steps)]
    return {step.step: "same" if step.detail == "as before" else step.status.value for step in part.items}


def details(outcome: Outcome) -> dict[str, str]:
    [part] = [part for part in outcome.view.parts if isinstance(part, Steps)]
    return {step.step: step.detail for step in part.items}


def states(session: Session) -> dict[str, str]:
    made = {entry.subject: entry.fact.snapshot for entry in session.ledger.entries("snapshot")
            if isinstance(entry.fact, Snapshot)}
    return {name: snapshot for name, snapshot in made.items() if name.startswith("p.")}


def told(session: Session, verb: str = "status") -> dict[str, str]:
    rows = session.perform(["pipeline", verb, "p"]).view.table("steps").rows
    return {str(row["step"]): str(row["state"]) for row in rows}


def until(true: object, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


# -- side by side -----------------------------------------------------------------------------------------------


def test_steps_that_do_not_wait_for_each_other_are_at_work_at_the_same_time(work: Path) -> None:
    """Each ends only when the other has begun."""
    declare(work, python("a", "meets", here=work / "a", there=work / "b", n=1),
            python("b", "meets", here=work / "b", there=work / "a", n=2),
            {"name": "both", "sql": "both.sql", "inputs": ["a", "b"], "key": ["id"]},
            both="SELECT * FROM a UNION ALL SELECT * FROM b")
    session = opened(work)
    assert steps(run(session, "--workers", "2")) == {"a": "done", "b": "done", "both": "done"}
    assert session.snapshot("p.both").rows == 2


def test_any_number_of_workers_makes_the_same_bytes(work: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Sums of floats, whose order matters, in a graph made at random."""
    rng, declared, sql = random.Random(7), [], {}
    for number in range(12):
        inputs = rng.sample(["flights", *(f"s{each}" for each in range(number))], k=min(number + 1, 2))
        union = " UNION ALL ".join(f'SELECT id FROM "{name}"' for name in inputs)
        sql[f"s{number}"] = (f"SELECT id % 97 AS id, sum(sqrt(id) / {number + 3}) AS x FROM ({union}) "
                             f"GROUP BY ALL")
        declared.append({"name": f"s{number}", "sql": f"s{number}.sql", "inputs": inputs, "key": ["id"]})
    made = []
    for workers in ("1", "2", "5"):
        folder = tmp_path_factory.mktemp("again")
        for name in ("mlops.yaml", "team.yaml"):
            (folder / name).write_bytes((work / name).read_bytes())
        (folder / "pipelines").mkdir()
        declare(folder, *declared, **sql)
        session = opened(folder)
        session.commit(session.data().write("flights", "SELECT i AS id FROM range(100000) t(i)", sort=("id",)))
        assert set(steps(run(session, "--workers", workers)).values()) == {"done"}
        assert session.ledger.verify() is None
        made.append(states(session))
    assert made[0] == made[1] == made[2]
    assert len(set(made[0].values())) == 12


def test_what_does_not_need_a_step_that_failed_is_run(work: Path) -> None:
    declare(work, python("bad", "nothing"), python("good"), python("after", inputs=("bad",)),
            python("last", inputs=("after", "good")))
    outcome = run(opened(work))
    assert steps(outcome) == {"bad": "fail", "good": "done", "after": "unknown", "last": "unknown"}
    assert details(outcome)["last"] == "not run: bad failed"
    assert outcome.exit == 1


# -- tried again ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dies", [False, True])
def test_python_that_fails_is_tried_again_and_the_attempt_is_told(work: Path, dies: bool) -> None:
    declare(work, python("a", "flaky", tries=work / "tries", fails=2, dies=dies, retries=3, backoff="0s"))
    session = opened(work)
    outcome = run(session)
    assert steps(outcome) == {"a": "done"}
    assert "attempt 3 of 4" in details(outcome)["a"]
    assert (work / "tries").read_text() == "3"
    [row] = session.perform(["pipeline", "status", "p"]).view.table("steps").rows
    assert row["detail"] == "attempt 3 of 4"
    log = session.perform(["pipeline", "log", "p", "a"]).view
    said = "".join(part.body for part in log.parts if hasattr(part, "body"))
    assert "child.py" not in said, "the traceback begins in the project"
    assert said.index("no luck at 0") < said.index("attempt 1 of 4 failed") < said.index("no luck at 1")


def test_after_the_last_attempt_it_has_failed(work: Path) -> None:
    declare(work, python("a", "flaky", tries=work / "tries", fails=9, retries=1, backoff="0s"))
    outcome = run(opened(work))
    assert (steps(outcome), (work / "tries").read_text()) == ({"a": "fail"}, "2")
    assert "attempt 2 of 2" in details(outcome)["a"]
    assert "steps.py:" in details(outcome)["a"], "where it was raised"


def test_between_attempts_it_waits_longer_and_longer(work: Path) -> None:
    declare(work, python("a", "flaky", tries=work / "tries", fails=2, retries=2, backoff="1s"))
    began = time.monotonic()
    assert steps(run(opened(work))) == {"a": "done"}
    assert time.monotonic() - began >= 3, "one second, then two"


def test_only_python_may_be_tried_again(work: Path) -> None:
    declare(work, {"name": "a", "sql": "a.sql", "inputs": ["flights"], "retries": 2}, a="FROM flights")
    outcome = run(opened(work))
    assert "only Python is retried" in (outcome.error or {})["what"]
    assert "p.yaml:1" in (outcome.error or {})["where"]


# -- time limits ------------------------------------------------------------------------------------------------

ENDLESS = "SELECT sum(sqrt(a.id * b.range)) AS x FROM flights a, range(100000000) b"


def test_a_step_that_overstays_is_ended_and_the_others_go_on(work: Path) -> None:
    declare(work, python("slow", "waits", here=work / "here", timeout="1s", retries=3),
            {"name": "endless", "sql": "endless.sql", "inputs": ["flights"], "timeout": "1s"},
            {"name": "fine", "sql": "fine.sql", "inputs": ["flights"], "key": ["id"]},
            python("also", n=4), endless=ENDLESS, fine="FROM flights")
    outcome = run(opened(work), "--workers", "2")
    assert steps(outcome) == {"slow": "fail", "endless": "fail", "fine": "done", "also": "done"}
    assert "time was up" in details(outcome)["slow"]
    assert "time was up" in details(outcome)["endless"]
    assert gone(int((work / "here").read_text()))


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


# -- stopped ----------------------------------------------------------------------------------------------------

SCRIPT = """
import sys
from pathlib import Path
from mlops_tui.opening import open_project
outcome = open_project(Path(sys.argv[1]), person="ana", source="test").perform(["pipeline", "run", "p", *sys.argv[2:]])
print(outcome.view.title, outcome.error and outcome.error["next"], flush=True)
raise SystemExit(outcome.exit)
"""


@contextmanager
def running(project: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The run, in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(project), *options], cwd=ROOT, stdout=subprocess.PIPE,
                          text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def held(work: Path) -> None:
    """One step that ends, then Python and SQL that do not."""
    declare(work, python("first", n=1),
            python("python", "waits", inputs=("first",), here=work / "here"),
            {"name": "endless", "sql": "endless.sql", "inputs": ["flights", "first"]},
            python("last", inputs=("python", "endless")),
            endless=ENDLESS)


def at_work(session: Session, work: Path) -> bool:
    return (work / "here").exists() and told(session) == {
        "first": "done", "python": "running", "endless": "running", "last": "never run"}


def whole(session: Session) -> None:
    """Everything that is announced is there, byte for byte, and the chain holds."""
    for entry in session.ledger.entries("snapshot"):
        assert isinstance(entry.fact, Snapshot)
        assert session.data().damaged(session.data().stored(entry.subject, entry.fact.snapshot)) == []
    assert session.ledger.verify() is None


def test_ctrl_c_stops_what_is_at_work_keeps_what_ended_and_says_so(work: Path) -> None:
    held(work)
    session = opened(work)
    with running(work, "--workers", "2") as process:
        until(lambda: at_work(session, work))
        assert session.perform(["pipeline", "graph", "p"]).view.status is Status.RUNNING
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.strip() == "p was stopped: 1 of 4 steps are done, and kept. Try: mlops-tui pipeline run p"
    assert gone(int((work / "here").read_text()))
    assert told(session) == {"first": "done", "python": "cancelled", "endless": "cancelled", "last": "never run"}
    assert list(states(session)) == ["p.first"]
    whole(session)
    (work / "here.go").touch()
    declare(work, python("first", n=1), python("python", "waits", inputs=("first",), here=work / "here"))
    assert steps(run(opened(work))) == {"first": "same", "python": "done"}


def test_a_job_that_is_cancelled_stops_in_the_same_way(work: Path) -> None:
    held(work)
    session = opened(work)
    number = jobs.start(session, ["pipeline", "run", "p", "--workers", "2"])
    until(lambda: at_work(session, work))
    ended = jobs.cancel(session, number, ask=20)
    assert (ended.status, ended.exit) == ("cancelled", 130)
    assert "1 of 4 steps are done" in ended.title
    assert gone(int((work / "here").read_text()))
    assert told(session, "graph")["endless"] == "cancelled"
    whole(session)


def test_a_wait_for_another_attempt_can_be_stopped(work: Path) -> None:
    declare(work, python("a", "flaky", tries=work / "tries", fails=9, retries=5, backoff="1h"))
    with running(work) as process:
        until((work / "tries").exists)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert (process.returncode, (work / "tries").read_text()) == (130, "1")


# -- killed -----------------------------------------------------------------------------------------------------


def test_killed_in_the_middle_of_sql_and_python_it_is_interrupted_and_the_rerun_goes_on(work: Path) -> None:
    held(work)
    session = opened(work)
    with running(work, "--workers", "2") as process:
        until(lambda: at_work(session, work))
        process.kill()
        process.wait()
    assert told(session) == {"first": "done", "python": "interrupted", "endless": "interrupted", "last": "never run"}
    [row] = session.perform(["pipeline"]).view.table("pipelines").rows
    assert (row["state"], row["status"]) == ("interrupted", Status.WARN)
    assert "p-1 was interrupted" in session.perform(["pipeline", "status", "p"]).view.title
    assert gone(int((work / "here").read_text())), "what it had started ends with it"
    whole(session)
    (work / "here.go").touch()
    (work / "pipelines/endless.sql").write_text("FROM flights")
    assert steps(run(opened(work))) == {"first": "same", "python": "done", "endless": "done", "last": "done"}
    assert set(told(opened(work)).values()) == {"done"}


def boundaries(work: Path) -> None:
    """SQL and Python by turns; each Python step kills its parent the first time, when it has written its result."""
    named = [f"s{number}" for number in range(6)]
    declared, sql = [], {}
    for number, name in enumerate(named):
        inputs = (named[number - 1],) if number else ("flights",)
        if number % 2:
            declared.append(python(name, "murders", inputs=inputs, n=number, once=work / f"once{number}"))
        else:
            declared.append({"name": name, "sql": f"{name}.sql", "inputs": inputs, "key": ["id"]})
            sql[name] = f"SELECT id, {number} AS n FROM {inputs[0]}"
    declare(work, *declared, **sql)


def test_killed_by_each_python_step_in_turn_the_last_rerun_has_the_bytes_of_a_calm_run(work: Path) -> None:
    boundaries(work)
    seen = []
    for _ in range(4):
        with running(work) as process:
            process.communicate(timeout=60)
        session = opened(work)
        whole(session)
        seen.append((process.returncode, len(states(session))))
    assert seen == [(-9, 1), (-9, 3), (-9, 5), (0, 6)]
    killed = states(opened(work))
    for path in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (work / ".mlops" / path).unlink(missing_ok=True)
    calm = opened(work)
    calm.commit(calm.data().write("flights", "SELECT i AS id FROM range(1000) t(i)", sort=("id",)))
    assert set(steps(run(calm)).values()) == {"done"}
    assert states(calm) == killed


@pytest.mark.slow
def test_killed_right_after_each_step_the_rerun_goes_on_there(work: Path) -> None:
    """The history is watched, and the run killed as soon as it tells of one step more."""
    for number in (1, 3, 5):
        (work / f"once{number}").touch()
    boundaries(work)
    for wanted in range(1, 6):
        before = killed_at(work, wanted)
    last = steps(run(opened(work)))
    assert {name for name, how in last.items() if how == "same"} >= before
    assert set(last.values()) <= {"same", "done"}
    assert len(states(opened(work))) == 6


def killed_at(work: Path, wanted: int) -> set[str]:
    """The steps that had ended when the run was killed: so many, or a few more."""
    session = opened(work)
    with running(work) as process:
        until(lambda: len(done(session)) >= wanted or process.poll() is not None)
        process.kill()
    whole(session)
    return done(session)


def done(session: Session) -> set[str]:
    return {entry.fact.step for entry in session.ledger.entries("run")
            if isinstance(entry.fact, Run) and entry.fact.status == "done" and entry.fact.step}


# -- names and texts ----------------------------------------------------------------------------------------------


def test_a_step_of_another_name_finds_what_was_made_of_the_same_parts(work: Path) -> None:
    made = {"sql": "x.sql", "inputs": ["flights"], "key": ["id"]}
    declare(work, {"name": "old", **made}, x="SELECT id, id * 2 AS twice FROM flights")
    session = opened(work)
    run(session)
    before = session.snapshot("p.old")
    declare(work, {"name": "new", **made})
    session = opened(work)
    plan = session.perform(["pipeline", "plan", "p"]).view
    assert [row["runs"] for row in plan.table("plan").rows] == ["no"]
    assert session.current("p.new") is None, "a look keeps nothing"
    assert steps(run(session)) == {"new": "same"}
    after = session.snapshot("p.new")
    assert (after.id, after.rows) == (before.id, 1000)
    assert {file.path.split("/")[0] for file in after.files} == {"p.new"}, "its files are its own"
    (session.data().root / before.files[0].path).unlink()
    assert session.data().damaged(after) == []
    assert steps(run(opened(work))) == {"new": "same"}


@pytest.mark.parametrize("text", ["select id from flights where id < $least", "  SELECT id\n\n  FROM flights -- all\n",
                                  "-- What counts.\nSELECT id FROM flights /* every one */ ;"])
def test_comments_and_gaps_in_sql_change_nothing_and_words_do(work: Path, text: str) -> None:
    step = {"name": "a", "sql": "a.sql", "inputs": ["flights"], "key": ["id"], "params": {"least": 5}}
    declare(work, step, a="SELECT id FROM flights")
    run(opened(work))
    declare(work, step, a=text)
    assert steps(run(opened(work))) == {"a": "done" if "least" in text else "same"}


# -- what is told -----------------------------------------------------------------------------------------------


def test_the_log_of_a_step_is_what_it_printed_and_goes_on_while_it_runs(work: Path) -> None:
    declare(work, python("a", n=7), python("b", "waits", here=work / "here", inputs=("a",)))
    session = opened(work)

    def said(*step: str) -> str:
        view = session.perform(["pipeline", "log", "p", *step]).view
        return "\n".join(part.body for part in view.parts if hasattr(part, "body"))

    thread = threading.Thread(target=run, args=(opened(work),))
    thread.start()
    until((work / "here").exists)
    assert said("a") == "numbering 7"
    assert told(session, "log") == {"a": "done", "b": "running"}
    assert said("b") == "It printed nothing."
    (work / "here.go").touch()
    thread.join()
    assert said("b") == "numbering 0"
    assert said() == "── a\nnumbering 7\n── b\nnumbering 0"
    wrong = session.perform(["pipeline", "log", "p", "c2"])
    assert "Steps: a, b" in (wrong.error or {})["next"]


def test_who_waits_sees_what_runs(work: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    session = opened(work)
    declare(work, python("a"), python("b", inputs=("a",)))
    session.progress = lambda done, total, label: seen.append((done, total, label))
    run(session)
    assert {("a", 0), ("b", 1)} <= {(label, done) for done, _, label in seen}
    assert {total for _, total, _ in seen} == {2}


def test_two_runs_at_once_both_end_well_and_alike(work: Path) -> None:
    declare(work, python("a", "meets", here=work / "x", there=work / "x"), python("b", inputs=("a",), n=2))
    with running(work) as one, running(work) as two:
        for process in (one, two):
            process.communicate(timeout=60)
        assert (one.returncode, two.returncode) == (0, 0)
    session = opened(work)
    whole(session)
    assert steps(run(session)) == {"a": "same", "b": "same"}
    assert list((work / ".mlops/lake/_staging").iterdir()) == []
