"""Which column a list is put in order by."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from mlops_tui.tui.ordering import Order, named
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Row

AROUND, WIDTH = 7, 40  # lines of the question without its columns, and how wide it is


class Sorting(ModalScreen[Order | None]):
    """The column that is chosen already is turned round; a letter goes to the next column that begins with it."""

    CSS_PATH = "ask.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,s", "leave", "Leave it", show=False, id="sorting.leave")]

    def __init__(self, columns: Sequence[Order], now: Order) -> None:
        """`columns`: how rows stand by each, the first time; `now`: how they stand."""
        super().__init__()
        self._orders, self._now = {order.column: order for order in columns}, now

    def compose(self) -> ComposeResult:
        with Vertical(id="ask"):
            yield Static(Text("Sort by", style="bold"), id="question")
            yield Rows("column", _choice, id="choices")

    def on_mount(self) -> None:
        self.query_one("#ask").styles.width = WIDTH
        self._rows.show([{"column": name, "now": self._now.told if name == self._now.column else ""}
                         for name in self._orders])
        self._rows.stand(self._now.column)
        self._rows.focus()

    @property
    def _rows(self) -> Rows:
        return self.query_one("#choices", Rows)

    def on_resize(self) -> None:
        self._rows.styles.height = min(len(self._orders), max(self.size.height - AROUND, 2))

    def on_key(self, event: events.Key) -> None:
        here = str(self._rows.row["column"]) if self._rows.row is not None else ""
        names = list(self._orders)
        after = [*names[names.index(here) + 1:], *names]
        wanted = next((name for name in after if event.character and named(name).startswith(event.character)), None)
        if wanted is not None:
            event.stop()
            self._rows.stand(wanted)

    @on(Rows.Opened)
    def _chosen(self, event: Rows.Opened) -> None:
        column = str(event.row["column"]) if event.row is not None else ""
        turned = replace(self._now, down=not self._now.down)
        self.dismiss(turned if column == self._now.column else self._orders[column])

    def action_leave(self) -> None:
        self.dismiss(None)


def _choice(row: Row, width: int) -> list[Text]:
    return [Text(f" {row['now'] or named(str(row['column']))}")]
