"""Tables and facts as a document shows them: every column, each status in a word, what is left out told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from mlops_tui.render.cells import GLYPHS, cell_text, clean, column_texts, is_number, typed
from mlops_tui.view import Cell, Column, Facts, Status, Table

ROWS = 200  # of a table; a document is read, the whole of it is for scripts


@dataclass(frozen=True)
class Shown:
    """One value as text; `status` where it is one, which is never told by colour alone."""

    text: str
    status: Status | None = None
    right: bool = False


def status_text(status: Status) -> str:
    """`● pass`: a shape and a word."""
    return f"{GLYPHS[status][0]} {status.value}"


def facts(part: Facts, zone: tzinfo) -> list[tuple[str, Shown]]:
    """Each name with its value."""
    return [(clean(key.replace("_", " ")), _shown(value, cell_text(value, Column(key), zone), right=is_number(value)))
            for key, value in part.items.items()]


def _shown(value: Cell, text: str, *, right: bool) -> Shown:
    return Shown(status_text(value), value) if isinstance(value, Status) else Shown(text, right=right)


@dataclass(frozen=True)
class Grid:
    """The headings and the rows; a heading stands right where its column holds numbers."""

    headings: tuple[Shown, ...]
    rows: tuple[tuple[Shown, ...], ...]


def grid(part: Table, zone: tzinfo) -> Grid:
    """The table; how a row stands comes first where no column that is shown tells it."""
    rows, columns = part.some(ROWS), part.columns
    told = any(isinstance(row.get(column.id), Status) for row in rows for column in columns)
    if not told and any(isinstance(row.get("status"), Status) for row in rows):
        columns = (Column("status"), *columns)
    headings, made = [], []
    for column in columns:
        values = [row.get(column.id) for row in rows]
        texts, right = column_texts(column, values, zone)
        headings.append(Shown(clean(column.heading), right=right))
        made.append([_shown(value, text, right=right) for value, text in zip(values, texts, strict=True)])
    return Grid(tuple(headings), tuple(zip(*made, strict=True)))


def left_out(part: Table, command: Sequence[str]) -> str:
    """How many rows are not shown, and what shows them; empty where none is missing."""
    more = (len(part.rows) if part.total is None else part.total) - min(len(part.rows), ROWS)
    how = f": {' '.join(typed(command))} --json" if command else ""
    return f"{more:,} {'before' if part.last else 'more'}{how}" if more > 0 else ""


def none_of(part: Table) -> str:
    """What is said of a table without rows."""
    return "none" if part.title else f"{clean(part.id.replace('_', ' '))}: none"
