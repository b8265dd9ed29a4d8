"""What people said, beside the history: an entry holds a commitment to it, so that it can go and the chain holds.

The commitment is SHA-256 over a random salt, the field and the words. With the salt gone nobody can try out words.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

ERASED = "[erased]"
WORDS: Mapping[str, tuple[str, ...]] = {  # by kind of entry, the fields that hold what somebody typed
    "command": ("argv", "reason"), "vote": ("reason",), "approval": ("reason",), "sign_off": ("reason",),
    "alert": ("note",), "incident": ("note",), "runbook": ("note",), "proposal": ("reason",),
    "quarantine": ("reason",), "hold": ("reason",), "oncall": ("note",), "handover": ("note",),
    "question": ("question",), "optout": ("reason",)}


def commitment(salt: str, field: str, words: object) -> str:
    """What the entry holds in place of the words."""
    return hashlib.sha256(json.dumps([salt, field, words], ensure_ascii=True).encode()).hexdigest()


def apart(kind: str, body: dict[str, Any]) -> tuple[dict[str, Any], str, str]:
    """The body with commitments, the salt, and the words as JSON; both empty where nobody said anything."""
    said = {name: body[name] for name in WORDS.get(kind, ()) if body.get(name)}
    if not said:
        return body, "", ""
    salt = secrets.token_hex(16)
    said = json.loads(_text(said))  # as it will be read: a tuple is a list, what is no UTF-8 is written out
    held = {name: {"said": commitment(salt, name, words)} for name, words in said.items()}
    return {**body, **held}, salt, _text(said)


def _text(said: Mapping[str, Any]) -> str:
    return json.dumps(said, sort_keys=True, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")


def together(body: dict[str, Any], words: str) -> dict[str, Any]:
    """The body with the words in it, or with `[erased]` where they are gone."""
    said = json.loads(words) if words else {}
    for name, value in body.items():
        if isinstance(value, dict) and set(value) == {"said"}:
            body[name] = said.get(name, [ERASED] if name == "argv" else ERASED)
    return body


def changed(body: str, salt: str, words: str) -> str:
    """The field whose words are not those that the entry committed to; empty where all are."""
    return next((name for name, said in json.loads(words).items()
                 if f'"{name}": {{"said": "{commitment(salt, name, said)}"}}' not in body), "")


def without(words: str, pattern: re.Pattern[str]) -> str | None:
    """The words less the fields in which the pattern is found; None where it is in none."""
    said = json.loads(words)
    left = {name: value for name, value in said.items() if not any(pattern.search(text) for text in _texts(value))}
    return None if len(left) == len(said) else _text(left) if left else ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
