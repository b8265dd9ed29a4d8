"""Home as it was last time: the first picture, shown before anything is opened."""

from pathlib import Path

from mlops_tui.errors import Unreadable
from mlops_tui.render.keep import read
from mlops_tui.view import View

FORM = 2  # raised whenever the first screen wants other tables or keys than it did


def path_of(root: Path) -> Path:
    """Where home is kept."""
    return root / ".mlops" / "home.json"


def last(root: Path) -> View | None:
    """Home as it was kept; None where there is none that can be read, it is of another form, or not for everybody."""
    team = root / "team.yaml"
    try:
        bound = team.exists() and b"only" in team.read_bytes()
        if bound or any(root.glob("access/*.yaml")):  # it may have been kept for somebody who sees more
            return None
        view = read(path_of(root).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, Unreadable):
        return None
    return view if view.facts().get("form") == FORM else None
