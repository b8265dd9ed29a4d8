"""Text as Slack's own rich text: no letter of it is read as markup, so nothing in it can mention or link.

Slack's `mrkdwn` has no escape for * _ ` and ~. In rich text bold is a property, and what comes from data stays data.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mlops_tui.render.cells import clean

Block = dict[str, Any]

BLOCK = 2800     # characters of one block of ours; Slack refuses a section of more than 3,000
_UNSEEN = frozenset({"type", "style", "align"})
_MARKUP = re.compile(r"([*_~`])")


def cut(text: str, limit: int) -> str:
    """The text in at most `limit` characters; an ellipsis says where it was cut."""
    return text if len(text) <= limit else text[:max(limit - 1, 0)].rstrip() + "…"


def shown(text: str, limit: int) -> str:
    """The text on one line, cut, with what controls a screen shown instead of done."""
    return cut(clean(text[:limit * 4]).strip(), limit)


def plain(text: str, limit: int) -> Block:
    """A text object in which nothing is markup; Slack takes no empty one."""
    return {"type": "plain_text", "text": shown(text, limit) or "–", "emoji": False}


def escaped(text: str) -> str:
    """Text for a place where Slack reads markup: entities, and marks that are broken by an invisible joint."""
    told = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKUP.sub("\\1\u2060", told)


def run(text: str, *, bold: bool = False, code: bool = False) -> Block:
    """A stretch of text; already clean."""
    style = {name: True for name, wanted in (("bold", bold), ("code", code)) if wanted}
    return {"type": "text", "text": text} | ({"style": style} if style else {})


def section(*runs: Block) -> Block:
    """Runs as a paragraph; empty ones and the newline at the end are dropped."""
    kept = [each for each in runs if each["text"]]
    if kept and kept[-1]["text"].endswith("\n"):
        last = kept.pop()
        kept += [last | {"text": last["text"][:-1]}] if len(last["text"]) > 1 else []
    return {"type": "rich_text_section", "elements": kept or [run("–")]}


def fixed(lines: Iterable[str]) -> Block:
    """Lines in letters of one width."""
    return {"type": "rich_text_preformatted", "elements": [run("\n".join(lines) or "–")]}


def rich(*elements: Block) -> Block:
    return {"type": "rich_text", "elements": list(elements)}


def context(text: str) -> Block:
    """Small print."""
    return {"type": "context", "elements": [plain(text, 600)]}


def size(value: Any) -> int:
    """How many characters a block takes of what a message may hold."""
    if isinstance(value, Mapping):
        return sum(size(item) for key, item in value.items() if key not in _UNSEEN)
    if isinstance(value, (list, tuple)):
        return sum(map(size, value))
    return len(value) if isinstance(value, str) else len(str(value)) if isinstance(value, (int, float)) else 0


def heading(title: str) -> list[Block]:
    """The line above a table or a picture; none for none."""
    told = shown(title, 200)
    return [section(run(told, bold=True))] if told else []
