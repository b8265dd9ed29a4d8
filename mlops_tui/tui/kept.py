"""What the dashboard remembers of a project for one person: a small file, read at the start and put in place whole."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from store.written import whole

LONGEST = 4_000_000  # bytes, of which a hundredth is usual
FORM = 1  # raised whenever a name comes to mean something else
T = TypeVar("T")


def folder_of(root: Path, person: str) -> Path:
    """Where a project keeps what belongs to this account of the machine, looking as that person."""
    name = f"{os.getuid()}-{quote(person, safe='')}" if person else str(os.getuid())
    return root / ".mlops" / "dashboard" / name


def remembered(path: Path) -> str:
    """What stands in such a file; nothing where it is none, cannot be read, is no text, or longer than any of ours."""
    try:
        return path.read_text(encoding="utf-8") if path.is_file() and path.stat().st_size <= LONGEST else ""
    except (OSError, UnicodeDecodeError):
        return ""


class Kept:
    """Values by name. What cannot be read is forgotten; `sealed`: nothing is written.

    Two dashboards of one person keep their values side by side: only what was put here is changed in the file.
    """

    def __init__(self, root: Path, person: str, *, sealed: bool = False) -> None:
        self.path = folder_of(root, person) / "state.json"
        self._root, self._sealed = root, sealed
        self._values = _read(self.path)
        self._changed: dict[str, object] = {}

    def get(self, name: str, default: T) -> T:
        """What was kept by that name; the default where there is nothing, or something of another type."""
        value = self._values.get(name)
        return value if isinstance(value, type(default)) else default

    def under(self, prefix: str) -> dict[str, object]:
        """Everything whose name begins like that, by the rest of its name."""
        return {name.removeprefix(prefix): value for name, value in self._values.items() if name.startswith(prefix)}

    def put(self, name: str, value: object) -> bool:
        """Remember what JSON can hold; None forgets. Whether that changes anything that has to be written."""
        if self._values.get(name) == value:
            return False
        self._changed[name] = value
        self._values = _with(self._values, {name: value})
        return not self._sealed

    def write(self) -> None:
        """Put what has changed into the file, unless the project is gone; Unreadable where it cannot be written."""
        if self._sealed or not self._changed or not self._root.is_dir():
            return
        values = _with(_read(self.path), self._changed)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with whole(self.path) as staged:
            staged.write_text(json.dumps({"form": FORM, **values}, ensure_ascii=False), encoding="utf-8")
        self._changed = {}


def _read(path: Path) -> dict[str, object]:
    try:
        found = json.loads(remembered(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in found.items() if name != "form"} \
        if isinstance(found, dict) and found.get("form") == FORM else {}


def _with(values: Mapping[str, object], changed: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in {**values, **changed}.items() if value is not None}
