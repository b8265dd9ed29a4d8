"""What can be done here: every key, every command, every place by name."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual.app import App

from mlops_tui.tui.desk import Desk
from mlops_tui.tui.messages import Perform, Place
from mlops_tui.tui.parts.placed import Placed
from mlops_tui.tui.screens.answer import Answer
from mlops_tui.tui.standing import MODES
from mlops_tui.view import Action, Row, Status, Table, Text, View

if TYPE_CHECKING:
    from mlops_tui.tui.palette import Found

KEYS = {"question_mark": "?", "colon": ":", "slash": "/", "enter": "Enter", "escape": "Esc"}


class Helped(Placed):
    """An app that lists and finds what it can do."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._nouns: dict[str, str] = {}
        self._places: Sequence[Place] = ()

    def action_help(self) -> None:
        """Every key that works here, and every command, which Enter runs."""
        keys: dict[str, list[str]] = {}
        for active in sorted(self.screen.active_bindings.values(), key=lambda each: not isinstance(each.node, App)):
            if active.binding.id and active.binding.description:
                keys.setdefault(active.binding.description, []).append(KEYS.get(active.binding.key, active.binding.key))
        rows: list[Row] = [{"key": "  ".join(typed), "does": does} for does, typed in keys.items()]
        known = tuple(Action(says, (name,)) for name, says in self._nouns.items())
        view = View("Keys, and every command", Status.DONE, (
            Table.of("keys", rows, "key", "does"),
            Text("The same commands follow mlops-tui in a terminal and /mlops in Slack. Hold shift to select text.")),
            known)
        self.push_screen(Answer(view, ("help",), self._here(), listing=True))

    def offers(self) -> "Iterator[Found]":
        """What the palette finds: modes, places by name, commands."""
        for mode in MODES:
            yield mode.title, f"key {mode.digit}", partial(self.action_mode, mode.id)
        for name, argv in self._places:
            yield name, " ".join(argv), partial(self._go, argv)
        for noun, says in self._nouns.items():
            yield noun, says, partial(self._go, (noun,))

    def _go(self, argv: tuple[str, ...]) -> None:
        self.post_message(Perform(argv))
