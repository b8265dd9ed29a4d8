"""The demo's real flights, lived through once for all journeys: three calm days, and a July that grows out of them."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mlops_tui.core._cast import Cast
from mlops_tui.core._replay import last_day, replay
from mlops_tui.opening import open_project

MODEL = "flights-delay"
CALM, ANSWERED, UNANSWERED = 3, 46, 2  # days
Once = Callable[[str, Callable[[Path], None]], Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before all others, as they take minutes: whichever worker had them last would be waited for."""
    items.sort(key=lambda item: Path(__file__).parent not in item.path.parents)


def demo(folder: Path, days: int) -> list[str]:
    """How the demo is called there."""
    return [sys.executable, "-P", "-m", "mlops_tui", "demo", str(folder), "--headless", "--days", str(days), "--json"]


def through(folder: Path, days: int) -> dict[str, Any]:
    """Let it run through; what it told."""
    told = subprocess.run(demo(folder, days), check=True, capture_output=True, timeout=600).stdout
    return dict(json.loads(told))


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """A folder that is made once, whichever of pytest's workers needs it first."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[Path], None]) -> Path:
        shared = base / name
        shared.mkdir(exist_ok=True)
        with (shared / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (shared / "done").exists():
                make(shared)
                (shared / "done").touch()
        return shared

    return made


@pytest.fixture(scope="session")
def calm(once: Once) -> Path:
    """A demo that ran through: the project in `flights`, what it told in `told.json`."""
    def live(shared: Path) -> None:
        (shared / "told.json").write_text(json.dumps(through(shared / "flights", CALM)), encoding="utf-8")

    return once("calm", live)


@pytest.fixture(scope="session")
def lived_july(once: Once, calm: Path) -> Path:
    """The folder as it was when the alert fired: 48 live days, the last two with nobody answering, so that the alert is
    everybody's."""
    def live(shared: Path) -> None:
        folder = Path(shutil.copytree(calm / "flights", shared / "flights"))
        through(folder, ANSWERED)
        cast = Cast(open_project(folder, source="demo"))
        last = last_day(cast)
        assert last is not None
        days = [last + timedelta(days=number) for number in range(1, UNANSWERED + 1)]
        replay(cast, MODEL, days, folder / ".mlops" / "landing", lambda *_: None)

    return once("july", live) / "flights"


@pytest.fixture
def july(lived_july: Path, tmp_path: Path) -> Path:
    """A copy to work in."""
    return Path(shutil.copytree(lived_july, tmp_path / "flights"))
