"""A terminal that is too small takes no keys."""

from textual import events

from mlops_tui.tui.parts.desked import Desked
from mlops_tui.tui.room import cramped

LEAVE = ("q", "ctrl+q", "ctrl+c")


class Sized(Desked):
    """An app that does nothing where nobody sees what it does."""

    async def on_event(self, event: events.Event) -> None:
        """Of what is typed and clicked on too small a terminal, only the keys that leave count."""
        if isinstance(event, events.InputEvent) and cramped(self.size):
            if isinstance(event, events.Key) and event.key in LEAVE:
                self.exit()
            return
        await super().on_event(event)
