"""The ledger: it only grows, every change of the past shows, and what several processes append all lands."""

import random
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from store import rows
from store.facts import KINDS, Fact, Finding, Note, Snapshot, body_of, fact_of
from store.ledger import GENESIS, TABLES, Entry, Ledger, Term, stamp
from store.refusal import Refusal, Unreadable

ROOT = Path(__file__).parents[2]
START = datetime(2013, 6, 1, 4, tzinfo=UTC)
COLUMNS = ("seq", "kind", "subject", "effective_at", "recorded_at", "actor", "body", "prev", "hash")


class Clock:
    """Each reading is a minute later."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Ledger:
    return Ledger(f"sqlite:///{path}", Clock(), "ana")


def notes(ledger: Ledger, count: int) -> list[Entry]:
    return [entry for number in range(count)
            for entry in ledger.append(Note(subject=f"s{number % 3}", text=f"n{number}"))]


def forge(path: Path, statement: str, *values: object) -> None:
    """Change the file behind the ledger's back, without the triggers that forbid it."""
    with sqlite3.connect(path) as connection:
        for verb in ("update", "delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS entry_no_{verb}")
        connection.execute(statement, values)
    connection.close()


def test_the_ledger_knows_which_tables_sqlmodel_lays(ledger: Ledger, path: Path) -> None:
    """It looks for them by name, and asks for SQLModel only where one is missing."""
    assert set(rows.EntryRow.metadata.tables) == TABLES, "name the new table in store/ledger.py"
    assert ledger.engine.dialect.name == "sqlite"
    forge(path, "DROP TABLE lease")
    again = Ledger(f"sqlite:///{path}", Clock(), "ana")
    with sqlite3.connect(path) as connection:
        found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert {*TABLES, "entry_no_update", "entry_no_delete", "entry_no_replace"} <= found, "what is missing is laid again"
    assert again.append(Note(subject="s", text="n"))[0].seq == 1


def test_threads_read_and_write_the_same_ledger_at_once(ledger: Ledger) -> None:
    def write(number: int) -> None:
        for _ in range(20):
            ledger.append(Note(subject=f"s{number}", text="n"))
            assert ledger.entries(subject=f"s{number}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger.entries()) == 120
    assert ledger.verify() is None


def test_the_history_and_the_work_tables_share_one_transaction(ledger: Ledger) -> None:
    unit = ledger.unit()
    unit.append(Note(subject="s", text="n"))
    with pytest.raises(ZeroDivisionError):
        unit.commit(lambda connection: connection.execute(
            text("INSERT INTO lease VALUES ('a', 'b', 1)")).rowcount // 0)
    assert ledger.entries() == []
    with ledger.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM lease")).scalar_one() == 0


# -- what it keeps ----------------------------------------------------------------------------------------------


def test_what_was_appended_is_read_back_by_another_process(ledger: Ledger, path: Path) -> None:
    finding = Finding(subject="flights", check="ingest", status="warn", title="täglich", n=900, value=0.5,
                      window=("a", "b"), data=("s1", "s2"), detail={"rules": {"dest:foreign_key": 3}})
    [entry] = ledger.append(finding, effective_at=START)
    [read] = Ledger(f"sqlite:///{path}", Clock(), "bo").entries()
    assert read == entry
    assert (read.fact, read.actor, read.effective_at, read.recorded_at) == (
        finding, "ana", START, START + timedelta(minutes=1))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fact_survives_being_stored(kind: str) -> None:
    cls = KINDS[kind]
    values = {name: () if "tuple" in str(hint) else 1 if "int" in str(hint) else {} if "Detail" in str(hint) else "x"
              for name, hint in cls.__annotations__.items() if name != "kind"}
    fact = cls(subject="s", **values)  # type: ignore[arg-type]
    assert fact_of(kind, "s", body_of(fact)) == fact


def test_entries_are_picked_by_kind_and_subject(ledger: Ledger) -> None:
    notes(ledger, 4)
    ledger.append(Snapshot(subject="s0", snapshot="a", parent="", rows=1, bytes=1))
    assert [entry.seq for entry in ledger.entries("note", subject="s0")] == [1, 4]
    assert [entry.seq for entry in ledger.entries(subject="s0")] == [1, 4, 5]
    assert [entry.seq for entry in ledger.entries("snapshot", "note")] == [1, 2, 3, 4, 5]


def test_a_decision_sees_the_whole_history_and_an_error_in_it_appends_nothing(ledger: Ledger) -> None:
    notes(ledger, 2)

    def numbered(entries: Sequence[Entry]) -> Iterable[Fact]:
        yield Note(subject="n", text=str(len(entries)))
        if len(entries) > 2:
            raise ValueError("no more")

    assert ledger.transact(numbered)[0].fact == Note(subject="n", text="2")
    with pytest.raises(ValueError, match="no more"):
        ledger.transact(numbered)
    assert ledger.head_seq() == 3
    assert ledger.verify() is None


def test_a_number_that_is_none_is_refused_whole(ledger: Ledger) -> None:
    with pytest.raises(ValueError):
        ledger.append(Note(subject="a", text="good"),
                      Finding(subject="x", check="c", status="pass", title="", value=float("nan")))
    assert ledger.entries() == []


def test_a_time_without_zone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="zone"):
        ledger.append(Note(subject="a", text="b"), effective_at=datetime(2013, 1, 1))  # noqa: DTZ001
    assert stamp(datetime(2013, 1, 1, tzinfo=UTC)) == "2013-01-01T00:00:00.000000+00:00"


def test_closed_it_is_as_it_was_known_then_and_takes_nothing(ledger: Ledger) -> None:
    made = notes(ledger, 5)
    then = ledger.closed(until=made[2].recorded_at)
    assert then.entries() == made[:3]
    assert [ledger.closed(until=each.recorded_at).head_seq() for each in made] == [1, 2, 3, 4, 5]
    assert then.head() == made[2].hash
    assert ledger.closed(until=made[0].recorded_at - timedelta(seconds=1)).head_seq() == 0
    assert ledger.closed().entries() == made
    assert not then.recording
    with pytest.raises(Refusal, match="reading only"):
        then.append(Note(subject="a", text="b"))
    assert ledger.head_seq() == 5


def test_each_kind_is_read_when_it_is_asked_for_and_what_others_append_is_seen(ledger: Ledger, path: Path) -> None:
    other = Ledger(f"sqlite:///{path}", Clock(), "bo")
    notes(ledger, 2)
    assert ledger.entries("snapshot") == []
    other.append(Snapshot(subject="s0", snapshot="a", parent="", rows=1, bytes=1), Note(subject="s0", text="later"))
    assert [entry.seq for entry in ledger.entries("snapshot")] == [3]
    assert [entry.seq for entry in ledger.entries("note")] == [1, 2, 4]
    assert [entry.seq for entry in ledger.entries()] == [1, 2, 3, 4]
    other.append(Note(subject="s0", text="last"))
    assert [entry.seq for entry in ledger.entries("note", "snapshot")] == [1, 2, 3, 4, 5]
    assert ledger.entries() == other.entries()
    assert [entry.seq for entry in ledger.acting_as("cy").entries()] == [1, 2, 3, 4, 5]


def test_an_entry_that_cannot_be_read_is_named_by_whoever_needs_it_and_by_nobody_else(ledger: Ledger,
                                                                                      path: Path) -> None:
    ledger.append(Snapshot(subject="s0", snapshot="a", parent="", rows=1, bytes=1), Note(subject="a", text="b"))
    forge(path, "UPDATE entry SET body = '{' WHERE seq = 2")
    again = Ledger(f"sqlite:///{path}", Clock(), "ana")
    assert [entry.seq for entry in again.entries("snapshot")] == [1]
    for _ in range(2):
        with pytest.raises(Refusal, match="Entry 2"):
            again.entries("note")
        with pytest.raises(Refusal, match="Entry 2"):
            again.entries()


# -- a page of it -------------------------------------------------------------------------------------------------


def test_a_page_holds_the_newest_first_and_stands_still_while_others_append(ledger: Ledger) -> None:
    notes(ledger, 30)
    assert [entry.seq for entry in ledger.page(0, 3, upto=30)] == [30, 29, 28]
    assert [entry.seq for entry in ledger.page(28, 5, upto=30)] == [2, 1]
    notes(ledger, 5)
    assert [entry.seq for entry in ledger.page(0, 3, upto=30)] == [30, 29, 28]
    assert (ledger.numbers(upto=30), ledger.numbers(above=30, upto=35)) == ([*range(1, 31)], [*range(31, 36)])
    assert ledger.at([20, 36, 3]) == [ledger.entries()[19], ledger.entries()[2]]
    assert ledger.page(10, 1, upto=30) == [ledger.entries()[19]]


LATER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("terms", "kept"), [
    ([Term(("S0",))], [1, 4, 5]), ([Term(("s0",), wanted=False)], [2, 3, 6]), ([Term(("snapshot",), "kind")], [5]),
    ([Term(("pass",), "status")], [6]), ([Term(("pass",), "status", wanted=False)], [1, 2, 3, 4, 5]),
    ([Term(("s0",)), Term(("n3",))], [4]), ([Term(("%",))], [6]), ([Term(("_x",), "subject")], []),
    ([Term(("3",), "seq")], [3]), ([Term(("x",), 'a"; DROP')], []), ([Term(("!",))], []),
    ([Term(("n3", "snap"))], [4, 5]), ([Term(("n3", "n2"), wanted=False)], [1, 2, 5, 6]),
    ([Term(("SNAP",), "kind", how="=")], []), ([Term(("SNAPSHOT", "x"), "kind", how="=")], [5]),
    ([Term(("SNAPSHOT", "x"), "kind", how="==")], []), ([Term(("snapshot", "x"), "kind", how="==")], [5]),
    ([Term((), "value", how="<", than=0.8)], [6]), ([Term((), "value", how=">", than=0.8)], []),
    ([Term((), "value", False, "<", 0.8)], [1, 2, 3, 4, 5]), ([Term((), "seq", how=">=", than=5)], [5, 6]),
    ([Term((), "status", how="<", than=9)], []), ([Term((), "recorded_at", how="<", than=LATER)], [1, 2, 3, 4, 5, 6]),
    ([Term((), "recorded_at", how=">=", than=LATER)], [])])
def test_what_keeps_all_terms_is_found_by_number(ledger: Ledger, terms: list[Term], kept: list[int]) -> None:
    notes(ledger, 4)
    ledger.append(Snapshot(subject="s0", snapshot="a", parent="", rows=1, bytes=1),
                  Finding(subject="f", check="c", status="pass", title="18 %", value=0.79))
    assert ledger.numbers(terms, upto=6) == kept


def test_numbers_come_in_the_order_of_a_column(ledger: Ledger) -> None:
    notes(ledger, 2)
    ledger.append(Snapshot(subject="a", snapshot="a", parent="", rows=1, bytes=1), Note(subject="z", text="x"))
    assert ledger.numbers(upto=4, by="kind") == [1, 2, 4, 3]
    assert ledger.numbers([Term(("note",), "kind")], upto=4, by="subject") == [1, 2, 4]
    with pytest.raises(ValueError, match="by body"):
        ledger.numbers(upto=4, by="body; DROP TABLE entry")


# -- it only grows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["UPDATE entry SET actor = 'eve' WHERE seq = 2",
                                       "DELETE FROM entry WHERE seq = 3", "DELETE FROM entry",
                                       "INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE seq = 2"])
def test_the_file_itself_refuses_to_change_or_delete(ledger: Ledger, path: Path, statement: str) -> None:
    notes(ledger, 3)
    with sqlite3.connect(path) as connection, pytest.raises(sqlite3.IntegrityError, match="only grows"):
        connection.execute(statement)
    connection.close()
    assert ledger.verify() is None


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("seq", [1, 3, 5])
def test_any_changed_value_breaks_the_chain_where_it_was_changed(ledger: Ledger, path: Path, column: str,
                                                                 seq: int) -> None:
    notes(ledger, 5)
    changed = "60" if column == "seq" else "'x'"
    forge(path, f"UPDATE entry SET {column} = {changed} WHERE seq = ?", seq)
    broken = ledger.verify()
    assert broken is not None
    assert broken.seq == seq


def test_an_entry_taken_out_or_swapped_in_is_found(ledger: Ledger, path: Path) -> None:
    notes(ledger, 5)
    forge(path, "DELETE FROM entry WHERE seq = 3")
    assert ledger.verify() == type(ledger.verify())(3, "entry 3 is missing")  # type: ignore[misc,call-arg]


def test_a_value_moved_between_two_columns_is_found(ledger: Ledger, path: Path) -> None:
    ledger.append(Note(subject="ab", text="c"))
    forge(path, "UPDATE entry SET subject = 'a', kind = kind || 'b'")
    assert ledger.verify() is not None


def test_a_cut_off_end_shows_only_against_an_anchor(ledger: Ledger, path: Path) -> None:
    notes(ledger, 5)
    anchor = ledger.head()
    forge(path, "DELETE FROM entry WHERE seq > 3")
    assert ledger.verify() is None
    broken = Ledger(f"sqlite:///{path}", Clock(), "bo").verify(anchor)
    assert broken is not None
    assert anchor in broken.why


def test_the_beginning_is_an_anchor_of_every_history(ledger: Ledger) -> None:
    assert ledger.head() == GENESIS
    assert ledger.verify(GENESIS) is None
    middle = notes(ledger, 3)[1].hash
    assert ledger.verify(middle) is None


def test_a_file_that_is_no_ledger_is_named(path: Path) -> None:
    path.write_bytes(b"no database at all, but long enough to be taken for one" * 40)
    with pytest.raises(Unreadable, match="cannot be opened"):
        Ledger(f"sqlite:///{path}", Clock(), "ana")


# -- several processes, and death -------------------------------------------------------------------------------

APPENDS = """
import sys
from datetime import UTC, datetime
from store.facts import Note
from store.ledger import Ledger
ledger = Ledger(sys.argv[1], lambda: datetime.now(UTC), sys.argv[2])
for number in range(int(sys.argv[3])):
    ledger.transact(lambda entries: [Note(subject=sys.argv[2], text=str(len(entries)))])
    print(number, flush=True)
"""


def appending(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", APPENDS, f"sqlite:///{path}", name, str(count)], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_what_four_processes_append_at_once_all_lands_in_one_chain(path: Path) -> None:
    for process in [appending(path, name, 50) for name in "abcd"]:
        assert process.communicate(timeout=60)[1] == ""
    ledger = Ledger(f"sqlite:///{path}", Clock(), "ana")
    entries = ledger.entries()
    assert [entry.seq for entry in entries] == list(range(1, 201))
    assert [entry.fact for entry in entries] == [Note(subject=e.actor, text=str(e.seq - 1)) for e in entries]
    assert {name: sum(entry.actor == name for entry in entries) for name in "abcd"} == dict.fromkeys("abcd", 50)
    assert ledger.verify() is None


@pytest.mark.parametrize("seed", range(3))
def test_a_process_killed_while_it_appends_loses_nothing_that_it_said(path: Path, seed: int) -> None:
    with appending(path, "k", 100_000) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(random.Random(seed).randint(1, 40))]
        time.sleep(random.Random(seed).random() / 50)
        process.send_signal(signal.SIGKILL)
    ledger = Ledger(f"sqlite:///{path}", Clock(), "ana")
    assert ledger.verify() is None
    assert ledger.head_seq() >= len(said)
    notes(ledger, 1)
    assert ledger.verify() is None


def test_a_disk_without_room_is_no_broken_ledger(path: Path) -> None:
    Ledger(f"sqlite:///{path}", Clock(), "ana").close()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(Unreadable) as caught:
            Ledger(f"sqlite:///{path}", Clock(), "ana")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "Make room" in caught.value.next
