"""Project skeletons that are shipped, and how one is written into a folder."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from mlops_tui.errors import BadInput


def shipped(name: str) -> Iterator[tuple[str, bytes]]:
    """The files of a shipped skeleton, as relative path and content, in a stable order."""
    yield from _walk(files("templates") / name, "")


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for item in sorted(folder.iterdir(), key=lambda each: each.name):
        if item.name == "__pycache__":
            continue
        if item.is_dir():
            yield from _walk(item, f"{prefix}{item.name}/")
        else:
            yield f"{prefix}{item.name}", item.read_bytes()


def write(name: str, target: Path, replace: dict[str, str] | None = None) -> list[str]:
    """Write a skeleton into a folder, never over a file that is there; the paths written. BadInput where one is."""
    contents = list(shipped(name))
    taken = [path for path, _ in contents if (target / path).exists()]
    if taken:
        raise BadInput(f"'{taken[0]}' is there already.", where=str(target), next="Choose an empty folder.")
    for path, content in contents:
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        text = content
        for word, value in (replace or {}).items():
            text = text.replace(word.encode(), value.encode())
        place.write_bytes(text)
    return [path for path, _ in contents]
