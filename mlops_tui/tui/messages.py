"""What the desk tells the screen, and what parts of the screen ask of the app."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from inspect import get_annotations
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

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


@dataclass_transform(eq_default=False)
class Told(Message):
    """A message made of its annotations, as a dataclass is: but no code is written for each class at every start."""

    _names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **how: Any) -> None:
        super().__init_subclass__(**how)
        cls._names = (*cls._names, *get_annotations(cls))

    def __init__(self, *told: Any, **named: Any) -> None:
        super().__init__()
        given = dict(zip(self._names, told, strict=False)) | named
        if len(told) > len(self._names) or not given.keys() <= set(self._names):
            raise TypeError(f"{type(self).__name__} is made of {', '.join(self._names)}")
        self.__dict__.update(given)
        if missing := [name for name in self._names if not hasattr(self, name)]:
            raise TypeError(f"{type(self).__name__} lacks {', '.join(missing)}")


class FromDesk(Told):
    """Something that was asked of the desk has been done."""


Place = tuple[str, tuple[str, ...]]  # what it is called, and the command that shows it


class Fresh(FromDesk):
    """Home as it is now, and all that can be gone to by name."""

    view: View
    places: Sequence[Place] = ()


class Ticked(FromDesk):
    """Nothing has happened but time, or nobody wants to see what has."""

    now: datetime
    head: int


class Broken(FromDesk):
    """The project cannot be shown, and why."""

    view: View


class Answered(FromDesk):
    """A command's answer; `looked` says that it changed nothing, and may be asked again.

    `unsaid`: words that were typed and are to be seen no more.
    """

    argv: tuple[str, ...]
    view: View
    looked: bool = False
    unsaid: tuple[str, ...] = ()


class Again(FromDesk):
    """What a look answers by now."""

    argv: tuple[str, ...]
    view: View


class Listed(FromDesk):
    """The rows of a section, or why they cannot be had."""

    section: str
    rows: Sequence[Row]
    problem: View | None = None


class Detailed(FromDesk):
    """What a row of a section leads to."""

    section: str
    argv: tuple[str, ...]
    view: View


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


class Paged(FromDesk):
    """A page of the history, from the row of that number on; it is of what was wanted then."""

    sift: "Sift"
    page: int
    first: int
    rows: Sequence[Row]


class Planned(FromDesk):
    """A command that wants consent to its plan; `named` is what has to be typed for it, where it destroys."""

    argv: tuple[str, ...]
    view: View
    digest: str
    named: str = ""


class Elsewhere(FromDesk):
    """A command that names a file: it is for the terminal."""

    argv: tuple[str, ...]


class Wanted(FromDesk):
    """What a next step asks for, and how the project's declarations put it."""

    argv: tuple[str, ...]
    asks: tuple[str, ...]
    fields: "tuple[Field, ...]"


class Reasonless(FromDesk):
    """A decision that wants to know why."""

    argv: tuple[str, ...]


class Begun(FromDesk):
    """A command that has become a job."""

    argv: tuple[str, ...]
    job: int


class Nouns(FromDesk):
    """The nouns there are, with what they are for; every command, with what it does and an example of it; and those
    that only look."""

    known: dict[str, str]
    commands: "Mapping[tuple[str, ...], tuple[str, str]]" = MappingProxyType({})
    looks: frozenset[tuple[str, ...]] = frozenset()


class Waits(Told):
    """What was asked for begins when another program has done writing."""

    what: str


class Sought(Told):
    """The cursor of a section stands on a row with this detail."""

    section: str
    argv: tuple[str, ...]


class JobWanted(Told):
    """Somebody wants to see what a job answered, or says so far."""

    job: int


class Sifted(Told):
    """Only that is wanted of the history, in that order."""

    sift: "Sift"


class Perform(Told):
    """Somebody asks for a command; `offered` says that it was a next step, and not typed, `filled` that he was asked
    for what it lacks."""

    argv: tuple[str, ...]
    consent: str | None = None
    reason: str | None = None
    asks: tuple[str, ...] = ()
    offered: bool = False
    filled: bool = False


class Opened(Told):
    """Somebody wants to see all of what Home knows of something."""

    argv: tuple[str, ...]
    view: View


class Cased(FromDesk):
    """An incident or an alert as it stands now, for the cockpit that showed `instead_of`; empty: for a new one."""

    case: "Case"
    instead_of: str = ""


class Found(FromDesk):
    """What a step of a runbook has found."""

    argv: tuple[str, ...]
    view: View


class CaseWanted(Told):
    """Somebody works on an incident or an alert, by the runbook that he chose."""

    id: str
    chosen: str = ""


class FoundWanted(Told):
    """Somebody wants to see what a step has found."""

    argv: tuple[str, ...]


class Filtered(Told):
    """Only rows that are as these words want them are wanted in a list."""

    of: "Widget"
    typed: str
    wishes: "tuple[Wish, ...]"


class Travelled(Fresh):
    """Home as it was at the moment to which somebody went."""


class NoSuchTime(FromDesk):
    """There is no such moment to go to, and why."""

    why: str


class LookedAt(Told):
    """Somebody comes back to what a look answered, and it may be another time by now."""

    argv: tuple[str, ...]


class EditWanted(Told):
    """Somebody wants to write the post-mortem of an incident; `anew`: from the file, not from what he began."""

    id: str
    anew: bool = False


class Edited(FromDesk):
    """A post-mortem that can be edited now."""

    editing: "Editing"


class Keymapped(FromDesk):
    """The keys that somebody has of his own, by id; or why they cannot be used."""

    keys: "Mapping[str, tuple[str, ...]]"
    problem: str = ""


class JobsSeen(FromDesk):
    """The newest jobs as they stand, and the folder of their logs."""

    rows: Sequence[Row]
    logs: Path


class LogFound(FromDesk):
    """A job as it stands, and where its log lies."""

    row: Row
    path: Path


class Onwards(Told):
    """Somebody wants to go to another project, or to this one's place of that name."""

    root: Path
    link: Link


class PerformAll(Told):
    """Somebody asks for these commands, one for each row that is marked; rows of another kind are left out."""

    argvs: "tuple[tuple[str, ...], ...]"
    asks: tuple[str, ...] = ()
    left_out: int = 0
    reason: str | None = None


class PlannedAll(FromDesk):
    """What they would do."""

    asked: PerformAll
    plans: "Plans"
