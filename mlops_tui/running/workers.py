"""A user's Python, run in a child process: started warm once, asked over a pipe, killed when it overstays."""

import json
import os
import selectors
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from mlops_tui.errors import Refusal

# The only variables a user's code sees. Tokens and passwords live in others.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
             "CUDA_VISIBLE_DEVICES", "SSL_CERT_FILE")
LAST_WORDS = 2000
TURN = 0.2  # seconds of waiting before we look whether a child is still alive
MOST_LINES = 4


class UserCodeFailed(Refusal):
    """The user's code raised an error; `where` is its file and line."""

    code = "user_code"


class ChildDied(Refusal):
    """The process ended without an answer."""

    code = "child_died"


class TimedOut(Refusal):
    """The process was still at work when its time was up; it was killed."""

    code = "timed_out"


def threads() -> int:
    """OpenMP threads for a fit: half of the cores, at most 4.

    Gradient boosting on both of two busy cores was measured at 90 CPU seconds against 2.4 on one: its threads spin
    while they wait for each other.
    """
    return max(1, min(4, (os.cpu_count() or 1) // 2))


def lines() -> int:
    """How many fits may go on at the same time, each with its `threads()`: as the cores allow, at most 4."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST_LINES, cores // threads()))


def environment(outer: Mapping[str, str]) -> dict[str, str]:
    """What the child sees: the allowed variables, and what makes its results repeatable."""
    home = Path(__file__).parents[2]
    installed = str(home) in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    return {
        **{name: outer[name] for name in PASSED_ON if name in outer},
        **({} if installed else {"PYTHONPATH": str(home)}),
        "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "TZ": "UTC",
        "OMP_NUM_THREADS": str(threads()), "OMP_WAIT_POLICY": "passive", "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1", "MPLBACKEND": "agg",
    }


class Child:
    """`with Child(project_root) as child: child.call({...})`: one warm process for all calls of a run.

    `log` takes what the user's code prints; without it the text is kept until the end, for the error messages. A
    request may name a log of its own.
    """

    def __init__(self, root: Path, *, log: Path | None = None,
                 progress: Callable[[int, int, str], None] | None = None) -> None:
        self.root, self.log, self.progress = root, log, progress
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None
        self._unread = b""
        self._about = ""
        self._log = log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def start(self, kind: str = "") -> subprocess.Popen[bytes]:
        """The process, started where it is not running; told the kind of its first request, it gets ready for it."""
        if self._process is None or self._process.poll() is not None:
            self.close()
            if self.log is not None:
                self.log.parent.mkdir(parents=True, exist_ok=True)
            self._said = tempfile.TemporaryFile() if self.log is None else self.log.open("a+b")  # noqa: SIM115
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mlops_tui.child", *([kind] if kind else [])], cwd=self.root,
                env=environment(os.environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said,
                start_new_session=True)
        return self._process

    def call(self, request: Mapping[str, Any], timeout: float | None = None) -> dict[str, Any]:
        """The answer to one request. UserCodeFailed, ChildDied or TimedOut; then the next call starts anew."""
        deadline = None if timeout is None else time.monotonic() + timeout
        self.ask(request)
        while True:
            left = TURN if deadline is None else min(TURN, deadline - time.monotonic())
            if left <= 0:
                self.kill()
                raise TimedOut(f"{self._about} was still at work when its time was up.", next=self._see_log())
            said = self.heard(left)
            if said is not None and "ok" in said:
                return dict(said["ok"])
            if said is not None and self.progress is not None:
                self.progress(*said["progress"])

    def ask(self, request: Mapping[str, Any]) -> None:
        """Send a request; what comes of it is `heard`."""
        process, self._about = self.start(), _about(request)
        self._log = Path(request["log"]) if "log" in request else self.log
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request, allow_nan=False, default=str).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError as problem:
            raise self._died(process) from problem

    def heard(self, wait: float) -> dict[str, Any] | None:
        """What is said in that time: `{"progress": [done, total, label]}`, `{"ok": {...}}`, or nothing.

        UserCodeFailed or ChildDied. Wait in short turns, since a grandchild may hold the pipe of a dead child open.
        """
        assert self._process is not None
        line = self._line(self._process, wait)
        if line is None:
            return None
        said: dict[str, Any] = json.loads(line)
        if "error" in said:
            error = said["error"]
            raise UserCodeFailed(error["what"], where=error["where"] or self._about,
                                 next=error["next"] or self._see_log())
        return said

    def _line(self, process: subprocess.Popen[bytes], wait: float) -> bytes | None:
        """The next whole line; nothing where it did not come in time."""
        assert process.stdout is not None
        if b"\n" not in self._unread:
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ)
                if selector.select(wait):
                    got = os.read(process.stdout.fileno(), 1 << 16)
                    if not got:
                        raise self._died(process)
                    self._unread += got
                elif process.poll() is not None:
                    raise self._died(process)
        if b"\n" not in self._unread:
            return None
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _died(self, process: subprocess.Popen[bytes]) -> ChildDied:
        self.kill()
        how = process.returncode
        if how < 0:
            name = signal.Signals(-how).name
            why = f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
        else:
            why = f"ended its process with exit code {how}"
        last = self._last_words()
        return ChildDied(f"{self._about} {why}." + (f" It said last: {last}" if last else ""), next=self._see_log())

    def _last_words(self) -> str:
        """The last line on the request's log; where that says nothing, the last that the process printed."""
        lines: list[str] = []
        if self._log is not None and self._log.is_file():
            with self._log.open("rb") as said:
                lines = _end_of(said)
        if not lines and self._said is not None:
            lines = _end_of(self._said)
        return lines[-1].strip() if lines else ""

    def _see_log(self) -> str:
        return f"What it printed: {self._log}" if self._log is not None else ""

    def stop(self) -> None:
        """End what is going on, from another thread: whoever waits for its answer hears that it was killed."""
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the process and everything it started."""
        process, self._process, self._unread = self._process, None, b""
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def close(self) -> None:
        """End the process; it has answered all it was asked."""
        self.kill()
        if self._said is not None:
            self._said.close()
            self._said = None


def answers(asked: Sequence[tuple[Child, Mapping[str, Any]]], progress: Callable[[int, int, str], None]) -> list[
        dict[str, Any]]:
    """The answers of several children who work at the same time, in the order they were asked.

    Progress is that of all together, its label what each is at. The first who fails ends the wait: who opened the
    children closes them.
    """
    at: list[tuple[int, int, str]] = [(0, 0, "") for _ in asked]
    answered: dict[int, dict[str, Any]] = {}
    for child, request in asked:
        child.ask(request)
    while len(answered) < len(asked):
        for number in (each for each in range(len(asked)) if each not in answered):
            said = asked[number][0].heard(TURN / len(asked)) or {}
            if "ok" in said:
                answered[number] = said["ok"]
            elif said:
                at[number] = tuple(said["progress"])
                progress(sum(done for done, *_ in at), sum(total for _, total, _ in at), _busy_with(at))
    return [answered[number] for number in range(len(asked))]


def _end_of(said: IO[bytes]) -> list[str]:
    said.seek(max(0, said.seek(0, os.SEEK_END) - LAST_WORDS))
    return said.read().decode(errors="replace").strip().splitlines()


def _busy_with(at: Sequence[tuple[int, int, str]]) -> str:
    """What is worked at; where all is done but the last step, that step."""
    busy = [label for done, total, label in at if done < total]
    return ", ".join(dict.fromkeys(busy or [label for *_, label in at]))


def _about(request: Mapping[str, Any]) -> str:
    """The name of a request in an error."""
    return str(request.get("function") or f"the {request['kind']}")
