"""Rows drawn as far as they are seen: what is painted once stays painted, and a refresh never moves what is read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mlops_tui.render.cells import wrap
from mlops_tui.tui.filtering import Wish
from mlops_tui.tui.ordering import AS_IT_COMES, Order, columns, first
from mlops_tui.tui.paint import strip, toned, tones
from mlops_tui.tui.widgets.glow import SECONDS, lit
from mlops_tui.tui.widgets.marks import Marks
from mlops_tui.tui.widgets.source import ALL, Extent, Held, Pages, Sift, Source
from mlops_tui.view import Row

Painter = Callable[[Row, int], Sequence[Text]]
PAINTED = 500  # rows whose lines are remembered
LOADING = Text(" ·····", style="dim")
ORDERS = ("seq", "kind", "subject", "actor", "effective_at")  # of a history that is read by pages


class Lines(ScrollView):
    """Rows with a cursor; `key` names a row, `paint` gives its lines for a width: as many for each, `tall`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--cursor", "rows--resting", "rows--marked"}

    def __init__(self, key: str, paint: Painter, *, empty: str = "nothing", head: Painter | None = None, tall: int = 1,
                 now: Callable[[], datetime | None] = lambda: None, markable: bool = False,
                 id: str | None = None) -> None:
        super().__init__(id=id)
        self._key, self._paint, self._empty, self._head, self._tall, self._now = key, paint, empty, head, tall, now
        self._source: Source = Held((), key)
        self._sift = ALL
        self._marks, self.markable = Marks(), markable
        self._lines: dict[str, tuple[Row, Sequence[Text]]] = {}
        self._before: Source | None = None  # what was there before a refresh whose changes are lit
        self._said: list[Text] = []
        self._drawn_for = -1
        self._cursor: str | None = None
        self._asked: set[int] = set()
        self._every = 0
        self.named: Mapping[str, str] = {}  # what a filter can name in a history, and what that is

    def told(self) -> None:
        """The cursor stands on another row."""

    def lacks(self, page: int) -> None:
        """A page is seen that has yet to be read."""

    @property
    def row(self) -> Row | None:
        """The row under the cursor; None where there is none, or it has yet to be read."""
        place = self._place()
        return self._source.row(place) if place is not None else None

    @property
    def count(self) -> int:
        """How many rows there are, those left out by the filter not counted."""
        return len(self._source)

    @property
    def every(self) -> int:
        """How many rows there are, those left out counted too."""
        return len(self._source.all) if isinstance(self._source, Held) else self._every

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
    def orders(self) -> tuple[Order, ...]:
        """How rows can be put in order: as they come, and by each column as it is chosen first."""
        names = columns(self._source.all) if isinstance(self._source, Held) else ORDERS
        return AS_IT_COMES, *(first(self.all or self.known, name) for name in names)

    @property
    def sift(self) -> Sift:
        """Which rows are wanted, and in which order."""
        return self._sift

    # -- what is shown --------------------------------------------------------------------------------------------

    def say(self, empty: str) -> None:
        """What to say where there are no rows."""
        if empty != self._empty:
            self._empty, self._drawn_for = empty, -1
            self._settle()

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows; the cursor stays on its row, or near where it was, and what has changed is lit."""
        if isinstance(self._source, Held) and self._source.all == tuple(rows) and self._drawn_for > 0:
            return
        self._light(self._source)
        self._change(self._held(rows))

    def _held(self, rows: Sequence[Row]) -> Held:
        return Held(rows, self._key, self._sift, self._now() or datetime.now(UTC))

    def keep(self, wanted: tuple[Wish, ...]) -> None:
        """Show only the rows that a filter keeps; of a history that is read by pages, whoever reads it filters."""
        self._resift(replace(self._sift, wishes=wanted))

    def sort(self, order: Order) -> None:
        """Show the rows in that order; those of a history are put in order by whoever reads it."""
        self._resift(replace(self._sift, order=order))

    def _resift(self, sift: Sift) -> None:
        if sift != self._sift:
            self._sift, self._drawn_for = sift, -1
            if isinstance(self._source, Held):
                self._change(self._held(self._source.all))

    def restart(self, extent: Extent, every: int) -> None:
        """Show a history of that extent, no row of which is known; with those left out it has so many rows."""
        self._every = every
        self._asked.clear()
        self._cursor = None
        self._lines.clear()
        self._scroll(0)
        self._change(Pages(extent))

    def grow(self, extent: Extent, every: int) -> None:
        """There are more rows by now, above or below the old; fewer as of another time."""
        self._every = every
        if not isinstance(self._source, Pages):
            self.restart(extent, every)
        elif extent != self._source.extent:
            before, here = self._source.extent, self._place()
            self._light(Pages(before))
            self._source.extent = extent
            above = extent.newest - before.newest if extent.down else before.oldest - extent.oldest
            gone = self._place() is None
            if gone:
                self._cursor = self._source.name(0) if len(extent) else None
            self._stay(len(before) and above, here)
            self._settle()
            if gone:
                self.told()

    def take(self, page: int, first: int, rows: Sequence[Row]) -> None:
        """A page that was missing: its rows from the number `first` on."""
        if isinstance(self._source, Pages):
            self._asked.discard(page)
            before = self.row
            self._source.take(page, first, rows)
            self.refresh()
            if before is None and self.row is not None:
                self.told()

    def _change(self, source: Source) -> None:
        """Take the rows from there; what is seen stays where it is seen, as far as it is there."""
        before, seen = self._place(), self.row
        self._source = source
        after = self._place()
        if after is None:
            near = min(before or 0, len(source) - 1)
            self._cursor = source.name(near) if len(source) else None
        elif before is not None:
            self._stay(after - before, before)
        self._settle()
        if after is None or self.row != seen:
            self.told()

    def _light(self, before: Source) -> None:
        """What is not as it was before stands out for a moment; not where nothing is to move, or all of it is new."""
        if len(before) and self.app.animation_level != "none":
            if self._before is None:
                self.set_timer(SECONDS, self._dim)
            self._before = before

    def _dim(self) -> None:
        self._before = None
        self._lines.clear()
        self.refresh()

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
            said = "nothing holds all of these words" if self._sift.wishes else self._empty
            self._said = [Text(f" {piece}", style="dim") for line in said.splitlines()
                          for piece in wrap(line, max(width - 2, 8))]
        rows = len(self._source)
        self.virtual_size = Size(width, rows * self._tall + self._over if rows else len(self._said))

    def on_resize(self, event: events.Resize) -> None:
        self._layout()

    def _painted(self, place: int, width: int) -> Sequence[Text]:
        row = self._source.row(place)
        if row is None:
            self._ask()
            return [LOADING]
        name = self._source.name(place)
        known = self._lines.get(name)
        if known is not None and (known[0] is row or known[0] == row):
            return known[1]
        lines = self._paint(row, width)
        if self._before is not None:
            if known is not None:
                lines = lit(known[1], lines)
            elif self._before.place(name) is None:
                lines = lit(None, lines)
        if len(self._lines) > PAINTED:
            self._lines.clear()
        self._lines[name] = row, lines
        return lines

    def _ask(self) -> None:
        """Ask for what is missing: later, since what is sent while a screen is painted goes no further than it."""
        if isinstance(self._source, Pages) and self._source.missing:
            wanted = self._source.missing - self._asked
            self._asked |= wanted
            self._source.missing.clear()
            for page in wanted:
                self.call_next(self.lacks, page)

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
        here, marked = place == self._place(), self._marks.has(self._source, place, self._cursor)
        mark = "✓" if marked and not part else "▌" if here and self.has_focus else " "
        line = Text.assemble((mark, "bold cyan" if marked else ""), lines[part] if part < len(lines) else "")
        look = ("rows--cursor" if self.has_focus else "rows--resting") if here else "rows--marked" if marked else ""
        return self._strip(line, width, look)

    def _strip(self, line: Text, width: int, look: str = "") -> Strip:
        base = self.get_component_rich_style(look) if look else self.rich_style
        return strip(toned(line, tones(self.app.theme_variables)), width, self.app.console, base)
