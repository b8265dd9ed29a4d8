"""The arguments of a call: what is missing, which channel is meant, which page."""

import base64
import copy
from typing import Any

from bots.local.state import Channel, Json, Refused, State


def needed(asked: Json, name: str) -> Any:
    """An argument that must be there; raises Refused."""
    value = asked.get(name)
    if value is None or value == "":
        raise Refused("invalid_arguments", response_metadata={"messages": [f"[ERROR] missing required field: {name}"]})
    return value


def bot_channel(state: State, asked: Json) -> Channel:
    """The channel asked about; the app must be in it."""
    channel = state.channel(str(needed(asked, "channel")))
    if state.bot_user not in channel.members:
        raise Refused("not_in_channel")
    return channel


def open_channel(state: State, asked: Json) -> Channel:
    """The channel asked about, where something may still be said."""
    channel = bot_channel(state, asked)
    if channel.archived:
        raise Refused("is_archived")
    return channel


def true(value: Any) -> bool:
    return value is True or str(value).lower() in ("1", "true")


def listed(message: Json, asked: Json) -> Json:
    """A message as history shows it: its metadata only where asked for."""
    message = copy.deepcopy(message)
    if not true(asked.get("include_all_metadata")):
        message.pop("metadata", None)
    return message


def between(messages: list[Json], asked: Json) -> list[Json]:
    """Those within `oldest` and `latest`."""
    oldest, latest = float(asked.get("oldest") or 0), float(asked.get("latest") or "inf")
    if true(asked.get("inclusive")):
        return [each for each in messages if oldest <= float(each["ts"]) <= latest]
    return [each for each in messages if oldest < float(each["ts"]) < latest]


def page(found: list[Json], asked: Json, most: int) -> tuple[list[Json], Json]:
    """One page, and the cursor of the next as Slack gives it."""
    try:
        limit = int(asked.get("limit") or 100)
        start = int(base64.b64decode(str(asked.get("cursor") or ""), validate=True).decode().removeprefix("next:") or 0)
    except ValueError:
        raise Refused("invalid_cursor" if asked.get("cursor") else "invalid_limit") from None
    if not 1 <= limit <= most:
        raise Refused("invalid_limit")
    rest = start + limit < len(found)
    cursor = base64.b64encode(f"next:{start + limit}".encode()).decode() if rest else ""
    more: Json = {"has_more": rest, "response_metadata": {"next_cursor": cursor}}
    return found[start:start + limit], more
