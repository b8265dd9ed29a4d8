"""What a program used, against programs whose use is known: real processes, forks, signals, a script for nvidia-smi."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from mlops_tui.errors import BadInput, NotFound
from mlops_tui.running.measuring import BRIEF, LARGEST, SAMPLED, WHOLE, Measured, devices, measured

MIB = 2**20
HOLD = f"x = bytearray(200 * {MIB})\nfor i in range(0, len(x), 4096): x[i] = 1\n"
BURN = "def burn(s):\n    t = time.process_time()\n    while time.process_time() - t < s: pass\n"


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., Measured]:
    def run(*lines: str) -> Measured:
        return measured([sys.executable, "-c", "import os, time\n" + "\n".join(lines)], tmp_path)

    return run


def test_a_script_that_holds_200_mib_is_reported_within_a_tenth(python: Callable[..., Measured]) -> None:
    used = python(HOLD, "time.sleep(0.3)")
    assert 200 * MIB <= used.peak_bytes <= 220 * MIB
    assert used.exit == 0


def test_memory_that_is_gone_before_any_sample_is_known_to_the_kernel(python: Callable[..., Measured]) -> None:
    used = python(HOLD, "del x")
    assert 200 * MIB <= used.peak_bytes <= 220 * MIB
    assert used.memory_method in (LARGEST, SAMPLED)


def test_forked_children_count_once_in_memory_and_in_cpu(python: Callable[..., Measured]) -> None:
    """Four children share their parent's 200 MiB, and each burns 0.4 s: 200 MiB and 1.6 s, not 1000 and not 0."""
    used = python(HOLD, BURN, "for _ in range(4):", "    if os.fork() == 0:", "        burn(0.4)",
                  "        os._exit(0)", "for _ in range(4): os.wait()")
    assert 200 * MIB <= used.peak_bytes <= 230 * MIB
    assert 1.6 <= used.cpu_seconds <= 3.5
    assert used.processes is not None
    assert used.processes >= 5


def test_memory_of_children_of_their_own_adds_up(python: Callable[..., Measured]) -> None:
    """Three children hold 60 MiB each until all of them do, and two seconds more."""
    used = python("told, tell = os.pipe(); held, hold = os.pipe()", "for _ in range(3):", "    if os.fork() == 0:",
                  f"        x = bytearray(60 * {MIB})", "        for i in range(0, len(x), 4096): x[i] = 1",
                  "        os.close(hold); os.write(tell, b'.'); os.read(held, 1); os._exit(0)",
                  "for _ in range(3): os.read(told, 1)", "time.sleep(2); os.close(hold)",
                  "for _ in range(3): os.wait()")
    assert 180 * MIB <= used.peak_bytes <= 220 * MIB
    assert used.memory_method == SAMPLED


def test_cpu_of_grandchildren_and_of_orphans_is_counted(python: Callable[..., Measured]) -> None:
    """A daemon forks twice and its parent ends at once; its time counts, since the supervisor adopts it."""
    used = python(BURN, "if os.fork() == 0:", "    if os.fork() == 0:", "        burn(0.5); open('burnt', 'w').close()",
                  "        os._exit(0)", "    os._exit(0)", "os.wait()",
                  "while not os.path.exists('burnt'): time.sleep(0.05)", "time.sleep(0.5)")
    assert used.cpu_seconds >= 0.5


def test_bytes_that_are_written_are_counted_also_those_of_children(python: Callable[..., Measured]) -> None:
    used = python("if os.fork() == 0:", "    open('out', 'wb').write(b'x' * 8_000_000)", "    os._exit(0)",
                  "os.wait()")
    assert used.asked_written_bytes is not None
    assert 8_000_000 <= used.asked_written_bytes <= 8_200_000


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill $$", 143)])
def test_the_exit_code_is_that_of_the_program(script: str, code: int, tmp_path: Path) -> None:
    assert measured(["sh", "-c", script], tmp_path).exit == code


def test_a_program_shorter_than_any_sample_is_measured_all_the_same(tmp_path: Path) -> None:
    used = measured(["true"], tmp_path)
    assert used.seconds > 0
    assert 0 < used.peak_bytes < 30 * MIB
    assert used.memory_method in (BRIEF, SAMPLED, LARGEST)
    assert used.phases[0].phase == WHOLE


def test_phases_are_told_apart_by_the_marks_of_the_program(tmp_path: Path) -> None:
    script = ("echo read >> $FOOTPRINT_PHASES; sleep 0.4; echo fit >> $FOOTPRINT_PHASES; sleep 0.4; "
              f"{sys.executable} -c 'import time\n{BURN}burn(0.5)'; echo log >> $FOOTPRINT_PHASES; sleep 0.2")
    used = measured(["sh", "-c", script], tmp_path)
    named = {each.phase: each for each in used.phases}
    assert [each for each in named if each != "before the first phase"] == ["read", "fit", "log"]
    assert sum(each.seconds for each in used.phases) == pytest.approx(used.seconds)
    assert sum(each.cpu_seconds for each in used.phases) == pytest.approx(used.cpu_seconds, abs=0.05)
    assert named["fit"].cpu_seconds >= 0.4
    assert named["read"].cpu_seconds < 0.2
    assert (named["fit"].peak_bytes or 0) > (named["read"].peak_bytes or 0)


def test_sampling_costs_less_than_a_hundredth_of_a_core(tmp_path: Path) -> None:
    used = measured(["sleep", "3"], tmp_path)
    assert used.sampling_share is not None
    assert used.sampling_share < 0.02, "half of that is aimed at; twice it fails"
    assert used.samples is not None
    assert used.samples > 5


def test_what_cannot_be_started_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="No such file"):
        measured(["no-such-program-here"], tmp_path)
    (tmp_path / "plain.txt").write_text("no program", encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be started"):
        measured([str(tmp_path / "plain.txt")], tmp_path)


# -- nothing is left behind -------------------------------------------------------------------------------------------

STUBBORN = "sleep 71 & (setsid sleep 72 &) ; sh -c 'trap \"\" TERM INT; sleep 73; sleep 73'"
ASKER = "import sys, pathlib, mlops_tui.running.measuring as m; m.measured(sys.argv[1:], pathlib.Path('.'))"


def left(marker: Path) -> list[str]:
    """The processes whose working folder is the test's."""
    return [" ".join(each.info["cmdline"] or []) for each in psutil.process_iter(["cwd", "cmdline"])
            if each.info["cwd"] == str(marker)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whoever_interrupts_or_kills_us_leaves_no_process_behind(number: int, tmp_path: Path) -> None:
    """One in the background, one in a session of its own, one that ignores what asks it to end."""
    root = Path(__file__).parents[2]
    asker = subprocess.Popen([sys.executable, "-c", ASKER, "sh", "-c", STUBBORN], cwd=tmp_path,
                             env={**os.environ, "PYTHONPATH": str(root)}, stderr=subprocess.DEVNULL)
    wait_for(lambda: len([each for each in left(tmp_path) if each.startswith("sleep 7")]) == 3)
    asker.send_signal(number)
    asker.wait(30)
    wait_for(lambda: left(tmp_path) == [])
    assert left(tmp_path) == []


def wait_for(condition: Callable[[], bool], most: float = 30.0) -> None:
    until = time.monotonic() + most
    while not condition() and time.monotonic() < until:
        time.sleep(0.1)


def test_a_supervisor_that_is_killed_takes_the_program_with_it(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    asker = subprocess.Popen([sys.executable, "-c", ASKER, "sleep", "74"], cwd=tmp_path,
                             env={**os.environ, "PYTHONPATH": str(root)}, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: "sleep 74" in left(tmp_path))
    [supervisor] = psutil.Process(asker.pid).children()
    supervisor.kill()
    _, said = asker.communicate(timeout=30)
    assert "The process that measures was killed" in said
    wait_for(lambda: left(tmp_path) == [])
    assert left(tmp_path) == []


# -- GPUs -------------------------------------------------------------------------------------------------------------

SMI = """#!/bin/sh
echo "0, NVIDIA A10, 50, 1000, 23028, 120.5"
echo "1, NVIDIA A10, [N/A], 10, 23028, [N/A]"
sleep 0.1
echo "0, NVIDIA A10, 100, 3000, 23028, 130.5"
exec sleep 70
"""


def test_counters_of_gpus_come_from_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "nvidia-smi"
    script.write_text(SMI, encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    used = measured(["sleep", "3"], tmp_path)
    assert used.gpus is not None
    first, second = used.gpus
    assert (first.name, first.utilisation, first.peak_bytes, first.watts) == ("NVIDIA A10", 0.75, 3000 * MIB, 125.5)
    assert (second.utilisation, second.watts, second.peak_bytes) == (None, None, 10 * MIB), "null, not 0"
    assert left(tmp_path) == [], "nvidia-smi is ended with the program"
    assert used.cpu_seconds < 0.5, "and does not count as its CPU"


def test_without_nvidia_smi_there_are_no_counters_and_the_reason(tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_tui.running.measuring.shutil.which", lambda _: None)
    used = measured(["true"], tmp_path)
    assert (used.gpus, used.gpu_reason) == (None, "no nvidia-smi on the PATH")


def test_lines_that_are_no_counters_are_passed_over() -> None:
    assert devices("NVIDIA-SMI has failed because it couldn't communicate with the driver.\n\n0, half") == ()
