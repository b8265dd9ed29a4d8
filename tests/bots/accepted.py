"""What Slack would refuse of a payload: by its own models, by our rules, and by what both leave unchecked."""

import json
from collections.abc import Iterator
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bots.rules import Surface, problems

UNMODELLED = {"data_visualization"}


def refused(surface: Surface, payload: dict[str, Any]) -> list[str]:
    """Every reason for which Slack would not take the payload."""
    return [*problems(surface, payload), *_by_the_models(surface, payload), *_besides(payload["blocks"])]


def _by_the_models(surface: Surface, payload: dict[str, Any]) -> Iterator[str]:
    try:
        if surface == "modal":
            View(**payload).to_dict()
        for block in payload["blocks"]:
            if block["type"] in UNMODELLED:
                continue
            parsed = Block.parse(json.loads(json.dumps(block)))
            if parsed is None:
                yield f"no model for {block['type']}"
            else:
                parsed.to_dict()
    except SlackObjectFormationError as problem:
        yield str(problem)


def _besides(blocks: list[dict[str, Any]]) -> Iterator[str]:
    """Texts that a person would see nothing of, tables that are ragged, charts that contradict their axis."""
    json.dumps(blocks, allow_nan=False, ensure_ascii=False).encode("utf-8")
    yield from ("a blank text" for each in _objects(blocks)
                if each.get("type") == "plain_text" and not each["text"].strip())
    for block in blocks:
        if block["type"] == "table" and len({len(row) for row in block["rows"]}) != 1:
            yield "a ragged table"
        if block["type"] == "data_visualization":
            yield from _chart(block["chart"])


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, key)
    elif isinstance(value, str) and key != "type":
        yield key, value


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(item)


def _chart(chart: dict[str, Any]) -> Iterator[str]:
    """Slack's page allows six series, the rules of other libraries twelve; labels and names are told apart."""
    categories, names = chart["axis_config"]["categories"], [series["name"] for series in chart["series"]]
    if len(names) > 6 or len(set(names)) != len(names) or len(set(categories)) != len(categories):
        yield "series or labels that are not told apart"
    yield from ("other labels than the axis" for series in chart["series"]
                if [point["label"] for point in series["data"]] != categories)


def letters(payload: dict[str, Any]) -> str:
    """All that a person would read of it."""
    return "\n".join(text for key, text in _leaves(payload["blocks"]) if key in ("text", "title", "label"))
