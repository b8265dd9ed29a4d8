"""What Slack takes as the manifest of an app: an independent checker, to be asked before Slack is.

Facts after the public schema of manifests (slackapi/manifest-schema, major version 2), of the parts that we use, and
what the schema cannot say: which scope an event needs, and that signed HTTP and Socket Mode exclude each other.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ADDRESS = r"https?://"
# The scope without which Slack delivers nothing of an event; some need none.
EVENT_SCOPES: Mapping[str, str] = {
    "app_home_opened": "", "app_mention": "app_mentions:read", "message.channels": "channels:history",
    "message.groups": "groups:history", "message.im": "im:history", "pin_added": "pins:read",
    "pin_removed": "pins:read", "reaction_added": "reactions:read", "reaction_removed": "reactions:read"}


@dataclass(frozen=True)
class Is:
    """What a value must be: its type, its size or length, its pattern, or one of a few."""

    type: type
    fewest: int = 0
    most: int = 1 << 30
    pattern: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False
    keys: "Mapping[str, Is]" = field(default_factory=dict)
    items: "Is | None" = None
    unique: bool = False


def text(most: int, *, fewest: int = 1, pattern: str = "", required: bool = False, choices: tuple[str, ...] = ()) -> Is:
    return Is(str, fewest, most, pattern, choices, required)


def keys(*, required: bool = False, **of: Is) -> Is:
    return Is(dict, keys=of, required=required)


FLAG = Is(bool)
SCHEMA = keys(
    display_information=keys(
        required=True, name=text(35, required=True), description=text(140),
        background_color=text(7, fewest=4, pattern=r"#[0-9a-fA-F]{3}([0-9a-fA-F]{3})?$"),
        long_description=text(4000, fewest=175)),
    features=keys(
        app_home=keys(home_tab_enabled=FLAG, messages_tab_enabled=FLAG, messages_tab_read_only_enabled=FLAG),
        bot_user=keys(display_name=text(80, required=True), always_online=FLAG),
        slash_commands=Is(list, 1, 50, items=keys(
            command=text(32, fewest=2, pattern="/", required=True), description=text(2000, required=True),
            usage_hint=text(1000), should_escape=FLAG, url=text(3000, pattern=ADDRESS))),
        shortcuts=Is(list, 1, 10, items=keys(
            name=text(24, required=True), type=text(10, choices=("message", "global"), required=True),
            callback_id=text(255, required=True), description=text(150, required=True)))),
    oauth_config=keys(
        redirect_urls=Is(list, 0, 1000, items=text(2500), unique=True),
        scopes=keys(bot=Is(list, 0, 255, items=text(50)), user=Is(list, 0, 255, items=text(50)))),
    settings=keys(
        event_subscriptions=keys(request_url=text(3500, pattern=ADDRESS),
                                 bot_events=Is(list, 0, 100, items=text(50), unique=True),
                                 user_events=Is(list, 0, 100, items=text(50), unique=True)),
        interactivity=keys(is_enabled=Is(bool, required=True), request_url=text(3500, pattern=ADDRESS),
                           message_menu_options_url=text(3500, pattern=ADDRESS)),
        org_deploy_enabled=FLAG, socket_mode_enabled=FLAG, token_rotation_enabled=FLAG))


def problems(manifest: Any) -> list[str]:
    """Why Slack would refuse this manifest, or deliver less than it asks for; empty where it is sound."""
    found = list(_found(manifest, SCHEMA, ""))
    return found or list(_together(manifest))


def _found(value: Any, rule: Is, where: str) -> Iterator[str]:
    if not isinstance(value, rule.type) or (rule.type is not bool and isinstance(value, bool)):
        yield f"{where or '/'}: must be a {rule.type.__name__}"
        return
    if isinstance(value, (str, list)) and not rule.fewest <= len(value) <= rule.most:
        yield f"{where}: has {len(value)}, allowed are {rule.fewest} to {rule.most}"
    if isinstance(value, str):
        if rule.pattern and not re.match(rule.pattern, value):
            yield f"{where}: {value!r} is not of the form {rule.pattern}"
        if rule.choices and value not in rule.choices:
            yield f"{where}: must be {' or '.join(rule.choices)}"
    elif isinstance(value, list):
        yield from _items(value, rule, where)
    elif isinstance(value, dict):
        yield from _keys(value, rule, where)


def _items(value: Sequence[Any], rule: Is, where: str) -> Iterator[str]:
    if rule.unique and len({str(each) for each in value}) < len(value):
        yield f"{where}: holds something twice"
    for place, each in enumerate(value):
        if rule.items is not None:
            yield from _found(each, rule.items, f"{where}/{place}")


def _keys(value: Mapping[str, Any], rule: Is, where: str) -> Iterator[str]:
    missing = [name for name, each in rule.keys.items() if each.required and name not in value]
    yield from (f"{where}/{name}: is missing" for name in missing)
    for name, each in value.items():
        if name not in rule.keys:
            yield f"{where}/{name}: is unknown"
        else:
            yield from _found(each, rule.keys[name], f"{where}/{name}")


def _together(manifest: Mapping[str, Any]) -> Iterator[str]:
    """What holds for several parts at once."""
    features, settings = manifest.get("features") or {}, manifest.get("settings") or {}
    events = settings.get("event_subscriptions") or {}
    scopes = set(((manifest.get("oauth_config") or {}).get("scopes") or {}).get("bot") or ())
    for name in events.get("bot_events") or ():
        if (needed := EVENT_SCOPES.get(name)) is None:
            yield f"/settings/event_subscriptions/bot_events: {name} is not one whose scope is known"
        elif needed and needed not in scopes:
            yield f"/oauth_config/scopes/bot: {name} is never delivered without {needed}"
    commands, shortcuts = features.get("slash_commands") or (), features.get("shortcuts") or ()
    if (commands or shortcuts) and "commands" not in scopes:
        yield "/oauth_config/scopes/bot: commands and shortcuts need the scope commands"
    for name, given in (("command", commands), ("callback_id", shortcuts)):
        if len({each[name] for each in given}) < len(given):
            yield f"/features: two have the same {name}"
    if shortcuts and not (settings.get("interactivity") or {}).get("is_enabled"):
        yield "/settings/interactivity: shortcuts and buttons are never delivered without it"
    addresses = [events.get("request_url"), (settings.get("interactivity") or {}).get("request_url"),
                 *(each.get("url") for each in commands)]
    if settings.get("socket_mode_enabled") and any(addresses):
        yield "/settings/socket_mode_enabled: with Socket Mode no address is called"
    if not settings.get("socket_mode_enabled") and not all(addresses):
        yield "/settings: without Socket Mode, events, interactivity and each command need an address"
