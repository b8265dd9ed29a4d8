"""The dashboard of one visitor in a browser: a process that draws for the one that serves it, and ends with it."""

import sys
from pathlib import Path

from mlops_tui.tui import hangup
from mlops_tui.tui.app import run

if __name__ == "__main__":
    root, person, *locked = sys.argv[1:]
    hangup.watch(piped=True)
    run(Path(root), person=person, read_only=bool(locked))
