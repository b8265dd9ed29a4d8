"""The line of a declaration on which a name is given, for errors that say where."""

import re
from collections.abc import Callable
from pathlib import Path


def placed(path: Path) -> Callable[[str], str]:
    """Where a file declares something of a name: `path:line`, as far as it can be found."""

    def place(name: str) -> str:
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        wanted = re.compile(rf"""\b(?:name|property):\s*["']?{re.escape(name.split(",")[0])}["']?\s*(?:[,}}#]|$)""")
        found = next((number for number, line in enumerate(lines, start=1) if wanted.search(line)), None)
        return f"{path}:{found}" if found else str(path)

    return place
