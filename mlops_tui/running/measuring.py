"""What a program costs: time, CPU, memory, bytes and GPUs of all its processes, each counted once."""

import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_tui.errors import BadInput, NotFound, Refusal

SAMPLED = "PSS of the process tree, sampled"
LARGEST = "the largest of its processes, as the kernel keeps it"
BRIEF = "at most so much: it ended before enough samples could be taken"
ENOUGH = 5  # readings of memory
WHOLE = "whole run"
SUPERVISOR = Path(__file__).with_name("supervised.py")  # standard library alone, so that it starts at once
ERRORS = 2  # the file descriptor of the error stream


@dataclass(frozen=True)
class PhaseUse:
    """What one phase used; `peak_bytes` is None where nothing could be sampled."""

    phase: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int | None


@dataclass(frozen=True)
class Gpu:
    """A device while the program ran, whoever used it: means over time and the most memory; None where unknown."""

    gpu: int
    name: str
    utilisation: float | None
    peak_bytes: int | None
    total_bytes: int | None
    watts: float | None
    samples: int


@dataclass(frozen=True)
class Measured:
    """What a program used, from its start to its end. `exit` is its exit code, 128 and the signal where one ended it.

    `read_bytes` and `written_bytes` went to and from storage, `asked_*` were asked for, from caches and pipes too.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    phases: tuple[PhaseUse, ...]
    memory_method: str
    exit: int = 0
    user_seconds: float | None = None
    system_seconds: float | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    asked_read_bytes: int | None = None
    asked_written_bytes: int | None = None
    processes: int | None = None
    left_running: int | None = None
    samples: int | None = None
    sampling_share: float | None = None
    memory: tuple[tuple[float, int], ...] = ()
    gpus: tuple[Gpu, ...] | None = None
    gpu_reason: str = ""


def measured(words: Sequence[str], folder: Path) -> Measured:
    """Run the program in the folder with our terminal as its own, and say what it used.

    What it prints goes to the error stream. NotFound and BadInput where it cannot be started. When we are interrupted
    or die, its processes are ended; whoever gets KeyboardInterrupt finds none of them left.
    """
    life, hold = os.pipe()
    answer, said = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SUPERVISOR), str(life), str(said), shutil.which("nvidia-smi") or "",
             *words], cwd=folder, pass_fds=(life, said),
            stdout=ERRORS)
    finally:
        os.close(life)
        os.close(said)
    try:
        told = _heard(answer)
    finally:
        os.close(hold)
        os.close(answer)
        process.wait()
    if not told:
        raise Refusal("The process that measures was killed.", where=" ".join(words), next="Run it again.")
    return _measured(json.loads(told), words)


def _heard(answer: int) -> bytes:
    """All that is said until the other end closes."""
    told = b""
    while True:
        select.select([answer], [], [])
        got = os.read(answer, 1 << 16)
        if not got:
            return told
        told += got


def _measured(told: Mapping[str, Any], words: Sequence[str]) -> Measured:
    if "error" in told:
        kind = NotFound if "No such file" in told["error"] else BadInput
        raise kind(f"'{words[0]}' cannot be started: {told['error']}.", where=" ".join(words),
                   next="Name a program as a shell would find it, such as: mlops-tui footprint -- python train.py")
    sampled = max((phase["peak_bytes"] for phase in told["phases"]), default=0)
    own = told["largest_bytes"] <= 1.02 * told["floor_bytes"]  # then the number is that of the process that forked it
    few = told["looks"] < ENOUGH
    largest = told["largest_bytes"] if not own or few else 0
    status = told["status"]
    phases = tuple(PhaseUse(each["phase"] or "before the first phase", each["seconds"], each["cpu_seconds"],
                            each["peak_bytes"] or None) for each in told["phases"])
    if len(phases) == 1:
        phases = (PhaseUse(WHOLE, told["seconds"], told["cpu_seconds"], max(sampled, largest)),)
    io, gpus = told["io"], None if told["gpu"] is None else devices(told["gpu"])
    why = "no nvidia-smi on the PATH" if gpus is None else "" if gpus else "nvidia-smi said nothing in time"
    return Measured(
        exit=(status if status >= 0 else 128 - status) if status is not None else 128, seconds=told["seconds"],
        cpu_seconds=told["cpu_seconds"], user_seconds=told["user_seconds"], system_seconds=told["system_seconds"],
        peak_bytes=max(sampled, largest), memory_method=SAMPLED if sampled >= largest else BRIEF if own else LARGEST,
        read_bytes=io.get("read_bytes"), written_bytes=io.get("write_bytes"), asked_read_bytes=io.get("rchar"),
        asked_written_bytes=io.get("wchar"), processes=told["processes"], left_running=told["left"],
        samples=told["samples"], sampling_share=told["sampling_seconds"] / max(told["seconds"], 1e-9), phases=phases,
        memory=tuple((at, held) for at, held in told["memory"]), gpus=gpus or None, gpu_reason=why)


def devices(said: str) -> tuple[Gpu, ...]:
    """What nvidia-smi said of each device: `index, name, utilisation %, used MiB, total MiB, W`, line after line."""
    found: dict[int, list[list[str]]] = {}
    for line in said.splitlines():
        fields = [each.strip() for each in line.split(",")]
        if len(fields) == 6 and fields[0].isdigit():
            found.setdefault(int(fields[0]), []).append(fields)
    return tuple(Gpu(index, lines[0][1], _mean([line[2] for line in lines], 0.01), _most([line[3] for line in lines]),
                     _most([line[4] for line in lines]), _mean([line[5] for line in lines]), len(lines))
                 for index, lines in sorted(found.items()))


def _numbers(texts: Sequence[str]) -> list[float]:
    """Those that are numbers: a device without a counter says `[N/A]`."""
    return [float(text) for text in texts if text.replace(".", "", 1).isdigit()]


def _mean(texts: Sequence[str], scale: float = 1.0) -> float | None:
    found = _numbers(texts)
    return scale * sum(found) / len(found) if found else None


def _most(texts: Sequence[str]) -> int | None:
    found = _numbers(texts)
    return int(max(found) * 2**20) if found else None
