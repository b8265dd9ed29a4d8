"""A letter on everything that is seen; the one that is typed is where one goes."""

from collections.abc import Mapping, Sequence

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget

from mlops_tui.tui.jumping import Spot, labels
from mlops_tui.tui.screens.closing import Closing

DIM = Style(dim=True)


class Sheet(Widget):
    """The screen as it was, dimmed, with letters on it."""

    DEFAULT_CSS = """
    Sheet { width: 100%; height: 100%; }
    """
    COMPONENT_CLASSES = {"sheet--letter"}  # noqa: RUF012 Textual declares them

    def __init__(self, lines: Sequence[Strip], spots: Mapping[str, Spot]) -> None:
        super().__init__()
        self._lines, self._spots, self._typed = lines, spots, ""

    def narrow(self, typed: str) -> None:
        """Only what may still be meant keeps its letters."""
        self._typed = typed
        self.refresh()

    def render_line(self, y: int) -> Strip:
        if y >= len(self._lines):
            return Strip.blank(self.size.width)
        line = self._lines[y].apply_style(DIM)
        style = self.get_component_rich_style("sheet--letter")
        for label, spot in self._spots.items():
            if spot.y == y and label.startswith(self._typed):
                left = label[len(self._typed):]
                line = Strip.join([line.crop(0, spot.x), Strip([Segment(left, style)]),
                                   line.crop(spot.x + len(left), line.cell_length)])
        return line


class Jump(ModalScreen[Spot | None], Closing[Spot | None]):
    """What is typed that is no letter here leads nowhere, and neither does Esc."""

    DEFAULT_CSS = """
    Jump { background: $background; }
    Jump .sheet--letter { background: $warning; color: $background; text-style: bold; }
    """

    def __init__(self, lines: Sequence[Strip], spots: Sequence[Spot]) -> None:
        super().__init__()
        self._lines, self._typed = lines, ""
        self._spots = dict(zip(labels(len(spots)), spots, strict=True))

    def compose(self) -> ComposeResult:
        yield Sheet(self._lines, self._spots)

    def on_resize(self, event: events.Resize) -> None:
        if event.size.height != len(self._lines):
            self.dismiss(None)  # the letters would stand in the wrong places

    def on_key(self, event: events.Key) -> None:
        event.stop()
        typed = self._typed + (event.character or "").lower()
        if typed in self._spots:
            self.dismiss(self._spots[typed])
        elif event.is_printable and any(label.startswith(typed) for label in self._spots):
            self._typed = typed
            self.query_one(Sheet).narrow(typed)
        else:
            self.dismiss(None)
