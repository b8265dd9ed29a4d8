"""The order in which the rows of a list stand: as they come, or by a column."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mlops_tui.tui.filtering import HIDDEN
from mlops_tui.view import Cell, Row, Status

_RANKS = {status: rank for rank, status in enumerate((
    Status.ERROR, Status.DENIED, Status.FAIL, Status.WARN, Status.CONFIRM, Status.RUNNING, Status.UNKNOWN, Status.DONE,
    Status.PASS))}
SEVERITIES = ("critical", "high", "medium", "low")  # the gravest first
Key = tuple[int, float, tuple[tuple[int, int, str], ...]]


@dataclass(frozen=True)
class Order:
    """By that column, `down` from the largest, newest or last; without one, as the rows come."""

    column: str = ""
    down: bool = True

    @property
    def told(self) -> str:
        """The order as it is shown: `since ↓`."""
        return f"{named(self.column)} {'↓' if self.down else '↑'}" if self != AS_IT_COMES else ""

    @property
    def kept(self) -> str:
        """The order as it is remembered: `-since`."""
        return ("-" if self.down else "+") + self.column if self != AS_IT_COMES else ""


AS_IT_COMES = Order()


def order_of(kept: str) -> Order:
    """An order that was remembered."""
    return Order(kept[1:], down=kept[0] == "-") if kept[:1] in ("-", "+") and kept else AS_IT_COMES


def named(column: str) -> str:
    """A column as it is shown."""
    return column.replace("_", " ") or "as it comes"


def ordered(rows: Sequence[Row], order: Order) -> list[Row]:
    """The rows in that order; those alike stay as they come, and those with nothing in the column come last."""
    if not order.column:
        return list(rows if order.down else reversed(rows))
    known = [row for row in rows if row.get(order.column) not in (None, "")]
    rest = [row for row in rows if row.get(order.column) in (None, "")]
    return sorted(known, key=lambda row: _key(row[order.column]), reverse=order.down) + rest


def first(rows: Sequence[Row], column: str) -> Order:
    """How rows are put in order by a column that nobody has chosen before: what is worst, largest or newest comes
    first, and texts by their letters."""
    cells = [cell for row in rows if (cell := row.get(column)) not in (None, "")]
    texts = bool(cells) and all(isinstance(cell, str) and not _ranked(cell) for cell in cells)
    return Order(column, down=not texts)


def columns(rows: Sequence[Row]) -> tuple[str, ...]:
    """The columns by which an order differs: not those that are the same in every row, nor one twice."""
    found: dict[tuple[Cell, ...], str] = {}
    for name in dict.fromkeys(name for row in rows for name in row if name not in HIDDEN):
        cells = tuple(row.get(name) for row in rows)
        if len(set(cells)) > 1:
            found.setdefault(cells, name)
    return tuple(found.values())


def _ranked(cell: Cell) -> bool:
    return isinstance(cell, Status) or cell in SEVERITIES


def _key(cell: Cell) -> Key:
    """What is worst is largest; in texts, numbers count as numbers: INC-2 comes before INC-10."""
    if isinstance(cell, Status):
        return 0, -_RANKS[cell], ()
    if isinstance(cell, str) and cell in SEVERITIES:
        return 0, -SEVERITIES.index(cell), ()
    if isinstance(cell, (int, float)):
        return 1, float(cell), ()
    if isinstance(cell, datetime):
        return 2, cell.timestamp(), ()
    text = " ".join(cell) if isinstance(cell, tuple) else str(cell)
    return 3, 0.0, tuple((0, int(piece), "") if piece.isdecimal() else (1, 0, piece)
                         for piece in re.split(r"(\d+)", text.lower()) if piece)
