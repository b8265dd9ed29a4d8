"""Where a project begins: the nearest folder upwards that holds its marker file."""

from pathlib import Path

MARKER = "mlops.yaml"


def find(start: Path) -> Path | None:
    """The nearest folder upwards that holds a project."""
    for folder in (start, *start.parents):
        if (folder / MARKER).is_file():
            return folder
    return None
