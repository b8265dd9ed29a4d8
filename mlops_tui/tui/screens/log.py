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
from mlops_tui.tui.messages import JobWanted
from mlops_tui.tui.screens.answer import Answer
from mlops_tui.tui.screens.logged import Logged
from mlops_tui.tui.standing import Standing
from mlops_tui.tui.widgets.drawing import Drawing
from mlops_tui.tui.widgets.log_view import LogView
from mlops_tui.view import Row, Status, Text, View


class LogScreen(Logged):
    """One log by itself, as wide as the screen."""

    AUTO_FOCUS = "#log"
    CSS_PATH: ClassVar[list[str | PurePath]] = ["jobs.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back", show=False, id="log.back"),
        Binding("a", "answer", "What the job answered", show=False, id="log.answer"),
    ]

    def __init__(self, row: Row, path: Path, standing: Standing) -> None:
        super().__init__(standing)
        self._row, self._path = row, path
        self._job_seen = Drawing("job")

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

    # -- what is asked --------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The log is seen already."""
        return action != "log" and super().check_action(action, parameters)

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
