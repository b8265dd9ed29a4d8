"""The top: where one is, what time it is there, who one is; below it, of another moment than now, what had changed."""

from rich.text import Text
from textual.strip import Strip
from textual.widget import Widget

from mlops_tui.render.cells import clean
from mlops_tui.tui.paint import sides, strip, toned, tones


class Bar(Widget):
    """Two texts at the two ends of a line; a second line where there is more to say, and then all of one colour."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left, self._right, self._working = Text(), Text(), Text()
        self._below: tuple[Text, Text] | None = None

    def show(self, left: Text, right: Text, below: tuple[Text, Text] | None = None) -> None:
        self._left, self._right, self._below = left, right, below
        self.refresh()

    def work(self, what: str) -> None:
        """Say what is being done; nothing where that is over."""
        working = f"   ◌ {clean(what)}" if what else ""
        if working != self._working.plain:
            self._working = Text(working, style="blue")
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        if y and self._below is not None:
            line = sides(*self._below, width)
        else:
            line = sides(Text.assemble(self._left, self._working), self._right, width)
        shown = Text(line.plain) if self._below is not None else toned(line, tones(self.app.theme_variables))
        return strip(shown, width, self.app.console, self.rich_style)
