"""Buttons side by side, in as many lines as they need."""

from fractions import Fraction

from textual.geometry import NULL_OFFSET, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

GAP = 1


class FlowLayout(Layout):
    """From left to right; what does not fit any more begins the next line."""

    name = "flow"

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        parent.pre_layout(self)
        viewport = parent.app.viewport_size
        placements, x, y, line = list[WidgetPlacement](), 0, 0, 1
        for child in children:
            box = child._get_box_model(size, viewport, Fraction(size.width), Fraction(size.height))
            wide, high = min(int(box.width), max(size.width, 1)), int(box.height)
            if x and x + wide > size.width:
                x, y, line = 0, y + line, 1
            placements.append(WidgetPlacement(Region(x, y, wide, high), NULL_OFFSET, box.margin, child))
            x, line = x + wide + GAP, max(line, high)
        return placements


class Flow(Widget):
    """A line of controls that breaks where the pane ends."""

    DEFAULT_CSS = "Flow { width: 1fr; height: auto; }"

    @property
    def layout(self) -> Layout:
        return FLOW


FLOW = FlowLayout()
