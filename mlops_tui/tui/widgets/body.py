"""The parts of a view, drawn as the terminal draws them, as far as they are scrolled to; rows that lead on do so."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mlops_tui.render.terminal import Drawn, drawn
from mlops_tui.tui.paint import strip, toned, tones
from mlops_tui.tui.places import leads
from mlops_tui.view import Facts, Part, Row, Table, View

NOTHING = View("")
SILENT = (None, "", ())
ROWS = 10_000  # of one table; more is what the command's own paging is for


class Body(ScrollView, can_focus=True):
    """A view without its actions; a screen that scrolls, with a cursor on the rows that lead somewhere."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"body--cursor", "body--resting"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", "Up", show=False, id="body.up"),
        Binding("down,j", "step(1)", "Down", show=False, id="body.down"),
        Binding("home,g", "ends(0)", "Beginning", show=False, id="body.first"),
        Binding("end,G", "ends(1)", "End", show=False, id="body.last"),
        Binding("enter", "enter", "Open the row", show=False, id="body.open"),
    ]

    class Entered(Message):
        """Somebody goes where a row leads."""

        def __init__(self, argv: tuple[str, ...]) -> None:
            super().__init__()
            self.argv = argv

    def __init__(self, view: View, zone: tzinfo = UTC, command: tuple[str, ...] = (), id: str | None = None) -> None:
        super().__init__(id=id)
        self._view, self._zone, self._command = view, zone, command
        self._lines: list[Drawn] = []
        self._doors: list[int] = []  # the first line of each row that leads somewhere
        self._at: int | None = None  # the line of the cursor
        self._drawn_for = (-1, -1)

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self._lines[self._at][1] if self._at is not None and self._at < len(self._lines) else None

    @property
    def view(self) -> View:
        """What is shown."""
        return self._view

    @property
    def table(self) -> Table | None:
        """The table of the row under the cursor, or else the first one."""
        tables = [part for part in self._view.parts if isinstance(part, Table)]
        row = self.row
        return next((table for table in tables if any(each is row for each in table.rows)), next(iter(tables), None))

    def show(self, view: View, zone: tzinfo, command: tuple[str, ...]) -> None:
        """Show another view; the same one as it is now keeps its place, another begins at its beginning."""
        if (view, command) == (self._view, self._command):
            return
        same, door = command == self._command, leads(self.row) if self.row is not None else ()
        self._view, self._zone, self._command, self._drawn_for = view, zone, command, (-1, -1)
        self._at = None
        self._draw()
        if not same:
            self.scroll_to(y=0, animate=False, immediate=True)
        elif door:
            self._at = next((line for line in self._doors if self._leads(line) == door), None)
        self.refresh()

    def _leads(self, line: int) -> tuple[str, ...]:
        row = self._lines[line][1]
        return leads(row) if row is not None else ()

    def _draw(self) -> None:
        width, height = self.scrollable_content_region.size
        room = max(min(height // 3, 14), 6)
        if (width, room) != self._drawn_for and width > 0:
            self._drawn_for = (width, room)
            self._lines = list(drawn(told(self._view), width=max(width - 1, 20), zone=self._zone, rows=ROWS,
                                     command=self._command, height=room)) if self._view != NOTHING else []
            self._doors = [number for number, (_, row) in enumerate(self._lines)
                           if row is not None and (not number or self._lines[number - 1][1] is not row) and leads(row)]
            self.virtual_size = Size(width, len(self._lines))

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    def render_line(self, y: int) -> Strip:
        self._draw()
        place, width = y + self.scroll_offset.y, self.scrollable_content_region.width
        if place >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line, row = self._lines[place]
        base = self.rich_style
        if row is not None and row is self.row:
            base = self.get_component_rich_style("body--cursor" if self.has_focus else "body--resting")
        return strip(toned(line, tones(self.app.theme_variables)), width, self.app.console, base)

    # -- moving about ---------------------------------------------------------------------------------------------

    def action_step(self, by: int) -> None:
        """To the next row that leads on, where it can be seen; a line on otherwise."""
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        seen = range(top, top + height)
        ahead: Sequence[int] = [line for line in self._doors if line in seen and (
            self._at not in seen or self._at is None or (line - self._at) * by > 0)]
        if ahead:
            self._at = ahead[0] if by > 0 else ahead[-1]
            self.refresh()
        else:
            self.scroll_to(y=top + by, animate=False, immediate=True)

    @property
    def places(self) -> Iterator[tuple[int, int]]:
        """Of each row that leads somewhere and is seen, its line on the screen, and in the text."""
        top = self.scroll_offset.y
        return ((line - top, line) for line in self._doors
                if top <= line < top + self.scrollable_content_region.height)

    def jump(self, line: int) -> None:
        """Put the cursor on the row at that line."""
        if line in self._doors:
            self._at = line
            self.refresh()

    def action_ends(self, end: int) -> None:
        self._at = None
        self.scroll_to(y=self.virtual_size.height if end else 0, animate=False, immediate=True)
        self.refresh()

    def action_enter(self) -> None:
        if self.row is not None:
            self.post_message(self.Entered(leads(self.row)))

    def on_click(self, event: events.Click) -> None:
        """A click on a row that leads on goes there, where the cursor stands on it already."""
        at = event.get_content_offset(self)
        line = at.y + self.scroll_offset.y if at is not None else -1
        row = self._lines[line][1] if 0 <= line < len(self._lines) else None
        if row is None or not leads(row):
            return
        if row is self.row:
            self.action_enter()
        else:
            self._at = next(number for number in self._doors if self._lines[number][1] is row)
            self.refresh()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()


def told(view: View) -> View:
    """The view without what says nothing: columns that are empty in every row, facts without a value."""
    return replace(view, parts=tuple(_told(part) for part in view.parts))


def _told(part: Part) -> Part:
    if isinstance(part, Facts):
        return Facts({name: value for name, value in part.items.items() if value not in SILENT})
    if isinstance(part, Table):
        kept = tuple(column for column in part.columns if any(row.get(column.id) not in SILENT for row in part.rows))
        return replace(part, columns=kept or part.columns)
    return part
