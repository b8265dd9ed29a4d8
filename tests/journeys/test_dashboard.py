"""The loop on the dashboard alone: an alert, an incident, its runbook, a promotion, two votes, and the end of it."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from rich.cells import cell_len

from mlops_tui import folds, jobs
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from mlops_tui.tui.screens.answer import Answer
from mlops_tui.tui.screens.ask import Ask, Why
from mlops_tui.tui.screens.section import SectionScreen
from store.facts import AlertEvent
from tests.conftest import Made
from tests.screens import Terminal, dashboard, run

pytestmark = pytest.mark.slow
NAME = "flights-delay"
RUNBOOK = """\
---
title: The inputs moved
when: [drift]
severity: high
---
## 1. How does everything stand?
```query
status
```
## 2. Decide
```manual
Say what you chose, and why.
```
## 3. Ask for votes
```approve
promote {model}@challenger
```
## 4. Tell people
```notify
{model}: it is dealt with, see {incident}.
```
"""


@pytest.fixture
def world(project: Path, made: Made, session: Callable[..., Session], empty_store: Path) -> Iterator[Session]:
    """A version that may be promoted, and an alert that fires; what ana's session sees of it."""
    (project / "runbooks").mkdir()
    (project / "runbooks" / "data-drift.md").write_text(RUNBOOK, encoding="utf-8")
    opened = session("ana")
    (project / ".mlops").mkdir(exist_ok=True)
    shutil.copy(empty_store, project / ".mlops" / "mlflow.db")
    opened.ledger.append(
        made.trained(), AlertEvent(subject="AL-1", event="fired", monitor="flights-drift", about=NAME, check="drift",
                                   severity="high", title="2 of 12 columns moved", runbook="data-drift"),
        made.finding())
    signed = session("bo").perform(("checklist", "sign", "limits-reviewed", f"{NAME}@1"), reason="read")
    assert signed.exit == 0
    yield opened
    for job in jobs.rows(opened).open():
        if job.pid and jobs.here(job) and jobs.alive(job):
            os.killpg(job.pid, signal.SIGKILL)
    for child in jobs._children:
        child.wait(30)
    jobs._children.clear()


class Person:
    """Somebody who reads labels and presses the letters beside them."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal

    async def sees(self, *words: str) -> None:
        await self.terminal.expect(lambda: all(word in self.terminal.text for word in words))
        await self.terminal.settle()
        width = self.terminal.app.size.width
        assert [cell_len(line) for line in self.terminal.text.splitlines()] == [width] * self.terminal.app.size.height

    async def does(self, label: str) -> None:
        """The next step of that label, by its letter."""
        await self.sees(label)
        pieces = [piece.split() for piece in self.terminal.text.replace("\n", "│").split("│") if label in piece]
        await self.terminal.press(next(words[0] for words in pieces if len(words[0]) == 1 and words[0].isalnum()))

    async def agrees(self, *words: str) -> None:
        """To the plan that is shown."""
        await self.terminal.expect(lambda: isinstance(self.terminal.app.screen, Ask))
        await self.sees("Shall this be done?", *words)
        await self.terminal.press("down", "enter")

    async def says(self, words: str) -> None:
        await self.terminal.expect(lambda: isinstance(self.terminal.app.screen, Why))
        await self.terminal.press(*("space" if letter == " " else letter for letter in words), "enter")

    async def home(self) -> None:
        """Back to where the mode began."""
        while isinstance(self.terminal.app.screen, Answer):
            await self.terminal.press("escape")


def state(world: Session, name: str) -> str:
    entries, now = world.ledger.entries(), world.now()
    known = {**folds.alerts(entries), **folds.incidents(entries), **folds.runbook_runs(entries),
             **folds.approvals(entries, now)}
    return str(known[name].state)


def test_an_incident_and_its_promotion_are_worked_on_the_dashboard_alone(world: Session) -> None:
    run(worked(world))
    assert state(world, "INC-1") == "resolved"


async def worked(world: Session) -> None:
    root = world.declared().root
    async with dashboard(root, person="ana") as terminal:
        ana = Person(terminal)
        await terminal.press("6")
        await ana.sees("AL-1", "firing", "nobody is on it")
        await ana.does("I am on it")
        await ana.sees("is on AL-1")
        assert state(world, "AL-1") == "acked"
        await ana.home()
        await ana.does("Open an incident")
        await ana.sees("INC-1 is open")
        await ana.does("Work through its runbook")
        await ana.sees("RUN-1 stands at step 2 of 4: Decide")
        await ana.does("It is done")
        await ana.says("promote the newer one")
        await ana.agrees("promote the newer one")
        await ana.sees("RUN-1 stands at step 3 of 4: Ask for votes")
        await ana.does("Do step 3")
        await ana.agrees("flights-delay@1")
        await ana.sees("AP-1")
        assert state(world, "AP-1") == "open"
        assert folds.model_state(world.ledger.entries(), NAME).champion == ""

        for name, count in (("bo", "0 of 2 votes"), ("cy", "1 of 2 votes")):
            await votes(root, name, count)
        assert folds.model_state(world.ledger.entries(), NAME).champion == "1"
        assert state(world, "AP-1") == "done"

        await ana.home()
        await ana.sees("INC-1")
        await terminal.press("home")
        await ana.does("Go on with the runbook")
        await ana.sees("RUN-1 stands at step 4 of 4: Tell people")
        await ana.does("Do step 4")
        await ana.agrees("it is dealt with")
        await terminal.expect(lambda: state(world, "RUN-1") == "finished")
        await ana.home()
        await ana.does("It is over")
        await ana.says("version 1 serves")
        await ana.sees("INC-1 is resolved")
        await ana.home()
        assert isinstance(terminal.app.screen, SectionScreen)
        await ana.sees("resolved")
    reasons = {(entry.actor, entry.fact.reason) for entry in world.ledger.entries("command")  # type: ignore[attr-defined]
               if entry.fact.reason}  # type: ignore[attr-defined]
    assert ("ana (simulated)", "version 1 serves") in reasons
    assert "why" not in {reason for _, reason in reasons}, "the word of the example is nobody's reason"
    assert world.ledger.verify() is None


async def votes(root: Path, name: str, count: str) -> None:
    """A yes, from a dashboard of one's own, beginning at what needs one."""
    async with dashboard(root, person=name) as terminal:
        person = Person(terminal)
        await person.sees("AP-1", count, f"{name} (")
        needs = terminal.app.screen.query_one("#needs")
        terminal.app.screen.set_focus(needs)
        while "AP-1" not in str(needs.row):  # type: ignore[attr-defined]
            await terminal.press("down")
        await terminal.press("enter")
        await person.sees("approve show AP-1", f"has {count}")
        await person.does("Yes")
        await person.says("looks right")
        await person.sees("has 1 of 2 votes" if count.startswith("0") else "AP-1 has its votes")


def test_whoever_asked_may_not_vote_and_no_is_a_vote_too(world: Session) -> None:
    run(refused(world))
    assert state(world, "AP-1") == "rejected"


async def refused(world: Session) -> None:
    root = world.declared().root
    async with dashboard(root, person="ana") as terminal:
        ana = Person(terminal)
        await terminal.press("3")
        await ana.does("Promote it")
        await ana.agrees("flights-delay@1")
        await ana.sees("AP-1: promote flights-delay@1 has 0 of 2 votes")
        await ana.does("Vote")
        assert not isinstance(terminal.app.screen, Why), "she is refused before she is asked for a reason"
        await ana.sees("denied")
    async with dashboard(root, person="bo", at=["AP-1"]) as terminal:
        bo = Person(terminal)
        await bo.does("No")
        await bo.says("not before the holidays")
        await bo.sees("AP-1 is rejected")
    assert folds.model_state(world.ledger.entries(), NAME).champion == ""


# -- the same on a real July ----------------------------------------------------------------------------------------


def test_july_is_worked_on_the_dashboard_alone(july: Path) -> None:
    run(july_worked(july))
    entries = open_project(july, read_only=True).ledger.entries()
    assert folds.model_state(entries, NAME).champion == "4"
    assert folds.incidents(entries)["INC-1"].state == "resolved"


async def comes(terminal: Terminal, *words: str) -> None:
    """A job's answer, however long it takes."""
    for _ in range(12):
        with suppress(pytest.fail.Exception):
            return await terminal.expect(lambda: all(word in terminal.text for word in words))
    pytest.fail(f"never seen:\n{terminal.text}")


async def july_worked(root: Path) -> None:
    async with dashboard(root, person="bo") as terminal:
        bo = Person(terminal)
        await terminal.press("6")
        await bo.sees("AL-3", "firing", "nobody is on it")
        await bo.does("I am on it")
        await bo.sees("is on AL-3")
        await bo.home()
        await bo.does("Open an incident")
        await bo.sees("INC-1 is open")
    async with dashboard(root, person="ana", at=["INC-1#standing"]) as terminal:
        ana = Person(terminal)
        await ana.does("Work through its runbook")
        await comes(terminal, "RUN-1 stands at step 6 of 11")
        await ana.does("Retrain")
        await ana.agrees("retrain")
        await comes(terminal, "RUN-1 stands at step 8 of 11")
        await ana.does("Do step 8")
        await ana.agrees("train flights-delay")
        await comes(terminal, "RUN-1 stands at step 9 of 11")
    async with dashboard(root, person="bo") as terminal:
        await terminal.type("checklist sign limits-reviewed flights-delay@4")
        await Person(terminal).says("read")
        await comes(terminal, "limits-reviewed", "bo")
    async with dashboard(root, person="ana", at=["INC-1#runbook"]) as terminal:
        ana = Person(terminal)
        await ana.does("Do step 9")
        await ana.agrees("promote flights-delay@challenger")
        await comes(terminal, "AP-2")
    for name, said in (("bo", "has 1 of 2 votes"), ("cy", "flights-delay@4 serves now")):
        async with dashboard(root, person=name, at=["AP-2"]) as terminal:
            await Person(terminal).does("Yes")
            await Person(terminal).says("better by more than chance")
            await comes(terminal, said)
    async with dashboard(root, person="ana", at=["INC-1#standing"]) as terminal:
        await Person(terminal).does("It is over")
        await Person(terminal).says("version 4 serves")
        await comes(terminal, "INC-1 is resolved")
