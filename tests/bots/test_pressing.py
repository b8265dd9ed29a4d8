"""What somebody presses on the card of an alert at night, and how it is taken back: in Slack, over a real socket."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.bots.desk import Desk


def card(desk: Desk) -> dict[str, Any]:
    desk.rests()
    return desk.cards[-1]


def labels(message: dict[str, Any]) -> list[str]:
    return [each["text"]["text"] for block in message["blocks"] if block["type"] == "actions"
            for each in block["elements"]]


def presses(desk: Desk, label: str, where: Callable[[], Any] | None = None) -> None:
    assert desk.slack.click("bo", where() if where else card(desk)["ts"], label).ok
    desk.until(desk.inbox.waiting)
    desk.works()


@pytest.fixture
def woken(desk: Desk) -> Desk:
    desk.fires(route="oncall")
    desk.rests()
    desk.listens()
    return desk


def test_on_it_becomes_a_stamp_with_an_undo_and_undone_it_is_offered_again(woken: Desk) -> None:
    assert labels(card(woken))[0] == "I am on it"
    assert "nobody yet (oncall: bo)" in str(card(woken)["blocks"])
    presses(woken, "I am on it")
    assert "bo since 2013-09-14 06:00 EDT" in str(card(woken)["blocks"])
    assert "I am on it" not in labels(card(woken))
    presses(woken, "Undo: give it back")
    assert labels(card(woken))[0] == "I am on it"
    assert "nobody yet" in str(card(woken)["blocks"])


def test_a_hold_shows_what_it_mutes_and_is_ended_from_the_card(woken: Desk) -> None:
    presses(woken, "Hold 4 h…")
    plan = woken.slack.ephemerals("bo")[-1]
    assert "This will mute 1 alert now firing: AL-1" in plan["text"]
    presses(woken, "Do it", lambda: plan)
    assert "silenced until 2013-09-14 10:00 EDT" in str(card(woken)["blocks"])
    assert "Hold 4 h…" not in labels(card(woken))
    presses(woken, "Undo: hear AL-1 again")
    assert "Hold 4 h…" in labels(card(woken))


def test_all_of_a_card_are_taken_with_one_press(woken: Desk) -> None:
    woken.fires("AL-2", monitor="second", title="another")
    assert labels(card(woken))[:2] == ["I am on it", "I am on all 2"]
    presses(woken, "I am on all 2")
    assert "I am on all 2" not in labels(card(woken))
    assert {each.fact.subject for each in woken.ledger.entries("alert")
            if getattr(each.fact, "event", "") == "acked"} == {"AL-1", "AL-2"}
