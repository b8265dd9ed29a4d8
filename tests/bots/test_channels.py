"""Each incident has a channel of its own where the project wants that: one, whatever answer is lost."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots import channels
from bots.channels import Channels, name_of
from bots.local.conversations import LONGEST, NAME
from bots.local.state import Channel
from bots.manifest import scopes
from store.facts import IncidentEvent
from tests.bots.conftest import declare
from tests.bots.desk import CHANNEL, Desk

# Slack's own client leaves sockets that died to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture
def bot(desk: Desk) -> Desk:
    """In a project that wants channels, with the scopes for it, and one incident."""
    declare(desk.folder, f"channel: {CHANNEL}, incident_channels: true")
    desk.slack.server.tokens = replace(desk.slack.server.tokens, scopes=frozenset(scopes(channels=True)))
    desk.born()
    opens(desk, "INC-1")
    return desk


def opens(bot: Desk, id: str) -> None:
    bot.happens(IncidentEvent(subject=id, event="opened", title="late labels", severity="high", about="flights-delay"))


def turns(bot: Desk, times: int = 4) -> None:
    made = Channels(bot.session, bot.said.append)
    for _ in range(times):
        made.round()
        bot.speaks(8, 8)


def made(bot: Desk) -> list[Channel]:
    return [each for each in bot.slack.state.channels.values() if each.kind == "channel" and each.id != CHANNEL]


def events(bot: Desk) -> list[tuple[str, str]]:
    return [(entry.fact.event, entry.fact.reference) for entry in bot.ledger.entries("incident")]  # type: ignore[attr-defined]


def test_it_is_made_once_with_its_people_its_topic_and_what_it_is_about(bot: Desk) -> None:
    turns(bot)
    [channel] = made(bot)
    assert channel.name == "inc-1-flights"
    assert channel.members == {bot.slack.state.bot_user, "U01", "U02"}, "who opened it, and who is on call"
    assert channel.topic == "high · late labels"
    assert events(bot) == [("opened", ""), ("channel", channel.id)]
    [hello, *_] = [each for each in channel.messages.values() if each.get("bot_id")]
    assert "late labels" in hello["text"]


def test_whoever_takes_it_up_is_invited_and_the_topic_follows(bot: Desk) -> None:
    turns(bot)
    bot.happens(IncidentEvent(subject="INC-1", event="role", role="lead", who="cy"),
                IncidentEvent(subject="INC-1", event="severity", severity="critical"))
    turns(bot)
    [channel] = made(bot)
    assert "U03" in channel.members
    assert channel.topic == "critical · late labels · cy leads"
    assert len(bot.slack.called("conversations.invite")) == 3, "nobody twice"


@pytest.mark.parametrize("method", ["conversations.create", "conversations.invite", "conversations.setTopic",
                                    "chat.postMessage"])
def test_an_answer_that_is_lost_makes_nothing_a_second_time(bot: Desk, method: str) -> None:
    bot.slack.faults.lose_answer(method)
    turns(bot, 6)
    [channel] = made(bot)
    assert channel.topic == "high · late labels"
    assert len([each for each in channel.messages.values() if each.get("bot_id")]) == 1
    assert [event for event, _ in events(bot)] == ["opened", "channel"]
    assert set(bot.outbox.counts()) == {"sent"}


def test_a_process_that_ends_between_two_steps_goes_on_where_it_was(bot: Desk) -> None:
    for _ in range(8):
        Channels(bot.session, bot.said.append).round()
        bot.born()
        bot.sender.round()
        bot.clock.pass_(8)
        bot.born()
    [channel] = made(bot)
    assert (channel.members >= {"U02"}, channel.topic != "") == (True, True)
    assert [event for event, _ in events(bot)] == ["opened", "channel"]


def test_a_name_that_people_have_taken_gets_a_number(bot: Desk) -> None:
    bot.slack.state.channels["C7"] = Channel("C7", "inc-1-flights", members={"U01"}, creator="U01")
    turns(bot)
    assert [each.name for each in made(bot)] == ["inc-1-flights", "inc-1-flights-2"]
    assert events(bot)[-1] == ("channel", made(bot)[-1].id)


def test_without_the_scope_it_is_a_dead_letter_that_says_so_and_the_rest_goes_on(bot: Desk) -> None:
    bot.slack.server.tokens = replace(bot.slack.server.tokens, scopes=frozenset(scopes()))
    turns(bot)
    assert made(bot) == []
    [dead] = bot.outbox.given_up()
    assert "missing_scope" in dead.error
    bot.slack.server.tokens = replace(bot.slack.server.tokens, scopes=frozenset(scopes(channels=True)))
    assert bot.outbox.again(dead.id)
    turns(bot)
    assert len(made(bot)) == 1


def test_nothing_is_made_where_nobody_asked_for_it(desk: Desk) -> None:
    opens(desk, "INC-1")
    turns(desk, 2)
    assert made(desk) == []
    assert desk.slack.calls == []


def press(bot: Desk, who: str) -> None:
    channel = made(bot)[0]
    message = next(each for each in channel.messages.values() if "Archive" in str(each.get("blocks")))
    channel.members.add(bot.slack.state.user_id(who))
    bot.slack.click(who, message["ts"], "Archive the channel")
    bot.works()
    bot.speaks(3)


def test_at_its_end_somebody_who_may_archives_it(bot: Desk) -> None:
    bot.listens()
    turns(bot)
    bot.happens(IncidentEvent(subject="INC-1", event="resolved", note="the feed is back"))
    turns(bot)
    [channel] = made(bot)
    press(bot, "vera")
    assert not channel.archived
    assert "may not run" in str(bot.slack.ephemerals("vera"))
    press(bot, "bo")
    assert channel.archived
    assert events(bot)[-1] == ("archived", channel.id)
    assert "is archived" in str(bot.slack.ephemerals("bo"))
    assert bot.ledger.entries("incident")[-1].actor == "bo (simulated)"
    bot.happens(IncidentEvent(subject="INC-1", event="reopened", note="not over"))
    turns(bot)
    assert set(bot.outbox.counts()) == {"sent"}, "what is archived is left alone"


def test_one_that_goes_on_again_is_not_archived_by_an_old_button(bot: Desk) -> None:
    bot.listens()
    turns(bot)
    bot.happens(IncidentEvent(subject="INC-1", event="resolved", note="over"))
    turns(bot)
    bot.happens(IncidentEvent(subject="INC-1", event="reopened", note="not over"))
    press(bot, "bo")
    assert not made(bot)[0].archived
    assert "still open" in str(bot.slack.ephemerals("bo"))


@given(st.integers(1, 10 ** 6), st.text(max_size=120))
def test_any_name_is_one_that_slack_takes(number: int, project: str) -> None:
    found = name_of(f"INC-{number}", project)
    assert 1 <= len(found) <= LONGEST
    assert NAME.fullmatch(found)
    assert found.startswith(f"inc-{number}")


def test_the_topic_and_who_is_invited_are_pure(desk: Desk) -> None:
    folded: Any = channels.folds.incidents(desk.happens(IncidentEvent(
        subject="INC-1", event="opened", title="t" * 400, severity="low", about="flights")))
    assert len(channels.topic_of(folded["INC-1"])) == channels.TOPIC
    assert list(channels.invited(folded["INC-1"], desk.session.declared().team)) == ["U01", "U02"]
