"""Writers at once, killed again and again: nothing acknowledged is lost, nothing is there by half."""

from pathlib import Path

from mlops_tui.opening import open_project
from store.facts import Snapshot
from tests.commits import PRODUCT, laid, written


def test_killed_writers_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    told = written(laid(tmp_path), PRODUCT, ["a", "b"], 20, kills=2)
    assert [each.errors for each in told] == [[], []]
    assert [each.killed for each in told] == [2, 2]
    session = open_project(tmp_path, source="test")
    state = session.snapshot("rows")
    assert {file.partition["part"] for file in state.files} == {f"{name}-{n:04}" for name in "ab" for n in range(20)}
    assert {file.rows for file in state.files} == {1000}
    assert session.data().damaged(state) == []
    facts = [entry.fact for entry in session.ledger.entries("snapshot")]
    assert all(isinstance(fact, Snapshot) for fact in facts)
    assert [fact.parent for fact in facts[1:]] == [fact.snapshot for fact in facts[:-1]]  # type: ignore[attr-defined]
    for fact in facts:
        assert session.data().has(session.data().stored("rows", fact.snapshot))  # type: ignore[attr-defined]
    assert session.ledger.verify() is None
