"""The parts of a view, drawn as the terminal draws them, as far as they are scrolled to."""

from datetime import UTC, tzinfo

from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mlops_tui.render.terminal import lines
from mlops_tui.tui.paint import strip, toned, tones
from mlops_tui.view import View

ROWS = 10_000  # of one table; more is what the command's own paging is for


class Body(ScrollView, can_focus=True):
    """A view without its actions; a screen that scrolls."""

    def __init__(self, view: View, zone: tzinfo = UTC, command: tuple[str, ...] = (), id: str | None = None) -> None:
        super().__init__(id=id)
        self._view, self._zone, self._command = view, zone, command
        self._lines: list[Text] = []
        self._drawn_for = -1

    def _draw(self) -> None:
        width = self.scrollable_content_region.width
        if width != self._drawn_for and width > 0:
            self._drawn_for = width
            self._lines = list(lines(self._view, width=max(width, 20), zone=self._zone, rows=ROWS,
                                     command=self._command))
            self.virtual_size = Size(width, len(self._lines))

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    def render_line(self, y: int) -> Strip:
        self._draw()
        place, width = y + self.scroll_offset.y, self.scrollable_content_region.width
        if place >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = toned(self._lines[place], tones(self.app.theme_variables))
        return strip(line, width, self.app.console, self.rich_style)
