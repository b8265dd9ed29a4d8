"""The JSON that Slack makes of what an app sends: stored messages and views, with the ids and defaults it fills in."""

import copy
import secrets
from collections.abc import Iterator
from typing import Any

from bots import rules
from bots.local.state import Channel, Json, Refused, State

TOTAL = "characters over all blocks"


def elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Each interactive element with the block it is in."""
    for block in blocks:
        inner = [block.get("accessory"), block.get("element"), *block.get("elements", [])]
        for each in inner:
            if isinstance(each, dict) and "action_id" in each:
                yield block, each


def filled(blocks: list[Json]) -> list[Json]:
    """A copy of blocks with the ids Slack generates and the defaults it writes out."""
    blocks = copy.deepcopy(blocks)
    for block in blocks:
        block.setdefault("block_id", secrets.token_urlsafe(4)[:5])
        if block["type"] in ("section", "actions", "input", "context_actions"):
            for each in (block.get("accessory"), block.get("element"), *block.get("elements", [])):
                if isinstance(each, dict) and each.get("type") != "image":
                    each.setdefault("action_id", secrets.token_urlsafe(4)[:5])
        write_defaults(block)
    return blocks


def write_defaults(node: Any) -> None:
    """Text objects come back with `emoji` or `verbatim`."""
    if isinstance(node, list):
        for each in node:
            write_defaults(each)
    elif isinstance(node, dict):
        if node.get("type") == "plain_text" and "text" in node:
            node.setdefault("emoji", True)
        elif node.get("type") == "mrkdwn":
            node.setdefault("verbatim", False)
        for each in node.values():
            write_defaults(each)


def judged(surface: rules.Surface, payload: Json) -> None:
    """Refuse what the independent checker finds illegal, with its messages."""
    found = rules.problems(surface, payload)
    if not found:
        return
    if all(TOTAL in each for each in found):
        raise Refused("msg_blocks_too_long", response_metadata={"messages": found})
    code = "invalid_blocks" if surface == "message" else "invalid_arguments"
    if any("/blocks" in each for each in found):
        code = "invalid_blocks"
    raise Refused(code, response_metadata={"messages": found})


def content(asked: Json) -> Json:
    """The text, blocks and metadata of a message, judged."""
    text, blocks = asked.get("text") or "", asked.get("blocks") or []
    if not text and not blocks and not asked.get("attachments"):
        raise Refused("no_text")
    if not isinstance(blocks, list):
        raise Refused("invalid_blocks_format")
    if len(text) > rules.MESSAGE_TEXT:
        raise Refused("msg_too_long")
    judged("message", {"text": text, "blocks": blocks, "attachments": asked.get("attachments") or []})
    made: Json = {"text": text}
    if blocks:
        made["blocks"] = filled(blocks)
    if asked.get("attachments"):
        made["attachments"] = copy.deepcopy(asked["attachments"])
    if asked.get("metadata"):
        made["metadata"] = metadata(asked["metadata"])
    return made


def metadata(given: Any) -> Json:
    if not isinstance(given, dict) or not isinstance(given.get("event_type"), str):
        raise Refused("invalid_metadata_format")
    payload = given.get("event_payload")
    if not isinstance(payload, dict) or not given["event_type"]:
        raise Refused("invalid_metadata_schema")
    return copy.deepcopy(given)


def bot_message(state: State, asked: Json) -> Json:
    """A message of the app, ready to be stored."""
    return {"type": "message", "user": state.bot_user, "bot_id": state.bot_id, "app_id": state.app_id,
            "team": state.team_id, "ts": state.next_ts(), "bot_profile": bot_profile(state), **content(asked)}


def bot_profile(state: State) -> Json:
    return {"id": state.bot_id, "app_id": state.app_id, "name": state.bot_name, "user_id": state.bot_user,
            "team_id": state.team_id, "deleted": False}


def store(state: State, channel: Channel, message: Json, thread_ts: str = "", broadcast: bool = False) -> Json:
    """Put a message into its channel and thread; its event is to be delivered."""
    if thread_ts:
        parent = channel.messages.get(thread_ts)
        if parent is None or parent.get("thread_ts", thread_ts) != thread_ts:
            raise Refused("cannot_reply_to_message")
        message |= {"thread_ts": thread_ts, "parent_user_id": parent["user"]}
        if broadcast:
            message |= {"subtype": "thread_broadcast", "root": {"ts": thread_ts}}
    channel.messages[message["ts"]] = message
    if thread_ts:
        count_replies(state, channel, thread_ts)
    state.happened.append(message_event(channel, message))
    return message


def count_replies(state: State, channel: Channel, ts: str) -> None:
    """The parent of a thread says how many answered, who and when last."""
    parent, replies = channel.messages[ts], state.replies(channel, ts)
    for key in ("thread_ts", "reply_count", "reply_users", "reply_users_count", "latest_reply"):
        parent.pop(key, None)
    if replies:
        users = list(dict.fromkeys(each["user"] for each in replies))
        parent |= {"thread_ts": ts, "reply_count": len(replies), "reply_users": users, "reply_users_count": len(users),
                   "latest_reply": replies[-1]["ts"]}


def message_event(channel: Channel, message: Json) -> Json:
    kept = {key: value for key, value in message.items() if key != "reactions"}
    return {**kept, "channel": channel.id, "channel_type": channel.kind, "event_ts": message["ts"]}


def changed_event(state: State, channel: Channel, message: Json, before: Json) -> Json:
    return {"type": "message", "subtype": "message_changed", "channel": channel.id, "channel_type": channel.kind,
            "message": copy.deepcopy(message), "previous_message": before, "hidden": True, "ts": state.next_ts(),
            "event_ts": f"{state.now():.6f}"}


def deleted_event(state: State, channel: Channel, before: Json) -> Json:
    return {"type": "message", "subtype": "message_deleted", "channel": channel.id, "channel_type": channel.kind,
            "deleted_ts": before["ts"], "previous_message": before, "hidden": True, "ts": state.next_ts(),
            "event_ts": f"{state.now():.6f}"}


def remove(state: State, channel: Channel, message: Json) -> None:
    """Take a message away; a parent whose replies stay becomes a tombstone."""
    before = copy.deepcopy(message)
    if state.replies(channel, message["ts"]):
        kept = {key: message[key] for key in ("type", "ts", "thread_ts", "reply_count", "latest_reply")}
        channel.messages[message["ts"]] = {**kept, "subtype": "tombstone", "user": "USLACKBOT",
                                           "text": "This message was deleted."}
    else:
        del channel.messages[message["ts"]]
        parent = message.get("thread_ts")
        if parent and parent in channel.messages:
            count_replies(state, channel, parent)
    channel.pins = [each for each in channel.pins if each["ts"] != message["ts"]]
    state.happened.append(deleted_event(state, channel, before))


def view(state: State, surface: rules.Surface, given: Any, known: Json | None = None) -> Json:
    """A view as Slack keeps it; one that takes another's place keeps its id and the inputs that are still there."""
    if not isinstance(given, dict):
        raise Refused("invalid_arguments")
    if surface == "home" and given.get("type") != "home":
        raise Refused("invalid_arguments", response_metadata={"messages": ["[ERROR] a Home tab takes type home"]})
    judged(surface, given)
    blocks = filled(given["blocks"])
    inputs = {(block["block_id"], each["action_id"]) for block, each in elements(blocks)}
    old = (known or {}).get("state", {"values": {}})["values"]
    values = {block: {action: value for action, value in actions.items() if (block, action) in inputs}
              for block, actions in old.items()}
    made = {"id": (known or {}).get("id") or state.fresh("V"), "team_id": state.team_id, "app_id": state.app_id,
            "app_installed_team_id": state.team_id, "bot_id": state.bot_id, "external_id": "", "private_metadata": "",
            "callback_id": "", "title": None, "submit": None, "close": None, "clear_on_close": False,
            "notify_on_close": False, "previous_view_id": None, **copy.deepcopy(given), "blocks": blocks,
            "state": {"values": {block: kept for block, kept in values.items() if kept}},
            "hash": f"{state.next_ts()}.{secrets.token_hex(4)}"}
    made["root_view_id"] = (known or {}).get("root_view_id") or made["id"]
    made["previous_view_id"] = (known or {}).get("previous_view_id")
    write_defaults([made["title"], made["submit"], made["close"]])
    return made
