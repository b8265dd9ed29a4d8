"""Who writes waits for the lock no longer than he may, and an error tells nobody what people wrote."""

import time
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy.exc import OperationalError

from store.lease import Lease
from store.ledger import Ledger
from store.queues import PATIENCE, Inbox
from store.refusal import Unreadable
from store.writing import locked
from tests.store.test_ledger import Clock


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path}/ledger.db", Clock(), "ana")


def test_what_cannot_be_kept_in_time_is_refused_while_there_is_time_to_say_so(ledger: Ledger) -> None:
    inbox, began = Inbox(ledger.engine), time.monotonic()
    with ledger.locked(), pytest.raises(Unreadable, match="database is locked"):
        inbox.put("k", "command", "U1", {"argv": ["status"]})
    assert PATIENCE <= time.monotonic() - began < 60
    assert inbox.waiting() == []
    assert inbox.put("k", "command", "U1", {"argv": ["status"]})


def test_a_connection_goes_back_with_the_patience_it_had(ledger: Ledger) -> None:
    with ledger.engine.connect() as connection:
        before = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    with pytest.raises(ZeroDivisionError), locked(ledger.engine, 0.01):
        1 / 0  # noqa: B018
    with ledger.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == before == 60000


def test_a_lease_that_cannot_be_written_is_an_error_that_can_be_caught(ledger: Ledger) -> None:
    with ledger.locked(), pytest.raises(Unreadable):
        Lease(ledger.engine, "daemon", "a").take(0.0, 0.05)


def test_an_error_of_the_database_does_not_repeat_what_was_to_be_written(ledger: Ledger) -> None:
    with ledger.engine.connect() as connection, pytest.raises(OperationalError) as seen:
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (?)", ("https://hooks.slack.com/commands/secret",))
    assert "hooks" not in str(seen.value)


def test_who_waits_for_an_acknowledgement_writes_as_soon_as_the_lock_is_free(ledger: Ledger) -> None:
    inbox, late, free = Inbox(ledger.engine), [1.0], [0.0]
    inbox.put("first", "command", "U1", {})

    def hold() -> None:
        with ledger.locked():
            held.set()
            time.sleep(0.28)  # SQLite itself looks after 228 and 328 ms
            free[0] = time.monotonic()

    while min(late) >= 0.04 and len(late) < 10:  # a busy machine may be late itself
        held = Event()
        holder = Thread(target=hold)
        holder.start()
        held.wait()
        inbox.put(f"k{len(late)}", "command", "U1", {})
        late.append(time.monotonic() - free[0])
        holder.join()
    assert 0 < min(late) < 0.04
