"""What every screen has: the line at the top, the keys at the bottom, the lines for commands and filters."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any, ClassVar

from rich.console import RenderableType
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from mlops_tui.tui import topline
from mlops_tui.tui.filtering import Wish
from mlops_tui.tui.messages import Filtered, Perform, PerformAll
from mlops_tui.tui.ordering import Order
from mlops_tui.tui.paint import titled
from mlops_tui.tui.places import for_each, leads
from mlops_tui.tui.room import cramped, sentence
from mlops_tui.tui.screens.closing import Closing
from mlops_tui.tui.standing import Standing
from mlops_tui.tui.widgets.bar import Bar
from mlops_tui.tui.widgets.body import Body
from mlops_tui.tui.widgets.command_line import CommandLine
from mlops_tui.tui.widgets.keys import Keys, hints
from mlops_tui.tui.widgets.pane import Pane
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Row, Table, View


class Framed(Closing[None]):
    """A screen that is told how the dashboard stands, and asks for commands."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # before the list sees it: what is typed right after it must not be taken for the letters of next steps
        Binding("slash", "filter", "Filter what is shown: words, !not, status:fail", show=False, priority=True,
                id="framed.filter"),
        Binding("s", "sort", "Sort the list by a column", show=False, id="framed.sort"),
        Binding("x", "stop", "Stop the job under the cursor", show=False, id="framed.stop"),
        Binding("l", "log", "Log of the job under the cursor", show=False, id="framed.log"),
    ]

    def __init__(self, standing: Standing | None = None, id: str | None = None) -> None:
        super().__init__(id=id)
        self._was_up = False  # and has its styles
        self.standing = standing or Standing()
        self._bar, self._keys = Bar(id="bar"), Keys(id="keys")
        self._filters: dict[str, str] = {}  # by list, what is typed to filter it

    def compose(self) -> ComposeResult:
        yield self._bar
        yield from self.within()
        yield self._keys
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

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """What was not seen for a while may be of another moment than the first line says; keys do something again.
        What was just put up for the first time has its styles already."""
        event.refresh_styles, self._was_up = event.refresh_styles and self._was_up, True
        self._hint()
        if not self.timed and self.again is not None:
            self.post_message(self.again)

    def stand(self, standing: Standing) -> None:
        """How the dashboard stands now."""
        self.standing = standing
        self._frame()

    def _frame(self) -> None:
        told = self.standing
        self.set_class(told.as_of is not None, "-then")
        left = topline.place(told.project, *self.crumbs)
        room = self.app.size.width - min(len(left.plain), 40) - 2
        timed = self.timed or self.again is not None  # or it is asked for
        below = topline.what_then(told, self.app.size.width, timed=timed) if told.as_of is not None else None
        self._bar.show(left, topline.who_and_when(told, room), below)
        self._hint()

    def on_mount(self) -> None:
        self._frame()

    def on_resize(self) -> None:
        self._frame()

    def _hint(self) -> None:
        """Say at the bottom which keys matter where the focus is; behind a question that stays as it was."""
        if self.app.screen is not self:
            return
        bound = {each.binding.id: each.binding.key for each in reversed(self.active_bindings.values())}
        row = self.row
        left = {"rows.open", "body.open"} if row is None else set()
        left |= {"framed.stop", "framed.log"} if row is None or row.get("job") is None else set()
        left |= {"framed.filter", "framed.sort"} if isinstance(self.focused, Input) else set()
        left |= {"framed.stop"} if row is not None and row.get("ended_at") is not None else set()
        left |= {"app.now"} if self.standing.as_of is None else set()
        self._keys.show(self.standing.mode, hints(bound, left))

    @on(Rows.Moved)
    def _on_another_row(self) -> None:
        self._hint()

    def on_descendant_focus(self) -> None:
        self._hint()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A slash typed into a field is a slash."""
        return action != "filter" or not isinstance(self.focused, Input)

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
            wanted = Perform(("job", "cancel", job))
            self.post_message(self._for_marked(wanted) or wanted)

    @on(Perform)
    def _for_all(self, message: Perform) -> None:
        """A next step of one row is done to all that are marked."""
        many = self._for_marked(message) if message.offered else None
        if many is not None:
            message.stop()
            self.post_message(many)

    def _for_marked(self, message: Perform) -> PerformAll | None:
        """The same for every row that is marked; None where none is, or it is not about a row."""
        rows = self.filterable()
        marked = rows.marked if rows is not None else []
        if rows is None or not marked or rows.row is None:
            return None
        argvs, left_out = for_each(message.argv, rows.row, marked)
        return PerformAll(argvs, message.asks, left_out) if argvs else None

    def unmark(self) -> bool:
        """Take all marks back; whether there were any."""
        return any(list(map(Rows.unmark, self.query(Rows))))

    def action_log(self) -> None:
        if job := self._job():
            self.post_message(Perform(("job", "log", job)))

    def seen(self) -> dict[str, Any]:
        """What of the screen can be taken along, by the names of `exporting`; of a list with marks what is marked."""
        focused, row = self.focused, self.row
        argv = leads(row) if row is not None else ()
        table = view = None
        if isinstance(focused, Rows):
            table = Table.of(focused.id or "rows", focused.marked or focused.known, total=focused.count)
        elif isinstance(focused, Body):
            view, table = focused.view, focused.table
        return {"command": argv or self.command, "row": row, "table": table, "view": view,
                "sifted": self._filters.get(focused.id or "", "").strip() if focused is not None else ""}

    # -- the filter -----------------------------------------------------------------------------------------------

    def filterable(self) -> Rows | None:
        """The list that `/` filters: the one that has the focus."""
        return self.focused if isinstance(self.focused, Rows) else None

    async def action_filter(self) -> None:
        """Ask which rows of the list shall stay."""
        rows = self.filterable()
        if rows is not None and rows.id:
            await self.ask_filter(rows, rows.id)
            self.changed(rows)

    async def ask_filter(self, of: Widget, id: str) -> None:
        """Ask for the words; the line for them is made when it is first wanted, and what is typed meanwhile waits."""
        if not self.query("#filter-line"):
            made: Any = import_module("mlops_tui.tui.widgets.filter_line")
            await self.mount(made.FilterLine())
        line: Any = self.query_one("#filter-line")
        line.ask(of, self._filters.get(id, ""), self.standing.zone)

    @on(Filtered)
    def _filtered(self, event: Filtered) -> None:
        event.stop()
        if isinstance(event.of, Rows):
            self.filter(event.of, event.typed, event.wishes)

    def filter(self, rows: Rows, typed: str, wishes: tuple[Wish, ...]) -> None:
        """Keep only the rows of a list that are as these words want them; the list says so."""
        self._filters[rows.id or ""] = typed
        rows.keep(wishes)
        self.changed(rows)

    def refilter(self, rows: Rows, typed: str, order: Order) -> None:
        """Show a list filtered and in order as it was before; what can no longer be read is left out."""
        words: Any = import_module("mlops_tui.tui.filterwords") if typed else None
        known = words.Known.of(rows.all or rows.known, rows.named) if typed else None
        self.filter(rows, typed, words.read(typed, known, self.standing.zone).wishes if typed else ())
        self.sort(rows, order)

    def sort(self, rows: Rows, order: Order) -> None:
        """Show the rows of a list in that order."""
        rows.sort(order)
        self.changed(rows)

    def changed(self, rows: Rows) -> None:
        """Say below a list what is marked, left out, put in order."""
        typed, marked = self._filters.get(rows.id or "", "").strip(), len(rows.marked)
        told = (f"✓ {marked} marked" if marked else "", f"/ {typed}" if typed else "", rows.sift.order.told)
        rows.border_subtitle = titled("   ".join(piece for piece in told if piece))
        for line in self.query("#filter-line"):
            line.count(rows.count, rows.every)  # type: ignore[attr-defined]

    @on(Rows.Marked)
    def _marked(self, event: Rows.Marked) -> None:
        event.stop()
        self.changed(event.rows)

    def unsift(self) -> bool:
        """Take back what was marked, else the filters; whether there was anything."""
        if self.unmark():
            return True
        kept = [rows for rows in self.query(Rows) if self._filters.get(rows.id or "", "").strip()]
        for rows in kept:
            self.filter(rows, "", ())
        return bool(kept)

    @work
    async def action_sort(self) -> None:
        """Ask by which column; the one that is chosen again turns the order round."""
        rows = self.filterable()
        if rows is None or not rows.orders:
            return
        made: Any = import_module("mlops_tui.tui.screens.sorting")
        order = await self.app.push_screen_wait(made.Sorting(rows.orders, rows.sift.order))
        if order is not None:
            self.sort(rows, order)
