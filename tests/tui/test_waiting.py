"""Another program holds the history's lock: what is asked for waits, looks do not, and nobody quits without knowing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from mlops_tui.session import Session
from mlops_tui.tui.messages import Perform
from mlops_tui.tui.screens.ask import Ask
from tests.screens import dashboard, run


@contextmanager
def written_by_another(session: Session) -> Iterator[sqlite3.Connection]:
    path = session.declared().root / ".mlops" / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def notes(session: Session) -> list[str]:
    return [entry.fact.event for entry in session.ledger.entries("incident") if entry.fact.event == "note"]  # type: ignore[attr-defined]


def test_what_is_asked_for_waits_for_another_program_and_looks_do_not(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, person="ana") as terminal:
            with written_by_another(told) as other:
                terminal.app.post_message(Perform(("incident", "note", "INC-3", "calm")))
                await terminal.expect(lambda: "Another program is writing" in terminal.text)
                await terminal.pilot.press("8")
                await terminal.expect(lambda: "chained" in terminal.text or "opened" in terminal.text)
                await terminal.pilot.press("q")
                await terminal.expect(lambda: "Not done yet: incident note INC-3 calm." in terminal.text)
                await terminal.pilot.press("enter")
                await terminal.expect(lambda: not isinstance(terminal.app.screen, Ask))
                assert terminal.app.is_running, "stay is what Enter means"
                other.execute("ROLLBACK")
            await terminal.settle()
            assert notes(told) == ["note"]
            await terminal.pilot.press("q")
            await terminal.expect(lambda: not terminal.app.is_running or terminal.app._exit)

    run(story())


def test_a_project_that_is_deleted_is_said_to_be_gone_and_takes_nothing(told: Session) -> None:
    root = told.declared().root

    async def story() -> None:
        async with dashboard(root, person="ana") as terminal:
            root.rename(root.with_name("elsewhere"))
            terminal.app.post_message(Perform(("incident", "note", "INC-3", "calm")))
            await terminal.expect(lambda: "■" in terminal.text and "tried again every two seconds" in terminal.text)
            assert not root.exists(), "it is not begun anew"
            assert terminal.app.desk._feed is not None
            terminal.app.desk._feed._told = datetime.max.replace(tzinfo=UTC)  # nothing is shown anew for its age
            root.with_name("elsewhere").rename(root)
            await terminal.expect(lambda: "predicts 18 %" in terminal.text)

    run(story())
    assert notes(told) == []
