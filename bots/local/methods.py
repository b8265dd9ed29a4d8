"""The Web API: what each method does to the workspace and what it answers."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bots.local import conversations, marks, shapes
from bots.local.asked import bot_channel, needed, open_channel, true
from bots.local.state import MODALS, ZONE, Channel, Json, Refused, State

Answer = Callable[[State, Json], Json]
KIND_SCOPE = {"channel": "channels", "group": "groups", "im": "im"}


@dataclass(frozen=True)
class Method:
    """What a method needs to be allowed, how often it may be called, and what it does."""

    answer: Answer
    scope: str = ""       # `{}` stands for the kind of the channel asked about
    tier: int = 0         # 0: a special limit or none
    app_token: bool = False


def auth_test(state: State, asked: Json) -> Json:
    return {"url": f"https://{state.domain}.slack.com/", "team": state.domain, "user": state.bot_name,
            "team_id": state.team_id, "user_id": state.bot_user, "bot_id": state.bot_id, "is_enterprise_install": False}


def post_message(state: State, asked: Json) -> Json:
    channel = open_channel(state, asked)
    message = shapes.store(state, channel, shapes.bot_message(state, asked), str(asked.get("thread_ts") or ""),
                           true(asked.get("reply_broadcast")))
    return {"channel": channel.id, "ts": message["ts"], "message": copy.deepcopy(message)}


def own(state: State, asked: Json, refusal: str) -> tuple[Channel, Json]:
    channel = bot_channel(state, asked)
    message = state.message(channel, str(needed(asked, "ts")))
    if message.get("bot_id") != state.bot_id:
        raise Refused(refusal)
    return channel, message


def update(state: State, asked: Json) -> Json:
    channel, message = own(state, asked, "cant_update_message")
    before, made = copy.deepcopy(message), shapes.content(asked)
    for gone in ("blocks", "attachments"):
        message.pop(gone, None)
    if asked.get("metadata") == {}:
        message.pop("metadata", None)
    message.update(made)
    if "blocks" not in made:
        message["edited"] = {"user": state.bot_user, "ts": state.next_ts()}
    if true(asked.get("reply_broadcast")) and message.get("thread_ts", message["ts"]) != message["ts"]:
        message |= {"subtype": "thread_broadcast", "root": {"ts": message["thread_ts"]}}
    state.happened.append(shapes.changed_event(state, channel, message, before))
    return {"channel": channel.id, "ts": message["ts"], "text": message["text"], "message": copy.deepcopy(message)}


def delete(state: State, asked: Json) -> Json:
    channel, message = own(state, asked, "cant_delete_message")
    shapes.remove(state, channel, message)
    return {"channel": channel.id, "ts": message["ts"]}


def post_ephemeral(state: State, asked: Json) -> Json:
    channel, user = open_channel(state, asked), str(needed(asked, "user"))
    if user not in channel.members:
        raise Refused("user_not_in_channel")
    ts = ephemeral(state, channel.id, user, asked)["ts"]
    return {"message_ts": ts}


def ephemeral(state: State, channel: str, user: str, asked: Json) -> Json:
    """Show a person something that nobody else sees."""
    shown = {**shapes.bot_message(state, asked), "channel": channel, "to": user, "is_ephemeral": True}
    if asked.get("thread_ts"):
        shown["thread_ts"] = str(asked["thread_ts"])
    state.ephemerals.append(shown)
    return shown


def user(state: State, given: str) -> Json:
    name, zone = state.user_name(given), state.zones.get(given, ZONE)
    offset = datetime.fromtimestamp(state.now(), ZoneInfo(zone)).utcoffset() or timedelta()
    return {"id": given, "team_id": state.team_id, "name": name, "real_name": name.title(), "deleted": False,
            "tz": zone, "tz_offset": int(offset.total_seconds()), "is_bot": given == state.bot_user,
            "profile": {"real_name": name.title(), "display_name": name}}


def user_info(state: State, asked: Json) -> Json:
    given = str(needed(asked, "user"))
    if given not in (*state.people.values(), state.bot_user):
        raise Refused("user_not_found")
    return {"user": user(state, given)}


def user_list(state: State, asked: Json) -> Json:
    return {"members": [user(state, each) for each in (*state.people.values(), state.bot_user)],
            "response_metadata": {"next_cursor": ""}}


def open_view(state: State, asked: Json) -> Json:
    made = shapes.view(state, "modal", needed(asked, "view"))
    trigger = state.use_trigger(str(needed(asked, "trigger_id")))
    unique(state, made)
    state.stacks[trigger.user] = [made]
    return {"view": copy.deepcopy(made)}


def push_view(state: State, asked: Json) -> Json:
    made = shapes.view(state, "modal", needed(asked, "view"))
    trigger = state.use_trigger(str(needed(asked, "trigger_id")))
    unique(state, made)
    return {"view": copy.deepcopy(push(state, trigger.user, made))}


def push(state: State, user: str, made: Json) -> Json:
    stack = state.stacks.get(user, [])
    if not stack:
        raise Refused("no_active_view")
    if len(stack) >= MODALS:
        raise Refused("push_limit_reached")
    made |= {"root_view_id": stack[0]["id"], "previous_view_id": stack[-1]["id"]}
    stack.append(made)
    return made


def unique(state: State, made: Json) -> None:
    given = made["external_id"]
    if given and any(given == each["external_id"] for stack in state.stacks.values() for each in stack):
        raise Refused("duplicate_external_id")


def update_view(state: State, asked: Json) -> Json:
    stack, place = state.find_view(str(asked.get("view_id") or asked.get("external_id") or ""))
    if asked.get("hash") and asked["hash"] != stack[place]["hash"]:
        raise Refused("hash_conflict")
    stack[place] = shapes.view(state, "modal", needed(asked, "view"), stack[place])
    return {"view": copy.deepcopy(stack[place])}


def publish_view(state: State, asked: Json) -> Json:
    given = str(needed(asked, "user_id"))
    if given not in state.people.values():
        raise Refused("user_not_found")
    known = state.homes.get(given)
    if asked.get("hash") and known and asked["hash"] != known["hash"]:
        raise Refused("hash_conflict")
    state.homes[given] = shapes.view(state, "home", needed(asked, "view"), known)
    return {"view": copy.deepcopy(state.homes[given])}


def connections(state: State, asked: Json) -> Json:
    return {}  # the server adds the address


METHODS: Mapping[str, Method] = {
    "auth.test": Method(auth_test),
    "apps.connections.open": Method(connections, "connections:write", 3, app_token=True),
    "chat.postMessage": Method(post_message, "chat:write"),
    "chat.update": Method(update, "chat:write", 3),
    "chat.delete": Method(delete, "chat:write", 3),
    "chat.postEphemeral": Method(post_ephemeral, "chat:write", 4),
    "chat.getPermalink": Method(marks.permalink),
    "conversations.history": Method(conversations.history, "{}:history", 3),
    "conversations.replies": Method(conversations.thread, "{}:history", 3),
    "conversations.info": Method(conversations.info, "{}:read", 3),
    "conversations.list": Method(conversations.every, "channels:read", 2),
    "conversations.members": Method(conversations.members, "{}:read", 4),
    "conversations.open": Method(conversations.direct, "im:write", 3),
    "conversations.create": Method(conversations.create, "{}:manage", 2),
    "conversations.invite": Method(conversations.invite, "{}:manage", 3),
    "conversations.setTopic": Method(conversations.set_topic, "{}:manage", 2),
    "conversations.archive": Method(conversations.archive, "{}:manage", 2),
    "users.info": Method(user_info, "users:read", 4),
    "users.list": Method(user_list, "users:read", 2),
    "views.open": Method(open_view, tier=4),
    "views.push": Method(push_view, tier=4),
    "views.update": Method(update_view, tier=4),
    "views.publish": Method(publish_view, tier=4),
    "reactions.add": Method(marks.add_reaction, "reactions:write", 3),
    "reactions.remove": Method(marks.remove_reaction, "reactions:write", 2),
    "reactions.get": Method(marks.get_reactions, "reactions:read", 3),
    "pins.add": Method(marks.add_pin, "pins:write", 2),
    "pins.remove": Method(marks.remove_pin, "pins:write", 2),
    "pins.list": Method(marks.list_pins, "pins:read", 2),
}


def scope_of(state: State, method: Method, asked: Json) -> str:
    """The scope this very call needs: it may depend on the kind of channel."""
    if "{}" not in method.scope:
        return method.scope
    try:
        kind = state.channel(str(asked.get("channel") or "")).kind
    except Refused:
        kind = "group" if true(asked.get("is_private")) else "channel"
    scope = method.scope.format(KIND_SCOPE[kind])
    return scope if kind == "channel" else scope.replace(":manage", ":write")


def answer(state: State, name: str, asked: Json) -> Json:
    """Do what a method does; a refusal leaves the workspace as it was."""
    try:
        return {"ok": True, **METHODS[name].answer(state, asked)}
    except Refused as refused:
        return {"ok": False, "error": refused.error, **refused.more}
