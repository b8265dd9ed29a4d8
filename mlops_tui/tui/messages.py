"""What the desk tells the screen, and what parts of the screen ask of the app."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_tui.tui.links import Link
from mlops_tui.view import Row, View

if TYPE_CHECKING:
    from textual.widget import Widget

    from mlops_tui.capability import Field
    from mlops_tui.tui.cases import Case, Editing
    from mlops_tui.tui.filtering import Wish
    from mlops_tui.tui.several import Plans
    from mlops_tui.tui.widgets.source import Extent, Sift


class FromDesk(Message):
    """Something that was asked of the desk has been done."""


Place = tuple[str, tuple[str, ...]]  # what it is called, and the command that shows it


@dataclass(eq=False)
class Fresh(FromDesk):
    """Home as it is now, and all that can be gone to by name."""

    view: View
    places: Sequence[Place] = ()


@dataclass(eq=False)
class Ticked(FromDesk):
    """Nothing has happened but time, or nobody wants to see what has."""

    now: datetime
    head: int


@dataclass(eq=False)
class Broken(FromDesk):
    """The project cannot be shown, and why."""

    view: View


@dataclass(eq=False)
class Answered(FromDesk):
    """A command's answer; `looked` says that it changed nothing, and may be asked again.

    `unsaid`: words that were typed and are to be seen no more.
    """

    argv: tuple[str, ...]
    view: View
    looked: bool = False
    unsaid: tuple[str, ...] = ()


@dataclass(eq=False)
class Again(FromDesk):
    """What a look answers by now."""

    argv: tuple[str, ...]
    view: View


@dataclass(eq=False)
class Listed(FromDesk):
    """The rows of a section, or why they cannot be had."""

    section: str
    rows: Sequence[Row]
    problem: View | None = None


@dataclass(eq=False)
class Detailed(FromDesk):
    """What a row of a section leads to."""

    section: str
    argv: tuple[str, ...]
    view: View


@dataclass(eq=False)
class Counted(FromDesk):
    """How long the history is, and how much of it is wanted, as far as that has been searched: is there `more` to
    search, how many entries `waiting` to be put in order, what a filter can name."""

    sift: "Sift"
    extent: "Extent"
    every: int
    restart: bool
    more: bool
    waiting: int
    named: Mapping[str, str]


@dataclass(eq=False)
class Paged(FromDesk):
    """A page of the history, from the row of that number on; it is of what was wanted then."""

    sift: "Sift"
    page: int
    first: int
    rows: Sequence[Row]


@dataclass(eq=False)
class Planned(FromDesk):
    """A command that wants consent to its plan; `named` is what has to be typed for it, where it destroys."""

    argv: tuple[str, ...]
    view: View
    digest: str
    named: str = ""


@dataclass(eq=False)
class Elsewhere(FromDesk):
    """A command that names a file: it is for the terminal."""

    argv: tuple[str, ...]


@dataclass(eq=False)
class Wanted(FromDesk):
    """What a next step asks for, and how the project's declarations put it."""

    argv: tuple[str, ...]
    asks: tuple[str, ...]
    fields: "tuple[Field, ...]"


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
    """The nouns there are, with what they are for; and every command, with what it does and an example of it."""

    known: dict[str, str]
    commands: "Mapping[tuple[str, ...], tuple[str, str]]" = field(default_factory=dict)


@dataclass(eq=False)
class Sought(Message):
    """The cursor of a section stands on a row with this detail."""

    section: str
    argv: tuple[str, ...]


@dataclass(eq=False)
class JobWanted(Message):
    """Somebody wants to see what a job answered, or says so far."""

    job: int


@dataclass(eq=False)
class Sifted(Message):
    """Only that is wanted of the history, in that order."""

    sift: "Sift"


@dataclass(eq=False)
class Perform(Message):
    """Somebody asks for a command; `offered` says that it was a next step, and not typed, `filled` that he was asked
    for what it lacks."""

    argv: tuple[str, ...]
    consent: str | None = None
    reason: str | None = None
    asks: tuple[str, ...] = ()
    offered: bool = False
    filled: bool = False


@dataclass(eq=False)
class Opened(Message):
    """Somebody wants to see all of what Home knows of something."""

    argv: tuple[str, ...]
    view: View


@dataclass(eq=False)
class Cased(FromDesk):
    """An incident or an alert as it stands now, for the cockpit that showed `instead_of`; empty: for a new one."""

    case: "Case"
    instead_of: str = ""


@dataclass(eq=False)
class Found(FromDesk):
    """What a step of a runbook has found."""

    argv: tuple[str, ...]
    view: View


@dataclass(eq=False)
class CaseWanted(Message):
    """Somebody works on an incident or an alert, by the runbook that he chose."""

    id: str
    chosen: str = ""


@dataclass(eq=False)
class FoundWanted(Message):
    """Somebody wants to see what a step has found."""

    argv: tuple[str, ...]


@dataclass(eq=False)
class Filtered(Message):
    """Only rows that are as these words want them are wanted in a list."""

    of: "Widget"
    typed: str
    wishes: "tuple[Wish, ...]"


@dataclass(eq=False)
class Travelled(Fresh):
    """Home as it was at the moment to which somebody went."""


@dataclass(eq=False)
class NoSuchTime(FromDesk):
    """There is no such moment to go to, and why."""

    why: str


@dataclass(eq=False)
class LookedAt(Message):
    """Somebody comes back to what a look answered, and it may be another time by now."""

    argv: tuple[str, ...]


@dataclass(eq=False)
class EditWanted(Message):
    """Somebody wants to write the post-mortem of an incident; `anew`: from the file, not from what he began."""

    id: str
    anew: bool = False


@dataclass(eq=False)
class Edited(FromDesk):
    """A post-mortem that can be edited now."""

    editing: "Editing"


@dataclass(eq=False)
class Keymapped(FromDesk):
    """The keys that somebody has of his own, by id; or why they cannot be used."""

    keys: "Mapping[str, tuple[str, ...]]"
    problem: str = ""


@dataclass(eq=False)
class JobsSeen(FromDesk):
    """The newest jobs as they stand, and the folder of their logs."""

    rows: Sequence[Row]
    logs: Path


@dataclass(eq=False)
class LogFound(FromDesk):
    """A job as it stands, and where its log lies."""

    row: Row
    path: Path


@dataclass(eq=False)
class Onwards(Message):
    """Somebody wants to go to another project, or to this one's place of that name."""

    root: Path
    link: Link


@dataclass(eq=False)
class PerformAll(Message):
    """Somebody asks for these commands, one for each row that is marked; rows of another kind are left out."""

    argvs: "tuple[tuple[str, ...], ...]"
    asks: tuple[str, ...] = ()
    left_out: int = 0
    reason: str | None = None


@dataclass(eq=False)
class PlannedAll(FromDesk):
    """What they would do."""

    asked: PerformAll
    plans: "Plans"
