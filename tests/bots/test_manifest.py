"""The app's manifest: the scopes that the local Slack grants, no more, and what Slack's own schema takes."""

import copy
import json
from typing import Any

import pytest

from bots import manifestrules, timeline
from bots.local.payloads import scope_of
from bots.local.state import SCOPES
from bots.manifest import EVENTS, FEATURES, manifest, scopes
from bots.manifestrules import problems

URL = "https://mlops.example/slack/events"


def test_it_asks_for_the_scopes_that_everything_is_tested_with_and_no_more() -> None:
    asked = manifest()["oauth_config"]["scopes"]
    assert set(asked) == {"bot"}, "nobody's own token"
    assert sorted(asked["bot"]) == sorted(set(SCOPES))


def test_what_a_project_does_not_use_is_not_asked_for() -> None:
    assert set(scopes(channels=True)) - set(scopes()) == {"channels:manage", "channels:read"}
    assert set(scopes(channels=True)) == {name for names in FEATURES.values() for name in names}
    assert manifest(channels=True)["oauth_config"]["scopes"]["bot"] == list(scopes(channels=True))


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_that_is_listened_for_is_covered_by_a_scope(event: str) -> None:
    kind, _, where = event.partition(".")
    kinds = {"channels": "channel", "groups": "group", "im": "im", "": ""}
    needed = scope_of({"type": kind, "channel_type": kinds[where]})
    assert needed <= set(SCOPES)
    assert needed == {each for each in [manifestrules.EVENT_SCOPES[event]] if each}, "the local Slack says the same"


@pytest.mark.parametrize("url", ["", URL])
@pytest.mark.parametrize("channels", [False, True])
def test_slack_takes_it(url: str, channels: bool) -> None:
    made = manifest(url, channels=channels)
    assert problems(made) == []
    assert json.loads(json.dumps(made)) == made
    [command] = made["features"]["slash_commands"]
    assert command["should_escape"], "the bot reads people and channels by their ids"
    [shortcut] = made["features"]["shortcuts"]
    assert (shortcut["callback_id"], shortcut["type"]) == (timeline.SHORTCUT, "message")


def test_with_an_address_it_is_signed_http_and_without_one_socket_mode() -> None:
    socket, http = manifest(), manifest(URL)
    assert (socket["settings"]["socket_mode_enabled"], http["settings"]["socket_mode_enabled"]) == (True, False)
    assert URL not in json.dumps(socket)
    assert [http["features"]["slash_commands"][0]["url"], http["settings"]["event_subscriptions"]["request_url"],
            http["settings"]["interactivity"]["request_url"]] == [URL] * 3


COMMAND = {"command": "/x", "description": "y"}
WRONG: list[tuple[str, Any, str]] = [
    ("display_information", None, "must be a dict"),
    ("display_information/name", "n" * 36, "allowed are 1 to 35"),
    ("display_information/name", ..., "is missing"),
    ("display_information/description", "d" * 141, "allowed are 1 to 140"),
    ("display_information/long_description", "short", "allowed are 175 to 4000"),
    ("display_information/background_color", "red", "is not of the form"),
    ("display_information/icon", "x.png", "is unknown"),
    ("features/bot_user/display_name", "", "allowed are 1 to 80"),
    ("features/slash_commands", [COMMAND] * 51, "allowed are 1 to 50"),
    ("features/slash_commands", [COMMAND] * 2, "two have the same command"),
    ("features/slash_commands/0/command", "/" + "c" * 32, "allowed are 2 to 32"),
    ("features/slash_commands/0/command", "mlops", "is not of the form /"),
    ("features/slash_commands/0/usage_hint", "h" * 1001, "allowed are 1 to 1000"),
    ("features/slash_commands/0/should_escape", "yes", "must be a bool"),
    ("features/shortcuts", [], "allowed are 1 to 10"),
    ("features/shortcuts/0/name", "Add this to the timeline now", "allowed are 1 to 24"),
    ("features/shortcuts/0/type", "channel", "must be message or global"),
    ("features/shortcuts/0/description", ..., "is missing"),
    ("oauth_config/scopes/bot", ["chat:write", "commands"], "never delivered without app_mentions:read"),
    ("oauth_config/scopes/bot/1", 7, "must be a str"),
    ("settings/event_subscriptions/bot_events", ["message.im"] * 2, "holds something twice"),
    ("settings/event_subscriptions/bot_events", ["star_added"], "not one whose scope is known"),
    ("settings/event_subscriptions/request_url", URL, "with Socket Mode no address is called"),
    ("settings/interactivity/is_enabled", False, "never delivered without it"),
    ("settings/interactivity/is_enabled", ..., "is missing"),
    ("settings/socket_mode_enabled", False, "need an address"),
    ("settings/socket_mode_enabled", 1, "must be a bool")]


@pytest.mark.parametrize(("where", "value", "said"), WRONG)
def test_what_slack_would_refuse_is_refused_with_its_place(where: str, value: Any, said: str) -> None:
    made = copy.deepcopy(manifest())
    *path, last = where.split("/")
    holder: Any = made
    for each in path:
        holder = holder[int(each)] if isinstance(holder, list) else holder[each]
    if isinstance(holder, list):
        holder[int(last)] = value
    elif value is ...:
        del holder[last]
    else:
        holder[last] = value
    found = problems(made)
    assert any(said in each for each in found), found
    if "is unknown" in said or "allowed" in said:
        assert found[0].startswith(f"/{where}")
