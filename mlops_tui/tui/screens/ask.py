"""Questions that stand in front of everything else: shall it be done, and why."""

from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from mlops_tui.render.cells import clean
from mlops_tui.tui.widgets.body import Body
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Row, View

AROUND, TALLEST = 9, 24  # lines of a question without its plan and choices, and of the longest plan seen at once
Choice = tuple[str, str]  # the answer, and how it is offered; the first is what Enter alone means


class Ask(ModalScreen[str]):
    """A question with its choices; the harmless one comes first, and Esc is the same as it."""

    CSS_PATH = "ask.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "leave", "No", show=False, id="ask.leave"),
        Binding("pagedown", "page(1)", "Page down", show=False, priority=True, id="ask.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, priority=True, id="ask.up"),
    ]

    def __init__(self, question: str, choices: Sequence[Choice], view: View | None = None, zone: tzinfo = UTC) -> None:
        super().__init__()
        self._question, self._choices, self._view, self._zone = question, choices, view, zone

    def compose(self) -> ComposeResult:
        with Vertical(id="ask"):
            yield Static(Text(clean(self._question), style="bold"), id="question")
            if self._view is not None:
                yield Body(View(self._view.title, self._view.status, self._view.parts), self._zone, id="plan")
            yield Rows("answer", _choice, id="choices")

    def on_mount(self) -> None:
        rows = self.query_one("#choices", Rows)
        rows.show([{"answer": answer, "label": label} for answer, label in self._choices])
        rows.styles.height = len(self._choices)
        rows.focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """The plan is as high as it is long, as far as the choices below it stay on the screen."""
        for body in self.query(Body):
            room = self.size.height - AROUND - len(self._choices)
            body.styles.height = max(min(body.virtual_size.height, room, TALLEST), 2)

    @on(Rows.Opened, "#choices")
    def _chosen(self, event: Rows.Opened) -> None:
        self.dismiss(str(event.row["answer"]) if event.row is not None else self._choices[0][0])

    def action_leave(self) -> None:
        self.dismiss(self._choices[0][0])

    def action_page(self, by: int) -> None:
        for body in self.query(Body):
            (body.scroll_page_down if by > 0 else body.scroll_page_up)(animate=False)


def _choice(row: Row, width: int) -> list[Text]:
    return [Text(f" {row['label']}")]


class Why(ModalScreen[str]):
    """A judgement wants its reason, a step a word on it; nothing said means nothing done."""

    CSS_PATH = "ask.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False, id="why.leave")]

    def __init__(self, argv: Sequence[str], question: str) -> None:
        super().__init__()
        self._argv, self._question = argv, question

    def compose(self) -> ComposeResult:
        with Vertical(id="ask"):
            yield Static(Text(clean(" ".join(self._argv)), style="bold"), id="question")
            yield Static(f"{self._question} Esc does nothing.", markup=False)
            yield Input(id="reason", compact=True)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _given(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        self.dismiss("")
