import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store.facts import Command, Vote
from store.ledger import Ledger, Term
from store.spoken import ERASED, apart, together

NOW = datetime(2024, 3, 1, tzinfo=UTC)
SAID = Command(subject="incident note", argv=("incident", "note", "INC-1", "Ms Planted called"), shape="act",
               phase="outcome", status="done", source="terminal", reason="she asked")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", lambda: NOW, "ana")
    made.append(SAID, Vote(subject="AP-1", voter="bo", choice="yes", plan="p", reason="Planted agrees"), SAID)
    return made


def forged(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


def test_what_people_said_is_read_as_if_it_stood_in_the_history(ledger: Ledger) -> None:
    assert ledger.entries("command")[0].fact == SAID
    assert len(ledger.numbers([Term(("Planted called",))], upto=3)) == 2
    assert len(ledger.numbers([Term(("agrees",), "reason")], upto=3)) == 1
    assert ledger.numbers([Term(("Planted",), "reason")], upto=3)[-1] == 2


def test_it_can_be_erased_and_the_chain_holds(ledger: Ledger, tmp_path: Path) -> None:
    head = ledger.head()
    assert ledger.forget(re.compile("Planted")) == 3
    assert ledger.verify(head) is None
    fact = ledger.entries("command")[0].fact
    assert (fact.argv, fact.reason) == ((ERASED,), "she asked")
    assert ledger.acting_as("bo").entries("vote")[0].fact.reason == ERASED
    ledger.append(SAID)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ledger.forget(re.compile("Planted"))
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert not [path for path in tmp_path.iterdir() if b"Planted" in path.read_bytes()]


@pytest.mark.parametrize(("statement", "why"), [
    ("UPDATE said SET words = replace(words, 'agrees', 'denies') WHERE number = 2", "its reason is not what was said"),
    ("UPDATE said SET words = replace(words, 'called', 'wrote') WHERE number = 1", "its argv is not what was said"),
    ("UPDATE said SET salt = 'x' WHERE number = 2", "its reason is not what was said")])
def test_words_that_were_changed_are_found(ledger: Ledger, tmp_path: Path, statement: str, why: str) -> None:
    forged(tmp_path / "ledger.db", statement)
    broken = ledger.verify()
    assert broken is not None
    assert broken.why == why


def test_the_same_words_have_another_commitment_each_time() -> None:
    one, two = (apart("vote", {"reason": "yes, all good"}) for _ in range(2))
    assert one[0] != two[0]
    assert together(dict(one[0]), one[2]) == together(dict(two[0]), two[2]) == {"reason": "yes, all good"}
    assert together(dict(one[0]), "") == {"reason": ERASED}


def test_an_entry_of_before_reads_back_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_it_was: Callable[..., tuple[dict[str, object], str, str]] = lambda kind, body: (body, "", "")  # noqa: E731
    monkeypatch.setattr("store.ledger.apart", as_it_was)
    old = Ledger(f"sqlite:///{tmp_path / 'old.db'}", lambda: NOW, "ana")
    old.append(SAID)
    forged(tmp_path / "old.db", "DROP TABLE said")
    monkeypatch.undo()
    again = Ledger(f"sqlite:///{tmp_path / 'old.db'}", lambda: NOW, "ana")
    assert again.entries()[0].fact == SAID
    assert again.verify() is None
