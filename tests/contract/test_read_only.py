"""A session that only reads leaves no trace, whichever surface it is asked from and whatever it is asked."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_tui import asking
from mlops_tui.commands import shapes
from mlops_tui.opening import open_project
from mlops_tui.roles import Shape
from mlops_tui.session import Session
from mlops_tui.view import Action, Status
from store.facts import AlertEvent, IncidentEvent, Proposal, RunbookEvent
from store.ledger import Ledger
from tests.contract.test_capabilities import EXAMPLE, PROJECT, TEAM, each_example, runs_by_itself

SOURCES = ("terminal", "dashboard", "slack")
# So that most commands find what they are about, and only the lock keeps them from doing it.
HAPPENED = (
    AlertEvent(subject="AL-1", event="fired", monitor="m", about="flights", check="drift", severity="high", title="x"),
    *(IncidentEvent(subject=f"INC-{number}", event="opened", title="late", severity="high", about="flights")
      for number in range(1, 4)),
    Proposal(subject="P-1", event="proposed", path="monitors/new.yaml", content="check: drift\n", why="?"),
    RunbookEvent(subject="RUN-1", event="started", runbook="data-drift", about="flights"),
)


@pytest.fixture
def lived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in which something has happened, and somebody who may do everything."""
    (tmp_path / "mlops.yaml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "team.yaml").write_text(TEAM, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    open_project(tmp_path, person="ana").ledger.append(*HAPPENED)
    return tmp_path


def traces(root: Path) -> dict[str, object]:
    """Everything that a session could change: the rows of every table, and every other file's name and size."""
    session = open_project(root, person="ana")
    assert isinstance(session.ledger, Ledger)
    with session.ledger.engine.connect() as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
        found: dict[str, object] = {name: list(connection.exec_driver_sql(f"SELECT * FROM {name}")) for name in tables}
    session.ledger.close()
    return found | {str(path): path.stat().st_size for path in root.rglob("*")
                    if path.is_file() and not path.name.startswith("ledger.db")}


def asked(session: Session, argv: tuple[str, ...]) -> Iterator[asking.Reply]:
    """What a surface is answered: as it first asks, with a reason, and with consent to some plan."""
    yield asking.ask(session, argv)
    yield asking.ask(session, argv, reason="because")
    yield asking.ask(session, argv, consent="0" * 64, reason="because")


@pytest.mark.parametrize(EXAMPLE, each_example(runs_by_itself))
def test_a_read_only_session_leaves_no_trace_from_any_surface(words: str, argv: tuple[str, ...], lived: Path) -> None:
    before = traces(lived)
    for source in SOURCES:
        session = open_project(lived, person="ana", source=source, read_only=True)
        for reply in asked(session, argv):
            assert isinstance(reply, asking.Answer), "neither a plan, nor a question, nor a job"
            assert reply.view.status is Status.DENIED or shapes([Action(words, argv)])[argv] == Shape.LOOK
            assert reply.view.title
    assert traces(lived) == before


def test_the_surfaces_differ_in_what_is_recorded_and_the_traces_show_it(lived: Path) -> None:
    before = traces(lived)
    assert len(before["entry"]) == len(HAPPENED)  # type: ignore[arg-type]
    session = open_project(lived, person="ana")
    session = session.acting_as(replace(session.actor, source="slack"))
    assert isinstance(asking.ask(session, ("alert", "ack", "AL-1")), asking.Answer)
    after = traces(lived)
    assert [row[1] for row in after["entry"]][-3:] == ["command", "alert", "command"]  # type: ignore[attr-defined]
    (lived / ".mlops" / "lake").mkdir(exist_ok=True)
    (lived / ".mlops" / "lake" / "new").write_text("x", encoding="utf-8")
    assert set(traces(lived)) - set(after) == {str(lived / ".mlops" / "lake" / "new")}
