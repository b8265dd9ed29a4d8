"""Living messages: put up once, changed in place at Slack's pace, and left alone where nothing has happened."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from bots import cards
from bots.board import AGAIN, PACE
from mlops_tui.session import Session
from store.facts import AlertEvent, Approval, Finding, IncidentEvent, Vote
from store.refusal import Unreadable
from tests.bots.desk import Desk
from tests.conftest import START


def opened(id: str = "INC-1", **more: Any) -> IncidentEvent:
    return IncidentEvent(subject=id, event="opened", **{"title": "late", "severity": "medium",
                                                        "about": "flights-delay", **more})


def incident(event: str, id: str = "INC-1", **more: Any) -> IncidentEvent:
    return IncidentEvent(subject=id, event=event, **more)


def replies(desk: Desk, card: int = 0) -> list[str]:
    return [str(each["blocks"]) for each in desk.cards[card]["replies"]]


def looks(desk: Desk) -> list[tuple[str, ...]]:
    """The command lines that are performed from now on."""
    performed: list[tuple[str, ...]] = []
    door = desk.session.door
    assert door is not None

    def counted(session: Any, argv: tuple[str, ...], **how: Any) -> Any:
        performed.append(argv)
        return door(session, argv, **how)

    desk.session.door = counted
    return performed


# -- put up and changed -------------------------------------------------------------------------------------------


def test_a_card_is_put_up_once_and_changed_in_place(desk: Desk) -> None:
    desk.fires()
    desk.turns(4)
    desk.born()
    desk.fires(event="acked", who="bo")
    desk.rests()
    assert len(desk.cards) == 1
    assert "acked" in str(desk.cards[0]["blocks"])
    assert len(desk.slack.called("chat.update")) == 1


def test_a_card_put_up_while_the_board_looks_is_changed_all_the_same(
        desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.fires()
    desk.board.round()
    desk.fires(event="acked", who="bo")

    def meanwhile(session: Session, known: Mapping[str, int]) -> list[cards.Wanted]:
        """The sender is done after the board read which cards stand, and before it comes to this one."""
        desk.sender.round()
        return wanted(session, known)

    wanted = cards.wanted
    monkeypatch.setattr("bots.board.cards.wanted", meanwhile)
    desk.board.round()
    assert len(desk.cards) == 1
    desk.turns(5)
    assert desk.clock() < desk.board._looked_at + AGAIN
    assert len(desk.slack.called("chat.update")) == 1


def test_a_card_changes_no_more_often_than_people_can_read(desk: Desk) -> None:
    desk.happens(opened())
    desk.rests()
    for level in ("low", "high", "critical", "low", "high") * 4:
        desk.happens(incident("severity", severity=level))
        desk.turns(1, 0.5)
    desk.rests()
    times = [call.at for call in desk.slack.called("chat.update")]
    assert len(times) <= 5
    assert min(later - earlier for earlier, later in pairwise(times)) >= PACE
    assert "severity high" in desk.slack.text()


def test_a_storm_changes_no_more_messages_in_a_minute_than_slack_allows(
        desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bots.board.EACH_MINUTE", 6)
    count = 9
    desk.happens(*(opened(f"INC-{number}") for number in range(count)))
    desk.turns(2)
    desk.turns(2 * count, 1.1)
    assert len(desk.cards) == count
    desk.happens(*(incident("severity", f"INC-{number}", severity="low") for number in range(count)))
    desk.turns(50, 1.0)
    times = [call.at for call in desk.slack.called("chat.update")]
    assert max(sum(at <= other < at + 60 for other in times) for at in times) == len(times) == 6
    desk.turns(20, 1.0)
    assert len(desk.slack.called("chat.update")) == count


def test_equal_content_is_not_sent_again(desk: Desk) -> None:
    desk.fires()
    desk.rests()
    desk.happens(Finding(subject="other", check="drift", status="pass", title="calm", monitor="m"))
    desk.turns(10)
    assert [call.method for call in desk.slack.calls] == ["chat.postMessage"]


@pytest.mark.parametrize(("fault", "calls"), [
    (lambda faults: faults.lose_answer("chat.update"), 2), (lambda faults: faults.lose_request("chat.update"), 1),
    (lambda faults: faults.limit("chat.update", retry_after=10), 2)])
def test_a_change_that_was_lost_is_made_again(desk: Desk, fault: Callable[..., None], calls: int) -> None:
    desk.fires()
    desk.rests()
    fault(desk.slack.faults)
    desk.fires(event="acked", who="bo")
    desk.rests()
    desk.turns(10)
    assert "acked" in str(desk.cards[0]["blocks"])
    assert len(desk.slack.called("chat.update")) == calls
    if calls == 2:
        first, second = (call.at for call in desk.slack.called("chat.update"))
        assert second - first >= (10 if desk.slack.called("chat.update")[0].status == 429 else 1)


# -- the story ----------------------------------------------------------------------------------------------------


def test_a_story_is_told_in_few_messages_and_only_what_is_loud_goes_to_all(desk: Desk) -> None:
    desk.happens(opened())
    desk.rests()
    desk.happens(*(incident("note", note=f"note {number}") for number in range(20)))
    desk.rests()
    [told] = desk.cards[0]["replies"]
    assert ("5 more before" in str(told), "note 4" in str(told), "note 5" in str(told)) == (True, False, True)
    assert told.get("subtype") is None
    desk.happens(incident("severity", severity="critical"))
    desk.rests()
    loud = desk.cards[0]["replies"][-1]
    assert loud["subtype"] == "thread_broadcast"
    assert loud["text"] == "ana (simulated): severity critical"


def test_what_the_card_shows_comes_before_the_story_of_it(desk: Desk) -> None:
    desk.fires()
    desk.rests()
    desk.fires(event="acked", who="bo")
    desk.rests()
    assert [call.method for call in desk.slack.calls] == ["chat.postMessage", "chat.update", "chat.postMessage"]


# -- gone, refused ------------------------------------------------------------------------------------------------


def test_a_card_deleted_in_slack_is_put_up_again_once(desk: Desk) -> None:
    desk.fires()
    desk.rests()
    desk.client.chat_delete(channel="C01", ts=desk.cards[0]["ts"])
    desk.fires(event="acked", who="bo")
    desk.rests()
    desk.born()
    desk.fires(event="recovered")
    desk.rests()
    assert len(desk.cards) == 1
    assert "recovered" in str(desk.cards[0]["blocks"])
    assert len(desk.slack.called("chat.postMessage")) == 2 + len(desk.cards[0]["replies"])


def test_a_card_that_cannot_be_put_up_again_is_given_up(desk: Desk) -> None:
    desk.fires()
    desk.rests()
    desk.client.chat_delete(channel="C01", ts=desk.cards[0]["ts"])
    desk.slack.faults.error("chat.postMessage", "channel_not_found")
    desk.fires(event="acked", who="bo")
    desk.rests()
    assert desk.outbox.counts() == {"sent": 1, "dead": 1}
    performed = looks(desk)
    desk.turns(20, 1.0)
    assert performed == [], "nobody looks again and again at what is given up"


def test_one_card_that_is_given_up_does_not_hold_up_another(desk: Desk) -> None:
    desk.fires()
    desk.rests()
    desk.slack.faults.error("chat.postMessage", "channel_not_found")
    desk.happens(opened())
    desk.rests()
    desk.fires(event="acked", who="bo")
    desk.turns(1, 0.5)
    desk.fires(event="recovered")
    desk.turns(int(AGAIN / 2), 0.5)
    assert "state recovered" in desk.slack.text()


def test_a_round_that_fails_is_made_again_at_once(desk: Desk) -> None:
    with desk.ledger.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TRIGGER full BEFORE INSERT ON card BEGIN SELECT RAISE(ABORT, 'full'); END")
    desk.fires()
    with pytest.raises(Unreadable, match="full"):
        desk.turns()
    with desk.ledger.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER full")
    desk.turns()
    assert len(desk.cards) == 1


# -- alerts and approvals -----------------------------------------------------------------------------------------


def test_a_silenced_alert_is_not_announced_until_its_silence_ends(desk: Desk) -> None:
    desk.fires("AL-1")
    desk.fires("AL-1", "silenced", until=(START + timedelta(hours=2)).isoformat())
    desk.fires("AL-2", about="other")
    desk.turns(5)
    assert desk.cards == []
    desk.world.advance(START + timedelta(hours=2, minutes=1))
    desk.turns(3, AGAIN)
    assert [card["text"] for card in desk.cards] == ["■ AL-1: AL-1 moved", "■ AL-2: AL-2 moved"]


def test_a_muted_alert_is_announced_when_what_mutes_it_is_over_and_it_still_fires(desk: Desk) -> None:
    desk.fires("AL-1")
    desk.fires("AL-1", "muted", cause="AL-9", note="AL-9: weather is late")
    desk.turns(5)
    assert desk.cards == []
    desk.fires("AL-1", "unmuted", cause="AL-9")
    desk.turns(3, AGAIN)
    assert [card["text"] for card in desk.cards] == ["■ AL-1: AL-1 moved"]


def test_a_card_says_what_silences_its_alert_when_that_comes_later(desk: Desk) -> None:
    desk.fires("AL-1")
    desk.rests()
    desk.happens(AlertEvent(subject="SI-1", event="silence", match=("check=drift",), since=START.isoformat(),
                            until=(START + timedelta(hours=9)).isoformat(), note="the feed moves"))
    desk.rests()
    [card] = desk.cards
    assert "silenced by SI-1" in str(card["blocks"])
    assert "the feed moves" in str(card["blocks"])


def test_a_second_alert_about_the_same_model_joins_the_card_and_after_the_last_there_is_a_new_one(desk: Desk) -> None:
    desk.fires("AL-1")
    desk.rests()
    desk.fires("AL-2", monitor="second", severity="critical")
    desk.fires("AL-3", monitor="third", about="other")
    desk.rests()
    assert len(desk.cards) == 2
    assert "AL-2" in desk.cards[0]["text"], "the gravest one is shown"
    assert "AL-1 moved" in str(desk.cards[0]["blocks"])
    for id in ("AL-1", "AL-2"):
        desk.world.advance(desk.world() + timedelta(minutes=1))
        desk.fires(id, "resolved", real=True)
    desk.rests()
    assert "I am on it" not in str(desk.cards[0]["blocks"])
    desk.world.advance(desk.world() + timedelta(minutes=1))
    desk.fires("AL-4", monitor="fourth")
    desk.rests()
    assert ["AL-4" in card["text"] for card in desk.cards] == [False, False, True]
    assert "AL-4" not in str(desk.cards[0]["blocks"])


def test_an_approval_whose_time_runs_out_loses_its_buttons(desk: Desk) -> None:
    expires = START + timedelta(hours=4)
    desk.happens(Approval(subject="AP-1", event="asked", argv=("promote", "flights-delay@1"), plan="p", quorum=2,
                          role="approver", requester="ana", expires_at=expires.isoformat(), title="promote 1"))
    desk.rests()
    assert "Ask again" in str(desk.cards[0]["blocks"])
    desk.happens(Vote(subject="AP-1", voter="bo", choice="yes", plan="p", reason="it is better"))
    desk.rests()
    assert "it is better" in str(replies(desk))
    desk.world.advance(expires + timedelta(seconds=1))
    desk.turns(3, AGAIN)
    assert "Ask again" not in str(desk.cards[0]["blocks"])
    assert "expired" in str(desk.cards[0])


NAMES = ["<!channel> <@U02> @here", "漢字 👨‍👩‍👧‍👦 שלום", "*bold* _it_ `x` &lt;", "x" * 10_000, "a\nb\x1b[31m"]


@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_name_holds_is_shown_and_calls_nobody(desk: Desk, name: str) -> None:
    desk.fires("AL-1", title=name, about=name)
    desk.happens(opened(title=name))
    desk.rests()
    desk.fires("AL-1", "acked", who="bo", note=name)
    desk.happens(incident("note", note=name), incident("severity", severity="high", note=name))
    desk.rests()
    assert set(desk.outbox.counts()) == {"sent"}
    texts = [each["text"] for card in desk.cards for each in (card, *card["replies"])]
    assert len(texts) == 4
    assert not any("<!" in text or "<@" in text or "\x1b" in text for text in texts)
    assert "mrkdwn" not in str(desk.cards), "no word of it is read as markup"


def test_while_a_change_waits_for_its_time_nothing_is_computed(desk: Desk) -> None:
    desk.fires()
    desk.rests()
    desk.fires(event="acked", who="bo")
    desk.turns(1, 0.1)
    desk.fires(event="recovered")
    performed = looks(desk)
    desk.turns(60, 0.1)
    assert "state recovered" in desk.slack.text()
    assert len(performed) <= 6, "one look at the new entry, one when its time has come, one for its story"


# -- what it costs ------------------------------------------------------------------------------------------------


def test_nothing_is_computed_where_nothing_has_happened(desk: Desk) -> None:
    desk.fires()
    desk.happens(opened())
    desk.rests()
    performed = looks(desk)
    desk.turns(25, 1.0)
    assert performed == []
    desk.happens(incident("note", note="new"))
    desk.rests()
    assert set(performed) == {("alert", "show", "AL-1"), ("monitor", "show", "flights-drift"),
                              ("incident", "show", "INC-1")}
    performed.clear()
    desk.turns(3, AGAIN)
    assert performed, "time alone may have changed something"


def test_what_is_over_and_told_to_its_end_is_not_looked_at_again(desk: Desk) -> None:
    desk.happens(opened(), incident("resolved", note="done"))
    desk.happens(opened("INC-2"))
    desk.rests()
    assert len(desk.cards) == 1, "what was over before anybody looked is not put up"
    desk.happens(incident("resolved", "INC-2", note="done"))
    desk.rests()
    performed = looks(desk)
    desk.happens(opened("INC-3"))
    desk.rests()
    assert set(performed) == {("incident", "show", "INC-3")}


CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: trips
version: 1.0.0
status: active
schema:
  - name: trips
    properties: [{name: id, logicalType: integer, primaryKey: true, description: Number of the trip}]
team: {members: [{username: cy, role: steward}]}
"""


def test_a_column_that_came_and_nobody_described_asks_its_steward(desk: Desk) -> None:
    for name, text in (("datasets/trips.yaml", CONTRACT), ("in.csv", "id,gate\n1,B1\n"), ("monitors/trips-catalog.yaml",
                       "check: catalog\nsubject: trips\nalert: {after: 1 of 1, route: cy}\n")):
        (desk.folder / name).write_text(text, encoding="utf-8")
    desk.born()
    desk.session.actor = replace(desk.session.actor, source="terminal")
    assert desk.session.perform(["ingest", "trips", "--file", str(desk.folder / "in.csv")]).error is None
    desk.turns(3)
    [card] = desk.cards
    assert "trips came with gate, which its contract does not name (steward: cy)" in str(card["blocks"])
