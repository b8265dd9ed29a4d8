"""One line at the top: where one is, what time it is there, who one is."""

from rich.text import Text
from textual.strip import Strip
from textual.widget import Widget

from mlops_tui.render.cells import clean
from mlops_tui.tui.paint import sides, strip, toned, tones


class Bar(Widget):
    """Two texts at the two ends of a line."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left, self._right, self._working = Text(), Text(), Text()

    def show(self, left: Text, right: Text) -> None:
        self._left, self._right = left, right
        self.refresh()

    def work(self, what: str) -> None:
        """Say what is being done; nothing where that is over."""
        self._working = Text(f"   ◌ {clean(what)}" if what else "", style="blue")
        self.refresh()

    def render_line(self, y: int) -> Strip:
        line = sides(Text.assemble(self._left, self._working), self._right, self.content_size.width)
        return strip(toned(line, tones(self.app.theme_variables)), self.content_size.width, self.app.console,
                     self.rich_style)
