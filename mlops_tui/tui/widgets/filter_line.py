"""The line after `/`, whose words say which rows of a list stay."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input


class FilterLine(Input):
    """Hidden until it is asked for; the list follows what is typed, Enter keeps it, Esc takes it back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "All rows again", show=False, id="filter.clear")]

    class Wanted(Message):
        """Only rows that hold this are wanted in the list."""

        def __init__(self, text: str, of: Widget) -> None:
            super().__init__()
            self.text, self.of = text, of

    def __init__(self) -> None:
        super().__init__(placeholder="words to keep, !words to leave out, status:fail", id="filter-line", compact=True)
        self.cursor_blink = False
        self._of: Widget | None = None

    def ask(self, of: Widget, text: str) -> None:
        """Filter that list, from what it is filtered by now."""
        self._of = of
        with self.prevent(Input.Changed):
            self.value = text
        self.display = True
        self.cursor_position = len(text)
        self.screen.set_focus(self)

    def action_clear(self) -> None:
        self.value = ""
        self._leave()

    def _leave(self) -> None:
        if self.screen.focused is self:
            self.screen.set_focus(self._of)
        self.display = False

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._of is not None:
            self.post_message(self.Wanted(event.value, self._of))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave()

    def on_blur(self) -> None:
        self.display = False
