"""The steps of a pipeline made ready, and run: SQL in a DuckDB that sees its inputs only, Python in a child process."""

import hashlib
import os
import platform
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from mlops_tui import dag
from mlops_tui.data._places import placed
from mlops_tui.errors import BadInput, NotFound, nearest
from mlops_tui.kinds import Pipeline, StepDecl
from mlops_tui.project import Project
from mlops_tui.session import Session
from mlops_tui.workers import Child
from store.files import reading
from store.lake import MEMORY, STAGING, Lake, Manifest
from store.quoting import file_list, literal, quote
from store.statement import Statement, parsed

READABLE = ("range", "generate_series", "unnest")  # functions in FROM that read nothing from outside


@dataclass(frozen=True)
class Ready:
    """A step whose code was read; `parts` is what its result depends on, but for its inputs."""

    step: StepDecl
    dataset: str
    where: Path
    text: str
    parts: Mapping[str, Any]
    seen: list[Statement] = field(default_factory=list, compare=False)

    def depends_on(self, inputs: Mapping[str, Manifest]) -> dict[str, Any]:
        """Everything that the step's result depends on."""
        return {**self.parts, "inputs": {name: inputs[name].id for name in self.step.inputs}}

    def checked(self, connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
        """The parameters that the SQL takes, once it was seen to read its inputs only and to be steady."""
        if self.text and not self.seen:
            self.seen.append(parsed(self.text, str(self.where), connection))
            _check(self.seen[0], self.step, self.where)
        return self.seen[0].parameters if self.seen else ()


def made_ready(session: Session, name: str) -> list[Ready]:
    """A pipeline's steps in the order they run; errors name file and line of what is wrong with the declaration."""
    project = session.declared()
    pipeline: Pipeline = project.one("pipeline", name)
    where = project.path_of("pipeline", name)
    committed = {entry.subject for entry in session.ledger.entries("snapshot")}
    own = {f"{name}.{step.name}" for step in pipeline.steps}
    steps = dag.ordered(pipeline.steps, sorted({*project.datasets, *committed} - own), placed(where))
    return [_ready(project, f"{name}.{step.name}", step, where) for step in steps]


def _ready(project: Project, dataset: str, step: StepDecl, where: Path) -> Ready:
    shared = {"params": dict(step.params), "sort": list(step.key), "partition_by": list(step.partition_by)}
    if step.python:
        file = step.python.rpartition(":")[0]
        path = project.root / file
        if not file or not path.is_file():
            known = [each.name for each in project.root.glob("*.py")]
            hint = nearest(file, known) or "Write it like steps.py:enrich."
            raise NotFound(f"Step '{step.name}' runs '{step.python}', but there is no such file.",
                           where=placed(where)(step.name), next=hint)
        return Ready(step, dataset, path, "", {
            **shared, "function": step.python, "code": code_digest(project.root),
            "python": platform.python_version(), "libraries": libraries()})
    path = _sql_file(where, step, project.root)
    text = path.read_text(encoding="utf-8").strip().rstrip(";")
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Ready(step, dataset, path, text, {**shared, "code": digest, "engine": duckdb.__version__})


def _sql_file(where: Path, step: StepDecl, root: Path) -> Path:
    """The step's SQL, beside its pipeline or else in the project's folder."""
    for folder in (where.parent, root):
        path = (folder / step.sql).resolve()
        if path.is_file() and path.is_relative_to(root.resolve()):
            return path
    known = [each.name for each in where.parent.glob("*.sql")]
    raise NotFound(f"Step '{step.name}' has no SQL file '{step.sql}'.", where=placed(where)(step.name),
                   next=nearest(step.sql, known) or f"Write {where.parent / step.sql}.")


def _check(statement: Statement, step: StepDecl, path: Path) -> None:
    """Refuse SQL that reads what is not declared, or that would answer differently the next time."""
    inputs = {name.lower() for name in step.inputs}
    for each in statement.tables:
        if each.name.lower() not in inputs:
            raise BadInput(f"Step '{step.name}' reads '{each.name}', which is not among its inputs.",
                           where=f"{path}:{each.line}", next=nearest(each.name, step.inputs)
                           or f"Declare it: inputs: [{', '.join([*step.inputs, each.name])}].")
    for each in statement.sources:
        if each.name not in READABLE:
            raise BadInput(f"Step '{step.name}' reads from {each.name}(), which is not among its inputs.",
                           where=f"{path}:{each.line}", next="Declare a dataset, and read it by its name.")
    for each in statement.unsteady:
        raise BadInput(f"Step '{step.name}' uses {each.name}, which gives another answer each time.",
                       where=f"{path}:{each.line}", next="Take the value from a parameter ($name) or an input.")
    for name in statement.parameters:
        if name not in step.params:
            raise BadInput(f"Step '{step.name}' has no parameter '{name}'.", where=str(path),
                           next=nearest(name, step.params) or f"Declare it: params: {{{name}: …}}.")


@cache
def libraries() -> str:
    """A digest of the installed libraries and their versions, by the names of their folders alone."""
    folders = [Path(place) for place in sys.path if place and Path(place).is_dir()]
    names = {each.name for folder in folders for each in folder.iterdir() if each.suffix == ".dist-info"}
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()


def code_digest(root: Path) -> str:
    """A digest of all Python files of the project; a step may import any of them."""
    found = hashlib.sha256()
    for folder, folders, files in os.walk(root):
        inside = Path(folder)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__pycache__"))
                            and not (inside / name / "pyvenv.cfg").exists())
        for name in sorted(files):
            if name.endswith(".py"):
                content = hashlib.sha256((inside / name).read_bytes()).hexdigest()
                found.update(f"{(inside / name).relative_to(root).as_posix()}\0{content}\n".encode())
    return found.hexdigest()


class Workshop:
    """Where steps run: one DuckDB and one Python process, both started when first needed; `begin` names the run."""

    def __init__(self, session: Session, begin: Callable[[], str]) -> None:
        self.session, self.begin, self.lake = session, begin, session.data()
        self._open = ExitStack()
        self._sandbox: duckdb.DuckDBPyConnection | None = None
        self._bases: frozenset[str] = frozenset()
        self._child: Child | None = None

    def __enter__(self) -> "Workshop":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def make(self, ready: Ready, inputs: Mapping[str, Manifest]) -> Manifest:
        """The step's result, as files in the lake that nobody knows of yet."""
        return self._by_python(ready, inputs) if ready.step.python else self._by_sql(ready, inputs)

    # -- SQL ----------------------------------------------------------------------------------------------------

    def _by_sql(self, ready: Ready, inputs: Mapping[str, Manifest]) -> Manifest:
        bases = {file.base for state in inputs.values() for file in state.files if file.base}
        connection, step = self.sandbox(bases), ready.step
        try:
            for name, state in inputs.items():
                view = f"SELECT * FROM {self.lake.scan(state)}"
                connection.execute(f"CREATE OR REPLACE TEMP VIEW {quote(name)} AS {view}")
            values = {name: step.params[name] for name in ready.checked(self.lake.connect())}
            return self.lake.write(ready.dataset, ready.text, sort=step.key, partition_by=step.partition_by,
                                   connection=connection, values=values)
        except duckdb.Error as problem:
            line = re.search(r"^LINE (\d+):", str(problem), re.MULTILINE)
            first = str(problem).splitlines()[0]
            raise BadInput(first.partition("Error: ")[2] or first, where=f"{ready.where}:{line[1]}" if line else
                           str(ready.where), next="The data or the SQL do not fit.") from problem

    def sandbox(self, bases: Collection[str] = ()) -> duckdb.DuckDBPyConnection:
        """A DuckDB that reaches nothing but the lake and those folders, and whose sums have one order: one thread's."""
        if not self._bases.issuperset(bases):  # what is locked is not opened again
            self._sandbox, self._bases = None, self._bases.union(bases)
        if self._sandbox is None:
            self._sandbox = self._open.enter_context(duckdb.connect(":memory:", config={
                "threads": 1, "memory_limit": MEMORY, "temp_directory": str(_spill(self.lake)),
                "autoinstall_known_extensions": "false"}))
            root = self.lake.root
            reach = [f"{place}{os.sep}" for place in (root.absolute(), root.resolve(), *sorted(self._bases))]
            self._sandbox.execute(
                f"SET TimeZone = 'UTC'; SET allowed_directories = {file_list(reach)}; "
                "SET enable_external_access = false; SET lock_configuration = true")
        return self._sandbox

    # -- Python -------------------------------------------------------------------------------------------------

    def _by_python(self, ready: Ready, inputs: Mapping[str, Manifest]) -> Manifest:
        with self.lake.staging() as folder:
            out = folder.resolve() / "out.parquet"
            handed = {name: str(self._handed(state, folder / f"in{place}").resolve())
                      for place, (name, state) in enumerate(inputs.items())}
            self._python().call({"kind": "step", "function": ready.step.python, "params": dict(ready.step.params),
                                 "inputs": handed, "out": str(out)})
            written = sorted(out.glob("*.parquet")) if out.is_dir() else [out]
            with reading(written or [out]):
                return self.lake.write(
                    ready.dataset, f"SELECT * FROM read_parquet({file_list([str(each) for each in written])})",
                    sort=ready.step.key, partition_by=ready.step.partition_by)

    def _handed(self, state: Manifest, folder: Path) -> Path:
        """The snapshot as a path that Parquet readers take: its one file, or a folder of links to several."""
        plain = not any(file.mask or file.base for file in state.files)
        if len(state.files) == 1 and not state.files[0].partition and plain:
            return self.lake.place_of(state.files[0])
        folder.mkdir()
        for number, file in enumerate(state.files if plain else ()):
            (folder / f"{number:06}.parquet").symlink_to(self.lake.place_of(file).resolve())
        if not state.files or not plain:
            target = literal(str(folder / "rows.parquet"))
            self.lake.connect().execute(f"COPY (SELECT * FROM {self.lake.scan(state)}) TO {target} (FORMAT parquet)")
        return folder

    def _python(self) -> Child:
        if self._child is None:
            root = self.session.declared().root
            log = root / ".mlops" / "runs" / f"{self.begin()}.log"
            self._child = self._open.enter_context(Child(root, log=log, progress=self.session.progress))
        return self._child


def _spill(lake: Lake) -> Path:
    return lake.root.resolve() / STAGING / f"spill-{os.getpid()}-steps"


def inputs_of(ready: Ready, states: Mapping[str, Manifest]) -> dict[str, Manifest]:
    """The states that a step reads, by the names it uses."""
    return {name: states[name] for name in ready.step.inputs}


def first_inputs(session: Session, steps: Sequence[Ready]) -> dict[str, Manifest]:
    """The current states of the datasets that the steps read."""
    made = {ready.step.name for ready in steps}
    wanted = dict.fromkeys(name for ready in steps for name in ready.step.inputs if name not in made)
    return {name: session.snapshot(name) for name in wanted}
