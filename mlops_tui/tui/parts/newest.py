"""Wishes that come faster than they are looked up."""

from collections.abc import Callable
from typing import Generic, TypeVar

Wish = TypeVar("Wish")


class Newest(Generic[Wish]):
    """One wish is looked up at a time; of those that come meanwhile only the newest waits, the others are dropped."""

    def __init__(self, look: Callable[[Wish], None]) -> None:
        self._look = look
        self._newest: Wish | None = None  # nothing is looked up

    def want(self, wish: Wish) -> None:
        """Look it up, now or after what is looked up already; not twice where that is the same."""
        if self._newest is None:
            self._look(wish)
        self._newest = wish

    def answered(self, wish: Wish) -> bool:
        """It has been looked up: what waits is next; whether nothing does."""
        newest, self._newest = self._newest, None
        if newest is None or newest == wish:
            return True
        self.want(newest)
        return False

    def forget(self) -> None:
        """No answer comes any more."""
        self._newest = None
