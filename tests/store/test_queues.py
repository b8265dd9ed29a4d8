"""Inbox, outbox and cards: each thing once, whatever is delivered or tried twice, and nothing goes missing."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from store.lease import Lease
from store.ledger import Ledger
from store.queues import Card, Cards, Inbox, Outbox
from store.refusal import Conflict, NotFound, Unreadable
from tests.store.test_ledger import Clock


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path}/ledger.db", Clock(), "ana")


@pytest.fixture
def engine(ledger: Ledger) -> Engine:
    return ledger.engine


def test_a_second_delivery_has_no_effect_and_is_counted(engine: Engine) -> None:
    inbox = Inbox(engine)
    assert inbox.put("k", "command", "U1", {"argv": ["status"], "channel": "C1"})
    assert not inbox.put("k", "command", "U1", {"argv": ["other"]})
    [asked] = inbox.waiting()
    assert (asked.body["argv"], asked.seen, asked.person) == (["status"], 2, "U1")


def test_a_thing_that_came_twenty_times_at_once_is_there_once(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        put = list(pool.map(lambda _: Inbox(engine).put("k", "command", "U1", {}), range(20)))
    assert put.count(True) == 1
    assert [asked.seen for asked in Inbox(engine).waiting()] == [20]


def test_what_is_settled_is_not_settled_again(ledger: Ledger) -> None:
    inbox = Inbox(ledger.engine)
    inbox.put("k", "command", "U1", {})
    [asked] = inbox.waiting()
    with ledger.locked() as connection:
        inbox.settle(connection, asked.id, "begun", job=7)
    assert [each.job for each in inbox.waiting(status="begun")] == [7]
    with pytest.raises(Conflict), ledger.locked() as connection:
        inbox.settle(connection, asked.id, "done")
    with ledger.locked() as connection:
        inbox.settle(connection, asked.id, "done", before="begun")
    assert inbox.waiting() == inbox.waiting(status="begun") == []


def test_what_cannot_be_dealt_with_is_tried_again_and_then_set_aside(engine: Engine) -> None:
    inbox = Inbox(engine)
    inbox.put("k", "command", "U1", {})
    inbox.tried(1, "no", dead=False)
    assert [(each.tries, each.error) for each in inbox.waiting()] == [(1, "no")]
    inbox.tried(1, "still no", dead=True)
    assert inbox.waiting() == []
    assert [each.error for each in inbox.waiting(status="failed")] == ["still no"]


def test_what_is_to_be_said_is_kept_once_and_in_order(engine: Engine) -> None:
    outbox = Outbox(engine)
    assert [outbox.put(key, "chat.postMessage", "C1", {"text": key}) for key in ("a", "b", "a")] == [True, True, False]
    assert [said.key for said in outbox.due(0)] == ["a", "b"]
    assert (outbox.has("a"), outbox.has("c")) == (True, False)
    with pytest.raises(NotFound):
        outbox.one("c")


def test_of_two_senders_one_sends(engine: Engine) -> None:
    outbox = Outbox(engine)
    outbox.put("a", "chat.postMessage", "C1", {})
    [said] = outbox.due(0)
    assert [outbox.sending(said.id), outbox.sending(said.id)] == [True, False]
    assert [each.status for each in outbox.due(0)] == ["sending"]
    outbox.sent(said.id, "1.0")
    assert (outbox.due(0), outbox.one("a").reference) == ([], "1.0")


def test_what_must_wait_is_not_due_before_its_time(engine: Engine) -> None:
    outbox = Outbox(engine)
    outbox.put("a", "chat.postMessage", "C1", {})
    outbox.later(1, 100.0, "ratelimited", said=False, counted=False)
    assert (outbox.due(99.9), outbox.due(100.0)[0].tries) == ([], 0)
    outbox.later(1, 0.0, "lost", said=True)
    assert (outbox.due(0)[0].status, outbox.due(0)[0].tries) == ("sending", 1)


def test_a_dead_letter_is_seen_and_goes_again_when_a_person_says_so(engine: Engine) -> None:
    outbox = Outbox(engine)
    outbox.put("a", "chat.postMessage", "C1", {})
    outbox.dead(1, "channel_not_found")
    assert (outbox.due(1e12), outbox.counts(), outbox.one("a").error) == ([], {"dead": 1}, "channel_not_found")
    assert outbox.again(1)
    assert [each.status for each in outbox.due(0)] == ["sending"]
    assert not outbox.again(1)


def test_what_is_put_within_a_transaction_is_gone_with_it(ledger: Ledger) -> None:
    outbox, unit = Outbox(ledger.engine), ledger.unit()

    def also(connection: Connection) -> None:
        outbox.put("a", "chat.postMessage", "C1", {}, connection)
        raise NotFound("the other half is missing")

    with pytest.raises(NotFound):
        unit.commit(also)
    assert not outbox.has("a")


def test_a_card_is_known_by_its_name(engine: Engine) -> None:
    cards = Cards(engine)
    cards.keep(Card("alert/AL-1", "C1", "1.0", "digest", 5.0, 7))
    cards.keep(Card("alert/AL-1", "C1", "1.0", "another", 6.0, 8))
    assert cards.all() == {"alert/AL-1": Card("alert/AL-1", "C1", "1.0", "another", 6.0, 8)}


def test_one_holder_has_the_lease_until_it_runs_out_or_is_left(engine: Engine) -> None:
    first, second = Lease(engine, "daemon", "a"), Lease(engine, "daemon", "b")
    assert (first.take(0, 10), second.take(5, 10), first.take(9, 10)) == (True, False, True)
    assert first.seen() == ("a", 19)
    assert (second.take(18.9, 10), second.take(19, 10), first.take(20, 10)) == (False, True, False)
    first.leave()
    assert second.seen() == ("b", 29)
    second.leave()
    assert (second.seen(), first.take(20, 10)) == (None, True)


def test_however_much_waits_for_one_channel_others_get_their_turn(engine: Engine) -> None:
    outbox = Outbox(engine)
    for number in range(60):
        outbox.put(f"a{number}", "chat.postMessage", "C1", {})
    outbox.put("b", "chat.postMessage", "C2", {})
    outbox.put("c", "chat.postEphemeral", "C3", {})
    assert {said.channel for said in outbox.due(0.0, 50)} == {"C1"}
    assert [said.key for said in outbox.due(0.0, 50, held={"C1"})] == ["b", "c"]
    assert [said.key for said in outbox.due(0.0, 50, held={"chat.postMessage"})] == ["c"]


def test_what_cannot_be_kept_is_refused_soon_and_the_file_is_waited_for_as_before(ledger: Ledger) -> None:
    inbox = Inbox(ledger.engine, patience=0.02)
    with ledger.locked(), pytest.raises(Unreadable, match="locked"):
        inbox.put("k", "command", "U1", {})
    assert inbox.put("k", "command", "U1", {})
    with ledger.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 60_000


def test_in_a_channel_nothing_is_due_before_what_was_put_there_earlier(engine: Engine) -> None:
    outbox = Outbox(engine)
    for key, channel in (("a", "C1"), ("b", "C1"), ("c", "C2"), ("hidden", ""), ("hidden too", "")):
        outbox.put(key, "chat.postMessage", channel, {})
    outbox.later(outbox.one("a").id, 10.0, "lost", said=True)
    outbox.later(outbox.one("hidden").id, 10.0, "away", said=False)
    assert [said.key for said in outbox.due(5.0)] == ["c", "hidden too"]
    assert [said.key for said in outbox.due(10.0)] == ["a", "b", "c", "hidden", "hidden too"]
    outbox.dead(outbox.one("a").id, "never")
    assert [said.key for said in outbox.due(5.0)] == ["b", "c", "hidden too"]


def test_what_was_put_again_waits_until_the_last_of_it_is_settled(engine: Engine) -> None:
    outbox = Outbox(engine)
    for key in ("card/AL-1", "card/AL-10", "card/AL-1/17.1"):
        outbox.put(key, "chat.postMessage", "C1", {})
    outbox.dead(outbox.one("card/AL-1").id, "x")
    assert outbox.waits("card/AL-1")
    outbox.dead(outbox.one("card/AL-1/17.1").id, "x")
    assert [outbox.waits(key) for key in ("card/AL-1", "card/AL-10", "card/AL-2")] == [False, True, False]
