"""What was seen last: the first picture, shown before anything is opened, to the person it was drawn for."""

import zlib
from collections.abc import Sequence
from pathlib import Path

from mlops_tui.errors import Unreadable
from mlops_tui.render.keep import read, written
from mlops_tui.tui.kept import folder_of, remembered
from mlops_tui.view import Cell, Facts, Row, Table, View
from store.written import whole

FORM = 2  # raised whenever the first screen wants other tables or keys than it did
HOME = "home"
MOST = 200  # rows of a list: more is seen by nobody before it is read anew


def path_of(root: Path, person: str, mode: str = HOME) -> Path:
    """Where a picture is kept that was drawn for that person."""
    return folder_of(root, person) / f"{mode}.json"


def rules(root: Path) -> tuple[str, ...]:
    """The files that say who may what, and when each was written."""
    files = sorted((*root.glob("team.yaml"), *root.glob("access/*.yaml")))
    return tuple(f"{path.name} {path.stat().st_mtime_ns}" for path in files)


def last(root: Path, person: str, mode: str = HOME) -> View | None:
    """A picture as it was drawn for that person; None where there is none that can be read, it is of another form, or
    he may see less by now: rules were written since, or they are of the kind whose grants end by themselves."""
    sealed, _, text = remembered(path_of(root, person, mode)).partition("\n")
    if sealed != _seal(text):
        return None
    try:
        stand = rules(root)
        view = read(text)
    except (OSError, Unreadable):
        return None
    facts = view.facts()
    return view if facts.get("form") == FORM and facts.get("rules") == stand and not any(root.glob("access/*.yaml")) \
        else None


def keep(root: Path, person: str, view: View, mode: str = HOME) -> None:
    """Keep a picture for the next start, put in place whole."""
    path = path_of(root, person, mode)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = written(view)
    with whole(path) as staged:
        staged.write_text(f"{_seal(text)}\n{text}", encoding="utf-8")


def _seal(text: str) -> str:
    """What tells a picture that is whole from one that was damaged, however little."""
    return f"{zlib.crc32(text.encode()):08x}"


def last_rows(root: Path, person: str, mode: str) -> tuple[Row, ...]:
    """The rows of a list as they were seen last."""
    view = last(root, person, mode)
    return view.rows("rows") if view is not None else ()


def keep_rows(root: Path, person: str, mode: str, rows: Sequence[Row], stand: Cell) -> None:
    """Keep the rows of a list, seen under these rules."""
    if root.is_dir():
        facts = Facts({"form": FORM, "rules": stand})
        keep(root, person, View(mode, parts=(facts, Table.of("rows", rows[:MOST]))), mode)
