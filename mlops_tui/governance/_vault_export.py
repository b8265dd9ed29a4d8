"""The plain files of a version with their signature, for others to read and to verify."""

import shutil
from pathlib import Path

import click

from mlops_tui.capability import LocalPath, act
from mlops_tui.errors import BadInput
from mlops_tui.governance.vault import vault
from mlops_tui.models import sealing
from mlops_tui.session import Session
from mlops_tui.view import Facts, Status, Text, View
from store.modelfiles import SIGNATURE


@act(of=vault, confirm=False)
@click.argument("version")
@click.option("--to", type=LocalPath(), required=True, help="A folder that is not there yet.")
def export(session: Session, version: str, to: Path) -> View:
    """Write the plain files of VERSION (model@number) into a new folder, with their signature where there is one.

    What is written is not encrypted. With model-signing anybody who has the public key can verify it:
    `model_signing verify key FOLDER --signature FOLDER/model.sig --public_key signing.pub.pem`.

    \b
    Example: mlops-tui vault export flights-delay@3 --to exported
    """
    found = sealing.chosen(session, version)
    if "@" not in version or len(found) != 1:
        raise BadInput("Which version?", next=f"Name it: {found[-1].name}")
    each, tracking = found[0], session.tracking()
    if to.exists():
        raise BadInput("There is something in its place.", where=str(to), next="Name a folder that is not there yet.")
    signature = tracking.place(each.model, each.number) / SIGNATURE
    with tracking.opened(each.model, each.number, digest=each.artifact) as folder:
        staged = to.with_name(f".{to.name}.going")
        shutil.rmtree(staged, ignore_errors=True)
        try:
            shutil.copytree(folder, staged)
            if signature.is_file():
                shutil.copyfile(signature, staged / SIGNATURE)
            staged.rename(to)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    files = tuple(sorted(path.name for path in to.iterdir()))
    return View(f"{each.name} is written plainly to {to}", Status.DONE,
                (Facts({"version": each.name, "artifact": each.artifact, "files": files, "signed": SIGNATURE in files}),
                 Text("What lies there is not encrypted.")))
