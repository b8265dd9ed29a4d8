"""Jobs: what runs, what waits, how it ended, and beside it what it said."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from mlops_tui.tui import panels
from mlops_tui.tui.messages import JobWanted
from mlops_tui.tui.paint import titled
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.standing import Standing
from mlops_tui.tui.widgets.drawing import Drawing
from mlops_tui.tui.widgets.log_view import LogView
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Row

NONE = "No job was begun yet.\n\nWhat takes long becomes one by itself; job start -- COMMAND makes one of any command."


class JobsScreen(Framed):
    """The jobs of everybody, those of earlier dashboards too, the newest first."""

    AUTO_FOCUS = "#list"
    CSS_PATH: ClassVar[list[str | PurePath]] = ["jobs.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back", show=False, id="jobs.back"),
        Binding("tab", "turn", "List or log", show=False, id="jobs.turn"),
        Binding("a", "answer", "What the job answered", show=False, id="jobs.answer"),
    ]

    def __init__(self, standing: Standing) -> None:
        super().__init__(standing)
        self._rows: Sequence[Row] | None = None  # nothing was looked up yet
        self._logs = Path()
        self.list = Rows("job", panels.job_lines, empty="◌ looking", tall=2, markable=True, id="list")
        self._job_seen, self.log_view = Drawing("job"), LogView(id="log")

    @property
    def timed(self) -> bool:
        return False

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Jobs",)

    @property
    def command(self) -> tuple[str, ...]:
        return ("job", "list")

    def within(self) -> Iterable[Widget]:
        with Horizontal(id="jobs-screen"):
            yield self.list
            with Vertical(id="side"):
                yield self._job_seen
                yield self.log_view

    def on_mount(self) -> None:
        self.list.border_title = "Jobs"
        self._show()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)  # there may be room for the log now

    def know(self, rows: Sequence[Row], logs: Path) -> None:
        """The jobs as they stand by now, and the folder of their logs."""
        self._rows, self._logs = rows, logs
        self._show()

    def _show(self) -> None:
        rows = self._rows
        if rows is None:
            return
        running = sum(row["ended_at"] is None for row in rows)
        self.list.say(NONE)
        self.list.border_title = f"Jobs ({running} running)" if running else "Jobs"
        self.list.show(rows)
        self._draw(self.list.row)

    @on(Rows.Moved, "#list")
    def _moved(self, event: Rows.Moved) -> None:
        event.stop()
        self._draw(event.row)

    def _draw(self, row: Row | None) -> None:
        """The log of the job under the cursor, from its end."""
        self._job_seen.show(lambda width, height: panels.job_words(row, width) if row else ())
        if row is not None and not self.has_class("-narrow"):
            self.log_view.show(self._logs / f"{row['job']}.log", follow=True)

    @on(LogView.Told)
    def _told(self, message: LogView.Told) -> None:
        message.stop()
        self.log_view.border_title = titled(self.log_view.told)

    @on(Rows.Opened, "#list")
    def _opened(self, event: Rows.Opened) -> None:
        event.stop()
        self.action_log()

    @on(LogView.Opened)
    def _line_opened(self, message: LogView.Opened) -> None:
        message.stop()
        self.action_log()

    @property
    def row(self) -> Row | None:
        return self.list.row

    def filterable(self) -> Rows | None:
        return self.list

    def action_answer(self) -> None:
        if self.row is not None:
            self.post_message(JobWanted(int(str(self.row["job"]))))

    def action_turn(self) -> None:
        wide = not self.has_class("-narrow")
        (self.log_view if self.focused is self.list and wide else self.list).focus()

    def action_back(self) -> None:
        if not self.unsift():
            self.dismiss()
