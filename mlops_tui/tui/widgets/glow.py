"""What a refresh changed in lines that were seen before: it stands out for a moment."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from rich.text import Text

SECONDS = 1.2  # so long
LIT = "reverse"  # in the line's own colours, so that it can be read on every ground
_WORD = re.compile(r"\S+")


def lit(before: Sequence[Text] | None, after: Sequence[Text]) -> list[Text]:
    """The lines with the words lit that were not there; of a row that was not there, all of its first line."""
    if before is None:
        return [_all(after[0]), *after[1:]] if after else []
    return [_changed(old, new) for old, new in zip(before, after, strict=False)] + list(after[len(before):])


def _all(line: Text) -> Text:
    found = line.copy()
    text = line.plain
    found.stylize(LIT, len(text) - len(text.lstrip()), len(text.rstrip()))
    return found


def _changed(old: Text, new: Text) -> Text:
    found, words = new.copy(), [match.span() for match in _WORD.finditer(new.plain)]
    known = _WORD.findall(old.plain)
    for what, _, _, first, end in SequenceMatcher(None, known, _WORD.findall(new.plain), autojunk=False).get_opcodes():
        if what in ("replace", "insert"):
            found.stylize(LIT, words[first][0], words[end - 1][1])
    return found
