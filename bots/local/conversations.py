"""Channels as the Web API knows them: what was said in them, who is in them, and those an app makes."""

import re

from bots.local import shapes
from bots.local.asked import between, bot_channel, listed, needed, open_channel, page, true
from bots.local.state import Channel, Json, Refused, State

NAME = re.compile(r"[^\W_A-Z][^\W A-Z]*(?:[-_]+[^\W A-Z]*)*")
LONGEST = 80


def history(state: State, asked: Json) -> Json:
    channel = bot_channel(state, asked)
    top = [each for each in channel.messages.values()
           if each.get("thread_ts", each["ts"]) == each["ts"] or each.get("subtype") == "thread_broadcast"]
    found = between(sorted(top, key=lambda each: each["ts"], reverse=True), asked)
    shown, more = page(found, asked, 999)
    return {"messages": [listed(each, asked) for each in shown], "pin_count": len(channel.pins), **more}


def thread(state: State, asked: Json) -> Json:
    channel, ts = bot_channel(state, asked), str(needed(asked, "ts"))
    if ts not in channel.messages:
        raise Refused("thread_not_found")
    parent = channel.messages[ts].get("thread_ts", ts)
    replies = between(sorted(state.replies(channel, parent), key=lambda each: each["ts"]), asked)
    shown, more = page([channel.messages[parent], *replies], asked, 1000)
    return {"messages": [listed(each, asked) for each in shown], **more}



def conversation(channel: Channel, state: State) -> Json:
    if channel.kind == "im":
        [user] = channel.members - {state.bot_user}
        return {"id": channel.id, "is_im": True, "user": user, "is_channel": False, "is_group": False}
    return {"id": channel.id, "name": channel.name, "is_channel": channel.kind == "channel",
            "is_group": channel.kind == "group", "is_im": False, "is_private": channel.kind == "group",
            "is_archived": channel.archived, "is_member": state.bot_user in channel.members,
            "num_members": len(channel.members), "creator": channel.creator,
            "topic": {"value": channel.topic, "creator": channel.creator, "last_set": int(state.now())}}


def info(state: State, asked: Json) -> Json:
    return {"channel": conversation(state.channel(str(needed(asked, "channel"))), state)}


def every(state: State, asked: Json) -> Json:
    """Public channels, and the private ones the app is in where it asks for those."""
    kinds = {"public_channel": "channel", "private_channel": "group"}
    wanted = {kinds.get(each.strip(), "") for each in str(asked.get("types") or "public_channel").split(",")}
    found = [conversation(each, state) for each in state.channels.values() if each.kind in wanted
             and (each.kind == "channel" or state.bot_user in each.members)
             and not (each.archived and true(asked.get("exclude_archived")))]
    shown, more = page(found, asked, 1000)
    return {"channels": shown, "response_metadata": more["response_metadata"]}


def members(state: State, asked: Json) -> Json:
    channel = state.channel(str(needed(asked, "channel")))
    return {"members": sorted(channel.members), "response_metadata": {"next_cursor": ""}}


def direct(state: State, asked: Json) -> Json:
    users = str(needed(asked, "users")).split(",")
    if len(users) != 1:
        raise Refused("method_not_supported_for_channel_type")
    if users[0] not in state.people.values():
        raise Refused("user_not_found")
    channel = state.direct(users[0])
    return {"channel": conversation(channel, state) if true(asked.get("return_im")) else {"id": channel.id}}


def create(state: State, asked: Json) -> Json:
    """A new channel with the app alone in it."""
    name = str(asked.get("name") or "")
    if not name:
        raise Refused("invalid_name_required")
    if len(name) > LONGEST:
        raise Refused("invalid_name_maxlength")
    if not NAME.fullmatch(name):
        raise Refused("invalid_name_specials")
    if any(each.name == name for each in state.channels.values() if each.kind != "im"):
        raise Refused("name_taken")
    kind = "group" if true(asked.get("is_private")) else "channel"
    made = Channel(state.fresh("C"), name, kind, {state.bot_user}, creator=state.bot_user)
    state.channels[made.id] = made
    return {"channel": conversation(made, state)}


def invite(state: State, asked: Json) -> Json:
    channel, users = open_channel(state, asked), str(needed(asked, "users")).split(",")
    if state.bot_user in users:
        raise Refused("cant_invite_self")
    if not set(users) <= set(state.people.values()):
        raise Refused("user_not_found")
    if set(users) <= channel.members:
        raise Refused("already_in_channel")
    for each in users:
        join(state, channel, each, state.bot_user)
    return {"channel": conversation(channel, state)}


def join(state: State, channel: Channel, user: str, inviter: str = "") -> None:
    """Somebody comes in, and the channel says so."""
    if user in channel.members:
        return
    channel.members.add(user)
    more = {"inviter": inviter} if inviter else {}
    notice(state, channel, f"{channel.kind}_join", user, f"<@{user}> has joined the channel", **more)


def set_topic(state: State, asked: Json) -> Json:
    channel, topic = open_channel(state, asked), str(asked.get("topic") or "")
    if len(topic) > 250:
        raise Refused("too_long")
    if topic != channel.topic:
        channel.topic = topic
        notice(state, channel, f"{channel.kind}_topic", state.bot_user, f"set the channel topic: {topic}", topic=topic)
    return {"channel": conversation(channel, state), "topic": topic}


def archive(state: State, asked: Json) -> Json:
    channel = bot_channel(state, asked)
    if channel.kind == "im":
        raise Refused("method_not_supported_for_channel_type")
    if channel.archived:
        raise Refused("already_archived")
    notice(state, channel, f"{channel.kind}_archive", state.bot_user, "archived the channel")
    channel.archived = True
    return {}


def notice(state: State, channel: Channel, subtype: str, user: str, text: str, **more: str) -> None:
    """What Slack itself says in a channel: a message with a subtype, whoever caused it its author."""
    shapes.store(state, channel, {"type": "message", "subtype": subtype, "ts": state.next_ts(), "user": user,
                                  "text": text, **more})
