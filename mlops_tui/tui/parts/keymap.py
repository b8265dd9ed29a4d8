"""The keys as somebody has them in a file of his own."""

from textual import on

from mlops_tui.tui.desk import Desk
from mlops_tui.tui.messages import Keymapped
from mlops_tui.tui.parts.desked import Desked
from mlops_tui.tui.places import RESERVED


class Keyed(Desked):
    """An app whose keys can be others than the shipped ones."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._keys_told = ""

    def _ask_for_keys(self) -> None:
        self._ask(lambda feed: feed.keymap())

    @on(Keymapped)
    def _have_keys(self, message: Keymapped) -> None:
        self.set_keymap({id: ",".join(keys) for id, keys in message.keys.items()})
        self.reserved = RESERVED | {key for keys in message.keys.values() for key in keys if len(key) == 1}
        self._stand(self._standing)  # the line at the bottom names the keys
        if message.problem and message.problem != self._keys_told:
            self._say(message.problem, bad=True)
        self._keys_told = message.problem
