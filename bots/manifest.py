"""What a workspace is told about the app when it is installed: one command, the least scopes, Socket Mode."""

from typing import Any

COMMAND = "/mlops"
SCOPES = ("app_mentions:read", "channels:history", "chat:write", "commands", "groups:history", "im:history",
          "pins:read", "reactions:read", "users:read")
EVENTS = ("app_home_opened", "app_mention", "message.im")
HINT = "status | alert list | incident show INC-1 | drift MODEL"


def manifest(url: str = "") -> dict[str, Any]:
    """The app's manifest; with `url` (https://…/slack/events) for signed HTTP, without for Socket Mode."""
    command: dict[str, Any] = {"command": COMMAND, "description": "Look, act and decide: the words of the terminal",
                               "usage_hint": HINT, "should_escape": True}
    events: dict[str, Any] = {"bot_events": list(EVENTS)}
    presses: dict[str, Any] = {"is_enabled": True}
    for part, key in ((command, "url"), (events, "request_url"), (presses, "request_url")):
        part.update({key: url} if url else {})
    return {
        "display_information": {"name": "mlops", "description": "The control room of an ML team",
                                "background_color": "#1d2733"},
        "features": {"app_home": {"home_tab_enabled": True, "messages_tab_enabled": True,
                                  "messages_tab_read_only_enabled": False},
                     "bot_user": {"display_name": "mlops", "always_online": True}, "slash_commands": [command]},
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {"event_subscriptions": events, "interactivity": presses, "org_deploy_enabled": False,
                     "socket_mode_enabled": not url, "token_rotation_enabled": False},
    }
