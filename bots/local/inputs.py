"""What a person enters into the elements of a modal or message, as Slack reports it, and what the client refuses."""

import re
from collections.abc import Iterable
from typing import Any

from bots.local.shapes import elements
from bots.local.state import Json, State

TYPED = {"plain_text_input", "number_input", "email_text_input", "url_text_input"}
ONE = {"static_select": "selected_option", "external_select": "selected_option", "radio_buttons": "selected_option",
       "overflow": "selected_option", "users_select": "selected_user", "channels_select": "selected_channel",
       "conversations_select": "selected_conversation", "datepicker": "selected_date", "timepicker": "selected_time",
       "datetimepicker": "selected_date_time", "rich_text_input": "rich_text_value", **dict.fromkeys(TYPED, "value")}
MANY = {"checkboxes": "selected_options", "multi_static_select": "selected_options",
        "multi_external_select": "selected_options", "multi_users_select": "selected_users",
        "multi_channels_select": "selected_channels", "multi_conversations_select": "selected_conversations",
        "file_input": "files"}
INITIAL = {"selected_option": "initial_option", "selected_options": "initial_options", "selected_user": "initial_user",
           "selected_users": "initial_users", "selected_channel": "initial_channel",
           "selected_channels": "initial_channels", "selected_conversation": "initial_conversation",
           "selected_conversations": "initial_conversations", "selected_date": "initial_date",
           "selected_time": "initial_time", "selected_date_time": "initial_date_time", "value": "initial_value",
           "rich_text_value": "initial_value"}
STATELESS = {"button", "workflow_button", "overflow", "feedback_buttons", "icon_button", "image"}
PATTERNS = {"email_text_input": r"[^@\s]+@[^@\s]+\.[^@\s]+", "url_text_input": r"https?://\S+",
            "number_input": r"-?\d+(\.\d+)?"}


def field(element: Json) -> str:
    kind = str(element["type"])
    return ONE.get(kind) or MANY[kind]


def offered(element: Json) -> list[Json]:
    groups = element.get("option_groups") or [{"options": element.get("options") or []}]
    return [option for group in groups for option in group["options"]]


def option(element: Json, wanted: Any) -> Json:
    """The option with this value or this text."""
    options = offered(element)
    for each in options:
        if wanted in (each["value"], each["text"]["text"]):
            return each
    names = ", ".join(each["text"]["text"] for each in options)
    raise LookupError(f"no option {wanted!r}; there are: {names or 'none'}")


def entered(state: State, element: Json, given: Any) -> Json:
    """The state of an element after a person entered something; None empties it."""
    name = field(element)
    if given is None:
        return {"type": element["type"], name: [] if element["type"] in MANY else None}
    if element["type"] in MANY:
        many: Iterable[Any] = [given] if isinstance(given, str) else given
        return {"type": element["type"], name: [value_of(state, element, name, each) for each in many]}
    return {"type": element["type"], name: value_of(state, element, name, given)}


def value_of(state: State, element: Json, name: str, given: Any) -> Any:
    if "option" in name:
        return option(element, given)
    if "user" in name:
        return state.user_id(given)
    if "channel" in name or "conversation" in name:
        return state.channel(given).id
    return str(given) if name == "value" else given


def values(view: Json) -> Json:
    """The whole `state.values` of a view: what was entered, else what was given at first, else nothing."""
    found: Json = {}
    kept = view["state"]["values"]
    for block, element in elements(view["blocks"]):
        if element["type"] in STATELESS:
            continue
        name = field(element)
        first = element.get(INITIAL.get(name, ""), [] if element["type"] in MANY else None)
        at = found.setdefault(block["block_id"], {})
        at[element["action_id"]] = kept.get(block["block_id"], {}).get(
            element["action_id"], {"type": element["type"], name: first})
    return found


def labelled(view: Json, wanted: str) -> tuple[Json, Json]:
    """The block and element that a person means by a label, an action id or a block id."""
    pairs = [(block, each) for block, each in elements(view["blocks"]) if each["type"] not in STATELESS]
    for block, each in pairs:
        if wanted in (each["action_id"], block["block_id"], (block.get("label") or {}).get("text")):
            return block, each
    names = ", ".join((block.get("label") or {}).get("text") or each["action_id"] for block, each in pairs)
    raise LookupError(f"no field {wanted!r}; there are: {names or 'none'}")


def refusals(view: Json, given: Json) -> dict[str, str]:
    """What Slack's own client says before the app hears anything, by block."""
    found = {}
    for block, element in elements(view["blocks"]):
        if block["type"] == "input":
            said = refusal(block, element, given[block["block_id"]][element["action_id"]][field(element)])
            if said:
                found[block["block_id"]] = said
    return found


def refusal(block: Json, element: Json, value: Any) -> str:
    if value in (None, "", []):
        return "" if block.get("optional") else "Please complete this required field."
    if element["type"] not in TYPED:
        return ""
    if not re.fullmatch(PATTERNS.get(element["type"], r"(?s).*"), value):
        return "This is not valid here."
    if element["type"] == "number_input":
        return number(element, value)
    shortest, longest = element.get("min_length", 0), element.get("max_length", 3000)
    return "" if shortest <= len(value) <= longest else f"Between {shortest} and {longest} characters, please."


def number(element: Json, value: str) -> str:
    low, high = float(element.get("min_value", "-inf")), float(element.get("max_value", "inf"))
    if "." in value and not element.get("is_decimal_allowed"):
        return "A whole number, please."
    return "" if low <= float(value) <= high else f"A number between {low:g} and {high:g}, please."
