"""Rows that a command is asked about: a declared dataset as it is kept, or a file on this machine."""

from dataclasses import dataclass

from mlops_tui.capability import local_path
from mlops_tui.errors import BadInput
from mlops_tui.session import Session
from store.scan import Scan, engine, scan_file
from store.written import names_file


@dataclass(frozen=True)
class Tabular:
    """The rows, and the dataset with its snapshot that they are of; both empty for a file."""

    scan: Scan
    dataset: str = ""
    snapshot: str = ""


def tabular(session: Session, what: str) -> Tabular:
    """The declared dataset[@snapshot] of that name, or else the file; BadInput for no rows."""
    named = what.removeprefix("dataset/")
    name = named.partition("@")[0]
    if session.project is not None and name in session.project.datasets:
        manifest = session.snapshot(named)
        found = Tabular(Scan(session.data().connect(), session.data().scan(manifest), what), name, manifest.id)
    else:
        found = Tabular(scan_file(local_path(session, what), engine()))
    if not found.scan.rows:
        raise BadInput(f"'{what}' has columns but no rows.", where=found.scan.where, next="Name one with data.")
    return found


def of_file(what: str, **needed: str | None) -> bool:
    """Whether WHAT is a file: that needs each of these options, a declared model none. BadInput for some of them."""
    given = [name for name, value in needed.items() if value is not None]
    if len(given) == len(needed):
        return True
    if given or names_file(what):
        options = " and ".join(f"--{name}" for name in needed)
        raise BadInput(f"A file needs {options}.", where=what,
                       next=f"Name a column after {options}; a declared model needs none of these options.")
    return False
