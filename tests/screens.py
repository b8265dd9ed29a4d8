"""A dashboard in a terminal of a size, and a project that has something of everything to show."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

import mlops_tui.core
from mlops_tui import jobs
from mlops_tui.commands import root
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session
from mlops_tui.tui.app import Dashboard
from mlops_tui.tui.kept import Kept
from mlops_tui.tui.links import read
from store.facts import AlertEvent, Approval, Finding, IncidentEvent, Promotion, Proposal, Trained

NAPS = Path(__file__).parent / "naps"
SIZES = [(120, 40), (80, 24), (60, 16)]


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> None:
    """`nap` in this process and in its children."""
    monkeypatch.setattr(mlops_tui.core, "__path__", [*mlops_tui.core.__path__, str(NAPS / "core")])
    monkeypatch.setitem(root.files, "nap", NAPS / "core" / "nap.py")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(NAPS), str(NAPS.parent.parent)]))


@pytest.fixture
def told(project: Path, clock: ReplayClock) -> Iterator[Session]:
    """A project with something of everything that Home shows."""
    (project / "models" / "odd[bold].yaml").write_text((project / "models" / "flights-delay.yaml").read_text(), "utf-8")
    session = open_project(project, person="ana", clock=clock)
    add = session.ledger.append
    add(_trained("7"), Promotion(subject="flights-delay", version="7", previous="", approval="AP-1", evidence=""))
    for day in range(20):
        clock.advance(clock.moment + timedelta(days=1))
        add(Finding(check="performance", subject="flights-delay", status="pass", title="roc_auc 0.74",
                    detail={"predicted": 0.26 - day / 500, "seen": 0.30 - day / 200}))
    add(Finding(check="calibration", subject="flights-delay", status="fail", title="ECE 0.081 is over 0.05"),
        Finding(check="drift", subject="flights-delay", status="pass", title="nothing moved"),
        Finding(check="ingest", subject="flights", status="warn", title="3 bad rows of 1,024"))
    add(IncidentEvent(subject="INC-3", event="opened", title="predicts 18 %, sees 14 %", severity="high"),
        AlertEvent(subject="AL-7", event="fired", monitor="m", severity="medium", title="late [again] in [/red]"),
        _trained("8"),
        Approval(subject="AP-5", event="asked", argv=("promote", "flights-delay@8"), quorum=2, role="approver",
                 requester="bo", expires_at=(clock.moment + timedelta(hours=20)).isoformat(), title="promote 8"),
        Proposal(subject="P-4", event="proposed", path="x.yaml", content="x", why="labels must be whole", lesson=True))
    yield session
    for job in jobs.rows(session).open():
        if job.pid and jobs.here(job) and jobs.alive(job):
            os.killpg(job.pid, signal.SIGKILL)
    for child in jobs._children:
        child.wait(10)
    jobs._children.clear()


def _trained(version: str) -> Trained:
    return Trained(subject="flights-delay", version=version, candidate="c", key="k", run_id="r", artifact="a",
                   training="t", declaration="d", seed=1, window=("", ""), metrics={})


class Terminal:
    """The dashboard in a terminal of a size, and what a person sees of it."""

    def __init__(self, app: Dashboard, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def text(self) -> str:
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    async def settle(self) -> None:
        """Until nothing is asked of the desk any more."""
        for _ in range(2000):
            await self.pilot.pause(0.01)
            if not self.app.busy:
                await self.pilot.pause()
                if not self.app.busy:
                    return
        pytest.fail("the desk never came to rest")

    async def expect(self, seen: Callable[[], bool]) -> None:
        """Until it is seen. Looking draws the whole screen, so what is long in coming is looked for less often."""
        for number in range(400):
            if seen():
                return
            await self.pilot.pause(min(0.01 * (1 + number), 0.1))
        pytest.fail(f"never seen:\n{self.text}")

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def type(self, line: str) -> None:
        """A command line, typed faster than anything is drawn."""
        for character in f":{line}":
            key = {":": "colon", " ": "space", "-": "minus"}.get(character, character)
            self.app.post_message(events.Key(key, character))
        self.app.post_message(events.Key("enter", None))
        await self.pilot.pause()
        await self.pilot.pause(0.05)
        await self.settle()


@asynccontextmanager
async def dashboard(folder: Path, size: tuple[int, int] = (120, 40), *, at: Sequence[str] = (),
                    again: bool = False, **how: Any) -> AsyncIterator[Terminal]:
    """`again`: of somebody who has been there before; else nothing is remembered of him but his last picture."""
    if not again:
        Kept(folder, how.get("person", "")).path.unlink(missing_ok=True)
    app = Dashboard(folder, at=read(at), **how)
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            terminal = Terminal(app, pilot)
            await pilot.pause()
            await terminal.settle()
            yield terminal
            app.desk.close(10)
            await pilot.pause()  # what it said last is heard while there is a screen to hear it
    finally:
        closed = app.desk.close(10)
        gc.unfreeze()  # the next dashboard of this process need not live beside this one
    assert closed


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)
