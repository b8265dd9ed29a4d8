"""The log of a job: how the job stands, and what it said."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget

from mlops_tui.tui import panels
from mlops_tui.tui.logfile import readable
from mlops_tui.tui.messages import Filtered, JobWanted
from mlops_tui.tui.paint import titled
from mlops_tui.tui.screens.answer import Answer
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.standing import Standing
from mlops_tui.tui.widgets.drawing import Drawing
from mlops_tui.tui.widgets.log_view import LogView
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Row, Status, Text, View


class LogScreen(Framed):
    """Esc goes one step back: from what was filtered to what stands around it, to the whole log, to where one was."""

    AUTO_FOCUS = "#log"
    CSS_PATH: ClassVar[list[str | PurePath]] = ["jobs.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back", show=False, id="log.back"),
        Binding("a", "answer", "What the job answered", show=False, id="log.answer"),
    ]

    def __init__(self, row: Row, path: Path, standing: Standing) -> None:
        super().__init__(standing)
        self._row, self._path = row, path
        self._job_seen, self.log_view = Drawing("job"), LogView(id="log")

    @property
    def timed(self) -> bool:
        return False

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Jobs", str(self._row["job"]))

    @property
    def command(self) -> tuple[str, ...]:
        return ("job", "log", str(self._row["job"]))

    @property
    def row(self) -> Row | None:
        return self._row

    def within(self) -> Iterable[Widget]:
        yield self._job_seen
        yield self.log_view

    def on_mount(self) -> None:
        self.log_view.show(self._path, follow=True)
        self.know((self._row,), self._path.parent)

    def know(self, rows: Sequence[Row], logs: Path) -> None:
        """The jobs as they stand by now, this one among them."""
        self._row = row = next((row for row in rows if row["job"] == self._row["job"]), self._row)
        self._job_seen.show(lambda width, height: panels.job_words(row, width))

    @on(LogView.Told)
    def _told(self, message: LogView.Told) -> None:
        message.stop()
        typed = self._filters.get("log", "").strip()
        self.log_view.border_title = titled(self.log_view.told)
        self.log_view.border_subtitle = titled(f"/ {typed}") if typed else ""

    # -- what is asked --------------------------------------------------------------------------------------------

    def filterable(self) -> Rows | None:
        return None

    async def action_filter(self) -> None:
        """Ask for the words that the lines shall hold."""
        await self.ask_filter(self.log_view, "log")

    @on(Filtered)
    def _sifted(self, event: Filtered) -> None:
        self._filters["log"] = event.typed
        self.log_view.want(tuple((wish.texts, wish.wanted) for wish in event.wishes))

    def action_back(self) -> None:
        if not self.log_view.unwrap():
            self.dismiss()
        elif not self.log_view.filtered:
            self._filters["log"] = ""

    def action_log(self) -> None:
        """It is seen already."""

    def action_answer(self) -> None:
        self.post_message(JobWanted(int(str(self._row["job"]))))

    @on(LogView.Opened)
    def _line(self, message: LogView.Opened) -> None:
        """A line by itself; what is JSON in it is laid out."""
        message.stop()
        view = View(f"Line {message.line + 1:,}", Status.DONE, (Text(laid_out(message.content), "code"),))
        self.app.push_screen(Answer(view, (*self.command, f"line {message.line + 1}"), self.standing))


def laid_out(content: bytes) -> str:
    """A line; where it is JSON, or ends with some, one key a line."""
    text = readable(content)
    start = text.find("{")
    try:
        found = json.loads(text[start:]) if start >= 0 else None
    except ValueError:
        return text
    if not isinstance(found, (Mapping, Sequence)):
        return text
    return "\n".join([*filter(None, [text[:start].rstrip()]), json.dumps(found, indent=2, ensure_ascii=False)])
