"""A list that knows its rows by name: a cursor goes through them, and several may be marked."""

from collections.abc import Iterator
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message

from mlops_tui.tui.widgets.lines import Lines, Painter
from mlops_tui.tui.widgets.source import Held
from mlops_tui.view import Row

__all__ = ["Painter", "Rows"]


class Rows(Lines, can_focus=True):
    """`markable` says whether several rows may be marked, and be dealt with at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="rows.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="rows.down"),
        Binding("pageup", "page(-1)", "A screen up", show=False, id="rows.page-up"),
        Binding("pagedown", "page(1)", "A screen down", show=False, id="rows.page-down"),
        Binding("home,g", "move(-1000000000)", "First", show=False, id="rows.first"),
        Binding("end,G", "move(1000000000)", "Last", show=False, id="rows.last"),
        Binding("enter", "open", "Open", show=False, id="rows.open"),
        Binding("space", "mark", "Mark the row, or take the mark back", show=False, id="rows.mark"),
        Binding("V", "range", "Mark from here on, until V again", show=False, id="rows.range"),
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

    class Marked(Moved):
        """Other rows are marked than before."""

    class Missing(Message):
        """A page is seen that has yet to be read."""

        def __init__(self, rows: "Rows", page: int) -> None:
            super().__init__()
            self.rows, self.page = rows, page

        @property
        def control(self) -> "Rows":
            return self.rows

    def told(self) -> None:
        self.post_message(self.Moved(self, self.row))

    def lacks(self, page: int) -> None:
        self.post_message(self.Missing(self, page))

    # -- moving about ---------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        place = self._place()
        if place is not None:
            self._go(min(max(place + by, 0), len(self._source) - 1))

    def stand(self, key: str) -> bool:
        """Put the cursor on the row of that name; whether it is there."""
        place = self._source.place(key)
        if place is not None:
            self._layout()
            self._go(place)
        return place is not None

    def action_page(self, by: int) -> None:
        height = self.scrollable_content_region.height - self._over
        self.action_move(by * max(height // self._tall - 1, 1))

    def _go(self, goal: int) -> None:
        before = self._place()
        if self._source.name(goal) != self._cursor:
            self._cursor = self._source.name(goal)
            self.told()
        top, height = goal * self._tall, self.scrollable_content_region.height - self._over
        if top < self.scroll_offset.y:
            self._scroll(top)
        elif top + self._tall > self.scroll_offset.y + height:
            self._scroll(top + self._tall - height)
        if self._marks.begun is not None:
            self.refresh()
            self.post_message(self.Marked(self, self.row))
        for place in {before, goal} - {None}:  # of a screen full of rows only two have changed
            self.refresh(Region(0, int(place or 0) * self._tall + self._over - self.scroll_offset.y,
                                self.content_size.width, self._tall))

    def action_open(self) -> None:
        if self.row is not None:
            self.post_message(self.Opened(self, self.row))

    @property
    def places(self) -> Iterator[tuple[int, int]]:
        """Of each row that is seen, the line where it begins, and its place."""
        for line in range(self._over, self.scrollable_content_region.height):
            place, part = divmod(line - self._over + self.scroll_offset.y, self._tall)
            if not part and place < len(self._source):
                yield line, place

    def jump(self, place: int) -> None:
        """Put the cursor on the row at that place."""
        if place < len(self._source):
            self._go(place)

    def on_click(self, event: events.Click) -> None:
        """A click goes to a row; one on the row where the cursor stands opens it."""
        at = event.get_content_offset(self)
        if at is None or at.y < self._over:
            return
        place = (at.y - self._over + self.scroll_offset.y) // self._tall
        if place >= len(self._source):
            return
        if place == self._place():
            self.action_open()
        else:
            self._go(place)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    # -- several at once ------------------------------------------------------------------------------------------

    @property
    def marked(self) -> list[Row]:
        """The rows that are marked and not left out by a filter, as they stand."""
        places = self._marks.places(self._source, self._cursor)
        return [row for place in places if (row := self._source.row(place)) is not None]

    def unmark(self) -> bool:
        """Take the range back that was begun, else all marks; whether there were any."""
        had = self._marks.clear()
        if had:
            self._remarked()
        return had

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where nothing can be marked, the keys mean what they mean around the list."""
        return action not in ("mark", "range") or (self.markable and isinstance(self._source, Held))

    def action_mark(self) -> None:
        """Mark the row under the cursor, or take its mark back, and go on to the next; a range that was begun ends."""
        if self._cursor is not None:
            if self._marks.begun is not None:
                self._marks.extend(self._source, self._cursor)
            else:
                self._marks.toggle(self._cursor)
                self.action_move(1)
            self._remarked()

    def action_range(self) -> None:
        if self._cursor is not None:
            self._marks.extend(self._source, self._cursor)
            self._remarked()

    def _remarked(self) -> None:
        self.refresh()
        self.post_message(self.Marked(self, self.row))
