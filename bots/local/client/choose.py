"""One of several, chosen in front of everything else."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from mlops_tui.render.cells import clean


class Asking(ModalScreen[str]):
    """Answered once: keys that come faster than it goes are for nobody."""

    over = False

    def answer(self, given: str) -> None:
        if not self.over:
            self.over = True
            self.dismiss(given)

    def action_leave(self) -> None:
        self.answer("")


class Choose(Asking):
    """A question with its choices; Esc chooses none (an empty answer)."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "None", id="choose.leave")]

    def __init__(self, question: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.question, self.choices = question, list(choices)

    def compose(self) -> ComposeResult:
        with Vertical(id="choose"):
            yield Static(Text(clean(self.question), "bold"))
            yield OptionList(*(Option(Content(clean(told))) for _, told in self.choices), compact=True)

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = 0

    @on(OptionList.OptionSelected)
    def chosen(self, event: OptionList.OptionSelected) -> None:
        self.answer(self.choices[event.option_index][0])


class Type(Asking):
    """A line to be typed; Esc, or nothing typed, changes nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", id="type.leave")]

    def __init__(self, question: str, given: str = "") -> None:
        super().__init__()
        self.question, self.text = question, given

    def compose(self) -> ComposeResult:
        with Vertical(id="choose"):
            yield Static(Text(clean(self.question), "bold"))
            yield Input(self.text, compact=True)

    @on(Input.Submitted)
    def typed(self, event: Input.Submitted) -> None:
        event.stop()
        self.answer(event.value.strip())


class Told(Asking):
    """Lines to be read: the keys, or what chaos did."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "leave", "Close", id="told.leave")]

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__()
        self.lines = lines

    def compose(self) -> ComposeResult:
        yield Static(Text("\n".join(map(clean, self.lines))), id="told")
