"""The app's manifest: the scopes that the local Slack grants, and the structure that Slack takes."""

import json

import pytest

from bots.local.payloads import scope_of
from bots.local.state import SCOPES
from bots.manifest import EVENTS, HINT, manifest
from bots.richtext import Block

URL = "https://mlops.example/slack/events"


def test_it_asks_for_the_scopes_that_everything_is_tested_with_and_no_more() -> None:
    asked = manifest()["oauth_config"]["scopes"]
    assert set(asked) == {"bot"}, "nobody's own token"
    assert sorted(asked["bot"]) == sorted(set(SCOPES))


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_that_is_listened_for_is_covered_by_a_scope(event: str) -> None:
    kind, _, where = event.partition(".")
    assert scope_of({"type": kind, "channel_type": where}) <= set(SCOPES)


@pytest.mark.parametrize("url", ["", URL])
def test_its_structure_is_within_slacks_limits(url: str) -> None:
    made = manifest(url)
    assert set(made) == {"display_information", "features", "oauth_config", "settings"}
    shown = made["display_information"]
    assert (len(shown["name"]) <= 35, len(shown["description"]) <= 140) == (True, True)
    assert len(shown["background_color"]) == 7
    commands: list[Block] = made["features"]["slash_commands"]
    assert [each["command"] for each in commands] == ["/mlops"]
    for each in commands:
        assert set(each) <= {"command", "description", "usage_hint", "should_escape", "url"}
        assert (len(each["command"]) <= 32, len(each["description"]) <= 2000, len(HINT) <= 1000) == (True, True, True)
        assert each["should_escape"], "the bot reads people and channels by their ids"
    assert len(made["features"]["bot_user"]["display_name"]) <= 80
    assert json.loads(json.dumps(made)) == made


def test_with_an_address_it_is_signed_http_and_without_one_socket_mode() -> None:
    socket, http = manifest(), manifest(URL)
    assert (socket["settings"]["socket_mode_enabled"], http["settings"]["socket_mode_enabled"]) == (True, False)
    assert URL not in json.dumps(socket)
    assert [http["features"]["slash_commands"][0]["url"], http["settings"]["event_subscriptions"]["request_url"],
            http["settings"]["interactivity"]["request_url"]] == [URL] * 3
