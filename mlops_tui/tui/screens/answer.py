"""The answer of one command: its view, and what can be done next."""

from datetime import tzinfo
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from mlops_tui.render.cells import clean, fit
from mlops_tui.tui import panels
from mlops_tui.tui.messages import Perform
from mlops_tui.tui.widgets.bar import Bar
from mlops_tui.tui.widgets.body import Body
from mlops_tui.tui.widgets.command_line import CommandLine
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Row, View

KEYS = " Esc back   ↑↓ PgUp PgDn scroll   Tab next step   Enter does it   : command   q quit"


class Answer(Screen[None]):
    """Esc goes back to where the command was asked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back", show=False, id="answer.back"),
        Binding("pagedown,space", "page(1)", "Page down", show=False, id="answer.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="answer.up"),
    ]

    def __init__(self, view: View, argv: tuple[str, ...], project: str, zone: tzinfo, *,
                 command_first: bool = False) -> None:
        super().__init__()
        self._view, self._argv, self._project, self._zone = view, argv, project, zone
        self._painted = _command if command_first else _action

    def compose(self) -> ComposeResult:
        yield Bar(id="bar")
        shown = View(self._view.title, self._view.status, self._view.parts)
        yield Body(shown, self._zone, self._argv, id="body")
        if self._view.actions:
            rows = Rows("place", self._painted, id="actions")
            rows.set_class(len(self._view.actions) > 9, "-long")
            yield rows
        yield Static(KEYS, id="keys", markup=False)
        yield CommandLine()

    def on_mount(self) -> None:
        self.query_one("#bar", Bar).show(panels.place(self._project, " ".join(self._argv)), Text())
        actions = self.query(Rows)
        if actions:
            actions.first().border_title = "Next"
            actions.first().show([{"place": place, "label": action.label, "argv": action.argv}
                                  for place, action in enumerate(self._view.actions)])
        self.query_one("#body").focus()

    @on(Rows.Opened, "#actions")
    def _chosen(self, event: Rows.Opened) -> None:
        argv = event.row.get("argv") if event.row is not None else ()
        if isinstance(argv, tuple) and argv:
            self.post_message(Perform(argv))

    def action_back(self) -> None:
        self.dismiss()

    def action_page(self, by: int) -> None:
        body = self.query_one("#body", Body)
        (body.scroll_page_down if by > 0 else body.scroll_page_up)(animate=False)


def _action(row: Row, width: int) -> list[Text]:
    argv = row.get("argv")
    typed = " ".join(argv) if isinstance(argv, tuple) else ""
    line = Text.assemble((" → ", "cyan"), (clean(str(row["label"])), "bold"), (f"   {clean(typed)}", "dim"))
    line.truncate(width, overflow="ellipsis")
    return [line]


def _command(row: Row, width: int) -> list[Text]:
    argv = row.get("argv")
    typed = " ".join(argv) if isinstance(argv, tuple) else ""
    line = Text.assemble((f" {fit(clean(typed), 14)} ", "bold"), (clean(str(row["label"])), "dim"))
    line.truncate(width, overflow="ellipsis")
    return [line]
