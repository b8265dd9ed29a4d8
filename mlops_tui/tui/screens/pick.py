"""One of several things to say or do: its number says it at once, its first letter goes to it."""

from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from mlops_tui.tui.screens.ask import PAGES, Ask, Choice
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import View


class Pick(Ask, inherit_bindings=False):
    """A question whose answers have numbers; what says nothing comes first, has none, and Esc is the same as it.

    What is picked and acts is still asked for, with its plan.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "No", show=False, id="pick.leave"), *PAGES]  # n may be an answer

    def __init__(self, question: str, nothing: str, choices: Sequence[Choice], view: View | None = None,
                 zone: tzinfo = UTC) -> None:
        numbered = [(answer, f"{number if number < 10 else ' '} {label}")
                    for number, (answer, label) in enumerate(choices, 1)]
        super().__init__(question, [("", f"  {nothing}"), *numbered], view, zone)
        self._numbered = [answer for answer, _ in choices[:9]]
        self._begin = {label[:1].lower(): answer for answer, label in reversed(choices)}

    def on_key(self, event: events.Key) -> None:
        character = event.character or ""
        if character.isascii() and character.isdecimal() and 0 < int(character) <= len(self._numbered):
            event.stop()
            self.dismiss(self._numbered[int(character) - 1])
        elif character.lower() in self._begin:
            event.stop()
            self.query_one("#choices", Rows).stand(self._begin[character.lower()])
