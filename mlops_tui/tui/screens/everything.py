"""All that can be done where one is, found by its name or by its key; Enter does it."""

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from mlops_tui.render.cells import clean, fit, width_of
from mlops_tui.tui.offers import Offer, matching
from mlops_tui.tui.paint import sides
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.standing import Standing
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Row

ROOMY = 76  # columns from which an offer has room for how it is typed
KEY, TYPED = 14, 26  # columns of the keys, and of a command


class Everything(Framed):
    """A list of what is offered, in its order until something is sought."""

    CSS_PATH: ClassVar[list[str | PurePath]] = ["everything.tcss"]
    AUTO_FOCUS = "#sought"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False, priority=True, id="everything.back"),
        Binding("up", "row(-1)", "Up", show=False, priority=True, id="everything.up"),
        Binding("down", "row(1)", "Down", show=False, priority=True, id="everything.down"),
        Binding("pageup", "page(-1)", "A screen up", show=False, priority=True, id="everything.page-up"),
        Binding("pagedown", "page(1)", "A screen down", show=False, priority=True, id="everything.page-down"),
        Binding("enter", "choose", "Do it", show=False, priority=True, id="everything.choose"),
    ]

    def __init__(self, title: str, offers: Sequence[Offer], standing: Standing) -> None:
        super().__init__(standing)
        self._title, self._offers, self._found = title, offers, list(offers)

    @property
    def crumbs(self) -> tuple[str, ...]:
        return (self._title,)

    def within(self) -> Iterable[Widget]:
        sought = Input(placeholder="a word, or a key such as x or ctrl+o; Enter does it, Esc goes back", id="sought",
                       compact=True)
        sought.cursor_blink = False
        yield sought
        yield Rows("place", _line, empty="Nothing is called so, and no key is.", id="found")

    def on_mount(self) -> None:
        self._show()

    @on(Input.Changed, "#sought")
    def _seek(self, event: Input.Changed) -> None:
        event.stop()
        self._found = matching(self._offers, event.value)
        self._show()

    def _show(self) -> None:
        rows = self.query_one("#found", Rows)
        rows.show([{"place": place, "keys": " ".join(offer.keys), "does": offer.does, "typed": offer.typed}
                   for place, offer in enumerate(self._found)])
        rows.action_move(-len(self._found))
        rows.border_title = f"{len(self._found)} of {len(self._offers)}"

    def action_row(self, by: int) -> None:
        self.query_one("#found", Rows).action_move(by)

    def action_page(self, by: int) -> None:
        self.query_one("#found", Rows).action_page(by)

    @on(Rows.Opened, "#found")
    def action_choose(self) -> None:
        """Back to where one was, and do it there."""
        row = self.query_one("#found", Rows).row
        if row is not None:
            self.dismiss()
            self.app.call_after_refresh(self._found[int(str(row["place"]))].do)

    def action_back(self) -> None:
        sought = self.query_one("#sought", Input)
        if sought.value:
            sought.value = ""
        else:
            self.dismiss()


def _line(row: Row, width: int) -> list[Text]:
    keys, does, typed = (clean(str(row[name])) for name in ("keys", "does", "typed"))
    if keys:
        left = Text.assemble((f" {fit(keys, KEY)} ", "bold cyan"), does)
        return [sides(left, Text(f"{typed} " if width >= ROOMY else "", style="dim"), width)]
    line = Text.assemble((f" {fit(typed, max(TYPED, width_of(typed))) if width >= ROOMY else typed}  ", "bold"), does)
    line.truncate(width, overflow="ellipsis")
    return [line]
