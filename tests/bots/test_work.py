"""Requests are worked on without keeping anybody else from writing, and what concerns one message in its order."""

from typing import Any

import pytest

from bots import blocks
from store.facts import IncidentEvent
from store.queues import Inbox
from tests.bots.conftest import Office
from tests.bots.desk import Desk

# Slack's own client leaves sockets that died to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.mark.parametrize(("kind", "body"), [
    ("command", {"argv": ["status"]}), ("command", {"argv": ["alert", "ack", "AL-1"]}),
    ("cancel", {"argv": ["status"]}),
    ("command", {"argv": ["promote", "flights-delay@1"]}), ("refused", {"argv": [], "why": "none of ours"})])
def test_while_an_answer_is_drawn_others_can_write(desk: Desk, monkeypatch: pytest.MonkeyPatch, kind: str,
                                                   body: dict[str, Any]) -> None:
    """An inbox that waits for a lock no longer than a moment writes in the middle of every drawing."""
    desk.fires()
    impatient, written = Inbox(desk.ledger.engine, patience=0.02), list[bool]()
    for name in ("message", "plan_message"):
        draw = getattr(blocks, name)

        def drawn(*given: Any, draw: Any = draw, **how: Any) -> Any:
            written.append(impatient.put(f"other/{len(written)}", "command", "U05", {"argv": ["status"]}))
            return draw(*given, **how)

        monkeypatch.setattr(blocks, name, drawn)
    desk.inbox.put("k", kind, "U02", {"channel": "C01", "thread": "", "answer": "", "replaces": False, **body})
    desk.worker.deal(desk.inbox.waiting()[0])
    assert written
    assert all(written)


def test_what_happened_to_one_message_is_dealt_with_in_its_order_whoever_did_it(office: Office) -> None:
    """While Slack cannot be asked about a mark, the edit that came after it waits behind it."""
    service = office.begin()
    office.happens(IncidentEvent(subject="INC-1", event="opened", title="late", severity="high", about="flights"))
    office.until(lambda: len(office.cards) == 1)
    card = office.cards[0]["ts"]
    office.slack.faults.error("conversations.history", "service_unavailable", times=2)
    office.slack.say("ana", "noon", "C01", card)
    ts = max(office.slack.state.channels["C01"].messages)
    office.slack.react("bo", "pushpin", ts)
    office.slack.edit("ana", ts, "11:40")
    assert {each.kind for each in service.inbox.waiting()} >= {"edited"}
    office.until(lambda: not service.inbox.waiting())
    notes = [(entry.fact.event, entry.fact.note) for entry in office.ledger.entries("incident")[1:]]  # type: ignore[attr-defined]
    assert notes == [("note", "11:40")], "the mark read what it says by now, and the edit found nothing to change"


def test_what_destroys_is_not_done_by_a_button(desk: Desk) -> None:
    """Its plan is shown, without one; a consent that was made up is none."""
    argv = ["snapshot", "gc"]
    digest = desk.session.perform(argv).plan
    made_up: list[dict[str, Any]] = [{}, {"consent": digest}]
    for number, more in enumerate(made_up):
        desk.inbox.put(f"k{number}", "press" if more else "command", "U01", {
            "argv": argv, "channel": "C01", "thread": "", "answer": "", "replaces": False, **more})
        desk.worker.deal(desk.inbox.waiting()[0])
        desk.speaks()
        said = str(desk.slack.ephemerals("ana")[number])
        assert "It is done where flights is typed, in a terminal: mlops-tui snapshot gc" in said
        assert "Do it" not in said
    assert desk.rows("SELECT id FROM job") == []
