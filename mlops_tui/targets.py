"""Files that a command is asked to write: never over what it reads, and never over what would be lost."""

from collections.abc import Iterable
from pathlib import Path

from mlops_tui.errors import BadInput


def check_target(target: Path, others: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse a file that is named twice on the command line, that has no folder, or that holds something."""
    if target.is_dir():
        raise BadInput(f"'{target.name or target}' is a folder.", where=str(target), next="Name a file in it.")
    if not target.parent.is_dir():
        raise BadInput(f"There is no folder '{target.parent}'.", where=str(target), next="Make it, or name another.")
    if any(_same(target, other) for other in others):
        raise BadInput(f"'{target.name}' is the file that is read, or is named twice.", where=str(target),
                       next="Name another one.")
    if target.exists() and target.stat().st_size and not overwrite:
        raise BadInput(f"'{target.name}' exists already.", where=str(target),
                       next="Name another file, or add --overwrite.")


def _same(one: Path, other: Path) -> bool:
    """Also where one is a link to the other."""
    try:
        return one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other))
    except (OSError, ValueError):  # words that can be no path
        return False
