"""Signs of life and what waits, seen by whoever asks; old letters are let go and are never said a second time."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store.backlog import FRESH, SILENT, Backlog, backlog
from store.homes import Homes
from store.ledger import Ledger
from store.pulses import BOT, Pulses
from store.queues import Inbox, Outbox
from tests.store.test_ledger import Clock

LATER = datetime.now(UTC) + timedelta(days=31)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path}/ledger.db", Clock(), "ana")


def test_what_waits_and_what_was_given_up_is_counted(ledger: Ledger) -> None:
    assert backlog(ledger.connections) == Backlog()
    inbox, outbox = Inbox(ledger.engine), Outbox(ledger.engine)
    for key in ("a", "b", "c"):
        outbox.put(key, "chat.postMessage", "C1", {"text": key})
    outbox.dead(outbox.one("a").id, "channel_not_found")
    outbox.sent(outbox.one("b").id, "C1/1.2")
    inbox.put("a", "command", "U1", {})
    inbox.put("b", "command", "U1", {})
    inbox.tried(inbox.waiting()[0].id, "a bug", dead=True)
    assert backlog(ledger.connections) == Backlog(unsaid=1, undone=1, to_say=1, to_do=1)


@pytest.mark.parametrize(("ago", "said", "silent", "apart", "connected"), [
    (1.0, {"at_work": True, "connected": True}, False, False, True),
    (1.0, {"at_work": True, "connected": False}, False, True, False),
    (FRESH + 5, {"at_work": True, "connected": True}, False, False, False),
    (SILENT + 5, {"at_work": True, "connected": True}, True, False, False),
    (SILENT + 5, {"at_work": False}, False, False, False)])
def test_a_bot_that_was_told_to_go_is_missed_by_nobody(ledger: Ledger, ago: float, said: dict[str, bool], silent: bool,
                                                      apart: bool, connected: bool) -> None:
    Pulses(ledger.engine).beat(BOT, time.time() - ago, **said)
    found = backlog(ledger.connections)
    assert (found.silent is not None, found.apart, found.connected) == (silent, apart, connected)
    if found.silent is not None:
        assert abs(found.silent - ago) < 5


def test_a_sign_takes_the_place_of_the_one_before(ledger: Ledger) -> None:
    pulses = Pulses(ledger.engine)
    assert pulses.seen(BOT) is None
    pulses.beat(BOT, 1.0, at_work=True)
    pulses.beat(BOT, 2.0, at_work=False)
    seen = pulses.seen(BOT)
    assert seen
    assert (seen.at, seen.detail) == (2.0, {"at_work": False})
    pulses.forget(BOT)
    assert pulses.seen(BOT) is None


def test_what_was_done_is_let_go_after_its_time_and_its_number_is_not_given_again(ledger: Ledger) -> None:
    inbox = Inbox(ledger.engine)
    for key in ("done", "waits", "failed", "last"):
        inbox.put(key, "command", "U1", {})
    by_key = {each.key: each.id for each in inbox.waiting()}
    with ledger.locked() as connection:
        for key in ("done", "last"):
            Inbox.settle(connection, by_key[key], "done")
    inbox.tried(by_key["failed"], "a bug", dead=True)
    assert inbox.prune(datetime.now(UTC) - timedelta(days=30)) == 0
    assert inbox.prune(LATER) == 1
    inbox.put("next", "command", "U1", {})
    assert [each.key for each in inbox.waiting()] == ["waits", "next"]
    assert [each.key for each in inbox.waiting(status="failed")] == ["failed"]
    assert max(each.id for each in inbox.waiting()) > by_key["last"]


def test_what_was_said_is_emptied_after_its_time_and_never_said_again(ledger: Ledger) -> None:
    outbox = Outbox(ledger.engine)
    for key in ("sent", "dead", "waits"):
        outbox.put(key, "chat.postMessage", "#ml", {"text": key})
    outbox.sent(outbox.one("sent").id, "C1/1.2")
    outbox.dead(outbox.one("dead").id, "channel_not_found")
    assert (outbox.prune(datetime.now(UTC) - timedelta(days=30)), outbox.prune(LATER), outbox.prune(LATER)) == (0, 1, 0)
    assert [outbox.one(key).body for key in ("sent", "dead", "waits")] == [{}, {"text": "dead"}, {"text": "waits"}]
    assert not outbox.put("sent", "chat.postMessage", "#ml", {"text": "once more"})
    assert outbox.place_of("#ml") == "C1"


def test_the_oldest_that_waits_is_known(ledger: Ledger) -> None:
    inbox, outbox = Inbox(ledger.engine), Outbox(ledger.engine)
    assert (inbox.oldest(), outbox.oldest()) == ("", None)
    outbox.put("a", "chat.postMessage", "C1", {})
    outbox.put("b", "chat.postMessage", "C1", {})
    inbox.put("a", "command", "U1", {})
    oldest = outbox.oldest()
    assert oldest
    assert oldest.key == "a"
    assert datetime.fromisoformat(inbox.oldest()) <= datetime.now(UTC)


def test_who_turns_the_page_meanwhile_is_shown_the_one_he_turned_to(ledger: Ledger) -> None:
    homes = Homes(ledger.engine)
    with ledger.locked() as connection:
        Homes.opened(connection, "U1", 0, 100.0)
    [first] = homes.watched(50.0)
    with ledger.locked() as connection:
        Homes.opened(connection, "U1", 1, 101.0)
    assert not homes.shown(first, "digest", 102.0)
    [second] = homes.watched(500.0)
    assert (second.page, second.shown) == (1, "")
    assert homes.shown(second, "digest", 102.0)
    assert homes.watched(500.0) == []


def test_a_ledger_from_before_has_the_new_tables_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    first = Ledger(f"sqlite:///{path}", Clock(), "ana")
    with first.locked() as connection:
        for table in ("pulse", "home"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
    first.close()
    again = Ledger(f"sqlite:///{path}", Clock(), "ana")
    assert backlog(again.connections) == Backlog()
    assert Homes(again.engine).watched(0.0) == []
