"""A channel, a modal or a Home tab as lines of text, with its buttons in brackets."""

import html
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bots.local.state import Json, State


def channel(state: State, messages: list[Json]) -> list[str]:
    lines: list[str] = []
    for each in messages:
        lines += message(state, each)
        for reply in each.get("replies", []):
            lines += [f"    {line}" for line in message(state, reply)]
    return lines


def message(state: State, shown: Json, whose: str = "") -> list[str]:
    """Who said it and when, then its blocks, or its text where it has none."""
    at = datetime.fromtimestamp(float(shown["ts"]), UTC).strftime("%H:%M:%S")
    who = state.user_name(shown["user"])
    mark = " (edited)" if "edited" in shown else ""
    own = shown.get("blocks", []) if shown.get("bot_id") else []
    body = [read(state, line) for line in list(blocks(own)) or shown.get("text", "").splitlines() or [""]]
    reactions = " ".join(f":{each['name']}: {each['count']}" for each in shown.get("reactions", []))
    head = f"{at} {who}{whose}{mark}:"
    return [f"{head} {body[0]}", *(f"  {line}" for line in body[1:]), *([f"  {reactions}"] if reactions else [])]


def read(state: State, text: str) -> str:
    """Slack's markup as a person reads it: mentions by name, links by their label, & < > as themselves."""
    text = re.sub(r"<@(U\w+)(?:\|[^>]*)?>", lambda found: f"@{state.user_name(found.group(1))}", text)
    text = re.sub(r"<(?:[^<>|]*\|)?([^<>|]+)>", r"\1", text)
    return html.unescape(text)


def view(shown: Json) -> list[str]:
    """A modal or Home tab: title, fields, and the buttons below."""
    title = words(shown.get("title"))
    buttons = " ".join(f"[{words(shown[name])}]" for name in ("submit", "close") if shown.get(name))
    return [*([f"== {title} =="] if title else []), *blocks(shown["blocks"]), *([buttons] if buttons else [])]


def blocks(given: list[Json]) -> Iterator[str]:
    for each in given:
        draw = DRAWN.get(each["type"])
        yield from draw(each) if draw else [f"({each['type']})"]


def words(value: Any) -> str:
    """The text of a text object, or a bare string."""
    return str(value.get("text", "")) if isinstance(value, dict) else str(value or "")


def element(each: Json) -> str:
    kind = each["type"]
    if kind in ("plain_text", "mrkdwn"):
        return words(each)
    if "text" in each:
        return f"[{words(each['text'])}]"
    if kind == "image":
        return f"(image: {each['alt_text']})"
    if kind == "overflow":
        return f"[… {' | '.join(words(option['text']) for option in each['options'])}]"
    if kind in ("radio_buttons", "checkboxes"):
        return " ".join(f"( ) {words(option['text'])}" for option in each["options"])
    return f"[{words(each.get('placeholder')) or each.get('action_id', kind)} ▾]"


def header(each: Json) -> list[str]:
    return [f"# {words(each['text'])}"]


def section(each: Json) -> list[str]:
    lines = words(each.get("text")).splitlines()
    lines += [" ".join(words(field).split("\n")) for field in each.get("fields", [])]
    if "accessory" in each:
        lines.append(element(each["accessory"]))
    return lines


def context(each: Json) -> list[str]:
    return [f"· {'  '.join(element(inner) for inner in each['elements'])}"]


def actions(each: Json) -> list[str]:
    return [" ".join(element(inner) for inner in each["elements"])]


def field(each: Json) -> list[str]:
    """An input with what stands in it."""
    inner = each["element"]
    options = [words(option["text"]) for option in inner.get("options", [])]
    given = inner.get("initial_value") or words((inner.get("initial_option") or {}).get("text"))
    note = " (optional)" if each.get("optional") else ""
    hint = [f"  {words(each['hint'])}"] if each.get("hint") else []
    return [f"{words(each['label'])}{note}: {given or ' | '.join(options) or '____'}", *hint]


def table(each: Json) -> list[str]:
    return [" | ".join(cell(inner) for inner in row) for row in each["rows"]]


def cell(each: Json) -> str:
    return str(each.get("text", each.get("value", ""))) or rich(each)


def rich(each: Any) -> str:
    """All text in rich text, in order."""
    if isinstance(each, list):
        return "".join(rich(inner) for inner in each)
    if not isinstance(each, dict):
        return ""
    return str(each["text"]) if isinstance(each.get("text"), str) else rich(each.get("elements"))


def chart(each: Json) -> list[str]:
    inner = each["chart"]
    names = [one.get("name") or one["label"] for one in inner.get("series") or inner["segments"]]
    return [f"(chart: {each['title']}: {', '.join(names)})"]


DRAWN: Mapping[str, Callable[[Json], list[str]]] = {
    "header": header, "section": section, "context": context, "actions": actions, "context_actions": actions,
    "input": field, "divider": lambda _: ["----"], "markdown": lambda each: str(each["text"]).splitlines(),
    "image": lambda each: [f"(image: {each['alt_text']})"], "table": table, "data_table": table,
    "data_visualization": chart, "alert": lambda each: [f"! {words(each['text'])}"],
    "rich_text": lambda each: [line for piece in each["elements"] for line in rich(piece).splitlines() or [""]],
}
