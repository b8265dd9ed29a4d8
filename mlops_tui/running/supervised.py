"""A process that runs a program, watches all its processes, and lets none of them outlive an interruption.

Started by `mlops_tui.running.measuring` as `python -I -S supervised.py LIFE ANSWER GPU PROGRAM ARGS…`. LIFE is a pipe
whose other end the asker holds: when it closes, because the asker is done waiting or dead, every process is ended.
ANSWER takes one JSON document at the end. GPU is the path of nvidia-smi, or nothing.

It is a process of its own, and a small one, because what the kernel says of a child's memory begins with what its
parent had when it forked. It adopts the orphans among the program's processes (Linux), so that none escapes the count.
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PHASES = "FOOTPRINT_PHASES"  # the variable that names the file to which a program writes the phases it enters
SHORTEST, LONGEST, RAREST = 0.005, 1.0, 20.0  # seconds between two samples; between two readings of memory, at most
THRIFT = 400  # a sample costs at most this small a part of the time to the next one
LOOK = 0.25  # seconds between two readings of memory where nothing grows
MOST_POINTS = 2000  # of the memory curve
GRACE = 3.0  # seconds from asking processes to end to ending them
TICK, PAGE = 1 / os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
GPU_QUERY = ("--query-gpu=index,name,utilization.gpu,memory.used,memory.total,power.draw",
             "--format=csv,noheader,nounits", "--loop-ms=500")
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes of `ru_maxrss`
_LISTS = Path(f"/proc/self/task/{os.getpid()}/children").exists()
_BECOME_SUBREAPER, _DIE_WITH_PARENT = 36, 1  # prctl


@dataclass
class Phase:
    """What was used between two marks: the tree's CPU seconds and the most memory it held."""

    phase: str
    began: float
    cpu_began: float
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


@dataclass
class Watch:
    """The samples so far."""

    began: float
    marks: str
    phases: list[Phase] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    reaped: float = 0.0
    samples: int = 0
    looked: float = -1e9
    next_look: float = 0.0
    last: tuple[frozenset[int], int, int] = (frozenset(), 0, 0)
    read: int = 0
    cpu: float = 0.0

    def take(self, pids: Sequence[int], began: float) -> float:
        """One sample, at which work `began` (process time); the seconds until the next one.

        Memory that processes share counts once: PSS. To read it costs the more the more there is, so it is read where
        it may have grown, and at a pace of its own.
        """
        self.samples += 1
        found = [each for pid in pids if (each := _stat(pid)) is not None]
        self.seen |= set(pids)
        now = time.monotonic()
        self.cpu = max(self.cpu, self.reaped + sum(cpu for cpu, _ in found))
        self._entered(now)
        resident = sum(rss for _, rss in found)
        same, before, held = self.last
        if found and same == frozenset(pids):
            self.phases[-1].peak_bytes = max(self.phases[-1].peak_bytes, held + resident - before)
        pause = min(max((time.process_time() - began) * THRIFT, SHORTEST), LONGEST)
        if found and now >= self.next_look and (resident > self.phases[-1].peak_bytes or now - self.looked > LOOK):
            self._look(pids, now, resident)
        return pause

    def _look(self, pids: Sequence[int], now: float, resident: int) -> None:
        began, self.looked = time.process_time(), now
        held = sum(_pss(pid) for pid in pids) or resident
        self.phases[-1].peak_bytes = max(self.phases[-1].peak_bytes, held)
        self.last = (frozenset(pids), resident, held)
        self.memory.append((now - self.began, held))
        if len(self.memory) > MOST_POINTS:
            self.memory = [max(pair, key=lambda each: each[1]) for pair in zip(
                self.memory[::2], self.memory[1::2], strict=False)]
        self.next_look = now + min((time.process_time() - began) * THRIFT, RAREST)

    def _entered(self, now: float) -> None:
        """Begin the phases that were marked since: `NAME`, or `NAME<tab>SECONDS` of the machine's monotonic clock."""
        with contextlib.suppress(OSError), open(self.marks, "rb") as file:  # noqa: PTH123  (pathlib takes its time)
            file.seek(self.read)
            whole, newline, _ = file.read().rpartition(b"\n")
            self.read += len(whole) + len(newline)
            for line in whole.decode(errors="replace").splitlines():
                name, _, at = line.partition("\t")
                self.enter(name.strip()[:80], _moment(at, self.phases[-1].began, now))

    def enter(self, name: str, at: float) -> None:
        """End the phase that is on, and begin another."""
        if self.phases:
            last = self.phases[-1]
            last.seconds, last.cpu_seconds = at - last.began, self.cpu - last.cpu_began
        self.phases.append(Phase(name, at, self.cpu))


def _moment(text: str, earliest: float, now: float) -> float:
    """The time of a mark; now where it bears none that can be."""
    try:
        return min(max(float(text), earliest), now)
    except ValueError:
        return now


def _stat(pid: int) -> tuple[float, int] | None:
    """CPU seconds of a process and of the children it has waited for, and its resident bytes; None once it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return sum(map(int, fields[11:15])) * TICK, int(fields[21]) * PAGE


def _pss(pid: int) -> int:
    """The process's proportional set size: a page that k processes share counts 1/k in each. 0 once it is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:  # noqa: PTH123
            return sum(int(line.split()[1]) * 1024 for line in file if line.startswith(b"Pss:"))
    except OSError:
        return 0


def below(pid: int) -> Iterator[int]:
    """Every process below this one, as the kernel lists them by thread."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208
    except OSError:
        return
    for thread in threads:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123
            for child in map(int, file.read().split()):
                yield child
                yield from below(child)


def _io() -> dict[str, int]:
    """Bytes read and written by this process and by all that it has waited for, this thread's own left out."""
    found: dict[str, int] = {}
    for path, sign in ((f"/proc/{os.getpid()}/io", 1), (f"/proc/{os.getpid()}/task/{os.getpid()}/io", -1)):
        with contextlib.suppress(OSError):
            for line in Path(path).read_text(encoding="ascii").splitlines():
                name, _, value = line.partition(": ")
                found[name] = found.get(name, 0) + sign * int(value)
    return found


def _own_peak() -> int:
    """The most memory this process has held: where the count of a child's memory begins. Not `ru_maxrss`, which began
    with what our own parent had."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT


class Supervisor:
    """One program, from its start to the end of all that it started."""

    def __init__(self, life: int, gpu: str, words: Sequence[str]) -> None:
        self.life, self.words = life, words
        self.folder = tempfile.TemporaryDirectory(prefix="footprint-")
        self.marks, self.gpu_said = (str(Path(self.folder.name) / name) for name in ("phases", "gpu"))
        Path(self.marks).touch()
        self.ended: dict[int, tuple[int, resource.struct_rusage]] = {}
        self.asked_to_stop = False
        self.gpu = self._gpu(gpu)
        self.floor = _own_peak()
        self.began = time.monotonic()
        self.child = subprocess.Popen(self.words, preexec_fn=_dies_with_parent,  # noqa: PLW1509  (one thread)
                                      env={**os.environ, PHASES: self.marks})
        self.watch = Watch(self.began, self.marks)
        self.watch.enter("", self.began)

    def _gpu(self, path: str) -> "subprocess.Popen[bytes] | None":
        if not path:
            return None
        with Path(self.gpu_said).open("wb") as out:
            return subprocess.Popen([path, *GPU_QUERY], stdin=subprocess.DEVNULL, stdout=out,
                                    stderr=subprocess.DEVNULL, preexec_fn=_dies_with_parent)  # noqa: PLW1509

    def run(self, woken: int) -> dict[str, Any]:
        """Watch until the program has ended, or all has to."""
        started = time.process_time()
        while self.child.pid not in self.ended:
            began = time.process_time()
            self._wait(woken, self.watch.take(self._below(), began))
            if self.asked_to_stop:
                self._stop(woken)
                break
        return {**self._told(time.monotonic()), "sampling_seconds": time.process_time() - started}

    def _below(self) -> list[int]:
        """The program's processes; where the kernel lists none (other than Linux), the program alone."""
        if not _LISTS:
            return [self.child.pid] if self.child.pid not in self.ended else []
        return [pid for pid in below(os.getpid()) if self.gpu is None or pid != self.gpu.pid]

    def _wait(self, woken: int, pause: float) -> None:
        """Sleep until it is time, a child has ended, or the asker is gone."""
        heard = [woken] if self.asked_to_stop else [woken, self.life]  # a closed pipe would wake us for ever
        ready, _, _ = select.select(heard, [], [], pause)
        if woken in ready:
            os.read(woken, 4096)
        if self.life in ready:
            self.asked_to_stop = True
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, used = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    break
                self.ended[pid] = (status, used)
                if self.gpu is None or pid != self.gpu.pid:
                    self.watch.reaped += used.ru_utime + used.ru_stime

    def _stop(self, woken: int) -> None:
        """Ask every process to end, then end those that have not, until there are none."""
        for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
            until = time.monotonic() + patience
            for pid in self._below():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            while (left := self._below()) and time.monotonic() < until:
                self._wait(woken, 0.02)
                for pid in left if number == signal.SIGKILL else ():  # some are as young as this loop
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)

    def _told(self, now: float) -> dict[str, Any]:
        watch = self.watch
        mine = [used for pid, (_, used) in self.ended.items() if self.gpu is None or pid != self.gpu.pid]
        user, system = sum(each.ru_utime for each in mine), sum(each.ru_stime for each in mine)
        left = [pid for pid in self._below() if pid not in self.ended]
        watch.take(left, time.process_time())
        watch.cpu = max(watch.cpu, user + system)
        watch.enter("", now)
        io = _io()
        status = self.ended[self.child.pid][0] if self.child.pid in self.ended else None
        if self.gpu is not None:
            self.gpu.kill()
            self.gpu.wait()
        return {"status": None if status is None else os.waitstatus_to_exitcode(status), "seconds": now - self.began,
                "cpu_seconds": watch.cpu, "user_seconds": user, "system_seconds": system,
                "largest_bytes": max((each.ru_maxrss for each in mine), default=0) * UNIT,
                "floor_bytes": self.floor, "looks": len(watch.memory), "samples": watch.samples,
                "processes": len(watch.seen | {self.child.pid}),
                "left": len(left), "io": io, "phases": [asdict(each) for each in watch.phases[:-1]],
                "memory": watch.memory, "gpu": Path(self.gpu_said).read_text(errors="replace") if self.gpu else None}


def _dies_with_parent() -> None:
    """In the child, before it becomes the program: where its parent is killed, so is it (Linux)."""
    if sys.platform == "linux":
        _PRCTL(_DIE_WITH_PARENT, signal.SIGKILL)


_PRCTL: Any = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def main() -> None:
    """Be the supervisor that the words ask for."""
    life, answer, gpu, *words = sys.argv[1:]
    if _PRCTL is not None:
        _PRCTL(_BECOME_SUBREAPER, 1)
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)  # the program has got it too, and the asker closes the pipe
    stop = False

    def asked(*_: object) -> None:
        nonlocal stop
        stop = True
        if made:
            made[0].asked_to_stop = True

    made: list[Supervisor] = []
    signal.signal(signal.SIGTERM, asked)
    try:
        made.append(Supervisor(int(life), gpu, words))
    except OSError as problem:
        told: dict[str, Any] = {"error": problem.strerror or str(problem)}
    else:
        made[0].asked_to_stop = stop
        told = made[0].run(woken)
        made[0].folder.cleanup()
    with contextlib.suppress(BrokenPipeError), os.fdopen(int(answer), "w", encoding="utf-8") as out:
        json.dump(told, out)


if __name__ == "__main__":
    main()
