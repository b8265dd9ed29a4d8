"""Lines of text put on a screen in the colours of its theme; what users wrote is never read as markup."""

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo

from rich.console import Console
from rich.style import Style
from rich.text import Span, Text
from textual.content import Content
from textual.strip import Strip

from mlops_tui.render.cells import GLYPHS, clean, fit, width_of
from mlops_tui.view import Cell, Status

# The colours that renderers name, as the theme calls them. What is pale has a colour too, which can be read.
_THEMED = {"green": "success", "yellow": "warning", "red": "error", "blue": "primary", "cyan": "accent",
           "magenta": "secondary", "dim": "muted"}


def tones(variables: Mapping[str, str]) -> dict[str, str]:
    """The colour that a theme has for each colour we name."""
    return {name: variables[role].removeprefix("ansi_") for name, role in _THEMED.items() if role in variables}


def toned(line: Text, colours: Mapping[str, str]) -> Text:
    """The line in a theme's colours."""
    copy = line.copy()
    copy.spans = [Span(span.start, span.end, _themed(str(span.style), colours)) for span in line.spans]
    return copy


def _themed(style: str, colours: Mapping[str, str]) -> str:
    """`bold red` with the theme's red; a colour that is made pale stays that colour."""
    names = style.split()
    kept = {"dim"} if len(set(names) & set(_THEMED)) > 1 else set()
    return " ".join(name if name in kept else colours.get(name, name) for name in names)


def strip(line: Text, width: int, console: Console, base: Style) -> Strip:
    """One row of a widget."""
    return Strip(line.render(console)).adjust_cell_length(width).apply_style(base)


def sides(left: Text, right: Text, width: int) -> Text:
    """Two texts at the two ends of a line; the left one gives way."""
    room = width - width_of(right.plain)
    if room < 4:
        right = right.copy()
        right.truncate(width)
        return right
    first = left.copy()
    first.rstrip()
    first.truncate(room - 1, overflow="ellipsis")
    return Text.assemble(first, " " * (room - width_of(first.plain)), right)


def titled(text: str, style: str = "") -> Content:
    """What stands in a frame's border, as it stands: nothing in it is markup, and nothing is obeyed by a terminal."""
    return Content.styled(clean(text), style)


def brief(title: object, about: object, room: int) -> str:
    """A title in so much room: it gives up the name of what it is about, then intervals, and only then its end."""
    said, name = clean(str(title)), re.escape(str(about or "").partition("@")[0])
    shorter = re.sub(rf"^{name}(@\S+)?:? | (of|on|in|for) {name}(@\S+)?(?![\w-])", "", said) if name else said
    tries = (said, shorter, re.sub(r" ?\[[-–\d.,% ]+\]", "", shorter))
    return next((each for each in tries if width_of(each) <= room), tries[-1])


def glyph(status: object) -> tuple[str, str]:
    """The glyph of a status and its colour."""
    return GLYPHS[status] if isinstance(status, Status) else (" ", "")


def word(value: object, size: int, *, right: bool = False) -> str:
    """A value as text in exactly so many columns."""
    return fit(clean("" if value is None else str(value)), size, right=right)


def short_time(at: Cell, zone: tzinfo) -> str:
    """A moment there, without its year; nothing where it is none."""
    return f"{at.astimezone(zone):%-d %b %H:%M}" if isinstance(at, datetime) else ""


def lines_of(mark: tuple[str, str], first: tuple[str, Text], second: tuple[str, str], width: int) -> list[Text]:
    """A row on two lines, each with its left and its right end; the name is what one looks for."""
    glyph_, colour = mark
    upper = Text.assemble((f" {glyph_} ", colour), (word(first[0], 400).rstrip(), "bold"))
    lower = Text(" " * 3 + word(second[0], 400).rstrip(), style="dim")
    return [sides(upper, Text.assemble(first[1], " "), width), sides(lower, Text(f"{second[1]} ", style="dim"), width)]
