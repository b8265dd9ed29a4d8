"""The line at the bottom: where the number keys lead, and the keys that work everywhere."""

from rich.text import Text
from textual.strip import Strip
from textual.widget import Widget

from mlops_tui.render.cells import width_of
from mlops_tui.tui.paint import sides, strip, toned, tones
from mlops_tui.tui.standing import MODES

EVERYWHERE = (": command  / filter  ? all ", ": cmd  ? all ", "? all ")


class Keys(Widget):
    """Shortened where room is short: first the words on the right, then the names of the modes."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._mode = "home"

    def show(self, mode: str) -> None:
        if mode != self._mode:
            self._mode = mode
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        return strip(toned(self._line(width), tones(self.app.theme_variables)), width, self.app.console,
                     self.rich_style)

    def _line(self, width: int) -> Text:
        for short in (False, True):
            modes = Text(" ")
            for mode in MODES:
                name = mode.short if short else mode.title
                modes.append(f"{mode.digit} {name}", style="bold blue" if mode.id == self._mode else "").append("  ")
            for right in EVERYWHERE:
                if width_of(modes.plain) + width_of(right) <= width:
                    return sides(modes, Text(right), width)
        return sides(modes, Text(EVERYWHERE[-1]), width)
