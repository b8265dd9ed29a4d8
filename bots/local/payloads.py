"""What Slack tells the app: the exact payloads of commands, clicks, modals, shortcuts and events."""

import copy
from typing import Any

from bots.local.state import Channel, Json, State

TOKEN = "local-verification-token"  # the deprecated field, still sent
KIND_SCOPE = {"channel": "channels:history", "group": "groups:history", "im": "im:history"}
EVENT_SCOPE = {"app_mention": "app_mentions:read", "reaction_added": "reactions:read", "pin_added": "pins:read",
               "reaction_removed": "reactions:read", "pin_removed": "pins:read"}
SUBSCRIPTION = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}


def scope_of(event: Json) -> set[str]:
    """The scopes without which Slack does not deliver an event."""
    if event["type"] == "message":
        return {KIND_SCOPE[event["channel_type"]]}
    return {EVENT_SCOPE[event["type"]]} if event["type"] in EVENT_SCOPE else set()


def subscribed(event: Json) -> str:
    """What an app's manifest must name among its events to be told of this one."""
    return SUBSCRIPTION[event["channel_type"]] if event["type"] == "message" else str(event["type"])


def event(state: State, inner: Json) -> Json:
    return {"token": TOKEN, "team_id": state.team_id, "api_app_id": state.app_id, "event": inner,
            "type": "event_callback", "event_id": state.fresh("Ev"), "event_time": int(state.now()),
            "authorizations": [{"enterprise_id": None, "team_id": state.team_id, "user_id": state.bot_user,
                                "is_bot": True, "is_enterprise_install": False}],
            "is_ext_shared_channel": False, "event_context": f"4-{state.fresh('E')}"}


def challenge() -> Json:
    return {"token": TOKEN, "challenge": "local-challenge", "type": "url_verification"}


def command(state: State, name: str, text: str, user: str, channel: Channel) -> Json:
    """The form of a slash command; the response_url is added by who knows the address."""
    return {"token": TOKEN, "team_id": state.team_id, "team_domain": state.domain, "channel_id": channel.id,
            "channel_name": "directmessage" if channel.kind == "im" else channel.name, "user_id": user,
            "user_name": state.user_name(user), "command": name, "text": text, "api_app_id": state.app_id,
            "is_enterprise_install": "false", "trigger_id": state.trigger(user)}


def common(state: State, kind: str, user: str) -> Json:
    name = state.user_name(user)
    return {"type": kind, "team": {"id": state.team_id, "domain": state.domain}, "enterprise": None,
            "user": {"id": user, "username": name, "name": name, "team_id": state.team_id},
            "api_app_id": state.app_id, "token": TOKEN, "is_enterprise_install": False}


def place(channel: Channel) -> Json:
    return {"id": channel.id, "name": "directmessage" if channel.kind == "im" else channel.name}


def message_actions(state: State, user: str, channel: Channel, message: Json, action: Json, values: Json) -> Json:
    """A click in a message; an ephemeral one is not repeated in the payload."""
    container: Json = {"type": "message", "message_ts": message["ts"], "channel_id": channel.id,
                       "is_ephemeral": bool(message.get("is_ephemeral"))}
    if message.get("thread_ts"):
        container["thread_ts"] = message["thread_ts"]
    made = {**common(state, "block_actions", user), "container": container, "trigger_id": state.trigger(user),
            "channel": place(channel), "state": {"values": values}, "actions": [action]}
    if not message.get("is_ephemeral"):
        made["message"] = copy.deepcopy(message)
    return made


def view_actions(state: State, user: str, view: Json, action: Json) -> Json:
    """A click in a modal or Home tab."""
    return {**common(state, "block_actions", user), "container": {"type": "view", "view_id": view["id"]},
            "trigger_id": state.trigger(user, view["id"]), "view": copy.deepcopy(view), "actions": [action]}


def submission(state: State, user: str, view: Json, response_urls: list[Json]) -> Json:
    return {**common(state, "view_submission", user), "trigger_id": state.trigger(user, view["id"]),
            "view": copy.deepcopy(view), "response_urls": response_urls}


def closed(state: State, user: str, view: Json, cleared: bool) -> Json:
    return {**common(state, "view_closed", user), "view": copy.deepcopy(view), "is_cleared": cleared}


def shortcut(state: State, user: str, callback_id: str) -> Json:
    return {**common(state, "shortcut", user), "callback_id": callback_id, "trigger_id": state.trigger(user),
            "action_ts": state.next_ts()}


def message_shortcut(state: State, user: str, callback_id: str, channel: Channel, message: Json) -> Json:
    return {**common(state, "message_action", user), "callback_id": callback_id, "trigger_id": state.trigger(user),
            "action_ts": state.next_ts(), "message_ts": message["ts"], "channel": place(channel),
            "message": copy.deepcopy(message)}


def suggestion(state: State, user: str, within: Json, block_id: str, action_id: str, typed: str) -> Json:
    """A person types into a menu whose options the app supplies."""
    return {**common(state, "block_suggestion", user), "action_id": action_id, "block_id": block_id, "value": typed,
            **within}


def said(state: State, channel: Channel, user: str, text: str, thread_ts: str = "") -> Json:
    """A person's message as it is stored."""
    ts = state.next_ts()
    made: Json = {"client_msg_id": f"local-{state.fresh('M')}", "type": "message", "text": text, "user": user, "ts": ts,
                  "team": state.team_id,
                  "blocks": [{"type": "rich_text", "block_id": state.fresh("b"), "elements": [
                      {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}]}]}
    if thread_ts:
        made |= {"thread_ts": thread_ts, "parent_user_id": channel.messages[thread_ts]["user"]}
    return made


def mentioned(message: Json, channel: Channel) -> Json:
    kept: dict[str, Any] = {key: value for key, value in message.items() if key != "reactions"}
    return {**kept, "type": "app_mention", "channel": channel.id, "event_ts": message["ts"]}


def home_opened(state: State, user: str, view: Json | None) -> Json:
    made: Json = {"type": "app_home_opened", "user": user, "channel": state.direct(user).id, "tab": "home",
                  "event_ts": f"{state.now():.6f}"}
    if view:
        made["view"] = copy.deepcopy(view)
    return made
