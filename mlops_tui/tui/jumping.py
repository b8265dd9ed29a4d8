"""Letters for what is seen: the fewest that tell so many places apart, the easiest to reach first."""

from collections.abc import Iterable
from typing import NamedTuple

from textual.geometry import Region
from textual.screen import Screen
from textual.widget import Widget

from mlops_tui.tui.widgets.body import Body
from mlops_tui.tui.widgets.rows import Rows

EASY = "asdfghjklqwertyuiopzxcvbnm"


class Spot(NamedTuple):
    """A place that can be jumped to: where its letter is drawn, and the list and row, or the panel, that it means."""

    x: int
    y: int
    widget: Widget
    line: int | None = None  # of a list the place of the row, of a text the line


def labels(count: int) -> list[str]:
    """So many different labels, none the beginning of another.

    >>> labels(3), len(labels(100)), max(map(len, labels(26))), max(map(len, labels(27)))
    (['a', 's', 'd'], 100, 1, 2)
    """
    firsts = 0  # letters that begin a label of two
    while len(EASY) - firsts + firsts * len(EASY) < count and firsts < len(EASY):
        firsts += 1
    single = list(EASY[:len(EASY) - firsts])
    double = [first + second for first in EASY[len(EASY) - firsts:] for second in EASY]
    return [*single, *double][:count]


def spots(screen: Screen[object]) -> list[Spot]:
    """Everything seen that can be jumped to: each row of each list, each line that leads on, each panel beside."""
    found: list[Spot] = []
    for widget in screen.focus_chain:
        seen = widget.region.intersection(screen.region)
        if not seen:
            continue
        lines = list(_lines(widget))
        if lines:
            inner = widget.scrollable_content_region
            found += [Spot(inner.x, inner.y + y, widget, line) for y, line in lines if _within(inner, y, seen)]
        else:
            found.append(Spot(seen.x + 1, seen.y, widget))
    return sorted(found, key=lambda spot: (spot.y, spot.x))


def _within(inner: Region, y: int, seen: Region) -> bool:
    return 0 <= y < inner.height and seen.y <= inner.y + y < seen.bottom


def _lines(widget: Widget) -> Iterable[tuple[int, int]]:
    """Of a list or a text, what can be jumped to: the line on the screen, and which place it is."""
    return widget.places if isinstance(widget, (Rows, Body)) else ()


def go(spot: Spot) -> None:
    """The focus to that place, and the cursor to its row."""
    if not spot.widget.is_attached:
        return  # it has gone meanwhile
    spot.widget.focus()
    if isinstance(spot.widget, (Rows, Body)) and spot.line is not None:
        spot.widget.jump(spot.line)
