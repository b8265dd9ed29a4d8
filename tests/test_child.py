"""A user's Python runs apart: it spoils no protocol, sees no secrets, outlives no parent; its errors have a line."""

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from mlops_tui.running.workers import Child, ChildDied, TimedOut, UserCodeFailed, answers, environment, lines, threads


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "a project"
    root.mkdir()
    return root


@pytest.fixture
def child(project: Path) -> Iterator[Child]:
    with Child(project, log=project / "log.txt") as child:
        yield child


def write(root: Path, name: str, code: str) -> None:
    path = root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(textwrap.dedent(code), encoding="utf-8")


def step(root: Path, name: str, **params: object) -> dict[str, object]:
    return {"kind": "step", "function": name, "inputs": {"clean": root / "clean.txt"}, "params": params,
            "out": root / "out.txt"}


def ran(child: Child, name: str, **params: object) -> str:
    child.call(step(child.root, name, **params), timeout=30)
    return (child.root / "out.txt").read_text()


def test_a_step_gets_paths_and_parameters_and_writes_its_result(child: Child) -> None:
    write(child.root, "steps.py", """
        from pathlib import Path

        def enrich(inputs: dict[str, Path], params: dict, out: Path) -> None:
            out.write_text(inputs["clean"].read_text() * params["times"])
    """)
    (child.root / "clean.txt").write_text("ab")
    assert ran(child, "steps.py:enrich", times=3) == "ababab"


def test_one_process_answers_all_calls_of_a_run(child: Child) -> None:
    write(child.root, "steps.py", "import os\ndef pid(inputs, params, out):\n    out.write_text(str(os.getpid()))\n")
    assert ran(child, "steps.py:pid") == ran(child, "steps.py:pid")


def test_what_the_code_prints_goes_to_the_log_and_never_into_the_answers(child: Child) -> None:
    write(child.root, "steps.py", r"""
        import os, subprocess, sys

        def loud(inputs, params, out):
            print('{"ok": {"seconds": 0, "forged": true}}')
            os.write(1, b'{"ok": "from the descriptor"}\n')
            sys.__stdout__.write("half a line")
            subprocess.run(["echo", "from a grandchild"])
            try:
                input()
            except EOFError:
                print("nothing to read")
            out.write_text("done")
    """)
    answer = child.call(step(child.root, "steps.py:loud"), timeout=30)
    assert list(answer) == ["seconds"]
    log = (child.root / "log.txt").read_text()
    assert all(words in log for words in ("forged", "descriptor", "half a line", "grandchild", "nothing to read"))


def test_the_code_sees_no_secret(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLACK_BOT_TOKEN", "AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "PYTHONSTARTUP", "ANY_OTHER"):
        monkeypatch.setenv(name, "hunter2")
    write(project, "steps.py", """
        import json, os

        def seen(inputs, params, out):
            out.write_text(json.dumps(dict(os.environ)))
    """)
    with Child(project) as child:
        seen = json.loads(ran(child, "steps.py:seen"))
    assert "hunter2" not in seen.values()
    assert seen["PATH"] == os.environ["PATH"]
    assert (seen["PYTHONHASHSEED"], seen["TZ"], seen["OMP_NUM_THREADS"]) == ("0", "UTC", str(threads()))


def test_only_listed_variables_are_passed_on() -> None:
    outer = {"PATH": "/bin", "HOME": "/home/ana", "GITHUB_TOKEN": "x", "PYTHONPATH": "/elsewhere", "LD_PRELOAD": "y"}
    given = environment(outer)
    assert given["PATH"] == "/bin"
    assert "GITHUB_TOKEN" not in given
    assert "LD_PRELOAD" not in given
    assert given.get("PYTHONPATH") != "/elsewhere"


def test_the_projects_own_modules_come_first(child: Child) -> None:
    """Also where a name is taken by the standard library, and from a folder within."""
    write(child.root, "helpers.py", "WHO = 'the project'\n")
    for name in ("statistics.py", "lib/more.py"):
        write(child.root, name, "import helpers\ndef who(inputs, params, out):\n    out.write_text(helpers.WHO)\n")
    assert ran(child, "statistics.py:who") == "the project"
    assert ran(child, "lib/more.py:who") == "the project"
    assert not list(child.root.rglob("__pycache__"))


def failure(child: Child, name: str) -> UserCodeFailed:
    with pytest.raises(UserCodeFailed) as caught:
        child.call(step(child.root, name), timeout=30)
    return caught.value


def test_an_exception_comes_back_with_the_users_file_and_line(child: Child) -> None:
    write(child.root, "steps.py", """
        import json
        import deeper

        def bad_json(inputs, params, out):
            json.loads("{")

        def bad_help(inputs, params, out):
            deeper.divide(0)
    """)
    write(child.root, "deeper.py", "def divide(n):\n    return 1 / n\n")
    problem = failure(child, "steps.py:bad_json")
    assert (problem.what.split(":")[0], problem.where) == ("JSONDecodeError", "steps.py:6")
    assert "log.txt" in problem.next
    problem = failure(child, "steps.py:bad_help")
    assert (problem.what, problem.where) == ("ZeroDivisionError: division by zero", "deeper.py:2")
    assert "Traceback" in (child.root / "log.txt").read_text()


def test_whatever_is_raised_is_an_answer_and_the_child_lives_on(child: Child) -> None:
    write(child.root, "steps.py", """
        import sys

        def leave(inputs, params, out):
            sys.exit(3)

        def idle(inputs, params, out):
            pass

        def wrong(inputs, out):
            pass

        def fine(inputs, params, out):
            out.write_text("fine")
    """)
    assert failure(child, "steps.py:leave").what == "SystemExit: 3"
    assert failure(child, "steps.py:idle").what == "steps.py:idle wrote nothing."
    assert failure(child, "steps.py:idle").where == "steps.py:7"
    assert "positional argument" in failure(child, "steps.py:wrong").what
    assert ran(child, "steps.py:fine") == "fine"


def test_a_wrong_name_is_answered_with_the_nearest(child: Child) -> None:
    write(child.root, "steps.py", "def enrich(inputs, params, out):\n    pass\n")
    write(child.root, "broken.py", "x = 1\ndef f(:\n")
    assert "Did you mean 'enrich'?" in failure(child, "steps.py:enrihc").next
    assert "Did you mean 'steps.py'?" in failure(child, "step.py:enrich").next
    assert "outside the project" in failure(child, "../steps.py:enrich").what
    assert "steps.py:enrich" in failure(child, "enrich").next
    problem = failure(child, "broken.py:f")
    assert (problem.what.split(":")[0], problem.where) == ("SyntaxError", "broken.py:2")


def test_a_killed_child_is_named_and_the_next_call_starts_another(child: Child) -> None:
    write(child.root, "steps.py", """
        import os, signal

        def killed(inputs, params, out):
            print("reading the fourth file")
            os.kill(os.getpid(), signal.SIGKILL)

        def quits(inputs, params, out):
            os._exit(7)

        def fine(inputs, params, out):
            out.write_text("fine")
    """)
    with pytest.raises(ChildDied, match=r"was killed by SIGKILL.*reading the fourth file"):
        child.call(step(child.root, "steps.py:killed"), timeout=30)
    with pytest.raises(ChildDied, match="exit code 7"):
        child.call(step(child.root, "steps.py:quits"), timeout=30)
    assert ran(child, "steps.py:fine") == "fine"


def test_a_dead_child_is_noticed_though_a_grandchild_holds_its_pipe(child: Child) -> None:
    write(child.root, "steps.py", """
        import os, time

        def forks(inputs, params, out):
            if os.fork() == 0:
                time.sleep(60)
            os._exit(5)
    """)
    with pytest.raises(ChildDied, match="exit code 5"):
        child.call(step(child.root, "steps.py:forks"), timeout=30)


def ended(pid: int) -> bool:
    """Whether a process is gone, or will be in ten seconds: who was killed may still have to be scheduled."""
    for _ in range(100):
        with suppress(psutil.NoSuchProcess):
            if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.1)
                continue
        return True
    return False


def test_work_that_overstays_is_killed_with_all_it_started(child: Child) -> None:
    write(child.root, "steps.py", """
        import subprocess, time

        def slow(inputs, params, out):
            sleeper = subprocess.Popen(["sleep", "60"])
            out.write_text(str(sleeper.pid))
            time.sleep(60)

        def fine(inputs, params, out):
            out.write_text("fine")
    """)
    with pytest.raises(TimedOut, match=r"steps.py:slow was still at work"):
        child.call(step(child.root, "steps.py:slow"), timeout=2)
    sleeper = int((child.root / "out.txt").read_text())
    assert ended(sleeper)
    assert ran(child, "steps.py:fine") == "fine"


MEETING = """
    import time
    from pathlib import Path

    def meets(inputs, params, out):
        out.write_text("here")
        while not Path(params["other"]).exists():
            time.sleep(0.01)

    def sleeps(inputs, params, out):
        out.write_text("here")
        time.sleep(60)

    def fails(inputs, params, out):
        while not Path(params["other"]).exists():
            time.sleep(0.01)
        raise KeyError("wind")
"""


def beside(root: Path, names: tuple[str, str], opened: ExitStack) -> list[tuple[Child, dict[str, object]]]:
    """Two children and what they are asked: each gets the other's result as a parameter."""
    write(root, "steps.py", MEETING)
    outs = [root / f"{number}.txt" for number in range(2)]
    return [(opened.enter_context(Child(root)), step(root, f"steps.py:{name}", other=str(other)) | {"out": out})
            for name, out, other in zip(names, outs, reversed(outs), strict=True)]


def test_children_that_are_asked_together_work_at_the_same_time(project: Path) -> None:
    with ExitStack() as opened:
        told = answers(beside(project, ("meets", "meets"), opened), lambda *_: None)
    assert [list(each) for each in told] == [["seconds"], ["seconds"]]


@pytest.mark.parametrize("most", [1, 4, 1000])
def test_all_fits_together_use_no_more_threads_than_there_are_cores(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_tui.running.workers.MOST_LINES", most)
    assert 1 <= lines() <= most
    assert lines() * threads() <= (os.cpu_count() or 1)


def test_who_fails_first_ends_the_wait_and_the_work_of_the_others(project: Path) -> None:
    with ExitStack() as opened:
        asked = beside(project, ("sleeps", "fails"), opened)
        with pytest.raises(UserCodeFailed, match="wind"):
            answers(asked, lambda *_: None)
        sleeper = asked[0][0].start().pid
    assert ended(sleeper)


PARENT = """
import sys, threading
from pathlib import Path
from mlops_tui.running.workers import Child
root = Path(sys.argv[1])
child = Child(root)
child.start()
threading.Thread(target=child.call, args=({"kind": "step", "function": "steps.py:slow", "inputs": {}, "params": {},
                                           "out": "out.txt"},), daemon=True).start()
while not (root / "out.txt").exists():
    pass
print(child.start().pid, flush=True)
__import__("os").kill(__import__("os").getpid(), 9)
"""


def test_a_child_ends_with_its_parent_even_in_the_middle_of_work(project: Path) -> None:
    write(project, "steps.py", """
        import time

        def slow(inputs, params, out):
            out.write_text('')
            time.sleep(60)
    """)
    home = str(Path(__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", PARENT, str(project)], env={**os.environ, "PYTHONPATH": home},
                          stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    pid = int(done.stdout)
    assert ended(pid), "the child works on for nobody"


def test_what_the_code_started_ends_with_the_parent_too(child: Child) -> None:
    write(child.root, "steps.py", """
        import subprocess

        def start(inputs, params, out):
            out.write_text(str(subprocess.Popen(["sleep", "300"]).pid))
    """)
    grandchild = psutil.Process(int(ran(child, "steps.py:start")))
    process = child.start()
    assert process.stdin is not None
    process.stdin.close()  # as when the parent was killed
    psutil.wait_procs([grandchild], timeout=20)
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


def test_a_module_named_like_a_known_one_is_run_once(child: Child) -> None:
    write(child.root, "statistics.py", """
        calls = []

        def count(inputs, params, out):
            calls.append(1)
            out.write_text(str(len(calls)))
    """)
    child.call({"kind": "ready"})  # what a fit imports knows another `statistics`
    assert [ran(child, "statistics.py:count") for _ in range(2)] == ["1", "2"]


def test_a_child_that_gets_ready_for_a_fit_takes_other_requests_too(child: Child) -> None:
    write(child.root, "steps.py", """
        import sys

        def loaded(inputs, params, out):
            out.write_text(str("mlops_tui.models.fitting" in sys.modules))
    """)
    child.start("fit")
    assert ran(child, "steps.py:loaded") == "True"


def test_what_breaks_getting_ready_is_told_when_it_is_asked(child: Child) -> None:
    write(child.root, "sklearn.py", "raise ValueError('taken')")
    child.start("fit")
    with pytest.raises(UserCodeFailed, match="taken") as caught:
        child.call({"kind": "fit"}, timeout=60)
    assert caught.value.where == "sklearn.py:1"


def test_a_step_costs_no_scikit_learn(child: Child) -> None:
    write(child.root, "steps.py", """
        import sys

        def loaded(inputs, params, out):
            out.write_text(" ".join({"sklearn", "pandas", "mlflow", "click", "duckdb"} & set(sys.modules)))
    """)
    assert ran(child, "steps.py:loaded") == ""
