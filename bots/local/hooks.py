"""What a response_url does: five answers within half an hour, in place of the original or beside it."""

import copy
from typing import Any

from bots.local import methods, shapes
from bots.local.asked import true
from bots.local.state import Hook, Json, Refused, State


def answered(state: State, given: str, asked: Any) -> tuple[Json, int]:
    """The outcome of one POST to a response_url and its HTTP status."""
    hook = state.hooks.get(given)
    if hook is None:
        return {"ok": False, "error": "no_service"}, 404
    if state.now() > hook.expires:
        return {"ok": False, "error": "expired_url"}, 404
    if hook.left == 0:
        return {"ok": False, "error": "used_url"}, 404
    if not isinstance(asked, dict):
        return {"ok": False, "error": "invalid_payload"}, 400
    try:
        respond(state, hook, asked)
    except Refused as refused:
        return {"ok": False, "error": refused.error, **refused.more}, 400
    hook.left -= 1
    return {"ok": True}, 200


def respond(state: State, hook: Hook, asked: Json) -> None:
    if true(asked.get("delete_original")) and hook.original:
        take_away(state, hook)
    elif true(asked.get("replace_original")) and hook.original:
        replace(state, hook, shapes.content(asked))
    else:
        say(state, hook.channel, hook.user, asked)


def say(state: State, channel: str, user: str, asked: Json) -> None:
    """A new answer: for all with `in_channel`, else for the one person."""
    if asked.get("response_type") == "in_channel":
        shapes.store(state, state.channel(channel), shapes.bot_message(state, asked), str(asked.get("thread_ts") or ""))
    else:
        methods.ephemeral(state, channel, user, asked)


def take_away(state: State, hook: Hook) -> None:
    if hook.ephemeral:
        state.ephemerals = [each for each in state.ephemerals if each["ts"] != hook.original]
    else:
        channel = state.channel(hook.channel)
        shapes.remove(state, channel, state.message(channel, hook.original))


def replace(state: State, hook: Hook, made: Json) -> None:
    if hook.ephemeral:
        shown = next((each for each in state.ephemerals if each["ts"] == hook.original), None)
        if shown is None:
            raise Refused("message_not_found")
        shown.pop("blocks", None)
        shown.update(made)
        return
    channel = state.channel(hook.channel)
    message = state.message(channel, hook.original)
    before = copy.deepcopy(message)
    message.pop("blocks", None)
    message.update(made)
    state.happened.append(shapes.changed_event(state, channel, message, before))
