"""Next steps as buttons, each of which carries the command it stands for."""

import json
import shlex
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bots.richtext import Block, context, plain, rich, run, section, shown
from bots.words import typed
from mlops_tui.commands import names_file
from mlops_tui.errors import BadInput
from mlops_tui.view import Action

VALUE = 2000     # characters of a button's value
LABEL = 75
DIGEST = 200
SHOWN = 10       # buttons of a message; more than these nobody reads
HINTS = 5
FEEDBACK = ("ask", "feedback")
CARRIED = 4000   # characters that the values of all buttons of a message may take

# Slack may hand these back as entities; written as escapes they come back as they went.
_ESCAPES = {"&": "\\u0026", "<": "\\u003c", ">": "\\u003e"}


@dataclass(frozen=True)
class Press:
    """What somebody asks for with a button: a command line, and the digest of the plan he consents to.

    `asks` names the options and arguments that he has to fill in first.
    """

    argv: tuple[str, ...]
    consent: str | None = None
    asks: tuple[str, ...] = ()


def encode(argv: Sequence[str], consent: str | None = None, asks: Sequence[str] = ()) -> str | None:
    """The value of a button; None where Slack would not carry it and `decode` would not take it back."""
    carried: dict[str, Any] = {"a": list(argv)} | ({} if consent is None else {"c": consent})
    carried |= {"f": list(asks)} if asks else {}
    text = json.dumps(carried, ensure_ascii=False, separators=(",", ":"))
    for letter, escape in _ESCAPES.items():
        text = text.replace(letter, escape)
    return text if len(text) <= VALUE and _sound(**carried) else None


def decode(value: str) -> Press:
    """What a button's value stands for; BadInput for a value that none of ours has."""
    try:
        found = json.loads(value) if len(value) <= VALUE else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not {"a"} <= set(found) <= {"a", "c", "f"} or not _sound(**found):
        raise BadInput("This button is none of ours.", next="Type the command instead, such as: /mlops status")
    return Press(tuple(found["a"]), found.get("c"), tuple(found.get("f", ())))


def _sound(a: object, c: object = None, f: object = ()) -> bool:
    """Whether it can be a command line of ours: words without control characters, a digest or none, and options."""
    digest = c is None or (isinstance(c, str) and 0 < len(c) <= DIGEST and legible(c))
    return bool(a) and _words(a) and digest and (f == () or _words(f))


def _words(given: object) -> bool:
    return isinstance(given, list) and all(isinstance(word, str) and legible(word) for word in given)


def legible(word: str) -> bool:
    """Whether a word has no control characters in it."""
    return all(unicodedata.category(letter) not in ("Cc", "Cs") for letter in word)


def button(label: str, action_id: str, value: str, *, style: str = "", confirm: str = "") -> Block:
    """One button; `style` is primary or danger, `confirm` a question that Slack asks before it is pressed."""
    made: Block = {"type": "button", "action_id": action_id, "text": plain(label, LABEL), "value": value}
    if style:
        made["style"] = style
    if confirm:
        made["confirm"] = {"title": plain("Sure?", 100), "text": plain(confirm, 300), "confirm": plain(label, 30),
                           "deny": plain("Cancel", 30)}
    return made


def actions(offered: Sequence[Action]) -> list[Block]:
    """The next steps: buttons, and the command to type where one is too long, names a file (it is for the terminal of
    whoever has it), or there are too many."""
    made, hinted, carried = list[Block](), list[Action](), 0
    words, offered = _words_on_it(offered)
    for number, action in enumerate(offered):
        value = encode(action.argv, asks=action.asks)
        if value is None or names_file(action.argv) or len(made) == SHOWN or carried + len(value) > CARRIED:
            hinted.append(action)
            continue
        carried += len(value)
        made.append(button(action.label.strip() or " ".join(action.argv), f"do:{number}", value))
    blocks: list[Block] = [{"type": "actions", "elements": made}] if made else []
    runs = [each for action in hinted[:HINTS] for each in _hint(action)]
    if runs:
        blocks.append(rich(section(*runs)))
    if len(hinted) > HINTS:
        blocks.append(context(f"{len(hinted) - HINTS} more next steps"))
    return blocks + words


def _words_on_it(offered: Sequence[Action]) -> tuple[list[Block], list[Action]]:
    """The two words on an answer as Slack's own pair of thumbs, and the other steps."""
    words = [each for each in offered if each.argv[:2] == FEEDBACK]
    values = [encode(each.argv) for each in words]
    if len(words) != 2 or None in values:
        return [], list(offered)
    thumbs = [{"text": plain(each.label, LABEL), "value": value} for each, value in zip(words, values, strict=True)]
    pair = {"type": "feedback_buttons", "action_id": "feedback", "positive_button": thumbs[0],
            "negative_button": thumbs[1]}
    return [{"type": "context_actions", "elements": [pair]}], [each for each in offered if each not in words]


def _hint(action: Action) -> list[Block]:
    label = shown(action.label, LABEL)
    line = shlex.join(("mlops-tui", *action.shown)) if names_file(action.argv) else typed(action.shown)
    return [run("→ "), run(shown(line, 300), code=True), run(f"  {label}\n" if label else "\n")]
