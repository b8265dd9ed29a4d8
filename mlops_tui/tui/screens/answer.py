"""The answer of one command: its view, and what can be done next."""

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from mlops_tui.tui.messages import LookedAt
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.standing import Standing
from mlops_tui.tui.widgets.pane import Pane
from mlops_tui.view import View


class Answer(Framed):
    """Esc goes back to where the command was asked; what was only looked up is looked up again when things happen."""

    CSS_PATH = "answer.tcss"  # what the first picture does not need is read when it is needed
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back", show=False, id="answer.back"),
        Binding("pagedown,space", "page(1)", "A screen down", show=False, id="answer.down"),
        Binding("pageup", "page(-1)", "A screen up", show=False, id="answer.up"),
    ]

    def __init__(self, view: View, argv: tuple[str, ...], standing: Standing, *, looked: bool = False) -> None:
        super().__init__(standing)
        self._view, self._argv, self.looked = view, argv, looked
        self.pane = Pane(id="pane")
        self._drawn_at = self.standing.as_of

    @property
    def crumbs(self) -> tuple[str, ...]:
        return (" ".join(self._argv),)

    @property
    def command(self) -> tuple[str, ...]:
        return self._argv

    def within(self) -> Iterable[Widget]:
        yield self.pane

    @property
    def timed(self) -> bool:
        return self._drawn_at == self.standing.as_of

    @property
    def again(self) -> Message | None:
        return LookedAt(self._argv) if self.looked else None

    def on_mount(self) -> None:
        self.show(self._view)
        self.pane.body.focus()

    def show(self, view: View) -> None:
        """The same command's answer as it is now."""
        self._view, self._drawn_at = view, self.standing.as_of
        self.pane.show(view, self._argv, self.standing.zone)

    def action_back(self) -> None:
        if not self.unsift():
            self.dismiss()

    def action_page(self, by: int) -> None:
        body = self.pane.body
        (body.scroll_page_down if by > 0 else body.scroll_page_up)(animate=False)
