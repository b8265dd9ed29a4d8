"""A new project: a folder of declarations to be kept in git."""

import re
from pathlib import Path

import click

from mlops_tui.capability import LocalPath, act
from mlops_tui.errors import BadInput
from mlops_tui.marker import MARKER
from mlops_tui.scaffold import write
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Status, Table, View


@act(confirm=False)
@click.argument("folder", type=LocalPath(), default=".")
@click.option("--name", default=None, help="The project's name; the folder's by default.")
def init(session: Session, folder: Path, name: str | None) -> View:
    """Write the skeleton of a project into FOLDER.

    \b
    Example: mlops-tui init churn --name churn
    """
    target = (session.directory / folder).resolve()
    if (target / MARKER).exists():
        raise BadInput("There is a project here already.", where=str(target / MARKER), next="Try: mlops-tui status")
    called = name or re.sub(r"[^a-z0-9-]+", "-", target.name.lower()).strip("-") or "project"
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", called):
        raise BadInput(f"'{called}' cannot be a project's name.", next="Use small letters, digits and hyphens.")
    target.mkdir(parents=True, exist_ok=True)
    written = write("project", target, {"NAME": called})
    (target / ".gitignore").write_text(".mlops/\n", encoding="utf-8")
    table = Table.of("files", [{"file": path} for path in [*written, ".gitignore"]], "file")
    return View(f"Project '{called}' is there", Status.DONE, (Facts({"folder": str(target)}), table),
                (Action("Check it", ("doctor",)),))
