"""A channel that the app makes for an incident: its name, its people, its topic and its end."""

from collections.abc import Iterator

import pytest
from slack_sdk import WebClient

from bots.local.state import SCOPES
from bots.local.workspace import LocalSlack
from tests.bots.local.conftest import Clock, client_of
from tests.bots.local.test_web_api import refusal

MANAGING = [*SCOPES, "channels:manage", "channels:read", "groups:write", "groups:read"]


@pytest.fixture
def slack(clock: Clock) -> Iterator[LocalSlack]:
    with LocalSlack(scopes=MANAGING, clock=clock) as workspace:
        yield workspace


def test_a_channel_lives_from_its_first_member_to_its_archive(slack: LocalSlack, client: WebClient) -> None:
    made = client.conversations_create(name="inc-7-drift")["channel"]
    assert (made["name"], made["is_member"], made["num_members"]) == ("inc-7-drift", True, 1)
    with pytest.raises(LookupError, match="ana cannot write"):
        slack.say("ana", "am I in?", "inc-7-drift")
    assert client.conversations_invite(channel=made["id"], users="U01,U02")["channel"]["num_members"] == 3
    slack.say("ana", "I am", "inc-7-drift")
    slack.join("cy", "inc-7-drift")
    assert client.conversations_setTopic(channel=made["id"], topic="INC-7 high")["topic"] == "INC-7 high"
    assert client.conversations_members(channel=made["id"])["members"] == ["U01", "U02", "U03", "U0BOT"]
    shown = client.conversations_history(channel=made["id"])["messages"]
    assert [each.get("subtype", "") for each in reversed(shown)] == [
        "channel_join", "channel_join", "", "channel_join", "channel_topic"]
    assert client.conversations_archive(channel=made["id"])["ok"]
    assert client.conversations_info(channel=made["id"])["channel"]["is_archived"] is True
    assert refusal(client.chat_postMessage, channel=made["id"], text="late").response["error"] == "is_archived"
    assert refusal(client.conversations_archive, channel=made["id"]).response["error"] == "already_archived"
    assert [each["name"] for each in client.conversations_list(exclude_archived=True)["channels"]] == ["ml-flights"]


@pytest.mark.parametrize(("name", "error"), [
    ("ml-flights", "name_taken"), ("INC-7", "invalid_name_specials"), ("inc 7", "invalid_name_specials"),
    ("inc.7", "invalid_name_specials"), ("x" * 81, "invalid_name_maxlength"), ("", "invalid_name_required")])
def test_a_name_that_slack_does_not_take(client: WebClient, name: str, error: str) -> None:
    assert refusal(client.conversations_create, name=name).response["error"] == error


def test_who_cannot_be_invited(slack: LocalSlack, client: WebClient) -> None:
    made = client.conversations_create(name="inc-7", is_private=True)["channel"]["id"]
    for users, error in (("U99", "user_not_found"), ("U0BOT", "cant_invite_self")):
        assert refusal(client.conversations_invite, channel=made, users=users).response["error"] == error
    client.conversations_invite(channel=made, users="U01")
    assert refusal(client.conversations_invite, channel=made, users="U01").response["error"] == "already_in_channel"
    with pytest.raises(LookupError, match="nobody can join"):
        slack.join("bo", made)


def test_making_channels_needs_a_scope_for_their_kind(clock: Clock) -> None:
    with LocalSlack(clock=clock) as slack:
        made = client_of(slack)
        assert refusal(made.conversations_create, name="inc-7").response["needed"] == "channels:manage"
        assert refusal(made.conversations_create, name="inc-7", is_private=True).response["needed"] == "groups:write"
        assert refusal(made.conversations_archive, channel="C01").response["needed"] == "channels:manage"
