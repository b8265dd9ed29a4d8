"""Questions that stand in front of everything else: shall it be done, and why."""

from collections.abc import Iterable, Sequence
from datetime import UTC, tzinfo
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from mlops_tui.render.cells import clean
from mlops_tui.tui.screens.closing import Closing
from mlops_tui.tui.widgets.body import Body
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Row, View

TALLEST = 24  # lines of the longest plan that is seen at once
PAGES = (Binding("pagedown", "page(1)", "Page down", show=False, priority=True, id="ask.down"),
         Binding("pageup", "page(-1)", "Page up", show=False, priority=True, id="ask.up"))
Choice = tuple[str, str]  # the answer, and how it is offered; the first is what Enter alone means


class Ask(ModalScreen[str], Closing[str]):
    """A question with its choices; the harmless one comes first, and Esc is the same as it.

    `spelled` is how a terminal is asked for the same.
    """

    CSS_PATH = "ask.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "leave", "No", show=False, id="ask.leave"), *PAGES]

    def __init__(self, question: str, choices: Sequence[Choice], view: View | None = None, zone: tzinfo = UTC,
                 spelled: str = "") -> None:
        super().__init__()
        self._question, self._choices, self._view, self._zone = question, choices, view, zone
        self._spelled = spelled

    def compose(self) -> ComposeResult:
        with Vertical(id="ask"):
            yield Static(Text(clean(self._question), style="bold"), id="question")
            if self._view is not None:
                yield Body(View(self._view.title, self._view.status, self._view.parts), self._zone, id="plan")
            if self._spelled:
                yield Static(Text.assemble(("$ ", "dim"), (clean(self._spelled), "dim")), id="spelled")
            yield from self.answers()

    def answers(self) -> Iterable[Widget]:
        """Where the answer is given."""
        yield Rows("answer", _choice, id="choices")

    def on_mount(self) -> None:
        for body in self.query(Body):
            self.watch(body, "virtual_size", self._refit)
        self.begin()

    def begin(self) -> None:
        """Be ready for the answer."""
        rows = self.query_one("#choices", Rows)
        rows.show([{"answer": answer, "label": label} for answer, label in self._choices])
        rows.styles.height = len(self._choices)
        rows.focus()

    def on_resize(self) -> None:
        self._refit()

    def _refit(self) -> None:
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """The plan is as high as it is long, as far as what stands around it stays on the screen."""
        box = self.query_one("#ask")
        for body in self.query(Body):
            others = [each for each in box.children if each is not body]
            around = sum(each.outer_size.height + each.styles.margin.height for each in others)
            room = self.size.height - around - box.gutter.height - body.styles.margin.height
            body.styles.height = max(min(body.virtual_size.height, room, TALLEST), 1)

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


class Sure(Ask, inherit_bindings=False):
    """What destroys is done to what is typed, letter by letter; anything else, and Esc, leaves it as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", show=False, id="sure.leave"), *PAGES]

    def __init__(self, question: str, named: str, view: View | None = None, zone: tzinfo = UTC,
                 spelled: str = "") -> None:
        super().__init__(question, (("cancel", "Cancel"), ("do", "Do it")), view, zone, spelled)
        self._named = named

    def answers(self) -> Iterable[Widget]:
        yield Static(self._asked(), id="wanted")
        yield Input(id="reason", compact=True)

    def _asked(self, said: str = "") -> Text:
        wrong = Text.assemble((f"That was {clean(said)}. ", "bold")) if said else Text()
        return Text.assemble(wrong, "Type ", (clean(self._named), "bold"), " to do it. Enter alone, or Esc: cancel.")

    def begin(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _given(self, event: Input.Submitted) -> None:
        event.stop()
        said = event.value.strip()
        if said in ("", self._named):
            self.dismiss("do" if said else "cancel")
        else:
            self.query_one("#wanted", Static).update(self._asked(said))
            self.query_one(Input).value = ""


class Why(ModalScreen[str], Closing[str]):
    """A judgement wants its reason, a step a word on it; nothing said means nothing done."""

    CSS_PATH = "ask.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False, id="why.leave")]

    def __init__(self, argv: Sequence[str], question: str) -> None:
        super().__init__()
        self._argv, self._question = argv, question

    def compose(self) -> ComposeResult:
        with Vertical(id="ask"):
            yield Static(Text(clean(" ".join(self._argv)), style="bold"), id="question")
            yield Static(f"{self._question} Esc leaves it.", markup=False)
            yield Input(id="reason", compact=True)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _given(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        self.dismiss("")
