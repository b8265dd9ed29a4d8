"""Steps at work, several at a time: SQL in a DuckDB that sees its inputs only, Python in a child process."""

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import Any

import duckdb

from mlops_tui import transforms
from mlops_tui.data._steps import Ready, place_in
from mlops_tui.errors import BadInput, Refusal
from mlops_tui.running.workers import Child, ChildDied, TimedOut, UserCodeFailed
from mlops_tui.session import Session
from mlops_tui.transforms import Made
from store.files import reading
from store.lake import MEMORY, STAGING, Manifest
from store.quoting import file_list, literal, quote

TURN = 0.2  # seconds after which we look whether somebody wants the work stopped, or its time is up
MOST = 4  # steps at a time, unless more are asked for


def hands() -> int:
    """How many steps are at work at the same time: as many as there are cores, at most 4."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST, cores))


@dataclass(frozen=True)
class Result:
    """What a step made: files that nobody knows of yet, at which attempt, and what it learned from the data."""

    state: Manifest
    attempts: int = 1
    frozen: str = ""


@dataclass
class Work:
    """A step that was begun."""

    ready: Ready
    bench: "Bench"
    future: "Future[Result]"
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def overdue(self) -> bool:
        """Python is killed by whoever waits for its answer; SQL has to be told."""
        limit = self.ready.step.timeout
        return limit is not None and timedelta(seconds=self.seconds) > limit

    def result(self) -> Result:
        """What it made; a Refusal says why it could not."""
        try:
            return self.future.result()
        except duckdb.InterruptException as problem:
            raise TimedOut(f"Step '{self.ready.step.name}' was still at work when its time was up.",
                           next=f"It may take {self.ready.step.timeout}: see timeout.") from problem


class Workshop:
    """`with Workshop(...)`: several benches, each for one step at a time. Leaving it stops whatever is still at work.

    `reach`: folders outside the lake that the inputs lie in.
    """

    def __init__(self, session: Session, size: int, reach: Sequence[str] = ()) -> None:
        self._free = [Bench(session, number, reach) for number in reversed(range(max(size, 1)))]
        self._benches = tuple(self._free)
        self._threads = ThreadPoolExecutor(len(self._benches), thread_name_prefix="step")
        self.at_work: list[Work] = []

    def __enter__(self) -> "Workshop":
        return self

    def __exit__(self, *_: object) -> None:
        while any(not work.future.done() for work in self.at_work):
            for work in self.at_work:
                work.bench.stop()
            wait([work.future for work in self.at_work], timeout=TURN)
        self._threads.shutdown()
        for bench in self._benches:
            bench.close()

    @property
    def free(self) -> bool:
        return bool(self._free)

    def begin(self, ready: Ready, inputs: Mapping[str, Manifest], log: Path) -> None:
        """Let the step be made; what it prints goes to the log, which is there from now on."""
        log.touch()
        bench = self._free.pop()
        self.at_work.append(Work(ready, bench, self._threads.submit(bench.make, ready, inputs, log)))

    def ended(self) -> list[Work]:
        """The steps that have ended, after a moment at most; their benches are free again."""
        for work in self.at_work:
            if work.overdue and not work.ready.step.python:
                work.bench.interrupt()
        wait([work.future for work in self.at_work], timeout=TURN, return_when=FIRST_COMPLETED)
        found = [work for work in self.at_work if work.future.done()]
        self.at_work = [work for work in self.at_work if work not in found]
        self._free += [work.bench for work in found]
        return found


class Bench:
    """Where one step at a time is made: a DuckDB and a warm Python process, each started when first needed."""

    def __init__(self, session: Session, number: int, reach: Sequence[str]) -> None:
        self.session, self.lake, self.reach, self.number = session, session.data(), reach, number
        self._open = ExitStack()
        self._sandbox: duckdb.DuckDBPyConnection | None = None
        self._child: Child | None = None
        self._staging: Path | None = None
        self._stopped = Event()

    def make(self, ready: Ready, inputs: Mapping[str, Manifest], log: Path) -> Result:
        """The step's result, as files in the lake that nobody knows of yet."""
        return {"sql": self._by_sql, "python": self._by_python, "apply": self._applied}[ready.step.kind](
            ready, inputs, log)

    def stop(self) -> None:
        """From another thread: give up whatever is at work here, for good."""
        self._stopped.set()
        self.interrupt()
        if self._child is not None:
            self._child.stop()

    def interrupt(self) -> None:
        """From another thread: end the SQL that is running."""
        if self._sandbox is not None:
            self._sandbox.interrupt()

    def close(self) -> None:
        self._open.close()

    # -- SQL ----------------------------------------------------------------------------------------------------

    def _by_sql(self, ready: Ready, inputs: Mapping[str, Manifest], _: Path) -> Result:
        with _said_by_duckdb(str(ready.where)):
            self._view(inputs)
            values = {name: ready.step.params[name] for name in ready.seen[0].parameters}
            return Result(self._written(ready, ready.text, values))

    def _applied(self, ready: Ready, inputs: Mapping[str, Manifest], _: Path) -> Result:
        step, project = ready.step, self.session.declared()
        built_in: Any = import_module(f"{transforms.__name__}.{step.apply}")
        with _said_by_duckdb(place_in(project, ready)):
            self._view(inputs)
            try:
                made: Made = built_in.step(self.sandbox(), {name: quote(name) for name in inputs}, dict(step.params))
            except Refusal as problem:
                if not problem.where or problem.where in step.params:
                    problem.where = place_in(project, ready, "params", *filter(None, [problem.where]))
                raise
            state = self._written(ready, made.sql)
        return Result(state, frozen=self.lake.put_object(document(made.frozen)) if made.frozen is not None else "")

    def _view(self, inputs: Mapping[str, Manifest]) -> None:
        """Let the inputs be read by their names."""
        for name, state in inputs.items():
            view = f"SELECT * FROM {self.lake.scan(state)}"
            self.sandbox().execute(f"CREATE OR REPLACE TEMP VIEW {quote(name)} AS {view}")

    def _written(self, ready: Ready, query: str, values: Mapping[str, Any] | None = None) -> Manifest:
        return self.lake.write(ready.dataset, query, sort=ready.step.key, partition_by=ready.step.partition_by,
                               connection=self.sandbox(), values=values, staging=self._room())

    def _room(self) -> Path:
        """Where results are written before they get their place; one folder for all of them, since making and removing
        one costs as much as writing a small result."""
        if self._staging is None:
            self._staging = self._open.enter_context(self.lake.staging())
        return self._staging

    def sandbox(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB that reaches the lake and the inputs' folders only, and whose sums have one order: of one thread."""
        if self._sandbox is None:
            spill = self.lake.root.resolve() / STAGING / f"spill-{os.getpid()}-step{self.number}"
            sandbox = self._open.enter_context(duckdb.connect(":memory:", config={
                "threads": 1, "memory_limit": MEMORY, "temp_directory": str(spill),
                "autoinstall_known_extensions": "false"}))
            places = [self.lake.root.absolute(), self.lake.root.resolve(), *map(Path, self.reach)]
            sandbox.execute(
                f"SET TimeZone = 'UTC'; SET allowed_directories = {file_list([f'{each}{os.sep}' for each in places])}; "
                "SET enable_external_access = false; SET lock_configuration = true")
            self._sandbox = sandbox
        return self._sandbox

    # -- Python -------------------------------------------------------------------------------------------------

    def _by_python(self, ready: Ready, inputs: Mapping[str, Manifest], log: Path) -> Result:
        step, attempt = ready.step, 1
        while True:
            try:
                return Result(self._called(ready, inputs, log), attempt)
            except (UserCodeFailed, ChildDied) as problem:
                with log.open("a", encoding="utf-8") as text:
                    text.write(f"-- attempt {attempt} of {step.retries + 1} failed: {problem.what}\n")
                pause = step.backoff.total_seconds() * 2 ** (attempt - 1)
                if attempt > step.retries or self._stopped.wait(pause):
                    problem.what += f" (attempt {attempt} of {step.retries + 1})" if step.retries else ""
                    raise
            attempt += 1

    def _called(self, ready: Ready, inputs: Mapping[str, Manifest], log: Path) -> Manifest:
        step, limit = ready.step, ready.step.timeout
        with self.lake.staging() as folder:
            out = folder.resolve() / "out.parquet"
            handed = {name: str(self._handed(state, folder / f"in{place}").resolve())
                      for place, (name, state) in enumerate(inputs.items())}
            self._python().call(
                {"kind": "step", "function": step.python, "params": dict(step.params), "inputs": handed,
                 "out": str(out), "log": str(log.resolve())}, limit.total_seconds() if limit is not None else None)
            written = sorted(out.glob("*.parquet")) if out.is_dir() else [out]
            with reading(written or [out]):
                return self._written(ready, f"SELECT * FROM read_parquet({file_list([str(each) for each in written])})")

    def _handed(self, state: Manifest, folder: Path) -> Path:
        """The snapshot as a path that Parquet readers take: its one file, or a folder of links to several."""
        plain = not any(file.mask or file.base for file in state.files)
        if len(state.files) == 1 and not state.files[0].partition and plain:
            return self.lake.bytes_of(state.files[0])
        folder.mkdir()
        for number, file in enumerate(state.files if plain else ()):
            (folder / f"{number:06}.parquet").symlink_to(self.lake.bytes_of(file).resolve())
        if not state.files or not plain:
            target = literal(str(folder.resolve() / "rows.parquet"))
            self.sandbox().execute(f"COPY (SELECT * FROM {self.lake.scan(state)}) TO {target} (FORMAT parquet)")
        return folder

    def _python(self) -> Child:
        if self._child is None:
            self._child = self._open.enter_context(Child(self.session.declared().root))
        return self._child


def document(frozen: Mapping[str, Any]) -> bytes:
    """What a built-in step learned, as bytes that depend on nothing else."""
    return json.dumps(frozen, sort_keys=True, ensure_ascii=True, allow_nan=False).encode()


@contextmanager
def _said_by_duckdb(where: str) -> Iterator[None]:
    """DuckDB's errors, with the line of the SQL that they name; that it was interrupted is left to who did it."""
    try:
        yield
    except duckdb.InterruptException:
        raise
    except duckdb.Error as problem:
        line = re.search(r"^LINE (\d+):", str(problem), re.MULTILINE)
        first = str(problem).splitlines()[0]
        raise BadInput(first.partition("Error: ")[2] or first, where=f"{where}:{line[1]}" if line and
                       where.endswith(".sql") else where, next="The data or the SQL do not fit.") from problem


def folders_of(states: Mapping[str, Manifest]) -> list[str]:
    """The folders outside the lake in which the snapshots' files lie."""
    bases = {file.base for state in states.values() for file in state.files if file.base}
    return sorted(bases | {str(Path(base).resolve()) for base in bases})
