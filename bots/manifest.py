"""What a workspace is told about the app when it is installed: one command, the least scopes, Socket Mode."""

from collections.abc import Mapping
from typing import Any

from bots.timeline import SHORTCUT

COMMAND = "/mlops"
HINT = "status | alert list | incident show INC-1 | drift MODEL"
CHANNELS = "a channel for each incident"
# What each scope is for; those of a feature are asked for only where the project has it.
FEATURES: Mapping[str, tuple[str, ...]] = {
    "answers, cards and digests": ("chat:write",),
    "/mlops": ("commands",),
    "@mlops": ("app_mentions:read",),
    "talking to the bot alone": ("im:history",),
    "finding again what was perhaps said, and what is marked": ("channels:history", "groups:history"),
    "marks that become a timeline": ("pins:read", "reactions:read"),
    "people's time zones": ("users:read",),
    CHANNELS: ("channels:manage", "channels:read"),
}
OPTIONAL = frozenset({CHANNELS})
EVENTS = ("app_home_opened", "app_mention", "message.channels", "message.groups", "message.im", "pin_added",
          "pin_removed", "reaction_added", "reaction_removed")


def scopes(*, channels: bool = False) -> tuple[str, ...]:
    """The scopes of what the project uses, no more; `channels`: each incident has one."""
    used = [names for feature, names in FEATURES.items() if channels or feature not in OPTIONAL]
    return tuple(sorted({name for names in used for name in names}))


SCOPES = scopes()


def manifest(url: str = "", *, channels: bool = False) -> dict[str, Any]:
    """The app's manifest; with `url` (https://…/slack/events) for signed HTTP, without for Socket Mode."""
    command: dict[str, Any] = {"command": COMMAND, "description": "Look, act and decide: the words of the terminal",
                               "usage_hint": HINT, "should_escape": True}
    shortcut = {"name": "Add to timeline", "type": "message", "callback_id": SHORTCUT,
                "description": "Put this message into the timeline of an incident"}
    events: dict[str, Any] = {"bot_events": list(EVENTS)}
    presses: dict[str, Any] = {"is_enabled": True}
    for part, key in ((command, "url"), (events, "request_url"), (presses, "request_url")):
        part.update({key: url} if url else {})
    return {
        "display_information": {"name": "mlops", "description": "The control room of an ML team",
                                "background_color": "#1d2733"},
        "features": {"app_home": {"home_tab_enabled": True, "messages_tab_enabled": True,
                                  "messages_tab_read_only_enabled": False},
                     "bot_user": {"display_name": "mlops", "always_online": True}, "slash_commands": [command],
                     "shortcuts": [shortcut]},
        "oauth_config": {"scopes": {"bot": list(scopes(channels=channels))}},
        "settings": {"event_subscriptions": events, "interactivity": presses, "org_deploy_enabled": False,
                     "socket_mode_enabled": not url, "token_rotation_enabled": False},
    }
