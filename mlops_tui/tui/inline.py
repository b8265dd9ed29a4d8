"""A strip of a few lines below the prompt that shows how something goes on, until it is over or somebody leaves."""

from collections.abc import Sequence
from dataclasses import replace
from threading import Event, Thread
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from mlops_tui.errors import Refusal
from mlops_tui.render.cells import clean
from mlops_tui.tui.paint import glyph, sides
from mlops_tui.tui.themes import THEMES
from mlops_tui.tui.watched import EVERY, LOST, Look, Watch
from mlops_tui.tui.widgets.drawing import Drawing
from mlops_tui.view import Status, refused

LINES = 6
BAR = ("━", "─")


class Strip(App[Watch]):
    """It returns how things stood last."""

    CSS = f"""
    Screen {{ background: $background; color: $foreground; }}
    Screen:inline {{ height: {LINES}; border: none; }}
    """
    ENABLE_COMMAND_PALETTE = False
    INLINE_PADDING = 0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,escape,ctrl+c,ctrl+q", "leave", "Leave; it goes on", show=False, priority=True, id="watch.leave"),
        Binding("x", "stop", "Stop it", show=False, id="watch.stop"),
    ]

    class Seen(Message):
        """How it stands by now."""

        def __init__(self, watch: Watch) -> None:
            super().__init__()
            self.watch = watch

    def __init__(self, look: Look, first: Watch, *, stops: bool) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name
        self._look, self._watch, self._stops = look, first, stops
        self._over, self.stopping = Event(), False
        self._thread = Thread(target=self._work, name="watch", daemon=True)

    def compose(self) -> ComposeResult:
        yield Drawing("strip")

    def on_mount(self) -> None:
        self._show(self._watch)
        self._thread.start()

    def on_unmount(self) -> None:
        self._over.set()

    def _work(self) -> None:
        while not self._over.wait(EVERY):
            self.post_message(self.Seen(self._looked()))

    def _looked(self) -> Watch:
        """How it stands; where nobody can know any more, watching is over, and why."""
        try:
            return self._look()
        except Refusal as problem:
            return replace(self._watch, status=Status.ERROR, exit=LOST, answer=refused(problem))

    def on_strip_seen(self, message: "Strip.Seen") -> None:
        self._show(message.watch)

    def _show(self, watch: Watch) -> None:
        self._watch = watch
        if watch.exit is not None:
            self.exit(watch)
        else:
            self.query_one(Drawing).show(lambda width, height: drawn(watch, width, self._hint()))

    def _hint(self) -> str:
        if self.stopping:
            return "stopping"
        return "x stops it · q leaves it running" if self._stops else "q leaves"

    def action_leave(self) -> None:
        self.exit(self._watch)

    def action_stop(self) -> None:
        """Whoever began the strip stops it: that takes a while, and is said where it was done."""
        if self._stops:
            self.stopping = True
            self.exit(self._watch)


def drawn(watch: Watch, width: int, hint: str) -> Sequence[Text]:
    """Its title and how far it is; a bar; the last things it said; the keys."""
    mark, colour = glyph(watch.status)
    far = "  ".join(filter(None, (f"{watch.share:.0%}" if watch.share is not None else "", watch.left)))
    room = max(width - 2, 1)
    whole = round(room * (watch.share or 0.0))
    bar = Text.assemble(" ", (BAR[0] * whole, colour), (BAR[1] * (room - whole), "dim"))
    said = [Text(f"   {clean(line)}", style="dim") for line in watch.said[-(LINES - 3):]]
    for line in said:
        line.truncate(width, overflow="ellipsis")
    head = Text.assemble((f" {mark} ", colour), (clean(watch.title), "bold"))
    return [sides(head, Text(f"{far} ", style=colour), width), bar, *said,
            *(Text() for _ in range(LINES - 3 - len(said))), Text(f"   {hint}", style="dim")]
