"""The projects that somebody has opened on this machine, by name: a file of his own, to which opened ones are added."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mlops_tui.declarations.declare import read, text_of
from mlops_tui.declarations.kinds import Settings
from mlops_tui.declarations.marker import MARKER
from mlops_tui.errors import NotDeclared, Refusal, Unreadable, nearest
from store.written import whole

HEAD = "# The projects that the dashboard knows, by name; those that are opened are added. Change this as you like.\n"


def settings() -> Path:
    """The folder of one's own settings; Unreadable where one has no home."""
    try:
        return (Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config") / "mlops-tui").expanduser()
    except RuntimeError as problem:
        raise Unreadable("You have no home folder.", next="Set XDG_CONFIG_HOME.") from problem


def place() -> Path:
    """The file of the list."""
    return settings() / "projects.yaml"


def is_there(path: Path) -> bool:
    """Whether there is such a file of one's own; Unreadable where what lies there is none, or nobody may look."""
    try:
        if path.is_file():
            return True
    except OSError as problem:
        raise Unreadable(f"It cannot be read: {problem.strerror}.", where=str(path)) from problem
    if os.path.lexists(path):
        raise Unreadable("It is not a file.", where=str(path), next="Move it away: a file of that name is wanted.")
    return False


def projects() -> dict[str, Path]:
    """Folders by name, as they stand in the file; none where there is no file. Unreadable where it is no such list."""
    path = place()
    return _read(text_of(path), path) if is_there(path) else {}


def folder(name: str, here: Path | None = None) -> Path:
    """The folder of the project of that name; `here` is one that may be meant though it is not on the list.

    NotDeclared with the nearest name.
    """
    known = projects()
    if name not in known and here is not None and _called(here) == name:
        return here
    if name not in known:
        hint = nearest(name, known) or (f"Known: {', '.join(known)}." if known else "")
        raise NotDeclared(f"No project '{name}' is known here.", where=str(place()),
                          next=hint or "Open it once in its folder: mlops-tui")
    try:
        found = (known[name] / MARKER).is_file()
    except OSError as problem:
        raise Unreadable(f"The project '{name}' cannot be looked into: {problem.strerror}.",
                         where=str(known[name])) from problem
    if not found:
        raise NotDeclared(f"The project '{name}' is no longer in {known[name]}.", where=str(place()),
                          next="Change its line there, or drop it.")
    return known[name]


def listed_as(name: str) -> str:
    """A project's name as it stands in front of the colon of a link, and on the list where no other has it."""
    return re.sub(r"[^\w.-]+", "-", name) or "project"


def name_of(root: Path) -> str | None:
    """The name that a folder goes by; None where it is not on the list."""
    return next((name for name, each in projects().items() if each.resolve() == root.resolve()), None)


def add(name: str, root: Path, environment: str = "") -> str:
    """Know the project from now on; the name it goes by, which is another one where that is taken."""
    known, root = projects(), root.resolve()
    if (there := name_of(root)) is not None:
        return there
    plain = listed_as(name)
    wanted = [plain, *([f"{plain}-{environment}"] if environment else ())]
    called: str = next(each for each in (*wanted, *(f"{wanted[-1]}-{number}" for number in range(2, len(known) + 3)))
                       if each not in known)
    path, line = place(), yaml.safe_dump({called: str(root)}, allow_unicode=True, width=sys.maxsize)
    before = text_of(path) if is_there(path) else HEAD
    line = line if before.endswith("\n") else f"\n{line}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not _says(before + line, {**known, called: root}):
        _write({**known, called: root})
        return called
    with path.open("a", encoding="utf-8") as file:  # two dashboards may add at once: each only its line
        file.write(line if file.tell() else HEAD + line)
    return called


def forget(name: str) -> None:
    """Take the project off the list; what else stands in the file stays as it is, if that can be."""
    kept = projects()
    del kept[name]
    text = "".join(line for line in text_of(place()).splitlines(keepends=True) if not _says(line, {name: None}))
    _write(kept, text if _says(text, kept) else "")


def _write(listed: Mapping[str, Path], text: str = "") -> None:
    dumped = yaml.safe_dump({name: str(root) for name, root in listed.items()}, allow_unicode=True, width=sys.maxsize)
    with whole(place()) as staged:
        staged.write_text(text or HEAD + dumped, encoding="utf-8")


def _says(text: str, wanted: Mapping[str, Path | None]) -> bool:
    """Whether the text is a list of these projects, in folders that matter where they are told."""
    try:
        found = _read(text, place())
    except Unreadable:
        return False
    return list(found) == list(wanted) and all(root in (None, found[name]) for name, root in wanted.items())


def _called(root: Path) -> str | None:
    try:
        return read(Settings, root / MARKER).project
    except Refusal:
        return None


def _read(text: str, path: Path) -> dict[str, Path]:
    try:
        found: Any = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise Unreadable(f"It is not YAML: {' '.join(str(problem).split())}", where=str(path)) from problem
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(each, str) and isinstance(root, str) and "\0" not in root
                                              for each, root in found.items()):
        raise Unreadable("It should be names with folders, such as  flights: /srv/flights", where=str(path))
    return {name: _at_home(root) for name, root in found.items()}


def _at_home(folder: str) -> Path:
    """A folder that may begin with `~`; that of somebody who is not here is left as it stands."""
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        return Path(folder)
