"""What every screen has: the line at the top, the keys at the bottom, the lines for commands and filters."""

from collections.abc import Iterable
from typing import Any, ClassVar

from rich.console import RenderableType
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.markup import escape
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from mlops_tui.tui import panels
from mlops_tui.tui.filtering import wishes
from mlops_tui.tui.messages import Perform
from mlops_tui.tui.places import leads
from mlops_tui.tui.room import cramped, sentence
from mlops_tui.tui.screens.closing import Closing
from mlops_tui.tui.standing import Standing
from mlops_tui.tui.widgets.bar import Bar
from mlops_tui.tui.widgets.body import Body
from mlops_tui.tui.widgets.command_line import CommandLine
from mlops_tui.tui.widgets.filter_line import FilterLine
from mlops_tui.tui.widgets.keys import Keys, hints
from mlops_tui.tui.widgets.pane import Pane
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Row, Table, View


class Framed(Closing[None]):
    """A screen that is told how the dashboard stands, and asks for commands."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter the list: words, !not, status:fail", show=False, id="framed.filter"),
        Binding("x", "stop", "Stop the job under the cursor", show=False, id="framed.stop"),
        Binding("l", "log", "Log of the job under the cursor", show=False, id="framed.log"),
    ]

    def __init__(self, standing: Standing | None = None, id: str | None = None) -> None:
        super().__init__(id=id)
        self.standing = standing or Standing()
        self._filters: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        yield Bar(id="bar")
        yield from self.within()
        yield Keys(id="keys")
        yield CommandLine()

    def render(self) -> RenderableType:
        return sentence(self.app.size) if cramped(self.app.size) else super().render()

    def within(self) -> Iterable[Widget]:
        """What stands between the first and the last line."""
        return ()

    @property
    def crumbs(self) -> tuple[str, ...]:
        """Where one is, below the project."""
        return ()

    @property
    def command(self) -> tuple[str, ...]:
        """The command line that shows what is shown here; nothing where there is none."""
        return ()

    def takes(self, argv: tuple[str, ...], view: View) -> bool:
        """Whether the screen shows the answer to what was done here itself."""
        return False

    @property
    def timed(self) -> bool:
        """Whether what is shown is of the moment that the first line says."""
        return True

    def _compositor_refresh(self) -> None:
        """What is drawn while the app holds back its output is never seen."""
        if not self.app._batch_count:
            super()._compositor_refresh()

    @property
    def again(self) -> Message | None:
        """What asks for what is shown here once more, as of the moment that is seen by now; nothing where nothing can.
        """
        return None

    def on_screen_resume(self) -> None:
        """What was not seen for a while may be of another moment than the first line says."""
        if not self.timed and self.again is not None:
            self.post_message(self.again)

    def stand(self, standing: Standing) -> None:
        """How the dashboard stands now."""
        self.standing = standing
        self._frame()

    def _frame(self) -> None:
        if not self.query(Keys):
            return  # not there yet; it is drawn when it is
        told = self.standing
        self.set_class(told.as_of is not None, "-then")
        left = panels.place(told.project, *self.crumbs)
        room = self.app.size.width - min(len(left.plain), 40) - 2
        timed = self.timed or self.again is not None  # or it is asked for
        below = panels.what_then(told, self.app.size.width, timed=timed) if told.as_of is not None else None
        self.query_one("#bar", Bar).show(left, panels.who_and_when(told, room), below)
        self._hint()

    def on_mount(self) -> None:
        self._frame()

    def on_resize(self) -> None:
        self._frame()

    def _hint(self) -> None:
        """Say at the bottom which keys matter where the focus is; behind a question that stays as it was."""
        if not (self.is_current and self.query(Keys)):
            return
        bound = {each.binding.id: each.binding.key for each in reversed(self.active_bindings.values())}
        row = self.row
        left = {"rows.open", "body.open"} if row is None else set()
        left |= {"framed.stop", "framed.log"} if row is None or row.get("job") is None else set()
        left |= {"framed.filter", "framed.sort"} if isinstance(self.focused, Input) else set()
        left |= {"framed.stop"} if row is not None and row.get("ended_at") is not None else set()
        left |= {"app.now"} if self.standing.as_of is None else set()
        self.query_one("#keys", Keys).show(self.standing.mode, hints(bound, left))

    @on(Rows.Moved)
    def _on_another_row(self) -> None:
        self._hint()

    def on_descendant_focus(self) -> None:
        self._hint()

    # -- keys -----------------------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """The letter of a next step does it."""
        if self.lettered and not isinstance(self.focused, Input):
            wanted = next((wanted for pane in self.query(Pane) if (wanted := pane.behind(event.character))), None)
            if wanted is not None:
                event.stop()
                self.post_message(wanted)

    @property
    def lettered(self) -> bool:
        """Whether the letters of the next steps that are seen are those of what is meant."""
        return True

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        focused = self.focused
        return focused.row if isinstance(focused, (Rows, Body)) else None

    def _job(self) -> str:
        row = self.row
        return str(row["job"]) if row is not None and row.get("job") is not None else ""

    def action_stop(self) -> None:
        if job := self._job():
            self.post_message(Perform(("job", "cancel", job)))

    def action_log(self) -> None:
        if job := self._job():
            self.post_message(Perform(("job", "log", job)))

    def seen(self) -> dict[str, Any]:
        """What of the screen can be taken along, by the names that `exporting` has for it."""
        focused, row = self.focused, self.row
        argv = leads(row) if row is not None else ()
        table = view = None
        if isinstance(focused, Rows):
            table = Table.of(focused.id or "rows", focused.known, total=focused.count)
        elif isinstance(focused, Body):
            view, table = focused.view, focused.table
        return {"command": argv or self.command, "row": row, "table": table, "view": view,
                "sifted": self._filters.get(focused.id or "", "").strip() if focused is not None else ""}

    # -- the filter -----------------------------------------------------------------------------------------------

    def filterable(self) -> Rows | None:
        """The list that `/` filters: the one that has the focus."""
        return self.focused if isinstance(self.focused, Rows) else None

    async def action_filter(self) -> None:
        """Ask for the words; the line for them is made when it is first wanted, and what is typed meanwhile waits."""
        rows = self.filterable()
        if rows is not None and rows.id:
            if not self.query(FilterLine):
                await self.mount(FilterLine())
            self.query_one(FilterLine).ask(rows, self._filters.get(rows.id, ""))

    @on(FilterLine.Wanted)
    def _wanted(self, event: FilterLine.Wanted) -> None:
        event.stop()
        if isinstance(event.of, Rows):
            self.sift(event.of, event.text)

    def sift(self, rows: Rows, typed: str) -> None:
        """Keep only the rows of a list that hold these words; the list says so."""
        self._filters[rows.id or ""] = typed
        rows.border_subtitle = escape(f"/ {typed}") if typed.strip() else ""
        rows.keep(wishes(typed))

    def unsift(self) -> bool:
        """Take the filters back; whether there was one."""
        kept = [rows for rows in self.query(Rows) if self._filters.get(rows.id or "", "").strip()]
        for rows in kept:
            self.sift(rows, "")
        return bool(kept)
