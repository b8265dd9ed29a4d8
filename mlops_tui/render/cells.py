"""Values as a person reads them: numbers, times and texts of one cell, safe to put on any screen."""

import re
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from rich.cells import cell_len, chop_cells, set_cell_size

from mlops_tui.view import Cell, Column, Status

# Glyph and colour of each status; the glyphs differ in shape, so that they can be told apart without colour.
GLYPHS = {Status.PASS: ("●", "green"), Status.DONE: ("●", "green"), Status.WARN: ("▲", "yellow"),
          Status.FAIL: ("■", "red"), Status.UNKNOWN: ("○", "dim"), Status.RUNNING: ("◌", "blue"),
          Status.CONFIRM: ("?", "yellow"), Status.DENIED: ("■", "red"), Status.ERROR: ("■", "red")}
PLAIN = {"●": "+", "▲": "!", "■": "X", "○": "o", "◌": "%"}  # the same glyphs where only ASCII can be shown
NOTHING = "–"
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)")  # a kept time
IDENTIFIERS = ("seed",)  # whole numbers that name something and count nothing: their digits are not separated

_DROPPED = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff") | {chr(code) for code in range(0xFE00, 0xFE10)}
_BLANKS = frozenset("\t\n\x0b\x0c\r\x1c\x1d\x1e\x85\u2028\u2029")


def clean(text: str) -> str:
    """The text on one line, with nothing in it that a terminal obeys: what controls is shown instead of done."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in _BLANKS:
        return " "
    if character in _DROPPED:
        return ""
    if character < " ":
        return chr(0x2400 + ord(character))
    if character == "\x7f":
        return "␡"
    return "�" if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Cn") else character


def width_of(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return len(text) if text.isascii() else cell_len(text)


def fit(text: str, size: int, *, right: bool = False) -> str:
    """The text in exactly `size` columns; a dot row says where it was cut."""
    if size <= 0:
        return ""
    missing = size - width_of(text)
    if missing < 0:
        return set_cell_size(set_cell_size(text, size - 1) + "…", size)
    return " " * missing + text if right else text + " " * missing


def wrap(text: str, size: int) -> list[str]:
    """The text in lines of at most `size` columns, broken between words, and inside those that are too long."""
    return packed(text.split(" "), size)


def packed(words: Iterable[str], size: int) -> list[str]:
    """Words in lines of at most `size` columns, one blank between two; a word that is too long is broken."""
    lines, line, used = list[str](), list[str](), 0
    for word in words:
        pieces = [word] if width_of(word) <= size else chop_cells(word, max(size, 1))
        for number, piece in enumerate(pieces):
            wide = width_of(piece)
            if line and (used + 1 + wide > size or number > 0):
                lines.append(" ".join(line))
                line, used = [], 0
            used += wide + (1 if line else 0)
            line.append(piece)
    return [*lines, " ".join(line)]


def digits_for(values: Iterable[Cell]) -> int:
    """How many decimals a column needs: the numbers line up, the largest has three or four figures, none is lost."""
    found = [abs(value) for value in values if isinstance(value, float) and value]
    largest, smallest = max(found, default=0.0), min(found, default=0.0)
    steps = ((0.01, 5), (1, 4), (10, 3), (100, 2), (10000, 1))
    digits = max(next((digits for limit, digits in steps if largest < limit), 0), (smallest < 10) + (smallest < 1))
    while digits > 1 and all(round(value, digits - 1) == round(value, digits) for value in found):
        digits -= 1  # nobody reads zeros at the end
    return digits


def number(value: float, column: Column, digits: int | None = None) -> str:
    """A number with separated thousands; too small for its decimals, it is written with an exponent."""
    if column.share:
        return f"{value * 100:,.{1 if column.digits is None else column.digits}f} %"
    if isinstance(value, int) or value == 0:
        return f"{int(value):,}"
    wanted = column.digits if column.digits is not None else digits_for((value,)) if digits is None else digits
    size = abs(value)
    if size >= 1e9 or (size != 0 and size < 0.5 * 10 ** -wanted):
        return f"{value:.1e}"
    return f"{value:,.{wanted}f}"


def moment(value: datetime, zone: tzinfo) -> str:
    """A time where people are, with its zone; without a zone of its own it is shown as it stands."""
    local = value.astimezone(zone) if value.tzinfo is not None else value
    return f"{local:%Y-%m-%d %H:%M} {local.tzname() or ''}".rstrip()


def local(text: str, zone: tzinfo) -> str:
    """A sentence whose ISO times are written where people are, with their zone."""
    return STAMP.sub(lambda found: moment(datetime.fromisoformat(found[0]), zone), text)


def cell_text(value: Cell, column: Column, zone: tzinfo, digits: int | None = None) -> str:
    """The text of one cell; nothing is a dash, a status its word."""
    if value is None:
        return NOTHING
    if isinstance(value, Status):
        return value.value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and column.id in IDENTIFIERS:
        return str(value)
    if isinstance(value, (int, float)):
        return number(value, column, digits)
    if isinstance(value, datetime):
        return moment(value, zone)
    if isinstance(value, str):
        return clean(value[:column.cut])
    return clean(", ".join(str(item) for item in value))


def is_number(value: Cell) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, (bool, Status))


def real(value: Cell) -> float | None:
    """The value as a number to draw; None where it is none, or too large to be drawn beside others."""
    if not is_number(value) or not isinstance(value, (int, float)) or not abs(value) < 1e300:
        return None
    return float(value)


def column_texts(column: Column, values: Sequence[Cell], zone: tzinfo) -> tuple[tuple[str, ...], bool]:
    """The texts of a column, all with the decimals it needs, and whether they are numbers, which stand right."""
    present = [value for value in values if value is not None]
    digits = digits_for(present)
    texts = tuple(cell_text(value, column, zone, digits) for value in values)
    return texts, bool(present) and all(is_number(value) for value in present)


def typed(argv: Sequence[str]) -> list[str]:
    """The words of a command line as one types them into a shell."""
    return ["mlops-tui", *(clean(shlex.quote(word)) for word in argv)]


def took(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{int(seconds // 60)}:{int(seconds % 60):02d}"
