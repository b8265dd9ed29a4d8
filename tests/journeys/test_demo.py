"""The demo's loop on real flights: the same twice over, and the same after it was killed and run again."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops_tui import folds
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from store.facts import Finding, Trained
from tests.journeys.conftest import CALM, MODEL, Once, demo, through

pytestmark = pytest.mark.slow
STAGES = ("snapshot", "tuned", "promotion")  # what begins the ingest, the training, the replay: killed in each


def killed(folder: Path, stage: str, seconds: float) -> None:
    """Begin it, in a process and a session of its own, and kill that so long after the history has such an entry."""
    process = subprocess.Popen(demo(folder, CALM), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True, cwd=folder.parent)
    while process.poll() is None and not holds(folder / ".mlops" / "ledger.db", stage):
        time.sleep(0.05)
    time.sleep(seconds)
    assert process.poll() is None, f"it ended before it was killed in the middle of: {stage}"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL


def holds(ledger: Path, kind: str) -> bool:
    """Whether the history has an entry of the kind by now; one that is not laid yet has none."""
    if not ledger.exists():
        return False
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=10)) as connection:
        laid = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'entry'").fetchone()
        return bool(laid and connection.execute("SELECT 1 FROM entry WHERE kind = ?", (kind,)).fetchone())


@dataclass(frozen=True)
class World:
    """What a demo left behind."""

    told: dict[str, Any]
    root: Path

    def session(self) -> Session:
        return open_project(self.root, read_only=True)

    def snapshots(self) -> dict[str, str]:
        entries = self.session().ledger.entries("snapshot")
        names = dict.fromkeys(entry.subject for entry in entries)
        return {name: folds.current_snapshot([entry for entry in entries if entry.subject == name]) for name in names}

    def metrics(self) -> list[tuple[str, str, Any]]:
        return [(entry.fact.version, entry.fact.candidate, entry.fact.metrics)
                for entry in self.session().ledger.entries("trained") if isinstance(entry.fact, Trained)]

    def findings(self) -> list[tuple[str, str, float | None]]:
        return [(entry.fact.check, entry.fact.status, entry.fact.value)
                for entry in self.session().ledger.entries("finding") if isinstance(entry.fact, Finding)]


@pytest.fixture(scope="session")
def rough(once: Once) -> Path:
    """A demo that was killed again and again, and run again each time."""
    def live(shared: Path) -> None:
        dice = random.Random(20130601)
        for stage in STAGES:
            killed(shared / "flights", stage, dice.uniform(0, 1.5))
        (shared / "told.json").write_text(json.dumps(through(shared / "flights", CALM)), encoding="utf-8")

    return once("rough", live)


@pytest.fixture
def worlds(calm: Path, rough: Path) -> tuple[World, World]:
    """The demo that ran through, and beside it the one that was killed."""
    ran, cut = (World(json.loads((each / "told.json").read_text()), each / "flights") for each in (calm, rough))
    return ran, cut


def test_the_story_is_told_with_its_figures(worlds: tuple[World, World]) -> None:
    told = worlds[0].told
    assert told["status"] == "done"
    assert {step["status"] for step in told["steps"]} <= {"done", "pass", "warn", "fail", "unknown"}
    assert told["facts"]["champion"] == f"{MODEL}@2"
    assert told["facts"]["replayed_to"] == "2013-06-03"
    [june] = told["tables"]["months"]["rows"]
    assert 0.7 < june["low"] < june["roc_auc"] < june["high"] < 0.9


def test_people_are_simulated_and_say_so(worlds: tuple[World, World]) -> None:
    voters = {entry.actor for entry in worlds[0].session().ledger.entries("vote")}
    assert voters == {"bo (simulated)", "cy (simulated)"}


def test_a_killed_demo_ends_with_the_same_data_and_metrics(worlds: tuple[World, World]) -> None:
    calm, rough = worlds
    assert calm.snapshots() == rough.snapshots()
    assert calm.metrics() == rough.metrics()
    assert len(calm.snapshots()) >= 10


def test_nothing_is_half_there(worlds: tuple[World, World]) -> None:
    for world in worlds:
        session = world.session()
        assert session.ledger.verify() is None
        lake = session.data()
        for name in world.snapshots():
            assert lake.damaged(session.snapshot(name)) == []


def test_the_first_promotion_went_through_the_gate(worlds: tuple[World, World]) -> None:
    entries = worlds[0].session().ledger.entries()
    state = folds.model_state(entries, MODEL)
    approval = folds.approvals(entries, worlds[0].session().now())["AP-1"]
    assert (state.champion, approval.state, approval.yes) == ("2", "done", 2)
    assert ("leaks", "pass", 0.0) in worlds[0].findings()
