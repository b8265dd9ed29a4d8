"""`python -m mlops_tui`: the terminal, without the working directory on the path."""

import sys
from pathlib import Path

if sys.path and sys.path[0] in ("", str(Path.cwd())):
    del sys.path[0]

from mlops_tui.cli import main

if __name__ == "__main__":
    main()
