"""What leaves the dashboard: text for the clipboard, a command line for a terminal."""

import shlex

from textual import on

from mlops_tui.tui.messages import Copied, Elsewhere
from mlops_tui.tui.parts.desked import Desked


class Copying(Desked):
    """An app that hands text out."""

    @on(Copied)
    def _copied(self, message: Copied) -> None:
        self.copy_to_clipboard(message.text)
        self._say(f"copied: {message.text}")

    @on(Elsewhere)
    def _for_a_terminal(self, message: Elsewhere) -> None:
        """Nothing is done, so nothing else changes but the line that said so."""
        line = shlex.join(("mlops-tui", *message.argv))
        self.copy_to_clipboard(line)
        self._say(f"It names a file, so it is for a terminal. Copied: {line}")
