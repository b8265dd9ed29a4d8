"""A new project: a folder of declarations to be kept in git."""

import re
from pathlib import Path

import click

from mlops_tui.capability import LocalPath, act
from mlops_tui.declarations.marker import MARKER, find
from mlops_tui.declarations.scaffold import write
from mlops_tui.errors import BadInput
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Status, Table, Text, View


@act(confirm=False)
@click.argument("folder", type=LocalPath(), default=".")
@click.option("--name", default=None, help="The project's name; the folder's by default.")
@click.option("--from", "file", type=LocalPath(), default=None,
              help="Read a first contract off this file, into datasets/; a project that is there gets it as well.")
@click.option("--nested", is_flag=True, help="Begin a project inside another one.")
def init(session: Session, folder: Path, name: str | None, file: Path | None, *, nested: bool) -> View:
    """Write the skeleton of a project into FOLDER.

    \b
    Example: mlops-tui init churn --name churn
             mlops-tui init churn --from customers.csv
    """
    target = (session.directory / folder).resolve()
    there = find(target)
    first = _inferred(session, file) if file is not None else None
    if there is not None and first is not None and not nested:
        return _view(f"{first[0]} has a first contract: look over every line", there, [_declared(there, *first)])
    if there == target:
        raise BadInput("There is a project here already.", where=str(target / MARKER), next="Try: mlops-tui status")
    if there is not None and not nested:
        raise BadInput(f"'{target.name}' would lie inside the project in {there}.", where=str(there / MARKER),
                       next="Choose a folder outside of it, or add --nested.")
    called = name or re.sub(r"[^a-z0-9-]+", "-", target.name.lower()).strip("-") or "project"
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", called):
        raise BadInput(f"'{called}' cannot be a project's name.", next="Use small letters, digits and hyphens.")
    target.mkdir(parents=True, exist_ok=True)
    written = [*write("project", target, {"NAME": called}), ".gitignore"]
    (target / ".gitignore").write_text(".mlops/\n", encoding="utf-8")
    if first is not None:
        return _view(f"Project '{called}' is there", target, [*written, _declared(target, *first)])
    return _view(f"Project '{called}' is there", target, written,
                 Action("Declare a dataset, from a file of it", ("init", "--from", "FILE")))


def _view(title: str, target: Path, written: list[str], *more: Action) -> View:
    table = Table.of("files", [{"file": path} for path in written], "file")
    return View(title, Status.DONE, (Facts({"folder": str(target)}), table), (Action("Check it", ("doctor",)), *more))


def _inferred(session: Session, file: Path) -> tuple[str, str]:
    """The name and the text of a first contract for the file."""
    found = session.perform(("contract", "infer", str(file)))
    if found.error is not None:
        raise BadInput(found.error["what"], where=found.error["where"], next=found.error["next"])
    return str(found.view.facts()["dataset"]), next(part.body for part in found.view.parts if isinstance(part, Text))


def _declared(root: Path, name: str, text: str) -> str:
    """Write a contract into the project, never over one that is there; its path."""
    place = root / "datasets" / f"{name}.yaml"
    if place.exists():
        raise BadInput(f"'{name}' is declared already.", where=str(place), next="Change that file.")
    place.parent.mkdir(exist_ok=True)
    place.write_text(text, encoding="utf-8")
    return f"datasets/{name}.yaml"
