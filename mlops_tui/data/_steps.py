"""The steps of a pipeline made ready: their code read, checked, and digested."""

import hashlib
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import duckdb

from mlops_tui import transforms
from mlops_tui.data._places import placed
from mlops_tui.declarations import declare
from mlops_tui.declarations.kinds import Pipeline, StepDecl
from mlops_tui.errors import BadInput, NotFound, nearest
from mlops_tui.project import Project
from mlops_tui.running import dag
from mlops_tui.session import Session
from store.lake import Manifest
from store.statement import Statement, compact, parsed

VIEW = ".view"  # after the name of a feature view: the dataset of its rows
READABLE = ("range", "generate_series", "unnest")  # functions in FROM that read nothing from outside


@dataclass(frozen=True)
class Ready:
    """A step whose code was read; `parts` is what its result depends on, but for its inputs.

    `where` is the file of its SQL or Python; for a built-in, that of the pipeline.
    """

    step: StepDecl
    dataset: str
    where: Path
    text: str
    parts: Mapping[str, Any]
    seen: list[Statement] = field(default_factory=list, compare=False)

    def depends_on(self, inputs: Mapping[str, Manifest]) -> dict[str, Any]:
        """Everything that the step's result depends on."""
        return {**self.parts, "inputs": {name: inputs[name].id for name in self.step.inputs}}

    def is_older(self, known: Mapping[str, Any]) -> bool:
        """Whether code that differs is not the person's doing: a built-in step was another, or the same SQL was once
        digested as it stands."""
        if self.step.apply:
            return bool(known.get("function") == self.step.apply)
        return bool(self.text) and known.get("code") == hashlib.sha256(self.text.encode()).hexdigest()

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
    views = {f"{each}{VIEW}" for each in project.names("feature")}
    steps = dag.ordered(pipeline.steps, sorted({*project.datasets, *views, *committed} - own), placed(where))
    return [_ready(project, f"{name}.{step.name}", step, where) for step in steps]


def _ready(project: Project, dataset: str, step: StepDecl, where: Path) -> Ready:
    shared = {"params": dict(step.params), "sort": list(step.key), "partition_by": list(step.partition_by)}
    if step.apply:
        return Ready(step, dataset, where, "", {
            **shared, "function": step.apply, "code": _built_in(step, where), "engine": duckdb.__version__})
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
    bare = compact(text)
    if not bare:
        raise BadInput(f"Step '{step.name}' has no SQL: {path.name} is empty.", where=str(path),
                       next="Write one SELECT; its rows are the result.")
    digest = hashlib.sha256(bare.encode()).hexdigest()
    return Ready(step, dataset, path, text, {**shared, "code": digest, "engine": duckdb.__version__})


def _built_in(step: StepDecl, where: Path) -> str:
    """The digest of the source of what is applied."""
    known = [each.name for each in iter_modules(transforms.__path__) if not each.name.startswith("_")]
    spec = find_spec(f"{transforms.__name__}.{step.apply}") if step.apply in known else None
    if spec is None or spec.origin is None:
        raise NotFound(f"Step '{step.name}' applies '{step.apply}', which is not built in.",
                       where=placed(where)(step.name),
                       next=nearest(step.apply, known) or f"Built in: {', '.join(known) or 'nothing'}.")
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()


def place_in(project: Project, ready: Ready, *keys: str) -> str:
    """`file:line` of what those keys of the step's declaration lead to."""
    name = ready.dataset.removesuffix(f".{ready.step.name}")
    declared = [step.name for step in project.pipelines[name].steps]
    return declare.place_of(project.path_of("pipeline", name), "steps", declared.index(ready.step.name), *keys)


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


def inputs_of(ready: Ready, states: Mapping[str, Manifest]) -> dict[str, Manifest]:
    """The states that a step reads, by the names it uses."""
    return {name: states[name] for name in ready.step.inputs}


def first_inputs(session: Session, steps: Sequence[Ready]) -> dict[str, Manifest]:
    """The current states of the datasets that the steps read."""
    made = {ready.step.name for ready in steps}
    wanted = dict.fromkeys(name for ready in steps for name in ready.step.inputs if name not in made)
    views = {f"{each}{VIEW}": each for each in session.declared().names("feature")}
    for name in wanted:
        if name in views and session.current(name) is None:
            raise NotFound(f"The rows of feature view '{views[name]}' are not built yet.",
                           next=f"Try: mlops-tui feature build {views[name]}")
    return {name: session.snapshot(name) for name in wanted}
