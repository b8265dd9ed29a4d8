"""What a command answers: a title, a status and a few semantic parts, drawn by each surface in its own way."""

import math
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from mlops_tui.errors import Forbidden, Refusal


class Status(StrEnum):
    """How something stands; `unknown` is never a pass."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    DONE = "done"
    RUNNING = "running"
    CONFIRM = "confirm"
    DENIED = "denied"
    ERROR = "error"


Cell = None | bool | int | float | str | datetime | Status | tuple[str, ...]
Row = Mapping[str, Cell]

_BAD_FIRST = (Status.ERROR, Status.DENIED, Status.FAIL, Status.UNKNOWN, Status.WARN, Status.RUNNING)


def worst(statuses: Iterable[Status], default: Status = Status.UNKNOWN) -> Status:
    """The status to show for several; nothing at all is `default`."""
    seen = set(statuses)
    if not seen:
        return default
    return next((status for status in _BAD_FIRST if status in seen), Status.PASS)


@dataclass(frozen=True)
class Column:
    """One column of a table: what it holds, not how wide it is. `cut`: so many characters of a text are enough.

    `worth`: where room is short, columns of the least go first. A verdict stays longer than the numbers it judges.
    """

    id: str
    label: str = ""
    unit: str = ""
    digits: int | None = None
    share: bool = False
    cut: int | None = None
    worth: int = 0

    @property
    def heading(self) -> str:
        name = self.label or self.id.replace("_", " ")
        return f"{name} [{self.unit}]" if self.unit else name


@dataclass(frozen=True)
class Action:
    """A next step that a person can take: a hint, a key, a button or a link.

    `asks` names what only a person can fill in: options (a note, a reason; `set:window` is `--set window=…`), and
    arguments in capitals (`TEXT`). A surface asks for them first.
    """

    label: str
    argv: tuple[str, ...]
    asks: tuple[str, ...] = ()

    @property
    def shown(self) -> tuple[str, ...]:
        """The command line as a hint, with an ellipsis where a person has something to say."""
        return (*self.argv, *(word for name in self.asks for word in filled_in(name, "…")))


def filled_in(asked: str, said: str) -> tuple[str, ...]:
    """The words that say what was asked for: of `note`, `--note said`; of `set:window`, `--set window=said`; of the
    argument `TEXT`, the words themselves."""
    if asked.isupper():
        return ("--", said) if said.startswith("-") else (said,)
    option, _, name = asked.partition(":")
    return f"--{option}", f"{name}={said}" if name else said


@dataclass(frozen=True)
class Text:
    body: str
    kind: Literal["plain", "markdown", "code"] = "plain"


@dataclass(frozen=True)
class Facts:
    """A few named values."""

    items: Mapping[str, Cell]


@dataclass(frozen=True)
class Table:
    """Rows with a stable id; a row may hold more keys than the columns that are shown.

    `last`: where there is room for some only, the last ones tell most.
    """

    id: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: int | None = None
    title: str = ""
    last: bool = False

    @classmethod
    def of(cls, id: str, rows: Iterable[Row], *columns: Column | str, title: str = "",
           total: int | None = None, last: bool = False) -> "Table":
        """A table whose columns may be given by name alone."""
        made = tuple(column if isinstance(column, Column) else Column(column) for column in columns)
        return cls(id, made, tuple(rows), total, title, last)

    def some(self, count: int) -> tuple[Row, ...]:
        """No more than so many of its rows: the first, or the last."""
        return self.rows[max(len(self.rows) - count, 0):] if self.last else self.rows[:count]


@dataclass(frozen=True)
class Series:
    """Something to look at: points, bars, bins, a heat map, intervals, what leads to what.

    Of a heat map, `low` and `high` hold the ends of its scale, where those are not for its values to say. A graph leads
    from each of `x` to that of `y` at its place; `names` are its nodes, `other` how each of them stands.
    `marks` are places along `x` of a line or band that have a name: (name, place); of intervals, places on their axis;
    of a heat map, the value from which on a cell is one to look at.
    """

    id: str
    kind: Literal["line", "band", "bar", "bins", "heat", "interval", "graph"]
    x: tuple[Cell, ...]
    y: tuple[Cell, ...]
    low: tuple[Cell, ...] = ()
    high: tuple[Cell, ...] = ()
    other: tuple[Cell, ...] = ()
    names: tuple[str, ...] = ()
    title: str = ""
    x_label: str = ""
    y_label: str = ""
    marks: tuple[tuple[str, Cell], ...] = ()


@dataclass(frozen=True)
class Step:
    step: str
    status: Status
    seconds: float | None = None
    detail: str = ""


@dataclass(frozen=True)
class Steps:
    items: tuple[Step, ...]


Part = Text | Facts | Table | Series | Steps


@dataclass(frozen=True)
class View:
    """The answer of one command. `exit` is the exit code of a program it ran, where that is passed on."""

    title: str
    status: Status = Status.DONE
    parts: tuple[Part, ...] = ()
    actions: tuple[Action, ...] = field(default=())
    exit: int | None = None

    def with_status(self, status: Status) -> "View":
        return replace(self, status=status)

    def facts(self) -> dict[str, Cell]:
        """Every named value of the view, in order."""
        return {key: value for part in self.parts if isinstance(part, Facts) for key, value in part.items.items()}

    def table(self, id: str) -> Table:
        """The table of that id; KeyError where the view has none."""
        for part in self.parts:
            if isinstance(part, Table) and part.id == id:
                return part
        raise KeyError(id)

    def rows(self, id: str) -> tuple[Row, ...]:
        """The rows of the table of that id; none where the view has none."""
        return next((part.rows for part in self.parts if isinstance(part, Table) and part.id == id), ())


def counted(number: int, one: str, many: str = "") -> str:
    """The number with its noun, and with its verb where `one` has it: `1 alert needs`, `1,200 alerts need`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def lasting(length: timedelta | float) -> str:
    """A length of time, or of so many seconds, as one speaks of it: `40 s`, `45 min`, `3.5 h`; never less than none.

    >>> [lasting(3600 * hours) for hours in (0.01, 1, 1.5, 3.52, 26, 60)]
    ['36 s', '1 h', '90 min', '3.5 h', '26 h', '2.5 d']
    """
    seconds = max(length.total_seconds() if isinstance(length, timedelta) else length, 0.0)
    size, unit = next((each for each in _UNITS if seconds >= 2 * each[0] or seconds == each[0]), (1, "s"))
    number = seconds / size
    return f"{number:.2g} {unit}" if number < 10 and size > 1 else f"{number:,.0f} {unit}"


_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def finite(value: float | None) -> float | None:
    """The value, or nothing where it is NaN or infinite: those are never shown as numbers."""
    return None if value is None or not math.isfinite(value) else float(value)


def refused(problem: Refusal) -> View:
    """An expected error as a view: what, where, and what next, which may be a command."""
    status = Status.DENIED if isinstance(problem, Forbidden) else Status.ERROR
    facts = {name: value for name, value in (("where", problem.where), ("next", problem.next)) if value}
    command = _command(problem.next)
    return View(problem.what, status, (Facts(facts),) if facts else (), (Action("Try", command),) if command else ())


def _command(text: str) -> tuple[str, ...]:
    """The words of a hint that is a command and nothing else; none where it is, or goes on as, a sentence."""
    before, _, words = text.partition("Try: mlops-tui ")
    try:
        argv = shlex.split(words) if not before else []
    except ValueError:  # a quote that is not closed
        return ()
    return () if any(word.endswith((",", ".", ":")) for word in argv) else tuple(argv)
