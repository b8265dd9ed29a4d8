"""The history as it stood at an earlier time, for work that is only tried: what it appends is kept in memory."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from sys import maxsize
from typing import TYPE_CHECKING

from store.ledger import Entry, Ledger, Unit
from store.refusal import Refusal

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

Changed = Callable[[Entry], Entry | None]


class Rehearsal(Unit):
    """The entries up to number `upto`, and what is appended at `clock`'s time; nothing of it is ever written.

    Nobody reacts to what is found, and nothing is sent. `changed` gives an entry as it would have been had something
    else happened, or None where it would not be there.
    """

    def __init__(self, ledger: Ledger, upto: int, clock: Callable[[], datetime],
                 changed: Changed | None = None) -> None:
        super().__init__(ledger)
        self._from, self.clock, self._changed = upto, clock, changed
        self.read_only, self.recording, self.until = False, True, None
        self.marks = {"reacted": maxsize}

    def entries(self, *kinds: str, subject: str | None = None) -> list[Entry]:
        """The history as it is supposed to have been, and the rehearsal's own entries."""
        found = super().entries(*kinds, subject=subject)
        if self._changed is None:
            return found
        own = {entry.seq for entry in self._own}
        as_if = (entry if entry.seq in own else self._changed(entry) for entry in found)
        return [entry for entry in as_if if entry is not None]

    @property
    def made(self) -> list[Entry]:
        """What was appended, in order."""
        return list(self._own)

    @property
    def engine(self) -> "Engine":
        raise Refusal("A rehearsal sends nothing and starts nothing.")

    def locked(self) -> "AbstractContextManager[Connection]":
        raise Refusal("A rehearsal sends nothing and starts nothing.")

    def commit(self, also: "Callable[[Connection], None]" = lambda _: None) -> list[Entry]:
        raise Refusal("A rehearsal is never written.")
