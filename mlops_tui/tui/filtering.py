"""Which rows of a list stay: what each word of a filter asks of a row."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import ge, gt, le, lt

from mlops_tui.view import Cell, Row

AGE = "age"  # of a row is how long ago its own time was, the first of these that it has
MOMENTS = ("recorded_at", "since", "at", "last_run", "trained_at", "newest", "started_at", "asked_at")
HIDDEN = frozenset(("argv", "key", "opens", "leads"))  # what rows hold for the screen alone
Than = float | datetime | timedelta
_COMPARES: dict[str, Callable[[Than, Than], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


@dataclass(frozen=True)
class Wish:
    """One word of a filter: texts of which a row, or one of its fields, holds one (`:`) or is one (`=`), or what the
    field is compared with (`<`, `<=`, `>`, `>=`)."""

    texts: tuple[str, ...] = ()
    field: str = ""
    wanted: bool = True
    how: str = ":"
    than: Than | None = None


def keeps(row: Row, wanted: Sequence[Wish], now: datetime) -> bool:
    """Whether the row is as all the words want it; capitals do not matter."""
    return all(_holds(row, wish, now) is wish.wanted for wish in wanted)


def _holds(row: Row, wish: Wish, now: datetime) -> bool:
    if wish.than is not None:
        value = _measure(row, wish.field, now)
        return type(value) is type(wish.than) and _COMPARES[wish.how](value, wish.than)
    cells = [cell_of(row, wish.field)] if wish.field else [cell for key, cell in row.items() if key not in HIDDEN]
    words = [word.lower() for word in _words(cells)]
    if wish.how == "=":
        return any(text.lower() in words for text in wish.texts)
    said = " ".join(words)
    return any(text.lower() in said for text in wish.texts)


def cell_of(row: Row, field: str) -> Cell:
    """A field of the row; the name of the row's metric, or its end, is that of its value."""
    measured = str(row.get("metric") or "")
    return row.get("value") if field not in row and f"_{measured}".endswith(f"_{field}") else row.get(field)


def _measure(row: Row, field: str, now: datetime) -> Than | None:
    """What a comparison reads in a row: a number, a time, or an age."""
    if field == AGE:
        moments = (row.get(name) for name in MOMENTS)
        return next((now - moment for moment in moments if isinstance(moment, datetime)), None)
    cell = cell_of(row, field)
    if isinstance(cell, datetime):
        return cell
    try:
        return float(cell) if isinstance(cell, (int, float, str)) else None  # versions are numbers written as texts
    except ValueError:
        return None


def _words(cells: Iterable[Cell]) -> list[str]:
    return [word for cell in cells if cell is not None for word in (cell if isinstance(cell, tuple) else (str(cell),))]
