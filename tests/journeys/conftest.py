"""A real July: the demo's first 48 live days, the last two with nobody answering, so that its alert is everybody's."""

import fcntl
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_tui.core._cast import Cast
from mlops_tui.core._replay import last_day, replay
from mlops_tui.opening import open_project

MODEL = "flights-delay"
ANSWERED, UNANSWERED = 46, 2


@pytest.fixture(scope="session")
def lived_july(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder as it was when the alert fired; made once, whichever of pytest's workers needs it first."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "july"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "done").exists():
            _live(shared / "flights")
            (shared / "done").touch()
    return shared / "flights"


def _live(folder: Path) -> None:
    argv = [sys.executable, "-P", "-m", "mlops_tui", "demo", str(folder), "--headless", "--days", str(ANSWERED)]
    subprocess.run(argv, check=True, capture_output=True, timeout=600)
    cast = Cast(open_project(folder, source="demo"))
    last = last_day(cast)
    assert last is not None
    days = [last + timedelta(days=number) for number in range(1, UNANSWERED + 1)]
    replay(cast, MODEL, days, folder / ".mlops" / "landing", lambda *_: None)


@pytest.fixture
def july(lived_july: Path, tmp_path: Path) -> Path:
    """A copy to work in."""
    return Path(shutil.copytree(lived_july, tmp_path / "flights"))
