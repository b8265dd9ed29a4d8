"""What is put on a message: reactions and pins, with their events, and its link."""

import copy

from bots.local.asked import bot_channel, needed
from bots.local.state import Channel, Json, Refused, State


def permalink(state: State, asked: Json) -> Json:
    channel = bot_channel(state, asked)
    message = state.message(channel, str(needed(asked, "message_ts")))
    return {"channel": channel.id, "permalink": link(state, channel, message)}


def link(state: State, channel: Channel, message: Json) -> str:
    at = f"https://{state.domain}.slack.com/archives/{channel.id}/p{message['ts'].replace('.', '')}"
    parent = message.get("thread_ts", message["ts"])
    return at if parent == message["ts"] else f"{at}?thread_ts={parent}&cid={channel.id}"


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
    state.happened.append(reaction(state, "reaction_added", channel, message, user, name))


def remove_reaction(state: State, asked: Json) -> Json:
    channel = bot_channel(state, asked)
    unreact(state, channel, state.message(channel, str(needed(asked, "timestamp"))), state.bot_user,
            str(needed(asked, "name")))
    return {}


def unreact(state: State, channel: Channel, message: Json, user: str, name: str) -> None:
    name = name.strip(":")
    found = next((each for each in message.get("reactions", []) if each["name"] == name), None)
    if found is None or user not in found["users"]:
        raise Refused("no_reaction")
    found["users"].remove(user)
    found["count"] -= 1
    if not found["count"]:
        message["reactions"].remove(found)
    state.happened.append(reaction(state, "reaction_removed", channel, message, user, name))


def reaction(state: State, kind: str, channel: Channel, message: Json, user: str, name: str) -> Json:
    return {"type": kind, "user": user, "reaction": name, "item_user": message["user"],
            "item": {"type": "message", "channel": channel.id, "ts": message["ts"]}, "event_ts": state.next_ts()}


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
    state.happened.append(pin_event(state, "pin_added", channel, channel.pins[-1], user))


def remove_pin(state: State, asked: Json) -> Json:
    channel = bot_channel(state, asked)
    unpin(state, channel, state.message(channel, str(needed(asked, "timestamp"))), state.bot_user)
    return {}


def unpin(state: State, channel: Channel, message: Json, user: str) -> None:
    found = next((each for each in channel.pins if each["ts"] == message["ts"]), None)
    if found is None:
        raise Refused("no_pin")
    channel.pins.remove(found)
    state.happened.append(pin_event(state, "pin_removed", channel, found, user) | {"has_pins": bool(channel.pins)})


def pin_event(state: State, kind: str, channel: Channel, which: Json, user: str) -> Json:
    item = pinned(state, channel, which)
    return {"type": kind, "user": user, "channel_id": channel.id, "item_user": item["message"]["user"], "item": item,
            "pin_count": len(channel.pins), "event_ts": state.next_ts(),
            "pinned_info": {"channel": channel.id, "pinned_by": which["by"], "pinned_ts": which["created"]}}


def list_pins(state: State, asked: Json) -> Json:
    channel = bot_channel(state, asked)
    return {"items": [pinned(state, channel, each) for each in reversed(channel.pins)]}
