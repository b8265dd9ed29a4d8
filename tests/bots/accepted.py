"""What Slack would refuse of a payload: its own models' limits, and those that the models leave unchecked."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

UNMODELLED = {"data_visualization"}
MOST = {"message": 50, "modal": 100}


def refused(surface: str, payload: dict[str, Any]) -> list[str]:
    """Every reason for which Slack would not take the payload."""
    return [*_by_the_models(surface, payload), *problems(surface, payload)]


def _by_the_models(surface: str, payload: dict[str, Any]) -> Iterator[str]:
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


def problems(surface: str, payload: dict[str, Any]) -> list[str]:
    """Limits of messages and modals that the models do not check."""
    blocks = payload["blocks"]
    found = [] if 1 <= len(blocks) <= MOST[surface] else [f"{len(blocks)} blocks"]
    json.dumps(payload, allow_nan=False, ensure_ascii=False).encode("utf-8")
    texts = sum(len(text) for _, text in _leaves(blocks))
    found += [f"{texts} characters"] if surface == "message" and texts > 12_000 else []
    ids = Counter(text for key, text in _leaves(blocks) if key == ("action_id" if surface == "message" else "block_id"))
    found += [f"{name} twice" for name, times in ids.items() if times > 1]
    types = Counter(block["type"] for block in blocks)
    found += [f"{types[kind]} of {kind}" for kind, most in (("table", 1), ("data_visualization", 2))
              if types[kind] > most]
    found += [f"an empty {key}" for key, text in _leaves(blocks) if key in ("text", "value") and not text]
    found += ["a blank text" for each in _objects(blocks)
              if each.get("type") == "plain_text" and not each["text"].strip()]
    for block in blocks:
        found += CHECKS.get(block["type"], lambda _: [])(block)
    return found


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


def _table(block: dict[str, Any]) -> list[str]:
    rows = block["rows"]
    return ([f"{len(rows)} rows"] if len(rows) > 100 else []) + [
        f"{len(row)} cells" for row in rows if not 1 <= len(row) <= 20 or len(row) != len(rows[0])]


def _chart(block: dict[str, Any]) -> list[str]:
    chart, found = block["chart"], []
    categories = chart["axis_config"]["categories"]
    found += ["a long title"] if not 1 <= len(block["title"]) <= 50 else []
    found += ["labels twice"] if len(set(categories)) != len(categories) else []
    found += ["a long label"] if any(not 1 <= len(label) <= 20 for label in categories) else []
    found += [f"{len(chart['series'])} series"] if not 1 <= len(chart["series"]) <= 6 else []
    names = [series["name"] for series in chart["series"]]
    found += ["bad names"] if len(set(names)) != len(names) or any(not 1 <= len(name) <= 20 for name in names) else []
    for series in chart["series"]:
        found += [f"{len(series['data'])} points"] if not 1 <= len(series["data"]) <= 20 else []
        found += ["other labels"] if [point["label"] for point in series["data"]] != categories else []
        found += ["no number"] if any(type(point["value"]) not in (int, float) for point in series["data"]) else []
    return found


def _context(block: dict[str, Any]) -> list[str]:
    return [] if 1 <= len(block["elements"]) <= 10 else ["context elements"]


def _rich(block: dict[str, Any]) -> list[str]:
    return [] if block["elements"] and all(each["elements"] for each in block["elements"]) else ["empty rich text"]


CHECKS = {"table": _table, "data_visualization": _chart, "context": _context, "rich_text": _rich}


def letters(payload: dict[str, Any]) -> str:
    """All that a person would read of it."""
    return "\n".join(text for key, text in _leaves(payload["blocks"]) if key in ("text", "title", "label"))
