"""A chart is Slack's own where the workspace takes it; where one was refused, it and all others are characters."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bots import blocks
from bots.pictures import CHART, holds_chart, redrawn
from bots.richtext import section
from bots.sender import REMEMBERED, Charts, NotSaid
from mlops_tui.view import Series, Status, View
from store.facts import Finding
from store.pulses import Pulses
from tests.bots.accepted import letters, refused
from tests.bots.desk import Desk

NEW_YORK = ZoneInfo("America/New_York")
DAYS = tuple(f"{day} July" for day in range(1, 15))
PSI = Series("psi", "line", DAYS, tuple(0.01 * day for day in range(14)), other=tuple(0.2 for _ in DAYS),
             names=("psi", "limit"), title="dep_delay · PSI")
BARS = Series("share", "bar", ("EWR", "JFK", "LGA"), (0.32, 0.29, 0.41), title="late by airport")


def drawn(*series: Series) -> dict[str, Any]:
    return blocks.message(View("dep_delay moved", Status.FAIL, series), zone=NEW_YORK)


def kinds(message: dict[str, Any]) -> list[str]:
    return [block["type"] for block in message["blocks"]]


def test_drift_and_performance_are_slacks_own_charts() -> None:
    assert kinds(drawn(PSI, BARS)).count(CHART) == 2


def test_drawn_again_it_says_the_same_in_characters_and_slack_takes_it() -> None:
    message = drawn(PSI, BARS)
    again = redrawn(message)
    assert CHART not in kinds(again)
    assert refused("message", again) == []
    told = letters(again)
    assert "dep_delay · PSI ▁▂" in told
    assert "psi 0 → 0.13" in told
    assert "limit 0.2 → 0.2" in told
    assert "LGA" in told
    assert again["blocks"][0] == message["blocks"][0], "the rest stays"


def posted(desk: Desk) -> list[list[str]]:
    return [kinds(call.payload) for call in desk.slack.calls if call.method.startswith("chat.") and call.answer["ok"]]


def refuses_charts(desk: Desk, method: str = "chat.postMessage") -> None:
    desk.slack.faults.error(method, "invalid_blocks")


def test_the_first_refusal_is_said_again_at_once_and_remembered_over_a_restart(desk: Desk) -> None:
    refuses_charts(desk)
    for key in ("a", "b"):
        desk.says(key, **drawn(PSI))
    desk.speaks(3)
    assert [CHART in each for each in posted(desk)] == [False, False]
    assert len(desk.slack.called("chat.postMessage")) == 3, "one was refused"
    assert desk.outbox.counts() == {"sent": 2}
    desk.born()
    desk.says("c", **drawn(PSI))
    desk.speaks()
    assert CHART not in posted(desk)[-1]
    desk.clock.pass_(REMEMBERED + 1)
    desk.says("d", **drawn(PSI))
    desk.speaks()
    assert CHART in posted(desk)[-1], "it is tried again in a week"


def test_what_is_refused_without_charts_as_well_was_not_their_fault(desk: Desk) -> None:
    desk.says("a", blocks=[{"type": "nonsense"}, *drawn(PSI)["blocks"]])
    desk.speaks()
    assert desk.outbox.counts() == {"dead": 1}
    desk.says("b", **drawn(PSI))
    desk.speaks()
    assert CHART in posted(desk)[-1]


def test_an_answer_that_is_lost_after_a_refusal_is_looked_up_and_said_once(desk: Desk) -> None:
    desk.slack.faults.error("chat.postMessage", "invalid_blocks")
    desk.says("a", **drawn(PSI))
    desk.speaks()
    desk.slack.faults.lose_answer("chat.postMessage")
    desk.says("b", **drawn(PSI))
    desk.speaks(6, 30)
    assert len(desk.cards) == 2
    assert desk.outbox.counts() == {"sent": 2}


def test_a_card_that_changes_gives_its_chart_up_too(desk: Desk) -> None:
    body = {"channel": "C01", **drawn(PSI)}
    said = list[dict[str, Any]]()

    def say(made: Any) -> str:
        said.append(made)
        if holds_chart(made):
            raise NotSaid("invalid_blocks: unsupported type", None)
        return "C01/1.2"

    taken = Charts(Pulses(desk.ledger.engine), desk.clock)
    assert (taken.said(body, say), taken.said(body, say)) == ("C01/1.2", "C01/1.2")
    assert [holds_chart(each) for each in said] == [True, False, False]
    assert desk.board.taken.refused


def test_other_refusals_are_not_about_charts(desk: Desk) -> None:
    taken = Charts(Pulses(desk.ledger.engine), desk.clock)

    def say(made: Any) -> str:
        raise NotSaid("channel_not_found", None)

    with pytest.raises(NotSaid, match="channel_not_found"):
        taken.said(drawn(PSI), say)
    assert not taken.refused
    assert not holds_chart({"blocks": [section()]})


def test_the_card_of_a_drift_alert_shows_its_course(desk: Desk) -> None:
    for day in range(3):
        desk.world.advance(desk.world() + timedelta(days=1))
        desk.happens(Finding(subject="flights", check="drift", status="fail", title=f"day {day}", value=0.1 * day,
                             limit=0.2, monitor="flights-drift", n=1000))
    desk.fires()
    desk.turns(3)
    [card] = desk.cards
    [chart] = [block for block in card["blocks"] if block["type"] == CHART]
    assert [point["value"] for point in chart["chart"]["series"][0]["data"]] == [0, 0.1, 0.2]
    assert chart["chart"]["series"][1]["name"] == "limit"
