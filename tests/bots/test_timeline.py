"""What people mark in Slack stands in the incident's timeline once, at its own time, and follows the message."""

from typing import Any

import pytest

from bots import timeline
from bots.local.state import Channel
from mlops_tui import folds
from mlops_tui.errors import BadInput
from mlops_tui.incidents.notes import Note, notes
from mlops_tui.session import SystemClock
from store.facts import AlertEvent, IncidentEvent
from tests.bots.conftest import declare
from tests.bots.desk import CHANNEL, Desk

# Slack's own client leaves sockets that died to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture
def bot(desk: Desk) -> Desk:
    """At its door, with one incident whose card stands in the channel."""
    declare(desk.folder, "channel: C01")
    desk.born()
    desk.listens()
    opens(desk, "INC-1")
    desk.turns(2)
    return desk


def opens(bot: Desk, id: str, title: str = "late labels", alert: str = "") -> None:
    bot.happens(IncidentEvent(subject=id, event="opened", title=title, severity="high", about="flights-delay",
                              alert=alert))


def said(bot: Desk, text: str, who: str = "ana", thread: str = "", channel: str = CHANNEL) -> str:
    """Somebody writes; the message's ts."""
    bot.slack.say(who, text, channel, thread)
    return max(bot.slack.state.channels[channel].messages)


def noted(bot: Desk, id: str = "INC-1") -> list[Note]:
    bot.works()
    return list(notes(folds.incidents(bot.ledger.entries("incident"))[id]).values())


def texts(bot: Desk, id: str = "INC-1") -> list[str]:
    return [each.shown for each in noted(bot, id)]


def card(bot: Desk, name: str = "incident/INC-1") -> str:
    return bot.board.cards.all()[name].reference


def test_a_marked_message_is_a_line_with_who_said_it_and_its_link(bot: Desk) -> None:
    ts = said(bot, "the feed of <@U02> stopped & came back")
    bot.slack.react("bo", "pushpin", ts)
    [note] = noted(bot)
    assert (note.text, note.who) == ("the feed of @bo stopped & came back", "ana")
    assert timeline.place_of(note.reference) == (CHANNEL, ts)
    assert bot.ledger.entries("incident")[-1].actor == "bo (simulated)"
    assert bot.slack.ephemerals("bo") == [], "the card's thread says it"


def test_the_line_has_the_messages_own_time_where_the_project_lives_in_it(bot: Desk) -> None:
    bot.session.clock = SystemClock()
    ts = said(bot, "it began here")
    bot.clock.pass_(60)
    bot.slack.react("bo", "pushpin", ts)
    [note] = noted(bot)
    assert abs(note.at.timestamp() - float(ts)) < 0.001


def test_the_same_message_marked_in_three_ways_by_two_people_is_one_line(bot: Desk) -> None:
    ts = said(bot, "the feed is late")
    bot.slack.react("bo", "pushpin", ts)
    bot.slack.react("ana", "pushpin", ts)
    bot.slack.pin("ana", ts)
    assert bot.slack.shortcut("ana", timeline.SHORTCUT, ts).ok
    bot.slack.faults.duplicate("events_api")
    assert texts(bot) == ["the feed is late"]
    assert "has that note already" in str(bot.slack.ephemerals("ana")), "who asked in words is told"


def test_other_reactions_and_those_declared(bot: Desk) -> None:
    first, second = said(bot, "one"), said(bot, "two")
    settings = bot.folder / "mlops.yaml"
    settings.write_text(settings.read_text().replace("C01", "C01, timeline_emoji: [memo]"))
    bot.slack.react("bo", "pushpin", first)
    bot.slack.react("bo", "memo", second)
    assert texts(bot) == ["two"]


def test_an_edit_is_followed_and_a_deletion_struck(bot: Desk) -> None:
    ts = said(bot, "the feed stopped at noon")
    bot.slack.react("bo", "pushpin", ts)
    assert texts(bot) == ["the feed stopped at noon"]
    bot.slack.edit("ana", ts, "the feed stopped at 11:40")
    assert texts(bot) == ["the feed stopped at 11:40 (edited)"]
    bot.slack.delete("ana", ts)
    assert texts(bot) == ["[struck by slack: deleted in Slack] the feed stopped at 11:40"]


def test_edits_that_come_in_the_wrong_order_end_at_what_the_message_says(bot: Desk) -> None:
    ts = said(bot, "one")
    bot.slack.react("bo", "pushpin", ts)
    bot.works()
    for text in ("two", "three"):
        bot.slack.edit("ana", ts, text)
    for asked in reversed(bot.inbox.waiting()):
        bot.worker.deal(asked)
    assert texts(bot) == ["three (edited)"]


def test_an_edit_of_what_nobody_marked_changes_nothing(bot: Desk) -> None:
    ts = said(bot, "hello")
    bot.slack.edit("ana", ts, "hello again")
    bot.slack.delete("ana", ts)
    head = bot.ledger.head_seq()
    bot.works()
    assert (texts(bot), bot.ledger.head_seq()) == ([], head)


def test_the_last_mark_taken_away_strikes_the_line(bot: Desk) -> None:
    ts = said(bot, "the feed is late")
    bot.slack.react("bo", "pushpin", ts)
    bot.slack.pin("ana", ts)
    bot.works()
    bot.slack.unreact("bo", "pushpin", ts)
    assert texts(bot) == ["the feed is late"], "it is still pinned"
    bot.slack.unpin("ana", ts)
    assert texts(bot) == ["[struck by ana (simulated): no longer marked in Slack] the feed is late"]


def test_a_message_of_a_cards_thread_belongs_to_its_incident_whatever_else_is_open(bot: Desk) -> None:
    opens(bot, "INC-2", "another")
    bot.turns(2)
    ts = said(bot, "the feed is back", thread=card(bot))
    bot.slack.react("bo", "pushpin", ts)
    assert (texts(bot), texts(bot, "INC-2")) == (["the feed is back"], [])
    bot.rests()
    [told] = [each["replies"] for each in bot.cards if each["ts"] == card(bot)]
    assert any("the feed is back" in each["text"] for each in told[1:]), "the thread says that it is noted"


def test_a_message_below_an_alerts_card_belongs_to_the_incident_of_the_alert(bot: Desk) -> None:
    bot.happens(AlertEvent(subject="AL-1", event="fired", monitor="flights-drift", about="flights-delay", check="drift",
                           severity="high", title="moved"))
    opens(bot, "INC-2", "drift", alert="AL-1")
    bot.turns(3)
    ts = said(bot, "seen", thread=card(bot, "alert/AL-1"))
    bot.slack.react("bo", "pushpin", ts)
    assert texts(bot, "INC-2") == ["seen"]


def test_what_is_said_in_an_incidents_channel_belongs_to_it(bot: Desk) -> None:
    opens(bot, "INC-2", "another")
    bot.slack.state.channels["C9"] = Channel("C9", "inc-2", members={"U01", "U02", bot.slack.state.bot_user})
    bot.happens(IncidentEvent(subject="INC-2", event="channel", reference="C9"))
    bot.slack.react("bo", "pushpin", said(bot, "here", channel="C9"))
    assert (texts(bot, "INC-2"), texts(bot)) == (["here"], [])


def test_where_the_place_does_not_say_which_incident_a_reaction_asks_and_a_press_answers(bot: Desk) -> None:
    opens(bot, "INC-2", "another")
    ts = said(bot, "the feed is late")
    bot.slack.react("bo", "pushpin", ts)
    assert texts(bot) == []
    [question] = bot.slack.ephemerals("bo")
    assert "Which incident" in question["text"]
    labels = [each["text"]["text"] for block in question["blocks"] if block["type"] == "actions"
              for each in block["elements"]]
    assert labels == ["INC-2 another", "INC-1 late labels"], "the newest first"
    bot.slack.click("bo", question["ts"], "INC-1 late labels")
    assert (texts(bot), texts(bot, "INC-2")) == (["the feed is late"], [])
    [answer] = bot.slack.ephemerals("bo")
    assert "INC-1 has a new note" in answer["text"]


def test_where_two_are_open_the_shortcut_asks_which_in_a_form(bot: Desk) -> None:
    opens(bot, "INC-2", "another")
    ts = said(bot, "the feed is late")
    seen = bot.slack.shortcut("bo", timeline.SHORTCUT, ts)
    assert seen.modal
    assert bot.slack.submit("bo", values={"Which incident?": "INC-1 late labels"}).ok
    assert (texts(bot), bot.slack.modals("bo")) == (["the feed is late"], [])


def test_with_one_open_the_shortcut_asks_nothing_and_says_that_it_is_done(bot: Desk) -> None:
    bot.slack.state.channels["C9"] = Channel("C9", "elsewhere", members={"U01", "U02", bot.slack.state.bot_user})
    ts = said(bot, "seen elsewhere", channel="C9")
    assert bot.slack.shortcut("bo", timeline.SHORTCUT, ts).modal is None
    assert texts(bot) == ["seen elsewhere"]
    assert "INC-1 has a new note" in str(bot.slack.ephemerals("bo"))


def test_the_shortcut_works_where_the_bot_may_not_read(bot: Desk) -> None:
    bot.slack.state.channels["C9"] = Channel("C9", "private", "group", members={"U01", "U02"})
    ts = said(bot, "between us", channel="C9")
    bot.slack.shortcut("bo", timeline.SHORTCUT, ts)
    [note] = noted(bot)
    assert (note.text, note.reference) == ("between us", f"slack:C9/{ts}")


def test_with_no_incident_open_a_reaction_is_only_a_reaction_and_the_shortcut_says_so(desk: Desk) -> None:
    desk.listens()
    ts = said(desk, "lunch?")
    desk.slack.react("bo", "pushpin", ts)
    desk.slack.react("eve", "pushpin", ts)
    desk.slack.shortcut("bo", timeline.SHORTCUT, ts)
    desk.works()
    assert desk.ledger.entries() == []
    assert "No incident is open" in str(desk.slack.ephemerals("bo"))


def test_who_may_not_and_who_is_unknown_are_told_alone_and_recorded(bot: Desk) -> None:
    ts = said(bot, "the feed is late")
    for who in ("vera", "eve"):
        bot.slack.react(who, "pushpin", ts)
    assert texts(bot) == []
    assert "may not run 'incident note'" in str(bot.slack.ephemerals("vera"))
    assert "team.yaml" in str(bot.slack.ephemerals("eve"))
    denied = [(entry.actor, entry.fact.status) for entry in bot.ledger.entries("command")]  # type: ignore[attr-defined]
    assert denied == [("vera (simulated)", "denied"), ("somebody in Slack", "denied")]


def test_while_slack_is_away_the_mark_waits_and_nothing_is_given_up(bot: Desk) -> None:
    ts = said(bot, "the feed is late")
    bot.slack.react("bo", "pushpin", ts)
    [asked] = bot.inbox.waiting()
    bot.slack.faults.error("conversations.history", "service_unavailable", times=20)
    for _ in range(20):
        bot.worker.deal(asked)
        assert not bot.worker.may_try(asked)
    assert [each.tries for each in bot.inbox.waiting()] == [0]
    assert texts(bot) == ["the feed is late"]


def test_a_message_that_begins_like_an_option_is_text_and_a_long_one_is_cut(bot: Desk) -> None:
    for text in ("--json please", "-1 from me", "x" * 9000):
        bot.slack.react("bo", "pushpin", said(bot, text))
    first, second, third = texts(bot)
    assert (first, second, len(third)) == ("--json please", "-1 from me", timeline.NOTE)


@pytest.mark.parametrize("value", ["", "[]", "{}", '{"at":"C1"}'])
def test_a_forged_button_is_refused(value: str) -> None:
    with pytest.raises(BadInput, match="none of ours"):
        timeline.pressed(value)


def event(**more: Any) -> dict[str, Any]:
    return {"type": "message", "channel": "C1", "subtype": "message_changed",
            "message": {"ts": "1.2", "user": "U1", "text": "new"}, "previous_message": {"ts": "1.2", "text": "old"},
            **more}


def test_an_unfurled_link_or_a_bots_own_change_is_no_edit() -> None:
    assert timeline.heard(event(), timeline.EMOJI)
    same = {"ts": "1.2", "user": "U1", "text": "old"}
    assert timeline.heard(event(message=same), timeline.EMOJI) is None
    assert timeline.heard(event(message={"ts": "1.2", "text": "new", "bot_id": "B1"}), timeline.EMOJI) is None
    gone = timeline.heard(event(message={"ts": "1.2", "subtype": "tombstone", "text": "deleted"}), timeline.EMOJI)
    assert gone
    assert gone.kind == timeline.DELETED


def test_a_reaction_in_another_colour_of_skin_is_the_same_and_on_a_file_is_none() -> None:
    item = {"type": "message", "channel": "C1", "ts": "1.2"}
    given = {"type": "reaction_added", "user": "U1", "item": item, "reaction": "pushpin::skin-tone-2"}
    assert timeline.heard(given, timeline.EMOJI)
    assert timeline.heard({**given, "item": {"type": "file"}}, timeline.EMOJI) is None
