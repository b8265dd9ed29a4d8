"""The history can be read and checked."""

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status, Text
from store.facts import Note


@pytest.fixture
def told(session: Callable[..., Session]) -> Session:
    opened = session("ana")
    opened.ledger.append(*(Note(subject="story", text=f"part {number}") for number in range(5)))
    return opened


def test_the_newest_entries_come_first(told: Session) -> None:
    view = told.perform(["audit", "log", "--limit", "2", "--kind", "note"]).view
    assert [row["what"] for row in view.table("entries").rows] == ["part 4", "part 3"]
    assert view.table("entries").total == 5


def test_a_whole_history_verifies(told: Session) -> None:
    outcome = told.perform(["audit", "verify"])
    assert (outcome.view.status, outcome.view.facts()["entries"]) == (Status.PASS, 5)
    assert told.perform(["audit", "verify", "--anchor", str(outcome.view.facts()["head"])]).exit == 0


def test_a_changed_value_is_named_and_a_cut_end_shows_against_an_anchor(told: Session, project: Path) -> None:
    head = str(told.perform(["audit", "verify"]).view.facts()["head"])
    with sqlite3.connect(project / ".mlops" / "ledger.db") as raw:
        raw.execute("DROP TRIGGER entry_no_delete")
        raw.execute("DELETE FROM entry WHERE seq = 5")
    assert told.perform(["audit", "verify"]).exit == 0
    cut = told.perform(["audit", "verify", "--anchor", head])
    assert cut.exit == 1
    assert "cut off" in str(cut.view.facts()["why"])
    with sqlite3.connect(project / ".mlops" / "ledger.db") as raw:
        raw.execute("DROP TRIGGER entry_no_update")
        raw.execute("UPDATE entry SET body = replace(body, 'part 2', 'part 7')")
    changed = told.perform(["audit", "verify"])
    assert (changed.exit, changed.view.facts()["first_broken_entry"]) == (1, 3)


def test_an_anchor_must_be_a_hash(told: Session) -> None:
    assert told.perform(["audit", "verify", "--anchor", "xyz"]).exit == 2


def test_the_log_can_be_read_as_it_was(told: Session, session: Callable[..., Session], clock: ReplayClock) -> None:
    before = told.now()
    clock.advance(before + timedelta(hours=1))
    told.ledger.append(Note(subject="story", text="later"))
    assert told.perform(["audit", "log"]).view.table("entries").total == 6
    assert session("ana", as_of=before).perform(["audit", "log"]).view.table("entries").total == 5


def test_an_entry_is_shown_whole(session: Callable[..., Session]) -> None:
    opened = session("ana")
    opened.ledger.append(Note(subject="replay", text="begun", detail={"day": "2013-06-01"}))
    view = opened.perform(("audit", "show", "1")).view
    assert view.facts() | {"recorded_at": None, "effective_at": None} == {
        "kind": "note", "subject": "replay", "actor": "ana (simulated)", "recorded_at": None, "effective_at": None,
        "text": "begun", "hash": opened.ledger.head()}
    assert any(isinstance(part, Text) and '"day": "2013-06-01"' in part.body for part in view.parts)
    assert opened.perform(("audit", "log")).view.table("entries").rows[0]["argv"] == ("audit", "show", "1")


@pytest.mark.parametrize("number", ["0", "2", "-1"])
def test_an_entry_that_is_not_there_is_refused(session: Callable[..., Session], number: str) -> None:
    opened = session("ana")
    opened.ledger.append(Note(subject="replay", text="begun"))
    outcome = opened.perform(("audit", "show", "--", number))
    assert (outcome.exit, outcome.view.title) == (2, f"There is no entry {number}.")
