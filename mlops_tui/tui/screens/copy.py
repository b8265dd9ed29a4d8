"""What of the screen is to be taken along: a letter puts it on the clipboard, the capital letter into a file."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from mlops_tui.render.cells import clean
from mlops_tui.tui.exporting import Taken
from mlops_tui.tui.screens.closing import Closing
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Row

VALUE = "v"  # the letter that asks further: which value of the row
Choice = tuple[Taken, bool] | None  # what was chosen, and whether it shall become a file


class Copy(ModalScreen[Choice], Closing[Choice]):
    """A list of what can be taken; where a row is seen, its values are one step further."""

    CSS_PATH = "copy.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False, id="copy.leave"),
        Binding("tab", "file", "Write the one under the cursor into a file", show=False, id="copy.file"),
    ]

    def __init__(self, offered: Sequence[Taken], values: Sequence[Taken] = ()) -> None:
        super().__init__()
        self._offered, self._values = tuple(offered), tuple(values)

    def compose(self) -> ComposeResult:
        with Vertical(id="copy"):
            yield Rows("place", _line, id="taken")
            yield Static("A letter or Enter copies; a capital letter or Tab writes a file.", id="how", markup=False)

    def on_mount(self) -> None:
        self._show()
        self.query_one(Rows).focus()

    def _show(self) -> None:
        rows: list[Row] = [{"place": place, "key": each.key, "what": each.what, "text": each.text}
                           for place, each in enumerate(self._offered)]
        if self._values:
            rows.append({"place": len(rows), "key": VALUE, "what": "A value of the row …", "text": ""})
        listed = self.query_one(Rows)
        listed.show(rows)
        listed.styles.height = min(len(rows), max(self.app.size.height - 5, 3))

    def on_key(self, event: events.Key) -> None:
        letter = event.character or ""
        chosen = next((each for each in self._offered if each.key and each.key == letter.lower()), None)
        if chosen is not None:
            event.stop()
            self.dismiss((chosen, letter.isupper()))
        elif letter == VALUE and self._values:
            event.stop()
            self._further()

    def _further(self) -> None:
        self._offered, self._values = self._values, ()
        self._show()
        self.query_one(Rows).action_move(-len(self._offered))

    @on(Rows.Opened)
    def _chosen(self) -> None:
        self._take(into_file=False)

    def action_file(self) -> None:
        self._take(into_file=True)

    def _take(self, *, into_file: bool) -> None:
        row = self.query_one(Rows).row
        place = int(str(row["place"])) if row is not None else 0
        if place < len(self._offered):
            self.dismiss((self._offered[place], into_file))
        else:
            self._further()

    def action_leave(self) -> None:
        self.dismiss(None)


def _line(row: Row, width: int) -> list[Text]:
    first = " ".join(clean(str(row["text"])).split()[:40])
    line = Text.assemble((f" {row['key'] or ' '}  ", "bold cyan"), clean(str(row["what"])), (f"   {first}", "dim"))
    line.truncate(width, overflow="ellipsis")
    return [line]
