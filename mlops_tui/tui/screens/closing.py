"""A screen that closes once: keys typed faster than it goes away close nothing behind it."""

from textual.await_complete import AwaitComplete
from textual.screen import Screen, ScreenResultType


class Closing(Screen[ScreenResultType]):
    """What is dismissed twice would else take the screen below with it, or end the dashboard."""

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Close, where this is still the screen that is seen."""
        return super().dismiss(result) if self.is_current else AwaitComplete()
