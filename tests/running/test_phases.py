"""Phases of work in this process, and those of several processes put together."""

import time
from pathlib import Path

import pytest

from mlops_tui.running.phases import Phases, mark, of_training, together

MIB = 2**20


def test_a_phase_knows_its_time_its_cpu_and_its_own_peak() -> None:
    phases = Phases()
    with phases("read"):
        held = bytearray(b"x") * (150 * MIB)
        del held
    with phases("fit"):
        began = time.process_time()
        while time.process_time() - began < 0.1:
            pass
    read, fit = phases.told()
    assert (read["phase"], fit["phase"]) == ("read", "fit")
    assert fit["cpu_seconds"] >= 0.1
    assert fit["seconds"] >= 0.1
    assert read["peak_bytes"] - fit["peak_bytes"] >= 100 * MIB, "the memory of one phase is none of the next"


def test_a_phase_that_comes_twice_is_added_up() -> None:
    phases = Phases()
    for _ in range(2):
        with phases("read"):
            time.sleep(0.02)
    [read] = phases.told()
    assert read["seconds"] >= 0.04


def use(phase: str, seconds: float, peak: int | None) -> dict[str, object]:
    return {"phase": phase, "seconds": seconds, "cpu_seconds": seconds / 2, "peak_bytes": peak}


def test_the_phases_of_processes_add_up_and_the_peak_is_the_largest() -> None:
    parent = [use("read", 2.0, 50), use("evaluate", 1.0, 70), use("log:boosted", 0.5, None), use("log:linear", 9.0, 9)]
    child = [use("read", 1.0, 80), use("fit:boosted", 4.0, 90), use("fit:linear", 7.0, 900), use("log", 0.25, 60)]
    found = together([parent, child], "boosted")
    assert [(each["phase"], each["seconds"], each["peak_bytes"]) for each in found] == [
        ("read", 3.0, 80), ("fit", 4.0, 90), ("evaluate", 1.0, 70), ("log", 0.75, 60)]
    kept = of_training([parent, child], "boosted", "key", 1000)
    assert (kept["seconds"], kept["cpu_seconds"], kept["peak_bytes"], kept["rows"]) == (8.75, 4.375, 90, 1000)


def test_a_mark_is_written_where_somebody_watches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTPRINT_PHASES", str(tmp_path / "marks"))
    before = time.monotonic()
    mark("read")
    with Phases()("fit:boosted"):
        pass
    lines = [line.split("\t") for line in (tmp_path / "marks").read_text(encoding="utf-8").splitlines()]
    assert [name for name, _ in lines] == ["read", "fit"]
    assert before <= float(lines[0][1]) <= float(lines[1][1]) <= time.monotonic()
    monkeypatch.setenv("FOOTPRINT_PHASES", str(tmp_path / "gone" / "marks"))
    mark("nobody is there any more")
    assert not (tmp_path / "gone").exists()
