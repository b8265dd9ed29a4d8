"""The phases of a piece of work, and what each of them used: seconds, CPU seconds, the most memory."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

MARKS = "FOOTPRINT_PHASES"  # the variable that `mlops-tui footprint` sets
ORDER = ("read", "features", "fit", "evaluate", "log")
Use = dict[str, Any]


def mark(name: str) -> None:
    """Say to `mlops-tui footprint`, where that watches us, that a phase begins now."""
    path = os.environ.get(MARKS)
    if path:
        with suppress(OSError), Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{name}\t{time.monotonic()}\n")


class Phases:
    """`with phases("read"): ...`, in this process; a phase that comes twice is added up."""

    def __init__(self) -> None:
        self.used: dict[str, Use] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        mark(name.partition(":")[0])
        began, cpu = time.perf_counter(), time.process_time()
        fresh = _forget_peak()
        yield
        used = self.used.setdefault(name, {"phase": name, "seconds": 0.0, "cpu_seconds": 0.0, "peak_bytes": None})
        used["seconds"] += time.perf_counter() - began
        used["cpu_seconds"] += time.process_time() - cpu
        used["peak_bytes"] = max((each for each in (used["peak_bytes"], _peak() if fresh else None)
                                  if each is not None), default=None)

    def told(self) -> list[Use]:
        """Each phase as plain values."""
        return list(self.used.values())


def _forget_peak() -> bool:
    """Let the kernel's high-water mark of our memory begin anew; False where it cannot (other than Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _peak() -> int | None:
    """The high-water mark of our resident memory, in bytes."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def together(parts: Iterable[Sequence[Mapping[str, Any]]], name: str) -> list[Use]:
    """The phases of several processes as those of one candidate: times add up, the peak is the largest.

    `fit:NAME` and `log:NAME` are phases of the candidate NAME alone; those of others are left out.
    """
    found: dict[str, Use] = {}
    for each in (use for part in parts for use in part):
        phase, _, of = str(each["phase"]).partition(":")
        if of not in ("", name):
            continue
        used = found.setdefault(phase, {"phase": phase, "seconds": 0.0, "cpu_seconds": 0.0, "peak_bytes": None})
        used["seconds"] += each["seconds"]
        used["cpu_seconds"] += each["cpu_seconds"]
        used["peak_bytes"] = max((peak for peak in (used["peak_bytes"], each["peak_bytes"]) if peak is not None),
                                 default=None)
    return sorted(found.values(), key=lambda use: ORDER.index(use["phase"]) if use["phase"] in ORDER else len(ORDER))


def of_training(parts: Iterable[Sequence[Mapping[str, Any]]], name: str, key: str, rows: int) -> dict[str, Any]:
    """What the training of a candidate used, as `mlops-tui footprint` reads it."""
    found = together(parts, name)
    return {"key": key, "rows": rows, "seconds": sum(each["seconds"] for each in found),
            "cpu_seconds": sum(each["cpu_seconds"] for each in found), "phases": found,
            "peak_bytes": max((each["peak_bytes"] or 0 for each in found), default=0),
            "memory_method": "resident memory of the largest process of each phase, as the kernel keeps it"}
