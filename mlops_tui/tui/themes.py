"""Colours for dark and light rooms, for strong contrast, and for eyes that do not tell red from green."""

from typing import Any

from textual.theme import Theme

# Every colour of a status is read as text too: at least 4.5 : 1 against background and surface.
_COLOURS = """
               background  surface  panel    foreground  success  warning  error    primary  secondary
control-room   #111418     #1a1f26  #2a313b  #d8dde3     #5cc98a  #f0b44c  #ff6f86  #5fb0ff  #c9a0ff
daylight       #fbfbf8     #efefe9  #d9d9d0  #1d2329     #0a6b3b  #8a5300  #b3122f  #0b5cad  #7332a8
high-contrast  #000000     #0a0a0a  #333333  #ffffff     #4dff9d  #ffd83d  #ff7a7a  #6fd3ff  #f0a6ff
colour-blind   #111418     #1a1f26  #2a313b  #dfe3e8     #56b4e9  #f0e442  #ff8a3d  #9ad0f5  #e0a3c8
"""
_LIGHT = ("daylight",)


def _themes() -> list[Theme]:
    roles, *lines = (line.split() for line in _COLOURS.strip().splitlines())
    found = []
    for name, *colours in lines:
        given: dict[str, Any] = dict(zip(roles, colours, strict=True))
        found.append(Theme(name, accent=given["primary"], dark=name not in _LIGHT, **given))
    return found


THEMES = _themes()
