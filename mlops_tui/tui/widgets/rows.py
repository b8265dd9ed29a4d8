"""A list that knows its rows by name: only what is seen is drawn, and a refresh never moves the cursor."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mlops_tui.render.cells import wrap
from mlops_tui.tui.paint import strip, toned, tones
from mlops_tui.view import Row

Painter = Callable[[Row, int], Sequence[Text]]


class Rows(ScrollView, can_focus=True):
    """Rows with a cursor; `key` names a row, `paint` gives its lines for a width."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--cursor", "rows--resting"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="rows.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="rows.down"),
        Binding("home,g", "move(-1000000000)", "First", show=False, id="rows.first"),
        Binding("end,G", "move(1000000000)", "Last", show=False, id="rows.last"),
        Binding("enter", "open", "Open", show=False, id="rows.open"),
    ]

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, rows: "Rows", row: Row | None) -> None:
            super().__init__()
            self.rows, self.row = rows, row

        @property
        def control(self) -> "Rows":
            return self.rows

    class Opened(Moved):
        """Somebody wants to see more of the row."""

    def __init__(self, key: str, paint: Painter, *, empty: str = "nothing", head: Painter | None = None,
                 id: str | None = None) -> None:
        super().__init__(id=id)
        self._key, self._paint, self._empty, self._head = key, paint, empty, head
        self._rows: tuple[Row, ...] = ()
        self._lines: list[tuple[int, Text]] = []
        self._drawn_for = -1
        self._cursor: str | None = None

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        place = self._place()
        return self._rows[place] if place is not None else None

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows; the cursor stays on its row, or near where it was."""
        before = self._place()
        self._rows, self._drawn_for = tuple(rows), -1
        if self._place() is None:
            near = min(before or 0, len(rows) - 1)
            self._cursor = str(rows[near][self._key]) if rows else None
            self.post_message(self.Moved(self, self.row))
        self._draw()
        self.refresh()

    def _place(self) -> int | None:
        return next((place for place, row in enumerate(self._rows) if str(row[self._key]) == self._cursor), None)

    def _draw(self) -> None:
        """Lay the lines out for the width there is."""
        width = self.scrollable_content_region.width
        if width == self._drawn_for or width <= 0:
            return
        self._drawn_for = width
        self._lines = [(place, line) for place, row in enumerate(self._rows) for line in self._paint(row, width - 1)]
        if not self._rows:
            self._lines = [(-1, Text(f" {piece}", style="dim")) for line in self._empty.splitlines()
                           for piece in wrap(line, max(width - 2, 8))]
        if self._head is not None and self._rows:
            self._lines[:0] = [(-1, line) for line in self._head(self._rows[0], width - 1)]
        self.virtual_size = Size(width, len(self._lines))

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    def render_line(self, y: int) -> Strip:
        self._draw()
        place, width = y + self.scroll_offset.y, self.scrollable_content_region.width
        if place >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        row, line = self._lines[place]
        here = row >= 0 and row == self._place()
        base = self.get_component_rich_style("rows--cursor" if self.has_focus else "rows--resting") if here else None
        marked = Text.assemble(("▌" if here and self.has_focus else " "), line)
        return strip(toned(marked, tones(self.app.theme_variables)), width, self.app.console, base or self.rich_style)

    def action_move(self, by: int) -> None:
        place = self._place()
        if place is None:
            return
        goal = min(max(place + by, 0), len(self._rows) - 1)
        self._go(goal)

    def _go(self, goal: int) -> None:
        self._cursor = str(self._rows[goal][self._key])
        lines = [number for number, (row, _) in enumerate(self._lines) if row == goal]
        if lines:
            first = 0 if goal == 0 else lines[0]  # with the heading, where there is one
            self.scroll_to_region(Region(0, first, 1, lines[-1] - first + 1), animate=False)
        self.refresh()
        self.post_message(self.Moved(self, self.row))

    def action_open(self) -> None:
        if self.row is not None:
            self.post_message(self.Opened(self, self.row))

    def on_click(self, event: events.Click) -> None:
        """A click goes to a row; one on the row where the cursor stands opens it."""
        at = event.get_content_offset(self)
        line = at.y + self.scroll_offset.y if at is not None else -1
        if 0 <= line < len(self._lines) and (place := self._lines[line][0]) >= 0:
            if place == self._place():
                self.action_open()
            else:
                self._go(place)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()
