"""A unit of work: it sees what it decided, others do not until it is written, and it is written whole or not at all."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from store.facts import Fact, Note
from store.ledger import Entry, Ledger
from store.refusal import Conflict, Refusal
from tests.store.test_ledger import Clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Ledger:
    made = Ledger(f"sqlite:///{path}", Clock(), "ana")
    made.append(Note(subject="s", text="before"))
    return made


def texts(ledger: Ledger) -> list[str]:
    return [getattr(entry.fact, "text", "") for entry in ledger.entries("note")]


def test_its_entries_are_seen_by_itself_at_once_and_by_others_when_it_is_written(ledger: Ledger, path: Path) -> None:
    other = Ledger(f"sqlite:///{path}", Clock(), "bo")
    unit = ledger.unit()
    unit.append(Note(subject="s", text="one"))
    unit.acting_as("cy").append(Note(subject="s", text="two"))
    assert texts(unit) == ["before", "one", "two"]
    assert [entry.seq for entry in unit.entries()] == [1, 2, 3]
    assert unit.head_seq() == 3
    assert texts(ledger) == texts(other) == ["before"]
    written = unit.commit()
    assert [(entry.seq, entry.actor) for entry in written] == [(2, "ana"), (3, "cy")]
    assert texts(ledger) == texts(other) == ["before", "one", "two"]
    assert ledger.verify() is None
    assert ledger.entries()[-1].hash == other.entries()[-1].hash == written[-1].hash


def test_it_decides_on_the_history_with_its_own_entries(ledger: Ledger) -> None:
    unit = ledger.unit()
    unit.append(Note(subject="s", text="one"))

    def counted(entries: list[Entry]) -> list[Fact]:
        return [Note(subject="s", text=f"there are {len(entries)}")]

    unit.transact(counted)  # type: ignore[arg-type]
    unit.commit()
    assert texts(ledger)[-1] == "there are 2"


def test_where_the_history_grew_meanwhile_nothing_is_written(ledger: Ledger, path: Path) -> None:
    unit = ledger.unit()
    unit.append(Note(subject="s", text="one"))
    unit.marks["reacted"] = 99
    Ledger(f"sqlite:///{path}", Clock(), "bo").append(Note(subject="s", text="meanwhile"))
    assert texts(unit) == ["before", "one"]
    with pytest.raises(Conflict):
        unit.commit()
    assert texts(ledger) == ["before", "meanwhile"]
    assert ledger.marks == {}


def test_a_unit_that_decided_nothing_is_written_whatever_happened_meanwhile(ledger: Ledger) -> None:
    unit, done = ledger.unit(), list[bool]()
    ledger.append(Note(subject="s", text="meanwhile"))
    unit.commit(lambda _: done.append(True))
    assert done == [True]


def test_what_belongs_to_it_is_written_with_it_or_nothing_is(ledger: Ledger) -> None:
    def bad(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE beside (x)"))
        raise Refusal("it does not fit")

    unit = ledger.unit()
    unit.append(Note(subject="s", text="one"))
    with pytest.raises(Refusal, match="does not fit"):
        unit.commit(bad)
    assert texts(ledger) == ["before"]
    with ledger.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM sqlite_master WHERE name = 'beside'")).scalar_one() == 0
    unit.commit()
    assert texts(ledger) == ["before", "one"]


def test_a_read_only_history_has_read_only_units(ledger: Ledger) -> None:
    with pytest.raises(Refusal):
        ledger.closed().unit().append(Note(subject="s", text="one"))
