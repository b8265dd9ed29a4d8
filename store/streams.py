"""Events as they come: what a reader of a stream gives, whichever server holds it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from store.refusal import Refusal

Resume = Callable[[], Mapping[str, int]]


class Away(Refusal):
    """The server of a stream does not answer; what was not acknowledged will come again."""

    code = "away"


@dataclass(frozen=True)
class Event:
    """One entry of a stream: its place, which no other entry has, and what it holds; nothing where that is gone.

    `body` is the whole event as JSON, or else `fields` are its values.
    """

    position: str
    body: bytes | None = None
    fields: Mapping[bytes, bytes] | None = None
    arrived: datetime | None = None


@dataclass(frozen=True)
class Standing:
    """How far readers have come: entries in the stream, not yet read, read and not acknowledged, and the time at which
    the oldest of those two arrived. None where the server cannot say."""

    length: int | None = None
    unread: int | None = None
    pending: int | None = None
    consumers: int | None = None
    oldest: datetime | None = None


class Reader(Protocol):
    """One consumer of a group. Away where the server is not to be reached; then read again."""

    note: str  # what a person should know, since the last time it was taken away

    def read(self, limit: int) -> Sequence[Event]:
        """Up to so many entries, those that were given to a dead consumer first; none where there is nothing now."""
        ...

    def done(self, events: Sequence[Event]) -> None:
        """Those entries are kept elsewhere and need not come again."""
        ...

    def offsets(self, events: Sequence[Event]) -> Mapping[str, int]:
        """Where each part of the stream is to be read on after them; nothing where the server remembers by entry."""
        ...

    def standing(self) -> Standing: ...

    def close(self) -> None: ...
