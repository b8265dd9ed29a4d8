"""A screen on which a log is seen: `/` sifts the log while it has the focus, and Esc takes that back first."""

from typing import Any

from textual import on

from mlops_tui.tui.messages import Filtered
from mlops_tui.tui.paint import titled
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.widgets.log_view import LogView


class Logged(Framed):
    """Esc goes one step back: from what was filtered to what stands around it, to the whole log, to where one was."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.log_view = LogView(id="log")

    @on(LogView.Told)
    def _told(self, message: LogView.Told) -> None:
        message.stop()
        typed = self._filters.get("log", "").strip()
        self.log_view.border_title = titled(self.log_view.told)
        self.log_view.border_subtitle = titled(f"/ {typed}") if typed else ""

    async def action_filter(self) -> None:
        """Ask for the words that the lines shall hold."""
        if self.focused is self.log_view:
            await self.ask_filter(self.log_view, "log")
        else:
            await super().action_filter()

    @on(Filtered)
    def _sifted(self, event: Filtered) -> None:
        if event.of is self.log_view:
            self._filters["log"] = event.typed
            self.log_view.want(tuple((wish.texts, wish.wanted) for wish in event.wishes))

    def action_back(self) -> None:
        if self.log_view.unwrap():
            if not self.log_view.filtered:
                self._filters["log"] = ""
        elif not self.unsift():
            self.dismiss()
