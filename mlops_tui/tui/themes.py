"""Colours for dark and light rooms, for strong contrast, for eyes that do not tell red from green, of the terminal."""

from typing import Any

from textual.theme import BUILTIN_THEMES, Theme

# Every one from `foreground` to `muted` is read as text on each of the grounds before it: at least 4.5 : 1.
_COLOURS = """
               background surface panel   boost   cursor  foreground success warning error   primary secondary muted
control-room   #111418    #1a1f26 #262c35 #20262e #1d3146 #d8dde3    #5cc98a #f0b44c #ff8095 #6cb6ff #c9a0ff   #9da8b4
daylight       #fbfbf8    #efefe9 #e3e3db #e9e9e2 #d6e4f3 #1d2329    #0a633a #7d4b00 #a81129 #0b559f #6b2f9d   #535c66
high-contrast  #000000    #0a0a0a #262626 #1c1c1c #1b3a47 #ffffff    #4dff9d #ffd83d #ff8f8f #6fd3ff #f0a6ff   #d0d0d0
colour-blind   #111418    #1a1f26 #262c35 #20262e #24364a #dfe3e8    #56b4e9 #f0e442 #ff9a55 #9ad0f5 #e0a3c8   #a5b0bc
"""
DARK, LIGHT, ANSI, ANSI_LIGHT = "control-room", "daylight", "ansi", "ansi-light"
_SIXTEEN = {"secondary": "magenta", "warning": "yellow", "error": "red", "success": "green", "accent": "cyan"}
_OURS = ("boost", "cursor", "muted")  # what a theme of the library has no field for


def _themes() -> list[Theme]:
    roles, *lines = (line.split() for line in _COLOURS.strip().splitlines())
    found = []
    for name, *colours in lines:
        given: dict[str, Any] = dict(zip(roles, colours, strict=True))
        own = {role: given.pop(role) for role in _OURS}
        found.append(Theme(name, accent=given["primary"], dark=name != LIGHT, **given,
                           variables={**own, **_said(own["muted"], given["foreground"]), "cursor-style": "none"}))
    return found


def _said(muted: str, foreground: str) -> dict[str, str]:
    """What the library calls the colours of its own texts: it would mix them, and some could not be read."""
    return {"text": foreground, "text-muted": muted, "text-disabled": muted, "foreground-muted": muted,
            "foreground-disabled": muted}


def _of_the_terminal(name: str, shade: str, primary: str) -> Theme:
    """The sixteen colours that a terminal has itself, on its own ground: what it shows is up to its owner."""
    colours: dict[str, Any] = {role: f"ansi_{shade}{colour}" for role, colour in _SIXTEEN.items()}
    return Theme(name, f"ansi_{primary}", foreground="ansi_default", background="ansi_default", surface="ansi_default",
                 panel="ansi_default", boost="ansi_default", ansi=True, dark=name == ANSI,
                 variables={**BUILTIN_THEMES["ansi-dark"].variables, "ansi-background": "ansi_default",
                            "ansi-foreground": "ansi_default", "cursor": "ansi_default", "cursor-style": "reverse",
                            "muted": "dim", "text-muted": "ansi_default", "text-disabled": "ansi_default"}, **colours)


# On a dark ground the bright ones are read, but for blue; on a light ground the others.
THEMES = [*_themes(), _of_the_terminal(ANSI, "bright_", "bright_cyan"), _of_the_terminal(ANSI_LIGHT, "", "blue")]
