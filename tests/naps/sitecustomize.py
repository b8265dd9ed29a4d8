"""Put on PYTHONPATH by tests: gives the program one more capability, `nap`, which takes as long as it is told."""

from pathlib import Path

import mlops_tui.core
from mlops_tui.commands import root

HERE = Path(__file__).parent / "core"
mlops_tui.core.__path__.append(str(HERE))
root.files["nap"] = HERE / "nap.py"
