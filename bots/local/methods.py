"""The Web API: what each method does to the workspace and what it answers."""

import base64
import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bots.local import shapes
from bots.local.state import MODALS, Channel, Json, Refused, State

Answer = Callable[[State, Json], Json]
KIND_SCOPE = {"channel": "channels", "group": "groups", "im": "im"}


@dataclass(frozen=True)
class Method:
    """What a method needs to be allowed, how often it may be called, and what it does."""

    answer: Answer
    scope: str = ""       # `{}` stands for the kind of the channel asked about
    tier: int = 0         # 0: a special limit or none
    app_token: bool = False


def needed(asked: Json, name: str) -> Any:
    value = asked.get(name)
    if value is None or value == "":
        raise Refused("invalid_arguments", response_metadata={"messages": [f"[ERROR] missing required field: {name}"]})
    return value


def bot_channel(state: State, asked: Json) -> Channel:
    channel = state.channel(str(needed(asked, "channel")))
    if state.bot_user not in channel.members:
        raise Refused("not_in_channel")
    return channel


def true(value: Any) -> bool:
    return value is True or str(value).lower() in ("1", "true")


def auth_test(state: State, asked: Json) -> Json:
    return {"url": f"https://{state.domain}.slack.com/", "team": state.domain, "user": state.bot_name,
            "team_id": state.team_id, "user_id": state.bot_user, "bot_id": state.bot_id, "is_enterprise_install": False}


def post_message(state: State, asked: Json) -> Json:
    channel = bot_channel(state, asked)
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
    channel, user = bot_channel(state, asked), str(needed(asked, "user"))
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


def permalink(state: State, asked: Json) -> Json:
    channel = bot_channel(state, asked)
    message = state.message(channel, str(needed(asked, "message_ts")))
    return {"channel": channel.id, "permalink": link(state, channel, message)}


def link(state: State, channel: Channel, message: Json) -> str:
    at = f"https://{state.domain}.slack.com/archives/{channel.id}/p{message['ts'].replace('.', '')}"
    parent = message.get("thread_ts", message["ts"])
    return at if parent == message["ts"] else f"{at}?thread_ts={parent}&cid={channel.id}"


def listed(message: Json, asked: Json) -> Json:
    message = copy.deepcopy(message)
    if not true(asked.get("include_all_metadata")):
        message.pop("metadata", None)
    return message


def between(messages: list[Json], asked: Json) -> list[Json]:
    oldest, latest = float(asked.get("oldest") or 0), float(asked.get("latest") or "inf")
    if true(asked.get("inclusive")):
        return [each for each in messages if oldest <= float(each["ts"]) <= latest]
    return [each for each in messages if oldest < float(each["ts"]) < latest]


def page(messages: list[Json], asked: Json, most: int) -> tuple[list[Json], Json]:
    """One page, and the cursor of the next as Slack gives it."""
    try:
        limit = int(asked.get("limit") or 100)
        start = int(base64.b64decode(str(asked.get("cursor") or ""), validate=True).decode().removeprefix("next:") or 0)
    except ValueError:
        raise Refused("invalid_cursor" if asked.get("cursor") else "invalid_limit") from None
    if not 1 <= limit <= most:
        raise Refused("invalid_limit")
    rest = start + limit < len(messages)
    cursor = base64.b64encode(f"next:{start + limit}".encode()).decode() if rest else ""
    more: Json = {"has_more": rest}
    if cursor:
        more["response_metadata"] = {"next_cursor": cursor}
    return [listed(each, asked) for each in messages[start:start + limit]], more


def history(state: State, asked: Json) -> Json:
    channel = bot_channel(state, asked)
    top = [each for each in channel.messages.values()
           if each.get("thread_ts", each["ts"]) == each["ts"] or each.get("subtype") == "thread_broadcast"]
    found = between(sorted(top, key=lambda each: each["ts"], reverse=True), asked)
    messages, more = page(found, asked, 999)
    return {"messages": messages, "pin_count": len(channel.pins), **more}


def thread(state: State, asked: Json) -> Json:
    channel, ts = bot_channel(state, asked), str(needed(asked, "ts"))
    if ts not in channel.messages:
        raise Refused("thread_not_found")
    parent = channel.messages[ts].get("thread_ts", ts)
    replies = between(sorted(state.replies(channel, parent), key=lambda each: each["ts"]), asked)
    messages, more = page([channel.messages[parent], *replies], asked, 1000)
    return {"messages": messages, **more}


def conversation(channel: Channel, state: State) -> Json:
    if channel.kind == "im":
        [user] = channel.members - {state.bot_user}
        return {"id": channel.id, "is_im": True, "user": user, "is_channel": False, "is_group": False}
    return {"id": channel.id, "name": channel.name, "is_channel": channel.kind == "channel",
            "is_group": channel.kind == "group", "is_im": False, "is_private": channel.kind == "group",
            "is_archived": False, "is_member": state.bot_user in channel.members, "num_members": len(channel.members)}


def info(state: State, asked: Json) -> Json:
    return {"channel": conversation(state.channel(str(needed(asked, "channel"))), state)}


def open_direct(state: State, asked: Json) -> Json:
    users = str(needed(asked, "users")).split(",")
    if len(users) != 1:
        raise Refused("method_not_supported_for_channel_type")
    if users[0] not in state.people.values():
        raise Refused("user_not_found")
    channel = state.direct(users[0])
    return {"channel": conversation(channel, state) if true(asked.get("return_im")) else {"id": channel.id}}


def user(state: State, given: str) -> Json:
    name = state.user_name(given)
    return {"id": given, "team_id": state.team_id, "name": name, "real_name": name.title(), "deleted": False,
            "tz": "America/New_York", "tz_offset": -18000, "is_bot": given == state.bot_user,
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


def add_reaction(state: State, asked: Json) -> Json:
    channel = bot_channel(state, asked)
    react(state, channel, state.message(channel, str(needed(asked, "timestamp"))), state.bot_user,
          str(needed(asked, "name")))
    return {}


def react(state: State, channel: Channel, message: Json, user: str, name: str) -> None:
    name = name.strip(":")
    reactions = message.setdefault("reactions", [])
    found = next((each for each in reactions if each["name"] == name), None)
    if found is None:
        reactions.append(found := {"name": name, "users": [], "count": 0})
    if user in found["users"]:
        raise Refused("already_reacted")
    found["users"].append(user)
    found["count"] += 1
    state.happened.append({
        "type": "reaction_added", "user": user, "reaction": name, "item_user": message["user"],
        "item": {"type": "message", "channel": channel.id, "ts": message["ts"]}, "event_ts": state.next_ts()})


def get_reactions(state: State, asked: Json) -> Json:
    channel = bot_channel(state, asked)
    message = copy.deepcopy(state.message(channel, str(needed(asked, "timestamp"))))
    return {"type": "message", "channel": channel.id, "message": message}


def add_pin(state: State, asked: Json) -> Json:
    channel = bot_channel(state, asked)
    pin(state, channel, state.message(channel, str(needed(asked, "timestamp"))), state.bot_user)
    return {}


def pinned(state: State, channel: Channel, each: Json) -> Json:
    message = channel.messages[each["ts"]]
    return {"type": "message", "channel": channel.id, "created": each["created"], "created_by": each["by"],
            "message": {**copy.deepcopy(message), "permalink": link(state, channel, message)}}


def pin(state: State, channel: Channel, message: Json, user: str) -> None:
    if any(each["ts"] == message["ts"] for each in channel.pins):
        raise Refused("already_pinned")
    channel.pins.append({"ts": message["ts"], "by": user, "created": int(state.now())})
    state.happened.append({"type": "pin_added", "user": user, "channel_id": channel.id, "item_user": message["user"],
                           "item": pinned(state, channel, channel.pins[-1]), "pin_count": len(channel.pins),
                           "pinned_info": {"channel": channel.id, "pinned_by": user, "pinned_ts": int(state.now())},
                           "event_ts": state.next_ts()})


def list_pins(state: State, asked: Json) -> Json:
    channel = bot_channel(state, asked)
    return {"items": [pinned(state, channel, each) for each in reversed(channel.pins)]}


def connections(state: State, asked: Json) -> Json:
    return {}  # the server adds the address


METHODS: Mapping[str, Method] = {
    "auth.test": Method(auth_test),
    "apps.connections.open": Method(connections, "connections:write", 3, app_token=True),
    "chat.postMessage": Method(post_message, "chat:write"),
    "chat.update": Method(update, "chat:write", 3),
    "chat.delete": Method(delete, "chat:write", 3),
    "chat.postEphemeral": Method(post_ephemeral, "chat:write", 4),
    "chat.getPermalink": Method(permalink),
    "conversations.history": Method(history, "{}:history", 3),
    "conversations.replies": Method(thread, "{}:history", 3),
    "conversations.info": Method(info, "{}:read", 3),
    "conversations.open": Method(open_direct, "im:write", 3),
    "users.info": Method(user_info, "users:read", 4),
    "users.list": Method(user_list, "users:read", 2),
    "views.open": Method(open_view, tier=4),
    "views.push": Method(push_view, tier=4),
    "views.update": Method(update_view, tier=4),
    "views.publish": Method(publish_view, tier=4),
    "reactions.add": Method(add_reaction, "reactions:write", 3),
    "reactions.get": Method(get_reactions, "reactions:read", 3),
    "pins.add": Method(add_pin, "pins:write", 2),
    "pins.list": Method(list_pins, "pins:read", 2),
}


def scope_of(state: State, method: Method, asked: Json) -> str:
    """The scope this very call needs: reading history depends on the kind of channel."""
    if "{}" not in method.scope:
        return method.scope
    try:
        kind = state.channel(str(asked.get("channel") or "")).kind
    except Refused:
        kind = "channel"
    return method.scope.format(KIND_SCOPE[kind])


def answer(state: State, name: str, asked: Json) -> Json:
    """Do what a method does; a refusal leaves the workspace as it was."""
    try:
        return {"ok": True, **METHODS[name].answer(state, asked)}
    except Refused as refused:
        return {"ok": False, "error": refused.error, **refused.more}
