"""What the desk tells the screen, and what parts of the screen ask of the app."""

from dataclasses import dataclass
from datetime import datetime

from textual.message import Message

from mlops_tui.view import Column, Row, Series, View


class FromDesk(Message):
    """Something that was asked of the desk has been done."""


@dataclass(eq=False)
class Fresh(FromDesk):
    """Home as it is now."""

    view: View


@dataclass(eq=False)
class Ticked(FromDesk):
    """Nothing has happened but time."""

    now: datetime


@dataclass(eq=False)
class Broken(FromDesk):
    """The project cannot be shown, and why."""

    view: View


@dataclass(eq=False)
class Answered(FromDesk):
    """A command's answer."""

    argv: tuple[str, ...]
    view: View


@dataclass(eq=False)
class Planned(FromDesk):
    """A command that wants consent to its plan."""

    argv: tuple[str, ...]
    view: View
    digest: str


@dataclass(eq=False)
class Reasonless(FromDesk):
    """A decision that wants to know why."""

    argv: tuple[str, ...]


@dataclass(eq=False)
class Begun(FromDesk):
    """A command that has become a job."""

    argv: tuple[str, ...]
    job: int


@dataclass(eq=False)
class Nouns(FromDesk):
    """The commands there are, with what they are for."""

    known: dict[str, str]


@dataclass(eq=False)
class Perform(Message):
    """Somebody asks for a command."""

    argv: tuple[str, ...]
    consent: str | None = None
    reason: str | None = None



@dataclass(eq=False)
class Opened(Message):
    """Somebody wants to see all of a model."""

    model: Row
    facets: tuple[Column, ...]
    series: Series | None
