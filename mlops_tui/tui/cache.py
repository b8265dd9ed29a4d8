"""Home as it was last time: the first picture, shown before anything is opened, to the person it was drawn for."""

from pathlib import Path

from mlops_tui.errors import Unreadable
from mlops_tui.render.keep import read
from mlops_tui.tui.kept import folder_of
from mlops_tui.view import View

FORM = 2  # raised whenever the first screen wants other tables or keys than it did


def path_of(root: Path, person: str) -> Path:
    """Where home is kept that was drawn for that person."""
    return folder_of(root, person) / "home.json"


def rules(root: Path) -> tuple[str, ...]:
    """The files that say who may what, and when each was written."""
    files = sorted((*root.glob("team.yaml"), *root.glob("access/*.yaml")))
    return tuple(f"{path.name} {path.stat().st_mtime_ns}" for path in files)


def last(root: Path, person: str) -> View | None:
    """Home as it was drawn for that person; None where there is none that can be read, it is of another form, or he may
    see less by now: rules were written since, or they are of the kind whose grants end by themselves."""
    try:
        stand = rules(root)
        view = read(path_of(root, person).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, Unreadable):
        return None
    facts = view.facts()
    return view if facts.get("form") == FORM and facts.get("rules") == stand and not any(root.glob("access/*.yaml")) \
        else None
