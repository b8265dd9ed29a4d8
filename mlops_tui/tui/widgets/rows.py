"""A list that knows its rows by name: only what is seen is drawn, and a refresh never moves the cursor."""

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mlops_tui.render.cells import wrap
from mlops_tui.tui.filtering import Wish
from mlops_tui.tui.paint import strip, toned, tones
from mlops_tui.tui.widgets.source import Held, Pages, Source
from mlops_tui.view import Row

Painter = Callable[[Row, int], Sequence[Text]]
PAINTED = 500  # rows whose lines are remembered
LOADING = Text(" ·····", style="dim")


class Rows(ScrollView, can_focus=True):
    """Rows with a cursor; `key` names a row, `paint` gives its lines for a width: as many for each, `tall`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--cursor", "rows--resting"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="rows.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="rows.down"),
        Binding("pageup", "page(-1)", "A screen up", show=False, id="rows.page-up"),
        Binding("pagedown", "page(1)", "A screen down", show=False, id="rows.page-down"),
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

    class Missing(Message):
        """A page is seen that has yet to be read."""

        def __init__(self, rows: "Rows", page: int) -> None:
            super().__init__()
            self.rows, self.page = rows, page

        @property
        def control(self) -> "Rows":
            return self.rows

    def __init__(self, key: str, paint: Painter, *, empty: str = "nothing", head: Painter | None = None, tall: int = 1,
                 id: str | None = None) -> None:
        super().__init__(id=id)
        self._key, self._paint, self._empty, self._head, self._tall = key, paint, empty, head, tall
        self._source: Source = Held((), key)
        self._wanted: tuple[Wish, ...] = ()
        self._lines: dict[int, Sequence[Text]] = {}
        self._said: list[Text] = []
        self._drawn_for = -1
        self._cursor: str | None = None
        self._asked: set[int] = set()

    @property
    def row(self) -> Row | None:
        """The row under the cursor; None where there is none, or it has yet to be read."""
        place = self._place()
        return self._source.row(place) if place is not None else None

    @property
    def key(self) -> str:
        """The name of the row under the cursor; empty where there is none."""
        return self._cursor or ""

    @property
    def all(self) -> Sequence[Row]:
        """Every row that is held, those left out by the filter too."""
        return self._source.all if isinstance(self._source, Held) else ()

    @property
    def known(self) -> list[Row]:
        """The rows that have been read, as they stand; those left out by the filter not among them."""
        return self._source.known()

    @property
    def count(self) -> int:
        """How many rows there are, those left out by the filter not counted."""
        return len(self._source)

    @property
    def every(self) -> int:
        """How many rows there are, those left out counted too."""
        return len(self._source.all) if isinstance(self._source, Held) else len(self._source)

    # -- what is shown --------------------------------------------------------------------------------------------

    def say(self, empty: str) -> None:
        """What to say where there are no rows."""
        if empty != self._empty:
            self._empty, self._drawn_for = empty, -1
            self._settle()

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows; the cursor stays on its row, or near where it was."""
        if isinstance(self._source, Held) and self._source.all == tuple(rows) and self._drawn_for > 0:
            return
        self._change(Held(rows, self._key, self._wanted))

    def to(self, name: str) -> None:
        """Put the cursor on the row of that name; nothing where there is none."""
        place = self._source.place(name)
        if place is not None:
            self._go(place)

    def keep(self, wanted: tuple[Wish, ...]) -> None:
        """Show only the rows that a filter keeps; of a history that is read by pages, whoever reads it filters."""
        if wanted != self._wanted:
            self._wanted = wanted
            if isinstance(self._source, Held):
                self._change(Held(self._source.all, self._key, wanted))

    def restart(self, total: int) -> None:
        """Show a history of so many rows, none of which is known."""
        self._asked.clear()
        self._cursor = None
        self._change(Pages(total))

    def grow(self, total: int) -> None:
        """There are so many rows by now, the new ones above the old."""
        if not isinstance(self._source, Pages):
            self.restart(total)
        elif total != self._source.total:
            before, here = self._source.total, self._place()
            self._source.total = total
            self._lines.clear()
            if self._cursor is None and total:
                self._cursor = self._source.name(0)
            self._stay(before and total - before, here)
            self._settle()

    def take(self, page: int, rows: Sequence[Row]) -> None:
        """A page that was missing."""
        if isinstance(self._source, Pages):
            self._asked.discard(page)
            before = self.row
            self._source.take(page, rows)
            self._lines.clear()
            self.refresh()
            if before is None and self.row is not None:
                self.post_message(self.Moved(self, self.row))

    def _change(self, source: Source) -> None:
        """Take the rows from there; what is seen stays where it is seen, as far as it is there."""
        before, seen = self._place(), self.row
        self._source, self._drawn_for = source, -1
        after = self._place()
        if after is None:
            near = min(before or 0, len(source) - 1)
            self._cursor = source.name(near) if len(source) else None
        elif before is not None:
            self._stay(after - before, before)
        self._settle()
        if after is None or self.row != seen:
            self.post_message(self.Moved(self, self.row))

    def _stay(self, by: int, before: int | None) -> None:
        """So many rows came above: where one has scrolled, or the cursor would leave the screen, scroll with them."""
        bottom = self.scroll_offset.y + self.scrollable_content_region.height - self._over
        if by and (self.scroll_offset.y or ((before or 0) + by + 1) * self._tall > bottom):
            self._layout()
            self._scroll(max(self.scroll_offset.y + by * self._tall, 0))

    def _scroll(self, y: int) -> None:
        self.scroll_to(y=y, animate=False, immediate=True)

    def _settle(self) -> None:
        self._layout()
        self.refresh(layout=self.styles.auto_dimensions)

    def _place(self) -> int | None:
        return self._source.place(self._cursor) if self._cursor is not None else None

    # -- how it is drawn ------------------------------------------------------------------------------------------

    @property
    def _over(self) -> int:
        """Lines of the heading, which stays at the top."""
        return 1 if self._head is not None and len(self._source) else 0

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as there are rows, before any of them is laid out: what was hidden has no width yet."""
        rows = len(self._source)
        return rows * self._tall + self._over if rows else len(self._said) or 1

    def _layout(self) -> None:
        """Know how long it all is for the width there is."""
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        if width != self._drawn_for:
            self._drawn_for = width
            self._lines.clear()
            said = "nothing holds all of these words" if self._wanted else self._empty
            self._said = [Text(f" {piece}", style="dim") for line in said.splitlines()
                          for piece in wrap(line, max(width - 2, 8))]
        rows = len(self._source)
        self.virtual_size = Size(width, rows * self._tall + self._over if rows else len(self._said))

    def on_resize(self, event: events.Resize) -> None:
        self._layout()

    def _painted(self, place: int, width: int) -> Sequence[Text]:
        lines = self._lines.get(place)
        if lines is None:
            row = self._source.row(place)
            if row is None:
                self._ask()
                return [LOADING]
            if len(self._lines) > PAINTED:
                self._lines.clear()
            lines = self._lines[place] = self._paint(row, width)
        return lines

    def _ask(self) -> None:
        """Ask for what is missing: later, since what is sent while a screen is painted goes no further than it."""
        if isinstance(self._source, Pages) and self._source.missing:
            wanted = self._source.missing - self._asked
            self._asked |= wanted
            self._source.missing.clear()
            for page in wanted:
                self.call_next(self._tell, page)

    def _tell(self, page: int) -> None:
        self.post_message(self.Missing(self, page))

    def render_line(self, y: int) -> Strip:
        self._layout()
        width = self.scrollable_content_region.width
        if not len(self._source):
            line = self._said[y] if y < len(self._said) else Text()
            return self._strip(line, width)
        if y < self._over and self._head is not None:
            return self._strip(Text.assemble(" ", *self._head(self._source.row(0) or {}, width - 1)), width)
        place, part = divmod(y - self._over + self.scroll_offset.y, self._tall)
        if place >= len(self._source):
            return Strip.blank(width, self.rich_style)
        lines = self._painted(place, width - 1)
        here = place == self._place()
        marked = Text.assemble(("▌" if here and self.has_focus else " "), lines[part] if part < len(lines) else "")
        return self._strip(marked, width, here=here)

    def _strip(self, line: Text, width: int, *, here: bool = False) -> Strip:
        base = self.get_component_rich_style("rows--cursor" if self.has_focus else "rows--resting") if here else None
        return strip(toned(line, tones(self.app.theme_variables)), width, self.app.console, base or self.rich_style)

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
            self.post_message(self.Moved(self, self.row))
        top, height = goal * self._tall, self.scrollable_content_region.height - self._over
        if top < self.scroll_offset.y:
            self._scroll(top)
        elif top + self._tall > self.scroll_offset.y + height:
            self._scroll(top + self._tall - height)
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
