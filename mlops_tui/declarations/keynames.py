"""How a key is called: by the terminal's library, and as it stands on a keyboard."""

import re
import unicodedata
from string import punctuation

_KEY = re.compile(r"((?:ctrl\+|shift\+|alt\+)*)(.+)")
# What the terminal's library calls each sign: as Unicode does, but for some.
_SIGNS = {sign: unicodedata.name(sign).lower().replace("-", "_").replace(" ", "_") for sign in punctuation} | {
    "/": "slash", "\\": "backslash", "@": "at", "-": "minus", "+": "plus", "_": "underscore"}
_OF_NAMES = {name: sign for sign, name in _SIGNS.items()}


def canonical(key: str) -> str:
    """The key as the dashboard's own are named: `?` is `question_mark`, `shift+a` is `A`.

    >>> canonical("?"), canonical("ctrl+/"), canonical(" Ctrl+O "), canonical("shift+a"), canonical("x")
    ('question_mark', 'ctrl+slash', 'ctrl+o', 'A', 'x')
    """
    held, name = parted(key)
    if held == "shift+" and len(name) == 1 and name.isalpha():
        return name.upper()
    return f"{held}{_SIGNS.get(name, name)}"


def shown(key: str) -> str:
    """The key as it stands on a keyboard.

    >>> shown("question_mark"), shown("at"), shown("left_square_bracket"), shown("tab"), shown("ctrl+slash")
    ('?', '@', '[', 'tab', 'ctrl+/')
    """
    held, name = parted(key)
    return held + _OF_NAMES.get(name, name)


def parted(key: str) -> tuple[str, str]:
    """What is held down meanwhile, and the key; capitals matter for a single letter only."""
    key = key.strip()
    found = _KEY.fullmatch(key.lower()) if len(key) > 1 else None
    return (found[1], found[2]) if found is not None else ("", key)
