"""Lines drawn into whatever room there is: a picture, or words wrapped to it."""

from collections.abc import Callable, Sequence

from rich.text import Text
from textual.strip import Strip
from textual.widget import Widget

from mlops_tui.tui.paint import strip, toned, tones

Painter = Callable[[int, int], Sequence[Text]]


class Drawing(Widget):
    """What a painter makes of a width and a height; painted again only when it or the room changes."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._paint: Painter = lambda width, height: ()
        self._lines: Sequence[Text] = ()
        self._drawn_for = (-1, -1)

    def show(self, paint: Painter) -> None:
        self._paint, self._drawn_for = paint, (-1, -1)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, height = self.content_size
        if (width, height) != self._drawn_for:
            self._drawn_for = (width, height)
            self._lines = self._paint(width, height) if width and height else ()
        if y >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        return strip(toned(self._lines[y], tones(self.app.theme_variables)), width, self.app.console, self.rich_style)
