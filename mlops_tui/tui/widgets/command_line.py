"""The line after `:`, where every command of the terminal can be typed."""

from collections.abc import Iterable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input


class CommandLine(Input):
    """Hidden until it is asked for; Enter runs, Esc leaves, up and down go through what was typed before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False, id="command.leave"),
        Binding("up", "earlier(-1)", "Earlier", show=False, id="command.earlier"),
        Binding("down", "earlier(1)", "Later", show=False, id="command.later"),
    ]

    class Typed(Message):
        """Somebody typed a command line."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(placeholder="a command, such as: status", id="command-line", compact=True,
                         select_on_focus=False)
        self.cursor_blink = False
        self._before: list[str] = []
        self._place = 0
        self._from: Widget | None = None

    def know(self, nouns: Iterable[str]) -> None:
        """The nouns to complete."""
        self.suggester = SuggestFromList([*self._before[::-1], *nouns])

    def ask(self, text: str = "") -> None:
        self.value, self.display, self._place = text, True, len(self._before)
        self.cursor_position = len(text)
        self._from = self.screen.focused
        self.screen.set_focus(self)  # at once: `focus()` waits, and keys typed meanwhile would go elsewhere

    def action_leave(self) -> None:
        self.display = False
        self.screen.set_focus(self._from)

    def action_earlier(self, by: int) -> None:
        self._place = min(max(self._place + by, 0), len(self._before))
        self.value = self._before[self._place] if self._place < len(self._before) else ""
        self.cursor_position = len(self.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = self.value.strip().removeprefix(":").strip()
        self.action_leave()
        if text:
            self._before = [*(line for line in self._before if line != text), text]
            self.post_message(self.Typed(text))

    def forget(self, words: Iterable[str]) -> None:
        """Lines that hold one of these words are not offered again."""
        self._before = [line for line in self._before if not any(word in line for word in words)]

    def on_blur(self, event: events.Blur) -> None:
        self.display = False
