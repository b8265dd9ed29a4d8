"""A locked dashboard leaves no trace, whatever command there is, and however it is asked for."""

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlops_tui.tui import feed as feeds
from mlops_tui.tui.feed import Feed
from mlops_tui.tui.messages import Answered, Elsewhere, FromDesk, LogFound
from mlops_tui.view import Status
from tests.contract.test_capabilities import capabilities, examples, is_a_look
from tests.contract.test_read_only import lived, traces

__all__ = ["lived"]
TUI = Path(feeds.__file__).parent


def left(root: Path, feed: Feed) -> dict[str, object]:
    """What is left in the project; what the dashboard keeps for a person alone does not count, but for --read-only."""
    own = str(root / ".mlops" / "dashboard")
    return {name: what for name, what in traces(root).items() if feed._sealed or not name.startswith(own)}


def asked(feed: Feed, argv: tuple[str, ...]) -> list[FromDesk]:
    """What the desk answers: to a next step, and to a command with a reason and with consent to some plan."""
    return [feed.offered(argv), feed.perform(argv, consent="0" * 64, reason="because")]


@pytest.mark.parametrize("how", ["--read-only", "production", "as of"])
def test_every_command_that_changes_something_is_refused_and_leaves_no_trace(lived: Path, how: str) -> None:
    if how == "production":
        settings = lived / "mlops.yaml"
        settings.write_text(settings.read_text("utf-8") + "environment: production\n", "utf-8")
    then = datetime.now(UTC) if how == "as of" else None
    feed = Feed(lived, "ana", how == "--read-only" or None, then, sealed=how == "--read-only")
    before, tried = left(lived, feed), set()
    for words, made in capabilities().items():
        for argv in examples(made):
            if not is_a_look(words, argv):
                tried.add(words)
                for answer in asked(feed, argv):
                    assert isinstance(answer, (Answered, Elsewhere)), f"{argv}: no plan, no question, no job"
                    assert isinstance(answer, Elsewhere) or answer.view.status in (Status.DENIED, Status.ERROR), argv
    feed.stop(1)
    assert len(tried) > 100
    assert left(lived, feed) == before


def test_the_same_commands_come_to_something_where_nothing_is_locked(lived: Path) -> None:
    before, feed = traces(lived), Feed(lived, "ana", None)
    assert isinstance(feed.perform(("alert", "ack", "AL-1")), Answered)
    assert traces(lived) != before
    assert not isinstance(feed.perform(("snapshot", "gc")), (Answered, LogFound))


WRITES = {"append", "transact", "write_text", "write_bytes", "unlink", "rmtree", "touch", "put", "launch", "start_job",
          "cancel", "stop", "record"}


def test_nothing_on_a_screen_writes_but_through_the_desk() -> None:
    """Of jobs and of the history, only the desk's own module changes anything, and there only what it checks."""
    found = {}
    for path in sorted(TUI.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
                of = ast.unparse(node.func.value)
                if of.endswith("ledger") or of.rpartition(".")[2] in ("jobs", "session", "lake"):
                    found.setdefault(path.relative_to(TUI).as_posix(), []).append(f"{of}.{node.func.attr}")
    assert found == {"feed.py": ["jobs.cancel"]}
